"""`compare`: what it finds, what it leaves alone, and what it says cannot be told."""

import json
from collections.abc import Sequence
from dataclasses import replace
from math import exp, inf
from pathlib import Path
from random import Random
from typing import Any

import pytest

from benchmarks.cli import call
from benchmarks.judging import Finding, Method, Verdict, compared
from benchmarks.noise import (
    by_failures,
    by_logs,
    by_ranks,
    significant,
    tail_of_normal,
    tail_of_t,
)
from benchmarks.report import Answer, Place, document
from benchmarks.results import Key, Result, Results, read_results
from benchmarks.values import Clock, Of, Row, Spread, Target, spread

HERE = Place("Linux 6 x86_64, 2 cores", "3.11.7", "abc")
ELSEWHERE = Place("Linux 6 aarch64, 8 cores", "3.13.0", "abd")
COMMAND = "python -m benchmarks run toy"


def written(
    path: Path, rows: Sequence[Row], where: Place = HERE, command: str = COMMAND
) -> str:
    """Write a results.json; return its name."""
    answers = [Answer("toy", "How slow is it?", rows, ())]
    text = json.dumps(document(where, command, answers), allow_nan=False)
    path.write_text(text)
    return str(path)


@pytest.fixture
def judge(tmp_path: Path) -> Any:
    """Return what compares rows as two files hold them."""

    def between(
        old: Sequence[Row], new: Sequence[Row], *, now: Place = HERE
    ) -> list[Finding]:
        files = [
            read_results(written(tmp_path / "old.json", old)),
            read_results(written(tmp_path / "new.json", new, now)),
        ]
        return compared(*files)

    return between


def noisy(random: Random, count: int, level: float, noise: float) -> list[float]:
    return [level * exp(random.gauss(0, noise)) for _ in range(count)]


def wall(
    ours: Sequence[float],
    peer: Sequence[float] | None = None,
    *,
    unit: str = "us",
    is_rate: bool = False,
    targets: tuple[Target, ...] = (),
) -> Row:
    return Row(
        "cost",
        unit,
        Clock.WALL,
        spread("swarmnet", ours, larger_is_better=is_rate),
        None if peer is None else spread("peer", peer, larger_is_better=is_rate),
        targets,
    )


def virtual(values: Sequence[float | None], *, is_rate: bool = False) -> Row:
    ours = spread("swarmnet", values, larger_is_better=is_rate)
    return Row("time to all", "s", Clock.VIRTUAL, ours)


def verdicts(findings: Sequence[Finding]) -> list[Verdict]:
    return [one.verdict for one in findings]


# What a test finds


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


@pytest.mark.parametrize("count", [10, pytest.param(300, marks=pytest.mark.slow)])
def test_the_same_code_compares_clean(count: int) -> None:
    random, alarms = Random(1), 0
    for _ in range(count):
        noise = random.choice((0.01, 0.05, 0.2))
        machine = random.choice((0.5, 1.0, 2.0))
        shared = random.choice((0.0, 0.3))
        sides: list[Results] = []
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


def results(rows: Sequence[Row]) -> Results:
    """Return what a file of these rows would hold."""
    found = {
        Key("toy", row.measure, row.ours.name, "" if row.peer is None else "peer"): (
            Result(row.unit, row.clock, row.ours, row.peer, (), 0)
        )
        for row in rows
    }
    return Results(HERE, COMMAND, found)


def slower(
    random: Random, *, noise: float, peer_noise: float, load: float, is_rate: bool
) -> tuple[Results, Results]:
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


def test_a_machine_twice_as_fast_changes_no_ratio(judge: Any) -> None:
    random = Random(3)
    old = wall(noisy(random, 11, 10, 0.03), noisy(random, 11, 5, 0.03))
    new = wall(noisy(random, 11, 5, 0.03), noisy(random, 11, 2.5, 0.03))
    (found,) = judge([old], [new], now=ELSEWHERE)
    assert (found.verdict, found.method, found.is_ratio) == (
        Verdict.WITHIN,
        Method.LOGS,
        True,
    )


