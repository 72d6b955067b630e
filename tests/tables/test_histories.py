"""Histories that have one right answer, whatever came first."""

from itertools import permutations

import pytest

from swarmnet.ids import CLUSTER
from swarmnet.tables.facts import NEVER, NodeFacts, revocation_cut
from swarmnet.tables.row import ENDPOINT, NETWORK, NODE, REVOCATION, Flag, Row
from swarmnet.tables.rules import Presence
from tests.tables.rows import (
    BLUE,
    DELETED,
    DURABLE,
    E1,
    E2,
    NET,
    attached_wire,
    attachment,
    awake,
    bodies,
    detachment,
    held,
    mask_of,
    node_row,
    revocation,
    row,
    values,
)
from tests.tables.wire import Wire, delivered, lost, node_id


def watcher() -> Wire:
    """Return one node in the network, which knows the nodes 4 to 6 to live."""
    wire = Wire(1)
    wire[1].attach(wire.now, NET)
    for number in (4, 5, 6):
        wire.note(number, Presence.LIVE)
    return wire


def check_every_order(rows: list[Row], want: dict[bytes, bytes], *kept: Row) -> None:
    """Check what is shown and held when those rows have come, in every order.

    What is void or stale when it comes is not taken; so all are given twice.
    """
    for order in permutations(rows):
        wire = watcher()
        before = held(wire, 1, NET)
        wire.give(1, *(one.item for one in order))
        wire.give(1, *(one.item for one in order))
        assert held(wire, 1, NET) - before == bodies(*kept)
        assert values(wire, 1) == want


def test_a_delete_that_comes_before_the_create_deletes_it() -> None:
    alive, deleted = row(4, (1, 2), value=b"a"), row(4, (1, 3), flags=DELETED)
    check_every_order([attachment(4, (1, 1)), alive, deleted], {}, deleted)


def test_an_old_epoch_changes_nothing_after_a_new_one() -> None:
    old, new = row(4, (1, 99), value=b"old"), row(4, (2, 1), value=b"new")
    check_every_order([attachment(4, (1, 1)), old, new], {b"e1": b"new"}, new)


def test_two_rows_of_one_version_end_in_the_same_one_everywhere() -> None:
    one, other = row(4, (1, 2), value=b"a"), row(4, (1, 2), value=b"b")
    check_every_order([attachment(4, (1, 1)), one, other], {b"e1": b"b"}, other)


def test_of_two_owners_of_a_name_the_later_by_lamport_is_shown() -> None:
    first = row(5, (1, 2), value=b"first", lamport=4)
    later = row(4, (1, 2), value=b"later", lamport=5)
    rows = [attachment(4, (1, 1)), attachment(5, (1, 1)), first, later]
    check_every_order(rows, {b"e1": b"later"}, first, later)


def test_of_two_owners_with_equal_counters_the_greater_id_is_shown() -> None:
    one, other = row(4, (7, 2), value=b"four"), row(5, (1, 2), value=b"five")
    rows = [attachment(4, (1, 1)), attachment(5, (1, 1)), one, other]
    check_every_order(rows, {b"e1": b"five"}, one, other)


def test_when_the_shown_owner_deletes_the_other_is_shown_again() -> None:
    low, high = row(4, (1, 2), value=b"low"), row(5, (1, 2), lamport=9)
    gone = row(5, (1, 3), lamport=10, flags=DELETED)
    rows = [attachment(4, (1, 1)), attachment(5, (1, 1)), low, high, gone]
    for order in ((0, 1, 2, 3, 4), (4, 3, 2, 1, 0), (2, 4, 0, 3, 1)):
        wire = watcher()
        wire.give(1, *(rows[place].item for place in order))
        assert values(wire, 1) == {b"e1": b"low"}
        assert [one.row.owner for one in wire[1].claimants(NET, E1)] == [node_id(4)]


