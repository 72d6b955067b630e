"""Somebody else on the host, who changes what is ours or adds what is not.

Each act takes one thing at random, by the kernel's own rules, and says what it did, or
None when there is nothing of that kind.
"""

from collections.abc import Callable
from random import Random
from typing import Final

from sim.kernel import (
    tampering_entries,
    tampering_foreign,
    tampering_links,
    tampering_spaces,
)
from sim.kernel.cells import Machine
from sim.kernel.foreign import Foreign

Act = Callable[[Machine, Foreign, Random], str | None]

ACTS: Final[dict[str, Act]] = {
    **tampering_entries.ACTS,
    **tampering_links.ACTS,
    **tampering_spaces.ACTS,
    **tampering_foreign.ACTS,
}


def tamper(
    machine: Machine, foreign: Foreign, random: Random, kind: str | None = None
) -> str:
    """Do one thing: of a kind in `ACTS`, or of any for which there is something.

    Returns:
        What was done; "" when nothing could be.
    """
    kinds = list(ACTS)
    random.shuffle(kinds)
    for one in kinds if kind is None else [kind]:
        done = ACTS[one](machine, foreign, random)
        if done is not None:
            return f"{one}: {done}"
    return ""
