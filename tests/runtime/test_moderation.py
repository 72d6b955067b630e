"""Moderation: only what comes fast, and for long enough, is let gather."""

from itertools import count, takewhile

import pytest

from swarmnet.runtime.moderation import (
    ANSWER_S,
    BURST,
    FLOOD_PER_S,
    FLOOD_S,
    GATHER,
    INTERVAL_S_MAX,
    Moderation,
)


def intervals(per_s: float, seconds: float, began_s: float = 0.0) -> list[float]:
    """Return what is said after each of datagrams that come evenly, one at a time."""
    moderation = Moderation()
    times = takewhile(
        lambda at_s: at_s < began_s + seconds, (began_s + n / per_s for n in count())
    )
    return [moderation.interval_s(at_s, 1) for at_s in times]


@pytest.mark.parametrize("began_s", [0.0, 1e6])
def test_what_comes_slowly_is_taken_as_it_comes(began_s: float) -> None:
    assert not any(intervals(0.98 * FLOOD_PER_S, 60.0, began_s))


def test_a_burst_is_taken_as_it_comes() -> None:
    moderation = Moderation()
    assert moderation.interval_s(10.0, BURST) == 0.0
    quiet_s = BURST / FLOOD_PER_S
    assert moderation.interval_s(10.0 + quiet_s, BURST) == 0.0


@pytest.mark.parametrize("per_s", [2 * FLOOD_PER_S, 5000.0])
def test_a_flood_gathers_once_it_has_lasted(per_s: float) -> None:
    said = intervals(per_s, 2.0)
    first = next(index for index, one in enumerate(said) if one)
    assert first * (1 - FLOOD_PER_S / per_s) == pytest.approx(BURST, abs=2)
    wanted_s = min(INTERVAL_S_MAX, GATHER * (1 / per_s - ANSWER_S))
    assert said[-1] == pytest.approx(wanted_s, rel=0.03)
    assert all(said[first:])


def test_who_has_no_time_to_spare_waits_for_nothing() -> None:
    assert not any(intervals(1 / ANSWER_S + 1, 2.0)[-1000:])


@pytest.mark.parametrize("flooded", [BURST + 1, 1_000_000])
def test_a_flood_is_over_soon(flooded: int) -> None:
    moderation = Moderation()
    assert 0.0 <= moderation.interval_s(10.0, flooded) <= INTERVAL_S_MAX
    assert moderation.interval_s(10.0 + FLOOD_S + 0.01, 1) == 0.0


def test_a_second_call_in_the_same_instant_harms_nothing() -> None:
    moderation = Moderation()
    said = [moderation.interval_s(1.0, 1) for _ in range(3 * BURST)]
    assert all(0.0 <= one <= INTERVAL_S_MAX for one in said)
