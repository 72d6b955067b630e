"""The bytes of rows and of what sync says: golden, round trips, cuts, rubbish."""

from typing import Final

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from swarmnet.errors import BadPacket
from swarmnet.ids import NODE_ID_BYTES, NodeId, Scope
from swarmnet.sketch import hash_item
from swarmnet.tables.codec import (
    KEY_BYTES_MAX,
    LAMPORT_MAX,
    VERSION_MAX,
    decode_message_untrusted,
    decode_row_untrusted,
    encode_again,
    encode_body,
    encode_message,
)
from swarmnet.tables.config import ROW_BYTES_MAX
from swarmnet.tables.facts import (
    MaskFacts,
    NodeFacts,
    attachment_about,
    attachment_since,
    encode_attachment,
    encode_revocation,
    mask_facts,
    node_facts,
    revocation_cut,
)
from swarmnet.tables.messages import (
    Compare,
    Message,
    Offer,
    Page,
    Ranges,
    Rows,
    Want,
    WantPage,
)
from swarmnet.tables.row import ENDPOINT, PROOF_BYTES, Flag, TableName
from swarmnet.wire import Value, pack
from tests.tables.rows import E1, NET, attached_wire, row, true_messages
from tests.tables.wire import node_id

GOLDEN: Final = (
    "9a01"
    "a8656e64706f696e74"
    "c4106e6574316e6574316e6574316e657431"
    "c4026531"
    "c41000000000000000000000000000000004"
    "02"
    "07"
    "09"
    "02"
    "c40831302e302e302e31"
)

u62 = st.integers(0, VERSION_MAX)
scopes = st.binary(max_size=32).map(Scope)
versions = st.tuples(u62, u62)
node_ids = st.binary(min_size=16, max_size=16).map(NodeId)
tables = st.text(min_size=1, max_size=32).filter(lambda s: s.isprintable())
names = st.tuples(tables.map(TableName), st.binary(min_size=1, max_size=64))
items = st.lists(st.binary(max_size=80), max_size=5).map(tuple)
parts = st.tuples(u62, u62).map(sorted)
messages: st.SearchStrategy[Message] = st.one_of(
    st.builds(Compare, scopes, st.binary(min_size=16, max_size=16), u62),
    st.builds(Offer, scopes, st.binary(max_size=200)),
    st.builds(Want, scopes, st.lists(u62, max_size=9).map(tuple)),
    st.builds(Rows, scopes, items),
    st.builds(Ranges, scopes, st.binary(max_size=200)),
    st.builds(lambda scope, part: WantPage(scope, *part), scopes, parts),
    st.builds(
        lambda s, part, rows: Page(s, part[0], part[1], rows), scopes, parts, items
    ),
)
MESSAGES: Final = true_messages()


def test_a_row_has_these_very_bytes() -> None:
    place, content = (NET, E1), (Flag.DURABLE, b"10.0.0.1")
    assert encode_body(node_id(4), place, (2, 7), 9, content).hex() == GOLDEN


@given(node_ids, scopes, names, versions, st.integers(0, LAMPORT_MAX))
def test_a_row_comes_back_as_it_was_written(
    owner: NodeId,
    scope: Scope,
    name: tuple[TableName, bytes],
    version: tuple[int, int],
    lamport: int,
) -> None:
    for flags in (Flag(0), Flag.DELETED | Flag.DURABLE, Flag(0xFF)):
        body = encode_body(owner, (scope, name), version, lamport, (flags, b"value"))
        item = body + bytes(PROOF_BYTES)
        read = decode_row_untrusted(item, b"key")
        assert (read.owner, read.scope, read.name) == (owner, scope, name)
        assert (read.version, read.lamport, read.flags) == (version, lamport, flags)
        assert (read.value, read.item, read.body) == (b"value", item, body)
        assert read.hash128 == hash_item(b"key", body)


