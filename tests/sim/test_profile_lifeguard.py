"""Lifeguard's three extensions at work, one node at a time and all together."""

from collections.abc import Mapping, Sequence
from math import log10
from random import Random

import pytest

from sim.options import Options
from sim.profiles.lifeguard import LifeguardProfile
from sim.profiles.lifeguard.codec import (
    decode_update_untrusted,
)
from sim.profiles.lifeguard.formulas import (
    LifeguardConfig,
)
from sim.profiles.lifeguard.membership import LifeguardMembership
from sim.profiles.lifeguard.suspicion import Suspicion
from sim.profiles.peer_roster import View
from sim.profiles.swim_paper.codec import (
    Kind,
    Packet,
    decode_packet_untrusted,
)
from sim.profiles.swim_paper.rules import Update
from sim.run import run
from swarmnet.swim.outputs import (
    MemberChanged,
    State,
)
from tests.samples import mostly_slow
from tests.sim.lifeguard_bench import (
    FIELDS,
    ME,
    VICTIM,
    Bench,
    accused,
    lifeguard,
    tell,
    word,
)
from tests.sim.toy_network import identity

# LHA-Probe.


@pytest.mark.parametrize(
    ("nacks", "multiplier"),
    [((), 4), ((0,), 3), ((0, 1), 2), ((0, 1, 2), 1), ((0, 0, 0), 3)],
)
def test_a_failed_probe_counts_once_and_once_for_every_missed_nack(
    nacks: Sequence[int], multiplier: int
) -> None:
    bench = Bench(6)
    bench.prober.begin_period(10.0)
    sequence = bench.sent()[0][1].sequence
    bench.prober.handle_timeout(10.5)
    helpers = [datagram for datagram, _ in bench.sent()]
    assert len(helpers) == 3
    nack = Packet(Kind.NACK, sequence, None, None, ())
    for place in nacks:
        one = helpers[place]
        assert one.peer is not None
        assert bench.prober.receive(10.9, one.peer, one.address, nack)
    bench.prober.begin_period(11.0)
    assert bench.beliefs.health.multiplier == multiplier


def test_a_nack_from_no_helper_or_of_another_probe_does_not_count() -> None:
    bench = Bench(6)
    bench.prober.begin_period(10.0)
    datagram, ping = bench.sent()[0]
    bench.prober.handle_timeout(10.5)
    helper = bench.sent()[0][0]
    assert datagram.peer is not None
    assert helper.peer is not None
    for sender, sequence in (
        (datagram.peer, ping.sequence),
        (helper.peer, ping.sequence + 1),
    ):
        nack = Packet(Kind.NACK, sequence, None, None, ())
        bench.prober.receive(10.9, sender, helper.address, nack)
    bench.prober.begin_period(11.0)
    assert bench.beliefs.health.multiplier == 4


def test_an_ack_improves_health_though_helpers_were_asked() -> None:
    bench = Bench(6)
    bench.beliefs.health.multiplier = 2
    bench.prober.begin_period(10.0)
    datagram, ping = bench.sent()[0]
    bench.prober.handle_timeout(11.5)
    assert len(bench.sent()) == 3
    assert datagram.peer is not None
    ack = Packet(Kind.ACK, ping.sequence, None, None, ())
    assert bench.prober.receive(11.6, datagram.peer, datagram.address, ack)
    bench.prober.begin_period(13.0)
    assert bench.beliefs.health.multiplier == 1


@pytest.mark.parametrize(
    ("heard", "rejoin", "multiplier", "claim"),
    [
        (accused(0, 2), "1", 1, (1, 1)),
        (accused(0, 2, incarnation=7), "1", 1, (1, 8)),
        (word(State.DEAD, 0), "1", 1, (2, 0)),
        (word(State.DEAD, 0), "0", 0, (1, 0)),
        (word(State.ALIVE, 0), "1", 0, (1, 0)),
    ],
)
def test_who_must_refute_is_slow(
    heard: Update, rejoin: str, multiplier: int, claim: tuple[int, int]
) -> None:
    beliefs = Bench(6, rejoin=rejoin).beliefs
    beliefs.hear(1.0, heard)
    beliefs.hear(1.1, heard)
    own = beliefs.myself()
    assert beliefs.health.multiplier == multiplier
    assert (own.life, own.incarnation) == claim


def test_one_who_hears_nothing_stretches_period_and_timeout_alike() -> None:
    net = lifeguard(10)
    times: dict[float, None] = {}

    def cut(here: int, there: int, _stream: bool) -> bool:
        if here == 0:
            times[net.now] = None
        return 0 in (here, there)

    net.refuse = cut
    net.run(24.9)
    first_s, *_ = times
    # Ping and ping-req: 1 s and 0.5 s, then five times, then nine times as much.
    steps_s = [round(one - first_s, 6) for one in times]
    assert steps_s == [0.0, 0.5, 1.0, 3.5, 6.0, 10.5, 15.0, 19.5, 24.0]


