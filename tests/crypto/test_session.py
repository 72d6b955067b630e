"""Sessions: 32 bytes more, each packet once, no nonce twice, streams by themselves."""

from random import Random
from typing import Final

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.crypto.handshake import HandshakeState
from swarmnet.crypto.primitives import KeyPair
from swarmnet.crypto.session import Session, session_of
from swarmnet.errors import BadPacket

LEFT: Final = 0xA1A2A3A4
RIGHT: Final = 0xB1B2B3B4
KEYS: Final = (bytes(range(32)), bytes(range(32, 64)))


def pair() -> tuple[Session, Session]:
    """Return both ends of one session."""
    left = Session(KEYS, LEFT, RIGHT, 100.0, initiated=True)
    right = Session((KEYS[1], KEYS[0]), RIGHT, LEFT, 100.0, initiated=False)
    return left, right


def counter_of(packet: bytes) -> int:
    return int.from_bytes(packet[8:16], "big")


def test_a_packet_is_this_on_the_wire() -> None:
    left, _ = pair()
    assert left.seal(b"first").hex() == (
        "07010000b1b2b3b40000000000000000"
        + AESGCM(KEYS[0]).encrypt(bytes(12), b"first", None).hex()
    )
    assert left.seal(b"second").hex() == (
        "07010000b1b2b3b40000000000000001"
        + AESGCM(KEYS[0]).encrypt(bytes(11) + b"\x01", b"second", None).hex()
    )


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("length", [0, 1, 15, 16, 17, 1200, 65_000])
def test_a_packet_is_exactly_32_bytes_longer_than_what_it_carries(
    length: int, streamed: bool
) -> None:
    left, right = pair()
    plaintext = Random(length).randbytes(length)
    packet = left.seal(plaintext, streamed=streamed)
    assert len(packet) == length + 32
    assert right.open(packet, streamed=streamed) == plaintext


@pytest.mark.parametrize("streamed", [False, True])
def test_both_ways_go_on_by_themselves(streamed: bool) -> None:
    left, right = pair()
    for number in range(20):
        text = b"%d" % number
        there = left.seal(b"there " + text, streamed=streamed)
        back = right.seal(b"back " + text, streamed=streamed)
        assert counter_of(there) == counter_of(back) == number
        assert right.open(there, streamed=streamed) == b"there " + text
        assert left.open(back, streamed=streamed) == b"back " + text
    assert (left.sent, right.sent) == (20, 20)


@pytest.mark.parametrize("streamed", [False, True])
def test_late_and_reordered_packets_open_once_and_old_ones_never(
    streamed: bool,
) -> None:
    left, right = pair()
    packets = [left.seal(b"%d" % n, streamed=streamed) for n in range(2050)]

    def opened(*numbers: int) -> list[bytes | None]:
        return [right.open(packets[n], streamed=streamed) for n in numbers]

    assert opened(1, 0, 1, 0) == [b"1", b"0", None, None]
    assert opened(3, 2047, 3, 4, 2) == [b"3", b"2047", None, b"4", b"2"]
    # 2049 is 2047 ahead of 2, 2048 behind of which is 1.
    assert opened(2049, 2048, 5, 2) == [b"2049", b"2048", b"5", None]
    # Now 5 has left the window, and 6 is the one before it.
    rest = [*range(6, 2047)]
    assert opened(*rest) == [b"%d" % n for n in rest]
    assert opened(*range(2050)) == [None] * 2050


def test_what_falls_out_of_the_window_was_never_seen_and_never_opens() -> None:
    left, right = pair()
    packets = [left.seal(b"%d" % n) for n in range(2050)]
    assert right.open(packets[2049]) == b"2049"
    assert [right.open(packets[n]) for n in (0, 1, 2)] == [None, None, b"2"]


def test_streams_and_datagrams_count_apart_and_under_different_keys() -> None:
    left, right = pair()
    datagram, streamed = left.seal(b"same"), left.seal(b"same", streamed=True)
    assert datagram[:16] == streamed[:16]
    assert datagram[16:] != streamed[16:]
    assert right.open(datagram, streamed=True) is None
    assert right.open(streamed, streamed=False) is None
    assert right.open(streamed, streamed=True) == b"same"
    assert right.open(datagram, streamed=False) == b"same"
    assert left.sent == 2


def test_a_stream_that_is_late_opens_though_datagrams_have_gone_far_ahead() -> None:
    left, right = pair()
    late = left.seal(b"late", streamed=True)
    for number in range(3000):
        assert right.open(left.seal(b"%d" % number)) is not None
    assert right.open(late, streamed=True) == b"late"


def test_the_two_ways_have_keys_of_their_own_and_no_sender_opens_his_packet() -> None:
    left, right = pair()
    for streamed in (False, True):
        packet = left.seal(b"mine", streamed=streamed)
        assert left.open(packet, streamed=streamed) is None
        assert packet[16:] != right.seal(b"mine", streamed=streamed)[16:]


