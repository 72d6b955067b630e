"""What is shown of what is held, and what a watch tells of it."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmnet.ids import CLUSTER, Scope
from swarmnet.tables.row import (
    ENDPOINT,
    NETWORK,
    NODE,
    REVOCATION,
    SERVICE,
    TOKEN,
    Name,
    TableName,
)
from swarmnet.tables.rules import Presence, Shown
from swarmnet.tables.view import Change, Watch
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
    awake,
    held,
    mask_of,
    revocation,
    row,
    values,
)
from tests.tables.test_agreement import history
from tests.tables.wire import Wire, node_id

View = dict[tuple[Scope, Name], Shown]


def told(watch: Watch) -> list[Change]:
    """Take all that a watch has to tell."""
    changes = []
    while (change := watch.poll()) is not None:
        changes.append(change)
    return changes


def replay(view: View, watch: Watch) -> None:
    """Put what a watch tells into a view, and check that it knew what was there."""
    for change in told(watch):
        about = (change.scope, change.name)
        assert change.previous == view.get(about)
        assert change.previous != change.current
        view.pop(about, None)
        if change.current is not None:
            view[about] = change.current


def view_of(wire: Wire, number: int) -> View:
    """Return all that a node shows."""
    tables = wire[number]
    return {
        (scope, one.name): shown
        for scope in tables.scopes()
        for one in tables.rows(scope).values()
        if (shown := tables.shown(scope, one.name)) is not None
    }


def test_a_dead_owners_rows_are_dormant_and_nothing_is_sent_again_for_them() -> None:
    wire = attached_wire()
    wire[2].put(wire.now, NET, E1, b"a")
    wire.settle()
    digest = wire[1].digest(NET)
    wire.note(2, Presence.DEAD)
    shown = wire[1].shown(NET, E1)
    assert shown is not None
    assert (shown.row.value, shown.dormant) == (b"a", True)
    assert wire[1].digest(NET) == digest
    wire.passed.clear()
    wire.note(2, Presence.LIVE)
    wire.settle()
    assert (awake(wire, 1), awake(wire, 3)) == ({b"e1": b"a"}, {b"e1": b"a"})
    assert wire.passed == []


def test_who_is_dead_may_be_written_for_and_wakes_up_with_it() -> None:
    wire = attached_wire()
    wire[2].put(wire.now, NET, E1, b"a")
    wire.settle()
    wire.note(2, Presence.DEAD)
    later = row(2, (1, 9), E1, b"b", lamport=9)
    gone = row(2, (1, 8), E2, flags=DELETED)
    wire.give(1, later.item, gone.item)
    assert (values(wire, 1), awake(wire, 1)) == ({b"e1": b"b"}, {})
    wire.note(2, Presence.LIVE)
    assert awake(wire, 1) == {b"e1": b"b"}


def test_what_is_not_durable_is_hidden_once_its_owner_has_left() -> None:
    wire = attached_wire()
    wire[2].put(wire.now, NET, E1, b"a")
    wire[2].put(wire.now, NET, BLUE, b"b", durable=True)
    wire.settle()
    wire.note(2, Presence.LEFT)
    assert wire[1].table(NET, ENDPOINT) == {}
    (blue,) = wire[1].table(NET, NETWORK).values()
    assert blue == Shown(blue.row, dormant=False)


def test_a_strangers_row_is_dormant_until_he_is_known_to_live() -> None:
    wire = attached_wire(1)
    wire.give(1, attachment(9, (1, 1)).item, row(9, (1, 2)).item)
    assert (values(wire, 1), awake(wire, 1)) == ({b"e1": b""}, {})


def test_what_an_owner_may_not_write_is_held_and_not_shown() -> None:
    wire = attached_wire()
    wire.give(1, row(7, (1, 1), (TOKEN, b"t"), scope=CLUSTER, flags=DURABLE).item)
    assert wire[1].table(CLUSTER, TOKEN) == {}
    wire.promote(7, is_manager=True)
    assert list(wire[1].table(CLUSTER, TOKEN)) == [b"t"]
    wire.promote(7, is_manager=False)
    assert wire[1].table(CLUSTER, TOKEN) == {}


def test_a_watch_tells_first_what_there_is_and_then_what_changes() -> None:
    wire = attached_wire()
    wire[2].put(wire.now, NET, E1, b"a")
    wire.settle()
    watch = wire[1].watch(NET, ENDPOINT)
    first = wire[1].shown(NET, E1)
    wire[3].put(wire.now, NET, E2, b"b")
    wire.settle()
    second = wire[1].shown(NET, E2)
    assert told(watch) == [
        Change(NET, E1, None, first),
        Change(NET, E2, None, second),
    ]
    wire[2].put(wire.now, NET, E1, b"c")
    wire.settle()
    assert told(watch) == [Change(NET, E1, first, wire[1].shown(NET, E1))]
    third = wire[1].shown(NET, E1)
    wire[2].delete(wire.now, NET, E1)
    wire.settle()
    assert told(watch) == [Change(NET, E1, third, None)]


def test_a_watch_sums_up_and_never_tells_that_nothing_has_changed() -> None:
    wire = attached_wire()
    watch = wire[1].watch(NET)
    for value in (b"a", b"b"):
        wire[2].put(wire.now, NET, E1, value)
        wire[2].put(wire.now, NET, E2, value)
    wire[2].delete(wire.now, NET, E2)
    wire.settle()
    assert told(watch) == [Change(NET, E1, None, wire[1].shown(NET, E1))]
    shown = wire[1].shown(NET, E1)
    wire.note(2, Presence.DEAD)
    wire.note(2, Presence.LIVE)
    assert told(watch) == []
    wire.note(2, Presence.DEAD)
    assert shown is not None
    assert told(watch) == [Change(NET, E1, shown, Shown(shown.row, dormant=True))]


def test_a_delete_that_comes_first_is_never_told_of() -> None:
    wire = attached_wire()
    watch = wire[1].watch(NET)
    wire.give(1, row(2, (1, 9), flags=DELETED).item, row(2, (1, 8)).item)
    assert told(watch) == []


@pytest.mark.parametrize(
    ("scope", "table", "count"),
    [(None, None, 4), (NET, None, 2), (None, ENDPOINT, 2), (OTHER, SERVICE, 1)],
)
def test_a_watch_tells_of_one_scope_or_all_and_one_table_or_all(
    scope: Scope | None, table: TableName | None, count: int
) -> None:
    wire = attached_wire(1)
    wire[1].attach(wire.now, OTHER)
    before = {table for _, (table, _) in view_of(wire, 1)}
    watch = wire[1].watch(scope, table)
    told(watch)
    for place in (NET, OTHER):
        for kind in (ENDPOINT, SERVICE):
            wire[1].put(wire.now, place, (kind, b"k"), b"v")
    assert len(told(watch)) == count
    assert ENDPOINT not in before


def test_a_watch_that_was_closed_is_told_nothing() -> None:
    wire = attached_wire(1)
    watch, other = wire[1].watch(), wire[1].watch()
    told(watch)
    told(other)
    watch.close()
    wire[1].put(wire.now, NET, E1, b"a")
    assert (told(watch), len(told(other))) == ([], 1)


def test_a_watch_hears_of_what_masks_roles_and_removals_change() -> None:
    wire = attached_wire(4)
    blue = wire[4].put(wire.now, CLUSTER, BLUE, b"b", durable=True)
    other = wire[4].put(wire.now, CLUSTER, (NETWORK, b"red"), b"r", durable=True)
    wire[4].put(wire.now, NET, E1, b"e")
    wire.settle()
    watch, view = wire[1].watch(), dict[tuple[Scope, Name], Shown]()

    def check_told() -> None:
        replay(view, watch)
        assert view == view_of(wire, 1)

    check_told()
    mask = mask_of(2, (9, 1), blue)
    wire.give(1, mask.item)
    check_told()
    assert (CLUSTER, BLUE) not in view
    # The same mask comes to hide another row, and then none.
    facts = mask_of(2, (9, 2), other).value
    moved = row(2, (9, 2), mask.name, facts, scope=CLUSTER, flags=DURABLE)
    wire.give(1, moved.item)
    check_told()
    assert (CLUSTER, BLUE) in view
    assert (CLUSTER, other.name) not in view
    lifted = row(2, (9, 3), mask.name, scope=CLUSTER, flags=DURABLE | DELETED)
    wire.give(1, lifted.item)
    check_told()
    assert (CLUSTER, other.name) in view
    wire.give(1, revocation(4, (9, 4), 3).item)
    check_told()
    wire.promote(4, is_manager=True)
    check_told()
    assert (CLUSTER, (REVOCATION, bytes(node_id(3)))) in view
    assert (CLUSTER, (NODE, bytes(node_id(3)))) in view
    wire.promote(4, is_manager=False)
    check_told()
    assert (CLUSTER, (REVOCATION, bytes(node_id(3)))) not in view


@pytest.mark.slow
@settings(max_examples=20)
@given(st.integers(0, 10**6), st.integers(1, 60))
def test_a_watch_that_is_replayed_shows_what_is_shown(seed: int, length: int) -> None:
    world, random = history(seed, length, removes=True), Random(seed)
    wire = attached_wire(2)
    wire[2].attach(wire.now, OTHER)
    views: list[View] = [{}, {}]
    watches = [wire[2].watch(), wire[2].watch()]
    rows = list(world.spread.values())
    random.shuffle(rows)
    for one in rows:
        wire.give(2, one.item)
        number = random.randint(1, 5)
        if random.random() < 0.3:
            wire.note(number, random.choice(list(Presence)))
        if random.random() < 0.1:
            wire.promote(number, is_manager=random.random() < 0.7)
        if random.random() < 0.1:
            (wire[2].detach if OTHER in wire[2].scopes() else wire[2].attach)(
                wire.now, OTHER
            )
        if random.random() < 0.5:
            replay(views[0], watches[0])
    for view, watch in zip(views, watches, strict=True):
        replay(view, watch)
        assert view == view_of(wire, 2)


def test_nobody_is_introduced_by_another() -> None:
    wire = attached_wire(1)
    wire[1].introduce(wire.now, b"myself")
    false = row(9, (1, 1), (NODE, bytes(node_id(1))), b"not me", scope=CLUSTER)
    wire.give(1, false.item)
    shown = wire[1].shown(CLUSTER, (NODE, bytes(node_id(1))))
    assert shown is not None
    assert shown.row.owner == node_id(1)
    assert false.body in held(wire, 1, CLUSTER)
