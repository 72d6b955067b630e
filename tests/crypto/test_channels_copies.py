"""An observer copies packets, faster than they come, from other addresses."""

from dataclasses import replace
from typing import Final

import pytest

from swarmnet.crypto.channel import Parcel
from swarmnet.crypto.packets import Kind
from swarmnet.crypto.places import PATH_FRESH_S
from swarmnet.crypto.switchboard import Received, Transmit
from swarmnet.ids import Address
from tests.crypto.peers import (
    PATIENT,
    Mail,
    Peer,
    Table,
    agree,
    connected,
    kinds,
    pair,
)

LIAR: Final = Address(bytes((192, 0, 2, 66)), 666)
MOVED: Final = Address(bytes((10, 0, 9, 1)), 7000)


def overtake(table: Table, mail: list[Mail]) -> None:
    """Let copies arrive, from the liar's address, and then the packets themselves."""
    for one in mail:
        table.deliver(one, LIAR)
        table.deliver(one)


def answered(table: Table, one: Peer, other: Peer) -> None:
    """Let `other` answer what came early where the peer is said to be, as a node."""
    while (output := other.channels.poll_output()) is not None:
        assert isinstance(output, Received)
        other.received.append(output)
        other.send(table.now, one, b"ack of " + output.data)


def test_at_first_contact_a_faster_copy_takes_no_answer_away() -> None:
    table, one, other = pair()
    one.send(table.now, other, b"ping")
    overtake(table, table.collect())
    answered(table, one, other)
    mail = table.collect()
    assert [(p.data[0], p.address) for _, p in mail] == [
        (Kind.RESPONSE, LIAR),
        (Kind.RESPONSE, one.address),
    ]
    assert len(mail[0][1].data) <= len(one.sent[0].data)
    table.deliver(mail[1])
    table.run()
    assert (one.data, agree(one, other)) == ([b"ack of ping"], False)
    one.send(table.now, other, b"more")
    table.run()
    assert agree(one, other)


def test_a_faster_copy_of_an_answer_takes_no_confirmation_away_and_is_no_home() -> None:
    table, one, other = pair()
    one.channels.open(table.now, other.node, other.address)
    table.deliver(table.collect()[0])
    overtake(table, table.collect())
    mail = table.collect()
    assert [(len(p.data), p.address) for _, p in mail] == [
        (32, LIAR),
        (32, other.address),
    ]
    assert one.channel(other).places.home == other.address
    table.deliver(mail[1])
    table.run()
    assert agree(one, other)


def test_where_nothing_was_sent_to_a_peer_an_observed_path_is_no_home() -> None:
    table, one, other = connected()
    one.send(table.now, other, b"x")
    overtake(table, table.collect())
    channel = other.channel(one)
    channel.last = None
    other.channels._initiator.begin(table.now, channel)
    table.collect()
    assert channel.places.home == one.address


@pytest.mark.parametrize("size", [10, 1000])
def test_a_copy_brings_a_third_party_three_times_its_bytes_and_no_more(
    size: int,
) -> None:
    table, one, other = connected(PATIENT)
    one.send(table.now, other, b"copied")
    (mail,) = table.collect()
    table.deliver(mail, LIAR)
    table.deliver(mail)
    got = 0
    for _ in range(500):
        other.send(table.now, one, bytes(size), replayable=False)
        sent = [packet for _, packet in table.collect()]
        assert sent[-1].address == one.address
        got += sum(len(packet.data) for packet in sent if packet.address == LIAR)
        table.now += PATH_FRESH_S / 1000
    assert got <= 3 * len(mail[1].data)


def test_who_has_moved_is_reached_though_all_his_packets_are_copied_faster() -> None:
    table, one, other = connected(PATIENT)
    # Nobody is where he said that he was, and his next claim is late.
    table.fate = lambda _number, packet: packet.address == MOVED
    for number in range(30):
        one.send(table.now, other, b"here", replayable=False)
        (mail,) = table.collect()
        table.deliver(mail, LIAR)
        table.deliver(mail, MOVED)
        other.send(table.now, one, b"%d" % number, replayable=False)
        places = [packet.address for _, packet in table.collect()]
        expected = [LIAR, MOVED, one.address] if number < 10 else [LIAR, MOVED]
        assert places == expected
        table.now += 1.0


