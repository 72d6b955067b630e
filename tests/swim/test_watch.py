"""Watching: who sends heartbeats to whom, and what follows when one stays out."""

import itertools
from collections.abc import Iterable
from random import Random

import pytest

from swarmnet.swim.config import SwimConfig
from swarmnet.swim.core import Due
from swarmnet.swim.messages import Ack, Compare, Heartbeat, Message, Ping, PingRequest
from swarmnet.swim.outputs import Rode, State
from tests.swim.worlds import (
    UNWATCHED,
    Network,
    Send,
    advance,
    alive,
    drain,
    messages,
    network,
    node,
    number_of,
    suspect,
    swim,
    tell,
)

SETTLED_S = 12.0
"""By then each of ten has measured enough, and heartbeats lead the periods."""
LONGEST_S = 0.25 * 1.06
"""Between two heartbeats of one member (`watch.LED_SHARE`)."""


def ring(numbers: Iterable[int]) -> list[int]:
    """Return members in the order in which each watches the next."""
    everyone = sorted(numbers)
    rings = swim(everyone[0], everyone)._core.roster.rings
    return [everyone[0], *(number_of(one) for one in rings.successors())]


def settled(numbers: Iterable[int], config: SwimConfig | None = None) -> Network:
    """Return a network after its members have come to know each other."""
    world = network(sorted(numbers), config)
    world.run(SETTLED_S)
    world.sent.clear()
    world.log.clear()
    return world


def sent(world: Network, kind: type[Message]) -> list[tuple[float, int, int]]:
    """Return (when, from whom, to whom) of the messages of a kind."""
    return [
        (at, source, to)
        for at, source, one in world.sent
        for to, message in messages([one])
        if isinstance(message, kind)
    ]


@pytest.mark.parametrize("nodes", [2, 3, 10, 32])
def test_each_sends_heartbeats_to_whoever_sits_before_it(nodes: int) -> None:
    everyone = ring(range(1, nodes + 1))
    world = settled(everyone)
    world.run(2.0)
    pairs = {(source, to) for _, source, to in sent(world, Heartbeat)}
    assert pairs == {(everyone[i], everyone[i - 1]) for i in range(nodes)}


@pytest.mark.parametrize(
    ("nodes", "config"), [(33, None), (10, UNWATCHED)], ids=["large", "unwatched"]
)
def test_a_large_cluster_and_one_without_watching_send_none(
    nodes: int, config: SwimConfig | None
) -> None:
    world = settled(range(1, nodes + 1), config)
    world.run(2.0)
    assert sent(world, Heartbeat) == []
    assert len(sent(world, Ping)) >= nodes * 2.0 / 0.26 - nodes


def test_no_heartbeat_comes_later_than_it_is_waited_for() -> None:
    world = settled(range(1, 11))
    world.run(30.0)
    for number in world.engines:
        times = [at for at, source, _ in sent(world, Heartbeat) if source == number]
        gaps = [after - at for at, after in itertools.pairwise(times)]
        assert min(gaps) >= 0.24 - 1e-9
        assert max(gaps) <= LONGEST_S + 1e-9
    assert "heartbeats_missed" not in world.engines[1].counters()


def test_heartbeats_lead_the_periods_of_a_ring_to_one_moment() -> None:
    world = settled(range(1, 11))
    world.run(120.0)
    world.sent.clear()
    world.run(2.0)
    times = sorted(at for at, _, _ in sent(world, Heartbeat))
    # Ten each in some eight rounds, and within each they follow upon each other.
    rounds = 1 + sum(b - a > 0.02 for a, b in itertools.pairwise(times))
    assert 7 <= rounds <= 9


def test_in_every_fourth_period_one_in_turn_is_probed() -> None:
    world = settled(range(1, 11))
    world.run(20.0)
    beats, pings = len(sent(world, Heartbeat)), len(sent(world, Ping))
    assert abs(beats - 4 * pings) <= 0.05 * beats
    targets = {to for _, source, to in sent(world, Ping) if source == 1}
    assert targets == set(range(2, 11))


def test_a_heartbeat_is_not_answered() -> None:
    engine = swim(1, (2, 3))
    beat = Heartbeat(engine.save().digest())
    assert tell(engine, 2, beat) == []
    assert tell(engine, 9, beat) == []


