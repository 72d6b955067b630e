"""Invariants H and I: the stages of a probe, who may answer it, and what it teaches."""

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.swim.coordinates import ORIGIN
from swarmnet.swim.messages import Ack, Message, Nack, Ping, PingRequest
from swarmnet.swim.outputs import Output, SendDatagram, SendStream, State
from tests.swim.worlds import (
    IDLE,
    SPACED,
    UNWATCHED,
    Network,
    address,
    advance,
    alive,
    changed,
    claims,
    drain,
    fewer,
    left,
    messages,
    network,
    node,
    notes,
    number_of,
    probing,
    stream,
    suspect,
    swim,
    tell,
)


def kinds(outputs: Iterable[Output]) -> list[tuple[int, str, str]]:
    """Return (to whom, stream or datagram, kind of message), sorted."""
    return sorted(
        (to, "stream" if isinstance(one, SendStream) else "datagram", type(m).__name__)
        for one in outputs
        for to, m in messages([one])
    )


def test_a_probe_begins_with_one_ping_that_carries_the_digest() -> None:
    engine = swim(1, (2,), UNWATCHED)
    engine.start(0.0)
    at = engine.poll_timeout()
    assert at is not None
    assert 0.0 <= at <= 0.25
    engine.handle_timeout(at)
    ((target, ping),) = messages(drain(engine))
    assert isinstance(ping, Ping)
    assert (target, ping.digest) == (2, engine.save().digest())
    assert engine.poll_output() is None


def test_an_answered_probe_is_over() -> None:
    engine, at, target, sequence = probing()
    assert tell(engine, target, Ack(sequence), now=at + 0.01) == []
    assert advance(engine, at + 0.99) == []
    assert engine.counters() == IDLE


@pytest.mark.parametrize("answered", [0, 1], ids=["first", "second"])
def test_a_ping_is_repeated_once_half_of_its_time_is_over(answered: int) -> None:
    engine, at, target, sequence = probing()
    ((when, repeated),) = advance(engine, at + 0.49)
    assert when == at + 0.25
    assert isinstance(repeated, SendDatagram)
    ping = Ping(sequence + 1, engine.save().digest())
    assert messages([repeated]) == [(target, ping)]
    tell(engine, target, Ack(sequence + answered), now=at + 0.3)
    assert advance(engine, at + 0.99) == []
    assert engine.counters() == IDLE


def test_an_unanswered_ping_is_tried_through_others_and_over_a_stream() -> None:
    engine, at, target, sequence = probing()
    advance(engine, at + 0.3)
    after = advance(engine, at + 0.6)
    assert {when for when, _ in after} == {at + 0.25 + 0.25}
    others = sorted({2, 3, 4, 5} - {target})
    expected: list[tuple[int, Message]] = [
        (other, PingRequest(sequence, node(target), address(target), 0.4))
        for other in others
    ]
    sent = messages(one for _, one in after)
    asked = [one for one in sent if one[0] != target]
    assert sorted(asked, key=lambda one: one[0]) == expected
    digest = engine.save().digest()
    assert [one for one in sent if one[0] == target] == [
        (target, Ping(sequence + 2, digest)),
        (target, Ping(sequence + 3, digest)),
    ]
    assert kinds(one for _, one in after) == sorted(
        [
            *((other, "datagram", "PingRequest") for other in others),
            (target, "datagram", "Ping"),
            (target, "stream", "Ping"),
        ]
    )


def test_an_indirect_probe_pings_on_as_long_as_an_answer_could_come() -> None:
    engine, at, target, sequence = probing()
    advance(engine, at + 0.6)
    ping = Ping(sequence + 4, engine.save().digest())
    later = advance(engine, at + 0.99)
    assert [(when, messages([one])) for when, one in later] == [
        (at + 0.75, [(target, ping)])
    ]
    assert kinds(one for _, one in later) == [(target, "datagram", "Ping")]


