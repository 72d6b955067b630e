"""Tombstones: their owner collects them, and nothing comes back by it."""

from swarmnet.ids import CLUSTER
from swarmnet.tables.config import TableConfig
from swarmnet.tables.facts import NEVER, NodeFacts, node_facts
from swarmnet.tables.outputs import Recovered
from swarmnet.tables.row import ENDPOINT, MASK, NETWORK, NODE, Version
from swarmnet.tables.rules import Presence
from tests.tables.rows import (
    BLUE,
    E1,
    E2,
    NET,
    attached_wire,
    held,
    values,
)
from tests.tables.wire import Wire, delivered, lost, node_id

HOUR_S = 3600.0
QUIET = TableConfig(compare_interval_s=300.0)
"""Hours pass sooner where less is said."""


def facts(wire: Wire, number: int, of: int = 1) -> NodeFacts:
    """Return what node `of` says of itself, as node `number` has it."""
    said = node_facts(wire[number].table(CLUSTER, NODE)[node_id(of)].row)
    assert said is not None
    return said


def stones(wire: Wire, number: int) -> list[Version]:
    """Return the versions of all tombstones that a node holds."""
    scopes = wire[number].scopes()
    rows = [one for scope in scopes for one in wire[number].rows(scope).values()]
    return sorted(one.version for one in rows if one.is_deleted)


def deleted_wire(count: int = 3) -> Wire:
    """Return nodes of which the first has one row, and has deleted two."""
    wire = attached_wire(count, config=QUIET)
    wire[1].put(wire.now, NET, E2, b"stays")
    for key in (b"a", b"b"):
        wire[1].put(wire.now, NET, (ENDPOINT, key), b"goes")
        wire[1].delete(wire.now, NET, (ENDPOINT, key))
    wire.settle()
    assert len(stones(wire, 3)) == 2
    return wire


def test_a_tombstone_is_kept_for_its_life_and_then_collected_by_everyone() -> None:
    wire = deleted_wire()
    wire.run(1740.0)
    assert [len(stones(wire, number)) for number in (1, 2, 3)] == [2, 2, 2]
    wire.run(9 * 1800.0)
    assert [stones(wire, number) for number in (1, 2, 3)] == [[], [], []]
    assert [values(wire, number) for number in (1, 2, 3)] == [{b"e2": b"stays"}] * 3
    assert (wire.agree(), wire.agree(NET)) == (True, True)


def test_the_horizon_moves_only_after_what_lives_below_it_was_written_again() -> None:
    wire = deleted_wire()
    written_s = 0.0
    while (horizon := facts(wire, 1).collected) == NEVER:
        assert wire.now < 20_000.0
        before = {one.version: one for one in wire[1].rows(NET).values()}
        count = wire[1].counters().get("rows_rewritten", 0)
        wire.run(1.0)
        if wire[1].counters().get("rows_rewritten", 0) > count:
            written_s = wire.now
    lives = [one for one in before.values() if not one.is_deleted]
    mine = [one for one in lives if one.owner == node_id(1)]
    assert [one.value for one in mine] == [b"stays"]
    assert all(one.version > horizon for one in mine)
    # All had half a minute to hear of it.
    assert 30.0 <= wire.now - written_s <= 40.0
    assert wire[1].counters()["rows_rewritten"] == 2
    assert [held(wire, number) for number in (2, 3)] == [held(wire, 1)] * 2


def test_what_is_written_again_keeps_its_rank_among_other_owners_rows() -> None:
    wire = attached_wire(config=QUIET)
    wire[1].put(wire.now, NET, E1, b"earlier")
    wire.settle()
    wire[2].put(wire.now, NET, E1, b"later")
    for number in range(4):
        wire[1].put(wire.now, NET, (ENDPOINT, b"%d" % number), b"")
        wire[1].delete(wire.now, NET, (ENDPOINT, b"%d" % number))
    wire.settle()
    wire.run(HOUR_S)
    assert wire[1].counters()["rows_rewritten"] == 2
    assert [values(wire, number) for number in (1, 2, 3)] == [{b"e1": b"later"}] * 3


def test_what_is_written_again_stays_masked() -> None:
    wire = attached_wire(config=QUIET)
    wire[1].put(wire.now, CLUSTER, BLUE, b"b", durable=True)
    wire.settle()
    wire[2].mask(wire.now, CLUSTER, BLUE, node_id(1))
    for number in range(4):
        wire[1].put(wire.now, NET, (ENDPOINT, b"%d" % number), b"")
        wire[1].delete(wire.now, NET, (ENDPOINT, b"%d" % number))
    wire.settle()
    wire.run(HOUR_S)
    assert facts(wire, 3).collected > NEVER
    for number in (1, 2, 3):
        assert wire[number].table(CLUSTER, NETWORK) == {}
        assert len(wire[number].table(CLUSTER, MASK)) == 1
    # Another value is another matter.
    wire[1].put(wire.now, CLUSTER, BLUE, b"c", durable=True)
    wire.settle()
    assert list(wire[3].table(CLUSTER, NETWORK)) == [BLUE[1]]


