"""Whole conversations sent again by an observer, to those who run and to fresh ones."""

from collections.abc import Sequence
from random import Random
from typing import Final

import pytest

from swarmnet.crypto import responder
from swarmnet.crypto.packets import Kind
from swarmnet.crypto.settings import ChannelSettings
from swarmnet.crypto.switchboard import Received
from swarmnet.ids import Address
from tests.crypto.peers import Mail, Peer, Table, agree, connected, kinds, pair, places

ELSEWHERE: Final = Address(bytes((192, 0, 2, 66)), 666)
EARLY: Final = [b"first of 1", b"first of 2"]


def conversation() -> tuple[Table, list[Mail]]:
    """Let two begin at once, talk, renew, meet by address; return all packets."""
    table, one, other = pair(ChannelSettings(rekey_packets=5.0))
    for sender, receiver in ((one, other), (other, one)):
        sender.send(table.now, receiver, b"first of %d" % sender.number)
    table.run()
    for number in range(10):
        for sender, receiver in ((one, other), (other, one)):
            data = b"%d of %d" % (number, sender.number)
            streamed = number % 4 == 3
            sender.send(table.now, receiver, data, streamed=streamed, replayable=False)
            table.run()
        table.wait(1.0)
    assert agree(one, other)
    return table, list(table.passed)


def orders(mail: Sequence[Mail]) -> list[list[Mail]]:
    """Return the ways in which an observer sends all of it again."""
    random = Random(1)
    shuffled = [random.sample(mail, len(mail)) for _ in range(4)]
    doubled = [one for one in mail for _ in range(2)]
    return [list(mail), list(reversed(mail)), [*mail, *mail], doubled, *shuffled]


def replay(table: Table, mail: Sequence[Mail], source: Address | None) -> None:
    """Send packets again to whom they were sent; no answer may be longer."""
    for number, packet in mail:
        table.deliver((number, packet), source)
        answers = [sent for _, sent in table.collect() if not sent.streamed]
        total = sum(len(answer.data) for answer in answers)
        assert total <= len(packet.data), kinds([(number, packet)])


def standing(table: Table) -> list[tuple[object, ...]]:
    """Return of each side where it takes the other to be, and under which session."""
    one, other = table.peers
    return [
        (channel.path, places(channel)[0], channel.current, channel.former)
        for channel in (one.channel(other), other.channel(one))
    ]


RECORDED: Final = conversation()[1]
COUNT: Final = len(orders(RECORDED))


@pytest.mark.parametrize("source", [None, ELSEWHERE])
@pytest.mark.parametrize("order", range(COUNT))
def test_a_whole_conversation_sent_again_to_both_who_run_changes_nothing(
    order: int, source: Address | None
) -> None:
    table, mail = conversation()
    heard = [list(peer.received) for peer in table.peers]
    held = standing(table)
    replay(table, orders(mail)[order], source)
    assert [peer.received for peer in table.peers] == heard
    assert standing(table) == held
    one, other = table.peers
    one.send(table.now, other, b"next", replayable=False)
    table.run()
    assert other.data[-1] == b"next"
    assert agree(one, other)


@pytest.mark.parametrize("source", [None, ELSEWHERE])
@pytest.mark.parametrize("order", range(COUNT))
def test_a_fresh_peer_takes_only_what_may_be_seen_twice_and_no_session(
    order: int, source: Address | None
) -> None:
    table, mail = conversation()
    one, other = table.peers
    other.start()
    other.received.clear()
    to_other = [one for one in orders(mail)[order] if one[0] == 1]
    replay(table, to_other, source)
    assert [(r.data, r.early) for r in other.received] == [(b"first of 1", True)]
    channel = other.channel(one)
    assert (channel.current, channel.former, channel.path) == (None, [], None)
    assert not other.channels.is_open(table.now, one.node)
    # The true one gets through, whose session the fresh one has not.
    one.send(table.now, other, b"next", replayable=False)
    table.wait(1.0)
    assert other.data[-1] == b"next"
    assert agree(one, other)


