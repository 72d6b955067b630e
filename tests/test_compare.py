"""`compare`: what it finds, what it leaves alone, and what it says cannot be told."""

import json
from dataclasses import replace
from math import inf
from pathlib import Path
from random import Random
from typing import Any

import pytest

from benchmarks.cli import call
from benchmarks.judging import Method, Verdict
from benchmarks.report import Answer, Unanswered, document
from benchmarks.values import Of, Spread, Target
from tests.measured_rows import (
    COMMAND,
    ELSEWHERE,
    HERE,
    Judge,
    noisy,
    verdicts,
    virtual,
    wall,
    written,
)


@pytest.fixture
def judge(tmp_path: Path) -> Judge:
    return Judge(tmp_path)


# What is found


def test_a_machine_twice_as_fast_changes_no_ratio(judge: Judge) -> None:
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
    judge: Judge,
) -> None:
    old, slow = virtual([1.0, 1.001] * 20), virtual([1.02, 1.021] * 20)
    assert [(f.verdict, f.method) for f in judge([old], [old], now=ELSEWHERE)] == [
        (Verdict.WITHIN, Method.EQUAL)
    ]
    assert verdicts(judge([old], [slow])) == [Verdict.WORSE]
    assert verdicts(judge([slow], [old])) == [Verdict.BETTER]
    nearly = virtual([1.005, 1.006] * 20)
    assert verdicts(judge([old], [nearly])) == [Verdict.WITHIN]


def test_runs_that_never_get_there_are_worse_than_any(judge: Judge) -> None:
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


def test_counts_that_are_often_0_are_compared_by_ranks(judge: Judge) -> None:
    none, many = virtual([0.0] * 100), virtual([0.0] * 70 + [1.0] * 30)
    few = virtual([0.0] * 97 + [1.0] * 3)
    assert verdicts(judge([none], [many])) == [Verdict.WORSE]
    assert verdicts(judge([none], [few])) == [Verdict.WITHIN]


# What cannot be told


def test_one_run_tells_no_noise_so_only_a_large_factor_counts(judge: Judge) -> None:
    cases = [
        (wall([1.0], [1.0]), wall([3.9], [1.0]), Verdict.UNKNOWN),
        (wall([1.0], [1.0]), wall([4.1], [1.0]), Verdict.WORSE),
        (wall([1.0], [1.0]), wall([1.0], [4.1]), Verdict.BETTER),
        (wall([1.0], [1.0]), wall([1.02], [1.0]), Verdict.WITHIN),
        (wall([1.0], unit="MiB"), wall([1.9], unit="MiB"), Verdict.UNKNOWN),
        (wall([1.0], unit="MiB"), wall([2.1], unit="MiB"), Verdict.WORSE),
        (virtual([1.0]), virtual([3.9]), Verdict.UNKNOWN),
        (virtual([1.0]), virtual([4.1]), Verdict.WORSE),
        (virtual([2.0], is_rate=True), virtual([0.4], is_rate=True), Verdict.WORSE),
        (virtual([0.0]), virtual([1.0]), Verdict.UNKNOWN),
    ]
    for old, new, expected in cases:
        (found,) = judge([old], [new])
        assert (found.verdict, found.notes) == (expected, ("one run",))


def test_a_fit_is_told_and_never_judged(judge: Judge) -> None:
    old = replace(virtual([1.0]), ours=Spread("swarmnet", 4, 0.2, None, 0.3))
    new = replace(old, ours=replace(old.ours, median=0.9))
    (found,) = judge([old], [new])
    assert (found.verdict, found.notes) == (Verdict.UNKNOWN, ("a fit, no runs",))


def test_few_runs_need_a_wider_margin(judge: Judge) -> None:
    old, peer = [1.0, 1.01, 1.02, 1.03], [1.0, 1.01, 1.02, 1.03]
    slower = wall([1.2 * one for one in old], peer)
    much_slower = wall([1.6 * one for one in old], peer)
    assert verdicts(judge([wall(old, peer)], [slower])) == [Verdict.WITHIN]
    assert verdicts(judge([wall(old, peer)], [much_slower])) == [Verdict.WORSE]


def test_without_a_peer_seconds_are_weak_here_and_nothing_elsewhere(
    judge: Judge,
) -> None:
    old = wall([1.0 + 0.01 * place for place in range(11)])
    new = wall([2.0 + 0.01 * place for place in range(11)])
    (found,) = judge([old], [new])
    assert (found.verdict, found.is_weak, found.counts) == (Verdict.WORSE, True, False)
    (found,) = judge([old], [new], now=ELSEWHERE)
    assert found.verdict is Verdict.INCOMPARABLE
    assert found.notes == ("no peer of the same run, and another machine or Python",)