@pytest.mark.parametrize(
    ("by", "answered"),
    [("target", 0), ("target", 1), ("target", 2), ("helper", 0), ("stream", 3)],
)
def test_an_answer_by_any_way_ends_an_indirect_probe(by: str, answered: int) -> None:
    engine, at, target, sequence = probing()
    advance(engine, at + 0.6)
    sender = min({2, 3, 4, 5} - {target}) if by == "helper" else target
    take = stream if by == "stream" else tell
    take(engine, sender, Ack(sequence + answered), now=at + 0.7)
    assert advance(engine, at + 0.99) == []
    assert engine.counters() == {**IDLE, "indirect_probes": 1}


def test_a_probe_without_answer_accuses_its_target() -> None:
    engine, at, target, sequence = probing()
    advance(engine, at + 0.6)
    for helper in sorted({2, 3, 4, 5} - {target}):
        tell(engine, helper, Nack(sequence), now=at + 0.95)
    after = [one for _, one in advance(engine, at + 1.0)]
    assert notes(after) == [changed(target, State.ALIVE, State.SUSPECT)]
    accused = suspect(target, 1)
    told = {to for to, claim in claims(after) if claim == accused}
    assert told == set(map(number_of, engine.save().rings.neighbours()))
    assert engine.counters()["accusations"] == 1
    assert engine.counters()["health_score"] == 0


@pytest.mark.parametrize(("nacks", "score"), [(0, 3), (1, 2), (2, 1), (3, 0)])
def test_helpers_that_say_nothing_show_that_the_fault_may_be_ours(
    nacks: int, score: int
) -> None:
    engine, at, target, sequence = probing()
    advance(engine, at + 0.6)
    for helper in sorted({2, 3, 4, 5} - {target})[:nacks]:
        # One that repeats itself speaks for nobody else.
        tell(engine, helper, *[Nack(sequence)] * 3, now=at + 0.95)
    advance(engine, at + 1.0)
    assert engine.counters()["health_score"] == score


def test_where_nobody_can_help_a_failure_counts_against_ourselves() -> None:
    engine, at, _, _ = probing((2,))
    advance(engine, at + 1.0)
    assert engine.counters()["health_score"] == 1


def test_a_stranger_or_a_wrong_number_answers_no_probe() -> None:
    engine, at, target, sequence = probing()
    other = min({2, 3, 4, 5} - {target})
    tell(engine, other, Ack(sequence), now=at + 0.1)
    tell(engine, 99, Ack(sequence), now=at + 0.1)
    tell(engine, target, Ack(sequence - 1), Ack(sequence + 1), now=at + 0.1)
    assert engine.counters()["acks_unexpected"] == 4
    assert "PingRequest" in {
        kind for _, _, kind in kinds(one for _, one in advance(engine, at + 0.6))
    }


def test_a_late_answer_vouches_for_nobody() -> None:
    engine, at, target, sequence = probing()
    advance(engine, at + 1.3)
    before = engine.counters()
    held = engine.states()
    acks = [Ack(sequence + more, ORIGIN) for more in range(5)]
    other = next(n for n in (2, 3, 4) if n != target)
    tell(engine, other, *acks, now=at + 1.3)
    assert engine.states() == held
    assert engine.counters() == {**before, "acks_unexpected": 5}


def test_a_late_answer_of_the_target_measures_the_path_it_took() -> None:
    engine, at, target, sequence = probing()
    advance(engine, at + 1.1)
    assert engine.states()[node(target)] is State.SUSPECT
    tell(engine, target, Ack(sequence, ORIGIN), now=at + 1.1)
    assert engine.counters()["acks_late"] == 1
    assert engine.counters()["coordinate_samples"] == 1
    # It counts once, and refutes nothing: that takes a claim.
    tell(engine, target, Ack(sequence, ORIGIN), now=at + 1.1)
    assert engine.counters()["acks_unexpected"] == 1
    assert engine.states()[node(target)] is State.SUSPECT


