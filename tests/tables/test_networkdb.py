"""Seven faults that NetworkDB had, by the commits that mended them: not here."""

from itertools import permutations

from swarmnet.ids import CLUSTER
from swarmnet.tables.config import ROW_BYTES_MAX, TableConfig
from swarmnet.tables.facts import NodeFacts
from swarmnet.tables.outputs import Save, Send, Spread, Verify
from swarmnet.tables.row import ENDPOINT
from swarmnet.tables.rules import Presence
from tests.tables.rows import (
    DELETED,
    E1,
    E2,
    NET,
    attached_wire,
    attachment,
    awake,
    held,
    node_row,
    row,
    values,
)
from tests.tables.wire import Wire, lost, node_id


def test_tombstones_of_equal_time_converge_and_nobody_can_forge_one() -> None:
    """21d910975: forged tombstones with equal Lamport time never converged."""
    alive, dead = row(4, (1, 2), value=b"a"), row(4, (1, 2), flags=DELETED)
    ends = []
    for order in permutations((alive, dead)):
        wire = attached_wire(1)
        wire.give(1, attachment(4, (1, 1)).item, *(one.item for one in order))
        ends.append((held(wire, 1), wire[1].digest(NET)))
    assert ends[0] == ends[1]
    wire = attached_wire(2)
    wire[2].put(wire.now, NET, E1, b"a")
    wire.settle()
    # Another node's word about this one's row is its own row, or it is forged.
    tombstone = row(2, (1, 99), flags=DELETED)
    wire.give(1, tombstone.body + bytes(64), row(3, (1, 99), flags=DELETED).item)
    assert values(wire, 1) == {b"e1": b"a"}
    assert wire[1].counters()["rows_forged"] == 1


def test_a_tombstone_is_kept_and_passed_on_when_the_delete_arrives_first() -> None:
    """ada8bc369: the tombstone was missing when the delete had come first."""
    wire = attached_wire()
    stone, late = row(4, (1, 3), flags=DELETED), row(4, (1, 2), value=b"late")
    wire.give(1, attachment(4, (1, 1)).item, stone.item)
    wire.settle()
    for number in (1, 2, 3):
        assert stone.body in held(wire, number)
        wire.give(number, late.item)
    wire.settle()
    assert [values(wire, number) for number in (1, 2, 3)] == [{}] * 3
    assert wire.agree(NET)


def test_a_flood_of_relayed_rows_does_not_hold_back_our_own() -> None:
    """6ec6e0991: a flood of relayed events starved local writes."""
    wire = attached_wire(1)
    flood = [row(4, (1, n + 1), (ENDPOINT, b"%d" % n)) for n in range(300)]
    for one in flood:
        wire[1].receive_row(wire.now, node_id(4), one.item)
    waiting = []
    while (output := wire[1].poll_output()) is not None:
        waiting.append(output)
    # All wait to be verified, by another thread perhaps: a write of ours does not.
    assert {type(output) for output in waiting} == {Verify}
    mine = wire[1].put(wire.now, NET, E1, b"a")
    assert [wire[1].poll_output() for _ in range(3)] == [Save(mine), Spread(mine), None]


def test_no_message_is_larger_than_what_carries_it() -> None:
    """dacf44561: the limit of size was ignored for the second queue."""
    wire = Wire(2, config=TableConfig(page_bytes=4096))
    for number in (1, 2):
        wire[number].introduce(wire.now, b"here")
        wire[number].attach(wire.now, NET)
    wire.settle()
    wire.fate = lost
    for number in range(200):
        wire[1].put(wire.now, NET, (ENDPOINT, b"%d" % number), bytes(number * 4))
    wire.settle()
    wire.passed.clear()
    wire.fate = lambda _mail: True
    wire.run(20.0)
    wire[2].detach(wire.now, NET)
    wire[2].attach(wire.now, NET)
    wire.run(20.0)
    assert wire.agree(NET)
    sizes = {(mail.spread, mail.streamed): 0 for mail in wire.passed}
    for mail in wire.passed:
        kind = (mail.spread, mail.streamed)
        sizes[kind] = max(sizes[kind], len(mail.data))
    bounds = {
        (True, False): ROW_BYTES_MAX,
        (False, False): wire.config.datagram_bytes,
        (False, True): wire.config.page_bytes + 256,
    }
    assert sizes.keys() == bounds.keys()
    assert all(size <= bounds[kind] for kind, size in sizes.items())


def test_what_was_written_before_a_quick_rejoin_is_not_lost_on_the_way() -> None:
    """51f31826e: the queue was cleared when a network was left and joined again."""
    wire = attached_wire()
    wire.passed.clear()
    wire[2].detach(wire.now, NET)
    wire[2].attach(wire.now, NET)
    wire[2].put(wire.now, NET, E1, b"a")
    wire[2].attach(wire.now, NET, b"about")
    wire[2].put(wire.now, NET, E2, b"b")
    # Nothing of all this was carried anywhere before its end.
    assert wire.passed == []
    wire.settle()
    assert [values(wire, n) for n in (1, 2, 3)] == [{b"e1": b"a", b"e2": b"b"}] * 3
    assert node_id(2) in wire[1].attached(NET)


def test_a_row_judged_good_is_judged_again_when_it_is_applied() -> None:
    """270a4d41d: between check and act its owner left; the orphan was synced for ever.

    A row is judged before it is verified, and another thread may verify it.
    """
    wire = attached_wire()
    orphan = row(2, (1, 8), E1, b"orphan")
    left = node_row(2, (1, 9), NodeFacts(floor=(1, 9), left=True))
    wire[1].receive_row(wire.now, node_id(3), orphan.item)
    verify = wire[1].poll_output()
    assert isinstance(verify, Verify)
    wire.give(1, left.item)
    wire[1].verified(wire.now, verify.number, [True])
    assert orphan.body not in held(wire, 1)
    # And so it is with a network that we have left ourselves.
    wire[1].receive_row(wire.now, node_id(3), row(3, (1, 8), E2).item)
    verify = wire[1].poll_output()
    assert isinstance(verify, Verify)
    wire[1].detach(wire.now, NET)
    wire[1].verified(wire.now, verify.number, [True])
    assert wire[1].scopes() == (CLUSTER,)
    while (output := wire[1].poll_output()) is not None:
        assert not isinstance(output, Spread) or output.row.scope == CLUSTER


def test_what_a_failed_node_owns_is_back_with_it_after_a_blip() -> None:
    """6cf846511: its entries were dropped, and lost until it wrote them again."""
    wire = attached_wire()
    wire[2].put(wire.now, NET, E1, b"a")
    wire.settle()
    for presence in (Presence.DEAD, Presence.LIVE):
        for _ in range(3):
            wire.note(2, presence)
    assert [awake(wire, number) for number in (1, 2, 3)] == [{b"e1": b"a"}] * 3
    while (output := wire[1].poll_output()) is not None:
        assert not isinstance(output, Send | Spread)
