"""The packets of channels: golden bytes, round trips, cuts, and bytes from anybody."""

from collections.abc import Callable
from typing import Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from swarmnet.crypto.packets import (
    COOKIE_BYTES,
    HEADS,
    HINT_BYTES,
    INDEX_MAX,
    INITIATION_OVERHEAD_BYTES,
    KINDS,
    RESPONSE_OVERHEAD_BYTES,
    TRANSPORT_OVERHEAD_BYTES,
    First,
    Kind,
    decode_answer_untrusted,
    decode_cookie_untrusted,
    decode_first_untrusted,
    decode_hint_untrusted,
    decode_transport_head_untrusted,
    encode_answer,
    encode_cookie,
    encode_first,
    encode_hint,
    has_mac1,
    kind_of,
    mac,
    mac_key,
)
from swarmnet.errors import BadPacket

FIRST: Final = (Kind.INITIATION, Kind.OPENING)
ANSWERS: Final = (Kind.RESPONSE, Kind.ANSWER, Kind.CLOSING)
KEY: Final = mac_key(b"swarmmac", b"cluster", b"key")
SHORTEST: Final = {
    Kind.INITIATION: 136,
    Kind.RESPONSE: 56,
    Kind.OPENING: 72,
    Kind.ANSWER: 104,
    Kind.CLOSING: 72,
    Kind.COOKIE: 56,
    Kind.TRANSPORT: 32,
    Kind.HINT: 16,
}


def noise(length: int) -> bytes:
    return bytes(index % 251 for index in range(length))


def first_of(kind: Kind, index: int, message: bytes) -> bytes:
    packet = encode_first(kind, index, message)
    packet += mac(KEY, packet)
    return packet + bytes(15) + b"\x07"


def decode(kind: Kind, data: bytes) -> object:
    match kind:
        case Kind.INITIATION | Kind.OPENING:
            return decode_first_untrusted(kind, data)
        case Kind.RESPONSE | Kind.ANSWER | Kind.CLOSING:
            return decode_answer_untrusted(kind, data)
        case Kind.COOKIE:
            return decode_cookie_untrusted(data)
        case Kind.TRANSPORT:
            return decode_transport_head_untrusted(data)
        case Kind.HINT:
            return decode_hint_untrusted(data)


def smallest(kind: Kind) -> bytes:
    """Return the shortest packet of a kind."""
    body = SHORTEST[kind] - 8
    match kind:
        case Kind.INITIATION | Kind.OPENING:
            return first_of(kind, 0x01020304, noise(body - 32))
        case Kind.RESPONSE | Kind.ANSWER | Kind.CLOSING:
            return encode_answer(kind, 0x01020304, noise(body))
        case Kind.COOKIE:
            return encode_cookie(0x01020304, noise(16), noise(32))
        case Kind.TRANSPORT:
            return HEADS[kind] + noise(28)
        case Kind.HINT:
            return encode_hint(0x01020304, 0x05060708090A0B0C)


GOLDEN: Final[dict[Kind, tuple[Callable[[], bytes], str]]] = {
    Kind.INITIATION: (
        lambda: encode_first(Kind.INITIATION, 0xA1A2A3A4, b"\xee" * 3),
        "01010000 a1a2a3a4 eeeeee",
    ),
    Kind.RESPONSE: (
        lambda: encode_answer(Kind.RESPONSE, 0xB1B2B3B4, b"\xee" * 3),
        "02010000 b1b2b3b4 eeeeee",
    ),
    Kind.OPENING: (
        lambda: encode_first(Kind.OPENING, 0xA1A2A3A4, b"\xee" * 3),
        "03010000 a1a2a3a4 eeeeee",
    ),
    Kind.ANSWER: (
        lambda: encode_answer(Kind.ANSWER, 0xB1B2B3B4, b"\xee" * 3),
        "04010000 b1b2b3b4 eeeeee",
    ),
    Kind.CLOSING: (
        lambda: encode_answer(Kind.CLOSING, 0xB1B2B3B4, b"\xee" * 3),
        "05010000 b1b2b3b4 eeeeee",
    ),
    Kind.COOKIE: (
        lambda: encode_cookie(0xB1B2B3B4, b"\x0e" * 16, b"\xcc" * 32),
        "06010000 b1b2b3b4" + "0e" * 16 + "cc" * 32,
    ),
    Kind.TRANSPORT: (lambda: HEADS[Kind.TRANSPORT], "07010000"),
    Kind.HINT: (
        lambda: encode_hint(0xB1B2B3B4, 0x0102030405060708),
        "08010000 b1b2b3b4 0102030405060708",
    ),
}


@pytest.mark.parametrize("kind", Kind)
def test_the_bytes_of_each_kind_are_these(kind: Kind) -> None:
    make, expected = GOLDEN[kind]
    assert make().hex() == expected.replace(" ", "")


