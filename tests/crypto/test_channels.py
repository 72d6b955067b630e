"""Channels of two who know each other: begun when needed, by the first datagram."""

from itertools import combinations
from typing import Final

import pytest

from swarmnet.crypto.channel import PENDING_MAX
from swarmnet.crypto.framing import PEER_BYTES_MAX
from swarmnet.crypto.packets import Kind
from swarmnet.crypto.settings import ChannelSettings
from swarmnet.crypto.switchboard import Received
from swarmnet.errors import Refused
from tests.crypto.peers import Peer, Table, agree, connected, kinds, pair

INITIATION, RESPONSE, TRANSPORT = Kind.INITIATION, Kind.RESPONSE, Kind.TRANSPORT
FIRST_ROOM: Final = 1200 - 136 - 1
"""What a first datagram can carry of 1,200 bytes."""


def received(sender: Peer, data: bytes, *, early: bool, streamed: bool) -> Received:
    return Received(sender.node, sender.address, data, streamed, early)


def check_quiet(table: Table) -> None:
    """Nothing is left to be sent, and nobody begins anything by himself."""
    for peer in table.peers:
        assert peer.channels.poll_output() is None
        assert (peer.board.replying, peer.sizes()["by_index"]) == ([], 0)


def test_nothing_is_sent_before_there_is_something_to_send() -> None:
    table, one, other = pair()
    table.wait(3600.0)
    assert table.passed == []
    assert [peer.channels.poll_timeout() for peer in (one, other)] == [None, None]
    assert one.channels.count_sessions() == (0, 0, 0)


def test_the_first_datagram_travels_inside_the_first_packet() -> None:
    table, one, other = pair()
    one.send(table.now, other, b"probe")
    assert table.step()
    assert other.channels.poll_output() == received(
        one, b"probe", early=True, streamed=False
    )
    table.run()
    assert kinds(table.passed) == [(1, INITIATION), (2, RESPONSE)]
    assert one.channels.is_open(table.now, other.node)
    # The answer waits to be used, for the packet that it answers may be a replay.
    assert not other.channels.is_open(table.now, one.node)
    assert other.channels.count_sessions() == (1, 1, 1)
    check_quiet(table)


def test_an_ack_travels_in_the_answer_so_that_a_probe_costs_no_round_trip_more() -> (
    None
):
    table, one, other = pair()
    one.send(table.now, other, b"ping")
    assert table.step()
    assert isinstance(other.channels.poll_output(), Received)
    other.send(table.now, one, b"ack")
    table.run()
    assert kinds(table.passed) == [(1, INITIATION), (2, RESPONSE)]
    assert one.received == [received(other, b"ack", early=False, streamed=False)]


def test_after_that_each_datagram_is_one_packet_of_32_bytes_more() -> None:
    table, one, other = connected()
    for number in range(5):
        one.send(table.now, other, b"there %d" % number, replayable=False)
        other.send(table.now, one, b"back %d" % number)
        table.run()
    assert [len(packet.data) for _, packet in table.passed] == [39, 38] * 5
    assert other.received[-1] == received(one, b"there 4", early=False, streamed=False)
    assert one.data == [b"back %d" % number for number in range(5)]


def test_what_must_not_be_seen_twice_waits_for_the_answer() -> None:
    table, one, other = pair()
    one.send(table.now, other, b"once", replayable=False)
    table.run()
    assert kinds(table.passed) == [(1, INITIATION), (2, RESPONSE), (1, TRANSPORT)]
    assert other.received == [received(one, b"once", early=False, streamed=False)]
    assert agree(one, other)
    check_quiet(table)


@pytest.mark.parametrize(
    ("limit", "streamed", "room"),
    [
        (None, False, FIRST_ROOM),
        (512, False, FIRST_ROOM - 688),
        (9000, False, FIRST_ROOM + 7800),
        (512, True, 1024),
    ],
)
def test_a_first_packet_carries_what_fits_and_the_rest_waits(
    limit: int | None, streamed: bool, room: int
) -> None:
    for length, early in ((room, True), (room + 1, False)):
        table, one, other = pair()
        if limit is not None:
            one.channels.limit_datagrams(other.node, limit)
        one.send(table.now, other, bytes(length), streamed=streamed)
        table.run()
        assert other.received == [
            received(one, bytes(length), early=early, streamed=streamed)
        ]
        first = table.passed[0][1]
        assert len(first.data) == (137 + length if early else 137)


def test_the_second_of_two_that_fit_waits_while_the_first_travels() -> None:
    table, one, other = pair()
    for data in (b"a", b"b", b"c"):
        one.send(table.now, other, data)
    table.run()
    assert [(r.data, r.early) for r in other.received] == [
        (b"a", True),
        (b"b", False),
        (b"c", False),
    ]
    check_quiet(table)


