"""Deadlines: one per reason, in order of time and then of setting."""

from math import inf
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from swarmnet.timers import Timers


def due(timers: Timers[str], now: float) -> list[str]:
    """Return every reason that is due, in order."""
    found = []
    while (reason := timers.pop_due(now)) is not None:
        found.append(reason)
    return found


def test_the_earliest_comes_first_and_the_rest_stays() -> None:
    timers: Timers[str] = Timers()
    for reason, deadline in (("c", 3.0), ("a", 1.0), ("b", 2.0)):
        timers.set(reason, deadline)
    assert timers.next() == 1.0
    assert due(timers, 2.0) == ["a", "b"]
    assert (timers.next(), len(timers)) == (3.0, 1)
    assert due(timers, 2.999) == []
    assert due(timers, 99.0) == ["c"]
    assert (timers.next(), len(timers)) == (None, 0)


def test_equal_deadlines_come_in_the_order_in_which_they_were_set() -> None:
    timers: Timers[str] = Timers()
    for reason in ("b", "a", "d", "c"):
        timers.set(reason, 1.0)
    timers.set("b", 1.0)
    assert due(timers, 1.0) == ["a", "d", "c", "b"]


def test_a_reason_that_is_set_again_comes_once_at_its_new_deadline() -> None:
    timers: Timers[str] = Timers()
    timers.set("a", 1.0)
    timers.set("a", 5.0)
    assert (timers.deadline("a"), timers.next(), due(timers, 4.0)) == (5.0, 5.0, [])
    timers.set("a", 2.0)
    assert (due(timers, 9.0), due(timers, 9.0)) == (["a"], [])


def test_an_earlier_deadline_takes_the_place_of_a_later_one_only() -> None:
    timers: Timers[str] = Timers()
    seen = []
    for deadline in (5.0, 7.0, 5.0, 3.0):
        timers.set_earlier("a", deadline)
        seen.append(timers.deadline("a"))
    assert seen == [5.0, 5.0, 5.0, 3.0]


def test_a_cancelled_reason_never_comes() -> None:
    timers: Timers[str] = Timers()
    timers.set("a", 1.0)
    timers.set("b", 2.0)
    timers.cancel("a")
    timers.cancel("never set")
    assert (timers.deadline("a"), timers.next(), len(timers)) == (None, 2.0, 1)
    assert due(timers, 9.0) == ["b"]


def test_deadlines_set_while_others_come_due_are_kept() -> None:
    timers: Timers[str] = Timers()
    timers.set("a", 1.0)
    assert timers.pop_due(1.0) == "a"
    timers.set("a", 1.5)
    assert [timers.pop_due(1.0), timers.pop_due(1.5)] == [None, "a"]


REASONS: Final = st.integers(0, 5).map(str)
STEPS: Final = st.lists(
    st.tuples(
        st.sampled_from(["set", "set_earlier", "cancel", "pop"]),
        REASONS,
        st.integers(0, 20),
    ),
    max_size=300,
)


@given(STEPS)
def test_timers_behave_as_a_table_of_deadlines(
    steps: list[tuple[str, str, int]],
) -> None:
    timers: Timers[str] = Timers()
    model: dict[str, tuple[float, int]] = {}
    for order, (step, reason, number) in enumerate(steps):
        deadline = float(number)
        if step == "set":
            timers.set(reason, deadline)
            model[reason] = (deadline, order)
        elif step == "set_earlier":
            timers.set_earlier(reason, deadline)
            if reason not in model or deadline < model[reason][0]:
                model[reason] = (deadline, order)
        elif step == "cancel":
            timers.cancel(reason)
            model.pop(reason, None)
        else:
            first = min(model, key=lambda one: model[one], default=None)
            if first is not None and model[first][0] > deadline:
                first = None
            assert timers.pop_due(deadline) == first
            if first is not None:
                del model[first]
        assert timers.next() == min((at for at, _ in model.values()), default=None)
        assert timers.at == min((at for at, _ in model.values()), default=inf)
        assert len(timers) == len(model)


def test_moving_one_deadline_for_ever_keeps_little() -> None:
    timers: Timers[str] = Timers()
    timers.set("b", 1e9)
    for step in range(10_000):
        timers.set("a", float(step))
    assert len(timers._heap) <= 65
    assert due(timers, 1e9) == ["a", "b"]
