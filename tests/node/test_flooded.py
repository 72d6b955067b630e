"""A node that restarts while somebody floods it, and has lost all its sessions."""

from random import Random

import pytest

from swarmnet.crypto.packets import HEADS, Kind
from swarmnet.swim.outputs import MemberChanged, State
from tests.node.table import Table

FLOOD_PER_S = 1000
STEP_S = 0.001


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 5])
def test_made_up_packets_take_its_hints_and_nobody_suspects_it(seed: int) -> None:
    random = Random(seed)
    table = Table(12, seed)
    for number in range(2, 13):
        table.join(number, 1)
    # Until there are sessions between all.
    table.run(25.0)
    assert table.nodes[2].counters().get("channel_unknown_sessions", 0) == 0
    seen = len(table.notes)
    node = table.start(2, boot_epoch=2)
    for step in range(round(3.0 / STEP_S)):
        # Its hints are used up before the first true packet comes.
        for _ in range(round(FLOOD_PER_S * STEP_S) if step else 200):
            stray = HEADS[Kind.TRANSPORT] + random.randbytes(28)
            table.give(99, 2, stray, streamed=False)
        table.run(STEP_S)
    assert node.counters()["channel_unknown_sessions"] > 3000
    suspected = [
        note.current
        for _, note in table.notes[seen:]
        if isinstance(note, MemberChanged) and note.current is not State.ALIVE
    ]
    assert suspected == []
