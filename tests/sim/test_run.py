import json
import subprocess
import sys
from pathlib import Path

import pytest

from sim.options import Options
from sim.run import run
from sim.scenarios import SCENARIOS
from swarmnet.errors import Refused
from tests.samples import mostly_slow
from tests.sim.toy_engine import toy_registry

KEYS = [
    "scenario",
    "profile",
    "nodes",
    "seed",
    "simulated_s",
    "wall_s",
    "events",
    "trace_hash",
    "violations",
    "coverage",
    "bytes_per_node_s",
    "figures",
]
NAMED = {
    "update": ["t50_s", "t99_s", "all_s", "reached", "copies_per_node", "packets"],
    "crash": ["first_suspect_s", "first_dead_s", "all_dead_s", "false_dead"],
    "leave": ["all_s"],
    "bootstrap": ["all_s", "distinct_sizes_seen"],
    "partition": ["heal_s"],
    "churn": ["p50_s", "p90_s", "max_s"],
}
SHORT = {"partition": 70.0, "churn": 40.0, "idle": 5.0, "chaos": 25.0}


@pytest.mark.slow
@pytest.mark.parametrize(
    "scenario", [name for name, kind in SCENARIOS.items() if not kind.settings]
)
def test_every_scenario_runs_on_a_toy_and_reports_the_figures_it_lists(
    scenario: str,
) -> None:
    options = Options(scenario, nodes=6, profile="toy", duration_s=SHORT.get(scenario))
    result = run(options, toy_registry())
    document = json.loads(json.dumps(result.document()))
    assert list(document) == KEYS
    assert list(document["bytes_per_node_s"]) == ["mean", "p99", "max"]
    assert result.failure is None
    listed = list(SCENARIOS[scenario].figures)
    assert list(document["figures"]) == [n for n in listed if n in result.figures]
    named = NAMED.get(scenario, [])
    assert [n for n in named if n in document["figures"]] == named


@pytest.mark.parametrize("scenario", ["update", "crash", "leave", "bootstrap", "idle"])
def test_a_toy_that_keeps_the_rules_breaks_none(scenario: str) -> None:
    options = Options(scenario, nodes=8, profile="toy", duration_s=20)
    result = run(options, toy_registry())
    assert result.violations == ()


def test_an_update_is_timed_and_its_copies_counted() -> None:
    result = run(Options("update", nodes=10, profile="toy"), toy_registry())
    figures = result.figures
    all_s = figures["all_s"]
    assert all_s is not None
    assert 0.0005 <= all_s <= 0.0015
    assert figures["reached"] == 10
    assert figures["copies_per_node"] == 0.9


@pytest.mark.parametrize(
    ("scenario", "origin"),
    [
        ("update", "it was published"),
        ("crash", "the crash"),
        ("leave", "the leave"),
        ("bootstrap", "the others began to join"),
        ("partition", "the start"),
        ("churn", "the start"),
        ("restart", "the start"),
        ("idle", "the start"),
        ("chaos", "the start"),
    ],
)
def test_a_picture_says_from_when_its_seconds_count(scenario: str, origin: str) -> None:
    options = Options(scenario, nodes=6, profile="toy", duration_s=SHORT.get(scenario))
    curve = run(options, toy_registry()).curve
    assert curve is not None
    assert curve.x_label == f"seconds since {origin}"


@pytest.mark.parametrize(
    ("with_state", "figures"),
    [("1", ["known_s", "false_dead"]), ("0", ["known_s", "back_s", "false_dead"])],
)
def test_only_who_lost_its_state_has_a_way_back(
    with_state: str, figures: list[str]
) -> None:
    settings = {"with_state": with_state}
    options = Options("restart", 5, profile="toy", settings=settings)
    assert list(run(options, toy_registry()).figures) == figures