def test_a_datagram_above_the_peers_limit_is_never_sent() -> None:
    table, one, other = connected()
    for length in (1200 - 32, 1200 - 31):
        one.send(table.now, other, bytes(length))
    one.channels.limit_datagrams(other.node, 600)
    for length in (600 - 32, 600 - 31):
        one.send(table.now, other, bytes(length))
    table.run()
    assert list(map(len, other.data)) == [1168, 568]
    assert one.count("too_large") == 2


def test_what_no_stream_can_frame_is_never_sent() -> None:
    table, one, other = connected()
    for length in (PEER_BYTES_MAX - 32, PEER_BYTES_MAX - 31):
        one.send(table.now, other, bytes(length), streamed=True)
    table.run()
    assert list(map(len, other.data)) == [PEER_BYTES_MAX - 32]
    assert one.count("too_large") == 1


@pytest.mark.parametrize("limit", [511, 65_508])
def test_a_limit_out_of_bounds_is_refused(limit: int) -> None:
    _, one, other = pair()
    with pytest.raises(Refused):
        one.channels.limit_datagrams(other.node, limit)


def answered(one: Peer, other: Peer, table: Table, answer: bytes) -> list[int]:
    """Let `one` probe and `other` answer; return how long the first two packets are."""
    one.send(table.now, other, bytes(300))
    assert table.step()
    assert isinstance(other.channels.poll_output(), Received)
    other.send(table.now, one, answer)
    table.run()
    assert one.data == [answer]
    return [len(packet.data) for _, packet in table.passed[:2]]


def test_an_answer_carries_what_fits_and_is_never_longer_than_its_cause() -> None:
    table, one, other = pair()
    assert answered(one, other, table, bytes(437 - 61)) == [437, 437]
    assert kinds(table.passed) == [(1, INITIATION), (2, RESPONSE)]
    table, one, other = pair()
    assert answered(one, other, table, bytes(437 - 60)) == [437, 61]
    # The larger one follows when an empty packet has shown that it was no replay.
    assert kinds(table.passed)[2:] == [(1, TRANSPORT), (2, TRANSPORT)]
    assert len(table.passed[2][1].data) == 32
    check_quiet(table)


def test_an_answer_keeps_to_the_answerers_limit_for_that_peer() -> None:
    table, one, other = pair()
    other.channels.limit_datagrams(one.node, 512)
    one.send(table.now, other, bytes(1000))
    assert table.step()
    assert isinstance(other.channels.poll_output(), Received)
    other.send(table.now, one, bytes(479))
    table.run()
    assert one.data == [bytes(479)]
    sizes = [len(packet.data) for number, packet in table.passed if number == 2]
    assert max(sizes) <= 512


def test_streams_begin_by_the_same_handshake_and_go_on_beside_datagrams() -> None:
    table, one, other = pair()
    one.send(table.now, other, b"stream", streamed=True, replayable=False)
    table.run()
    assert kinds(table.passed) == [(1, INITIATION), (2, RESPONSE), (1, TRANSPORT)]
    assert {packet.streamed for _, packet in table.passed} == {True}
    one.send(table.now, other, b"datagram")
    other.send(table.now, one, b"back", streamed=True)
    table.run()
    assert [(r.data, r.streamed) for r in other.received] == [
        (b"stream", True),
        (b"datagram", False),
    ]
    assert [(r.data, r.streamed) for r in one.received] == [(b"back", True)]
    assert len(table.passed) == 5


def test_a_peer_that_may_not_talk_is_passed_over() -> None:
    table = Table(2, known=False)
    one, other = table.peers
    one.send(table.now, other, b"who?")
    one.channels.open(table.now, other.node, other.address)
    table.run()
    assert (table.passed, one.count("keyless")) == ([], 2)
    assert set(one.sizes().values()) == {0}


def test_a_channel_may_be_opened_before_there_is_need_and_serves_both_sides() -> None:
    table, one, other = pair()
    one.channels.open(table.now, other.node, other.address)
    table.run()
    assert kinds(table.passed) == [(1, INITIATION), (2, RESPONSE), (1, TRANSPORT)]
    assert agree(one, other)
    assert (one.received, other.received) == ([], [])
    for opener, opened in ((one, other), (other, one)):
        opener.channels.open(table.now, opened.node, opened.address)
    table.run()
    assert len(table.passed) == 3


def test_a_channel_whose_opening_was_lost_can_be_opened_again() -> None:
    table, one, other = pair()
    table.fate = lambda _number, _packet: False
    one.channels.open(table.now, other.node, other.address)
    one.channels.open(table.now, other.node, other.address)
    table.wait(0.9)
    assert kinds(table.passed) == [(1, INITIATION)]
    table.fate = lambda _number, _packet: True
    one.channels.open(table.now, other.node, other.address)
    table.run()
    assert agree(one, other)


