"""Invariant B: who was given the same rows holds and shows the same, however they came.

Owners write in one world, which loses what it likes. All that they wrote is then given
to watchers of another world: in any order, twice, in batches, to some and not to
others; and what somebody lacks comes by comparing digests.
"""

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from swarmnet.errors import Refused
from swarmnet.ids import CLUSTER, Scope
from swarmnet.tables.codec import encode_message
from swarmnet.tables.config import TableConfig
from swarmnet.tables.messages import Rows
from swarmnet.tables.row import ENDPOINT, NETWORK, Row
from swarmnet.tables.rules import Presence
from tests.tables.model import Model
from tests.tables.rows import NET, OTHER, held
from tests.tables.wire import MANAGERS, Wire, delivered, node_id

OWNERS = 5
WATCHERS = (6, 7, 8)
SHORT_LIVED = TableConfig(tombstone_life_s=20.0, collect_interval_s=10.0)
Act = Callable[[Wire, int, Random], object]


def put(wire: Wire, number: int, random: Random) -> object:
    scope, key = random.choice((NET, OTHER)), b"e%d" % random.randrange(3)
    return wire[number].put(wire.now, scope, (ENDPOINT, key), random.randbytes(1))


def delete(wire: Wire, number: int, random: Random) -> object:
    scope, key = random.choice((NET, OTHER)), b"e%d" % random.randrange(3)
    return wire[number].delete(wire.now, scope, (ENDPOINT, key))


def put_durable(wire: Wire, number: int, random: Random) -> object:
    scope, name = random.choice((CLUSTER, NET)), (NETWORK, b"blue")
    value = random.randbytes(1)
    return wire[number].put(wire.now, scope, name, value, durable=True)


def delete_durable(wire: Wire, number: int, random: Random) -> object:
    scope = random.choice((CLUSTER, NET))
    return wire[number].delete(wire.now, scope, (NETWORK, b"blue"))


def attach(wire: Wire, number: int, random: Random) -> None:
    wire[number].attach(wire.now, random.choice((NET, OTHER)))


def detach(wire: Wire, number: int, random: Random) -> None:
    wire[number].detach(wire.now, random.choice((NET, OTHER)))


def mask(wire: Wire, number: int, random: Random) -> object:
    scope, owner = random.choice((CLUSTER, NET)), random.randint(1, OWNERS)
    return wire[number].mask(wire.now, scope, (NETWORK, b"blue"), node_id(owner))


def restart(wire: Wire, number: int, random: Random) -> None:
    if random.random() < 0.3:
        wire[number].leave(wire.now)
    wire.settle()
    wire.kill(number)
    wire.start(number, saved=random.random() < 0.6)
    wire[number].introduce(wire.now, b"back")
    wire[number].attach(wire.now, NET)


def remove(wire: Wire, number: int, random: Random) -> object:
    return wire[random.randint(1, MANAGERS)].revoke(wire.now, node_id(OWNERS))


def wait(wire: Wire, number: int, random: Random) -> None:
    wire.run(random.choice((0.1, 70.0)))


ACTS: dict[Act, int] = {
    put: 12,
    delete: 6,
    put_durable: 3,
    delete_durable: 2,
    attach: 4,
    detach: 2,
    mask: 2,
    restart: 2,
    wait: 3,
}


def history(seed: int, length: int, *, removes: bool = False) -> Wire:
    """Return a world in which owners have written this and that."""
    random = Random(seed)
    wire = Wire(OWNERS, seed, SHORT_LIVED)
    wire.fate = lambda _mail: random.random() < 0.8
    for number in range(1, OWNERS + 1):
        wire[number].introduce(wire.now, b"here")
    acts = [*ACTS, remove] if removes else [*ACTS]
    weights = [*ACTS.values(), *([2] if removes else [])]
    for act in random.choices(acts, weights, k=length):
        try:
            act(wire, random.randint(1, OWNERS), random)
        except Refused:
            continue
        wire.settle()
    return wire


def watchers() -> Wire:
    """Return a world of three nodes: one of them is in one network only."""
    wire = Wire(max(WATCHERS))
    for number in range(1, OWNERS + 1):
        wire.kill(number)
        wire.note(number, Presence.LIVE)
    for number in WATCHERS:
        wire[number].introduce(wire.now, b"watcher")
        wire[number].attach(wire.now, NET)
        if number != WATCHERS[0]:
            wire[number].attach(wire.now, OTHER)
    wire.settle()
    return wire


