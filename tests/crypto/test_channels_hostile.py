"""Hostile strangers and members: nothing raises, nothing grows, nobody is misled."""

from random import Random
from typing import Final

import pytest

from swarmnet.crypto.channel import Parcel
from swarmnet.crypto.handshake import HandshakeState
from swarmnet.crypto.packets import (
    HEADS,
    Kind,
    decode_answer_untrusted,
    decode_first_untrusted,
    encode_answer,
    encode_cookie,
    encode_first,
    encode_hint,
    mac,
)
from swarmnet.crypto.settings import ChannelSettings
from swarmnet.crypto.switchboard import IK, XX, Switchboard, Transmit
from swarmnet.ids import Address
from tests.crypto.peers import Peer, Table, connected, kinds, pair, snapshot

ELSEWHERE: Final = Address(bytes((192, 0, 2, 66)), 666)
MALFORMED: Final = (b"\x01", b"\x01\xff\xff", b"\x04\x00", b"\x05\x00\x00\x00\x00\x00")
"""Handovers that announce what is not there; an honest peer never makes them."""


def noise(board: Switchboard, pattern: bytes, index: int, peer: Peer) -> HandshakeState:
    """Return a handshake that anybody who knows the cluster can begin with `peer`."""
    return HandshakeState(
        pattern,
        initiator=True,
        prologue=board.prologue + index.to_bytes(4, "big"),
        static=Random("liar").randbytes(32) if pattern == XX else board.keys,
        remote_static=peer.keys.public if pattern == IK else None,
        random_bytes=Random(index).randbytes,
    )


def with_macs(label: bytes, packet: bytes) -> bytes:
    packet += mac(label, packet)
    return packet + bytes(16)


def give(table: Table, to: Peer, data: bytes, *, streamed: bool = False) -> None:
    table.give(ELSEWHERE, Transmit(to.address, data, streamed))


# Authentic, and malformed inside


@pytest.mark.parametrize("payload", [*MALFORMED, b"", b"\x00", b"\x08"])
def test_a_members_malformed_answer_ends_its_handshake_and_nothing_else(
    payload: bytes,
) -> None:
    table, one, other = pair()
    one.send(table.now, other, b"payload", replayable=False)
    ((_, packet),) = table.collect()
    first = decode_first_untrusted(Kind.INITIATION, packet.data)
    handshake = other.board.handshake(IK, first.sender, initiator=False)
    handshake.read_message(first.message)
    answer = encode_answer(
        Kind.RESPONSE, first.sender, handshake.write_message(payload)
    )
    for _ in range(3):
        give(table, one, answer)
    assert (one.count("bad_packets"), one.count("late_answers")) == (1, 2)
    assert one.sizes()["by_index"] == 0
    table.wait(1.0)
    assert other.data == [b"payload"]


@pytest.mark.parametrize("payload", MALFORMED)
def test_a_members_malformed_initiation_is_dropped(payload: bytes) -> None:
    table, one, other = pair()
    handshake = noise(one.board, IK, 7, other)
    packet = encode_first(Kind.INITIATION, 7, handshake.write_message(payload))
    before = snapshot(other)
    for _ in range(3):
        give(table, other, with_macs(other.board.own_label, packet))
    assert snapshot(other) == before
    assert (other.count("bad_packets"), table.collect()) == (3, [])


@pytest.mark.parametrize("payload", [*MALFORMED, b"", b"\x00", b"\x04\x00\x00\x00\x07"])
def test_a_strangers_malformed_answer_to_an_opening_ends_nothing_but_that_try(
    payload: bytes,
) -> None:
    table, one, other = pair()
    parcel = Parcel(b"payload", other.address, True, False, table.now)
    one.channels.send_to_address(table.now, parcel)
    ((_, packet),) = table.collect()
    first = decode_first_untrusted(Kind.OPENING, packet.data)
    liar = Peer(9)
    handshake = liar.board.handshake(XX, first.sender, initiator=False)
    handshake.read_message(first.message)
    answer = encode_answer(Kind.ANSWER, first.sender, handshake.write_message(payload))
    for _ in range(3):
        give(table, one, answer, streamed=True)
    assert table.collect() == []
    table.wait(1.5)
    assert other.data == [b"payload"]


@pytest.mark.parametrize("payload", [*MALFORMED, b"", b"\x00"])
def test_a_strangers_malformed_closing_ends_his_handshake_and_nothing_else(
    payload: bytes,
) -> None:
    table, _, other = pair()
    handshake = noise(other.board, XX, 7, other)
    packet = encode_first(Kind.OPENING, 7, handshake.write_message(b""))
    give(table, other, with_macs(other.board.open_label, packet), streamed=True)
    ((_, answer),) = table.collect()
    _, message = decode_answer_untrusted(Kind.ANSWER, answer.data)
    handed_over = handshake.read_message(message)
    index = int.from_bytes(handed_over[1:5], "big")
    closing = encode_answer(Kind.CLOSING, index, handshake.write_message(payload))
    for _ in range(3):
        give(table, other, closing, streamed=True)
    sizes = other.sizes()
    assert (sizes["half_open"], sizes["by_index"], sizes["channels"]) == (0, 0, 0)
    assert table.collect() == []


