"""Everybody is looked at within 30 s of the last time, and not all at once."""

from itertools import pairwise
from random import Random

import pytest

from swarmnet.node.turns import GAP_S, Turns

WITHIN_S = 30.0


def turns_until(turns: Turns, end: float) -> list[tuple[float, str]]:
    """Take all turns that are due until some time."""
    taken: list[tuple[float, str]] = []
    while (due := turns.due) is not None and due <= end:
        taken.append((due, turns.take(due)))
    return taken


def test_where_there_is_nobody_there_is_no_turn() -> None:
    turns = Turns(WITHIN_S)
    assert turns.due is None
    turns.note(0.0, "a")
    turns.forget("a")
    assert turns.due is None


def test_those_looked_at_together_come_one_after_another_and_in_time() -> None:
    turns = Turns(WITHIN_S)
    for name in "abc":
        turns.note(0.0, name)
    times, names = zip(*turns_until(turns, WITHIN_S), strict=True)
    assert names == ("a", "b", "c")
    assert times[-1] <= WITHIN_S
    assert [round(b - a, 9) for a, b in pairwise(times)] == [GAP_S, GAP_S]


def test_whoever_was_looked_at_meanwhile_waits_for_others() -> None:
    turns = Turns(WITHIN_S)
    turns.note(0.0, "a")
    turns.note(1.0, "b")
    turns.note(20.0, "a")
    (due, name), *_ = turns_until(turns, 40.0)
    assert name == "b"
    assert 30.0 <= due <= 31.0


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 7, 1000])
def test_nobody_waits_for_longer_whoever_comes_and_goes(count: int) -> None:
    random, turns, now = Random(count), Turns(WITHIN_S), 0.0
    looked: dict[str, float] = {}
    for step in range(4 * count + 40):
        name = f"n{random.randrange(count)}"
        if random.random() < 0.3:
            turns.forget(name)
            looked.pop(name, None)
        else:
            turns.note(now, name)
            looked[name] = now
        now += random.random() * 40.0 / count
        for at, one in turns_until(turns, now):
            waited_s = at - looked[one]
            assert waited_s <= WITHIN_S + GAP_S * 2, step
            looked[one] = at
    assert all(now - at <= WITHIN_S + GAP_S * 2 for at in looked.values())


@pytest.mark.slow
def test_a_thousand_that_were_looked_at_together_come_in_time() -> None:
    turns = Turns(WITHIN_S)
    for number in range(1000):
        turns.note(0.0, f"n{number}")
    times, names = zip(*turns_until(turns, WITHIN_S + GAP_S), strict=True)
    assert len(dict.fromkeys(names)) == len(names) == 1000
    assert round(times[-1], 6) <= WITHIN_S
