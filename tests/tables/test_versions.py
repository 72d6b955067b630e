"""Two versions of the rows' format in one cluster: what is unknown passes unharmed."""

from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmnet.ids import CLUSTER, Scope
from swarmnet.tables.codec import Kind
from swarmnet.tables.config import TableConfig
from swarmnet.tables.facts import NodeFacts
from swarmnet.tables.row import (
    ATTACHMENT,
    ENDPOINT,
    MASK,
    NODE,
    REVOCATION,
    Flag,
    Name,
    Row,
    TableName,
)
from swarmnet.wire import Value, pack, unpack_array_untrusted
from tests.tables.rows import (
    DURABLE,
    E1,
    NET,
    OTHER,
    attached_wire,
    attachment,
    mask_of,
    node_row,
    revocation,
    row,
    signed,
    values,
)
from tests.tables.wire import Wire, delivered, lost, node_id

MORE: tuple[Value, ...] = (7, b"later", [None, True, 1.5], "and more")


def later(one: Row, *more: Value) -> Row:
    """Return a row as a later version writes it: with further fields."""
    owner = int.from_bytes(one.owner, "big")
    return signed(owner, longer(one.body, *(more or MORE)))


def longer(packed: bytes, *more: Value) -> bytes:
    """Return an array with further fields."""
    return pack((*cast(list[Value], unpack_array_untrusted(packed)), *more))


def later_value(one: Row) -> Row:
    """Return a row whose value has further fields."""
    value = longer(one.value, *MORE)
    owner = int.from_bytes(one.owner, "big")
    return row(owner, one.version, one.name, value, scope=one.scope, flags=one.flags)


STRANGE = [
    later(row(4, (1, 2), E1, b"a")),
    row(4, (1, 3), (TableName("gadget"), b"k"), b"\xc1 no msgpack"),
    row(4, (1, 4), (ENDPOINT, b"flags"), b"v", flags=Flag(0xF0)),
    later(row(4, (1, 5), (TableName("gizmo"), b"k"), flags=Flag(0x12))),
]


def items(wire: Wire, number: int, scope: Scope = NET) -> list[bytes]:
    """Return all rows that a node holds of a scope, byte for byte."""
    return sorted(one.item for one in wire[number].rows(scope).values())


def check_passed(wire: Wire, *numbers: int) -> None:
    wanted = sorted(one.item for one in STRANGE)
    assert all(items(wire, number) == wanted for number in numbers)
    assert values(wire, numbers[0]) == {b"e1": b"a", b"flags": b"v"}
    assert wire.agree(NET)


def test_what_is_unknown_passes_by_relay_byte_for_byte() -> None:
    wire = attached_wire()
    wire.give(1, attachment(4, (1, 1)).item, *(one.item for one in STRANGE))
    wire.settle()
    check_passed(wire, 1, 2, 3)


def test_what_is_unknown_passes_by_sync_byte_for_byte() -> None:
    wire = attached_wire()
    wire.fate = lost
    wire.give(1, attachment(4, (1, 1)).item, *(one.item for one in STRANGE))
    wire.settle()
    wire.fate = delivered
    wire.probe()
    wire.probe()
    check_passed(wire, 1, 2, 3)


def test_what_is_unknown_passes_by_snapshot_byte_for_byte() -> None:
    wire = attached_wire(2)
    wire.give(1, attachment(4, (1, 1)).item, *(one.item for one in STRANGE))
    wire.settle()
    wire.start(3)
    wire[3].introduce(wire.now, b"new")
    wire.fate = lambda mail: not mail.spread
    wire[3].join(wire.now, [node_id(1), node_id(2)])
    wire.settle()
    wire[3].attach(wire.now, NET)
    wire.settle()
    assert wire[3].counters()["pages"] == 4
    wire.fate = delivered
    wire.probe()
    check_passed(wire, 3, 1, 2)


