"""One's own rows: kept over restarts, recovered, voided, outbid; and leaving."""

from collections.abc import Mapping

import pytest

from swarmnet.errors import Refused
from swarmnet.ids import CLUSTER
from swarmnet.tables.codec import VERSION_MAX
from swarmnet.tables.facts import NodeFacts, node_facts
from swarmnet.tables.outputs import MaskWanted, Outbid, Recovered, ScopeChanged
from swarmnet.tables.row import ATTACHMENT, ENDPOINT, NETWORK, NODE, Row
from tests.tables.rows import (
    BLUE,
    DELETED,
    DURABLE,
    E1,
    E2,
    NET,
    OTHER,
    attached_wire,
    attachment,
    held,
    node_row,
    row,
    values,
)
from tests.tables.wire import Place, Wire, delivered, lost, node_id


def saved(wire: Wire, number: int) -> Mapping[Place, bytes]:
    """Return a backup of what a node's storage holds."""
    return dict(wire.lives[number].saved)


def own(wire: Wire, number: int) -> set[Row]:
    """Return all rows of its own that a node holds."""
    mine = node_id(number)
    scopes = wire[number].scopes()
    rows = [row for scope in scopes for row in wire[number].rows(scope).values()]
    return {row for row in rows if row.owner == mine}


def gather(wire: Wire, number: int) -> None:
    """Let a node take what the others hold, as it does when it has started."""
    others = [node_id(n) for n in wire.lives if n != number]
    wire[number].join(wire.now, others)
    wire.run(2.0)
    wire.probe()


def endpoint_of(wire: Wire, number: int, key: bytes = b"e1") -> Row:
    return wire[number].table(NET, ENDPOINT)[key].row


def test_a_restart_with_its_state_says_nothing_new() -> None:
    wire = attached_wire()
    wire[2].put(wire.now, NET, E1, b"a")
    wire[2].put(wire.now, CLUSTER, BLUE, b"b", durable=True)
    wire.settle()
    before, digest = own(wire, 2), wire[1].digest(NET)
    wire.kill(2)
    wire.start(2, saved=True)
    assert (own(wire, 2), wire[2].scopes()) == (before, (CLUSTER, NET))
    wire[2].introduce(wire.now, b"node2")
    wire[2].attach(wire.now, NET)
    wire[2].put(wire.now, NET, E1, b"a")
    gather(wire, 2)
    assert (own(wire, 2), wire[1].digest(NET)) == (before, digest)
    assert wire.notes(2, Recovered) == []
    assert wire[2].put(wire.now, NET, E1, b"c").version == (2, 1)


def test_a_restored_backup_outbids_and_keeps_what_this_life_says() -> None:
    wire = attached_wire()
    wire[2].put(wire.now, NET, E1, b"first")
    wire.settle()
    backup = saved(wire, 2)
    wire.kill(2)
    wire.start(2, saved=True)
    gather(wire, 2)
    wire[2].put(wire.now, NET, E1, b"second")
    wire[2].put(wire.now, NET, E2, b"other")
    wire[2].put(wire.now, CLUSTER, BLUE, b"b", durable=True)
    wire.settle()
    wire.kill(2)
    wire.lives[2].epoch = 1
    wire.resume(2, backup)
    assert values(wire, 2) == {b"e1": b"first"}
    wire.fate = lost
    mine = wire[2].put(wire.now, NET, E1, b"third")
    assert mine.version == (2, 1)
    wire.settle()
    wire.fate = delivered
    gather(wire, 2)
    wire.probe()
    assert wire.notes(2, Outbid) == [Outbid(3)]
    wanted = {b"e1": b"third", b"e2": b"other"}
    assert [values(wire, number) for number in (1, 2, 3)] == [wanted] * 3
    assert (endpoint_of(wire, 1).epoch, endpoint_of(wire, 1, b"e2").epoch) == (3, 2)
    assert BLUE[1] in wire[2].table(CLUSTER, NETWORK)
    assert (wire.agree(), wire.agree(NET)) == (True, True)


def test_an_older_row_of_the_backup_gives_way_to_what_peers_hold() -> None:
    wire = attached_wire()
    wire[2].put(wire.now, NET, E1, b"first")
    wire.settle()
    backup = saved(wire, 2)
    wire[2].delete(wire.now, NET, E1)
    wire.settle()
    wire.kill(2)
    wire.resume(2, backup)
    gather(wire, 2)
    assert [values(wire, number) for number in (1, 2, 3)] == [{}, {}, {}]
    assert wire.lives[2].saved[NET, *E1] == endpoint_item(wire, 1)


def endpoint_item(wire: Wire, number: int) -> bytes:
    """Return the one row about E1 that a node holds, shown or not."""
    (one,) = [row for row in wire[number].rows(NET).values() if row.name == E1]
    return one.item