def test_a_heartbeat_shows_what_its_sender_holds() -> None:
    engine, other = swim(1, (2, 3)), swim(2, (1, 3, 4))
    answer = tell(engine, 2, Heartbeat(other.save().digest()))
    compared = tell(swim(1, (2, 3)), 2, Compare(other.save().digest()))
    assert answer == compared != []


def test_what_rides_on_a_heartbeat_is_handed_up() -> None:
    engine = swim(1, (2, 3))
    beat = Heartbeat(engine.save().digest(), b"rows")
    assert tell(engine, 2, beat) == [Rode(node(2), b"rows")]


def test_who_stops_to_send_is_probed_at_once_and_dead_in_time() -> None:
    everyone = ring(range(1, 11))
    world = settled(everyone)
    watcher, victim = everyone[3], everyone[4]
    world.run(1.0)
    last = max(at for at, source, _ in sent(world, Heartbeat) if source == victim)
    world.drop = lambda source, target, _: victim in (source, target)
    world.run(4.0)
    pings = [at for at, a, b in sent(world, Ping) if (a, b) == (watcher, victim)]
    asked = min(at for at in pings if at > last + LONGEST_S)
    assert asked <= last + LONGEST_S + 0.03
    deaths = [
        at
        for at, number, one in world.log
        if number != victim and getattr(one, "current", None) is State.DEAD
    ]
    # The suspicion's clock runs from when the heartbeat was due, if not from before.
    assert deaths
    assert last + 2.0 <= deaths[0] <= last + LONGEST_S + 2.2


@pytest.mark.parametrize("lates", [0, 1, 6])
@pytest.mark.parametrize("nodes", [2, 10])
def test_no_pause_of_less_than_the_shortest_suspicion_kills(
    nodes: int, lates: int
) -> None:
    everyone = ring(range(1, nodes + 1))
    world = settled(everyone)
    watcher, victim = everyone[0], everyone[1]
    engine = world.engines[watcher]
    lost: list[float] = []

    def lose_beats(source: int, target: int, one: Send) -> bool:
        is_beat = any(isinstance(m, Heartbeat) for _, m in messages([one]))
        if (source, target) != (victim, watcher) or not is_beat:
            return False
        lost.append(world.now)
        return True

    for _ in range(lates):
        engine.note_late(world.now, 0.12)
    world.settle(watcher)
    world.run(0.27)
    world.drop = lose_beats
    # It runs, though its heartbeats get lost, until just before it is missed.
    missed = engine._core.timers.deadline((Due.SILENT, None))
    assert missed is not None
    world.run(missed - 0.001 - world.now)
    world.log.clear()
    paused = world.now
    world.drop = lambda source, target, _: victim in (source, target)
    world.run(60.0)
    deaths = [
        at
        for at, number, one in world.log
        if number != victim and getattr(one, "current", None) is State.DEAD
    ]
    assert deaths
    assert deaths[0] - paused >= SwimConfig().suspicion_min_s


@pytest.mark.parametrize("seed", range(8))
def test_nor_where_somebody_is_far_from_all_and_hears_of_a_near_one(seed: int) -> None:
    random = Random(seed)
    everyone = ring(range(1, 11))
    far, victim = random.sample(everyone, 2)
    world = network(everyone, SwimConfig(), seed)
    world.latency_s = lambda *ends: 0.05 if far in ends else 0.0005
    world.run(12.0 + random.random())
    world.log.clear()
    paused = world.now
    world.drop = lambda source, target, _: victim in (source, target)
    world.run(6.0)
    deaths = [
        at - paused
        for at, number, one in world.log
        if number != victim and getattr(one, "current", None) is State.DEAD
    ]
    assert len(deaths) == 9
    assert min(deaths) >= SwimConfig().suspicion_min_s


def test_one_lost_heartbeat_costs_a_probe_and_accuses_nobody() -> None:
    everyone = ring(range(1, 11))
    world = settled(everyone)
    watcher, watched = everyone[3], everyone[4]
    lost: list[int] = []

    def drop(source: int, target: int, one: Send) -> bool:
        is_beat = any(isinstance(m, Heartbeat) for _, m in messages([one]))
        if is_beat and (source, target) == (watched, watcher) and not lost:
            lost.append(source)
            return True
        return False

    world.drop = drop
    world.run(3.0)
    assert lost == [watched]
    assert world.engines[watcher].counters()["heartbeats_missed"] == 1
    assert world.log == []
    assert sent(world, PingRequest) == []