def test_further_fields_of_what_the_tables_read_hinder_nothing() -> None:
    wire = attached_wire(4)
    blue = row(4, (1, 9), (TableName("x"), b"blue"), b"b", scope=CLUSTER, flags=DURABLE)
    rows = [
        later(later_value(node_row(5, (1, 9), NodeFacts(collected=(1, 3))))),
        later(later_value(attachment(5, (1, 4), (1, 5)))),
        later(later_value(revocation(2, (1, 9), 6, (1, 1)))),
        later(later_value(mask_of(5, (1, 7), blue))),
    ]
    void = [row(5, (1, 2)), row(5, (1, 4)), row(6, (1, 2), E1, scope=CLUSTER)]
    good = row(5, (1, 6), E1, b"good")
    for one in (*rows, blue, *void, good):
        wire.give(1, one.item)
    wire.settle()
    assert values(wire, 3) == {b"e1": b"good"}
    assert wire[3].table(CLUSTER, TableName("x")) == {}
    assert node_id(5) in wire[3].attached(NET)
    assert {one.item for one in rows} <= set(items(wire, 3, CLUSTER))


def test_a_row_of_ours_that_a_later_version_wrote_is_written_again_whole() -> None:
    """We were a later version before: what that wrote is not ours to cut short."""
    wire = Wire(1, config=TableConfig(tombstone_life_s=60.0))
    wire[1].introduce(wire.now, b"")
    wire[1].attach(wire.now, NET)
    wire.settle()
    mine = later(row(1, (1, 3), E1, b"a", flags=Flag(0x20), lamport=7))
    wire.lives[1].saved[NET, *E1] = mine.item
    wire.kill(1)
    wire.start(1, saved=True)
    for number in range(4):
        wire[1].put(wire.now, NET, (ENDPOINT, b"%d" % number), b"")
        wire[1].delete(wire.now, NET, (ENDPOINT, b"%d" % number))
    wire.run(500.0)
    (again,) = [one for one in wire[1].rows(NET).values() if one.name == E1]
    assert again.epoch == 2
    assert unpack_array_untrusted(again.body)[7:] == [7, 0x20, b"a", *MORE]


def test_a_row_of_another_version_of_the_whole_format_is_counted_and_dropped() -> None:
    wire = attached_wire(1)
    body = row(4, (1, 2)).body
    body = body.replace(b"\x9a\x01", b"\x9a\x02", 1)
    wire.give(1, body + bytes(64))
    assert wire[1].counters()["bad_rows"] == 1
    assert dict(wire[1].rows(NET)) == {}


def test_a_message_of_a_kind_not_known_is_counted_and_dropped() -> None:
    wire = attached_wire(1)
    unknown = max(Kind) + 1
    wire[1].receive(wire.now, node_id(2), pack((unknown, NET, 1)), streamed=False)
    assert wire[1].counters() == {"unknown_messages": 1}


anything: st.SearchStrategy[Value] = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2**64 - 1) | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=8,
)


def words_of(number: int) -> list[Name]:
    """Return names that the tables read, of what a node says of itself and others."""
    return [
        (NODE, bytes(node_id(number))),
        (NODE, b"other"),
        (ATTACHMENT, bytes(NET)),
        (ATTACHMENT, bytes(64)),
        (REVOCATION, bytes(node_id(1))),
        (REVOCATION, b"k"),
        (MASK, b"k"),
    ]


@pytest.mark.slow
@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([2, 3, 4]),
            st.integers(0, 6),
            st.lists(anything, max_size=6) | st.binary(max_size=30),
            st.sampled_from([CLUSTER, NET, OTHER]),
            st.integers(0, 2**32 - 1),
        ),
        max_size=12,
    )
)
def test_whatever_others_say_nobody_else_is_harmed(
    words: list[tuple[int, int, list[Value] | bytes, Scope, int]],
) -> None:
    wire = attached_wire(2)
    wire.managers.clear()
    wire[1].put(wire.now, NET, E1, b"mine")
    wire[2].put(wire.now, NET, (ENDPOINT, b"e2"), b"his")
    wire.settle()
    for step, (owner, place, said, scope, flags) in enumerate(words):
        value = said if isinstance(said, bytes) else pack(said)
        name, version = words_of(owner)[place], (1, 50 + step)
        wire.give(
            1, row(owner, version, name, value, scope=scope, flags=Flag(flags)).item
        )
    wire.settle()
    assert wire[2].shown(NET, E1) is not None
    assert wire[1].put(wire.now, NET, E1, b"again").owner == node_id(1)
    wire[1].introduce(wire.now, b"and so on")
    wire[1].detach(wire.now, NET)
    wire.settle()
    wire.probe()
    assert wire.agree()