LOSSES: Final = [lost for count in (0, 1, 2) for lost in combinations(range(6), count)]


@pytest.mark.parametrize("lost", LOSSES)
@pytest.mark.parametrize("length", [4, FIRST_ROOM + 1])
def test_whatever_two_packets_are_lost_what_waits_arrives_within_a_second(
    lost: tuple[int, ...], length: int
) -> None:
    table, one, other = pair()
    numbers = iter(range(999))
    handshakes = (INITIATION, RESPONSE)

    def arrives(_number: int, packet: object) -> bool:
        del packet
        return next(numbers) not in lost

    table.fate = lambda number, packet: (
        packet.data[0] not in handshakes or arrives(number, packet)
    )
    one.send(table.now, other, bytes(length), replayable=False)
    table.wait(1.0)
    assert other.data == [bytes(length)]
    assert agree(one, other)
    check_quiet(table)


@pytest.mark.parametrize("lost", [(1,), (2,), (3,), (2, 3), (1, 2)])
def test_an_answer_that_waits_arrives_though_its_confirmation_is_lost(
    lost: tuple[int, ...],
) -> None:
    table, one, other = pair()
    numbers = iter(range(999))
    table.fate = lambda _number, _packet: next(numbers) not in lost
    one.send(table.now, other, b"ping")
    assert table.step()
    assert isinstance(other.channels.poll_output(), Received)
    other.send(table.now, one, bytes(800), replayable=False)
    table.wait(2.0)
    # A transport packet of its own can get lost as any datagram can.
    assert one.data == ([] if lost == (3,) else [bytes(800)])
    check_quiet(table)


def test_attempts_are_spaced_ever_wider_and_end_with_what_waits() -> None:
    table, one, other = pair()
    table.fate = lambda _number, _packet: False
    one.send(table.now, other, b"once", replayable=False)
    began, at = table.now, []
    while (due := one.channels.poll_timeout()) is not None and due < began + 10.0:
        at += [table.now - began] * len(one.take(table.now))
        assert one.sizes()["by_index"] <= PENDING_MAX
        table.now = due
        one.channels.handle_timeout(due)
    expected = [0.0, 0.025, 0.075, 0.175, 0.375, 0.775, 1.575, 2.375]
    assert at == pytest.approx(expected)
    assert one.count("waited_too_long") == 1
    table.wait(60.0)
    assert one.sizes()["by_index"] == 0


def test_an_answer_to_any_of_the_last_attempts_counts_and_an_older_one_not() -> None:
    for used, expected in ((0, False), (1, True), (4, True)):
        table, one, other = pair()
        one.send(table.now, other, b"once", replayable=False)
        attempts = table.collect()
        while len(attempts) < PENDING_MAX + 1:
            table.now = one.channels.poll_timeout() or 0.0
            one.channels.handle_timeout(table.now)
            attempts += table.collect()
        table.deliver(attempts[used])
        table.run()
        assert (other.data == [b"once"]) is expected
        assert (one.count("late_answers") == 0) is expected


def test_an_answer_that_was_held_back_for_long_counts_no_more() -> None:
    table, one, other = pair()
    one.send(table.now, other, b"probe")
    table.deliver(table.collect()[0])
    (answer,) = table.collect()
    table.now += 5.0
    table.deliver(answer)
    assert one.count("late_answers") == 1
    assert not one.channels.is_open(table.now, other.node)


def test_beyond_its_bound_the_oldest_that_waits_goes() -> None:
    table, one, other = pair(ChannelSettings(waiting_max=3.0))
    for number in range(5):
        one.send(table.now, other, b"%d" % number, replayable=False)
    table.run()
    assert other.data == [b"2", b"3", b"4"]
    assert one.count("waiting_dropped") == 2


def test_what_has_waited_too_long_is_not_sent_late() -> None:
    table, one, other = pair(ChannelSettings(waiting_s=1.0))
    table.fate = lambda _number, _packet: False
    one.send(table.now, other, b"old", replayable=False)
    table.wait(0.8)
    one.send(table.now, other, b"young", replayable=False)
    table.wait(0.3)
    table.fate = lambda _number, _packet: True
    table.wait(1.0)
    assert other.data == [b"young"]
    assert one.count("waited_too_long") == 1


def test_an_idle_table_sends_nothing_for_an_hour_and_forgets_its_keys_in_time() -> None:
    table, one, other = connected()
    table.wait(3600.0)
    assert table.passed == []
    assert agree(one, other)
    table.wait(3700.0)
    assert table.passed == []
    assert one.channels.count_sessions() == (0, 0, 0)
    assert set(one.sizes().values()) - {1} == {0}
    assert [peer.channels.poll_timeout() for peer in (one, other)] == [None, None]