def test_a_row_that_comes_before_its_attachment_is_parked_and_then_shown() -> None:
    wire = watcher()
    early = row(4, (1, 2), value=b"early")
    wire.give(1, early.item)
    assert held(wire, 1) == bodies(early)
    parked = wire[1].digest(NET)
    assert (values(wire, 1), wire[1].shown(NET, E1)) == ({}, None)
    wire.give(1, attachment(4, (1, 1), (1, 1)).item)
    assert values(wire, 1) == {b"e1": b"early"}
    assert wire[1].digest(NET) == parked


def test_what_was_written_before_the_attachment_is_void() -> None:
    before, after = row(4, (1, 2)), row(4, (1, 9), E2, value=b"b")
    late = attachment(4, (1, 5), since=(1, 5))
    check_every_order([before, after, late], {b"e2": b"b"}, after)


def test_a_detachment_voids_what_was_written_up_to_it_and_no_durable_row() -> None:
    mine, range_ = row(4, (1, 2)), row(4, (1, 3), BLUE, flags=DURABLE)
    rows = [attachment(4, (1, 1)), mine, range_, detachment(4, (1, 4))]
    check_every_order(rows, {}, range_)


@pytest.mark.slow
def test_attached_again_what_was_written_since_counts_and_nothing_older() -> None:
    before, after = row(4, (1, 2)), row(4, (1, 6), E2, value=b"new")
    again = attachment(4, (1, 5), since=(1, 5))
    rows = [attachment(4, (1, 1)), before, detachment(4, (1, 4)), again, after]
    check_every_order(rows, {b"e2": b"new"}, after)


def test_a_leave_is_one_row_that_voids_all_but_the_durable_ones() -> None:
    left = node_row(4, (1, 9), NodeFacts(floor=(1, 9), left=True))
    mine, durable = row(4, (1, 2)), row(4, (1, 3), BLUE, flags=DURABLE)
    check_every_order([attachment(4, (1, 1)), mine, durable, left], {}, durable)
    wire = watcher()
    wire.give(1, attachment(4, (1, 1)).item, mine.item, left.item)
    assert wire[1].attached(NET) == (node_id(1),)


def test_a_floor_voids_what_the_lost_life_wrote_and_not_what_this_one_did() -> None:
    floor = node_row(4, (3, 1), NodeFacts(floor=(3, 0)))
    rows = [attachment(4, (3, 2)), row(4, (2, 7)), row(4, (3, 3), E2), floor]
    check_every_order(rows, {b"e2": b""}, rows[2])


def test_a_collected_row_is_void_alive_or_dead_durable_or_not() -> None:
    collected = node_row(4, (1, 9), NodeFacts(collected=(1, 5)))
    alive, stone = row(4, (1, 3)), row(4, (1, 4), E2, flags=DELETED)
    durable, later = row(4, (1, 5), BLUE, flags=DURABLE), row(4, (1, 6), E2)
    rows = [alive, stone, durable, later, collected]
    check_every_order([*rows[:4], collected], {}, later)


@pytest.mark.slow
def test_a_node_that_was_away_does_not_bring_back_what_was_collected() -> None:
    wire = attached_wire()
    wire[1].put(wire.now, NET, E1, b"gone")
    wire.settle()
    wire.kill(3)
    wire[1].delete(wire.now, NET, E1)
    wire.settle()
    stone = next(one for one in wire[1].rows(NET).values() if one.is_deleted)
    wire.run(7200.0)
    assert stone.body not in held(wire, 2)
    # It comes back with all that it held, which is more than its storage has.
    wire.down.discard(3)
    wire.note(3, Presence.LIVE)
    assert values(wire, 3) == {b"e1": b"gone"}
    wire.probe()
    wire.probe()
    assert (wire.agree(), wire.agree(NET)) == (True, True)
    assert [values(wire, number) for number in (1, 2, 3)] == [{}, {}, {}]