@given(versions)
def test_a_row_that_is_said_again_differs_in_its_version_alone(
    version: tuple[int, int],
) -> None:
    one = row(4, (3, 4), E1, b"value", lamport=5, flags=Flag(0x42))
    again = encode_again(one, version)
    place, content = (one.scope, one.name), (one.flags, one.value)
    assert again == encode_body(one.owner, place, version, 5, content)


@pytest.mark.parametrize("cut", range(120))
def test_a_row_cut_short_is_a_bad_packet(cut: int) -> None:
    item = row(4, (1, 2), E1, b"10.0.0.1").item
    assert cut < len(item)
    with pytest.raises(BadPacket):
        decode_row_untrusted(item[:cut], b"")


BAD_FIELDS: Final[tuple[tuple[int, Value], ...]] = (
    *((0, 2), (0, True), (0, None), (1, ""), (1, "t" * 33), (1, b"endpoint")),
    *((2, bytes(33)), (2, "net"), (3, b""), (3, bytes(KEY_BYTES_MAX + 1))),
    *((4, bytes(NODE_ID_BYTES - 1)), (4, bytes(NODE_ID_BYTES + 1))),
    *((5, -1), (5, True), (6, 1.0), (7, LAMPORT_MAX + 1), (8, 1 << 32), (8, -1)),
    *((9, None), (9, "value")),
)


@pytest.mark.parametrize(("place", "value"), BAD_FIELDS)
def test_a_row_with_a_field_out_of_bounds_is_a_bad_packet(
    place: int, value: Value
) -> None:
    fields: list[Value] = [1, "endpoint", NET, b"e1", node_id(4), 1, 2, 3, 0, b"v"]
    decode_row_untrusted(pack(fields) + bytes(PROOF_BYTES), b"")
    fields[place] = value
    with pytest.raises(BadPacket):
        decode_row_untrusted(pack(fields) + bytes(PROOF_BYTES), b"")


def test_a_row_that_is_too_large_for_a_datagram_is_a_bad_packet() -> None:
    fits = row(4, (1, 2), E1, bytes(850)).body
    room = ROW_BYTES_MAX - PROOF_BYTES - len(fits)
    assert len(row(4, (1, 2), E1, bytes(850 + room)).item) == ROW_BYTES_MAX
    with pytest.raises(BadPacket, match="row of 1025 bytes"):
        row(4, (1, 2), E1, bytes(851 + room))


@given(messages)
def test_a_message_comes_back_as_it_was_said(message: Message) -> None:
    assert decode_message_untrusted(encode_message(message)) == message


@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_cut_short_is_a_bad_packet(message: Message) -> None:
    data = encode_message(message)
    for cut in range(len(data)):
        with pytest.raises(BadPacket):
            decode_message_untrusted(data[:cut])


@pytest.mark.parametrize("message", MESSAGES)
def test_further_fields_of_a_message_are_overlooked(message: Message) -> None:
    data = encode_message(message)
    longer = bytes((data[0] + 1,)) + data[1:] + pack(("more",))
    assert decode_message_untrusted(longer) == message


@pytest.mark.parametrize(
    "fields",
    [
        *((1, NET, bytes(15), 1), (1, NET, bytes(16), -1), (1, NET, bytes(16))),
        *((2, NET, "cells"), (2, bytes(33), b""), (3, NET, bytes(7)), (3, NET, None)),
        *((4, NET, b"row"), (4, NET, [b"row", 1]), (4, NET, [bytes(1025)])),
        *((4, NET, [b""] * 4097), (5, NET, 1), (6, NET, 2, 1), (6, NET, 1)),
        *((7, NET, 1, 2), (7, NET, 2, 1, []), (7, NET, 1, 2, None), (-1, NET, 1)),
        *(("4", NET, []), (4, None, []), (), (4,), (4, NET)),
    ],
)
def test_a_message_with_a_field_out_of_bounds_is_a_bad_packet(
    fields: tuple[Value, ...],
) -> None:
    with pytest.raises(BadPacket):
        decode_message_untrusted(pack(fields))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_or_a_bad_packet(data: bytes) -> None:
    ends = []
    for decode in (lambda d: decode_row_untrusted(d, b""), decode_message_untrusted):
        try:
            ends.append(decode(data))
        except BadPacket:
            ends.append(None)
    assert len(ends) == 2


