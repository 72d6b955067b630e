"""The scenarios that judge a failure detector, run on toys and on real rules."""

import subprocess
import sys
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import pytest

from sim.cluster import Cluster
from sim.options import Options, Result
from sim.run import run
from sim.scenarios import SCENARIOS
from sim.scenarios.asymmetric import Way
from sim.scenarios.pause import BLOCKS_S, RUNS_S
from sim.scenarios.scenario import Scenario, Setting
from sim.trace import Trace
from swarmnet.errors import Refused
from tests.sim.toy_engine import ToyProfile, toy_registry

NOBODY = {
    "false_dead": 0,
    "false_dead_at_healthy": 0,
    "first_dead_s": None,
    "all_dead_s": None,
    "view_changes_after_30_s": 0,
}


def toy(
    scenario: str,
    settings: Mapping[str, str],
    *,
    duration_s: float | None = 40.0,
    trace: Path | None = None,
) -> Result:
    """Run a scenario on eight toys."""
    options = Options(
        scenario,
        8,
        1,
        "toy",
        settings=settings,
        duration_s=duration_s,
        trace=None if trace is None else str(trace),
    )
    return run(options, toy_registry())


def details(trace: Path, kind: str) -> list[tuple[float, int, str]]:
    """Return (time, node, detail) of the lines of one kind."""
    lines = trace.read_text().splitlines()
    return [
        (float(line[:12]), int(line[13:18]), line[41:])
        for line in lines
        if line[19:27].strip() == kind
    ]


def scenario_of(name: str, settings: Mapping[str, float], seed: int = 1) -> Scenario:
    """Return a scenario on eight toys that has not begun."""
    cluster = Cluster(Options(name, 8, seed, "toy"), ToyProfile(), Trace(), 8)
    kind = SCENARIOS[name]
    keys = {key: known.default for key, known in kind.keys.items()}
    setting = Setting({**keys, **settings}, 40.0, frozenset(), 0.0)
    return kind.build(cluster, setting)


def test_the_slow_are_blocked_both_ways_and_in_step() -> None:
    scenario = scenario_of("pause", {"slow": 2, "block_s": 2, "run_s": 3})
    scenario.begin()
    cluster, pairs = scenario.cluster, [(a, b) for a in range(8) for b in range(8)]
    held: list[tuple[float, int]] = []
    for now in (4.9, 5.1, 6.9, 7.1, 9.9, 10.1):
        cluster.world.run(now, flush=cluster.flush)
        paths = [cluster.underlay.path(*pair).held_until_s for pair in pairs]
        held.append((max(paths), sum(path > 0 for path in paths)))
    # Of 64 ordered pairs, 36 are between the six that are healthy.
    assert held == [(0, 0), (7, 28), (7, 28), (0, 0), (0, 0), (12, 28)]


@pytest.mark.slow
def test_a_blocked_node_does_not_know_that_it_is_late_and_a_stopped_one_does() -> None:
    settings = {"slow": "2", "block_s": "4", "run_s": "1"}
    blocked = toy("pause", settings).coverage
    stopped = toy("pause", {**settings, "stop": "1"}).coverage
    # Blocks begin at 5, 10, ..., 40 s: those of the last instant count.
    assert (blocked["fault_clog"], stopped["process_pause"]) == (8, 16)
    assert (blocked["engine_late"], stopped["process_resume"]) == (0, 14)
    assert blocked["datagram_clogged"] > 50
    assert stopped["engine_late"] >= 14


@pytest.mark.slow
def test_slow_nodes_bring_false_deads_where_nobody_knows_better() -> None:
    settings = {"slow": "16", "block_s": "16.384", "run_s": "1.024"}
    figures = run(Options("pause", 32, 1, "swim", settings=settings)).figures
    names = ("false_dead", "false_dead_at_healthy", "false_dead_slow")
    false, at_healthy, slow = (figures[name] for name in names)
    assert false is not None
    assert at_healthy is not None
    assert false > at_healthy > 0
    assert slow


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["swim", "memberlist"])
@pytest.mark.parametrize(
    ("scenario", "settings"),
    [("idle", {}), ("pause", {"slow": "0", "crashes": "0"})],
)
def test_without_faults_nobody_is_declared_dead(
    profile: str, scenario: str, settings: dict[str, str]
) -> None:
    options = Options(scenario, 16, 1, profile, duration_s=60.0, settings=settings)
    figures = run(options).figures
    assert {name: figures[name] for name in NOBODY} == NOBODY
    assert figures.get("suspicions", 0) == 0