def test_an_answer_that_was_held_up_somewhere_measures_nothing() -> None:
    engine, at, target, sequence = probing()
    advance(engine, at + 2.1)
    tell(engine, target, Ack(sequence, ORIGIN), now=at + 2.1)
    assert engine.counters()["acks_late"] == 1
    assert engine.counters()["coordinate_samples"] == 0


def test_a_ping_is_answered_on_the_way_by_which_it_came() -> None:
    engine = swim(1, (2,))
    ping = Ping(77, engine.save().digest())
    assert kinds(tell(engine, 2, ping)) == [(2, "datagram", "Ack")]
    assert kinds(stream(engine, 2, ping)) == [(2, "stream", "Ack")]
    assert messages(tell(engine, 9, ping)) == [(9, Ack(77, ORIGIN))]


def test_a_suspect_that_pings_is_told_of_the_accusation() -> None:
    engine = swim(1, (2, 3))
    tell(engine, 3, suspect(2, 3))
    ping = Ping(77, engine.save().digest())
    outputs = tell(engine, 2, ping, now=0.1)
    assert [one for _, one in claims(outputs)] == [suspect(2, 3)]
    assert messages(outputs)[-1] == (2, Ack(77, ORIGIN))


def test_a_slow_node_probes_more_slowly_and_waits_longer() -> None:
    engine = swim(1, (2, 3), SPACED)
    for _ in range(3):
        engine.note_late(0.0, 0.5)
    engine.note_late(0.0, 0.01)
    assert engine.counters()["health_score"] == 3
    engine.start(0.0)
    sent = [(at, m) for at, one in advance(engine, 6.0) for _, m in messages([one])]
    (start, first) = next((at, m) for at, m in sent if isinstance(m, Ping))
    later = [
        (round(at - start, 6), type(m).__name__, m.sequence - first.sequence)
        for at, m in sent
        if isinstance(m, (Ping, PingRequest))
    ]
    assert later[:7] == [
        (0.0, "Ping", 0),
        (1.0, "Ping", 1),
        (2.0, "Ping", 2),
        (2.0, "PingRequest", 0),
        (2.0, "Ping", 3),
        (3.0, "Ping", 4),
        # The next member, in the next period.
        (4.0, "Ping", 5),
    ]
    assert [m.wait_s for _, m in sent if isinstance(m, PingRequest)] == [1.6]


def test_a_node_that_was_slow_is_itself_again_after_as_many_successes() -> None:
    world = network((1, 2, 3))
    for _ in range(20):
        world.engines[1].note_late(0.0, 1.0)
    assert world.engines[1].counters()["health_score"] == 7
    world.run(8 * 0.25)
    assert world.engines[1].counters()["health_score"] > 0
    world.run(6 * 8 * 0.25)
    assert world.engines[1].counters()["health_score"] == 0


@pytest.mark.slow
def test_a_quiet_cluster_stays_healthy_and_quiet() -> None:
    world = network(range(1, 9))
    world.run(30.0)
    assert world.log == []
    counters = [dict(one.counters()) for one in world.engines.values()]
    measured = [one.pop("coordinate_samples") for one in counters]
    assert counters == [{"health_score": 0}] * 8
    # One in each period until round trips are known, after a dozen at most; then one
    # in every fourth.
    assert all(30 / 0.265 / 4 <= n <= 12 + 30 / 0.25 / 4 for n in measured)
    world.sent.clear()
    world.run(30.0)
    # A heartbeat in each period, a ping and its answer in every fourth.
    assert len(world.sent) <= 8 * 1.5 * 30 * 4


def in_turn(world: Network, source: int, since: float) -> list[int]:
    """Return whom a member has pinged, in order."""
    return [
        to
        for at, number, one in world.sent
        if number == source and at >= since
        for to, message in messages([one])
        if isinstance(message, Ping)
    ]