def test_whoever_sits_behind_a_suspect_is_watched_in_its_place() -> None:
    everyone = ring(range(1, 11))
    world = settled(everyone)
    watcher, first, second = everyone[3:6]
    world.drop = lambda source, target, _: bool({first, second} & {source, target})
    world.run(0.9)
    assert world.states(watcher)[first] is State.SUSPECT
    assert world.states(watcher)[second] is State.SUSPECT
    watched = world.engines[watcher]._intake.periods.watch.watched
    assert watched == node(everyone[6])


def test_who_hears_nobody_says_not_that_it_is_well() -> None:
    everyone = ring(range(1, 11))
    world = settled(everyone)
    deaf = everyone[4]
    world.drop = lambda source, target, _: target == deaf
    world.run(1.2)
    world.sent.clear()
    world.run(1.0)
    assert [at for at, source, _ in sent(world, Heartbeat) if source == deaf] == []
    world.run(2.0)
    assert world.states(everyone[3])[deaf] is State.DEAD


def test_a_member_that_sends_none_is_probed_in_every_period() -> None:
    everyone = ring(range(1, 11))
    world = settled(everyone)
    watcher, old = everyone[3], everyone[4]
    world.drop = lambda source, target, one: (
        source == old
        and any(isinstance(message, Heartbeat) for _, message in messages([one]))
    )
    world.run(1.0)
    world.sent.clear()
    world.run(10.0)
    pings = [at for at, a, b in sent(world, Ping) if (a, b) == (watcher, old)]
    assert 10.0 / 0.3 <= len(pings) <= 10.0 / 0.25
    assert world.log == []


def test_a_node_that_was_late_holds_no_silence_against_the_watched() -> None:
    world = settled(range(1, 11))
    engine = world.engines[1]
    due = engine._core.timers.deadline((Due.SILENT, None))
    assert due is not None
    engine.note_late(world.now, 2.0)
    assert engine._core.timers.deadline((Due.SILENT, None)) == due + 2.0


def test_in_bad_health_the_watched_is_asked_as_well() -> None:
    world = settled(range(1, 11))
    engine = world.engines[1]
    engine.note_late(world.now, 0.5)
    score = engine.counters()["health_score"]
    assert score > 0
    due = engine._core.timers.deadline((Due.PROBE, None))
    assert due is not None
    engine.handle_timeout(due)
    pinged = [to for to, one in messages(drain(engine)) if isinstance(one, Ping)]
    watched = engine._intake.periods.watch.watched
    assert watched is not None
    assert number_of(watched) in pinged


def test_who_watches_nobody_has_no_silence_to_fear() -> None:
    engine = swim(1, (2, 3))
    engine.start(0.0)
    advance(engine, 1.0)
    tell(engine, 2, suspect(3, 2), now=1.0)
    tell(engine, 3, suspect(2, 3), now=1.0)
    advance(engine, 60.0)
    assert engine.states()[node(2)] is State.DEAD


def test_leaving_ends_watching() -> None:
    engine = swim(1, (2, 3))
    engine.start(0.0)
    advance(engine, 0.6)
    engine.leave(0.6)
    later = [m for _, one in advance(engine, 5.0) for _, m in messages([one])]
    assert not any(isinstance(one, Heartbeat) for one in later)
    assert tell(engine, 2, Ack(1), now=5.0) == []


def test_a_newcomer_takes_its_place_in_the_ring() -> None:
    world = settled(range(1, 10))
    world.engines[10] = newcomer = swim(10, (1,))
    newcomer.start(world.now)
    newcomer.join(world.now, [alive(1).address])  # type: ignore[list-item]
    world.settle(10)
    world.run(8.0)
    world.sent.clear()
    world.run(2.0)
    everyone = ring(range(1, 11))
    pairs = {(source, to) for _, source, to in sent(world, Heartbeat)}
    assert pairs == {(everyone[i], everyone[i - 1]) for i in range(10)}