def test_a_peer_of_another_run_is_no_peer(judge: Judge) -> None:
    published = Spread("peer", 1, 110.0, None, None)
    old, new = (
        replace(wall([one, one * 1.1, one * 1.2]), peer=published) for one in (1.0, 9.0)
    )
    (found,) = judge([old], [new], now=ELSEWHERE)
    assert found.verdict is Verdict.INCOMPARABLE
    assert judge([old], [new])[0].is_weak


def test_memory_without_a_peer_counts_where_machine_and_python_are_the_same(
    judge: Judge,
) -> None:
    values = [50.0 + 0.1 * place for place in range(10)]
    old, new = wall(values, unit="MiB"), wall([2 * one for one in values], unit="MiB")
    (found,) = judge([old], [new])
    assert (found.verdict, found.counts) == (Verdict.WORSE, True)
    assert judge([old], [new], now=ELSEWHERE)[0].verdict is Verdict.INCOMPARABLE


def test_what_differs_in_kind_is_not_compared(judge: Judge) -> None:
    old = wall([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
    others = (
        replace(old, unit="ms"),
        replace(old, ours=replace(old.ours, larger_is_better=True)),
    )
    for new in others:
        (found,) = judge([old], [new])
        assert (found.verdict, found.counts) == (Verdict.INCOMPARABLE, False)


def test_rows_of_one_file_alone_are_gone_or_new_and_twins_keep_their_order(
    judge: Judge,
) -> None:
    one, other = virtual([1.0]), virtual([5.0])
    lone = replace(one, measure="something else")
    found = judge([one, other, lone], [one, other])
    assert verdicts(found) == [Verdict.WITHIN, Verdict.WITHIN, Verdict.GONE]
    assert verdicts(judge([one], [one, lone])) == [Verdict.WITHIN, Verdict.NEW]


# Targets and rules


def test_a_target_newly_missed_counts_unless_noise_or_a_machine_excuses_it(
    judge: Judge,
) -> None:
    target = (Target(Of.MEDIAN, 1.05),)
    values = [1.0 + 0.01 * place for place in range(10)]
    old = wall(values, values, targets=target)
    near = wall([1.01 * one for one in values], values, targets=target)
    far = wall([3 * one for one in values], values, targets=target)
    lone = replace(old, peer=None), replace(far, peer=None)
    told = [
        wall([one], unit="", targets=(Target(Of.WORST, 0.0),)) for one in (0.0, 49.0)
    ]
    assert judge(*([one] for one in told))[0].counts
    for then, now, counts in ((old, near, False), (old, far, True), (*lone, False)):
        (found,) = judge([then], [now])
        assert [(a.met, b.met) for a, b in found.missed] == [(True, False)]
        assert found.counts is counts
    exact = replace(virtual([1.0]), targets=target)
    (found,) = judge([exact], [replace(virtual([1.06]), targets=target)])
    assert found.counts


def test_a_broken_rule_is_worse(judge: Judge) -> None:
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


def test_a_question_that_failed_is_worse(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = [Unanswered("toy", "RuntimeError"), Unanswered("other", "RuntimeError")]
    old = written(tmp_path / "old.json", [virtual([1.0])])
    new = written(tmp_path / "new.json", [], unanswered=failed)
    assert call(["compare", old, new]) == 1
    assert "answered then, failed now (1): toy\n" in capsys.readouterr().out
    assert call(["compare", old, new, "--format", "json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["worse"], told["failed"]) == (True, ["toy"])


def damaged(field: str, value: str) -> str:
    """Return results of which one field is another."""
    answers = [Answer("toy", "How slow is it?", [virtual([1.0])], ())]
    told: Any = document(HERE, COMMAND, answers)
    told["results"][0][field] = "it"
    return json.dumps(told).replace('"it"', value)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (None, "No such file or directory; name a results.json"),
        ("{", "no JSON (Expecting property name"),
        ("[]", "no results; name a results.json"),
        ('{"results": [], "schema": 1}', "schema 1, want 2; run its benchmarks again"),
        ('{"results": [{}], "schema": 2}', "damaged (KeyError 'machine')"),
        (damaged("median", "1e999"), "damaged (ValueError inf: want a finite number"),
        (damaged("median", "NaN"), "damaged (ValueError nan: want a finite number"),
        (damaged("median", "true"), "damaged (TypeError True is no number)"),
        (damaged("median", "1" * 400), "damaged (OverflowError "),
        (damaged("runs", "-1"), "damaged (ValueError runs -1: want a number from 0)"),
        (damaged("never", "9"), "never 9: want a number from 0 to 1)"),
        (damaged("series", "[1, 2]"), "series of 2: want at most 1, its runs)"),
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


def test_results_of_other_questions_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = written(tmp_path / "old.json", [virtual([1.0])])
    new = written(tmp_path / "new.json", [wall([1.0])])
    assert call(["compare", old, new]) == 2
    assert "no row in both; name results of one question" in capsys.readouterr().err