def test_digests_stop_changing_when_nothing_changes() -> None:
    wire = deleted_wire()
    wire.run(4 * HOUR_S)
    places = [(number, scope) for number in (1, 2, 3) for scope in (NET, CLUSTER)]
    before = [wire[number].digest(scope) for number, scope in places]
    wire.passed.clear()
    wire.run(12 * HOUR_S)
    assert [wire[number].digest(scope) for number, scope in places] == before
    assert not any(mail.spread for mail in wire.passed)
    assert all(len(mail.data) < 64 for mail in wire.passed)


def test_a_row_is_written_again_for_a_tombstone_only_if_that_is_worth_it() -> None:
    wire = attached_wire(1, config=QUIET)
    for number in range(20):
        wire[1].put(wire.now, NET, (ENDPOINT, b"%d" % number), b"")
    wire[1].delete(wire.now, NET, (ENDPOINT, b"7"))
    wire.run(4 * 1800.0)
    assert "rows_rewritten" not in wire[1].counters()
    assert len(stones(wire, 1)) == 1
    wire.run(3 * 1800.0)
    assert wire[1].counters()["rows_rewritten"] == 20
    assert stones(wire, 1) == []


def test_many_rows_are_written_again_a_few_at_a_time() -> None:
    wire = Wire(1, config=TableConfig(tombstone_life_s=60.0))
    wire[1].introduce(wire.now, b"")
    wire[1].attach(wire.now, NET)
    for number in range(300):
        wire[1].put(wire.now, NET, (ENDPOINT, b"%d" % number), b"")
    for number in range(150):
        wire[1].delete(wire.now, NET, (ENDPOINT, b"%d" % number))
    wire.settle()
    written: list[int] = []
    while facts(wire, 1).collected == NEVER:
        count = wire[1].counters().get("rows_rewritten", 0)
        wire.run(1.0)
        written.append(wire[1].counters().get("rows_rewritten", 0) - count)
    assert [count for count in written if count] == [64, 64, 23]
    assert len(wire[1].rows(NET)) == 150


def test_a_restart_makes_tombstones_young_again_and_forgets_none() -> None:
    wire = deleted_wire()
    wire.run(1500.0)
    wire.kill(1)
    wire.start(1, saved=True)
    wire.run(1500.0)
    assert len(stones(wire, 1)) == 2
    wire.run(9 * 1800.0)
    assert stones(wire, 1) == []


def test_who_was_away_for_hours_comes_back_to_what_is_and_brings_nothing_back() -> None:
    wire = attached_wire(4, config=QUIET)
    for key in (b"gone", b"stays"):
        wire[1].put(wire.now, NET, (ENDPOINT, key), b"v")
        wire[1].put(wire.now, CLUSTER, (NETWORK, key), b"v", durable=True)
    wire.settle()
    wire.fate = lambda mail: 4 not in (mail.source, mail.target)
    wire.note(4, Presence.DEAD)
    wire[1].delete(wire.now, NET, (ENDPOINT, b"gone"))
    wire[1].delete(wire.now, CLUSTER, (NETWORK, b"gone"))
    wire[4].put(wire.now, NET, E1, b"by itself")
    wire.run(8 * HOUR_S)
    assert (stones(wire, 1), stones(wire, 2)) == ([], [])
    assert b"gone" in values(wire, 4)
    wire.fate = delivered
    wire.note(4, Presence.LIVE)
    wire.run(60.0)
    wire.probe()
    for number in (1, 2, 3, 4):
        assert values(wire, number) == {b"stays": b"v", b"e1": b"by itself"}
        assert list(wire[number].table(CLUSTER, NETWORK)) == [b"stays"]
    assert (wire.agree(), wire.agree(NET)) == (True, True)


