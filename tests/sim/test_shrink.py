import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from sim.cli import call
from sim.faults import KINDS
from sim.options import Options, Result
from sim.profiles.contract import Profile
from sim.run import Registry, planned, run
from sim.shrink import Shrunk, TrialLost, shrink
from sim.workers import WorkerLost, Workers
from swarmnet.errors import Refused
from swarmnet.ids import NodeId
from swarmnet.swim.outputs import MemberChanged, State
from tests.samples import mostly_slow
from tests.sim.toy_engine import ToyEngine, ToyProfile, toy_registry

LONG_S = 2.0
STRANGER = NodeId(bytes(16))


class Hasty(ToyEngine):
    """Breaks when it was held up for long."""

    def note_late(self, now: float, seconds: float) -> None:
        super().note_late(now, seconds)
        if seconds > LONG_S:
            raise RuntimeError("too late")


class HastyLater(ToyEngine):
    """Breaks when it was held up for long in its second life."""

    def note_late(self, now: float, seconds: float) -> None:
        super().note_late(now, seconds)
        if seconds > LONG_S and self.epoch > 1:
            raise RuntimeError("too late, again")


class Confused(ToyEngine):
    """Lists itself when it was held up, and a stranger when it leaves."""

    def note_late(self, now: float, seconds: float) -> None:
        super().note_late(now, seconds)
        self.outputs.append(MemberChanged(self.node, None, State.ALIVE, 1, 0))

    def leave(self, now: float) -> None:
        super().leave(now)
        self.outputs.appendleft(MemberChanged(STRANGER, None, State.ALIVE, 1, 0))


class Broken(ToyEngine):
    """Breaks without any fault."""

    def start(self, now: float) -> None:
        raise RuntimeError("never starts")


def hasty_profile(_settings: Mapping[str, str]) -> Profile:
    return ToyProfile(Hasty)


# Unlike that of `toy_registry`, its profile can be handed to another process.
HASTY = Registry({"toy": hasty_profile}, {"toy": {}})


def chaos(
    seed: int, duration_s: float = 40.0, without: tuple[str, ...] = ()
) -> Options:
    """Return a run of six toys, whose last 15 s are calm."""
    return Options("chaos", 6, seed, "toy", duration_s=duration_s, without=without)


def shrunk_with(options: Options, engine: type[ToyEngine]) -> Shrunk:
    """Return the smallest schedule of a run that fails."""
    shrunk = shrink(options, 1, toy_registry(engine))
    assert shrunk is not None
    return shrunk


def breaks(options: Options, engine: type[ToyEngine], checker: str) -> bool:
    violations = run(options, toy_registry(engine)).violations
    return any(violation.checker == checker for violation in violations)


# Toys never find each other again: these break `convergence`.
CUTS = ("partition", "one_way", "stream_only", "udp_only")


@pytest.mark.slow
@pytest.mark.parametrize("seed", mostly_slow([3, 4, 8], [3]))
def test_of_all_faults_the_planted_cause_is_left(seed: int) -> None:
    shrunk = shrunk_with(chaos(seed), Hasty)
    assert shrunk.checker == "exception"
    assert [fault.kind for fault in shrunk.faults] == ["pause"]
    assert shrunk.faults[0].length_s > LONG_S


@pytest.mark.slow
def test_of_two_causes_that_fail_together_both_are_left() -> None:
    shrunk = shrunk_with(chaos(11, 90.0, CUTS), HastyLater)
    assert (shrunk.checker, shrunk.drawn) == ("exception", 28)
    assert [fault.name for fault in shrunk.faults] == ["restart.1", "pause.3"]
    assert shrunk.options.without[:4] == CUTS


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "engine"),
    [
        (chaos(8), Hasty),
        pytest.param(chaos(13, 90.0, CUTS), ToyEngine, marks=pytest.mark.slow),
    ],
)
def test_the_smallest_schedule_fails_and_passes_without_any_one_of_its_faults(
    options: Options, engine: type[ToyEngine]
) -> None:
    shrunk = shrunk_with(options, engine)
    smallest = shrunk.options
    assert planned(smallest, toy_registry(engine)) == shrunk.faults
    assert breaks(smallest, engine, shrunk.checker)
    assert shrunk.faults
    assert [
        fault.name
        for fault in shrunk.faults
        if breaks(
            replace(smallest, without=(*smallest.without, fault.name)),
            engine,
            shrunk.checker,
        )
    ] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seed", "checker", "kind"),
    [
        pytest.param(4, "unknown", "leave", marks=pytest.mark.slow),
        pytest.param(5, "unknown", "leave", marks=pytest.mark.slow),
        (6, "self", "pause"),
    ],
)
def test_the_rule_that_was_broken_first_is_the_one_that_stays_broken(
    seed: int, checker: str, kind: str
) -> None:
    options = chaos(seed)
    whole = run(options, toy_registry(Confused))
    assert len({violation.checker for violation in whole.violations}) > 1
    shrunk = shrunk_with(options, Confused)
    assert shrunk.checker == checker == whole.violations[0].checker
    assert [fault.kind for fault in shrunk.faults] == [kind]


@pytest.mark.slow
def test_what_fails_without_faults_is_left_none() -> None:
    shrunk = shrunk_with(chaos(1), Broken)
    assert (shrunk.faults, shrunk.runs) == ((), 2)
    assert planned(shrunk.options, toy_registry()) == ()