@pytest.mark.slow
@fewer(3)
@given(st.integers(2, 6), st.lists(st.floats(0.0, 2.5), max_size=3), st.integers(1, 50))
def test_each_member_is_pinged_in_every_two_rounds(
    n: int, joins: list[float], seed: int
) -> None:
    world = network(range(1, n + 1), UNWATCHED, seed=seed)
    for number, at in enumerate(sorted(joins), n + 1):
        world.run(at - world.now)
        world.engines[number] = joiner = swim(number, (), UNWATCHED, seed + number)
        joiner.start(world.now)
        joiner.join(world.now, [address(1)])
        world.settle(number)
    joined = world.now + 0.1
    most = n + len(joins)
    world.run(4 * 0.25 * most)
    everyone = set(range(1, most + 1))
    for number in range(1, most + 1):
        # Those who came first are visited in turn while the others come.
        for since, whom in ((0.0, set(range(1, n + 1))), (joined, everyone)):
            targets = in_turn(world, number, since) if number in whom else []
            for start in range(len(targets) - 2 * most + 2):
                window = targets[start : start + 2 * most - 1]
                assert whom - {number} <= set(window) <= everyone - {number}
    assert len(in_turn(world, 1, joined)) >= 2 * most - 1


def test_sequence_numbers_are_used_once() -> None:
    patient = replace(UNWATCHED, suspicion_min_s=50.0, suspicion_max_s=60.0)
    engine = swim(1, (2, 3, 4), patient)
    engine.start(0.0)
    sent = [m for _, one in advance(engine, 20.0) for m in messages([one])]
    for _ in range(5):
        request = PingRequest(5, node(3), address(3), 0.4)
        sent += messages(tell(engine, 2, request, now=20.0))
    numbers = [m.sequence for _, m in sent if isinstance(m, Ping)]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert len(numbers) > 40


def test_others_are_asked_under_the_number_of_a_probes_first_ping() -> None:
    patient = replace(UNWATCHED, suspicion_min_s=50.0, suspicion_max_s=60.0)
    engine = swim(1, (2, 3, 4), patient)
    engine.start(0.0)
    numbers: dict[int, int] = {}
    asked = set()
    for _, one in advance(engine, 20.0):
        for to, m in messages([one]):
            if isinstance(m, Ping):
                numbers[m.sequence] = to
            elif isinstance(m, PingRequest):
                asked.add(m.sequence)
                since = [numbers[n] for n in numbers if n >= m.sequence]
                # The first, one after half of the timeout, one after the timeout.
                assert since[0] == number_of(m.target)
                assert since.count(since[0]) == 3
    assert len(asked) == engine.counters()["indirect_probes"] > 5


def test_who_leaves_stops_probing_and_still_answers() -> None:
    engine, at, _, _ = probing()
    engine.leave(at + 0.1)
    drain(engine)
    after = [one for _, one in advance(engine, at + 10.0)]
    assert {type(m).__name__ for _, m in messages(after)} <= {"ClaimNews", "Ping"}
    assert "probes_failed" not in engine.counters()
    ping = Ping(9, engine.save().digest())
    assert messages(tell(engine, 2, ping, now=at + 11.0)) == [(2, Ack(9, ORIGIN))]


def test_a_probe_of_one_who_left_meanwhile_blames_nobody() -> None:
    engine, at, _, _ = probing((2,))
    tell(engine, 2, left(2), now=at + 0.1)
    after = [one for _, one in advance(engine, at + 2.0)]
    assert notes(after) == []
    assert engine.counters() == {**IDLE, "claims_news": 1, "indirect_probes": 1}


def test_a_member_that_comes_and_goes_is_probed_while_it_is_there() -> None:
    engine = swim(1, (2, 3))
    engine.start(0.0)
    tell(engine, 2, alive(4))
    sent = [m for _, one in advance(engine, 6.5) for m in messages([one])]
    targets = {to for to, m in sent if isinstance(m, Ping)}
    assert targets == {2, 3, 4}