def test_a_backup_takes_part_where_its_later_life_did_and_only_there() -> None:
    wire = attached_wire()
    backup = saved(wire, 2)
    wire[1].attach(wire.now, OTHER)
    wire[1].put(wire.now, OTHER, E1, b"x")
    wire[2].attach(wire.now, OTHER)
    wire[2].detach(wire.now, NET)
    wire.settle()
    wire.kill(2)
    wire.resume(2, backup)
    assert wire[2].scopes() == (CLUSTER, NET)
    gather(wire, 2)
    wire.probe()
    assert wire[2].scopes() == (CLUSTER, OTHER)
    assert values(wire, 2, OTHER) == {b"e1": b"x"}
    assert ScopeChanged(NET, (), (node_id(2),)) in wire.notes(2, ScopeChanged)
    assert wire.agree(OTHER)


def test_this_lifes_rows_stand_although_the_later_one_had_left() -> None:
    wire = attached_wire()
    backup = saved(wire, 2)
    for _ in range(3):
        wire.kill(2)
        wire.start(2, saved=True)
    wire[2].leave(wire.now)
    wire.settle()
    wire.kill(2)
    wire.lives[2].epoch = 1
    wire.fate = lost
    wire.resume(2, backup)
    wire[2].introduce(wire.now, b"restored")
    mine = wire[2].put(wire.now, NET, E1, b"mine")
    assert mine.epoch == 2
    wire.settle()
    wire.fate = delivered
    gather(wire, 2)
    wire.probe()
    assert [values(wire, number) for number in (1, 2, 3)] == [{b"e1": b"mine"}] * 3
    assert wire[1].attached(NET) == (node_id(1), node_id(3), node_id(2))
    facts = node_facts(wire[1].table(CLUSTER, NODE)[node_id(2)].row)
    assert facts is not None
    assert (facts.left, facts.floor >= (4, 1)) == (False, True)
    assert (wire.agree(), wire.agree(NET)) == (True, True)


def test_a_clone_of_a_disk_is_told_by_an_epoch_that_we_never_had() -> None:
    wire = attached_wire()
    wire[2].put(wire.now, NET, E1, b"original")
    wire.settle()
    clone = row(2, (2, 1), E1, b"clone", lamport=9)
    wire.give(2, clone.item)
    assert wire.notes(2, Outbid) == [Outbid(3)]
    wire.settle()
    assert [values(wire, n) for n in (1, 2, 3)] == [{b"e1": b"original"}] * 3
    wire.give(2, row(2, (4, 1), E1, b"clone", lamport=99).item)
    assert wire.notes(2, Outbid) == [Outbid(3), Outbid(5)]


def test_two_lives_of_one_epoch_do_not_pass_for_one() -> None:
    wire = attached_wire()
    mine = wire[2].put(wire.now, NET, E1, b"original")
    wire.settle()
    wire.give(2, row(2, mine.version, E1, b"zz", lamport=99).item)
    assert wire.notes(2, Outbid) == [Outbid(2)]
    assert endpoint_of(wire, 2).value == b"original"


def test_a_leave_voids_all_of_ours_by_one_row() -> None:
    wire = attached_wire()
    for number in range(5):
        wire[2].put(wire.now, NET, (ENDPOINT, b"%d" % number), b"x")
    wire[2].put(wire.now, CLUSTER, BLUE, b"b", durable=True)
    wire.settle()
    wire.passed.clear()
    wire[2].leave(wire.now)
    wire.settle()
    assert len({mail.data for mail in wire.passed if mail.spread}) == 1
    for number in (1, 2, 3):
        assert wire[number].table(NET, ENDPOINT) == {}
        assert node_id(2) not in wire[number].attached(NET)
        assert list(wire[number].table(CLUSTER, NETWORK)) == [BLUE[1]]
    assert {place[1] for place in saved(wire, 2)} == {NODE, NETWORK}


@pytest.mark.parametrize("keeps", [True, False])
def test_who_has_left_may_come_again_with_its_state_and_without(keeps: bool) -> None:
    wire = attached_wire()
    wire[2].put(wire.now, NET, E1, b"before")
    wire[2].put(wire.now, NET, BLUE, b"lasting", durable=True)
    wire[2].put(wire.now, CLUSTER, BLUE, b"lasting", durable=True)
    wire.settle()
    wire[2].leave(wire.now)
    wire.settle()
    wire.kill(2)
    wire.start(2, saved=keeps)
    wire[2].introduce(wire.now, b"back")
    gather(wire, 2)
    wire[2].attach(wire.now, NET)
    wire[2].put(wire.now, NET, E2, b"after")
    wire.settle()
    wire.probe()
    for number in (1, 2, 3):
        assert values(wire, number) == {b"e2": b"after"}
        assert list(wire[number].table(NET, NETWORK)) == [BLUE[1]]
        assert list(wire[number].table(CLUSTER, NETWORK)) == [BLUE[1]]
    assert (wire.agree(), wire.agree(NET)) == (True, True)


