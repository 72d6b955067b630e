"""The arithmetic of RFC 2439, section 4.2: penalties that halve, cutoff and reuse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.swim.merit import Merit, Thresholds
from tests.swim.worlds import node

LIMITS = Thresholds(half_life_s=10.0, cutoff=3.0, reuse=1.0, most=4.0)
N = node(1)


def test_a_sum_halves_in_its_half_life() -> None:
    merit = Merit(LIMITS)
    merit.add(0.0, N, 2.0)
    assert [merit.penalty(t, N) for t in (0.0, 10.0, 20.0)] == [2.0, 1.0, 0.5]
    merit.add(10.0, N, 2.0)
    assert merit.penalty(20.0, N) == 1.5


def test_suppression_begins_at_the_cutoff_and_ends_at_reuse() -> None:
    merit = Merit(LIMITS)
    merit.add(0.0, N, 2.9)
    assert merit.suppressed_s(0.0, N) == 0.0
    merit.add(0.0, N, 1.1)
    assert merit.suppressed_s(0.0, N) == 20.0
    assert merit.suppressed_s(19.0, N) == pytest.approx(1.0)
    assert merit.suppressed_s(20.0, N) == 0.0


def test_who_is_reused_is_suppressed_again_only_at_the_cutoff() -> None:
    merit = Merit(LIMITS)
    merit.add(0.0, N, 4.0)
    assert merit.suppressed_s(20.0, N) == 0.0
    merit.add(20.0, N, 1.9)
    assert merit.suppressed_s(20.0, N) == 0.0
    merit.add(20.0, N, 0.1)
    assert merit.suppressed_s(20.0, N) > 0.0


def test_what_is_forgiven_is_as_if_it_had_never_been() -> None:
    merit = Merit(LIMITS)
    merit.add(0.0, N, 4.0)
    merit.forgive(N)
    assert (merit.penalty(0.0, N), merit.suppressed_s(0.0, N)) == (0.0, 0.0)


def test_members_are_judged_apart() -> None:
    merit = Merit(LIMITS)
    merit.add(0.0, N, 4.0)
    assert merit.suppressed_s(0.0, node(2)) == 0.0


@given(st.lists(st.tuples(st.floats(0.0, 60.0), st.floats(0.0, 9.0)), min_size=1))
def test_nobody_is_suppressed_longer_than_the_bound(
    flaps: list[tuple[float, float]],
) -> None:
    merit, now = Merit(LIMITS), 0.0
    for wait_s, penalty in flaps:
        now += wait_s
        merit.add(now, N, penalty)
        assert merit.penalty(now, N) <= LIMITS.most
        assert merit.suppressed_s(now, N) <= LIMITS.longest_s + 1e-9
    assert merit.suppressed_s(now + LIMITS.longest_s + 1e-6, N) == 0.0
