"""Bytes from strangers: reading gives a frame or BadPacket, and nothing else."""

from typing import Final

import msgpack
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from swarmnet.errors import BadPacket
from swarmnet.ids import Address, Scope
from swarmnet.swim.claim import Claim
from swarmnet.swim.codec import (
    Frame,
    Kind,
    claim_of,
    decode_frame_untrusted,
    encode_frame,
    encode_message,
    payload_news,
)
from swarmnet.swim.coordinates import ORIGIN
from swarmnet.swim.messages import (
    Ack,
    ClaimNews,
    Compare,
    Digest,
    Have,
    Join,
    Nack,
    PayloadNews,
    Ping,
    PingRequest,
    Ranges,
    SketchOffer,
    Want,
    WantClaims,
    Welcome,
)
from swarmnet.swim.outputs import Payload, PayloadClass
from tests.swim.worlds import address, alive, frame, node, suspect

DIGEST: Final = Digest(bytes(16), 1)
PAYLOAD: Final = Payload(b"k", Scope(b""), PayloadClass.URGENT, b"v")
CONVERSATION: Final = frame(
    alive(1),
    suspect(1, 2),
    Ping(1, DIGEST),
    Ack(1),
    Ack(1, ORIGIN),
    Nack(1),
    PingRequest(1, node(2), address(2), 0.4),
    payload_news(PAYLOAD),
    Have((1, 2), reminds=True),
    Want((1,)),
    Compare(DIGEST),
    SketchOffer(bytes(13)),
    WantClaims((1,)),
    Ranges(bytes(16)),
    Join(),
    Welcome(DIGEST),
)
ID_1, ID_2, AT = bytes(node(1)), bytes(node(2)), address(1).pack()


def reads_totally(data: bytes) -> bool:
    """Say whether `data` is a frame; any exception but BadPacket escapes."""
    try:
        frame_read = decode_frame_untrusted(data)
    except BadPacket:
        return False
    return isinstance(frame_read, Frame)


NESTED_500 = b"\x92\x01\x92\x63" + b"\x91" * 500 + b"\x90"
NESTED_600 = b"\x92\x01\x92\x63" + b"\x91" * 600 + b"\x90"
NESTED_CLAIM = b"\x92\x01\x94\x05\xc4\x00\xc4\x00" + b"\x91" * 600 + b"\x90"


@given(st.binary(max_size=120))
@example(b"")
@example(b"\x91" * 100_000)
@example(NESTED_500)
@example(NESTED_600)
@example(NESTED_CLAIM)
@example(b"\xdd\xff\xff\xff\xff")  # an array of 2**32 - 1
@example(b"\x92\x01\xdf\xff\xff\xff\xff")  # a map as large
@example(b"\x92\x01\xc6\xff\xff\xff\xff")  # bytes as many
@example(b"\x92\x01\xc9\xff\xff\xff\xff\x01")  # an extension as long
@example(b"\x92\x01\x92\x02\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00")  # NaN
@example(b"\x92\x01\x92\x02\xca\x7f\x80\x00\x00")  # infinity
@example(b"\x92\x01\x92\x63\xa2\xff\xfe")  # no UTF-8
@example(b"\x92\x01\x92\x63\xd6\xff\xff\xff\xff\xff")  # a timestamp
@example(b"\x92\x01\x92\x63\xd7\xff" + b"\xff" * 8)  # one out of range
@example(b"\x92\x01\x92\x63\x81\x90\xc0")  # a list for a key
@example(b"\x92\x01\x92\x63\xd4\x05\x00")  # an extension
@example(b"\x92\x01\xc1")  # never used
@example(b"\x81\x01\x01")
@example(b"\x01")
@example(b"\x91\x00")
@example(b"\x92\x01\x90")
@example(b"\x92\xc3\x92\x02\x01")  # true is no version
@example(b"\x92\x01\x92\xc3\x01")  # nor a kind
def test_any_bytes_are_a_frame_or_refused(data: bytes) -> None:
    assert reads_totally(data) in (True, False)


@given(
    st.lists(
        st.tuples(st.integers(0, len(CONVERSATION) - 1), st.integers(0, 255)),
        min_size=1,
        max_size=4,
    )
)
def test_a_conversation_with_bytes_changed_is_a_frame_or_refused(
    changes: list[tuple[int, int]],
) -> None:
    data = bytearray(CONVERSATION)
    for place, value in changes:
        data[place] = value
    assert reads_totally(bytes(data)) in (True, False)


@given(
    st.integers(0, len(CONVERSATION)),
    st.integers(0, len(CONVERSATION)),
    st.binary(max_size=20),
)
def test_a_conversation_with_a_part_replaced_is_a_frame_or_refused(
    one: int, other: int, inserted: bytes
) -> None:
    start, stop = sorted((one, other))
    data = CONVERSATION[:start] + inserted + CONVERSATION[stop:]
    assert reads_totally(data) in (True, data == CONVERSATION)