@pytest.mark.parametrize(
    ("scenario", "settings"),
    [
        ("idle", {"crashes": "1", "crash_after_s": "10"}),
        ("pause", {"slow": "0", "crash_after_s": "5"}),
        ("asymmetric", {"kind": "1", "amount": "0", "crash_after_s": "5"}),
    ],
)
def test_a_true_crash_is_found_and_nobody_else_is_blamed(
    scenario: str, settings: dict[str, str]
) -> None:
    result = toy(scenario, settings)
    figures = {name: result.figures[name] for name in NOBODY}
    first_s, all_s = figures.pop("first_dead_s"), figures.pop("all_dead_s")
    assert first_s is not None
    assert all_s is not None
    assert 2 < first_s < all_s < first_s + 0.01
    assert list(figures.values()) == [0, 0, 0]
    assert result.curve is not None
    assert result.curve.x_label == "seconds since the crash"
    at_s, share = result.curve.points[-1]
    assert at_s == pytest.approx(all_s, abs=0.002)
    assert share == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "coverage"),
    [
        ("1", {"fault_loss": 1}),
        ("2", {"fault_loss": 1}),
        ("3", {"fault_cut": 1}),
        ("4", {"fault_cut": 1}),
        ("5", {"fault_cut": 4}),
    ],
)
def test_each_kind_of_bad_connection_begins_once_or_by_turns(
    kind: str, coverage: Mapping[str, int]
) -> None:
    result = toy("asymmetric", {"kind": kind, "flip_s": "5"})
    faults = {n: v for n, v in result.coverage.items() if n.startswith("fault_")}
    assert faults == coverage
    lost = "datagram_loss" if int(kind) < 3 else "datagram_cut"
    assert result.coverage[lost] > 0
    assert (result.figures["kind"], result.figures["faulty"]) == (int(kind), 1)