def test_the_macs_are_these() -> None:
    # BLAKE2s, by an independent implementation.
    assert KEY.hex() == (
        "c9ef39d54bdd2dbdfe097ff6e01b9862333ca9fb05a8bb872d4535ca49a5c27c"
    )
    assert mac(KEY, b"packet").hex() == "97104be161f9bb3e624037db32c4f243"


def test_the_sizes_are_these() -> None:
    assert (INITIATION_OVERHEAD_BYTES, RESPONSE_OVERHEAD_BYTES) == (136, 56)
    assert (COOKIE_BYTES, HINT_BYTES, TRANSPORT_OVERHEAD_BYTES) == (56, 16, 32)
    assert {kind: len(smallest(kind)) for kind in Kind} == SHORTEST


@pytest.mark.parametrize("kind", FIRST)
@pytest.mark.parametrize("index", [0, 1, INDEX_MAX])
def test_a_first_packet_comes_back_as_it_was(kind: Kind, index: int) -> None:
    message = noise(200)
    data = first_of(kind, index, message)
    assert decode_first_untrusted(kind, data) == First(
        kind=kind,
        sender=index,
        message=message,
        mac1=mac(KEY, data[:-32]),
        checked_twice=data[:-16],
        mac2=bytes(15) + b"\x07",
    )


@pytest.mark.parametrize("kind", ANSWERS)
@pytest.mark.parametrize("index", [0, 1, INDEX_MAX])
def test_an_answer_comes_back_as_it_was(kind: Kind, index: int) -> None:
    data = encode_answer(kind, index, noise(200))
    assert decode_answer_untrusted(kind, data) == (index, noise(200))


@given(
    index=st.integers(min_value=0, max_value=INDEX_MAX),
    counter=st.integers(min_value=0, max_value=2**64 - 1),
    nonce=st.binary(min_size=16, max_size=16),
    sealed=st.binary(min_size=32, max_size=32),
)
def test_cookies_hints_and_heads_come_back_as_they_were(
    index: int, counter: int, nonce: bytes, sealed: bytes
) -> None:
    cookie = encode_cookie(index, nonce, sealed)
    assert decode_cookie_untrusted(cookie) == (index, nonce, sealed)
    hint = encode_hint(index, counter)
    assert decode_hint_untrusted(hint) == (index, counter)
    transport = HEADS[Kind.TRANSPORT] + hint[4:] + bytes(16)
    assert decode_transport_head_untrusted(transport) == (index, counter)


@pytest.mark.parametrize("kind", Kind)
def test_a_packet_cut_anywhere_is_bad(kind: Kind) -> None:
    whole = smallest(kind)
    decode(kind, whole)
    for end in range(len(whole)):
        with pytest.raises(BadPacket):
            decode(kind, whole[:end])


@pytest.mark.parametrize("kind", [Kind.COOKIE, Kind.HINT])
def test_a_packet_of_fixed_length_with_a_byte_more_is_bad(kind: Kind) -> None:
    with pytest.raises(BadPacket):
        decode(kind, smallest(kind) + b"\0")


@pytest.mark.parametrize("kind", Kind)
def test_a_kind_is_known_by_its_first_four_bytes_alone(kind: Kind) -> None:
    head = HEADS[kind]
    assert head == bytes((kind, 1, 0, 0))
    assert (kind_of(head), kind_of(smallest(kind))) == (kind, kind)
    assert [kind_of(head[:end]) for end in range(4)] == [None] * 4
    for byte in (1, 2, 3):
        for bit in range(8):
            wrong = bytearray(head)
            wrong[byte] ^= 1 << bit
            assert kind_of(bytes(wrong) + bytes(200)) is None


def test_no_other_first_byte_is_a_kind() -> None:
    kinds = [kind_of(bytes((byte, 1, 0, 0))) for byte in range(256)]
    assert kinds == [None, *Kind, *[None] * 247]
    assert len(KINDS) == len(Kind) == 8


@pytest.mark.parametrize("kind", FIRST)
def test_mac1_covers_all_that_stands_before_it(kind: Kind) -> None:
    data = first_of(kind, 5, noise(100))
    assert has_mac1(KEY, data)
    assert not has_mac1(mac_key(b"swarmmac", b"cluster", b"kez"), data)
    for bit in range(8 * (len(data) - 16)):
        wrong = bytearray(data)
        wrong[bit // 8] ^= 1 << bit % 8
        assert not has_mac1(KEY, bytes(wrong))
    assert has_mac1(KEY, data[:-16] + bytes(16))


@pytest.mark.parametrize("end", range(33))
def test_a_packet_too_short_for_macs_has_no_right_one(end: int) -> None:
    assert not has_mac1(KEY, first_of(Kind.INITIATION, 5, noise(100))[:end])


@given(st.sampled_from(Kind), st.binary(max_size=300))
@example(Kind.TRANSPORT, b"")
def test_any_bytes_are_a_packet_or_bad(kind: Kind, data: bytes) -> None:
    for given_data in (data, HEADS[kind] + data):
        try:
            decode(kind, given_data)
        except BadPacket:
            continue
        assert len(given_data) >= SHORTEST[kind]
