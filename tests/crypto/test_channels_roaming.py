"""Where a peer is: where its newest authentic datagram came from, and its home."""

from dataclasses import replace
from typing import Final

import pytest

from swarmnet.crypto.channel import COPY_LAST
from swarmnet.crypto.packets import Kind
from swarmnet.crypto.places import PATH_FRESH_S
from swarmnet.crypto.switchboard import Received
from swarmnet.ids import Address
from tests.crypto.peers import PATIENT, Mail, Peer, Table, connected, heard_at, pair

MOVED: Final = Address(bytes((10, 0, 9, 1)), 7000)
ELSEWHERE: Final = Address(bytes((192, 0, 2, 66)), 666)


def place_of(peer: Peer, other: Peer) -> Address | None:
    return peer.channel(other).path


def targets(
    table: Table, sender: Peer, receiver: Peer, *, streamed: bool = False
) -> list[Address]:
    """Return where what is sent to `receiver` goes."""
    sender.send(table.now, receiver, b"to you", streamed=streamed)
    return [packet.address for _, packet in table.collect()]


def packets(table: Table, sender: Peer, receiver: Peer, count: int) -> list[Mail]:
    """Return so many datagrams that were sent and have not arrived."""
    mail = []
    for number in range(count):
        sender.send(table.now, receiver, b"%d" % number)
        mail += table.collect()
    return mail


def test_a_peer_is_followed_to_where_its_newest_datagram_came_from() -> None:
    table, one, other = connected()
    (mail,) = packets(table, one, other, 1)
    table.deliver(mail, MOVED)
    assert place_of(other, one) == MOVED
    assert targets(table, other, one) == [MOVED, one.address]
    assert other.received[-1].source == MOVED


def test_after_a_while_who_has_moved_is_sought_there_alone() -> None:
    table, one, other = connected()
    for _ in range(11):
        table.deliver(packets(table, one, other, 1)[0], MOVED)
        assert targets(table, other, one) == [MOVED, one.address]
        table.now += PATH_FRESH_S / 11 + 0.001
    table.deliver(packets(table, one, other, 1)[0], MOVED)
    assert targets(table, other, one) == [MOVED]
    # By its next claim it says so itself.
    one.address = MOVED
    assert targets(table, other, one) == [MOVED]


def test_who_was_not_heard_for_a_while_is_sought_where_he_is_said_to_be() -> None:
    table, one, other = connected(PATIENT)
    table.deliver(packets(table, one, other, 1)[0], MOVED)
    table.now += PATH_FRESH_S - 0.1
    assert targets(table, other, one) == [MOVED, one.address]
    table.now += 0.2
    assert targets(table, other, one) == [one.address]


def test_copies_that_are_faster_for_ever_divert_nothing() -> None:
    table, one, other = connected(PATIENT)
    before: list[Address] = []
    for seat in range(60):
        (mail,) = packets(table, one, other, 1)
        elsewhere = replace(ELSEWHERE, port=1 + seat % 3)
        table.deliver(mail, elsewhere)
        table.deliver(mail)
        assert place_of(other, one) == elsewhere
        assert targets(table, other, one) == [elsewhere, *before, one.address]
        before = [elsewhere]
        table.now += PATH_FRESH_S / 10
    assert other.count("copies") == 60
    assert len(other.data) == 60


def test_a_faster_copy_after_a_long_silence_diverts_not_even_the_answer() -> None:
    table, one, other = connected()
    table.now += 100.0
    (mail,) = packets(table, one, other, 1)
    table.deliver(mail, ELSEWHERE)
    assert targets(table, other, one) == [ELSEWHERE, one.address]


