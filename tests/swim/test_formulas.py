"""Every formula and every bound of membership, as tables."""

from dataclasses import fields, replace
from math import inf, isclose, log, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.errors import Refused
from swarmnet.swim.awareness import Awareness, HealthEvent
from swarmnet.swim.budget import Budget
from swarmnet.swim.config import SwimConfig
from swarmnet.swim.probe import Probe
from swarmnet.swim.suspicion import Suspicion, suspicion_timeout
from tests.swim.worlds import node

UP = HealthEvent.PROBE_FAILED
DOWN = HealthEvent.PROBE_SUCCEEDED


@pytest.mark.parametrize(
    ("confirmations", "wanted", "minimum_s", "maximum_s", "expected_s"),
    [
        (0, 3, 2.0, 30.0, 30.0),
        (1, 3, 2.0, 30.0, 16.0),
        (2, 3, 2.0, 30.0, 30.0 - 28.0 * log(3) / log(4)),
        (3, 3, 2.0, 30.0, 2.0),
        (4, 3, 2.0, 30.0, 2.0),
        (0, 1, 2.0, 6.0, 6.0),
        (1, 1, 2.0, 6.0, 2.0),
        (0, 2, 2.0, 6.0, 6.0),
        (1, 2, 2.0, 6.0, 6.0 - 4.0 * log(2) / log(3)),
        (2, 2, 2.0, 6.0, 2.0),
        (0, 0, 2.0, 6.0, 2.0),
        (0, -1, 2.0, 6.0, 2.0),
        (1, 3, 5.0, 5.0, 5.0),
    ],
)
def test_a_suspicion_lives_so_long(
    confirmations: int,
    wanted: int,
    minimum_s: float,
    maximum_s: float,
    expected_s: float,
) -> None:
    life_s = suspicion_timeout(confirmations, wanted, minimum_s, maximum_s)
    assert isclose(life_s, expected_s)


@given(
    st.integers(0, 20), st.integers(0, 16), st.floats(0.1, 10.0), st.floats(0.0, 50.0)
)
def test_a_suspicions_life_is_bounded_and_never_grows_with_accusers(
    confirmations: int, wanted: int, minimum_s: float, span_s: float
) -> None:
    bounds = (minimum_s, minimum_s + span_s)
    life_s = suspicion_timeout(confirmations, wanted, *bounds)
    assert bounds[0] <= life_s <= bounds[1]
    assert suspicion_timeout(confirmations + 1, wanted, *bounds) <= life_s


@pytest.mark.parametrize(
    ("accusers", "wanted", "deadline"),
    [(1, 3, 16.0), (2, 3, 16.0 - 4.0 * log(2) / log(3)), (3, 3, 12.0), (1, 1, 12.0)],
)
def test_the_first_accuser_is_no_confirmation(
    accusers: int, wanted: int, deadline: float
) -> None:
    suspicion = Suspicion((1, 0), 10.0)
    assert isclose(suspicion.deadline(accusers, wanted, 2.0, 6.0), deadline)


@pytest.mark.parametrize(
    ("probe_failed", "accusers", "convicts"),
    [
        (False, 0, False),
        (False, 1, False),
        (False, 2, False),
        (False, 3, True),
        (False, 4, True),
        (True, 0, True),
        (True, 1, True),
        (True, 3, True),
    ],
)
def test_who_may_be_concluded_dead(
    probe_failed: bool, accusers: int, convicts: bool
) -> None:
    suspicion = Suspicion((1, 0), 10.0, probe_failed)
    assert suspicion.convicts(accusers, 3) is convicts


@pytest.mark.parametrize(("since", "started"), [(8.5, 8.5), (10.0, 10.0), (11.0, 10.0)])
def test_an_own_failure_dates_a_suspicion_back_to_its_first_ping_and_never_on(
    since: float, started: float
) -> None:
    failed = Suspicion((1, 4), 10.0).with_own_failure(since)
    assert failed == Suspicion((1, 4), started, True)


@pytest.mark.parametrize("looked", [False, True])
def test_an_answer_takes_back_what_an_own_probe_has_shown(looked: bool) -> None:
    failed = Suspicion((1, 4), 10.0, True, looked)
    assert failed.with_answer() == Suspicion((1, 4), 10.0)
    assert not failed.with_answer().convicts(2, 3)


