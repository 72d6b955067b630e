"""How much one may write, and what becomes of what is too much."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmnet.errors import Refused
from swarmnet.ids import CLUSTER, Scope
from swarmnet.sketch import hash_item as true_hash
from swarmnet.tables.config import ROW_BYTES_MAX, TableConfig
from swarmnet.tables.facts import NodeFacts
from swarmnet.tables.row import (
    ATTACHMENT,
    ENDPOINT,
    NODE,
    SERVICE,
    Name,
    Row,
    TableName,
)
from swarmnet.tables.shelf import Shelf, place_of
from tests.tables.rows import (
    DELETED,
    E1,
    E2,
    NET,
    OTHER,
    attached_wire,
    bodies,
    held,
    node_row,
    row,
)
from tests.tables.wire import Wire, node_id

SMALL = TableConfig(rows_per_owner=5)


def endpoint(number: int) -> Name:
    return (ENDPOINT, b"%d" % number)


def small_wire(count: int = 1) -> Wire:
    """Return nodes in a network where an owner may have five rows."""
    wire = Wire(count, config=SMALL)
    for number in range(1, count + 1):
        wire[number].attach(wire.now, NET)
    wire.settle()
    return wire


def test_the_largest_value_is_taken_and_a_larger_one_refused_with_its_bound() -> None:
    wire = attached_wire(2)
    with pytest.raises(Refused, match=r"value of 1024 bytes: want \d+ at most") as told:
        wire[1].put(wire.now, NET, E1, bytes(1024))
    fits = int(str(told.value).split("want ")[1].split()[0])
    written = wire[1].put(wire.now, NET, E1, bytes(fits))
    assert len(written.item) == ROW_BYTES_MAX
    with pytest.raises(Refused, match=f"want {fits} at most beside this key"):
        wire[1].put(wire.now, NET, E1, bytes(fits + 1))
    wire.settle()
    assert written.body in held(wire, 2)


@pytest.mark.parametrize(
    ("scope", "name", "words"),
    [
        (NET, (ENDPOINT, b""), "key of 0 bytes: want 1 to 64"),
        (NET, (ENDPOINT, bytes(65)), "key of 65 bytes: want 1 to 64"),
        (NET, (TableName(""), b"k"), "table '': want 1 to 32 letters"),
        (NET, (TableName("t" * 33), b"k"), "want 1 to 32 letters"),
        (OTHER, E1, f"scope {OTHER.hex()}: attach to it first"),
    ],
)
def test_a_name_out_of_bounds_is_refused_with_its_bound(
    scope: Scope, name: Name, words: str
) -> None:
    wire = attached_wire(1)
    with pytest.raises(Refused, match=words):
        wire[1].put(wire.now, scope, name, b"v")


def test_what_is_refused_changes_nothing() -> None:
    wire = attached_wire(1)
    before, digest = dict(wire.lives[1].saved), wire[1].digest(NET)
    verbs = (
        lambda: wire[1].put(wire.now, NET, E1, bytes(2000)),
        lambda: wire[1].delete(wire.now, NET, E1),
        lambda: wire[1].mask(wire.now, NET, E1, node_id(2)),
        lambda: wire[1].attach(wire.now, Scope(bytes(33))),
        lambda: wire[1].attach(wire.now, OTHER, bytes(2000)),
        lambda: wire[1].detach(wire.now, OTHER),
        lambda: wire[1].introduce(wire.now, bytes(2000)),
    )
    for verb in verbs:
        with pytest.raises(Refused):
            verb()
        assert wire[1].poll_output() is None
    assert (dict(wire.lives[1].saved), wire[1].digest(NET)) == (before, digest)
    assert wire[1].scopes() == (CLUSTER, NET)
    assert wire[1].put(wire.now, NET, E1, b"a").version == (1, 3)


def test_one_row_too_many_is_refused_until_tombstones_are_collected() -> None:
    wire = Wire(1, config=TableConfig(rows_per_owner=5, tombstone_life_s=60.0))
    wire[1].introduce(wire.now, b"")
    wire[1].attach(wire.now, NET)
    for number in range(5):
        wire[1].put(wire.now, NET, endpoint(number), b"")
    words = "5 rows of ours in this scope, tombstones included: want 5 at most; delete"
    with pytest.raises(Refused, match=words):
        wire[1].put(wire.now, NET, endpoint(5), b"")
    wire[1].put(wire.now, NET, endpoint(4), b"new")
    for number in range(4):
        wire[1].delete(wire.now, NET, endpoint(number))
    with pytest.raises(Refused, match="wait until they are collected"):
        wire[1].put(wire.now, NET, endpoint(5), b"")
    wire.run(300.0)
    assert wire[1].put(wire.now, NET, endpoint(5), b"").value == b""


def test_what_a_node_says_of_itself_always_finds_room() -> None:
    wire = Wire(2, config=SMALL)
    for number in range(5):
        wire[1].put(wire.now, CLUSTER, endpoint(number), b"")
    wire[1].introduce(wire.now, b"late")
    wire.settle()
    assert wire[2].digest(CLUSTER) == wire[1].digest(CLUSTER)
    # However many others come whose names would go before.
    flood = [row(4, (1, n + 1), endpoint(n), scope=CLUSTER) for n in range(20)]
    word = node_row(4, (1, 99), NodeFacts(about=b"me"))
    wire.give(1, word.item, *(one.item for one in flood))
    wire.give(2, *(one.item for one in flood), word.item)
    assert word.body in held(wire, 2, CLUSTER)
    assert held(wire, 1, CLUSTER) == held(wire, 2, CLUSTER)


@pytest.mark.slow
@settings(max_examples=30)
@given(st.randoms(use_true_random=False), st.integers(6, 14))
def test_the_same_rows_of_who_writes_too_much_are_kept_whatever_the_order(
    random: Random, count: int
) -> None:
    rows = [row(4, (1, n + 1), endpoint(n % count)) for n in range(2 * count)]
    rows.append(row(4, (1, 99), (SERVICE, b"1"), flags=DELETED))
    random.shuffle(rows)
    wire = small_wire()
    mine = held(wire, 1)
    wire.give(1, *(one.item for one in rows))
    # What had no place when it came, and has one now, is sent again by sync.
    wire.give(1, *(one.item for one in rows))
    newest = {one.name: one for one in sorted(rows, key=lambda one: one.version)}
    kept = sorted(newest, key=place_of)[:5]
    assert held(wire, 1) - mine == bodies(*(newest[name] for name in kept))
    assert wire[1].counters()["rows_over_quota"] > 0


def test_two_nodes_agree_about_an_owner_that_writes_too_much() -> None:
    wire = small_wire(2)
    rows = [row(4, (1, n + 1), endpoint(n)) for n in range(12)]
    wire.fate = lambda _mail: False
    wire.give(1, *(one.item for one in rows))
    wire.give(2, *(one.item for one in reversed(rows)))
    wire.fate = lambda _mail: True
    wire.probe()
    assert wire.agree(NET)
    assert wire[1].rows(NET) == wire[2].rows(NET)
    count = sum(one.owner == node_id(4) for one in wire[1].rows(NET).values())
    assert count == 5


def test_the_order_of_too_many_rows_is_that_of_their_places_at_any_time() -> None:
    random, shelf = Random(4), Shelf(CLUSTER, 8)
    for step in range(600):
        one = row(
            random.randint(4, 5),
            (1, step),
            endpoint(random.randrange(30)),
            scope=CLUSTER,
        )
        left_out = shelf.excess(one)
        mine = shelf.rows_of(one.owner)
        names = {*mine, one.name}
        last = max(names, key=place_of)
        is_over = len(names) > 8
        assert [each.name for each in left_out] == ([last] if is_over else [])
        for each in left_out:
            if each is not one:
                shelf.remove(each)
        if one not in left_out:
            shelf.put(one)
        mine = shelf.rows_of(one.owner)
        if mine and random.random() < 0.4:
            shelf.remove(random.choice(list(mine.values())))
        assert shelf.counted(one.owner) == len(mine) <= 8


def test_tables_whose_names_begin_alike_have_places_of_their_own() -> None:
    names = [(TableName("t" * 16 + end), b"key") for end in "abc"]
    assert len({place_of(name) for name in names}) == 3


def collide(monkeypatch: pytest.MonkeyPatch, *rows: Row) -> None:
    """Let the 64-bit elements of some rows be one, as after a long search."""
    twins = {one.body for one in rows}

    def hash_item(key: bytes, content: bytes) -> int:
        number = true_hash(key, content)
        return number >> 64 << 64 | 7 if content in twins else number

    monkeypatch.setattr("swarmnet.tables.codec.hash_item", hash_item)


def test_of_two_rows_with_one_element_all_keep_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, other = row(4, (1, 1), E1, b"a"), row(5, (1, 1), E2, b"b")
    collide(monkeypatch, one, other)
    for order in ((one, other), (other, one)):
        wire = attached_wire(1)
        wire.give(1, *(each.item for each in order))
        assert held(wire, 1) == bodies(min(one, other, key=lambda each: each.body))
        assert wire[1].counters()["rows_over_quota"] == 1


@pytest.mark.parametrize("values", [(b"a", b"b"), (b"b", b"a")])
def test_a_row_takes_the_place_of_what_it_supersedes_even_if_they_collide(
    monkeypatch: pytest.MonkeyPatch, values: tuple[bytes, bytes]
) -> None:
    old, new = (row(4, (1, n + 1), E1, value) for n, value in enumerate(values))
    collide(monkeypatch, old, new)
    for order in ((old, new), (new, old)):
        wire = attached_wire(1)
        wire.give(1, *(each.item for each in order))
        assert held(wire, 1) == bodies(new)
        wire[1].detach(wire.now, NET)


def test_a_delete_needs_no_room() -> None:
    wire = small_wire()
    for number in range(5):
        wire[1].put(wire.now, NET, endpoint(number), b"")
    assert wire[1].delete(wire.now, NET, endpoint(1)).is_deleted
    with pytest.raises(Refused, match="not a row of ours"):
        wire[1].delete(wire.now, NET, endpoint(1))
    assert NODE not in {one.table for one in wire[1].rows(NET).values()}


@pytest.mark.parametrize(
    ("table", "verbs"),
    [(NODE, "introduce and leave"), (ATTACHMENT, "attach and detach")],
)
def test_tables_with_commands_of_their_own_are_written_by_those_alone(
    table: TableName, verbs: str
) -> None:
    wire = Wire(1)
    name = (table, b"key")
    refusal = f"table {table}: written by {verbs} alone"
    with pytest.raises(Refused, match=refusal):
        wire[1].put(wire.now, CLUSTER, name, b"value")
    with pytest.raises(Refused, match=refusal):
        wire[1].delete(wire.now, CLUSTER, name)


def test_a_row_about_a_node_counts_in_a_network_as_any_other_does() -> None:
    """Only what a node says of itself in the cluster's scope always has a place."""
    wire = small_wire()
    for number in range(SMALL.rows_per_owner):
        wire[1].put(wire.now, NET, endpoint(number), b"x")
    for key in (b"a", bytes(node_id(1))):
        with pytest.raises(Refused, match="want 5 at most"):
            wire[1].put(wire.now, NET, (NODE, key), b"x")
    assert len(wire[1].rows(NET)) == SMALL.rows_per_owner