def test_no_nonce_is_used_twice_under_a_key() -> None:
    left, right = pair()
    used: list[tuple[str, bool, int]] = []
    random = Random(1)
    for _ in range(500):
        name, session = random.choice((("left", left), ("right", right)))
        streamed = random.random() < 0.5
        packet = session.seal(b"x", streamed=streamed)
        used.append((name, streamed, counter_of(packet)))
    assert len(set(used)) == len(used) == 500
    # One plaintext under one key and one nonce would give one ciphertext.
    keystreams = {left.seal(b"x", streamed=s)[16:] for s in (True, False) * 50}
    assert len(keystreams) == 100


@pytest.mark.parametrize("streamed", [False, True])
def test_every_flip_of_a_bit_is_refused_and_changes_nothing(streamed: bool) -> None:
    left, right = pair()
    packet = left.seal(b"do it", streamed=streamed)
    # The index is only for finding the session, and is looked at before it is opened.
    for bit in range(8 * 8, 8 * len(packet)):
        wrong = bytearray(packet)
        wrong[bit // 8] ^= 1 << bit % 8
        assert right.open(bytes(wrong), streamed=streamed) is None
    assert right.sent_lately(0, 9) is False
    assert right.open(packet, streamed=streamed) == b"do it"


def test_a_forged_packet_with_a_huge_counter_does_not_move_the_window() -> None:
    left, right = pair()
    packet = left.seal(b"honest")
    forged = packet[:8] + b"\xff" * 8 + packet[16:]
    assert right.open(forged) is None
    assert right.open(packet) == b"honest"
    assert right.datagrams.newest == 0


@pytest.mark.parametrize("streamed", [False, True])
def test_a_packet_without_room_for_a_tag_is_bad(streamed: bool) -> None:
    left, right = pair()
    packet = left.seal(b"", streamed=streamed)
    for end in range(32):
        with pytest.raises(BadPacket):
            right.open(packet[:end], streamed=streamed)
    assert right.open(packet, streamed=streamed) == b""


def test_the_newest_is_told_from_the_late() -> None:
    left, right = pair()
    packets = [left.seal(b"%d" % number) for number in range(3)]
    newest = []
    for number in (1, 0, 2):
        assert right.open(packets[number]) == b"%d" % number
        newest.append(right.datagrams.newest)
    assert newest == [1, 1, 2]


def test_only_the_last_that_were_sealed_were_sent_lately() -> None:
    left, _ = pair()
    for _ in range(10):
        left.seal(b"x")
    assert [n for n in range(12) if left.sent_lately(n, 3)] == [7, 8, 9]
    assert [n for n in range(12) if left.sent_lately(n, 99)] == list(range(10))
    left.seal(b"x", streamed=True)
    assert [n for n in range(12) if left.sent_lately(n, 3)] == [0, 7, 8, 9]


@given(st.lists(st.integers(min_value=0, max_value=59), max_size=200))
def test_in_any_order_each_packet_opens_exactly_once(order: list[int]) -> None:
    left, right = pair()
    packets = [left.seal(b"%d" % number) for number in range(60)]
    opened = [right.open(packets[number]) for number in order]
    expected: list[bytes | None] = []
    for at, number in enumerate(order):
        expected.append(None if number in order[:at] else b"%d" % number)
    assert opened == expected


@given(st.binary(max_size=100), st.booleans())
def test_any_bytes_are_refused(data: bytes, streamed: bool) -> None:
    left, right = pair()
    try:
        assert right.open(data, streamed=streamed) is None
    except BadPacket:
        assert len(data) < 32
    assert right.open(left.seal(b"yes", streamed=streamed), streamed=streamed) == b"yes"


def test_a_handshake_ends_in_one_session_seen_from_both_ends() -> None:
    name = b"Noise_IK_25519_AESGCM_BLAKE2s"
    ours, theirs = (KeyPair.from_private_bytes(bytes([n]) * 32) for n in (1, 2))
    random = Random(1).randbytes
    initiator = HandshakeState(
        name,
        initiator=True,
        static=ours,
        remote_static=theirs.public,
        random_bytes=random,
    )
    responder = HandshakeState(
        name, initiator=False, static=theirs, random_bytes=random
    )
    responder.read_message(initiator.write_message(b""))
    initiator.read_message(responder.write_message(b""))
    left = session_of(initiator, LEFT, RIGHT, 7.0, initiated=True)
    right = session_of(responder, RIGHT, LEFT, 8.0, initiated=False)
    assert (left.local, left.remote, left.began) == (LEFT, RIGHT, 7.0)
    assert (right.local, right.remote, right.began) == (RIGHT, LEFT, 8.0)
    assert (left.is_initiator, right.is_initiator) == (True, False)
    for streamed in (False, True):
        packet = left.seal(b"hello", streamed=streamed)
        assert right.open(packet, streamed=streamed) == b"hello"