@given(st.data())
def test_any_change_of_true_bytes_is_a_value_or_a_bad_packet(
    data: st.DataObject,
) -> None:
    true = row(4, (1, 2), E1, b"10.0.0.1").item
    said = [true, *(encode_message(message) for message in MESSAGES)]
    changed = bytearray(data.draw(st.sampled_from(said)))
    for _ in range(3):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(
            st.integers(0, 255)
        )
    wire = attached_wire(1)
    wire.give(1, bytes(changed))
    for streamed in (False, True):
        wire[1].receive(wire.now, node_id(1), bytes(changed), streamed=streamed)
        wire.settle()
    assert wire[1].put(wire.now, NET, E1, b"still here").owner == node_id(1)


@given(st.lists(st.binary(max_size=120), max_size=20))
def test_a_node_takes_any_bytes_and_counts_them(packets: list[bytes]) -> None:
    wire = attached_wire(2)
    before = sum(wire[1].counters().values())
    for data in packets:
        wire.give(1, data)
        for streamed in (False, True):
            wire[1].receive(wire.now, node_id(2), data, streamed=streamed)
            wire.settle()
    assert sum(wire[1].counters().values()) - before == 3 * len(packets)


@given(versions, versions, st.dictionaries(node_ids, versions, max_size=5))
def test_what_a_node_says_of_itself_comes_back(
    collected: tuple[int, int],
    floor: tuple[int, int],
    acks: dict[NodeId, tuple[int, int]],
) -> None:
    facts = NodeFacts(collected, floor, True, acks, b"about")
    later = (min(max(collected[0], floor[0]) + 1, VERSION_MAX), VERSION_MAX)
    assume(max(collected, floor) < later)
    said = row(4, later, (TableName("node"), node_id(4)), facts.encode())
    assert node_facts(said) == facts
    other = row(5, (1, 1), (TableName("node"), node_id(4)), facts.encode())
    assert node_facts(other) is None


@given(names, node_ids, versions, u62)
def test_what_other_rows_say_comes_back(
    name: tuple[TableName, bytes], owner: NodeId, version: tuple[int, int], number: int
) -> None:
    facts = MaskFacts(name, owner, version, number)
    assert mask_facts(row(4, (1, 1), E1, facts.encode())) == facts
    attached = row(4, (1, 1), E1, encode_attachment(version, b"about"))
    assert attachment_since(attached) == version
    assert attachment_about(attached) == b"about"
    for cut in (None, version):
        assert revocation_cut(row(4, (1, 1), E1, encode_revocation(cut))) == cut


@given(st.binary(max_size=60))
def test_any_value_says_something_or_nothing(value: bytes) -> None:
    one = row(4, (1, 1), (ENDPOINT, node_id(4)), value)
    for read in (node_facts, mask_facts, attachment_since, revocation_cut):
        read(one)
    assert isinstance(attachment_about(one), bytes)


@pytest.mark.parametrize(
    "facts",
    [
        NodeFacts(collected=(3, 7)),
        NodeFacts(collected=(4, 1)),
        NodeFacts(floor=(3, 8)),
    ],
)
def test_nobody_voids_by_a_word_what_he_has_yet_to_write(facts: NodeFacts) -> None:
    """Else one whose later words are void goes on by words of earlier versions."""
    name = (TableName("node"), node_id(4))
    assert node_facts(row(4, (3, 7), name, facts.encode())) is None
    assert node_facts(row(4, (4, 2), name, facts.encode())) == facts
