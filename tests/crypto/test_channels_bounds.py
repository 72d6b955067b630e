"""What is bounded: channels, sessions, handshakes; and what is forgotten, wholly."""

from dataclasses import replace

import pytest

from swarmnet.crypto.channel import Parcel
from swarmnet.crypto.cookies import RandomBytes
from swarmnet.crypto.packets import Kind
from swarmnet.crypto.settings import ChannelSettings
from swarmnet.errors import Refused
from tests.crypto.peers import Peer, Table, agree, connected, pair


def test_beyond_its_bound_the_channels_idle_for_longest_go() -> None:
    table = Table(6, ChannelSettings(channels_max=4.0))
    hub, *others = table.peers
    for number, other in enumerate(others[:4]):
        table.now += 1.0
        hub.send(table.now, other, b"%d" % number)
        table.run()
    table.now += 1.0
    hub.send(table.now, others[0], b"again")
    hub.send(table.now, others[4], b"new")
    table.run()
    held = [hub.current(other) is not None for other in others]
    assert held == [True, False, True, True, True]
    assert (hub.count("channels_evicted"), hub.sizes()["sessions"]) == (1, 4)


def test_unconfirmed_sessions_are_bounded_for_each_peer_and_for_all() -> None:
    table = Table(6, ChannelSettings(half_open_max=6.0))
    hub, *others = table.peers
    for _ in range(5):
        for other in others:
            other.send(table.now, hub, b"probe")
            table.now += 1.0
            for mail in table.collect():
                table.deliver(mail)
            # The answers are lost, so that each begins again.
            hub.take(table.now)
    assert hub.channels.count_sessions() == (5, 6, 6)
    assert max(len(hub.channel(other).unconfirmed) for other in others) <= 4
    table, one, other = pair()
    for _ in range(9):
        one.send(table.now, other, b"probe")
        table.now += 1.0
        table.deliver(table.collect()[-1])
        other.take(table.now)
    assert other.channels.count_sessions() == (1, 4, 4)


@pytest.mark.parametrize("name", ["cut", "evict"])
def test_a_peer_forgotten_while_its_answer_is_due_is_not_answered(name: str) -> None:
    table, one, other = pair(ChannelSettings(channels_max=1.0))
    one.send(table.now, other, b"ping")
    table.deliver(table.collect()[0])
    assert other.board.replying == [other.channel(one)]
    if name == "cut":
        other.channels.cut(one.keys.public)
    else:
        third = Peer(3)
        other.knows(third)
        other.send(table.now, third, b"hello")
    other.send(table.now, one, b"ack", replayable=False)
    assert Kind.RESPONSE not in [packet.data[0] for packet in other.take(table.now)]
    table.wait(1.0)
    assert other.board.replying == []
    assert one.data == [b"ack"]


def test_a_peer_that_is_cut_is_forgotten_with_all_its_handshakes_and_timers() -> None:
    table, one, other = connected()
    one.channels._initiator.begin(table.now, one.channel(other))
    table.deliver(table.collect()[0])
    (answer,) = table.collect()
    table.now += 1.0
    one.send(table.now, other, b"in the air", replayable=False)
    ((_, late),) = table.collect()
    for peer, lost in ((one, other), (other, one)):
        del peer.book.nodes[lost.keys.public]
        peer.channels.cut(lost.keys.public)
        sizes = peer.sizes()
        del sizes["seen"], sizes["timers"]
        assert set(sizes.values()) == {0}
    table.deliver(answer)
    table.give(one.address, late)
    other.send(table.now, one, b"no more")
    table.run()
    assert (one.data, other.data) == ([], [])
    assert (one.count("late_answers"), other.count("keyless")) == (1, 1)
    table.wait(120.0)
    assert [peer.channels.poll_timeout() for peer in table.peers] == [None, None]


def test_a_revoked_peer_cannot_begin_again() -> None:
    table, one, other = connected()
    del other.book.nodes[one.keys.public]
    other.channels.cut(one.keys.public)
    for number in range(8):
        one.send(table.now, other, b"%d" % number, replayable=number % 2 == 0)
        parcel = Parcel(b"hello?", other.address, True, False, table.now)
        one.channels.send_to_address(table.now, parcel)
        table.wait(1.0)
    assert other.data == []
    assert other.count("strangers") >= 3
    assert other.channels.count_sessions() == (0, 0, 0)


def test_settings_out_of_bounds_are_refused() -> None:
    for wrong in (
        {"life_s": 3600.0},
        {"rekey_age_s": 0.0},
        {"waiting_max": 0.0},
        {"grace_s": float("nan")},
        {"pending_s": float("inf")},
        {"datagram_bytes": 511.0},
        {"datagram_bytes": 65_508.0},
    ):
        with pytest.raises(Refused):
            replace(ChannelSettings(), **wrong)


def after(first: bytes, rest: RandomBytes) -> RandomBytes:
    """Return a source that gives `first` the first time."""
    chosen = iter((first,))
    return lambda count: next(chosen, b"") or rest(count)


def test_members_who_say_the_same_index_do_not_get_each_others_packets() -> None:
    table = Table(3)
    hub, one, other = table.peers
    # Both choose the same index for their sessions with the third.
    for peer in (one, other):
        peer.board.random_bytes = after(bytes((1, 2, 3, 4)), peer.board.random_bytes)
        peer.channels.open(table.now, hub.node, hub.address)
        table.run()
    assert {session.remote for _, session in hub.board.sessions.values()} == {0x1020304}
    for number in range(3):
        for peer in (one, other):
            hub.send(table.now, peer, b"%d for %d" % (number, peer.number))
            peer.send(table.now, hub, b"%d of %d" % (number, peer.number))
            table.run()
    for peer in (one, other):
        assert peer.data == [b"%d for %d" % (n, peer.number) for n in range(3)]
        assert agree(hub, peer)