def test_a_helper_sends_its_nack_at_four_fifths_of_the_timeout() -> None:
    bench = Bench(4)
    bench.beliefs.health.multiplier = 8
    asker, target = identity(2), identity(1)
    ask = Packet(Kind.PING_REQ, 77, target.node, target.address, ())
    bench.prober.receive(10.0, asker.node, asker.address, ask)
    ((ping, pinged),) = bench.sent()
    assert (ping.peer, pinged.kind) == (target.node, Kind.PING)
    assert bench.prober.deadlines()[1] == pytest.approx(10.4)
    bench.prober.handle_timeout(10.399)
    assert bench.sent() == []
    bench.prober.handle_timeout(10.4)
    ((nack, said),) = bench.sent()
    assert (nack.peer, nack.address) == (asker.node, asker.address)
    assert (said.kind, said.sequence) == (Kind.NACK, 77)
    # The errand goes on: an ack that is late is passed on all the same.
    ack = Packet(Kind.ACK, pinged.sequence, None, None, ())
    bench.prober.receive(10.9, target.node, target.address, ack)
    ((late, passed_on),) = bench.sent()
    assert (late.peer, passed_on.kind) == (asker.node, Kind.ACK)
    assert bench.prober.deadlines() == (None, None)


def test_a_helper_that_has_an_ack_sends_no_nack() -> None:
    bench = Bench(4)
    asker, target = identity(2), identity(1)
    ask = Packet(Kind.PING_REQ, 77, target.node, target.address, ())
    bench.prober.receive(10.0, asker.node, asker.address, ask)
    ack = Packet(Kind.ACK, bench.sent()[0][1].sequence, None, None, ())
    bench.prober.receive(10.1, target.node, target.address, ack)
    assert [packet.kind for _, packet in bench.sent()] == [Kind.ACK]
    assert bench.prober.deadlines() == (None, None)
    bench.prober.handle_timeout(10.4)
    assert bench.sent() == []


# LHA-Suspicion.


def test_k_accusers_shorten_a_suspicion_and_are_told_on() -> None:
    beliefs = (bench := Bench(10)).beliefs
    lasts_s = []
    told = []
    # Nodes 2 to 5 accuse; 2 and 3 once more; 6 is one more than is wanted.
    for accuser in (2, 2, 3, 2, 3, 4, 5, 6):
        beliefs.hear(100.0, accused(1, accuser))
        due_s = beliefs.expires_s()
        assert due_s is not None
        lasts_s.append(round(due_s - 100.0, 3))
        told.append(bench.told())
    assert lasts_s == [30.0, 30.0, 17.5, 17.5, 17.5, 10.188, 5.0, 5.0]
    assert told == [
        [accused(1, 2)],
        [],
        [accused(1, 3)],
        [],
        [],
        [accused(1, 4)],
        [accused(1, 5)],
        [],
    ]
    assert beliefs.counters["confirmations"] == 3


def test_an_accusation_of_another_incarnation_confirms_nothing() -> None:
    beliefs = Bench(10).beliefs
    beliefs.hear(100.0, accused(1, 2, incarnation=4))
    beliefs.hear(101.0, accused(1, 3, incarnation=3))
    assert beliefs.expires_s() == 130.0
    # A later one begins a suspicion of its own.
    beliefs.hear(110.0, accused(1, 3, incarnation=5))
    assert beliefs.expires_s() == 140.0
    beliefs.hear(111.0, word(State.ALIVE, 1, incarnation=6))
    assert beliefs.expires_s() is None


def test_a_suspect_dies_when_its_shortened_time_is_up() -> None:
    beliefs = Bench(10).beliefs
    for accuser in (2, 3, 4, 5):
        beliefs.hear(100.0 + accuser, accused(1, accuser))
    beliefs.expire(106.999)
    assert beliefs.roster.states()[VICTIM.node] is State.SUSPECT
    beliefs.expire(107.0)
    assert beliefs.roster.states()[VICTIM.node] is State.DEAD
    assert beliefs.expires_s() is None


def test_the_own_failed_probe_confirms_as_others_do() -> None:
    beliefs = Bench(10).beliefs
    held = beliefs.roster.get(VICTIM.node)
    assert held is not None
    beliefs.hear(100.0, accused(1, 2))
    beliefs.suspect(101.0, held)
    beliefs.suspect(102.0, held)
    assert beliefs.expires_s() == 117.5


def test_a_suspect_of_a_saved_view_is_timed_at_the_next_accusation() -> None:
    net = lifeguard(10)
    tell(net, 2, accused(1, 3))
    saved = net.engines[2].save()
    assert isinstance(saved, View)
    config = LifeguardConfig.read({})
    who = identity(2)
    beliefs = LifeguardMembership(who.node, who.address, config, Random(1), saved)
    assert beliefs.expires_s() is None
    beliefs.hear(50.0, accused(1, 3))
    assert beliefs.expires_s() == 80.0


def test_a_suspicion_counts_no_accuser_beyond_k() -> None:
    suspicion = Suspicion(0.0, 1, 5.0, 30.0, {identity(2).node: None})
    found = [suspicion.confirm(identity(index).node) for index in (2, 3, 4)]
    assert found == [False, True, False]
    assert suspicion.lasts_s() == 5.0


# The buddy system.


