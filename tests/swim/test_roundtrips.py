"""How long a peer may take: RFC 6298's shape over Vivaldi's distances."""

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.swim.awareness import HealthEvent
from swarmnet.swim.coordinates import HEIGHT_S_MIN, ORIGIN, Coordinate
from swarmnet.swim.engine import Swim
from swarmnet.swim.messages import Ack, Ping
from swarmnet.swim.roundtrips import BOUNDS_S, RoundTrips, Spread
from tests.swim.worlds import drain, messages, node, probing, swim, tell

MOST_S = 0.5
LEAST_S = 0.025
STRANGER = node(99)


def trips() -> RoundTrips:
    """Return the round trips of a node that has measured nothing."""
    return RoundTrips(Random(1), MOST_S)


def placed(x: float, height: float = 1e-4) -> Coordinate:
    """Return a coordinate `x` seconds off the origin."""
    return Coordinate((x, *[0.0] * 7), 0.5, 0.0, height)


def test_of_whom_nothing_is_known_has_the_whole_timeout() -> None:
    assert trips().expect(STRANGER, LEAST_S) == (0.0, MOST_S)


def test_a_steady_peer_gets_its_round_trip_and_the_least() -> None:
    known = trips()
    for _ in range(200):
        assert known.note(node(2), ORIGIN, 0.004)
    expected_s, more_s = known.expect(node(2), LEAST_S)
    assert expected_s == pytest.approx(0.004, rel=0.1)
    assert more_s == LEAST_S


def test_the_timeout_shrinks_as_predictions_come_true() -> None:
    known = trips()
    sums = []
    for _ in range(60):
        known.note(node(2), ORIGIN, 0.004)
        sums.append(sum(known.expect(node(2), LEAST_S)))
    assert sums[0] > 10 * sums[-1]
    assert sums[-1] < 0.04


def test_a_peer_that_never_told_where_it_is_may_be_far_from_all_who_did() -> None:
    known = trips()
    assert known.estimate(STRANGER) is None
    known.note(node(2), ORIGIN, 0.004)
    known.note(node(3), placed(0.02), 0.020)
    assert known.estimate(STRANGER) == 8 * 0.020
    for _ in range(34):
        known.note(node(2), ORIGIN, 0.004)
    assert known.estimate(STRANGER) == pytest.approx(8 * 0.020 * 0.98**34)


def test_a_peer_is_placed_by_what_it_says_without_a_measurement() -> None:
    known = trips()
    known.place(node(2), placed(0.05, height=HEIGHT_S_MIN))
    assert known.estimate(node(2)) == pytest.approx(0.05, abs=1e-4)
    assert (known.coordinate, known.samples) == (ORIGIN, 0)


def test_who_is_forgotten_is_a_stranger_again() -> None:
    known = trips()
    known.note(node(2), placed(0.2), 0.004)
    known.forget(node(2))
    assert known.estimate(node(2)) == known.estimate(STRANGER)


@pytest.mark.parametrize("rtt_s", [0.0, -1.0, 10.5, float("nan"), float("inf")])
def test_a_time_that_cannot_be_true_teaches_nothing(rtt_s: float) -> None:
    known = trips()
    before = known.coordinate
    assert not known.note(node(2), ORIGIN, rtt_s)
    assert (known.coordinate, known.samples) == (before, 0)
    assert known.expect(node(2), LEAST_S) == (0.0, MOST_S)


COORDINATES = st.builds(placed, st.floats(-10.0, 10.0), st.floats(HEIGHT_S_MIN, 10.0))


@given(st.lists(st.tuples(COORDINATES, st.floats(1e-6, 10.0)), max_size=20))
def test_whatever_a_peer_says_its_timeout_stays_between_least_and_most(
    samples: list[tuple[Coordinate, float]],
) -> None:
    known = trips()
    for theirs, rtt_s in samples:
        known.note(node(2), theirs, rtt_s)
        expected_s, more_s = known.expect(node(2), LEAST_S)
        assert expected_s >= 0.0
        assert more_s >= LEAST_S
        assert expected_s + more_s <= MOST_S + 1e-12


@given(st.lists(COORDINATES, min_size=1, max_size=8))
def test_a_liar_costs_others_no_more_patience_than_a_stranger(
    lies: list[Coordinate],
) -> None:
    known = trips()
    for _ in range(50):
        known.note(node(2), ORIGIN, 0.004)
    for lie in lies:
        known.note(node(3), lie, 0.004)
    assert sum(known.expect(node(2), LEAST_S)) <= MOST_S + 1e-12


def test_ten_honest_samples_make_up_for_an_absurd_one() -> None:
    known = trips()
    for _ in range(100):
        known.note(node(2), ORIGIN, 0.004)
    known.note(node(3), placed(10.0), 0.004)
    for _ in range(10):
        known.note(node(2), ORIGIN, 0.004)
    assert sum(known.expect(node(2), LEAST_S)) < 0.05


def late(engine: Swim, now: float) -> None:
    """Let the process stand still."""
    engine.note_late(now, 1.0)


def unhealthy(engine: Swim, _now: float) -> None:
    """Let it know itself slow, for another reason."""
    engine._core.awareness.note(HealthEvent.PROBE_FAILED)


# Bad health may come of paths that have grown, which only samples can tell.
@pytest.mark.parametrize(("trouble", "samples"), [(None, 1), (late, 0), (unhealthy, 1)])
def test_a_direct_answer_is_a_sample_unless_we_did_not_run_meanwhile(
    trouble: Callable[[Swim, float], None] | None, samples: int
) -> None:
    engine, at, target, sequence = probing()
    if trouble is not None:
        trouble(engine, at)
    tell(engine, target, Ack(sequence, ORIGIN), now=at + 0.004)
    assert engine.counters()["coordinate_samples"] == samples


def test_only_members_in_turn_are_sampled_not_the_watched() -> None:
    engine = swim(1, range(1, 9), seed=3)
    engine.note_late(0.0, 0.5)
    engine.start(0.0)
    due = engine.poll_timeout()
    assert due is not None
    engine.handle_timeout(due)
    found = []
    for target, ping in messages(drain(engine)):
        if isinstance(ping, Ping):
            tell(engine, target, Ack(ping.sequence, ORIGIN), now=due + 0.004)
            found.append(engine.counters()["coordinate_samples"])
    assert found == [1, 1]


def test_an_answer_passed_on_by_a_helper_is_no_sample() -> None:
    engine, at, target, sequence = probing()
    tell(engine, target, Ack(sequence), now=at + 0.004)
    assert engine.counters()["coordinate_samples"] == 0


def test_what_was_measured_is_counted_between_bounds() -> None:
    known = trips()
    for rtt_s in (0.0004, 0.002, 0.0021, 0.4):
        assert known.note(node(2), ORIGIN, rtt_s)
    counts = dict(zip(BOUNDS_S, known.spread().counts, strict=False))
    assert {k: v for k, v in counts.items() if v} == {
        0.0005: 1,
        0.002: 1,
        0.005: 1,
        0.5: 1,
    }
    assert abs(known.spread().total_s - 0.4045) < 1e-9
    assert trips().spread() == Spread((0,) * (len(BOUNDS_S) + 1), 0.0)