def test_only_an_authentic_copy_of_something_new_shows_that_a_peer_is_at_home() -> None:
    table, one, other = connected()
    other.send(table.now, one, b"where you are said to be")
    old = packets(table, one, other, 1)[0]
    table.deliver(old)
    for mail in packets(table, one, other, COPY_LAST):
        table.deliver(mail, MOVED)
    newest = packets(table, one, other, 1)[0]
    table.deliver(newest, MOVED)
    until = other.channel(one).places.home_until
    number, packet = newest
    forged = replace(packet, data=packet.data[:-1] + bytes((packet.data[-1] ^ 1,)))
    ahead = replace(packet, data=packet.data[:8] + b"\xff" * 8 + packet.data[16:])
    table.now += 1.0
    for mail in (old, (number, forged), (number, ahead)):
        table.deliver(mail)
    table.deliver(newest, ELSEWHERE)
    assert other.channel(one).places.home_until == until
    table.deliver(newest)
    assert other.channel(one).places.home_until == table.now + PATH_FRESH_S


def test_streams_go_home_wherever_datagrams_come_from() -> None:
    table, one, other = connected()
    table.deliver(packets(table, one, other, 1)[0], ELSEWHERE)
    assert targets(table, other, one, streamed=True) == [one.address]


def test_a_faster_copy_of_an_initiation_is_answered_at_home_as_well() -> None:
    table, one, other = connected()
    other.send(table.now, one, b"where you are said to be")
    table.collect()
    one.channels._initiator.begin(table.now, one.channel(other))
    (mail,) = table.collect()
    table.deliver(mail, ELSEWHERE)
    table.deliver(mail)
    answers = table.collect()
    assert [packet.address for _, packet in answers] == [ELSEWHERE, one.address]
    table.deliver(answers[1])
    table.run()
    current = one.current(other)
    assert current is not None
    assert current.is_initiator


def test_a_datagram_that_was_overtaken_moves_nobody_back() -> None:
    table, one, other = connected()
    old, older, new = packets(table, one, other, 3)
    table.deliver(new, MOVED)
    for mail in (old, older):
        table.deliver(mail)
    assert sorted(other.data) == []
    table.collect()
    assert sorted(other.data) == [b"0", b"1", b"2"]
    assert place_of(other, one) == MOVED


def test_a_forged_or_repeated_datagram_moves_nobody() -> None:
    table, one, other = connected()
    (mail,) = packets(table, one, other, 1)
    table.deliver(mail)
    table.now += 1.0
    number, packet = mail
    forged = packet.data[:8] + b"\xff" * 8 + packet.data[16:]
    cut = packet.data[:-1]
    for data in (packet.data, forged, cut, packet.data[:16] + bytes(100)):
        table.deliver((number, replace(packet, data=data)), ELSEWHERE)
    assert place_of(other, one) == one.address
    assert heard_at(other, one) == table.now - 1.0


def test_a_late_datagram_of_an_old_session_moves_nobody_back() -> None:
    table, one, other = connected()
    first, late = packets(table, one, other, 2)
    table.deliver(first)
    one.channels._initiator.begin(table.now, one.channel(other))
    table.run()
    (mail,) = packets(table, one, other, 1)
    table.deliver(mail, MOVED)
    assert place_of(other, one) == MOVED
    # It is the newest that ever came under its own session.
    table.deliver(late)
    told = [packet.address for _, packet in table.collect()]
    assert other.data == [b"0", b"0", b"1"]
    # It is told of the newer session where it came from as well.
    assert (place_of(other, one), told) == (MOVED, [one.address, MOVED])


def test_the_late_first_datagram_of_an_older_session_moves_nobody_back() -> None:
    table, one, other = connected()
    late: list[Mail] = []
    # The packets that would show the new sessions at once are lost.
    table.fate = lambda _number, packet: len(packet.data) != 32
    for _ in range(2):
        one.channels._initiator.begin(table.now, one.channel(other))
        table.run()
        late += packets(table, one, other, 1)
    assert len(other.channel(one).unconfirmed) == 2
    table.deliver(late[1], MOVED)
    held = other.current(one)
    table.deliver(late[0])
    table.collect()
    assert len(other.data) == 2
    assert (place_of(other, one), other.current(one)) == (MOVED, held)


