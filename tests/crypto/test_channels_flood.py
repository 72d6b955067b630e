"""Floods of handshakes: cookies are asked for, and true peers get through all the same.

The flood knows the key that it floods, and the cluster: each of its packets passes mac1
and would cost a key exchange.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle
from random import Random
from typing import Final

import pytest

from swarmnet.crypto.cookies import SECRET_LIFE_S, CookieJar
from swarmnet.crypto.limits import Gate
from swarmnet.crypto.packets import (
    Kind,
    decode_first_untrusted,
    encode_first,
    mac,
)
from swarmnet.crypto.settings import ChannelSettings
from swarmnet.crypto.switchboard import IK, Transmit
from swarmnet.ids import Address
from tests.crypto.peers import Mail, Peer, Table, agree, connected, kinds, pair

INITIATION, RESPONSE, COOKIE = Kind.INITIATION, Kind.RESPONSE, Kind.COOKIE
ELSEWHERE: Final = Address(bytes((192, 0, 2, 66)), 666)


def forged(target: Peer, count: int) -> list[bytes]:
    """Return initiations of strangers who know whom they write to."""
    packets = []
    for number in range(count):
        stranger = Peer(200 + number)
        stranger.knows(target)
        stranger.send(0.0, target, b"")
        packets += [packet.data for packet in stranger.take(0.0)]
    return packets


class Flood:
    """Sends forged initiations to one peer, from a made-up address each."""

    def __init__(self, table: Table, target: Peer) -> None:
        self.table = table
        self.target = target
        self._packets: Iterator[bytes] = cycle(forged(target, 30))
        self._sources = 0

    def pour(self, count: int) -> list[Kind]:
        """Let so many arrive; return of which kinds the answers are."""
        answers: list[Kind] = []
        for _ in range(count):
            self._sources += 1
            host = (0xC6120000 + self._sources).to_bytes(4, "big")
            packet = Transmit(self.target.address, next(self._packets), False)
            self.table.give(Address(host, 7946), packet)
            for sent in self.target.take(self.table.now):
                if self.table.peer_at(sent.address) is None:
                    answers.append(Kind(sent.data[0]))
                    continue
                # Between others, the target answers a true peer.
                self.table.passed.append((self.target.number, sent))
                self.table.deliver((self.target.number, sent))
        return answers


def load(peer: Peer, now: float, left: int = 1) -> None:
    """Let a peer have so many handshakes left, for those who show a cookie."""
    peer.board.gate = Gate(rate=0.001, burst=4.0 * left)
    for _ in range(3 * left):
        assert peer.board.gate._handshakes.take(now)


@pytest.mark.slow
def test_under_a_flood_cookies_are_asked_for_and_few_key_exchanges_are_made() -> None:
    table, _, other = pair()
    flood = Flood(table, other)
    assert flood.pour(501) == []
    assert other.count("strangers") == 501
    assert flood.pour(500) == [COOKIE] * 500
    table.now += 1.0
    assert set(flood.pour(1000)) == {COOKIE}
    # What the settings allow for each second: 250.
    assert 750 <= other.count("strangers") <= 752
    sizes = other.sizes()
    assert sizes == dict.fromkeys(sizes, 0)


@pytest.mark.slow
@pytest.mark.parametrize("replayable", [False, True])
def test_a_true_peer_gets_through_a_flood_at_its_second_try(replayable: bool) -> None:
    table, one, other = pair()
    flood = Flood(table, other)
    flood.pour(600)
    one.send(table.now, other, b"payload", replayable=replayable)
    for _ in range(6):
        table.step()
        flood.pour(100)
    expected = [(1, INITIATION), (2, COOKIE), (1, INITIATION), (2, RESPONSE)]
    assert kinds(table.passed)[:4] == expected
    assert other.data == [b"payload"]


@pytest.mark.slow
def test_many_true_peers_get_through_a_flood_of_thousands_a_second() -> None:
    table = Table(12)
    hub, *others = table.peers
    flood = Flood(table, hub)
    flood.pour(600)
    for number, other in enumerate(others):
        other.send(table.now, hub, b"%d" % number, replayable=False)
        for _ in range(6):
            flood.pour(30)
            table.step()
        table.now += 0.1
    assert hub.data == [b"%d" % number for number in range(11)]
    assert all(other.count("initiations") == 2 for other in others)


@pytest.mark.slow
def test_those_who_have_sessions_do_not_notice_a_flood() -> None:
    table, one, other = connected()
    flood = Flood(table, other)
    for number in range(20):
        flood.pour(60)
        one.send(table.now, other, b"%d" % number)
        other.send(table.now, one, b"%d" % number)
        table.run()
    expected = [b"%d" % number for number in range(20)]
    assert (one.data, other.data) == (expected, expected)


def test_a_cookie_is_no_longer_than_what_it_answers_and_its_packet_is_repeated() -> (
    None
):
    table, one, other = pair()
    load(other, table.now)
    one.send(table.now, other, b"payload")
    table.run()
    assert kinds(table.passed) == [
        (1, INITIATION),
        (2, COOKIE),
        (1, INITIATION),
        (2, RESPONSE),
    ]
    assert [len(packet.data) for _, packet in table.passed] == [144, 56, 144, 61]
    # The second has an ephemeral key of its own: one key never seals two payloads.
    first, _, second, _ = (packet.data for _, packet in table.passed)
    assert first[8:40] != second[8:40]
    assert [(r.data, r.early) for r in other.received] == [(b"payload", True)]


def shown(table: Table) -> tuple[Mail, Mail]:
    """Return two initiations: without a cookie, and with the one that was asked for."""
    one, other = table.peers
    load(other, table.now)
    one.send(table.now, other, b"payload")
    ((bare),) = table.collect()
    table.deliver(bare)
    table.deliver(table.collect()[0])
    (with_cookie,) = table.collect()
    return bare, with_cookie


def test_a_cookie_counts_from_the_address_that_it_was_given_to_alone() -> None:
    table, one, other = pair()
    _, mail = shown(table)
    for source in (ELSEWHERE, Address(one.address.host, 7947)):
        table.deliver(mail, source)
        ((_, answer),) = table.collect()
        assert (answer.data[0], answer.address) == (COOKIE, source)
    assert other.received == []
    table.deliver(mail)
    assert [kind for _, kind in kinds(table.collect())] == [RESPONSE]
    assert other.data == [b"payload"]


@pytest.mark.parametrize(
    ("age_s", "answer"),
    [
        (SECRET_LIFE_S - 1.0, RESPONSE),
        (2 * SECRET_LIFE_S - 1.0, RESPONSE),
        (2 * SECRET_LIFE_S, COOKIE),
    ],
)
def test_a_cookie_expires(age_s: float, answer: Kind) -> None:
    table, _, other = pair()
    _, mail = shown(table)
    table.now += age_s
    load(other, table.now)
    table.deliver(mail)
    assert [kind for _, kind in kinds(table.collect())] == [answer]


def test_who_has_a_cookie_shows_it_at_once_the_next_time_while_it_may_hold() -> None:
    for age_s, fresh in ((SECRET_LIFE_S - 1.0, True), (SECRET_LIFE_S, False)):
        table, one, other = pair()
        table.deliver(shown(table)[1])
        table.run()
        table.now += age_s
        other.start()
        one.channel(other).current = None
        one.send(table.now, other, b"again")
        ((_, packet),) = table.collect()
        assert (packet.data[-16:] != bytes(16)) is fresh


def test_who_shows_a_cookie_again_and_again_gets_a_bounded_number() -> None:
    table, one, other = pair()
    load(other, table.now, left=100)
    for _ in range(40):
        one.channels._initiator.begin(
            table.now, one.board.channel(table.now, other.keys.public, other.node)
        )
        one.channel(other).places.name_home(table.now, other.address)
        one.channels._initiator.begin(table.now, one.channel(other))
        table.run()
    assert other.count("cookies_sent") == 1
    assert other.count("handshakes_refused") >= 30
    assert other.count("initiations_received") <= 6


def liars_cookie(mail: Mail, target: Peer, one: Peer, number: int) -> Transmit:
    """Return a cookie that an observer makes who knows the peer's key."""
    asked = decode_first_untrusted(INITIATION, mail[1].data)
    jar = CookieJar(Random(f"liar {number}").randbytes)
    data = jar.bake(0.0, asked, one.address, target.board.own_label)
    return Transmit(one.address, data, False)


