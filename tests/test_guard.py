"""The guard: what it counts, and what it allows."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from benchmarks.cli import call
from benchmarks.guard import command
from benchmarks.guard.baseline import (
    Baseline,
    Number,
    judged_paths,
    judged_runs,
    read_baseline,
    renewed,
    this_version,
    write_baseline,
)
from benchmarks.guard.command import PATHS
from benchmarks.guard.counting import Work, counted, work_of
from benchmarks.guard.runs import CASES
from swarmnet.errors import Refused
from tests.slow_code import added

KNOWN: Final = read_baseline()
BEFORE: Final = Baseline(
    calls={"one": 1000, "other": 1000, "third": 1000},
    instructions={
        "one": {(3, 11): 1000, (3, 12): 900},
        "other": {(3, 11): 2000, (3, 12): 1800},
        "third": {(3, 11): 3000, (3, 12): 2700},
    },
    runs={"run": {"packets": (100, 110), "all_s": (0.004, 0.005)}},
)


# Counting


def test_instructions_and_calls_of_ours_are_counted_and_nobody_else_s() -> None:
    loop = added("def slow(count):\n    for _ in range(count):\n        len('')\n")
    some, more = counted(lambda: loop(10)), counted(lambda: loop(20))
    assert more.calls - some.calls == 10
    each = (more.instructions - some.instructions) / 10
    assert each == round(each)
    assert 3 <= each <= 20
    assert counted(lambda: sorted(str(one) for one in range(9))) == Work(0, 0)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sealed probe answered, 32 members", "name answered"])
def test_a_path_costs_the_same_each_time_whatever_ran_before(name: str) -> None:
    assert work_of(PATHS[name]) == work_of(PATHS[name])


def test_what_is_counted_in_a_test_is_what_stands_in_the_file() -> None:
    if this_version() not in KNOWN.versions():
        pytest.skip("this Python has no counts of its own")
    for name in ("row taken that is held", "name answered again"):
        work = work_of(PATHS[name])
        found = list(judged_paths(KNOWN, {name: work}, this_version()))
        assert [one.is_worse or one.is_better for one in found] == [False, False]


def test_the_file_has_every_path_and_run_and_nothing_else() -> None:
    assert sorted(KNOWN.names()) == sorted([*PATHS, *CASES])
    assert KNOWN.versions() == [(3, 11), (3, 12), (3, 13)]


# What is allowed


def judged(work: Mapping[str, Work], version: tuple[int, int]) -> list[Number]:
    return list(judged_paths(BEFORE, work, version))


def worse(numbers: Iterable[Number]) -> list[str]:
    return [f"{one.what} {one.unit}" for one in numbers if one.is_worse]


def better(numbers: Iterable[Number]) -> list[str]:
    return [f"{one.what} {one.unit}" for one in numbers if one.is_better]


def test_a_path_may_grow_by_the_margin_and_no_more() -> None:
    little = {"one": Work(1004, 1004), "other": Work(1990, 996)}
    assert (worse(judged(little, (3, 11))), better(judged(little, (3, 11)))) == ([], [])
    much = {"one": Work(1006, 1005), "other": Work(1989, 995)}
    assert worse(judged(much, (3, 11))) == ["one instructions", "one calls of C"]
    assert better(judged(much, (3, 11))) == ["other instructions", "other calls of C"]


def test_each_version_of_python_has_counts_of_its_own() -> None:
    assert worse(judged({"one": Work(1000, 1000)}, (3, 12))) == ["one instructions"]


def test_a_python_without_counts_is_held_against_the_nearest_by_the_median_path() -> (
    None
):
    alike = {
        "one": Work(450, 1000),
        "other": Work(910, 1000),
        "third": Work(1340, 1000),
    }
    assert worse(judged(alike, (3, 14))) == []
    grew = {**alike, "one": Work(600, 1000)}
    assert worse(judged(grew, (3, 14))) == ["one instructions"]
    # The calls of C are the same on all.
    assert worse(judged({**alike, "one": Work(450, 1005)}, (3, 14))) == [
        "one calls of C"
    ]
    assert worse(judged({"one": Work(1000, 1000)}, (3, 10))) == []


def test_a_run_may_be_as_bad_as_other_seeds_are_and_a_little_more() -> None:
    assert worse(judged_runs(BEFORE, {"run": {"packets": 113, "all_s": 0.0051}})) == []
    found = list(judged_runs(BEFORE, {"run": {"packets": 114, "all_s": 0.0038}}))
    assert (worse(found), better(found)) == (["run packets"], ["run all_s"])
    never = judged_runs(BEFORE, {"run": {"all_s": float("inf")}})
    assert [one.line() for one in never] == [
        "run: never all_s, 0.004 before (+inf%; at most 0.00515)"
    ]


def test_what_was_never_agreed_to_is_worse() -> None:
    assert worse(judged({"new": Work(1, 1)}, (3, 11))) == [
        "new instructions",
        "new calls of C",
    ]
    assert worse(judged_runs(BEFORE, {"other": {"packets": 1}})) == ["other packets"]


def test_to_renew_keeps_what_other_versions_count(tmp_path: Path) -> None:
    work = {"one": Work(1100, 110), "fresh": Work(5, 5)}
    now = renewed(BEFORE, work, (3, 13), {"run": {"packets": (120, 130)}})
    assert now.instructions == {
        "one": {(3, 11): 1000, (3, 12): 900, (3, 13): 1100},
        "fresh": {(3, 13): 5},
    }
    file = tmp_path / "guard.json"
    assert read_baseline(file) == Baseline({}, {}, {})
    write_baseline(now, file)
    assert read_baseline(file) == now
    lines = file.read_text().splitlines()
    calls, counts = '"calls": 110', '"3.11": 1000, "3.12": 900, "3.13": 1100'
    assert f'"one": {{{calls}, "instructions": {{{counts}}}}},' in lines


def test_a_file_that_is_damaged_is_said_to_be(tmp_path: Path) -> None:
    file = tmp_path / "guard.json"
    for text in ("<<<<<<< HEAD", "[]", '{"paths": {"one": {}}}'):
        file.write_text(text)
        with pytest.raises(Refused, match=r"restore it, or remove it and run python"):
            read_baseline(file)


# The command


class Here:
    """Stands for workers: does their work in this process."""

    def __init__(self, jobs: int, *, is_forked: bool) -> None:
        del jobs, is_forked

    def __enter__(self) -> "Here":
        return self

    def __exit__(self, *error: object) -> None:
        return None

    @staticmethod
    def map(
        action: Callable[[Any], object], tasks: Iterable[object]
    ) -> Iterator[object]:
        return map(action, tasks)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Let the command know one path and one run; return its file."""
    file = tmp_path / "guard.json"
    monkeypatch.setattr(command, "Workers", Here)
    name, run = "name answered again", "24 members join"
    monkeypatch.setattr(command, "PATHS", {name: PATHS[name]})
    case = replace(CASES[run], seeds=1)
    monkeypatch.setattr(command, "CASES", {run: case})
    monkeypatch.setattr(command, "read_baseline", lambda: read_baseline(file))
    monkeypatch.setattr(
        command, "write_baseline", lambda one: write_baseline(one, file)
    )
    return file