def unclaimed(table: Table, to: Peer, address: Address, data: bytes) -> Parcel:
    """Return a parcel for a peer that nobody has said to be where it was heard."""
    return Parcel(
        data, address, streamed=False, replayable=True, since=table.now, claimed=False
    )


def test_a_replayed_first_packet_brings_its_source_one_answer_and_no_more() -> None:
    table, one, other = pair()
    one.send(table.now, other, b"ping")
    ((_, recorded),) = table.collect()
    table.give(LIAR, recorded)
    assert isinstance(other.channels.poll_output(), Received)
    # What fits travels in the answer, and the rest waits for the peer.
    for data in (b"ack", bytes(1000)):
        other.channels.send(table.now, one.node, unclaimed(table, one, LIAR, data))
    table.wait(10.0)
    other.channels.send(table.now, one.node, unclaimed(table, one, LIAR, b"later"))
    table.wait(10.0)
    assert [(p.data[0], p.address) for p in other.sent] == [(Kind.RESPONSE, LIAR)]
    assert len(other.sent[0].data) <= len(recorded.data)
    assert other.count("waited_too_long") == 2
    assert other.count("placeless") > 0


def test_what_waits_for_one_heard_at_first_goes_where_he_confirms_from() -> None:
    table, one, other = pair()
    one.send(table.now, other, b"ping")
    (mail,) = table.collect()
    table.deliver(mail, LIAR)
    assert isinstance(other.channels.poll_output(), Received)
    for data in (b"ack", b"waits"):
        other.channels.send(table.now, one.node, unclaimed(table, one, LIAR, data))
    ((number, answer),) = table.collect()
    table.deliver((number, replace(answer, address=one.address)))
    table.run()
    assert one.data == [b"ack", b"waits"]
    assert [p.address for p in other.sent] == [LIAR, one.address]


def test_what_waits_goes_home_if_anything_says_where_that_is() -> None:
    table, one, other = pair()
    one.send(table.now, other, b"ping")
    table.deliver(table.collect()[0], LIAR)
    table.collect()
    other.channels.send(table.now, one.node, unclaimed(table, one, LIAR, bytes(500)))
    assert table.collect() == []
    other.send(table.now, one, b"claimed")
    table.run()
    assert {p.address for p in other.sent[1:]} == {one.address}
    assert sorted(one.data) == sorted((bytes(500), b"claimed"))


def test_a_stranger_is_answered_by_stream_where_his_stream_is() -> None:
    table, one, other = pair()
    one.send(table.now, other, b"ping", streamed=True)
    table.deliver(table.collect()[0], MOVED)
    assert isinstance(other.channels.poll_output(), Received)
    parcel = replace(unclaimed(table, one, MOVED, bytes(2000)), streamed=True)
    other.channels.send(table.now, one.node, parcel)
    table.wait(0.2)
    assert {(p.streamed, p.address) for p in other.sent} == {(True, MOVED)}
    assert len(other.sent) > 1


def test_what_closes_a_meeting_is_taken_on_streams_alone() -> None:
    table, one, other = pair()
    parcel = Parcel(
        b"hi", other.address, streamed=True, replayable=False, since=table.now
    )
    one.channels.send_to_address(table.now, parcel)
    for receiver, kind in ((other, Kind.OPENING), (one, Kind.ANSWER)):
        ((number, packet),) = table.collect()
        assert packet.data[0] == kind
        table.give(LIAR, replace(packet, streamed=False))
        assert (table.collect(), receiver.count("stream_only")) == ([], 1)
        table.deliver((number, packet))
    closing, first = table.collect()
    assert kinds([closing, first]) == [(1, Kind.CLOSING), (1, Kind.TRANSPORT)]
    table.give(LIAR, Transmit(other.address, closing[1].data, False))
    assert (other.count("stream_only"), other.board.channels) == (2, {})
    for mail in (closing, first):
        table.deliver(mail)
    table.collect()
    assert (other.data, other.channel(one).path) == ([b"hi"], None)
