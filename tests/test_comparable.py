"""`compare`: which rows are the same, what few runs tell, and what tells no change."""

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from benchmarks.judging import Method, Verdict
from benchmarks.values import Of, Row, Target
from tests.measured_rows import (
    ELSEWHERE,
    HERE,
    Judge,
    noisy,
    verdicts,
    virtual,
    wall,
)


@pytest.fixture
def judge(tmp_path: Path) -> Judge:
    return Judge(tmp_path)


def many(first: Row, seed: int) -> list[Row]:
    """Return a row among so many others that only very small chances are believed."""
    random = Random(seed)
    runs = first.ours.runs
    others = (
        replace(virtual(noisy(random, runs, 9, 0.05)), measure=f"cost {number}")
        for number in range(300)
    )
    return [first, *others]


def test_few_runs_that_lie_far_apart_are_found_among_hundreds_of_rows(
    judge: Judge,
) -> None:
    cases = [
        (virtual([1.0, 1.1, 1.2]), virtual([2.0, 2.1, 2.2]), Verdict.WORSE),
        (virtual([1.0, 1.1, 1.2]), virtual([1.7, 1.8, 1.9]), Verdict.WITHIN),
        # Apart, but by less than either is wide.
        (virtual([1.0, 2.0, 3.0]), virtual([5.0, 7.0, 10.0]), Verdict.WITHIN),
        (virtual([1.0] * 3), virtual([1.6] * 3), Verdict.WORSE),
        (wall([1.0, 1.1, 1.2]), wall([1.9, 2.0, 2.1]), Verdict.WITHIN),
        (wall([1.0, 1.1, 1.2]), wall([2.5, 2.6, 2.7]), Verdict.WORSE),
        (virtual([0.0] * 8), virtual([4.0, 5.0] * 4), Verdict.WORSE),
        (virtual([1.0, 2.0] * 4), virtual([None] * 8), Verdict.WORSE),
        (virtual([1.0, 2.0] * 4), virtual([*[2.1] * 7, None]), Verdict.WITHIN),
    ]
    for old, new, expected in cases:
        assert judge(many(old, 4), many(new, 5))[0].verdict is expected
        reversed_ = {Verdict.WORSE: Verdict.BETTER}.get(expected, expected)
        assert judge(many(new, 4), many(old, 5))[0].verdict is reversed_


def test_one_or_two_runs_of_much_noise_raise_no_alarm(judge: Judge) -> None:
    random = Random(7)
    for runs in (1, 2, 3):
        old, new = (
            [
                replace(virtual(noisy(random, runs, 9, 0.2)), measure=f"cost {number}")
                for number in range(300)
            ]
            for _ in "12"
        )
        assert not any(one.counts for one in judge(old, new))


def test_two_runs_that_lie_among_the_others_are_no_change(judge: Judge) -> None:
    old, new = virtual([1.0, 9.0]), virtual([4.0, 80.0])
    assert verdicts(judge([old], [new])) == [Verdict.UNKNOWN]
    assert verdicts(judge([virtual([1.0, 3.0])], [new])) == [Verdict.WORSE]


def test_a_row_that_is_measured_beside_another_peer_or_none_does_not_hide(
    judge: Judge,
) -> None:
    values, random = [1.0 + 0.01 * place for place in range(10)], Random(5)
    slow = [3 * one for one in values]
    peers = noisy(random, 10, 1.0, 0.03)
    old, new = wall(values, peers, unit="MiB"), wall(slow, peers, unit="MiB")

    def beside(row: Row, name: str) -> Row:
        assert row.peer is not None
        return replace(row, peer=replace(row.peer, name=name))

    (found,) = judge([beside(old, "serf 0.8")], [beside(new, "serf 0.9")])
    assert (found.verdict, found.is_ratio, found.counts) == (Verdict.WORSE, True, True)
    assert found.notes == ("peer: serf 0.8 then, serf 0.9 now",)
    (found,) = judge([beside(old, "serf 0.8")], [replace(new, peer=None)])
    assert (found.verdict, found.is_ratio, found.counts) == (Verdict.WORSE, False, True)
    assert found.notes == ("peer: serf 0.8 then, none now",)
    (found,) = judge([beside(old, "serf 0.8")], [beside(new, "a loop")])
    assert (found.verdict, found.is_ratio) == (Verdict.WORSE, False)
    # Which of two it is that stands alone now cannot be told.
    pair = [beside(old, "serf 0.8"), beside(old, "a loop")]
    several = judge(pair, [replace(new, peer=None)])
    assert verdicts(several) == [Verdict.GONE, Verdict.GONE, Verdict.NEW]


def test_a_peer_of_0_leaves_ours_to_be_compared(judge: Judge) -> None:
    old = wall([0.0] * 9, [0.0] * 9, unit="")
    new = wall([5.0, 6.0, 7.0] * 3, [0.0] * 9, unit="")
    (found,) = judge([old], [new])
    assert (found.verdict, found.is_ratio, found.counts) == (Verdict.WORSE, False, True)


def test_times_before_the_call_returned_are_compared_beside_a_peer_s(
    judge: Judge,
) -> None:
    random = Random(6)
    peers = noisy(random, 30, 100, 0.1)
    old = [random.gauss(-10, 3) for _ in range(30)]
    new = [random.gauss(60, 9) for _ in range(30)]
    (found,) = judge([wall(old, peers)], [wall(new, peers)], now=ELSEWHERE)
    assert (found.verdict, found.method) == (Verdict.WORSE, Method.RANKS)
    shuffled = [random.gauss(-10, 3) for _ in range(30)]
    assert verdicts(judge([wall(old, peers)], [wall(shuffled, peers)])) == [
        Verdict.WITHIN
    ]


def test_fewer_seeds_of_the_same_code_are_equal_whatever_the_others_gave(
    judge: Judge,
) -> None:
    target = (Target(Of.WORST, 2.0),)
    quick = replace(virtual([1.0, 1.2, 1.1]), targets=target)
    full = replace(virtual([1.0, 1.2, 1.1, *[5.0] * 17]), targets=target)
    (found,) = judge([quick], [full])
    assert (found.verdict, found.method) == (Verdict.WITHIN, Method.EQUAL)
    assert (found.notes, len(found.missed)) == (("runs: 3 then, 20 now",), 1)
    assert not found.counts
    changed = replace(virtual([1.01, *[5.0] * 19]), targets=target)
    assert judge([quick], [changed])[0].counts


def test_a_target_that_is_another_one_is_not_missed_by_equal_values(
    judge: Judge,
) -> None:
    old, new = (
        replace(virtual([1.0] * 5), targets=(Target(Of.MEDIAN, limit),))
        for limit in (2.0, 0.5)
    )
    (found,) = judge([old], [new])
    assert (len(found.missed), found.counts) == (1, False)


def test_one_commit_gives_the_same_values_for_the_same_seeds(judge: Judge) -> None:
    old, new = virtual([1.0, 1.1, 1.2] * 5), virtual([1.0, 1.1, 1.2001] * 5)
    assert verdicts(judge([old], [new])) == [Verdict.WITHIN]
    (found,) = judge([old], [new], now=HERE)
    assert (found.verdict, found.counts) == (Verdict.WORSE, True)
    assert found.notes == ("the same commit and seeds, and other values",)
    assert verdicts(judge([old], [old], now=HERE)) == [Verdict.WITHIN]
    one, other = wall([1.0, 1.1, 1.2] * 5), wall([1.0, 1.1, 1.2001] * 5)
    assert verdicts(judge([one], [other], now=HERE)) == [Verdict.WITHIN]
