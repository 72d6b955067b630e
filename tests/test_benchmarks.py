"""The benchmark runner: what it lists, what it writes, and how it shows a miss."""

import json
import os
import re
import subprocess
import sys
from math import inf
from pathlib import Path

import pytest

from benchmarks.cli import QUESTIONS, call
from benchmarks.lab import Lab, Outcome, Pair, joined
from benchmarks.report import place, processor, verdict
from benchmarks.simulator import growth
from benchmarks.sustained import Load, carry
from benchmarks.values import (
    VALUES_MAX,
    Clock,
    Of,
    Question,
    Row,
    Spread,
    Target,
    spread,
)
from tests.source import ROOT

SLOW = Row(
    measure="time to all",
    unit="s",
    clock=Clock.VIRTUAL,
    ours=Spread("swarmnet", 3, 0.5, 0.9, inf, never=1, values=(0.4, 0.5, inf)),
    peer=Spread("memberlist", 3, 2.0, 2.0, 2.0),
    targets=(Target(Of.MEDIAN, 0.2), Target(Of.WORST, 1.0)),
    note="of three",
)
FAST = Row(
    measure="speed",
    unit="s/s",
    clock=Clock.WALL,
    ours=Spread("swarmnet", 1, 12.0, 12.0, 12.0),
    targets=(Target(Of.MEDIAN, 10.0, at_least=True),),
)


def only(monkeypatch: pytest.MonkeyPatch, rows: list[Row]) -> None:
    """Let the runner know one question, answered by these rows."""

    def answer(lab: Lab) -> list[Row]:
        return rows

    monkeypatch.setitem(QUESTIONS, "toy", Question("toy", "How slow is it?", answer))


