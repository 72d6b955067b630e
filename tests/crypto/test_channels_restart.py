"""A peer that has lost its sessions says so by a hint, which begins a handshake."""

from dataclasses import replace
from typing import Final

import pytest

from swarmnet.crypto.packets import (
    HEADS,
    Kind,
    decode_hint_untrusted,
    decode_transport_head_untrusted,
    encode_hint,
)
from swarmnet.crypto.settings import ChannelSettings
from swarmnet.crypto.switchboard import Transmit
from swarmnet.ids import Address
from tests.crypto.peers import PATIENT, Peer, Table, agree, connected, kinds

INITIATION, RESPONSE, TRANSPORT = Kind.INITIATION, Kind.RESPONSE, Kind.TRANSPORT
HINT: Final = Kind.HINT
ELSEWHERE: Final = Address(bytes((192, 0, 2, 66)), 666)


def restarted() -> tuple[Table, Peer, Peer]:
    """Return two with a session, which the second has lost."""
    table, one, other = connected()
    other.start()
    return table, one, other


def hint_about(peer: Peer, to: Peer) -> bytes:
    """Return the hint that anybody could make who saw the last packet to `to`."""
    session = peer.current(to)
    assert session is not None
    return encode_hint(session.remote, session.datagrams.sent - 1)


def test_the_datagram_that_found_no_session_arrives_within_one_more_round_trip() -> (
    None
):
    table, one, other = restarted()
    one.send(table.now, other, b"probe")
    table.run()
    expected = [(1, TRANSPORT), (2, HINT), (1, INITIATION), (2, RESPONSE)]
    assert kinds(table.passed) == expected
    assert [(r.data, r.early) for r in other.received] == [(b"probe", True)]
    assert one.channels.is_open(table.now, other.node)


@pytest.mark.parametrize("streamed", [False, True])
def test_what_must_not_be_seen_twice_is_sent_again_once_the_peer_says_it_is_new(
    streamed: bool,
) -> None:
    table, one, other = restarted()
    one.send(table.now, other, b"once", replayable=False, streamed=streamed)
    table.run()
    assert kinds(table.passed) == [
        (1, TRANSPORT),
        (2, HINT),
        (1, INITIATION),
        (2, RESPONSE),
        (1, TRANSPORT),
    ]
    assert {packet.streamed for _, packet in table.passed} == {streamed}
    assert [(r.data, r.early) for r in other.received] == [(b"once", False)]
    assert agree(one, other)


def test_a_hint_names_the_packet_that_caused_it_and_is_half_as_long_at_most() -> None:
    table, one, other = restarted()
    one.send(table.now, other, b"")
    ((_, cause),) = table.collect()
    table.give(one.address, cause)
    ((_, hint),) = table.collect()
    named = decode_transport_head_untrusted(cause.data)
    assert (hint.address, decode_hint_untrusted(hint.data)) == (one.address, named)
    assert (len(cause.data), len(hint.data)) == (32, 16)


def test_hints_are_few_whoever_asks_for_them() -> None:
    table, _, other = connected(ChannelSettings(hints_per_s=5.0))
    stray = HEADS[TRANSPORT] + bytes(200)
    for second in range(3):
        for number in range(1000):
            source = Address(number.to_bytes(4, "big"), 7946)
            table.give(source, Transmit(other.address, stray, False))
        hints = other.take(table.now)
        assert [packet.data[0] for packet in hints] == [HINT] * 5, second
        table.now += 1.0
    assert other.count("unknown_sessions") == 3000


@pytest.mark.parametrize("replayable", [False, True])
def test_a_forged_hint_gets_nothing_delivered_twice_that_must_not_be(
    replayable: bool,
) -> None:
    table, one, other = connected()
    one.send(table.now, other, b"delivered", replayable=replayable)
    table.run()
    table.give(ELSEWHERE, Transmit(one.address, hint_about(one, other), False))
    table.run()
    assert one.count("hints_taken") == 1
    # What may be seen twice is what its sender has called harmless.
    assert other.data == [b"delivered"] * (2 if replayable else 1)
    one.send(table.now, other, b"next", replayable=False)
    table.run()
    assert (other.data[-1], agree(one, other)) == (b"next", True)


