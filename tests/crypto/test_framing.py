"""Packets on a stream: whole again however it is cut, and bounded for strangers."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.crypto.framing import (
    PEER_BYTES_MAX,
    STRANGER_BYTES_MAX,
    Unframer,
    frame,
)
from swarmnet.errors import BadPacket

PACKETS: Final = (b"a", b"bc", b"\0" * 300, b"d" * STRANGER_BYTES_MAX)


def peer() -> Unframer:
    """Return an unframer whose other end has shown who it is."""
    unframer = Unframer()
    unframer.authenticated()
    return unframer


def test_a_frame_is_this_on_the_wire() -> None:
    assert frame(b"\xaa\xbb").hex() == "00000002aabb"
    assert frame(b"x" * PEER_BYTES_MAX)[:4].hex() == "00010000"


@pytest.mark.parametrize("length", [0, PEER_BYTES_MAX + 1])
def test_what_cannot_be_taken_is_not_framed(length: int) -> None:
    with pytest.raises(AssertionError):
        frame(bytes(length))


def test_packets_come_out_as_they_went_in() -> None:
    stream = b"".join(map(frame, PACKETS))
    assert list(Unframer().receive(stream)) == list(PACKETS)


def test_a_stream_may_be_cut_anywhere() -> None:
    stream = b"".join(map(frame, (b"a", b"bc", b"\0\0\0\1")))
    for cut in range(len(stream) + 1):
        unframer = Unframer()
        taken = [*unframer.receive(stream[:cut]), *unframer.receive(stream[cut:])]
        assert taken == [b"a", b"bc", b"\0\0\0\1"]


def test_a_stream_may_come_byte_by_byte() -> None:
    unframer = Unframer()
    taken = [
        packet
        for byte in b"".join(map(frame, PACKETS))
        for packet in unframer.receive(bytes((byte,)))
    ]
    assert taken == list(PACKETS)
    assert list(unframer.receive(b"")) == []


@given(st.lists(st.binary(min_size=1, max_size=50)), st.lists(st.integers(1, 60)))
def test_any_packets_survive_any_cuts(packets: list[bytes], sizes: list[int]) -> None:
    stream = b"".join(map(frame, packets))
    unframer = Unframer()
    taken: list[bytes] = []
    for size in (*sizes, len(stream)):
        taken += unframer.receive(stream[:size])
        stream = stream[size:]
    assert taken == packets


@pytest.mark.parametrize(
    ("unframer", "length"),
    [
        (Unframer(), 0),
        (Unframer(), STRANGER_BYTES_MAX + 1),
        (Unframer(), 0xFFFFFFFF),
        (peer(), 0),
        (peer(), PEER_BYTES_MAX + 1),
        (peer(), 0xFFFFFFFF),
    ],
)
def test_a_length_out_of_bounds_is_bad_before_anything_of_it_has_come(
    unframer: Unframer, length: int
) -> None:
    with pytest.raises(BadPacket):
        list(unframer.receive(length.to_bytes(4, "big")))


@pytest.mark.parametrize("length", [1, STRANGER_BYTES_MAX])
def test_a_stranger_may_send_up_to_his_bound(length: int) -> None:
    assert list(Unframer().receive(frame(bytes(length)))) == [bytes(length)]


def test_a_peer_may_send_up_to_its_own() -> None:
    assert list(peer().receive(frame(bytes(PEER_BYTES_MAX)))) == [bytes(PEER_BYTES_MAX)]


def test_who_is_authenticated_by_one_packet_may_send_a_long_one_in_the_same_piece() -> (
    None
):
    unframer, taken = Unframer(), []
    long = bytes(STRANGER_BYTES_MAX + 1)
    for packet in unframer.receive(frame(b"who I am") + frame(long)):
        taken.append(packet)
        unframer.authenticated()
    assert taken == [b"who I am", long]


def test_what_came_before_a_bad_length_is_handed_up_and_nothing_after() -> None:
    unframer = Unframer()
    packets = unframer.receive(frame(b"good") + bytes(4) + frame(b"never"))
    assert next(packets) == b"good"
    with pytest.raises(BadPacket):
        next(packets)
    assert list(unframer.receive(b"")) == []
    with pytest.raises(BadPacket):
        list(unframer.receive(frame(b"never")))


def test_whoever_goes_on_after_a_bad_length_fills_no_memory() -> None:
    unframer = Unframer()
    for _ in range(1000):
        with pytest.raises(BadPacket):
            list(unframer.receive(b"\xff" * 1000))
    assert len(unframer._held) == 0


@given(st.lists(st.binary(max_size=3000), max_size=10))
def test_any_bytes_are_packets_or_bad_and_at_most_one_packet_is_held(
    pieces: list[bytes],
) -> None:
    unframer = Unframer()
    for piece in pieces:
        try:
            for packet in unframer.receive(piece):
                assert 0 < len(packet) <= STRANGER_BYTES_MAX
        except BadPacket:
            return
        assert len(unframer._held) < 4 + STRANGER_BYTES_MAX


def test_a_long_first_packet_is_taken_by_its_head_alone() -> None:
    long = b"known!!!" + bytes(STRANGER_BYTES_MAX)
    stream = frame(long) + frame(b"x")
    unframer = Unframer(lambda head: head == b"known!!!")
    pieces = (stream[i : i + 1] for i in range(len(stream)))
    found = [packet for piece in pieces for packet in unframer.receive(piece)]
    assert found == [long, b"x"]
    other = Unframer(lambda head: head == b"known!!!")
    with pytest.raises(BadPacket):
        list(other.receive(frame(b"strange!" + long)))
    too_long = (PEER_BYTES_MAX + 1).to_bytes(4, "big") + long
    with pytest.raises(BadPacket):
        list(Unframer(lambda _: True).receive(too_long))