def test_a_run_that_passes_has_nothing_to_shrink() -> None:
    assert shrink(chaos(9), 1, toy_registry()) is None


def test_a_scenario_that_draws_no_faults_is_refused() -> None:
    with pytest.raises(Refused) as caught:
        shrink(Options("idle", profile="toy"), 1, toy_registry())
    assert str(caught.value) == (
        "scenario 'idle': it draws no faults; want chaos, table-chaos, address-chaos"
    )


@pytest.mark.slow
def test_the_answer_does_not_depend_on_how_many_processes_look_for_it() -> None:
    options = chaos(8)
    assert shrink(options, 2, HASTY) == shrink(options, 1, HASTY)


def test_a_process_that_dies_is_told_with_what_it_may_have_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def die(*_: object) -> Iterator[Result]:
        yield from ()
        raise WorkerLost(0)

    monkeypatch.setattr(Workers, "map", die)
    with pytest.raises(TrialLost) as lost:
        shrink(chaos(3), 2, toy_registry(Hasty))
    assert lost.value.command.startswith("python -m sim run chaos --nodes 6 --seed 3")


# What is left out shifts nothing else.


def lines_of(trace: Path, options: Options, words: str) -> list[str]:
    """Return the lines of a run's trace that hold `words`."""
    run(replace(options, trace=str(trace)), toy_registry())
    return [line for line in trace.read_text().splitlines() if words in line]


def only(kind: str) -> tuple[str, ...]:
    return tuple(name for name in KINDS if name != kind)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "words"), [("restart", " 0 join"), ("pause", " publish ")]
)
def test_one_fault_left_out_changes_nothing_that_is_drawn_later(
    tmp_path: Path, kind: str, words: str
) -> None:
    options = chaos(3, 90.0, only(kind))
    first = planned(options, toy_registry())[0]
    masked = replace(options, without=(*options.without, first.name))
    # A trace rounds its times.
    over_s = first.at_s + first.length_s + 1e-6
    whole, part = (
        [
            line
            for line in lines_of(tmp_path / "trace", one, words)
            if not line.endswith("joined") and float(line[:12]) > over_s
        ]
        for one in (options, masked)
    )
    assert whole == part
    assert len(part) > 1


# The command.


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command know the profile that breaks, and no other."""
    monkeypatch.setattr("sim.run.registry", lambda: HASTY)


SHRINK = "shrink chaos --nodes 6 --profile toy --duration 40 --jobs 1"


@pytest.mark.slow
@pytest.mark.usefixtures("hasty")
def test_the_command_prints_one_document_whose_command_fails_alike(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert call([*SHRINK.split(), "--seed", "8", "--format", "json"]) == 0
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert list(document) == [
        *("scenario", "seed", "checker", "runs", "faults", "command")
    ]
    assert document["scenario"] == "chaos"
    assert (document["seed"], document["checker"]) == (8, "exception")
    (fault,) = planned(chaos(8, without=only("pause")), HASTY)[-1:]
    assert document["faults"] == [
        {
            "name": "pause.4",
            "kind": "pause",
            "time_s": round(fault.at_s, 6),
            "length_s": round(fault.length_s, 6),
            "amount": 0.0,
            "nodes": sorted(fault.nodes),
            "coin": round(fault.coin, 6),
        }
    ]
    assert err.splitlines()[0].startswith("scenario=chaos seed=8 commit=")
    words = document["command"].split()
    assert words[:4] == ["python", "-m", "sim", "run"]
    assert call(words[3:]) == 1
    assert "violation: exception at " in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.usefixtures("hasty")
def test_the_command_prints_a_table_and_the_command_that_replays(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert call([*SHRINK.split(), "--seed", "12"]) == 0
    head, columns, row, replay = capsys.readouterr().out.splitlines()
    assert head == (
        "chaos, toy, seed 12: exception is broken by 1 of 20 faults (6 runs)"
    )
    assert columns.split() == ["time_s", "fault", "length_s", "amount", "coin", "nodes"]
    assert row.split()[1] == "pause.1"
    assert replay == (
        "replay: python -m sim run chaos --nodes 6 --seed 12 --profile toy --latency"
        " lan --duration 40.0 --without crash,restart,slow,loss,reorder,corrupt,rate,"
        "mtu,udp_only,stream_only,pause.2"
    )


@pytest.mark.slow
@pytest.mark.usefixtures("hasty")
def test_the_trace_is_that_of_the_smallest_schedule(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    assert call([*SHRINK.split(), "--seed", "12", "--trace", str(trace)]) == 0
    struck = [line[41:] for line in trace.read_text().splitlines() if " fault " in line]
    assert [line.partition(" ")[0] for line in struck] == ["pause.1"]


@pytest.mark.slow
@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize(
    ("words", "status", "line"),
    [
        ("shrink chaos --seed 9", 1, "nothing to shrink: seed 9 breaks no rule"),
        ("shrink idle", 2, "error: scenario 'idle': it draws no faults; want chaos"),
        ("shrink chaos --jobs 0", 2, "error: jobs 0: want at least 1"),
        ("shrink chaos --without pause.0", 2, "error: fault 'pause.0': want crash,"),
    ],
)
def test_what_cannot_be_shrunk_gets_one_line(
    words: str, status: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    toy = "--profile toy --nodes 6 --duration 40"
    jobs = "" if "--jobs" in words else "--jobs 1"
    assert call(f"{words} {toy} {jobs}".split()) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[-1].startswith(line)