def test_coverage_counts_what_went_well() -> None:
    result = run(Options("update", 5, profile="toy"), toy_registry())
    names = ("payload_published", "payload_held")
    assert [result.coverage[name] for name in names] == [1, 5]
    sent = result.coverage["datagram_sent"]
    assert 0 <= sent - result.coverage["datagram_received"] <= 5 < sent


def test_what_is_never_reached_is_none() -> None:
    options = Options("update", nodes=4, profile="toy", loss=1.0, duration_s=5)
    figures = run(options, toy_registry()).figures
    assert figures == {
        "t50_s": None,
        "t99_s": None,
        "all_s": None,
        "reached": 1,
        "copies_per_node": 0.75,
        "packets": 44,
    }


@pytest.mark.slow
def test_another_seed_is_another_run() -> None:
    hashes = {
        run(Options("idle", 4, seed, "toy", duration_s=3), toy_registry()).trace_hash
        for seed in (1, 2)
    }
    assert len(hashes) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (Options("nothing", profile="toy"), "scenario 'nothing': want update,"),
        (Options("idle", profile="none"), "profile 'none': want toy"),
        (Options("idle", 0, profile="toy"), "nodes 0: idle wants 1 to"),
        (Options("crash", 1, profile="toy"), "nodes 1: crash wants 2 to"),
        (Options("idle", seed=-1, profile="toy"), "seed -1: want 0 to"),
        (Options("idle", profile="toy", loss=1.5), "loss 1.5: want a probability"),
        (Options("idle", profile="toy", duration_s=0.0), "duration 0: want more"),
        (Options("idle", profile="toy", latency="wan"), "latency 'wan': want lan,"),
        (Options("idle", profile="toy", settings={"x": "1"}), "--set key 'x': idle"),
        (
            Options("update", profile="toy", settings={"count": "half"}),
            "--set count=half: want a whole number of 1 to",
        ),
        (Options("idle", profile="toy", without=("rain",)), "fault 'rain': want crash"),
        (Options("idle", profile="toy", trace="/nowhere/t"), "trace file '/nowhere/t'"),
        (Options("idle", profile="toy", duration_s=1e5), "duration 100000: want more"),
        *(
            (
                Options("partition", profile="toy", settings={"minority": share}),
                f"--set minority={share}: want a number above 0 and below 1",
            )
            for share in ("0", "1", "1.5", "nan")
        ),
    ],
)
def test_a_bad_option_is_refused_in_one_line(options: Options, message: str) -> None:
    with pytest.raises(Refused) as caught:
        run(options, toy_registry())
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


PROGRAM = """
import sys
from sim.options import Options
from sim.run import run
from tests.sim.toy_engine import toy_registry

profile, trace = sys.argv[1], sys.argv[2] or None
options = Options("chaos", 6, 3, profile, duration_s=95.0, trace=trace)
print(run(options, toy_registry() if profile == "toy" else None).trace_hash)
"""


@pytest.mark.slow
@pytest.mark.parametrize("profile", mostly_slow(["toy", "swarmnet"], ["toy"]))
def test_one_seed_gives_one_trace_in_any_process(tmp_path: Path, profile: str) -> None:
    traces = [tmp_path / "first", tmp_path / "second"]
    hashes = []
    for hash_seed, trace in (("1", str(traces[0])), ("2", str(traces[1])), ("3", "")):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, profile, trace],
            env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        )
        hashes.append(done.stdout)
    assert hashes[0] == hashes[1] == hashes[2]
    assert traces[0].read_bytes() == traces[1].read_bytes()
    assert traces[0].stat().st_size > 0


def test_trace_lines_stand_in_fixed_columns(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    options = Options("chaos", 6, 3, "toy", duration_s=30.0, trace=str(trace))
    result = run(options, toy_registry())
    lines = trace.read_text().splitlines()
    assert len(lines) == result.events
    broken = [
        line
        for line in lines
        if [line[i] for i in (12, 18, 27, 33, 40)] != [" "] * 5
        or line[41] == " "
        or float(line[:12]) < 0
    ]
    assert broken == []