MSGPACK_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.binary(max_size=20)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=8,
)


@given(
    st.lists(
        st.tuples(st.integers(0, 16), st.lists(MSGPACK_VALUES, max_size=7)),
        max_size=4,
    )
)
def test_messages_with_any_fields_are_a_frame_or_refused(
    shapes: list[tuple[int, list[object]]],
) -> None:
    data: bytes = msgpack.packb([1, *([kind, *fields] for kind, fields in shapes)])
    assert reads_totally(data) in (True, bool(not shapes))


@given(st.lists(MSGPACK_VALUES, max_size=9), st.integers(0, 4))
def test_claim_bodies_of_any_fields_are_claims_or_refused(
    fields: list[object], state: int
) -> None:
    body: bytes = msgpack.packb([1, state, bytes(16), *fields])
    try:
        claim = claim_of(body, b"")
    except BadPacket:
        return
    assert claim.body == body


def body_of(*fields: object) -> bytes:
    """Return the packed array of `fields`."""
    packed: bytes = msgpack.packb(fields)
    return packed


def with_fields(packed: bytes, *more: object) -> bytes:
    """Return a packed message with further fields behind those that it has."""
    array: bytes = msgpack.packb([*msgpack.unpackb(packed), *more])
    return array


def test_messages_of_unknown_kinds_are_skipped_and_counted() -> None:
    strange: bytes = msgpack.packb([99, {"a": [1.5, None]}, "text"])
    data = encode_frame([strange, encode_message(Ack(7)), msgpack.packb([0]), strange])
    assert decode_frame_untrusted(data) == Frame((Ack(7),), 3)


def test_a_frame_of_a_later_version_is_read() -> None:
    assert decode_frame_untrusted(b"\x92\x02\x92\x02\x07") == Frame((Ack(7),), 0)


@pytest.mark.parametrize(
    "message",
    [
        Ping(1, DIGEST, b"rider"),
        Ack(1, ORIGIN),
        Nack(1),
        PingRequest(1, node(2), address(2), 0.4),
        Have((1, 2), reminds=True),
        Want((1,)),
        Compare(DIGEST),
        SketchOffer(bytes(13)),
        WantClaims((1,)),
        Ranges(bytes(16)),
        Join(),
        Welcome(DIGEST),
    ],
    ids=lambda message: type(message).__name__,
)
def test_further_fields_of_a_message_are_passed_over(message: Ack) -> None:
    item = with_fields(encode_message(message), 5, [b"more"])
    assert decode_frame_untrusted(encode_frame([item])) == Frame((message,), 0)


@pytest.mark.parametrize(
    "tail",
    [
        b"\x05",
        b"\xca\x3f\xc0\x00\x00",  # 1.5 in four bytes
        b"\xcd\x00\x01",  # 1 in two
        b"\xdc\x00\xc8" + b"\xca\x3f\xc0\x00\x00" * 200,
        b"\x91" * 400 + b"\xc0",
        b"\x81\xa1a\x02",
        b"\xc7\x0c\xff" + bytes(12),  # a timestamp
    ],
    ids=["int", "float", "long int", "floats", "nested", "map", "timestamp"],
)
def test_further_fields_of_a_payloads_body_are_kept_as_they_came(tail: bytes) -> None:
    body = b"\x95" + body_of(b"", b"k", 0, b"v")[1:] + tail
    item = body_of(6, body)
    (read,) = decode_frame_untrusted(encode_frame([item])).messages
    assert read == PayloadNews(PAYLOAD, item)
    assert isinstance(read, PayloadNews)
    assert read.payload.body == body
    assert payload_news(read.payload) == read
    assert encode_message(read) == item


def test_what_stands_behind_a_payloads_body_is_passed_over() -> None:
    item = with_fields(payload_news(PAYLOAD).item, 5, [b"more", None])
    (read,) = decode_frame_untrusted(encode_frame([item])).messages
    assert read == payload_news(PAYLOAD)


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ((6, b"\x94\xc4\x00\xc4\x00\x00\xc4\x00"), "want 1 to 64 bytes"),
        ((6, b"\x94\xc4\x00\xc4\x41" + bytes(65) + b"\x00\xc4\x00"), "1 to 64 bytes"),
        ((6, b"\x94\xc4\x21" + bytes(33) + b"\xc4\x01k\x00\xc4\x00"), "0 to 32 bytes"),
        ((6, b"\x94\xc4\x00\xc4\x01k\x02\xc4\x00"), "from 0 to 1"),
        ((6, b"\x93\xc4\x00\xc4\x01k\x00"), "at least 4 fields"),
        ((6, b"\x94\xc4\x00\xc4\x01k\x00\xa1\xff"), "no msgpack"),
        ((6, [b"", b"k", 0, b"v"]), "0 to 65536 bytes"),
        ((10, b""), "want 1 to 65536 bytes"),
        ((11, b""), "want 8 to 65536 bytes"),
        ((11, bytes(9)), "multiple of 8"),
        ((2, 7, ORIGIN.pack()[:-1]), "want 44 to 44 bytes"),
        ((2, 7, ORIGIN.pack() + b"x"), "want 44 to 44 bytes"),
        ((2, 7, b"\x7f\xc0\0\0" + ORIGIN.pack()[4:]), "coordinate out of bounds"),
        ((2, 7, None), "want 44 to 44 bytes"),
        ((4, 5, ID_2, AT), "at least 5 fields"),
        ((4, 5, ID_2, AT, -1), "integer from 0 to 60000"),
        ((4, 5, ID_2, AT, 60_001), "integer from 0 to 60000"),
        ((4, 5, ID_2, AT, 0.4), "integer from 0 to 60000"),
    ],
)
def test_a_message_whose_parts_are_out_of_bounds_is_refused(
    item: tuple[object, ...], reason: str
) -> None:
    with pytest.raises(BadPacket, match=reason):
        decode_frame_untrusted(encode_frame([body_of(*item)]))


