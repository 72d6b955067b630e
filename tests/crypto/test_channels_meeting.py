"""Two who know no key of each other: they meet on a stream, by their certificates."""

from itertools import combinations
from typing import Final

import pytest

from swarmnet.crypto.channel import Parcel
from swarmnet.crypto.cookies import CookieJar
from swarmnet.crypto.packets import Kind, decode_first_untrusted
from swarmnet.crypto.settings import ChannelSettings
from swarmnet.crypto.switchboard import Transmit
from tests.crypto.peers import Peer, Table, agree, connected, kinds

OPENING, ANSWER, CLOSING = Kind.OPENING, Kind.ANSWER, Kind.CLOSING
INITIATION, RESPONSE, TRANSPORT = Kind.INITIATION, Kind.RESPONSE, Kind.TRANSPORT
MET: Final = [(1, OPENING), (2, ANSWER), (1, CLOSING)]


def strangers(settings: ChannelSettings | None = None) -> tuple[Table, Peer, Peer]:
    """Return two who would believe each other's certificates."""
    table = Table(2, settings, known=False)
    one, other = table.peers
    one.book.believed.add(other.keys.public)
    other.book.believed.add(one.keys.public)
    return table, one, other


def call(table: Table, data: bytes, caller: int = 0) -> None:
    """Send to whoever is at the other's address."""
    one, other = table.peers[caller], table.peers[1 - caller]
    parcel = Parcel(data, other.address, True, False, table.now)
    one.channels.send_to_address(table.now, parcel)


def check_nothing_left(*peers: Peer) -> None:
    for peer in peers:
        sizes = peer.sizes()
        left = {name: sizes[name] for name in ("meetings", "half_open", "by_index")}
        assert left == {"meetings": 0, "half_open": 0, "by_index": 0}


def test_strangers_meet_by_three_packets_and_know_each_other_from_then_on() -> None:
    table, one, other = strangers()
    call(table, b"hello")
    call(table, b"and more")
    table.run()
    assert kinds(table.passed) == [*MET, (1, TRANSPORT), (1, TRANSPORT)]
    assert all(packet.streamed for _, packet in table.passed)
    assert [(r.peer, r.data, r.early) for r in other.received] == [
        (one.node, b"hello", False),
        (one.node, b"and more", False),
    ]
    assert agree(one, other)
    other.send(table.now, one, b"welcome", streamed=True, replayable=False)
    one.send(table.now, other, b"by datagram")
    table.run()
    assert (one.data, other.data[-1]) == ([b"welcome"], b"by datagram")
    assert len(table.passed) == 7
    check_nothing_left(one, other)


def test_nothing_of_what_is_to_be_said_is_in_the_first_three_packets() -> None:
    table, _, _ = strangers()
    call(table, b"secret")
    table.run()
    assert [len(packet.data) for _, packet in table.passed[:3]] == [72, 148, 112]


def test_who_answers_and_is_not_believed_is_told_nothing() -> None:
    table, one, other = strangers()
    one.book.believed.clear()
    call(table, b"secret")
    table.wait(10.0)
    assert kinds(table.passed) == [(1, OPENING), (2, ANSWER)] * 3
    assert (one.count("strangers"), other.received) == (3, [])
    table.wait(120.0)
    check_nothing_left(one, other)
    assert other.channels.count_sessions() == (0, 0, 0)


def test_who_calls_and_is_not_believed_is_not_heard() -> None:
    table, _, other = strangers()
    other.book.believed.clear()
    call(table, b"let me in")
    table.wait(10.0)
    # What came after the closing was hinted at, and led to another try.
    assert (other.received, other.count("strangers")) == ([], 2)
    assert other.channels.count_sessions() == (0, 0, 0)
    check_nothing_left(other)


def test_where_nobody_answers_three_openings_are_sent_and_nothing_is_left() -> None:
    table, one, _ = strangers()
    table.fate = lambda _number, _packet: False
    call(table, b"anybody?")
    table.wait(0.9)
    assert len(table.passed) == 1
    table.wait(100.0)
    assert kinds(table.passed) == [(1, OPENING)] * 3
    check_nothing_left(one)
    assert one.channels.poll_timeout() is None


LOSSES: Final = [lost for n in (1, 2) for lost in combinations(range(5), n)]


@pytest.mark.parametrize("lost", LOSSES)
def test_whatever_two_packets_are_lost_they_meet_all_the_same(
    lost: tuple[int, ...],
) -> None:
    table, one, other = strangers()
    numbers = iter(range(999))
    table.fate = lambda _number, packet: (
        packet.data[0] == TRANSPORT or next(numbers) not in lost
    )
    call(table, b"hello")
    table.wait(4.0)
    one.send(table.now, other, b"next", replayable=False)
    table.wait(2.0)
    other.send(table.now, one, b"back", replayable=False)
    table.wait(2.0)
    # Where the closing was lost, what followed it was too; a hint begins anew.
    assert (other.data[-1], one.data) == (b"next", [b"back"])
    assert agree(one, other)