def test_whose_certificate_has_expired_owns_what_he_owned() -> None:
    """Expiry is no business of the tables: it keeps a node out, not its rows."""
    wire = attached_wire()
    wire[2].put(wire.now, NET, E1, b"old")
    wire.settle()
    wire.kill(2)
    wire.start(4)
    wire[4].introduce(wire.now, b"new")
    wire[4].attach(wire.now, NET)
    wire.settle()
    wire[4].join(wire.now, [node_id(1)])
    wire.run(2.0)
    wire.probe()
    assert values(wire, 4) == {b"e1": b"old"}
    assert awake(wire, 4) == {}


def test_a_masked_row_is_hidden_until_its_owner_writes_another() -> None:
    blue = row(4, (1, 2), BLUE, value=b"old", flags=DURABLE)
    mask = mask_of(5, (1, 1), blue)
    again = row(4, (1, 3), BLUE, value=b"new", lamport=2, flags=DURABLE)
    for order in permutations((blue, mask)):
        wire = watcher()
        wire.give(1, attachment(5, (0, 9)).item)
        wire.give(1, *(one.item for one in order))
        assert wire[1].table(NET, NETWORK) == {}
        assert held(wire, 1) == bodies(blue, mask)
        wire.give(1, again.item)
        shown = wire[1].shown(NET, BLUE)
        assert shown is not None
        assert shown.row == again


@pytest.mark.parametrize("value", [b"", b"\xc1", b"\x90", b"\x91\xa1x", b"\x05", b"ab"])
def test_a_malformed_value_says_nothing_and_its_row_is_carried(value: bytes) -> None:
    node_key, net_key = bytes(node_id(4)), bytes(NET)
    rows = [
        row(4, (1, 1), (NODE, node_key), value, scope=CLUSTER),
        row(4, (1, 2), attachment(4, (1, 1)).name, value, scope=CLUSTER),
        row(2, (1, 3), (REVOCATION, b"short"), value, scope=CLUSTER, flags=DURABLE),
        row(4, (1, 4), mask_of(4, (1, 4), row(5, (1, 1))).name, value),
        row(4, (1, 5), E1, b"parked"),
    ]
    assert net_key in {one.key for one in rows}
    wire = watcher()
    wire.give(1, *(one.item for one in rows))
    assert bodies(*rows[:3]) <= held(wire, 1, CLUSTER)
    assert held(wire, 1) == bodies(*rows[3:])
    assert values(wire, 1) == {}
    assert wire[1].put(wire.now, NET, E2, b"mine").sequence > 0
    assert wire[1].introduce(wire.now, b"still here").flags == Flag(0)


def test_it_does_not_matter_what_stood_before_a_malformed_row() -> None:
    """Else whoever had the row before would judge otherwise than who had not.

    What is void by a node's own word stays void, whatever it says after that.
    """
    key = (NODE, bytes(node_id(4)))
    before = node_row(4, (1, 7), NodeFacts(floor=(1, 5)))
    junk = row(4, (1, 8), key, b"junk", scope=CLUSTER)
    mine = row(4, (1, 3), value=b"a")
    attached, broken = (
        attachment(4, (1, 6), (1, 6)),
        row(4, (1, 9), attachment(4, (1, 1)).name, b"junk", scope=CLUSTER),
    )
    for order in permutations((before, junk, attached, broken)):
        wire = watcher()
        wire.give(1, *(one.item for one in order), mine.item)
        assert held(wire, 1) == set()
        assert wire[1].counters()["rows_void"] == 1
        assert wire[1].attached(NET) == (node_id(1),)