def test_virtual_time_of_the_same_code_is_equal_and_a_percent_is_found(
    judge: Any,
) -> None:
    old, slow = virtual([1.0, 1.001] * 20), virtual([1.02, 1.021] * 20)
    assert [(f.verdict, f.method) for f in judge([old], [old], now=ELSEWHERE)] == [
        (Verdict.WITHIN, Method.EQUAL)
    ]
    assert verdicts(judge([old], [slow])) == [Verdict.WORSE]
    assert verdicts(judge([slow], [old])) == [Verdict.BETTER]
    nearly = virtual([1.005, 1.006] * 20)
    assert verdicts(judge([old], [nearly])) == [Verdict.WITHIN]


def test_runs_that_never_get_there_are_worse_than_any(judge: Any) -> None:
    old = virtual([1.0 + 0.01 * place for place in range(20)])
    new = virtual([*(1.0 + 0.01 * place for place in range(8)), *[None] * 12])
    (found,) = judge([old], [new])
    assert (found.verdict, found.method, found.new) == (
        Verdict.WORSE,
        Method.RANKS,
        inf,
    )
    assert found.notes == ("never: 0 then, 12 now",)
    assert verdicts(judge([new], [old])) == [Verdict.BETTER]
    assert verdicts(judge([virtual([None] * 3)], [virtual([None] * 3)])) == [
        Verdict.WITHIN
    ]
    assert verdicts(judge([virtual([9.0])], [virtual([None])])) == [Verdict.WORSE]


def test_counts_that_are_often_0_are_compared_by_ranks(judge: Any) -> None:
    none, many = virtual([0.0] * 100), virtual([0.0] * 70 + [1.0] * 30)
    few = virtual([0.0] * 97 + [1.0] * 3)
    assert verdicts(judge([none], [many])) == [Verdict.WORSE]
    assert verdicts(judge([none], [few])) == [Verdict.WITHIN]


# What cannot be told


def test_one_run_tells_no_noise_so_only_a_large_factor_counts(judge: Any) -> None:
    cases = [
        (wall([1.0], [1.0]), wall([1.9], [1.0]), Verdict.UNKNOWN),
        (wall([1.0], [1.0]), wall([2.1], [1.0]), Verdict.WORSE),
        (wall([1.0], [1.0]), wall([1.0], [2.1]), Verdict.BETTER),
        (wall([1.0], [1.0]), wall([1.02], [1.0]), Verdict.WITHIN),
        (virtual([1.0]), virtual([1.4]), Verdict.UNKNOWN),
        (virtual([1.0]), virtual([1.6]), Verdict.WORSE),
        (virtual([2.0], is_rate=True), virtual([1.2], is_rate=True), Verdict.WORSE),
        (virtual([0.0]), virtual([1.0]), Verdict.UNKNOWN),
    ]
    for old, new, expected in cases:
        (found,) = judge([old], [new])
        assert (found.verdict, found.notes) == (expected, ("one run",))


def test_few_runs_need_a_wider_margin(judge: Any) -> None:
    old, peer = [1.0, 1.01, 1.02, 1.03], [1.0, 1.01, 1.02, 1.03]
    slower = wall([1.2 * one for one in old], peer)
    much_slower = wall([1.6 * one for one in old], peer)
    assert verdicts(judge([wall(old, peer)], [slower])) == [Verdict.WITHIN]
    assert verdicts(judge([wall(old, peer)], [much_slower])) == [Verdict.WORSE]


def test_without_a_peer_seconds_are_weak_here_and_nothing_elsewhere(
    judge: Any,
) -> None:
    old = wall([1.0 + 0.01 * place for place in range(11)])
    new = wall([2.0 + 0.01 * place for place in range(11)])
    (found,) = judge([old], [new])
    assert (found.verdict, found.is_weak, found.counts) == (Verdict.WORSE, True, False)
    (found,) = judge([old], [new], now=ELSEWHERE)
    assert found.verdict is Verdict.INCOMPARABLE
    assert found.notes == ("no peer of the same run, and another machine or Python",)


def test_a_peer_of_another_run_is_no_peer(judge: Any) -> None:
    published = Spread("peer", 1, 110.0, None, None)
    old, new = (
        replace(wall([one, one * 1.1, one * 1.2]), peer=published) for one in (1.0, 9.0)
    )
    (found,) = judge([old], [new], now=ELSEWHERE)
    assert found.verdict is Verdict.INCOMPARABLE
    assert judge([old], [new])[0].is_weak