# Our own packets, come back


def test_our_own_packets_sent_back_to_us_are_refused() -> None:
    table, one, other = pair()
    one.send(table.now, other, b"first")
    table.run()
    for number in range(5):
        for sender, receiver in ((one, other), (other, one)):
            streamed = number % 2 == 1
            sender.send(table.now, receiver, b"%d" % number, streamed=streamed)
            table.run()
    recorded = list(table.passed)
    heard = [list(peer.received) for peer in table.peers]
    held = [snapshot(peer)[1:] for peer in table.peers]
    for number, packet in recorded:
        sender = table.peers[number - 1]
        table.give(
            packet.address,
            Transmit(sender.address, packet.data, packet.streamed),
        )
        assert all(kind is Kind.HINT for _, kind in kinds(table.collect()))
    assert [peer.received for peer in table.peers] == heard
    assert [snapshot(peer)[1:] for peer in table.peers] == held


def test_who_calls_its_own_address_does_not_meet_itself() -> None:
    table = Table(1)
    (one,) = table.peers
    one.knows(one)
    parcel = Parcel(b"hello?", one.address, True, False, table.now)
    one.channels.send_to_address(table.now, parcel)
    table.wait(10.0)
    assert one.received == []
    assert one.count("reflections") == 3
    table.wait(120.0)
    assert (one.sizes()["meetings"], one.sizes()["by_index"]) == (0, 0)


# What costs nothing


def forgeries(target: Peer, random: Random) -> list[tuple[bytes, bool]]:
    """Return one packet of each kind that only looks right, and on which transport."""
    session = next(iter(target.board.sessions), random.getrandbits(32))
    index = random.choice((random.getrandbits(32), session))
    junk = random.randbytes(random.randint(0, 300))
    first = encode_first(Kind.INITIATION, index, random.randbytes(96) + junk)
    opening = encode_first(Kind.OPENING, index, bytes(32) + junk)
    head = HEADS[Kind.TRANSPORT] + index.to_bytes(4, "big")
    streamed = random.random() < 0.5
    return [
        (junk, streamed),
        (HEADS[random.choice(list(Kind))] + junk, streamed),
        (first + random.randbytes(32), streamed),
        (with_macs(target.board.own_label, first), streamed),
        (opening + random.randbytes(32), streamed),
        # Of low order: no handshake comes of it.
        (with_macs(target.board.open_label, opening), streamed),
        (encode_answer(Kind.RESPONSE, index, random.randbytes(48) + junk), streamed),
        (encode_answer(Kind.ANSWER, index, random.randbytes(96) + junk), streamed),
        (encode_answer(Kind.CLOSING, index, random.randbytes(64) + junk), streamed),
        (
            encode_cookie(index, random.randbytes(16), random.randbytes(32)),
            streamed,
        ),
        (encode_hint(index, random.getrandbits(64)), streamed),
        (head + random.randbytes(24) + junk, streamed),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("count", [1000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_thousands_of_garbage_and_forged_packets_of_each_kind_take_no_room(
    count: int,
) -> None:
    table, one, other = connected()
    random = Random(count)
    one.send(table.now, other, b"in the air")
    ((_, packet),) = table.collect()
    before = snapshot(other)
    for _ in range(count):
        for data, streamed in forgeries(other, random):
            give(table, other, data, streamed=streamed)
        while other.channels.poll_output() is not None:
            pass
    assert snapshot(other) == before
    table.give(one.address, packet)
    table.run()
    assert other.data == [b"in the air"]


def test_a_stranger_who_opens_again_and_again_is_bounded_and_forgotten() -> None:
    table, one, other = pair(ChannelSettings(half_open_max=10.0))
    for number in range(100):
        handshake = noise(other.board, XX, number, other)
        packet = encode_first(Kind.OPENING, number, handshake.write_message(b""))
        give(table, other, with_macs(other.board.open_label, packet), streamed=True)
    sizes = other.sizes()
    assert (sizes["half_open"], sizes["by_index"], sizes["channels"]) == (10, 10, 0)
    assert other.count("half_open_dropped") == 90
    table.collect()
    table.wait(120.0)
    assert set(other.sizes().values()) == {0}
    assert (other.channels.poll_timeout(), one.received) == (None, [])


def test_an_opening_by_datagram_is_never_answered() -> None:
    table, _, other = pair()
    handshake = noise(other.board, XX, 7, other)
    packet = encode_first(Kind.OPENING, 7, handshake.write_message(b""))
    give(table, other, with_macs(other.board.open_label, packet))
    assert (table.collect(), other.count("stream_only")) == ([], 1)


@pytest.mark.parametrize("cluster", [b"another cluster".ljust(32), b""])
def test_another_clusters_members_are_strangers_before_any_key_exchange(
    cluster: bytes,
) -> None:
    table, one, other = pair()
    one.board.cluster = cluster
    one.board.__post_init__()
    one.send(table.now, other, b"payload")
    parcel = Parcel(b"payload", other.address, True, False, table.now)
    one.channels.send_to_address(table.now, parcel)
    table.run()
    assert other.count("mac1_wrong") == 2
    assert set(other.sizes().values()) == {0}