def test_forged_hints_cost_one_handshake_a_second_at_most() -> None:
    table, one, other = connected(PATIENT)
    for _ in range(500):
        one.send(table.now, other, b"x", replayable=False)
        table.run()
        table.give(ELSEWHERE, Transmit(one.address, hint_about(one, other), False))
        table.run()
        table.now += 0.01
    assert len(other.data) == 500
    assert one.count("hints_taken") <= 6
    assert kinds(table.passed).count((1, INITIATION)) <= 6
    assert one.count("hints_refused") >= 494


def test_a_hint_never_elicits_a_packet_to_whoever_sent_it() -> None:
    table, one, other = connected()
    table.give(ELSEWHERE, Transmit(one.address, hint_about(one, other), False))
    assert {packet.address for _, packet in table.collect()} == {other.address}


def test_a_hint_about_another_session_or_a_packet_not_sent_lately_is_refused() -> None:
    table, one, other = connected()
    session = one.current(other)
    assert session is not None
    for _ in range(1500):
        one.send(table.now, other, b"x")
    table.run()
    table.passed.clear()
    sent = session.datagrams.sent
    wrong = [
        encode_hint(session.remote ^ 1, sent - 1),
        encode_hint(session.local, sent - 1),
        encode_hint(session.remote, sent),
        encode_hint(session.remote, 2**64 - 1),
        encode_hint(session.remote, sent - 1025),
    ]
    for hint in wrong:
        table.give(ELSEWHERE, Transmit(one.address, hint, False))
    table.run()
    assert (table.passed, one.count("hints_refused")) == ([], 5)
    oldest = encode_hint(session.remote, sent - 1024)
    table.give(ELSEWHERE, Transmit(one.address, oldest, False))
    assert [kind for _, kind in kinds(table.collect())] == [INITIATION]


def test_a_hint_about_a_session_that_has_a_successor_is_refused() -> None:
    table, one, other = connected()
    old = hint_about(one, other)
    one.channels._initiator.begin(table.now, one.channel(other))
    table.run()
    table.passed.clear()
    table.give(ELSEWHERE, Transmit(one.address, old, False))
    table.run()
    assert (table.passed, one.count("hints_refused")) == ([], 1)


def test_only_what_was_sent_a_moment_ago_is_sent_again() -> None:
    table, one, other = restarted()
    one.send(table.now, other, b"old")
    ((_, lost),) = table.collect()
    table.now += 1.0
    table.give(one.address, lost)
    table.run()
    assert one.count("hints_taken") == 1
    assert (other.data, one.channels.is_open(table.now, other.node)) == ([], True)


def test_a_large_piece_of_a_stream_is_not_kept_to_be_sent_again() -> None:
    table, one, other = restarted()
    one.send(table.now, other, bytes(60_000), streamed=True, replayable=False)
    last = one.channel(other).last
    assert last is not None
    assert (last.data, last.address) == (b"", other.address)
    table.run()
    assert other.data == []
    assert agree(one, other)


def test_one_who_chose_the_same_index_does_not_catch_anothers_hint() -> None:
    table = Table(3)
    one, victim, liar = table.peers
    for peer in (victim, liar):
        one.channels.open(table.now, peer.node, peer.address)
        table.run()
    true, false = one.current(victim), one.current(liar)
    assert true is not None
    assert false is not None
    # A member may choose any index; it sees that of others in clear.
    held = one.board.by_remote.pop(false.remote)
    false.remote = true.remote
    one.board.by_remote[true.remote] = [*held, *one.board.by_remote[true.remote]]
    victim.start()
    for second in range(3):
        one.send(table.now, liar, b"x")
        one.send(table.now, victim, b"%d" % second, replayable=False)
        table.run()
        table.now += 0.3
    assert victim.data == [b"0", b"1", b"2"]


def test_forgetting_a_session_leaves_that_of_another_of_the_same_index() -> None:
    table = Table(3)
    one, victim, liar = table.peers
    for peer in (victim, liar):
        one.channels.open(table.now, peer.node, peer.address)
        table.run()
    true, false = one.current(victim), one.current(liar)
    assert true is not None
    assert false is not None
    one.board.by_remote.pop(false.remote)
    false.remote = true.remote
    one.board.by_remote[true.remote].append(false)
    one.channels.cut(liar.keys.public)
    assert one.board.by_remote == {true.remote: [true]}
    one.channels.cut(victim.keys.public)
    assert one.board.by_remote == {}


