"""How a simulated kernel fails, drawn from one source: a seed gives one behaviour."""

from dataclasses import dataclass
from random import Random
from typing import Final

from sim.kernel.cells import Refusal

ERRORS: Final = ("EBUSY", "ENOBUFS", "ENOMEM", "EINTR")


@dataclass(frozen=True, slots=True)
class Faults:
    """Probabilities, and how much fits.

    `refusal` is of one operation, so a batch may fail in its middle; `interruption` is
    of one read. `table_limit` bounds a device's FDB and its neighbours, each.
    """

    refusal: float = 0.0
    interruption: float = 0.0
    table_limit: int | None = None


NO_FAULTS: Final = Faults()


def refuse_at_random(faults: Faults, random: Random) -> None:
    """Refuse an operation now and then, before anything was done.

    Raises:
        Refusal: by one of the errors that may come at any time.
    """
    if faults.refusal and random.random() < faults.refusal:
        raise Refusal(random.choice(ERRORS), "at random")


def is_interrupted(faults: Faults, random: Random) -> bool:
    """Say whether a dump was disturbed so often that the reader gave up."""
    return bool(faults.interruption) and random.random() < faults.interruption