def test_a_stream_moves_nobody_but_is_answered_where_it_came_from() -> None:
    table, one, other = connected()
    heard = heard_at(other, one)
    table.now += 1.0
    port = Address(one.address.host, 50_123)
    for number in range(2):
        one.send(table.now, other, b"%d" % number, streamed=True, replayable=False)
        for mail in table.collect():
            table.deliver(mail, port)
    table.collect()
    assert [(r.data, r.source) for r in other.received] == [(b"0", port), (b"1", port)]
    assert place_of(other, one) == one.address
    assert targets(table, other, one) == [one.address]
    assert heard_at(other, one) == heard


def test_a_handshake_by_stream_leads_no_datagram_to_the_streams_port() -> None:
    table, one, other = pair()
    port = Address(one.address.host, 50_123)
    table.peers[0].address = port
    one.send(table.now, other, b"hello", streamed=True, replayable=False)
    table.run()
    one.address = Address(port.host, 7946)
    assert other.data == [b"hello"]
    assert other.channel(one).path is None
    assert targets(table, other, one) == [one.address]


def test_an_initiation_moves_nobody_before_its_key_is_confirmed() -> None:
    table, one, other = connected()
    one.channels._initiator.begin(table.now, one.channel(other))
    (mail,) = table.collect()
    table.deliver(mail, ELSEWHERE)
    answer = table.collect()[0]
    # It is answered where it came from, though everything else goes on as before.
    assert (answer[1].address, answer[1].data[0]) == (ELSEWHERE, Kind.RESPONSE)
    assert place_of(other, one) == one.address
    assert targets(table, other, one) == [one.address]
    table.give(other.address, replace(answer[1], address=one.address))
    (mail,) = table.collect()
    table.deliver(mail, MOVED)
    assert place_of(other, one) == MOVED


def test_an_answer_shows_where_the_answerer_is() -> None:
    table, one, other = pair()
    one.send(table.now, other, b"probe")
    table.deliver(table.collect()[0])
    table.deliver(table.collect()[0], MOVED)
    assert place_of(one, other) == MOVED
    assert targets(table, one, other) == [MOVED, other.address]


@pytest.mark.parametrize("heard_at", [MOVED, ELSEWHERE])
def test_renewal_goes_where_datagrams_go_though_nobody_was_heard_for_long(
    heard_at: Address,
) -> None:
    table, one, other = connected()
    table.deliver(packets(table, other, one, 1)[0], heard_at)
    table.now += 3700.0
    one.send(table.now, other, b"late")
    sent = table.collect()
    assert [(packet.data[0], packet.address) for _, packet in sent] == [
        (Kind.TRANSPORT, other.address),
        (Kind.INITIATION, other.address),
    ]


def test_where_only_streams_get_through_renewal_goes_by_stream() -> None:
    table, one, other = pair()
    table.fate = lambda _number, packet: packet.streamed
    for _ in range(100):
        one.send(table.now, other, b"x", streamed=True, replayable=False)
        table.wait(100.0)
    assert len(other.data) == 100
    initiations = [p for _, p in table.passed if p.data[0] == Kind.INITIATION]
    assert [packet.streamed for packet in initiations] == [True] * 3


def test_a_moved_peer_is_told_of_a_newer_session_where_it_is_now() -> None:
    table, one, other = connected()
    table.fate = lambda _number, packet: len(packet.data) != 32
    other.channels._initiator.begin(table.now, other.channel(one))
    table.run()
    table.now += 20.0
    (mail,) = packets(table, one, other, 1)
    table.deliver(mail, MOVED)
    told = [(len(packet.data), packet.address) for _, packet in table.collect()]
    assert told == [(32, MOVED), (32, one.address)]


def test_what_waited_goes_to_where_the_peer_confirms_from_only_as_far_as_it_may() -> (
    None
):
    table, one, other = pair()
    one.send(table.now, other, b"ping")
    table.deliver(table.collect()[0])
    assert isinstance(other.channels.poll_output(), Received)
    for size in (3, 900, 60):
        other.send(table.now, one, bytes(size), replayable=False)
    table.deliver(table.collect()[0])
    # 32 bytes came from there.
    table.deliver(table.collect()[0], MOVED)
    sent = [(len(packet.data), packet.address) for _, packet in table.collect()]
    assert sent == [(932, one.address), (92, MOVED), (92, one.address)]
