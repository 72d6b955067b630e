import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import monotonic, sleep

import pytest

from benchmarks.lab import Lab
from sim.cli import call
from sim.grid import AHEAD, Grid
from sim.options import Options
from sim.sweep import lean, sweep
from sim.workers import WorkerLost
from swarmnet.errors import Refused
from tests.sim.dask_cluster import Processes, dask_cluster

pytest.importorskip("distributed", reason="wants the extra 'cluster'")
pytestmark = pytest.mark.slow

WAIT_S = 30.0


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    with dask_cluster(tmp_path_factory.mktemp("dask"), 2) as processes:
        yield processes


def mark(folder: Path, number: int) -> int:
    """Say that a task has begun, and wait to be let go on."""
    (folder / f"began-{number}-{os.getpid()}").touch()
    while not (folder / "go").exists():
        sleep(0.02)
    return number * number


def die(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def began(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("began-*"))


def wait_for_beginnings(folder: Path, count: int) -> None:
    deadline = monotonic() + WAIT_S
    while len(began(folder)) < count:
        assert monotonic() < deadline, began(folder)
        sleep(0.02)


def test_a_sweep_gives_what_it_gives_here_in_the_same_order(
    cluster: Processes,
) -> None:
    options = Options("update", nodes=8)
    seeds = range(3, 13)
    here = [replace(one, wall_s=0.0) for one in sweep(options, seeds, jobs=1)]
    there = sweep(options, seeds, 1, cluster.address)
    assert [replace(one, wall_s=0.0) for one in there] == here
    assert [one.seed for one in here] == list(seeds)


def test_the_command_says_the_same(
    cluster: Processes, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["sweep", "crash", "--nodes", "4", "--seeds", "6", "--format", "json"]
    assert call([*words, "--jobs", "1"]) == 0
    here = json.loads(capsys.readouterr().out)
    assert call([*words, "--scheduler", cluster.address]) == 0
    assert json.loads(capsys.readouterr().out) == here


def test_a_schedule_is_shrunk_there_as_here(
    cluster: Processes, capsys: pytest.CaptureFixture[str]
) -> None:
    # It breaks no rule: the first run is here, and no other is needed.
    words = ["shrink", "chaos", "--nodes", "4", "--seed", "1", "--scheduler"]
    assert call([*words, cluster.address]) == 1
    assert "nothing to shrink" in capsys.readouterr().err


def test_a_benchmarks_tasks_run_there_and_what_is_timed_runs_here(
    cluster: Processes,
) -> None:
    with Lab(1, quick=True, scheduler=cluster.address) as lab:
        there = set(lab.map("who", who, range(8)))
        alone = lab.alone("who", who, 0)
    workers = {process.pid for process in cluster.workers}
    assert there <= workers
    assert alone not in workers


def who(_: int) -> int:
    return os.getpid()


def test_only_a_window_of_tasks_is_handed_out(
    cluster: Processes, tmp_path: Path
) -> None:
    read = 0

    def tasks() -> Iterator[int]:
        nonlocal read
        for number in range(10_000):
            read += 1
            yield number

    (tmp_path / "go").touch()
    with Grid(cluster.address) as grid:
        answers = grid.map(partial(mark, tmp_path), tasks())
        assert [next(answers) for _ in range(5)] == [0, 1, 4, 9, 16]
        assert read <= 5 + AHEAD * len(cluster.workers)
        answers.close()


def test_closing_takes_back_what_waits(cluster: Processes, tmp_path: Path) -> None:
    with Grid(cluster.address) as grid:
        answers = grid.map(partial(mark, tmp_path), range(100))
        # A generator begins when it is first asked; that waits for an answer.
        (tmp_path / "go").touch()
        assert next(answers) == 0
        (tmp_path / "go").unlink()
        wait_for_beginnings(tmp_path, 3)
        answers.close()
        (tmp_path / "go").touch()
    with Grid(cluster.address) as grid:
        assert list(grid.map(abs, [-1, -2])) == [1, 2]
    # Two were in hand besides the first, and perhaps one more that was just begun.
    assert len(began(tmp_path)) <= 1 + AHEAD * len(cluster.workers)


def test_what_a_killed_worker_had_in_hand_is_done_by_another(tmp_path: Path) -> None:
    with dask_cluster(tmp_path, 2) as cluster, Grid(cluster.address) as grid:
        (tmp_path / "go").touch()
        answers = grid.map(partial(mark, tmp_path), range(20))
        assert next(answers) == 0
        (tmp_path / "go").unlink()
        wait_for_beginnings(tmp_path, 3)
        cluster.kill(0)
        (tmp_path / "go").touch()
        assert list(answers) == [number * number for number in range(1, 20)]


def test_a_task_that_kills_its_workers_is_told_with_its_place(tmp_path: Path) -> None:
    with (
        dask_cluster(tmp_path, 3, deaths_max=1) as cluster,
        Grid(cluster.address) as grid,
        pytest.raises(WorkerLost) as lost,
    ):
        list(grid.map(die, [7, 8]))
    assert lost.value.place == 0


def test_where_no_worker_is_left_that_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sim.grid.POLL_S", 0.2)
    monkeypatch.setattr("sim.grid.WORKERS_S", 0.4)
    with dask_cluster(tmp_path, 0) as cluster:
        with pytest.raises(Refused, match="no worker is there; start some"):
            Grid(cluster.address)
        monkeypatch.setattr("sim.grid.WORKERS_S", WAIT_S)
        cluster.work(1, "--nthreads", "1")
        with Grid(cluster.address) as grid:
            monkeypatch.setattr("sim.grid.WORKERS_S", 0.4)
            with pytest.raises(WorkerLost, match="no worker is left"):
                list(grid.map(die, [1]))


def test_a_scheduler_that_goes_is_told(tmp_path: Path) -> None:
    with dask_cluster(tmp_path, 1) as cluster, Grid(cluster.address) as grid:
        (tmp_path / "go").touch()
        answers = grid.map(partial(mark, tmp_path), range(9))
        assert next(answers) == 0
        (tmp_path / "go").unlink()
        cluster.scheduler.kill()
        with pytest.raises(WorkerLost, match=r"the scheduler at .* is gone"):
            list(answers)


def test_a_worker_of_several_threads_is_refused(tmp_path: Path) -> None:
    words = ("--nthreads", "2")
    with (
        dask_cluster(tmp_path, 1, words=words) as cluster,
        pytest.raises(Refused, match=r"runs 2 tasks at once.*--nthreads 1"),
    ):
        Grid(cluster.address)


def test_workers_that_run_other_code_are_refused(tmp_path: Path) -> None:
    other = tmp_path / "other"
    for package in ("sim", "swarmnet", "benchmarks"):
        (other / package).mkdir(parents=True)
        (other / package / "__init__.py").touch()
    root = Path(__file__).parents[2]
    for name in ("sim/code.py", "sim/replay.py", "sim/options.py", "sim/checkers.py"):
        (other / name).write_text((root / name).read_text())
    (other / "sim/options.py").write_text("Options = None\n")
    with (
        dask_cluster(tmp_path, 1, checkout=other) as cluster,
        pytest.raises(Refused, match=r"runs commit .*; want what runs here"),
    ):
        Grid(cluster.address)


def test_workers_without_our_code_are_refused(tmp_path: Path) -> None:
    other = tmp_path / "other"
    (other / "sim").mkdir(parents=True)
    (other / "sim" / "__init__.py").touch()
    with (
        dask_cluster(tmp_path, 1, checkout=other) as cluster,
        pytest.raises(Refused, match="start workers in this checkout"),
    ):
        Grid(cluster.address)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nowhere", "moon://x:1"])
def test_where_nobody_answers_there_is_one_line(
    address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sim.grid.CONNECT_S", 0.5)
    words = ["sweep", "update", "--nodes", "3", "--seeds", "2", "--scheduler", address]
    assert call(words) == 2
    lines = [
        line for line in capsys.readouterr().err.splitlines() if "scenario=" not in line
    ]
    assert lines[-1].startswith(f"error: --scheduler {address}: ")
    assert "python -m dask scheduler" in lines[-1]


def test_an_interrupt_ends_it_and_takes_back_what_waits(
    cluster: Processes,
) -> None:
    text = INTERRUPTED.format(address=cluster.address)
    with subprocess.Popen(
        [sys.executable, "-c", text], stderr=subprocess.PIPE, text=True
    ) as sweeping:
        assert sweeping.stderr is not None
        assert sweeping.stderr.readline().startswith("scenario=chaos")
        # A bar with a result on it: the cluster is at work.
        seen = ""
        while "1/200" not in seen:
            read = sweeping.stderr.read(1)
            assert read, seen
            seen += read
        sweeping.send_signal(signal.SIGINT)
        try:
            _, err = sweeping.communicate(timeout=WAIT_S)
        finally:
            sweeping.kill()
    assert (sweeping.returncode, err.splitlines()[-1]) == (130, "interrupted")
    with Grid(cluster.address) as grid:
        assert list(grid.map(lean, [Options("update", nodes=3)]))


INTERRUPTED = """
import signal
import sys
from sim.cli import call

signal.signal(signal.SIGINT, signal.default_int_handler)
words = "sweep chaos --nodes 4 --seeds 200 --scheduler {address}"
sys.exit(call(words.split()))
"""
