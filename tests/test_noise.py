"""Whether noise is told from change: tails, margins, false alarms and misses."""

from dataclasses import replace
from random import Random

import pytest

from benchmarks.judging import Verdict, compared
from benchmarks.kept import Kept
from benchmarks.noise import (
    by_failures,
    by_logs,
    by_ranks,
    significant,
    tail_of_normal,
    tail_of_t,
)
from benchmarks.values import Row
from tests.measured_rows import noisy, results, wall


def test_the_tails_are_those_of_the_tables() -> None:
    # Abramowitz and Stegun, tables 26.1 and 26.10.
    assert tail_of_normal(1.959964) == pytest.approx(0.025, rel=1e-5)
    for t, freedom, tail in ((12.706, 1, 0.025), (6.965, 2, 0.01), (2.764, 10, 0.01)):
        assert tail_of_t(t, freedom) == pytest.approx(tail, rel=1e-3)
        assert tail_of_t(-t, freedom) == pytest.approx(1 - tail, rel=1e-3)
    assert tail_of_t(3.0, 1e6) == pytest.approx(tail_of_normal(3.0), rel=1e-4)


def test_of_many_tests_the_smallest_chances_are_believed_in_turn() -> None:
    assert significant([0.004, 0.5, 0.001, 0.0051], 0.01) == [False, False, True, False]
    assert significant([0.003, 0.5, 0.001, 0.0049], 0.01) == [True, False, True, True]
    assert significant([], 0.01) == []


def test_a_difference_below_the_margin_is_never_found() -> None:
    old, new = [1.0, 1.001, 1.002] * 100, [1.04, 1.041, 1.042] * 100
    assert by_logs([old], [new], 0.0).worse < 1e-9
    assert by_logs([old], [new], 0.05).two_sided > 0.5
    assert by_ranks(old, new, 0.0).worse < 1e-9
    assert by_ranks(old, new, 0.05).two_sided > 0.5


def test_that_some_fail_is_found_by_their_number() -> None:
    # Fisher's tea: all four of eight cups told right, 1 of 70.
    assert by_failures((0, 4), (4, 4)).worse == pytest.approx(1 / 70)
    assert by_failures((4, 4), (0, 4)).better == pytest.approx(1 / 70)
    assert by_failures((3, 30), (30, 300)).two_sided == 1.0


@pytest.mark.slow
@pytest.mark.parametrize("count", [10, pytest.param(300, marks=pytest.mark.slow)])
def test_the_same_code_compares_clean(count: int) -> None:
    random, alarms = Random(1), 0
    for _ in range(count):
        noise = random.choice((0.01, 0.05, 0.2))
        machine = random.choice((0.5, 1.0, 2.0))
        shared = random.choice((0.0, 0.3))
        sides: list[Kept] = []
        for speed in (1.0, machine):
            rows = []
            for number in range(40):
                runs = (3, 5, 11, 21)[number % 4]
                loads = noisy(random, runs, speed, shared)
                ours, peer = (
                    [one * by for one, by in zip(own, loads, strict=True)]
                    for own in (noisy(random, runs, 9, noise) for _ in "12")
                )
                rows.append(replace(wall(ours, peer), measure=f"cost {number}"))
            sides.append(results(rows))
        found = compared(*sides)
        alarms += any(one.verdict is not Verdict.WITHIN for one in found)
    assert alarms <= 0.01 * count


def slower(
    random: Random, *, noise: float, peer_noise: float, load: float, is_rate: bool
) -> tuple[Kept, Kept]:
    """Return twenty runs, and as many of code a fifth slower, among other rows.

    `load` is the noise that ours and the peer of the same moment share.
    """

    def row(level: float) -> Row:
        loads = noisy(random, 20, 1.0, load)
        values, peers = (
            [
                one * by
                for one, by in zip(noisy(random, 20, 10, own), loads, strict=True)
            ]
            for own in (noise, peer_noise)
        )
        return wall([level * one for one in values], peers, is_rate=is_rate)

    sides = []
    for level in (1.0, 1 / 1.2 if is_rate else 1.2):
        others = [replace(row(1.0), measure=f"other {n}") for n in range(20)]
        sides.append(results([row(level), *others]))
    return sides[0], sides[1]


@pytest.mark.slow
@pytest.mark.parametrize("is_rate", [False, True])
def test_a_fifth_slower_in_twenty_runs_of_some_noise_is_found(is_rate: bool) -> None:
    random = Random(2)
    for noises in (
        {"noise": 0.05, "peer_noise": 0.01, "load": 0.0},
        {"noise": 0.03, "peer_noise": 0.03, "load": 0.5},
    ):
        for _ in range(5):
            old, new = slower(random, is_rate=is_rate, **noises)
            assert compared(old, new)[0].verdict is Verdict.WORSE
            assert compared(new, old)[0].verdict is Verdict.BETTER


@pytest.mark.slow
def test_it_is_mostly_found_where_the_peer_is_as_noisy_by_itself() -> None:
    random, found = Random(3), 0
    for _ in range(100):
        old, new = slower(random, noise=0.05, peer_noise=0.05, load=0.0, is_rate=False)
        found += compared(old, new)[0].verdict is Verdict.WORSE
    assert found >= 85
