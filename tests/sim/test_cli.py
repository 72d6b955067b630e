import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sim.cli import call
from sim.options import SEED_MAX, Result
from sim.scenarios import SCENARIOS
from sim.workers import WorkerLost, Workers


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("run nothing", "scenario 'nothing': want update, crash"),
        ("run idle --profile raft", "profile 'raft': want"),
        ("run idle --nodes 0", "nodes 0: idle wants 1"),
        ("run idle --nodes many", "Invalid value for '--nodes'"),
        ("run idle --loss 1.1", "loss 1.1: want a probability of 0 to 1"),
        ("run idle --loss nan", "loss nan: want a probability of 0 to 1"),
        ("run idle --duration -1", "duration -1: want more than 0"),
        ("run idle --latency moon", "latency 'moon': want lan"),
        ("run idle --latency no.json", "latency file 'no.json': "),
        ("run idle --set speed", "--set 'speed': want KEY=VALUE"),
        ("run idle --set nonsense=1", "--set key 'nonsense': idle wants"),
        ("run update --set count=0", "--set count=0: want a whole number of 1"),
        ("run idle --without rain", "fault 'rain': want crash, restart"),
        ("run idle --without pause.x", "fault 'pause.x': want crash, restart"),
        ("shrink update", "scenario 'update': it draws no faults; want chaos, table-"),
        ("run idle --trace /nowhere/x", "trace file '/nowhere/x': No such file"),
        ("run idle --plot x.gif", "plot file 'x.gif': want a name ending in"),
        ("run idle --format xml", "Invalid value for '--format'"),
        ("run idle --nonsense", "No such option"),
        ("run", "Missing argument 'SCENARIO'"),
        ("run chaos --duration 5", "duration 5: the calm phase alone takes"),
        ("sweep idle --seeds 0", "seeds 0: want 1"),
        ("sweep idle --seeds 2 --jobs 0", "jobs 0: want at least 1"),
        ("sweep idle --seeds 2 --jobs 2 --scheduler x:1", "--jobs 2: the workers at"),
        ("shrink chaos --jobs 2 --scheduler x:1", "--jobs 2: the workers at x:1"),
        ("dance", "No such command"),
    ],
)
def test_bad_input_gets_one_line_and_exit_2(
    words: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(words.split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"error: {message}")
    assert err.count("\n") == 1


@pytest.mark.slow
def test_json_is_one_document_and_the_first_line_of_stderr_tells_how_to_replay(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = "run update --nodes 5 --seed 9 --format json --set count=2"
    assert call(words.split()) == 0
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert (document["scenario"], document["nodes"], document["seed"]) == (
        "update",
        5,
        9,
    )
    line = err.splitlines()[0]
    assert line.startswith("scenario=update seed=9 commit=")
    assert line.endswith(
        "replay: python -m sim run update --nodes 5 --seed 9"
        " --profile swarmnet --latency lan --set count=2"
    )


@pytest.mark.slow
def test_a_sweep_sums_up_its_seeds(capsys: pytest.CaptureFixture[str]) -> None:
    words = "sweep update --nodes 4 --seeds 3 --first-seed 5 --jobs 1 --format json"
    assert call(words.split()) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["seeds"], document["first_seed"]) == (3, 5)
    assert document["failed_seeds"] == []
    assert document["figures"]["reached"] == {
        "median": 4,
        "p90": 4,
        "worst": 4,
        "worst_seed": 5,
        "never": 0,
    }


def test_the_list_names_scenarios_figures_and_keys(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert call(["list"]) == 0
    text = capsys.readouterr().out
    assert [
        word for word in ("bootstrap", "t99_s", "--set count=1") if word not in text
    ] == []
    assert call(["list", "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert "heal_s" in document["scenarios"]["partition"]["figures"]
    sets = {name: kind["sets"] for name, kind in document["scenarios"].items()}
    channels = {"hostile-outsider", "hostile-member"}
    tables = {name for name in sets if name.startswith("table-")}
    tables |= {"scope", "address-chaos", "address-share", "drift", "agent-restart"}
    assert {name for name, told in sets.items() if told} == channels | tables


@pytest.mark.slow
def test_the_module_is_a_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sim", "run", "idle", "--nodes", "0"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONHASHSEED": "5"},
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1


LONG_S = {
    "chaos": 150,
    "table-chaos": 150,
    "address-chaos": 300,
    "drift": 150,
    "agent-restart": 150,
}
"""These run for longer than their calm or their rounds, in virtual seconds."""


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_scenario_has_a_picture(tmp_path: Path, scenario: str) -> None:
    pytest.importorskip("matplotlib")
    file = tmp_path / "course.png"
    nodes = 2 if scenario == "table-sync" else 4
    duration_s = LONG_S.get(scenario, 30)
    words = f"run {scenario} --nodes {nodes} --duration {duration_s} --plot {file}"
    assert call(words.split()) == 0
    assert file.stat().st_size > 1000


def test_a_picture_that_cannot_be_written_is_refused_and_the_trace_kept(
    tmp_path: Path,
) -> None:
    trace = tmp_path / "trace.txt"
    trace.write_text("old")
    picture = tmp_path / "folder.png"
    picture.mkdir()
    words = f"run update --nodes 4 --trace {trace} --plot {picture}"
    assert call(words.split()) == 2
    assert trace.read_text() == "old"


def test_the_last_seed_of_a_sweep_is_checked_before_the_first_runs() -> None:
    assert call(f"sweep update --seeds 2 --first-seed {SEED_MAX}".split()) == 2


@pytest.mark.slow
def test_a_sweep_whose_worker_dies_ends_with_the_place_of_the_lost_task() -> None:
    with Workers(2) as workers, pytest.raises(WorkerLost) as lost:
        list(workers.map(os._exit, [9, 9, 9]))
    assert lost.value.place == 0


def test_a_sweep_whose_worker_dies_says_how_to_replay_a_lost_seed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def die(*_: object) -> Iterator[Result]:
        yield from ()
        raise WorkerLost(2)

    monkeypatch.setattr("sim.cli.sweep", die)
    words = "sweep idle --nodes 3 --seeds 4 --first-seed"
    assert call([*words.split(), "7"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[-1] == (
        "error: a worker process died; it may have been at: python -m sim run idle"
        " --nodes 3 --seed 9 --profile swarmnet --latency lan"
    )


# Whoever runs the tests in the background has them ignore interrupts.
LONG_SWEEP = """
import signal
import sys
from sim.cli import call

signal.signal(signal.SIGINT, signal.default_int_handler)
words = "sweep chaos --nodes 64 --seeds 50 --jobs 2"
sys.exit(call(words.split()))
"""


@pytest.mark.slow
def test_an_interrupt_ends_a_sweep_at_once() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LONG_SWEEP], stderr=subprocess.PIPE, text=True
    ) as sweeping:
        assert sweeping.stderr is not None
        assert sweeping.stderr.readline().startswith("scenario=chaos")
        sweeping.send_signal(signal.SIGINT)
        try:
            _, err = sweeping.communicate(timeout=10)
        finally:
            sweeping.kill()
    assert (sweeping.returncode, err.splitlines()[-1]) == (130, "interrupted")


@pytest.mark.parametrize(
    ("text", "reason"),
    [("[" * 200_000, "maximum recursion depth"), ('{"matrix": 1}', "key 'matrix'")],
)
def test_a_matrix_that_is_none_gets_one_line(
    tmp_path: Path, text: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "matrix.json"
    file.write_text(text)
    assert call(["run", "idle", "--latency", str(file)]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"error: latency file '{file}': {reason}")
    assert err.count("\n") == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "suffix"),
    [
        ("run", "svg"),
        pytest.param("sweep --seeds 2 --jobs 1", "png", marks=pytest.mark.slow),
        pytest.param("run", "png", marks=pytest.mark.slow),
        pytest.param("sweep --seeds 2 --jobs 1", "svg", marks=pytest.mark.slow),
    ],
)
def test_a_picture_is_drawn(tmp_path: Path, suffix: str, command: str) -> None:
    pytest.importorskip("matplotlib")
    file = tmp_path / f"update.{suffix}"
    words = f"{command} update --nodes 4 --plot {file}"
    assert call(words.split()) == 0
    assert file.stat().st_size > 1000