def test_further_fields_of_a_claims_body_are_kept() -> None:
    body = with_fields(alive(1).body, 5, [b"more"])
    (read,) = decode_frame_untrusted(frame(claim_of(body, b"p"))).messages
    assert isinstance(read, ClaimNews)
    assert (read.claim.body, read.claim.address) == (body, address(1))


@pytest.mark.parametrize("tail", [b"x", bytes(2000), [b"more", None], {"a": 1}])
def test_what_stands_behind_a_claims_proof_is_passed_over(tail: object) -> None:
    item = with_fields(alive(1).item, tail)
    (read,) = decode_frame_untrusted(encode_frame([item])).messages
    assert read == ClaimNews(alive(1))
    assert encode_message(read) == alive(1).item


def test_claims_are_equal_whose_signed_bytes_are() -> None:
    one, other = claim_of(alive(1).body, b"p"), claim_of(alive(1).body, b"q")
    assert (one == other, hash(one) == hash(other)) == (True, True)
    assert one.item != other.item
    assert one.precedence == other.precedence
    assert one not in (alive(1, 1, 1), alive(1, meta=b"m"), alive(2), one.body)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (body_of(0, 0, ID_1, 1, 0, AT, b""), "version 0"),
        (body_of(1, 2, ID_1, 1, 0, AT, b""), "DEAD with 7 fields"),
        (body_of(1, 4, ID_1, 1, 0, AT, b""), "0 to 3"),
        (body_of(1, 0, ID_1, 1, 0, AT), "ALIVE with 6 fields"),
        (body_of(1, 0, ID_1[:15], 1, 0, AT, b""), "16 to 16 bytes"),
        (body_of(1, 0, ID_1, -1, 0, AT, b""), "integer from 0"),
        (body_of(1, 0, ID_1, 1, True, AT, b""), "integer from 0"),
        (body_of(1, 0, ID_1, 1, 1.0, AT, b""), "integer from 0"),
        (body_of(1, 0, ID_1, 1, 0, AT[:5], b""), "address of 5 bytes"),
        (body_of(1, 0, ID_1, 1, 0, bytes(6), b""), "port 0"),
        (body_of(1, 0, ID_1, 1, 0, AT, bytes(513)), "0 to 512 bytes"),
        (body_of(1, 1, ID_1, 1, 0, ID_1), "accuses itself"),
        (body_of(1, 1, ID_1, 1, 0, AT), "16 to 16 bytes"),
        (body_of(1, 1, ID_1, 1, 0), "at least 6 fields"),
        (b"\x01", "a int where an array"),
    ],
)
def test_a_body_that_is_no_claim_is_refused(body: bytes, reason: str) -> None:
    with pytest.raises(BadPacket, match=reason):
        claim_of(body, b"proof")


def test_a_claim_of_an_ipv6_address_is_read() -> None:
    at = Address(bytes(15) + b"\1", 7946)
    claim: Claim = alive(1, at=at)
    assert decode_frame_untrusted(frame(claim)).messages == (ClaimNews(claim),)
    assert claim.address == at


@pytest.mark.parametrize("count", [1.0, True, "1", None, [1], -1])
def test_what_only_equals_a_count_that_was_read_is_no_count(count: object) -> None:
    ping = [int(Kind.PING), 7, bytes(16)]
    (read,) = decode_frame_untrusted(msgpack.packb([1, [*ping, 1]])).messages
    assert read == Ping(7, Digest(bytes(16), 1))
    with pytest.raises(BadPacket):
        decode_frame_untrusted(msgpack.packb([1, [*ping, count]]))


@pytest.mark.parametrize("kind", [1.0, True, "1", None, [1], -1])
def test_what_only_equals_a_kind_is_no_kind(kind: object) -> None:
    with pytest.raises(BadPacket):
        decode_frame_untrusted(msgpack.packb([1, [kind, 7, bytes(16), 1]]))