@pytest.mark.slow
def test_a_flip_flop_is_deaf_and_whole_by_turns(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    toy("asymmetric", {"kind": "5", "flip_s": "8"}, trace=trace)
    assert details(trace, "fault") == [
        (5.0, -1, "cut"),
        (13.0, -1, "mended"),
        (21.0, -1, "cut"),
        (29.0, -1, "mended"),
        (37.0, -1, "cut"),
    ]


def test_a_deaf_node_holds_the_healthy_dead_and_counts_as_no_healthy_observer() -> None:
    settings = {"kind": "3", "crashes": "0"}
    figures = toy("asymmetric", settings, duration_s=60.0).figures
    wrong = figures["false_dead"]
    assert wrong is not None
    assert wrong > 0
    assert figures["false_dead_faulty"]


def test_what_is_not_set_is_drawn_from_the_seed() -> None:
    drawn = [scenario_of("pause", {}, seed).figures() for seed in range(60)]
    assert {one["block_s"] for one in drawn} == {*BLOCKS_S}
    assert {one["run_s"] for one in drawn} == {*RUNS_S}
    ways = [scenario_of("asymmetric", {}, seed).figures() for seed in range(30)]
    assert {one["kind"] for one in ways} == {*Way}


@pytest.mark.slow
def test_a_key_that_is_set_shifts_no_other_draw(tmp_path: Path) -> None:
    settings: list[dict[str, str]] = [{}, {"block_s": "2"}, {"run_s": "1", "slow": "2"}]
    crashes = []
    for number, keys in enumerate(settings):
        trace = tmp_path / str(number)
        toy("pause", keys, trace=trace)
        process = details(trace, "process")
        crashes.append([line for line in process if line[2] == "crash"])
    assert crashes[0] == crashes[1] == crashes[2]
    assert len(crashes[0]) == 1


@pytest.mark.slow
def test_pauses_shift_neither_the_crash_nor_its_victims(tmp_path: Path) -> None:
    crashes = []
    for paused in ("0", "0.5"):
        trace = tmp_path / paused
        toy("crash", {"victims": "3", "paused": paused}, trace=trace)
        process = details(trace, "process")
        crashes.append([line for line in process if line[2] == "crash"])
    assert crashes[0] == crashes[1]
    assert len(crashes[0]) == 3
    stopped = {node for _, node, what in process if what == "pause"}
    assert len(stopped) == 4
    assert stopped.isdisjoint(node for _, node, _ in crashes[0])


@pytest.mark.slow
def test_without_paused_nodes_the_lengths_of_pauses_change_nothing() -> None:
    hashes = {
        toy("crash", keys).trace_hash
        for keys in ({}, {"pause_min_s": "3", "pause_max_s": "9"})
    }
    assert len(hashes) == 1


@pytest.mark.slow
def test_pauses_and_the_time_between_them_keep_their_range(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    settings = {
        "paused": "0.01",
        "at_s": "50",
        "pause_min_s": "0.5",
        "pause_max_s": "1",
    }
    toy("crash", settings, duration_s=50.0, trace=trace)
    process = details(trace, "process")
    lines = [one for one in process if one[2] in ("pause", "resume")]
    assert len({node for _, node, _ in lines}) == 1
    assert [what for _, _, what in lines[:4]] == ["pause", "resume"] * 2
    lengths = [later[0] - one[0] for one, later in pairwise(lines)]
    assert len(lengths) > 50
    assert 0.5 <= min(lengths) < 0.6
    assert 0.9 < max(lengths) <= 1


def test_a_paused_node_that_is_declared_dead_is_a_false_dead_of_a_crash() -> None:
    settings = {"paused": "0.01", "pause_min_s": "9", "pause_max_s": "9", "at_s": "30"}
    assert toy("crash", settings).figures["false_dead"] == 7


@pytest.mark.parametrize(
    ("scenario", "settings", "message"),
    [
        ("pause", {"block_s": "0.0001"}, "--set block_s=0.0001: want 0 or at least"),
        ("pause", {"run_s": "0.0001"}, "--set run_s=0.0001: want 0 or at least 0.001"),
        ("pause", {"slow": "1.5"}, "--set slow=1.5: want a whole number of 0 to"),
        ("asymmetric", {"kind": "6"}, "--set kind=6: want a whole number of 0 to 5"),
        ("asymmetric", {"amount": "2"}, "--set amount=2: want a number of 0 to 1"),
        ("asymmetric", {"flip_s": "0"}, "--set flip_s=0: want a number of 0.001 to"),
        ("crash", {"paused": "-1"}, "--set paused=-1: want a number of 0 to 1"),
        ("crash", {"pause_max_s": "0.5"}, "--set pause_max_s=0.5: want at least"),
        ("idle", {"crashes": "-1"}, "--set crashes=-1: want a whole number of 0 to"),
    ],
)
def test_a_setting_out_of_bounds_is_refused(
    scenario: str, settings: dict[str, str], message: str
) -> None:
    with pytest.raises(Refused) as caught:
        toy(scenario, settings)
    assert str(caught.value).startswith(message)


PROGRAM = """
from sim.options import Options
from sim.run import run

for scenario, settings in (
    ("pause", {"slow": "6", "block_s": "2.048", "run_s": "1"}),
    ("pause", {"slow": "6", "stop": "1", "run_s": "1"}),
    ("asymmetric", {"share": "0.3"}),
    ("crash", {"paused": "0.3"}),
):
    options = Options(scenario, 12, 3, "swim", duration_s=25, settings=settings)
    print(run(options).trace_hash)
"""


@pytest.mark.slow
def test_one_seed_gives_one_trace_in_any_process() -> None:
    texts = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    ]
    assert texts[0] == texts[1]
    assert len(set(texts[0].split())) == 4