@pytest.mark.slow
def test_the_command_agrees_to_what_is_and_then_finds_nothing(
    small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(["guard"]) == 1
    captured = capsys.readouterr()
    assert "instructions, not counted before" in captured.err
    assert "run python -m benchmarks guard --renew" in captured.err
    assert call(["guard", "--renew"]) == 0
    assert "no instructions before" in capsys.readouterr().out
    assert call(["guard"]) == 0
    assert capsys.readouterr() == ("1 paths and 1 runs cost what they did\n", "")
    assert call(["guard", "--all"]) == 0
    assert "at most" in capsys.readouterr().out
    assert small.exists()


@pytest.mark.slow
def test_the_command_names_the_path_the_counts_and_the_cure(
    small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(["guard", "--renew"]) == 0
    agreed = read_baseline(small)
    name = "name answered again"
    half = {name: {this_version(): agreed.instructions[name][this_version()] // 2}}
    write_baseline(replace(agreed, instructions=half, calls={name: 1000}), small)
    capsys.readouterr()
    assert call(["guard"]) == 1
    captured = capsys.readouterr()
    grew = f"grew: {name}: {2 * half[name][this_version()]:,} instructions, "
    assert captured.err.startswith(grew)
    assert "(+100.0%; at most " in captured.err
    assert captured.err.endswith("run python -m benchmarks guard --renew\n")
    assert captured.out.startswith(f"less: {name}: 80 calls of C, 1,000 before (-92.0%")