def test_a_last_look_changes_nothing_else_of_a_suspicion() -> None:
    looking = Suspicion((1, 4), 10.0, True).with_last_look()
    assert looking == Suspicion((1, 4), 10.0, True, True)


def test_a_later_suspicion_lives_as_long_and_ends_as_much_later() -> None:
    later = Suspicion((1, 4), 10.0, True).later(2.5)
    assert later == Suspicion((1, 4), 12.5, True)
    assert isclose(later.deadline(3, 3, 2.0, 6.0), 14.5)


def test_a_budget_fills_at_its_rate_up_to_its_burst() -> None:
    budget = Budget(100.0, 1000.0)
    assert budget.tokens(5.0) == 1000.0
    budget.charge(5.0, 700)
    seen = [budget.tokens(now) for now in (5.0, 6.0, 7.5, 7.5, 12.0, 99.0)]
    assert seen == [300.0, 400.0, 550.0, 550.0, 1000.0, 1000.0]


def test_a_budget_owes_what_half_a_second_brings_at_most() -> None:
    budget = Budget(100.0, 1000.0)
    budget.charge(0.0, 1030)
    assert budget.tokens(0.0) == -30.0
    budget.charge(0.0, 10_000)
    assert [budget.tokens(now) for now in (0.0, 0.5, 1.0)] == [-50.0, 0.0, 50.0]


def test_a_clock_that_goes_back_gives_a_budget_nothing() -> None:
    budget = Budget(100.0, 1000.0)
    budget.charge(5.0, 600)
    assert [budget.tokens(now) for now in (4.0, 5.0, 6.0)] == [400.0, 400.0, 500.0]


@pytest.mark.parametrize(
    ("charged", "wanted", "ready_at"),
    [
        (0, 1000, 5.0),
        (600, 400, 5.0),
        (600, 401, 5.01),
        (1000, 1000, 15.0),
        (1030, 100, 6.3),
        (1500, 100, 6.5),
    ],
)
def test_a_budget_says_when_bytes_may_be_sent(
    charged: int, wanted: int, ready_at: float
) -> None:
    budget = Budget(100.0, 1000.0)
    budget.charge(5.0, charged)
    assert isclose(budget.ready_at(5.0, wanted), ready_at)
    assert budget.tokens(ready_at) >= wanted - 1e-6


@pytest.mark.parametrize(
    ("events", "score"),
    [
        ([], 0),
        ([DOWN], 0),
        ([UP], 1),
        ([HealthEvent.NACK_MISSED], 1),
        ([HealthEvent.REFUTED], 1),
        ([HealthEvent.LATE], 1),
        ([UP, UP, DOWN], 1),
        ([UP] * 9, 3),
        ([UP] * 9 + [DOWN] * 2, 1),
        ([UP] * 9 + [DOWN] * 9, 0),
    ],
)
def test_events_move_the_health_score(events: list[HealthEvent], score: int) -> None:
    awareness = Awareness(4)
    for event in events:
        awareness.note(event)
    assert (awareness.score, awareness.multiplier) == (score, score + 1)


@given(st.lists(st.sampled_from(HealthEvent)), st.integers(1, 10))
def test_the_health_score_stays_in_its_bounds(
    events: list[HealthEvent], health_max: int
) -> None:
    awareness = Awareness(health_max)
    for event in events:
        awareness.note(event)
        assert 0 <= awareness.score <= health_max - 1
    for _ in range(health_max):
        awareness.note(DOWN)
    assert awareness.score == 0


@pytest.mark.parametrize(
    ("nacked", "missed"), [([], 3), ([4], 2), ([4, 2], 1), ([2, 3, 4], 0)]
)
def test_a_helper_that_is_silent_is_missed(nacked: list[int], missed: int) -> None:
    helpers = (node(2), node(3), node(4))
    probe = Probe(node(9), (1, 0), 7, 1.0, 0.1, 0.2, True, helpers=helpers)
    probe.nacked.update(dict.fromkeys(map(node, nacked)))
    assert probe.missed_nacks() == missed


