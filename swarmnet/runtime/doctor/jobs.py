"""Having a member look, or try, for longer than an answer may take."""

from collections.abc import AsyncIterator, Mapping
from typing import Final

import trio

from swarmnet.errors import Refused
from swarmnet.ids import NodeId
from swarmnet.runtime.life import Life

AGAIN_S: Final = 0.25
IN_ALL_S: Final = 120.0


async def have_done(
    life: Life, peer: NodeId, question: Mapping[str, object]
) -> AsyncIterator[Mapping[str, object]]:
    """Yield what a member finds, until it has found all.

    Raises:
        Refused: it does not answer, or not in time.
    """
    inquiring, count = life.inquiring, 0
    begun = await inquiring.ask([peer], {"ask": "probe-begin", **question})
    number = begun.get("job") if isinstance(begun, dict) else None
    end = trio.current_time() + IN_ALL_S
    while trio.current_time() < end:
        asked = {"ask": "probe-job", "job": number, "after": count}
        told = await inquiring.ask([peer], asked)
        some = told.get("found") if isinstance(told, dict) else None
        if not isinstance(told, dict) or not isinstance(some, list):
            raise Refused("it answers something else: update it")
        for one in some:
            count += 1
            if isinstance(one, dict):
                yield one
        if told.get("done"):
            return
        if not some:
            await trio.sleep(AGAIN_S)
    raise Refused(f"it was not done within {IN_ALL_S:g} s")