@pytest.mark.parametrize("known", [False, True])
def test_both_may_call_each_other_at_once(known: bool) -> None:
    table, one, other = strangers()
    if known:
        one.knows(other)
        other.knows(one)
    call(table, b"from one")
    call(table, b"from the other", caller=1)
    table.run()
    assert (one.data, other.data) == ([b"from the other"], [b"from one"])
    for _ in range(3):
        one.send(table.now, other, b"x", replayable=False)
        other.send(table.now, one, b"y", replayable=False)
        table.wait(1.1)
    assert (one.data[1:], other.data[1:]) == ([b"y"] * 3, [b"x"] * 3)
    assert agree(one, other)


@pytest.mark.parametrize("caller", [0, 1])
def test_a_restarted_member_that_calls_is_answered_under_the_new_session(
    caller: int,
) -> None:
    table, _, _ = connected()
    one, other = table.peers[caller], table.peers[1 - caller]
    one.start()
    call(table, b"I am back", caller)
    table.run()
    other.send(table.now, one, b"welcome", replayable=False, streamed=True)
    table.run()
    assert (other.data, one.data) == ([b"I am back"], [b"welcome"])
    assert agree(one, other)
    assert Kind.HINT not in [kind for _, kind in kinds(table.passed)]


def test_no_more_waits_for_a_meeting_than_for_a_peer() -> None:
    table, one, other = strangers(ChannelSettings(waiting_max=3.0))
    for number in range(5):
        call(table, b"%d" % number)
    table.run()
    assert other.data == [b"0", b"1", b"2"]
    assert one.count("waiting_dropped") == 2


def test_a_meeting_under_load_costs_one_cookie_and_no_more_tries() -> None:
    table, one, other = strangers()
    other.board.gate = type(other.board.gate)(rate=0.001, burst=4.0)
    for _ in range(3):
        assert other.board.gate._handshakes.take(table.now)
    call(table, b"hello")
    table.run()
    assert kinds(table.passed) == [
        (1, OPENING),
        (2, Kind.COOKIE),
        *MET,
        (1, TRANSPORT),
    ]
    assert other.data == [b"hello"]
    check_nothing_left(one, other)


def test_an_address_that_answers_with_cookies_for_ever_is_given_up() -> None:
    table, one, other = strangers()
    call(table, b"hello")
    for _ in range(500):
        for _, packet in table.collect():
            # Another cookie for every opening, as one who knows the cluster can.
            asked = decode_first_untrusted(OPENING, packet.data)
            jar = CookieJar(other.board.random_bytes)
            cookie = jar.bake(table.now, asked, one.address, one.board.open_label)
            table.give(other.address, Transmit(one.address, cookie, True))
        table.now += 0.01
        one.channels.handle_timeout(table.now)
    assert (one.count("openings"), one.count("cookies_refused")) == (6, 3)
    check_nothing_left(one)


# A stranger by datagram


@pytest.mark.parametrize("gap_s", [1.0, 60.0])
def test_who_knows_a_key_and_is_not_known_introduces_itself_at_the_third_try(
    gap_s: float,
) -> None:
    table, one, other = strangers()
    one.knows(other)
    for number in range(3):
        one.send(table.now, other, b"%d" % number)
        table.run()
        table.wait(gap_s)
    assert kinds(table.passed)[:2] == [(1, INITIATION), (1, INITIATION)]
    assert [len(packet.data) for _, packet in table.passed] == [138, 138, 177, 61]
    assert (other.data, other.count("strangers")) == ([b"2"], 2)
    assert one.channels.is_open(table.now, other.node)


def test_what_waits_at_a_strangers_gets_through_by_itself() -> None:
    table, one, other = strangers()
    one.knows(other)
    one.send(table.now, other, b"once", replayable=False)
    table.wait(0.2)
    assert other.data == [b"once"]
    assert agree(one, other)


def test_a_stranger_who_is_not_believed_is_dropped_each_time_and_costs_no_room() -> (
    None
):
    table, one, other = strangers()
    one.knows(other)
    other.book.believed.clear()
    one.send(table.now, other, b"once", replayable=False)
    table.wait(5.0)
    assert {kind for _, kind in kinds(table.passed)} == {INITIATION}
    assert (other.received, other.count("strangers")) == ([], 8)
    assert set(other.sizes().values()) == {0}