def test_made_up_cookies_make_nobody_send_faster_than_its_own_pace() -> None:
    table, one, other = pair()
    one.send(table.now, other, b"payload", replayable=False)
    count, end = 0, table.now + 2.0
    while table.now < end:
        for mail in table.collect():
            assert mail[0] == 1
            for _ in range(3):
                count += 1
                table.give(ELSEWHERE, liars_cookie(mail, other, one, count))
        table.now += 0.001
        one.channels.handle_timeout(table.now)
    # Without any cookie it is seven; one each second may come at once.
    assert one.count("initiations") <= 9
    assert one.sizes()["by_index"] <= 4


def test_a_made_up_cookie_sends_what_travelled_once_more_and_not_for_each() -> None:
    table, one, other = pair()
    one.send(table.now, other, b"payload")
    (mail,) = table.collect()
    table.deliver(mail)
    for number in range(10):
        table.give(ELSEWHERE, liars_cookie(mail, other, one, number))
    table.wait(1.0)
    # It was called harmless twice, or it would not have travelled so.
    assert other.data == [b"payload"] * 2
    assert one.count("cookies_refused") == 9


def test_a_made_up_cookie_does_not_keep_the_true_one_away() -> None:
    table, one, other = pair()
    load(other, table.now)
    one.send(table.now, other, b"payload", replayable=False)
    (mail,) = table.collect()
    table.give(ELSEWHERE, liars_cookie(mail, other, one, 1))
    table.wait(1.0)
    assert other.data == [b"payload"]
    assert agree(one, other)