@pytest.mark.parametrize("speaker", [0, 1])
def test_both_may_restart_again_and_again_while_they_talk(speaker: int) -> None:
    table, _, _ = connected()
    sender, receiver = table.peers[speaker], table.peers[1 - speaker]
    for number in range(10):
        (sender, receiver)[number % 2].start()
        sender.send(table.now, receiver, b"%d" % number, replayable=False)
        table.wait(1.0)
        receiver.send(table.now, sender, b"%d" % number, replayable=False)
        table.wait(1.0)
        assert (receiver.data[-1], sender.data[-1]) == (b"%d" % number,) * 2
    assert len(receiver.data) == len(sender.data) == 10


def test_a_restarted_peer_that_speaks_first_is_heard_and_answered_at_once() -> None:
    for speaker in (0, 1):
        table, _, _ = connected()
        sender, receiver = table.peers[speaker], table.peers[1 - speaker]
        sender.start()
        sender.send(table.now, receiver, b"back again", replayable=False)
        table.run()
        receiver.send(table.now, sender, b"welcome", replayable=False)
        table.run()
        assert (receiver.data, sender.data) == ([b"back again"], [b"welcome"])
        assert agree(sender, receiver)
        assert HINT not in [kind for _, kind in kinds(table.passed)]


def test_if_the_handshake_after_a_hint_is_lost_the_next_datagram_is_hinted_again() -> (
    None
):
    table, one, other = restarted()
    table.fate = lambda _number, packet: packet.data[0] != INITIATION
    one.send(table.now, other, b"first", replayable=False)
    table.wait(1.0)
    table.fate = lambda _number, _packet: True
    one.send(table.now, other, b"second", replayable=False)
    table.wait(1.0)
    assert other.data == [b"second"]


def test_a_peer_that_forgot_us_among_many_is_no_different_from_a_new_one() -> None:
    table, one, other = connected(replace(ChannelSettings(), channels_max=1.0))
    stranger = Peer(3)
    other.knows(stranger)
    stranger.knows(other)
    stranger.send(table.now, other, b"I am new")
    (packet,) = stranger.take(table.now)
    table.give(stranger.address, packet)
    assert other.count("channels_evicted") == 1
    other.take(table.now)
    one.send(table.now, other, b"still here", replayable=False)
    table.run()
    assert other.data[-1] == b"still here"


def test_who_has_lost_the_session_and_not_the_peer_gets_nothing_twice() -> None:
    table, one, other = connected()
    one.send(table.now, other, b"once", replayable=False)
    ((_, packet),) = table.collect()
    table.give(one.address, packet)
    # Its clock has leapt, and the session is over; the network doubles the packet.
    other.fast_s = 7300.0
    table.give(one.address, packet)
    table.run()
    assert kinds(table.passed)[1:3] == [(2, HINT), (1, INITIATION)]
    assert other.data == [b"once"]
    one.send(table.now, other, b"next", replayable=False)
    table.run()
    assert other.data == [b"once", b"next"]


def test_only_what_was_sent_under_the_session_hinted_at_is_sent_again() -> None:
    table, one, other = connected()
    one.send(table.now, other, b"once", replayable=False)
    table.run()
    one.channels._initiator.begin(table.now, one.channel(other))
    table.run()
    other.start()
    # Under the newer session only an empty packet was sent so far.
    table.give(ELSEWHERE, Transmit(one.address, hint_about(one, other), False))
    table.run()
    assert one.count("hints_taken") == 1
    assert other.data == [b"once"]


def test_when_an_empty_packet_is_lost_nothing_sent_before_it_is_sent_again() -> None:
    table, one, other = connected()
    one.send(table.now, other, b"heard", replayable=True)
    table.run()
    one.channels._carrier.confirm(
        table.now, one.channel(other), other.address, streamed=False
    )
    ((_, empty),) = table.collect()
    other.start()
    table.give(one.address, empty)
    table.run()
    assert one.count("hints_taken") == 1
    assert (other.data, one.channels.is_open(table.now, other.node)) == (
        [b"heard"],
        True,
    )