@pytest.mark.parametrize(
    ("expected_s", "step_s", "timeout_s"),
    [(0.0, 0.25, 0.5), (0.125, 0.0625, 0.25), (0.4, 0.05, 0.5)],
)
def test_a_direct_answer_may_take_what_is_expected_and_two_steps_more(
    expected_s: float, step_s: float, timeout_s: float
) -> None:
    probe = Probe(node(9), (1, 0), 7, 1.0, expected_s, step_s, True)
    assert isclose(probe.timeout_s, timeout_s)


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("probe_timeout_s", 1.5, "probe_timeout_s=1.5: want 0 to 1.0"),
        ("probe_interval_s", 0.4, "probe_timeout_s=0.5: want 0 to 0.4"),
        ("probe_interval_min_s", 1.5, "probe_interval_min_s=1.5: want 0 to 1.0"),
        ("suspicion_max_s", 1.0, "suspicion_max_s=1.0: want 2.0 to 86400"),
        ("suspicion_max_s", 90_000.0, "suspicion_max_s=90000.0: want 2.0 to 86400"),
        ("confirmations", 17, "confirmations=17: want 1 to 16"),
        ("rings", 9, "rings=9: want 1 to 8"),
        ("channel_bytes", 257, "channel_bytes=257: want 0 to 256"),
        ("meta_bytes_max", 513, "meta_bytes_max=513: want 0 to 512"),
        ("datagram_bytes", 1023, "datagram_bytes=1023: want 1024 to 65507"),
        ("datagram_bytes", 65508, "datagram_bytes=65508: want 1024 to 65507"),
        ("stream_bytes", 2047, "stream_bytes=2047: want 2048 to 65535"),
        ("stream_bytes", 65536, "stream_bytes=65536: want 2048 to 65535"),
        ("burst_bytes", 4799.0, "eager_bytes=524288.0: want 1 to 4799.0"),
        ("burst_bytes", 2e12, "burst_bytes=2000000000000.0: want 1 to 1000000000000.0"),
        ("eager_bytes", 1048577.0, "eager_bytes=1048577.0: want 1 to 1048576.0"),
        ("coalesce_s", 0.0009, "coalesce_s=0.0009: want 0.001 to 1000000000000.0"),
        ("rate_bytes_s", inf, "rate_bytes_s=inf: want 0.001 to 1000000000000.0"),
        ("saving_factor", 0.5, "saving_factor=0.5: want 1 to 1000000000000.0"),
        ("cluster_key", b"", "length of cluster_key=0: want 1 to 64"),
        ("cluster_key", bytes(65), "length of cluster_key=65: want 1 to 64"),
    ],
)
def test_a_setting_out_of_its_bounds_is_refused_in_one_line(
    name: str, value: float | bytes, line: str
) -> None:
    with pytest.raises(Refused) as refused:
        replace(SwimConfig(), **{name: value})  # type: ignore[arg-type]
    assert str(refused.value) == line


def test_a_burst_holds_four_of_the_largest_datagrams_at_least() -> None:
    with pytest.raises(Refused) as refused:
        SwimConfig(burst_bytes=4799.0, eager_bytes=1)
    assert str(refused.value) == "burst_bytes=4799.0: want 4800 to 1099511627776"
    assert SwimConfig(burst_bytes=4800.0, eager_bytes=4800.0).burst_bytes == 4800.0


NUMBERS = [f.name for f in fields(SwimConfig) if f.name != "cluster_key"]
MAY_BE_NOTHING = ("channel_bytes", "meta_bytes_max", "watch_nodes_max")


@pytest.mark.parametrize("name", MAY_BE_NOTHING)
def test_no_channel_no_metadata_and_no_watching_are_within_the_bounds(
    name: str,
) -> None:
    config = replace(SwimConfig(), **{name: 0})  # type: ignore[arg-type]
    assert config != SwimConfig()
    assert getattr(config, name) == 0


@pytest.mark.parametrize("name", [n for n in NUMBERS if n not in MAY_BE_NOTHING])
def test_nothing_at_all_is_no_value_of_any_other_setting(name: str) -> None:
    least = "0.001" if name.endswith("_s") else "1"
    with pytest.raises(Refused) as refused:
        replace(SwimConfig(), **{name: 0})  # type: ignore[arg-type]
    assert str(refused.value) == f"{name}=0: want {least} to 1000000000000.0"


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [-1.0, nan, -inf])
def test_every_number_wants_to_be_more_than_nothing(name: str, value: float) -> None:
    with pytest.raises(Refused, match=f"^{name}={value}: want ") as refused:
        replace(SwimConfig(), **{name: value})  # type: ignore[arg-type]
    assert "\n" not in str(refused.value)