def scatter(wire: Wire, rows: list[Row], random: Random) -> None:
    """Give every row to some of the watchers, in some order, in batches, or twice."""
    pieces = [(row, n) for row in rows for n in WATCHERS if random.random() < 0.5]
    pieces += [(row, random.choice(WATCHERS[1:])) for row in rows]
    random.shuffle(pieces)
    wire.fate = lambda _mail: random.random() < 0.2
    while pieces:
        number, size = random.choice(WATCHERS), random.randint(1, 6)
        batch = [piece for piece in pieces if piece[1] == number][:size]
        pieces = [piece for piece in pieces if piece not in batch]
        items = tuple(row.item for row, _ in batch)
        if len(items) == 1:
            wire.give(number, *items)
        else:
            data = encode_message(Rows(CLUSTER, items))
            wire[number].receive(wire.now, node_id(1), data, streamed=True)
        wire.settle()
    wire.fate = delivered


def repair(wire: Wire) -> None:
    """Compare digests until all are the same, which takes a few rounds at most."""
    for _ in range(6):
        wire.probe()


def shown(wire: Wire, number: int, scope: Scope) -> dict[tuple[Scope, object], bytes]:
    """Return all that a node shows of a scope."""
    names = {row.name for row in wire[number].rows(scope).values()}
    rows = {name: wire[number].shown(scope, name) for name in names}
    return {(scope, n): one.row.body for n, one in rows.items() if one is not None}


def check_watchers(wire: Wire, world: Wire) -> None:
    """Check that the watchers hold and show what the model says."""
    rows = {row.body: row for row in (*world.spread.values(), *wire.spread.values())}
    managers = [node_id(number) for number in range(1, MANAGERS + 1)]
    model = Model(list(rows.values()), managers)
    for number in WATCHERS:
        for scope in wire[number].scopes():
            assert held(wire, number, scope) == model.held(scope)
            assert shown(wire, number, scope) == model.shown(scope)
    assert not wire[WATCHERS[0]].rows(OTHER)


def spread_by_owners(world: Wire) -> list[Row]:
    return list(world.spread.values())


@pytest.mark.slow
@settings(max_examples=10)
@given(st.integers(0, 10**6), st.integers(1, 40))
def test_whoever_was_given_the_same_rows_holds_and_shows_the_same(
    seed: int, length: int
) -> None:
    world, wire = history(seed, length), watchers()
    scatter(wire, spread_by_owners(world), Random(seed))
    repair(wire)
    check_watchers(wire, world)


@pytest.mark.slow
@settings(max_examples=10)
@example(214, 27)
@given(st.integers(0, 10**6), st.integers(10, 40))
def test_that_is_so_when_an_owner_was_removed(seed: int, length: int) -> None:
    world, wire = history(seed, length, removes=True), watchers()
    scatter(wire, spread_by_owners(world), Random(seed))
    repair(wire)
    assert all(wire.agree(scope) for scope in (CLUSTER, NET, OTHER))
    # What nobody took any more, since none had it when the removal was acknowledged,
    # may be good after all by what another acknowledges later.
    wire.give(WATCHERS[0], *(row.item for row in spread_by_owners(world)))
    wire.give(WATCHERS[1], *(row.item for row in spread_by_owners(world)))
    repair(wire)
    check_watchers(wire, world)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(30))
def test_long_histories_end_in_agreement(seed: int) -> None:
    world, wire = history(seed, 120, removes=seed % 2 == 0), watchers()
    rows = spread_by_owners(world)
    scatter(wire, rows, Random(seed))
    repair(wire)
    wire.give(WATCHERS[0], *(row.item for row in rows))
    wire.give(WATCHERS[1], *(row.item for row in rows))
    repair(wire)
    check_watchers(wire, world)


@pytest.mark.parametrize("seed", range(6))
def test_the_owners_agree_among_themselves_once_nothing_is_lost(seed: int) -> None:
    world = history(seed, 60, removes=True)
    world.fate = delivered
    world.kill(OWNERS)
    for number in range(1, OWNERS):
        world[number].join(world.now, [node_id(n) for n in range(1, OWNERS)])
    world.run(2.0)
    repair(world)
    assert all(world.agree(scope) for scope in (CLUSTER, NET, OTHER))