def test_detached_and_attached_again_only_what_is_written_since_counts() -> None:
    wire = attached_wire()
    wire[2].put(wire.now, NET, E1, b"before")
    wire.settle()
    wire[2].detach(wire.now, NET)
    wire.settle()
    assert (values(wire, 1), wire[2].scopes()) == ({}, (CLUSTER,))
    wire[2].attach(wire.now, NET)
    wire[2].put(wire.now, NET, E2, b"after")
    wire.settle()
    assert [values(wire, n) for n in (1, 2, 3)] == [{b"e2": b"after"}] * 3
    wire.probe()
    assert wire.agree(NET)


def test_an_echo_of_what_we_put_aside_is_no_other_life() -> None:
    """A tombstone of a durable row stays with others while we are detached."""
    wire = attached_wire()
    wire[2].put(wire.now, NET, BLUE, b"b", durable=True)
    wire[2].delete(wire.now, NET, BLUE)
    wire.settle()
    wire[2].detach(wire.now, NET)
    wire.settle()
    assert len(held(wire, 1)) == 1
    wire[2].attach(wire.now, NET)
    wire.settle()
    wire.probe()
    assert wire.notes(2, Outbid) == []
    assert wire[2].put(wire.now, NET, BLUE, b"c", durable=True).epoch == 1
    wire.settle()
    assert wire.agree(NET)


def test_who_holds_durable_rows_of_its_own_may_not_detach() -> None:
    wire = attached_wire()
    wire[2].put(wire.now, NET, BLUE, b"b", durable=True)
    with pytest.raises(Refused, match="1 durable rows of ours are in it; delete them"):
        wire[2].detach(wire.now, NET)
    assert NET in wire[2].scopes()


def test_a_row_that_was_durable_is_never_written_as_less() -> None:
    """Else the void of the later row would bring back the earlier one."""
    wire = attached_wire()
    wire[2].put(wire.now, NET, BLUE, b"b", durable=True)
    with pytest.raises(Refused, match="it was durable; write it so again"):
        wire[2].put(wire.now, NET, BLUE, b"c")
    wire[2].delete(wire.now, NET, BLUE)
    with pytest.raises(Refused, match="wait until it is collected"):
        wire[2].put(wire.now, NET, BLUE, b"c")


def test_a_mask_that_came_before_our_lost_row_is_heeded_when_that_comes() -> None:
    wire = attached_wire()
    blue = wire[2].put(wire.now, CLUSTER, BLUE, b"b", durable=True)
    wire.settle()
    wire[1].mask(wire.now, CLUSTER, BLUE, node_id(2))
    wire.fate = lost
    wire.kill(2)
    wire.start(2)
    items = [one.item for one in wire[1].rows(CLUSTER).values()]
    wire.give(2, *(item for item in items if item != blue.item), blue.item)
    assert wire.notes(2, MaskWanted) == [MaskWanted(blue, blue.version)]


def test_a_row_of_ours_that_was_verified_too_late_harms_nothing() -> None:
    wire = attached_wire()
    wire[2].receive_row(wire.now, node_id(9), row(2, (5, 1), E2).item)
    wire[2].detach(wire.now, NET)
    wire.settle()
    assert wire[2].scopes() == (CLUSTER,)
    assert wire.notes(2, Recovered) == []


def test_own_rows_of_a_life_that_still_counts_are_told_and_saved() -> None:
    wire = attached_wire(1)
    there = [
        node_row(1, (3, 1)),
        attachment(1, (3, 2), (3, 2), OTHER),
        row(1, (3, 3), E1, b"there", scope=OTHER),
        row(1, (3, 4), BLUE, flags=DURABLE, scope=OTHER),
        row(1, (3, 5), E2, flags=DELETED, scope=OTHER),
    ]
    wire.resume(1, saved(wire, 1))
    wire.give(1, *(one.item for one in there))
    assert wire.notes(1, Recovered) == [Recovered(one) for one in there[1:]]
    assert wire.lives[1].saved[CLUSTER, ATTACHMENT, OTHER] == there[1].item
    assert wire[1].scopes() == (CLUSTER, NET, OTHER)


@pytest.mark.parametrize("epoch", [VERSION_MAX, VERSION_MAX - 1])
def test_a_thief_with_the_last_epoch_there_is_stops_nobody(epoch: int) -> None:
    wire = attached_wire(1)
    wire[1].introduce(wire.now, b"myself")
    wire.give(1, row(1, (epoch, 1), E1, b"stolen").item)
    wire[1].put(wire.now, NET, E1, b"mine")
    assert values(wire, 1) == {b"e1": b"mine"}


def test_a_floor_of_ours_that_is_above_its_own_row_is_passed() -> None:
    wire = attached_wire(1)
    wire[1].introduce(wire.now, b"myself")
    wire.give(1, node_row(1, (1, 99), NodeFacts(floor=(9, 0), collected=(8, 3))).item)
    wire[1].put(wire.now, NET, E1, b"mine")
    assert values(wire, 1) == {b"e1": b"mine"}