def test_a_backup_from_before_a_collection_brings_nothing_back() -> None:
    wire = attached_wire(config=QUIET)
    wire[1].put(wire.now, NET, E1, b"gone")
    wire[1].put(wire.now, NET, E2, b"stays")
    wire.settle()
    backup = dict(wire.lives[1].saved)
    wire[1].delete(wire.now, NET, E1)
    wire.settle()
    wire.run(8 * HOUR_S)
    assert (stones(wire, 1), stones(wire, 2)) == ([], [])
    wire.kill(1)
    wire.lives[1].epoch = 1
    wire.resume(1, backup)
    assert values(wire, 1) == {b"e1": b"gone", b"e2": b"stays"}
    wire[1].join(wire.now, [node_id(2), node_id(3)])
    wire.run(2.0)
    wire.probe()
    wire.probe()
    assert [values(wire, number) for number in (1, 2, 3)] == [{b"e2": b"stays"}] * 3
    assert (wire.agree(), wire.agree(NET)) == (True, True)
    taken_back = [n for n in wire.notes(1, Recovered) if isinstance(n, Recovered)]
    assert E2 in [note.row.name for note in taken_back]


def test_tombstones_of_a_network_that_we_left_are_collected_too() -> None:
    wire = attached_wire(2, config=QUIET)
    wire[1].put(wire.now, NET, BLUE, b"b", durable=True)
    wire[1].delete(wire.now, NET, BLUE)
    wire.settle()
    wire[1].detach(wire.now, NET)
    wire.settle()
    assert len(held(wire, 2)) == 1
    wire.run(8 * HOUR_S)
    assert held(wire, 2) == set()
    assert {place[0] for place in wire.lives[1].saved} == {CLUSTER}


def stone_wire() -> Wire:
    """Return nodes of which the first has a durable tombstone in the network."""
    wire = attached_wire(2, config=QUIET)
    wire[1].put(wire.now, NET, (NETWORK, b"red"), b"r", durable=True)
    wire[1].delete(wire.now, NET, (NETWORK, b"red"))
    return wire


def come_back(wire: Wire) -> None:
    """Let the first node leave, and start again with its state."""
    wire.settle()
    wire[1].leave(wire.now)
    wire.settle()
    wire.kill(1)
    wire.start(1, saved=True)
    wire[1].introduce(wire.now, b"back")
    wire.run(2.0)


def test_tombstones_that_were_left_behind_are_collected_from_afar() -> None:
    wire = stone_wire()
    come_back(wire)
    assert len(stones(wire, 2)) == 1
    wire.run(8 * HOUR_S)
    assert held(wire, 2) == set()


def test_nothing_is_collected_over_what_lives_where_we_are_not() -> None:
    """It could not be written again before, and would be void with the rest."""
    wire = stone_wire()
    wire[1].put(wire.now, NET, BLUE, b"b", durable=True)
    come_back(wire)
    wire[1].put(wire.now, CLUSTER, E2, b"")
    wire[1].put(wire.now, CLUSTER, E1, b"")
    wire[1].delete(wire.now, CLUSTER, E1)
    wire.run(8 * HOUR_S)
    assert list(wire[2].table(NET, NETWORK)) == [BLUE[1]]
    assert "rows_rewritten" not in wire[1].counters()
    wire[1].attach(wire.now, NET)
    wire.run(8 * HOUR_S)
    assert (stones(wire, 1), stones(wire, 2)) == ([], [])
    assert [list(wire[n].table(NET, NETWORK)) for n in (1, 2)] == [[BLUE[1]]] * 2
    assert (wire.agree(), wire.agree(NET)) == (True, True)


def test_nothing_is_collected_while_what_was_ours_may_still_come() -> None:
    """Above the horizon of a life after a loss is all that was written before it."""
    wire = attached_wire(2, config=QUIET)
    wire[2].put(wire.now, CLUSTER, BLUE, b"b", durable=True)
    wire.settle()
    wire.kill(2)
    wire.start(2)
    wire.fate = lost
    wire[2].introduce(wire.now, b"anew")
    wire[2].join(wire.now, [node_id(1)])
    wire[2].put(wire.now, CLUSTER, E2, b"goes")
    wire[2].delete(wire.now, CLUSTER, E2)
    wire.run(9 * 1800.0)
    assert len(stones(wire, 2)) == 1
    wire.fate = delivered
    wire.probe()
    wire.run(9 * 1800.0)
    assert facts(wire, 1, of=2).collected > NEVER
    assert [list(wire[n].table(CLUSTER, NETWORK)) for n in (1, 2)] == [[BLUE[1]]] * 2


def test_who_has_left_collects_nothing_any_more() -> None:
    """It would write in networks that it takes no part in by its own word."""
    wire = deleted_wire()
    for name in (BLUE, (NETWORK, b"gone")):
        wire[1].put(wire.now, NET, name, b"b", durable=True)
    wire[1].delete(wire.now, NET, (NETWORK, b"gone"))
    wire[1].leave(wire.now)
    wire.settle()
    before = [one.version for one in wire[1].rows(NET).values()]
    wire.run(9 * 1800.0)
    assert facts(wire, 2).collected == NEVER
    assert [one.version for one in wire[1].rows(NET).values()] == before
