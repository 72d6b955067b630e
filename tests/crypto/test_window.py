"""The replay window: each counter once, however late, twice or far ahead it comes."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.crypto.window import WINDOW_PACKETS, ReplayWindow

HUGE = 2**64 - 1


class Model:
    """All counters ever seen, remembered one by one."""

    def __init__(self) -> None:
        self.seen: set[int] = set()

    def is_new(self, counter: int) -> bool:
        top = max(self.seen, default=-1)
        return counter > top - WINDOW_PACKETS and counter not in self.seen

    def note(self, counter: int) -> None:
        self.seen.add(counter)


def accepted(counters: Sequence[int], window: ReplayWindow | Model) -> list[bool]:
    """Return of each counter in turn whether it was taken."""
    answers = []
    for counter in counters:
        answers.append(window.is_new(counter))
        if answers[-1]:
            window.note(counter)
    return answers


Y, N = True, False


@pytest.mark.parametrize(
    ("counters", "expected"),
    [
        ([0], [Y]),
        ([0, 0], [Y, N]),
        ([0, 1, 2, 3], [Y, Y, Y, Y]),
        ([3, 2, 1, 0, 3, 2, 1, 0], [Y, Y, Y, Y, N, N, N, N]),
        ([5, 5, 4, 6, 5, 4, 6], [Y, N, Y, Y, N, N, N]),
        # The oldest that is still new, and the one before it.
        ([2047, 0, 0], [Y, Y, N]),
        ([2048, 0, 1, 1], [Y, N, Y, N]),
        ([0, 2048, 0, 1], [Y, Y, N, Y]),
        ([0, 2047, 0, 1], [Y, Y, N, Y]),
        # A jump of one less than the window, of the window, and of one more.
        ([10, 2057, 10, 11], [Y, Y, N, Y]),
        ([10, 2058, 10, 11, 11], [Y, Y, N, Y, N]),
        ([10, 2059, 10, 11, 12], [Y, Y, N, N, Y]),
        # Where two neighbours are jumped over, both can still come.
        ([0, 3, 1, 2, 1, 2], [Y, Y, Y, Y, N, N]),
        ([HUGE, HUGE, HUGE - 2047, HUGE - 2048, 0], [Y, N, Y, N, N]),
        ([0, HUGE, 0, 1, HUGE - 1, HUGE - 1], [Y, Y, N, N, Y, N]),
        ([1, HUGE - 1, HUGE, HUGE - 1], [Y, Y, Y, N]),
    ],
)
def test_each_counter_is_taken_once_unless_it_is_too_old(
    counters: list[int], expected: list[bool]
) -> None:
    assert accepted(counters, ReplayWindow()) == expected
    assert accepted(counters, Model()) == expected


def test_a_counter_that_was_asked_about_and_not_noted_is_still_new() -> None:
    window = ReplayWindow()
    window.note(7)
    assert [window.is_new(counter) for counter in (9, 9, 6, 6)] == [True] * 4
    assert (window.top, window.is_new(8)) == (7, True)


def test_the_window_is_at_least_2048_packets_and_all_of_it_can_be_filled() -> None:
    window = ReplayWindow()
    window.note(4095)
    late = list(range(4094, 2047, -1))
    assert accepted(late, window) == [True] * 2047
    assert accepted([4095, *late, 2047], window) == [False] * 2049
    assert window.top == 4095


def test_in_order_nothing_is_remembered_besides_the_greatest() -> None:
    window = ReplayWindow()
    assert accepted(range(5000), window) == [True] * 5000
    assert accepted(range(5000), window) == [False] * 5000
    assert accepted([5000], window) == [True]


NEAR = st.integers(min_value=0, max_value=5000)
STEPS = st.one_of(
    st.integers(min_value=-3, max_value=3),
    st.integers(min_value=-2 * WINDOW_PACKETS, max_value=2 * WINDOW_PACKETS),
    st.sampled_from((-2049, -2048, -2047, 2047, 2048, 2049, 2**40, -(2**40))),
)


@given(st.lists(NEAR, max_size=300))
def test_it_agrees_with_a_set_where_packets_are_reordered(counters: list[int]) -> None:
    assert accepted(counters, ReplayWindow()) == accepted(counters, Model())


@given(st.integers(min_value=0, max_value=2**50), st.lists(STEPS, max_size=300))
def test_it_agrees_with_a_set_whatever_the_jumps(start: int, steps: list[int]) -> None:
    counters = [start]
    for step in steps:
        counters.append(min(max(0, counters[-1] + step), HUGE))
    window, model = ReplayWindow(), Model()
    assert accepted(counters, window) == accepted(counters, model)
    assert window.top == max(model.seen)