def test_a_removal_of_what_is_no_node_spoils_no_ones_word() -> None:
    wire = Wire(2)
    key = (REVOCATION, b"seventeen bytes..")
    wire.give(1, row(3, (1, 1), key, scope=CLUSTER, flags=DURABLE).item)
    wire.settle()
    wire[1].introduce(wire.now, b"one")
    wire.give(1, revocation(3, (1, 2), 9).item)
    wire.settle()
    word = wire[2].table(CLUSTER, NODE)[node_id(1)]
    assert word.row.owner == node_id(1)
    assert word.row.value == NodeFacts(about=b"one").encode()
    settled = wire[2].table(CLUSTER, REVOCATION)[node_id(9)].row
    assert (settled.owner, revocation_cut(settled)) == (node_id(1), NEVER)


def test_a_partition_that_heals_shows_the_later_of_two_words() -> None:
    wire = attached_wire(4)
    wire.fate = lambda mail: (mail.source <= 2) == (mail.target <= 2)
    for number in (1, 3):
        wire[number].put(wire.now, NET, E1, b"by %d" % number)
    wire[3].put(wire.now, NET, E2, b"x")
    wire[3].put(wire.now, NET, E1, b"by 3 again")
    wire.settle()
    assert (values(wire, 2), values(wire, 4)) == (
        {b"e1": b"by 1"},
        {b"e1": b"by 3 again", b"e2": b"x"},
    )
    wire.fate = delivered
    wire.probe()
    wanted = {b"e1": b"by 3 again", b"e2": b"x"}
    assert [values(wire, number) for number in (1, 2, 3, 4)] == [wanted] * 4


def test_a_node_outside_a_network_holds_none_of_its_rows() -> None:
    wire = attached_wire(2)
    wire.start(3)
    wire[3].introduce(wire.now, b"outside")
    wire.settle()
    wire[1].put(wire.now, NET, E1, b"secret")
    wire.settle()
    wire.give(3, *(one.item for one in wire[1].rows(NET).values()))
    wire.probe()
    assert dict(wire[3].rows(NET)) == {}
    assert wire[3].counters()["rows_out_of_scope"] == 1
    # Nor does anybody send him any, ask as he may.
    assert wire[1].digest(NET) is not None
    wire[1].receive_digest(wire.now, node_id(3), NET, (bytes(16), 0))
    assert wire[1].poll_output() is None


def test_a_row_is_relayed_once_by_each_who_hears_of_it() -> None:
    wire = attached_wire(3)
    wire.passed.clear()
    wire[1].put(wire.now, NET, E1, b"a")
    wire.settle()
    relayed = [mail for mail in wire.passed if mail.spread]
    assert [(m.source, m.target) for m in relayed] == [
        *((1, 2), (1, 3)),
        *((2, 1), (2, 3)),
        *((3, 1), (3, 2)),
    ]


def test_a_durable_row_outlives_its_owners_death_and_leave() -> None:
    wire = attached_wire()
    wire[2].put(wire.now, CLUSTER, BLUE, b"10.0.0.0/24", durable=True)
    wire[2].put(wire.now, NET, E1, b"a")
    wire.settle()
    wire[2].leave(wire.now)
    wire.settle()
    wire.fate = lost
    wire.kill(2)
    wire.note(2, Presence.LEFT)
    (blue,) = wire[1].table(CLUSTER, NETWORK).values()
    assert (blue.row.value, blue.dormant) == (b"10.0.0.0/24", False)
    assert wire[3].table(NET, ENDPOINT) == {}


def test_nobody_wears_out_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = watcher()
    wire.give(1, row(4, (1, 2), lamport=2**62).item)
    mine = wire[1].put(wire.now, NET, E2, b"a")
    assert 2**40 <= mine.lamport < 2**41
    monkeypatch.setattr("swarmnet.tables.door._CLOCK_STEP_MAX", 2**62)
    wire.give(1, row(4, (1, 3), lamport=2**62).item)
    assert wire[1].put(wire.now, NET, E2, b"b").lamport == 2**62
    assert wire[1].put(wire.now, NET, E2, b"c").lamport == 2**62
    shown = wire[1].shown(NET, E2)
    assert shown is not None
    assert shown.row.value == b"c"
