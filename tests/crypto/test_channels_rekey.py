"""Sessions get successors by age and by use, no packet is lost, and old keys go."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Final

import pytest

from swarmnet.crypto.packets import Kind
from swarmnet.crypto.settings import ChannelSettings
from swarmnet.crypto.switchboard import Transmit
from tests.crypto.peers import (
    PATIENT,
    Delays,
    Peer,
    Table,
    Weather,
    agree,
    connected,
    kinds,
    pair,
)
from tests.samples import mostly_slow

INITIATION, RESPONSE, TRANSPORT = Kind.INITIATION, Kind.RESPONSE, Kind.TRANSPORT
HANDSHAKES: Final = (INITIATION, RESPONSE)
DAY: Final = ChannelSettings()


def exchanges(table: Table) -> int:
    """Return how many handshakes were begun so far."""
    return [kind for _, kind in kinds(table.passed)].count(INITIATION)


def ages(sender: int, count: int) -> list[float]:
    """Return how old sessions were when peers that send by themselves began anew."""
    found = []
    for number in range(count):
        table, one, other = pair()
        one.life, other.life = 100 + number, 100 + number
        one.start()
        other.start()
        one.channels.open(table.now, other.node, other.address)
        table.run()
        began = table.now
        who, whom = (one, other) if sender == 1 else (other, one)
        table.now += 3000.0
        while exchanges(table) < 2:
            table.now += 10.0
            who.send(table.now, whom, b"tick")
            table.run()
        found.append(table.now - began)
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sender", "least", "most"), [(1, 3240.0, 3600.0), (2, 3726.0, 4140.0)]
)
def test_a_session_is_renewed_at_its_age_jittered_and_later_by_its_responder(
    sender: int, least: float, most: float
) -> None:
    found = ages(sender, 20)
    assert least <= min(found) <= max(found) <= most + 10.0
    assert max(found) - min(found) > 0.5 * (most - least)


def test_a_session_is_renewed_when_it_has_sealed_so_many_packets() -> None:
    table, one, other = connected(ChannelSettings(rekey_packets=10.0))
    sent = 0
    while not exchanges(table):
        one.send(table.now, other, b"x", streamed=sent % 2 == 1)
        table.run()
        sent += 1
    # One was sent when the session began. Streams and datagrams count together.
    assert sent == 9
    one.send(table.now, other, b"x")
    table.run()
    assert len(other.data) == 10
    assert agree(one, other)


def test_a_renewal_costs_three_packets_beside_the_datagram_that_causes_it() -> None:
    table, one, other = connected()
    table.wait(3600.0)
    one.send(table.now, other, b"late")
    table.run()
    expected = [(1, TRANSPORT), (1, INITIATION), (2, RESPONSE), (1, TRANSPORT)]
    assert kinds(table.passed) == expected
    assert [len(packet.data) for _, packet in table.passed] == [36, 137, 61, 32]
    assert other.data == [b"late"]
    assert agree(one, other)


def test_who_is_not_answered_goes_on_under_the_old_session_and_tries_at_a_pace() -> (
    None
):
    table, one, other = connected()
    table.wait(3600.0)
    table.fate = lambda _number, packet: packet.data[0] not in HANDSHAKES
    for _ in range(1000):
        one.send(table.now, other, b"x", replayable=False)
        table.wait(0.01)
    assert len(other.data) == 1000
    assert exchanges(table) <= 25
    table.fate = lambda _number, _packet: True
    one.send(table.now, other, b"x", replayable=False)
    table.wait(1.0)
    for _ in range(2):
        one.send(table.now, other, b"x", replayable=False)
        table.run()
    assert len(other.data) == 1003
    assert agree(one, other)
    assert one.sizes()["by_index"] == 0


def rough(loss: float, latest_s: float) -> Delays:
    """Handshakes get lost; whatever arrives may be overtaken."""

    def delays(random: Random, packet: Transmit) -> Sequence[float]:
        if packet.data[0] in HANDSHAKES and random.random() < loss:
            return ()
        return (random.uniform(0.0, latest_s),)

    return delays


def check_all_arrives(
    settings: ChannelSettings, ways: Sequence[tuple[int, int]], seed: object
) -> Table:
    """Send one way or both for a while; every packet arrives, and once."""
    table, one, other = connected(settings)
    weather = Weather(table, seed, rough(loss=0.4, latest_s=0.2))
    sent: dict[int, list[bytes]] = {0: [], 1: []}
    for number in range(400):
        for source, target in ways:
            data = b"%d" % number
            sent[target].append(data)
            sender, receiver = table.peers[source], table.peers[target]
            streamed = weather.random.random() < 0.1
            sender.send(table.now, receiver, data, replayable=False, streamed=streamed)
        weather.run(weather.random.uniform(0.0, 0.1))
    weather.run(2.0)
    for target, peer in enumerate((one, other)):
        assert sorted(peer.data) == sorted(sent[target])
    # More than once in the time that a session is listened to after its successor.
    assert exchanges(table) >= 5
    return table


WAYS: Final = {
    "there": [(0, 1)],
    "back": [(1, 0)],
    "both": [(0, 1), (1, 0)],
}
BY_AGE: Final = ChannelSettings(rekey_age_s=2.0, life_s=100.0, grace_s=5.0)
BY_USE: Final = ChannelSettings(rekey_packets=20.0, grace_s=5.0)


@pytest.mark.parametrize("ways", WAYS)
@pytest.mark.parametrize("seed", mostly_slow(range(6), [0]))
def test_no_packet_is_lost_by_renewals_by_age(ways: str, seed: int) -> None:
    check_all_arrives(BY_AGE, WAYS[ways], seed)


@pytest.mark.parametrize("ways", WAYS)
@pytest.mark.parametrize("seed", mostly_slow(range(6), [0]))
def test_no_packet_is_lost_by_renewals_by_use(ways: str, seed: int) -> None:
    table = check_all_arrives(BY_USE, WAYS[ways], seed)
    # One or two for every so many packets, and what is lost in vain: no storm.
    assert exchanges(table) <= 200 * len(WAYS[ways])


@pytest.mark.parametrize("speaker", [0, 1])
def test_who_only_listens_lets_the_other_know_that_there_is_a_newer_session(
    speaker: int,
) -> None:
    table, one, other = connected()
    table.wait(3600.0)
    listener, talker = table.peers[1 - speaker], table.peers[speaker]
    listener.channels._initiator.begin(table.now, listener.channel(talker))
    table.run()
    said = [b"%d" % number for number in range(60)]
    for data in said:
        talker.send(table.now, listener, data, replayable=False)
        table.wait(1.0)
    assert listener.data == said
    assert agree(one, other)
    # It took one empty packet.
    assert [len(packet.data) for packet in listener.sent].count(32) == 1


def test_a_late_empty_packet_leads_nobody_back_to_a_session_that_was_left() -> None:
    table, one, other = connected(ChannelSettings(grace_s=5.0))
    first = other.current(one)
    assert first is not None
    assert other.channel(one).leads
    late = first.seal(b"")
    one.channels._initiator.begin(table.now, one.channel(other))
    table.run()
    for sender, receiver in ((one, other), (other, one)):
        sender.send(table.now, receiver, b"on", replayable=False)
        table.run()
    newer = one.current(other)
    table.now += 4.9
    one.channels.receive_datagram(table.now, other.address, late)
    assert one.current(other) is newer
    # The one who leads listens to the first no longer.
    table.now += 0.2
    table.handle_timeouts()
    one.send(table.now, other, b"not lost", replayable=False)
    table.run()
    assert other.data == [b"on", b"not lost"]
    assert other.count("unknown_sessions") == 0


def test_the_other_is_told_of_a_newer_session_once_a_second_until_it_hears() -> None:
    table, one, other = connected(PATIENT)
    table.fate = lambda _number, packet: len(packet.data) != 32
    one.channels._initiator.begin(table.now, one.channel(other))
    table.run()
    one.sent.clear()
    for number in range(300):
        other.send(table.now, one, b"%d" % number, replayable=False)
        table.wait(0.01)
    assert len(one.data) == 300
    assert [len(packet.data) for packet in one.sent] == [32] * 3
    table.fate = lambda _number, _packet: True
    table.wait(1.0)
    for _ in range(2):
        other.send(table.now, one, b"x")
        table.run()
    assert agree(one, other)


def test_what_waits_is_tried_again_though_the_session_that_came_up_is_too_old() -> None:
    table, one, other = pair()
    one.send(table.now, other, b"probe")
    table.deliver(table.collect()[0])
    table.deliver(table.collect()[0])
    one.send(table.now, other, b"held back")
    (late,) = table.collect()
    table.now += 7205.0
    table.fate = lambda _number, _packet: False
    other.send(table.now, one, b"waits", replayable=False)
    table.wait(0.5)
    table.deliver(late)
    assert other.current(one) is not None
    table.fate = lambda _number, _packet: True
    table.wait(1.5)
    assert (other.data, one.data) == ([b"probe", b"held back"], [b"waits"])


@pytest.mark.parametrize("ways", WAYS)
def test_no_packet_is_lost_by_renewals_though_one_passes_every_few_minutes(
    ways: str,
) -> None:
    table, _, _ = connected()
    sent: dict[int, list[bytes]] = {0: [], 1: []}
    for number in range(100):
        for source, target in WAYS[ways]:
            sent[target].append(b"%d" % number)
            sender, receiver = table.peers[source], table.peers[target]
            sender.send(table.now, receiver, b"%d" % number, replayable=False)
            table.wait(217.0)
    assert [peer.data for peer in table.peers] == [sent[0], sent[1]]
    assert exchanges(table) >= 4
    assert Kind.HINT not in [kind for _, kind in kinds(table.passed)]


def renewed() -> tuple[Table, Peer, Peer, list[Transmit]]:
    """Return two with a new session, and packets of the old one still on their way."""
    table, one, other = connected(replace(DAY, grace_s=10.0))
    late = []
    for number in range(3):
        one.send(table.now, other, b"late %d" % number)
        late += [packet for _, packet in table.collect()]
    table.now += 3600.0
    for peer in (one, other, one):
        peer.send(table.now, other if peer is one else one, b"tick")
        table.run()
    assert (exchanges(table), agree(one, other)) == (1, True)
    other.received.clear()
    return table, one, other, late


def test_an_old_session_is_listened_to_for_the_time_of_grace_and_no_longer() -> None:
    table, one, other, late = renewed()
    table.wait(9.9)
    table.give(one.address, late[0])
    table.run()
    assert other.data == [b"late 0"]
    table.wait(0.2)
    table.passed.clear()
    table.give(one.address, late[1])
    table.run()
    assert other.data == [b"late 0"]
    # The hint that it causes is about a session that is used no more.
    assert kinds(table.passed) == [(2, Kind.HINT)]
    assert (one.count("hints_refused"), one.count("hints_taken")) == (1, 0)
    assert [peer.channels.count_sessions()[1] for peer in (one, other)] == [1, 1]


def test_each_of_several_old_sessions_has_its_own_time() -> None:
    table, one, other = connected(replace(DAY, grace_s=10.0))
    late = []
    for _ in range(3):
        one.send(table.now, other, b"late")
        late += [packet for _, packet in table.collect()]
        one.channels._initiator.begin(table.now, one.channel(other))
        table.run()
        one.send(table.now, other, b"new")
        table.run()
        table.wait(4.0)
    other.received.clear()
    # By now the first has been replaced for 12 s, the second for 8 s.
    for packet in late:
        table.give(one.address, packet)
    assert other.take(table.now)[0].data[0] == Kind.HINT
    assert other.data == [b"late", b"late"]


def test_beyond_a_bound_the_oldest_of_the_old_sessions_goes() -> None:
    table, one, other = connected()
    for _ in range(20):
        one.channels._initiator.begin(table.now, one.channel(other))
        table.run()
        one.send(table.now, other, b"new")
        table.run()
    assert [peer.channels.count_sessions()[1] for peer in (one, other)] == [5, 5]
    assert [peer.sizes()["by_remote"] for peer in (one, other)] == [5, 5]
    table.wait(31.0)
    assert [peer.channels.count_sessions()[1] for peer in (one, other)] == [1, 1]


def test_no_session_is_used_when_its_life_is_over() -> None:
    table, one, other = connected()
    table.wait(7199.0)
    assert one.channels.is_open(table.now, other.node)
    table.wait(1.0)
    assert not one.channels.is_open(table.now, other.node)
    one.send(table.now, other, b"anew", replayable=False)
    table.run()
    assert kinds(table.passed) == [(1, INITIATION), (2, RESPONSE), (1, TRANSPORT)]
    assert other.data == [b"anew"]


@pytest.mark.parametrize(("age_s", "opened"), [(7229.0, True), (7230.0, False)])
def test_no_session_is_listened_to_past_life_and_grace(
    age_s: float, opened: bool
) -> None:
    table, one, other = connected()
    one.send(table.now, other, b"held back for hours")
    (packet,) = table.collect()
    table.now += age_s
    table.deliver(packet)
    assert other.channels.count_sessions()[1] == int(opened)
    table.run()
    assert (other.data == [b"held back for hours"]) is opened
    assert (other.count("expired") == 1) is not opened


def test_a_peer_whose_sessions_live_longer_is_told_when_ours_is_over() -> None:
    table, one, other = connected()
    other.settings = replace(DAY, life_s=60.0, rekey_age_s=50.0, grace_s=5.0)
    other.board.settings = other.settings
    said = [b"%d" % number for number in range(300)]
    for data in said:
        one.send(table.now, other, data, replayable=False)
        table.wait(1.0)
    # One is lost each time that the other's session has ended before ours.
    assert len(other.data) >= 295
    assert other.data[-1] == said[-1]


def test_a_peer_whose_clock_stood_still_is_told_that_its_session_is_over() -> None:
    table, one, other = connected()
    # Ours went on, as if the other had slept for three hours.
    other.channels.handle_timeout(table.now + 10_800.0)
    one.send(table.now, other, b"awake", replayable=True)
    (packet,) = table.collect()
    other.channels.receive_datagram(table.now + 10_800.0, one.address, packet[1].data)
    (hint,) = other.take(table.now + 10_800.0)
    assert hint.data[0] == Kind.HINT
    table.give(other.address, hint)
    assert [packet.data[0] for _, packet in table.collect()] == [INITIATION]