@pytest.mark.parametrize("order", range(COUNT))
def test_two_fresh_ones_between_whom_an_observer_carries_everything(order: int) -> None:
    table, mail = conversation()
    one, other = table.peers
    for peer in (one, other):
        peer.start()
        peer.received.clear()
    # What they answer arrives as well: so they can only have begun it themselves.
    for again in orders(mail)[order]:
        table.deliver(again)
        table.run()
    heard = [(r.data, r.early) for peer in table.peers for r in peer.received]
    assert sorted(set(heard)) == [(data, True) for data in EARLY]
    assert len(heard) == 2
    assert [peer.current(p) for peer, p in ((one, other), (other, one))] == [None, None]


def test_an_early_payload_is_delivered_once_in_one_life_and_once_in_the_next() -> None:
    table, one, other = pair()
    one.send(table.now, other, b"probe")
    ((number, packet),) = table.collect()
    for life in (1, 2):
        for source in (None, ELSEWHERE, None, ELSEWHERE):
            table.deliver((number, packet), source)
            table.collect()
        assert [(r.data, r.early) for r in other.received] == [(b"probe", True)] * life
        assert other.count("replays") == 3
        other.start()


def test_a_replay_is_dropped_before_it_costs_a_key_exchange() -> None:
    settings = ChannelSettings(handshakes_per_s=1.0, handshakes_burst=4.0)
    table, one, other = pair(settings)
    one.send(table.now, other, b"probe")
    (mail,) = table.collect()
    for _ in range(100):
        table.deliver(mail)
    table.run()
    assert other.count("replays") == 99
    assert (other.count("cookies_sent"), other.count("handshakes_refused")) == (0, 0)


def test_strangers_cannot_make_a_member_forget_which_packets_it_has_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(responder, "_SEEN_MAX", 2)
    table, one, other = pair()
    one.send(table.now, other, b"probe")
    (mail,) = table.collect()
    table.deliver(mail)
    for number in range(10, 20):
        stranger = Peer(number)
        stranger.knows(other)
        stranger.send(table.now, other, b"hello")
        table.give(stranger.address, stranger.take(table.now)[0])
    table.deliver(mail)
    table.run()
    assert other.data == [b"probe"]
    assert (other.count("strangers"), other.count("replays")) == (10, 1)


def test_of_many_seen_the_newest_thousands_are_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(responder, "_SEEN_MAX", 3)
    table, one, other = pair()
    mail = []
    for number in range(10):
        one.send(table.now, other, b"%d" % number)
        table.now += 1.0
        mail += table.collect()
        table.deliver(mail[-1])
        table.collect()
    assert other.sizes()["seen"] <= 6
    for again in mail[-4:]:
        table.deliver(again)
    table.collect()
    assert other.data == [b"%d" % number for number in range(10)]


def test_a_replay_while_an_answer_is_due_neither_takes_it_nor_is_answered() -> None:
    table, one, other = pair()
    one.send(table.now, other, b"ping")
    (mail,) = table.collect()
    table.deliver(mail)
    table.deliver(mail, ELSEWHERE)
    assert isinstance(other.channels.poll_output(), Received)
    other.send(table.now, one, b"ack")
    (answer,) = table.collect()
    assert (answer[1].address, answer[1].data[0]) == (one.address, Kind.RESPONSE)
    table.deliver(answer)
    table.run()
    assert one.data == [b"ack"]


def test_a_replay_to_a_fresh_peer_moves_no_datagram_of_a_later_session() -> None:
    table, one, other = connected()
    one.channels._initiator.begin(table.now, one.channel(other))
    (old,) = table.collect()
    other.start()
    one.start()
    one.send(table.now, other, b"hello", replayable=False)
    table.run()
    table.deliver(old, ELSEWHERE)
    table.collect()
    other.send(table.now, one, b"answer", replayable=False)
    ((_, packet),) = table.collect()
    assert packet.address == one.address
    table.give(other.address, packet)
    assert [peer.take(table.now) for peer in (one, other)] == [[], []]
    assert one.data == [b"answer"]


def test_what_is_replayed_here_has_a_renewal_and_streams_in_it() -> None:
    sent = [kind for _, kind in kinds(RECORDED)]
    assert sent.count(Kind.INITIATION) >= 3
    assert {packet.streamed for _, packet in RECORDED} == {False, True}
    assert len(RECORDED) > 20
