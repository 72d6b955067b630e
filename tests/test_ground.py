"""The ground of benchmarks on hosts: what a killed run leaves goes with the next."""

import ast
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from benchmarks.clusters import until
from benchmarks.hosts import GROUPS, PREFIX, Ground
from benchmarks.lifelines import bound_to_us
from tests.source import ROOT
from tests.test_host_benchmarks import needs_root

DEAD = 99_999_999
"""No process has this number (Linux's are at most 4,194,304)."""


def group() -> Path:
    """Return a control group that a killed run left, with one inside."""
    for place in (GROUPS, *sorted(GROUPS.glob("*/"))):
        if (place / "cgroup.procs").exists() and os.access(place, os.W_OK):
            found = place / f"{PREFIX}{DEAD}-0"
            try:
                (found / "box").mkdir(parents=True)
            except OSError:
                continue
            return found
    pytest.skip("no control groups")


@needs_root
def test_control_groups_of_a_killed_run_are_cleared_away() -> None:
    found = group()
    with Ground():
        assert not found.exists()


def hold(name: str) -> None:
    """Be a worker whose ground has a process, until it is ended."""
    command = bound_to_us("sleep", "1000")
    with Ground(), subprocess.Popen(command) as process:
        Path(name).write_text(f"{os.getpid()} {process.pid}\n")
        process.wait()


def is_running(pid: int) -> bool:
    try:
        return (
            Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        )
    except OSError:
        return False


@needs_root
@pytest.mark.slow
def test_a_worker_and_what_it_started_end_with_a_killed_runner(tmp_path: Path) -> None:
    told = tmp_path / "told"
    code = (
        "from benchmarks.lab import Lab\n"
        "from tests.test_ground import hold\n"
        f"with Lab(1, quick=True) as lab: lab.alone('hold', hold, {str(told)!r})\n"
    )
    with subprocess.Popen((sys.executable, "-c", code), cwd=ROOT) as runner:
        try:
            until("a worker", lambda: told.exists() and told.read_text().endswith("\n"))
        finally:
            runner.kill()
    pids = [int(word) for word in told.read_text().split()]
    until("all ended", lambda: not any(map(is_running, pids)))
    until("the worker's number is free", lambda: not Path(f"/proc/{pids[0]}").exists())
    with Ground():
        assert list(Path(tempfile.gettempdir()).glob(f"{PREFIX}{pids[0]}-*")) == []


def unbound(path: Path) -> list[int]:
    """Return the lines that start a process which would outlive a killed run."""
    calls = [
        one
        for one in ast.walk(ast.parse(path.read_text()))
        if isinstance(one, ast.Call)
    ]
    starts = [one for one in calls if ast.unparse(one.func) == "subprocess.Popen"]
    binders = ("bound_to_us(", "self._on(")
    return [
        one.lineno for one in starts if not ast.unparse(one.args[0]).startswith(binders)
    ]


@pytest.mark.slow
def test_whatever_a_benchmark_starts_is_bound_to_it() -> None:
    files = (ROOT / "benchmarks").rglob("*.py")
    found = {one.name: lines for one in files if (lines := unbound(one))}
    assert found == {}