def test_memory_without_a_peer_counts_where_machine_and_python_are_the_same(
    judge: Any,
) -> None:
    values = [50.0 + 0.1 * place for place in range(10)]
    old, new = wall(values, unit="MiB"), wall([2 * one for one in values], unit="MiB")
    (found,) = judge([old], [new])
    assert (found.verdict, found.counts) == (Verdict.WORSE, True)
    assert judge([old], [new], now=ELSEWHERE)[0].verdict is Verdict.INCOMPARABLE


def test_what_differs_in_kind_is_not_compared(judge: Any) -> None:
    old = wall([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
    others = (
        replace(old, unit="ms"),
        replace(old, ours=replace(old.ours, larger_is_better=True)),
        wall([1.0, 2.0, 3.0], [0.0, 0.0, 0.0]),
    )
    for new in others:
        (found,) = judge([old], [new])
        assert (found.verdict, found.counts) == (Verdict.INCOMPARABLE, False)


def test_rows_of_one_file_alone_are_gone_or_new_and_twins_keep_their_order(
    judge: Any,
) -> None:
    one, other = virtual([1.0]), virtual([5.0])
    lone = replace(one, measure="something else")
    found = judge([one, other, lone], [one, other])
    assert verdicts(found) == [Verdict.WITHIN, Verdict.WITHIN, Verdict.GONE]
    assert verdicts(judge([one], [one, lone])) == [Verdict.WITHIN, Verdict.NEW]


# Targets and rules


def test_a_target_newly_missed_counts_unless_noise_or_a_machine_excuses_it(
    judge: Any,
) -> None:
    target = (Target(Of.MEDIAN, 1.05),)
    values = [1.0 + 0.01 * place for place in range(10)]
    old = wall(values, values, targets=target)
    near = wall([1.01 * one for one in values], values, targets=target)
    far = wall([3 * one for one in values], values, targets=target)
    lone = replace(old, peer=None), replace(far, peer=None)
    for then, now, counts in ((old, near, False), (old, far, True), (*lone, False)):
        (found,) = judge([then], [now])
        assert [(a.met, b.met) for a, b in found.missed] == [(True, False)]
        assert found.counts is counts
    exact = replace(virtual([1.0]), targets=target)
    (found,) = judge([exact], [replace(virtual([1.06]), targets=target)])
    assert found.counts


def test_a_broken_rule_is_worse(judge: Any) -> None:
    (found,) = judge([virtual([1.0])], [replace(virtual([1.0]), violations=2)])
    assert (found.verdict, found.notes) == (
        Verdict.WORSE,
        ("a rule was broken in 2 runs, 0 before",),
    )


# The command


def test_the_command_exits_1_for_worse_and_shows_missed_targets_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = (Target(Of.MEDIAN, 2.0),)
    peer = [1.0 + 0.01 * place for place in range(10)]
    old = written(tmp_path / "old.json", [wall(peer, peer, targets=target)])
    slow = wall([3 * one for one in peer], peer, targets=target)
    new = written(tmp_path / "new.json", [slow], command=f"{COMMAND} --quick")
    assert call(["compare", old, new]) == 1
    shown = capsys.readouterr().out
    assert "the commands differ" in shown
    missed, worse = shown.index("missed now (1)"), shown.index("\nworse (1)")
    assert missed < worse
    assert "cost / peer" in shown[worse:]
    assert "+200.0%" in shown[worse:]
    assert call(["compare", new, old]) == 0
    assert "\nbetter (1)" in capsys.readouterr().out


def test_the_command_in_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = written(tmp_path / "old.json", [virtual([1.0])])
    new = written(tmp_path / "new.json", [virtual([None])])
    assert call(["compare", old, new, "--format", "json"]) == 1
    told = json.loads(capsys.readouterr().out)
    (row,) = told["rows"]
    assert told["worse"] is True
    assert (row["verdict"], row["old"], row["new"]) == ("worse", 1.0, None)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (None, "No such file or directory; name a results.json"),
        ("{", "no JSON (Expecting property name"),
        ("[]", "no results; name a results.json"),
        ('{"results": [], "schema": 1}', "schema 1, want 2; run its benchmarks again"),
        ('{"results": [{}], "schema": 2}', "damaged (KeyError 'machine')"),
        (b"\xff\xfe", "no JSON ("),
    ],
)
def test_what_is_no_result_gets_one_line_and_exit_2(
    text: str | bytes | None,
    line: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    good, bad = written(tmp_path / "good.json", []), tmp_path / "bad.json"
    if text is not None:
        bad.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert call(["compare", good, str(bad)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert line in captured.err