def test_every_question_is_listed_with_what_it_asks(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert call(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(QUESTIONS)
    assert all(line.endswith("?") for line in lines)


def test_every_file_that_asks_is_run_when_no_name_is_given() -> None:
    texts = {path.stem: path.read_text() for path in (ROOT / "benchmarks").glob("*.py")}
    asking = sorted(name for name, text in texts.items() if "\nQUESTION: " in text)
    assert asking == sorted(QUESTIONS)


def test_a_missed_target_exits_0_and_is_shown_with_its_number_and_gap(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    only(monkeypatch, [SLOW])
    assert call(["run", "toy", "--jobs", "1"]) == 0
    shown = capsys.readouterr().out
    assert "median <= 0.2 MISSED: 0.5, gap 0.3;" in shown
    assert "worst <= 1 MISSED: never, gap never" in shown


def test_a_missed_target_is_red() -> None:
    assert verdict(SLOW, SLOW.targets[0]).startswith("\x1b[31m")
    assert verdict(FAST, FAST.targets[0]) == "median >= 10 met"


def test_virtual_and_wall_clock_results_share_no_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    only(monkeypatch, [FAST, SLOW])
    assert call(["run", "toy", "--jobs", "1"]) == 0
    shown = capsys.readouterr().out
    virtual, wall = shown.index("[virtual time"), shown.index("[wall clock")
    assert virtual < shown.index("time to all") < wall < shown.index("speed (s/s)")


def test_a_result_in_json_carries_its_spread_peer_targets_and_place(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    only(monkeypatch, [SLOW])
    assert call(["run", "toy", "--jobs", "1", "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    place = {name: document[name] for name in ("machine", "python", "commit")}
    assert all(place.values())
    assert document["command"] == "python -m benchmarks run toy --jobs 1"
    figures = {"median": 0.5, "p90": 0.9, "worst": None, "runs": 3, "never": 1}
    ours = {
        **figures,
        "values": [0.4, 0.5, None],
        "larger_is_better": False,
        "series": [],
    }
    same = {"median": 2.0, "p90": 2.0, "worst": 2.0, "runs": 3, "never": 0}
    peer: dict[str, object] = {
        **same,
        "values": [],
        "larger_is_better": False,
        "series": [],
    }
    median = {"of": "median", "limit": 0.2, "value": 0.5, "gap": 0.3}
    worst = {"of": "worst", "limit": 1.0, "value": None, "gap": None}
    assert document["results"] == [
        {
            "question": "toy",
            "measure": "time to all",
            "unit": "s",
            "clock": "virtual",
            "of": "swarmnet",
            **ours,
            "peer": {"of": "memberlist", **peer},
            "ratio": 0.25,
            "targets": [
                {**median, "at_least": False, "met": False},
                {**worst, "at_least": False, "met": False},
            ],
            "violations": 0,
            "note": "of three",
            **place,
        }
    ]


@pytest.mark.slow
def test_results_and_pictures_are_written_out(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("matplotlib")
    only(monkeypatch, [SLOW, FAST])
    out = tmp_path / "results"
    words = ["run", "toy", "--jobs", "1", "--format", "json", "--out", str(out)]
    assert call(words) == 0
    assert (out / "results.json").read_text() == capsys.readouterr().out
    assert "MISSED: 0.5, gap 0.3" in (out / "report.html").read_text()
    assert sorted(path.name for path in out.iterdir()) == [
        "report.html",
        "results.json",
        "toy-virtual.png",
        "toy-virtual.svg",
        "toy-wall.png",
        "toy-wall.svg",
    ]


@pytest.mark.slow
def test_a_real_question_is_answered_beside_its_peer(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["run", "leave", "--quick", "--jobs", "1", "--format", "json"]
    assert call(words) == 0
    captured = capsys.readouterr()
    (result,) = json.loads(captured.out)["results"]
    told = {name: result[name] for name in ("question", "measure", "clock", "unit")}
    assert told == {
        "question": "leave",
        "measure": "N=200: known to all",
        "clock": "virtual",
        "unit": "s",
    }
    assert result["runs"] == result["peer"]["runs"] == 10
    assert 0 < result["median"] < result["peer"]["median"]
    assert "leave: running" in captured.err


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["run", "speed"], "error: benchmark 'speed': want update, bootstrap,"),
        (["run", "leave", "--jobs", "0"], "error: jobs 0: want at least 1"),
        (["run", "--format", "xml"], "error: Invalid value for '--format'"),
        (["dance"], "error: No such command 'dance'"),
        (["run", "leave", "--out", __file__], "error: --out"),
    ],
)
def test_bad_input_gets_one_line_and_exit_2(
    words: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(line)
    assert captured.err.count("\n") == 1


@pytest.mark.slow
def test_a_process_that_dies_ends_the_run_with_one_line_and_exit_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def answer(lab: Lab) -> list[Row]:
        lab.map("dying", os._exit, [9, 9])
        return []

    monkeypatch.setitem(QUESTIONS, "toy", Question("toy", "Who dies?", answer))
    assert call(["run", "toy", "--jobs", "2"]) == 1
    assert (
        capsys.readouterr().err.splitlines()[-1].startswith("error: a worker process")
    )


@pytest.mark.slow
def test_a_question_that_fails_takes_no_other_with_it(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(lab: Lab) -> list[Row]:
        raise RuntimeError("the kernel\n  says no")

    only(monkeypatch, [SLOW])
    monkeypatch.setitem(QUESTIONS, "sick", Question("sick", "Is it well?", fail))
    assert call(["run", "sick", "toy", "--out", str(tmp_path)]) == 1
    told = capsys.readouterr()
    assert "sick: no answer: RuntimeError: the kernel says no" in told.err.splitlines()
    assert "time to all" in told.out
    assert (tmp_path / "report.html").exists()
    told_in_page = 'sick <span class="missed">no answer: RuntimeError: the kernel'
    assert told_in_page in (tmp_path / "report.html").read_text()
    document = json.loads((tmp_path / "results.json").read_text())
    assert [one["question"] for one in document["results"]] == ["toy"]
    why = "RuntimeError: the kernel says no"
    assert document["unanswered"] == [{"question": "sick", "why": why}]


def test_a_machine_is_told_by_its_processor_too(tmp_path: Path) -> None:
    told = tmp_path / "cpuinfo"
    assert processor(told) == ""
    told.write_text(
        "processor\t: 0\nmodel name\t: Fast  CPU @ 3 GHz\nmodel name : no\n"
    )
    assert processor(told) == "Fast CPU @ 3 GHz"
    told.write_text("CPU part : 0xd40\n")
    assert processor(told) == ""
    assert processor() in place().machine


def test_a_command_has_every_option_that_was_given(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    only(monkeypatch, [SLOW])
    options = ["--quick", "--jobs", "3", "--scheduler", "192.0.2.1:8786"]
    monkeypatch.setattr("benchmarks.lab.pool_of", lambda *_: None)
    assert call(["run", "toy", *options, "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["command"] == " ".join(["python -m benchmarks run toy", *options])


def test_each_command_of_the_documents_names_questions_that_there_are() -> None:
    texts = [
        (ROOT / "docs" / name).read_text() for name in ("benchmarks.md", "figures.md")
    ]
    command = re.compile(r"python -m benchmarks run((?: [a-z][a-z_]*)+)")
    named = {
        word
        for text in texts
        for line in text.splitlines()
        for found in command.findall(line)
        for word in found.split()
    }
    assert "update" in named
    assert named <= {*QUESTIONS}


def test_what_is_answered_is_kept_when_the_run_is_interrupted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def interrupted(lab: Lab) -> list[Row]:
        raise KeyboardInterrupt

    only(monkeypatch, [SLOW])
    long = Question("long", "How long is it?", interrupted)
    monkeypatch.setitem(QUESTIONS, "long", long)
    assert call(["run", "toy", "long", "--out", str(tmp_path)]) == 130
    results = json.loads((tmp_path / "results.json").read_text())["results"]
    assert [one["question"] for one in results] == ["toy"]


@pytest.mark.slow
def test_what_runs_alone_gives_its_answer() -> None:
    with Lab(2, quick=True) as lab:
        assert lab.alone("alone", str, 5) == "5"


@pytest.mark.slow
def test_the_module_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "run", "speed"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


@pytest.mark.parametrize(
    ("values", "larger_is_better", "expected"),
    [
        ([3.0], False, Spread("a", 1, 3.0, 3.0, 3.0, values=(3.0,))),
        ([4.0, 1.0], False, Spread("a", 2, 2.5, 4.0, 4.0, values=(1.0, 4.0))),
        ([4.0, 1.0], True, Spread("a", 2, 2.5, 1.0, 1.0, 0, (4.0, 1.0), True)),
        ([1.0, None, 2.0], False, Spread("a", 3, 2.0, inf, inf, 1, (1.0, 2.0, inf))),
        ([1.0, None], False, Spread("a", 2, inf, inf, inf, 1, (1.0, inf))),
        ([None, 8.0, 9.0], True, Spread("a", 3, 8, inf, inf, 1, (9.0, 8.0, inf), True)),
    ],
)
def test_a_spread_ranks_never_behind_everything(
    values: list[float | None], *, larger_is_better: bool, expected: Spread
) -> None:
    assert spread("a", values, larger_is_better=larger_is_better) == expected


@pytest.mark.parametrize(
    ("target", "value", "gap"),
    [
        (Target(Of.MEDIAN, 2.0), 2.0, 0.0),
        (Target(Of.MEDIAN, 2.0), 3.0, 1.0),
        (Target(Of.MEDIAN, 2.0, at_least=True), 2.0, 0.0),
        (Target(Of.MEDIAN, 2.0, at_least=True), 0.5, 1.5),
        (Target(Of.MEDIAN, 2.0, at_least=True), inf, inf),
    ],
)
def test_a_gap_is_how_far_a_bound_is_missed(
    target: Target, value: float, gap: float
) -> None:
    assert target.gap(value) == gap


@pytest.mark.parametrize("peer", [None, Spread("memberlist", 1, inf, inf, inf, 1)])
def test_there_is_no_ratio_to_a_peer_that_never_gets_there(peer: Spread | None) -> None:
    ours = Spread("swarmnet", 1, 1.0, 1.0, 1.0)
    assert Row("a", "s", Clock.VIRTUAL, ours, peer).ratio() is None


def outcomes(*counts: float | None) -> list[Outcome]:
    """Return runs with these counts."""
    return [Outcome({"count": count}, 0.0, violated=False) for count in counts]


def test_a_share_bounds_our_median_by_the_peers() -> None:
    pair = Pair(outcomes(1, 2, 9), outcomes(10, 20, 30), "peer")
    row = pair.share("all", "count", "s", 0.4)
    assert (row.ours.median, row.targets) == (2, (Target(Of.MEDIAN, 8.0),))
    assert row.peer == Spread("peer", 3, 20, 30, 30, values=(10, 20, 30))


def test_a_rare_count_is_judged_by_its_mean_over_all_pairs() -> None:
    pairs = [Pair(outcomes(0, 0), outcomes(0, 4)), Pair(outcomes(0, 2), outcomes(4))]
    row = joined(pairs).mean("wrong", "count", "/h", 0.1, per=2.0)
    assert row.ours == Spread("swarmnet", 4, 0.25, None, 1.0, values=(0, 0, 0, 2 / 2))
    assert row.peer is not None
    assert row.peer.median == pytest.approx(8 / 3 / 2)
    assert row.targets[0].limit == pytest.approx(0.8 / 3 / 2)


def test_of_many_values_a_spread_keeps_the_ends_and_some_between() -> None:
    kept = spread("a", [float(one) for one in range(10_001)]).values
    assert len(kept) == VALUES_MAX
    assert (kept[0], kept[100], kept[-1]) == (0.0, 5_000.0, 10_000.0)


def test_growth_is_the_exponent_of_the_number_of_nodes() -> None:
    assert growth({10: 3.0, 100: 40.0, 1000: 30_000.0}) == pytest.approx(2.0)


@pytest.mark.slow
def test_a_load_is_measured_after_the_burst_and_in_its_window_alone() -> None:
    carried = carry(Load("swarmnet", nodes=6, seed=1, rate_per_s=4.0, window_s=2.0))
    assert carried.age_s is not None
    assert 0 < carried.age_s < 0.5
    # Four payloads a second at 5 copies of 200 bytes, and what a quiet node receives.
    assert 300 < carried.received_bytes_s < 5_000