@pytest.mark.parametrize("updates_max", ["0", "1"])
def test_a_ping_tells_a_suspect_before_all_else(updates_max: str) -> None:
    bench = Bench(2, updates_max=updates_max)
    bench.beliefs.hear(1.0, accused(1, 5))
    for number in range(40):
        bench.beliefs.queue.add(b"p%d" % number, b"news" * 30)
    for period in range(10):
        bench.prober.begin_period(2.0 + period)
        packet = bench.sent()[0][1]
        assert decode_update_untrusted(packet.updates[0]) == accused(1, 5)
        assert packet.updates.count(packet.updates[0]) == 1
        assert (len(packet.updates) == 1) is (updates_max == "1")
        bench.prober.receive(
            2.1 + period,
            VICTIM.node,
            VICTIM.address,
            Packet(Kind.ACK, packet.sequence, None, None, ()),
        )


def test_an_ack_or_a_ping_to_the_living_carries_no_old_suspicion() -> None:
    bench = Bench(3, multiplier="1")
    bench.beliefs.hear(1.0, accused(1, 2))
    while bench.told():
        pass
    ping = Packet(Kind.PING, 7, ME.node, None, ())
    bench.prober.receive(2.0, VICTIM.node, VICTIM.address, ping)
    ask = Packet(Kind.PING_REQ, 8, identity(2).node, identity(2).address, ())
    bench.prober.receive(2.0, VICTIM.node, VICTIM.address, ask)
    assert [packet.updates for _, packet in bench.sent()] == [(), ()]


def test_a_request_to_ping_a_suspect_carries_no_old_suspicion() -> None:
    bench = Bench(6, multiplier="1")
    for index in range(1, 6):
        bench.beliefs.hear(1.0, accused(index, 9))
    while bench.told():
        pass
    bench.prober.begin_period(2.0)
    bench.prober.handle_timeout(2.5)
    (_, ping), *asked = bench.sent()
    assert len(ping.updates) == 1
    assert [packet.updates for _, packet in asked] == [(), (), ()]


def test_a_full_ping_to_a_suspect_keeps_its_limit() -> None:
    bench = Bench(2)
    bench.beliefs.hear(1.0, accused(1, 5))
    while bench.told():
        pass
    # Five of these and nothing else would fill a packet to the last byte but one.
    for number in range(5):
        bench.beliefs.queue.add(b"p%d" % number, bytes(263))
    bench.prober.begin_period(2.0)
    ((datagram, packet),) = bench.sent()
    assert len(packet.updates) == 5
    assert len(datagram.data) <= LifeguardProfile.datagram_bytes_max


def test_a_suspect_refutes_in_the_ack_of_the_ping_that_told_it() -> None:
    net = lifeguard(10)
    net.run(2.0)
    tell(net, 2, accused(4, 3))
    net.run(40.0)
    assert len(net.changes(State.SUSPECT, 4)) >= 1
    assert net.changes(State.DEAD, 4) == []
    found = {engine.incarnation(identity(4).node) for engine in net.engines.values()}
    assert found == {(1, 1)}


# All together.


@pytest.mark.parametrize(("rejoin", "back"), [({}, True), ({"rejoin": "0"}, False)])
def test_who_hears_of_his_death_refutes_it_by_a_new_life(
    rejoin: Mapping[str, str], back: bool
) -> None:
    net = lifeguard(6, rejoin)
    net.run(2.0)
    tell(net, 2, word(State.DEAD, 4))
    net.run(40.0)
    assert len(net.changes(State.DEAD, 4)) == 5
    assert net.agree(range(6)) is back


def test_a_quiet_network_suspects_nobody_and_carries_no_nack() -> None:
    net = lifeguard(10)
    net.run(30.0)
    assert [one for one in net.seen if isinstance(one.output, MemberChanged)] == []
    kinds = [decode_packet_untrusted(one, FIELDS).kind for one in net.datagrams]
    assert (kinds.count(Kind.PING), kinds.count(Kind.ACK)) == (300, 300)
    assert len(kinds) == 600


@pytest.mark.slow
def test_a_crash_is_confirmed_after_the_shortest_suspicion() -> None:
    result = run(Options("crash", 64, profile="lifeguard"))
    figures = result.figures
    first_s, dead_s = figures["first_suspect_s"], figures["first_dead_s"]
    assert first_s is not None
    assert dead_s is not None
    assert 5 * log10(64) <= dead_s - first_s <= 5 * log10(64) + 1.0
    assert figures["false_dead"] == 0
    # Every survivor hears of three accusers besides the first, within its time.
    assert result.coverage["engine_confirmations"] <= 3 * 63
    assert result.coverage["engine_nacks_sent"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", mostly_slow([1, 2, 3], [1]))
def test_chaos_breaks_no_rule_and_is_the_same_twice(seed: int) -> None:
    options = Options("chaos", 8, seed=seed, profile="lifeguard")
    result, again = run(options), run(options)
    assert result.failure is None
    assert result.violations == ()
    assert result.coverage["engine_nacks_sent"] > 0
    assert result.trace_hash == again.trace_hash
    assert result.figures == again.figures
