"""What travels inside a channel: whose bytes they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.errors import BadPacket
from swarmnet.ids import NodeId
from swarmnet.node.envelope import (
    WANTED_MAX,
    decode_certificates_untrusted,
    decode_wanted_untrusted,
    encode_certificates,
    encode_wanted,
    wrap_swim,
)

IDS = tuple(NodeId(bytes((number,)) * 16) for number in range(WANTED_MAX))


def test_a_membership_frame_stands_behind_a_zero() -> None:
    assert wrap_swim(b"frame") == b"\x00frame"


def test_wanted_ids_stand_side_by_side() -> None:
    assert encode_wanted(IDS[1:3]).hex() == "01" + "01" * 16 + "02" * 16


def test_certificates_are_an_array_of_bytes() -> None:
    assert encode_certificates([b"a", b"bc"]).hex() == "0292c40161c4026263"


@pytest.mark.parametrize("count", [0, 1, WANTED_MAX])
def test_wanted_ids_survive_the_way(count: int) -> None:
    assert decode_wanted_untrusted(encode_wanted(IDS[:count])[1:]) == IDS[:count]


@pytest.mark.parametrize("count", [0, 1, WANTED_MAX])
def test_certificates_survive_the_way(count: int) -> None:
    chains = tuple(bytes(IDS[index]) * 20 for index in range(count))
    assert decode_certificates_untrusted(encode_certificates(chains)[1:]) == chains


@pytest.mark.parametrize("body", [b"x", bytes(17), bytes(16 * (WANTED_MAX + 1))])
def test_what_is_no_list_of_ids_is_a_bad_packet(body: bytes) -> None:
    with pytest.raises(BadPacket):
        decode_wanted_untrusted(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x01",
        encode_certificates([bytes(2000)])[1:],
        encode_certificates([b"a"] * (WANTED_MAX + 1))[1:],
    ],
)
def test_what_are_no_certificates_is_a_bad_packet(body: bytes) -> None:
    with pytest.raises(BadPacket):
        decode_certificates_untrusted(body)


@given(st.binary(max_size=200))
def test_any_bytes_give_a_message_or_a_bad_packet(body: bytes) -> None:
    read = 0
    for decode in (decode_wanted_untrusted, decode_certificates_untrusted):
        try:
            decode(body)
        except BadPacket:
            continue
        read += 1
    assert read <= 2