def test_a_cookie_for_another_packet_is_refused() -> None:
    table, one, other = pair()
    load(other, table.now)
    one.send(table.now, other, b"payload", replayable=False)
    table.deliver(table.collect()[0])
    (cookie,) = table.collect()
    one.channels._initiator.begin(table.now, one.channel(other))
    table.collect()
    newer = one.channel(other).pending[-1].local.to_bytes(4, "big")
    data = cookie[1].data[:4] + newer + cookie[1].data[8:]
    table.deliver((2, replace(cookie[1], data=data)))
    assert (one.count("cookies_refused"), table.collect()) == (1, [])


@pytest.mark.slow
def test_a_flood_of_a_hundred_thousand_leaves_nothing_behind() -> None:
    table, one, other = connected(
        ChannelSettings(handshakes_per_s=25.0, unanswered_s=1e6)
    )
    flood = Flood(table, other)
    before = other.sizes()
    for second in range(100):
        flood.pour(1000)
        table.now += 0.1
        one.send(table.now, other, b"%d" % second)
        table.run()
    assert other.sizes() == before
    assert len(other.data) == 100
    assert other.count("strangers") <= 501 + 251


def test_the_flood_of_these_tests_is_one_that_would_be_answered_by_a_member() -> None:
    table, one, other = pair()
    handshake = one.board.handshake(IK, 7, initiator=True, remote=other.keys.public)
    packet = encode_first(INITIATION, 7, handshake.write_message(b"\x00ping"))
    packet += mac(other.board.own_label, packet)
    table.give(ELSEWHERE, Transmit(other.address, packet + bytes(16), False))
    assert [kind for _, kind in kinds(table.collect())] == [RESPONSE]
