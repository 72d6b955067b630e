"""Benchmarks beside real peers: they measure, say what is missing, and end all."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from math import inf
from pathlib import Path
from time import monotonic
from typing import IO

import pytest

from benchmarks import (
    agent_failures,
    agent_fifty,
    debian,
    fidelity,
    golang,
    memberlist_cluster,
    serf,
    serf_cluster,
    swim_protocol,
)
from benchmarks.asked import Asked, rows_of
from benchmarks.clusters import until
from benchmarks.crowd import Crowd, Kind, free_ports
from benchmarks.lab import OURS, Lab
from benchmarks.trials import Contest, Found, Trial, contested, curves
from benchmarks.values import Of
from tests.source import ROOT

needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root makes network namespaces"
)
needs_go = pytest.mark.skipif(
    golang.missing() is not None, reason="memberlist cannot be built here"
)
needs_serf = pytest.mark.skipif(shutil.which("serf") is None, reason="no serf")
needs_swim = pytest.mark.skipif(
    swim_protocol.missing() is not None, reason="no swim-protocol"
)
TINY = Trial(3, broadcasts=1, kills=1, settle_s=0.5, rest_s=0.5)
ENDED_S = 10.0


def check_complete(found: Found) -> None:
    """See that each list has what a tiny trial gives, and that nothing is never."""
    times = found.whole, found.half, found.all, found.suspect, found.first, found.last
    assert [[value is not None for value in one] for one in times] == [[True]] * 6
    assert len(found.rested) == len(found.own) == 1
    assert len(found.informed) == TINY.count - 1


def check_lost(crowd: Crowd) -> None:
    """See that nothing is heard, of a cluster of three, once all packets are lost."""
    began = monotonic()
    crowd.tell_all("join")
    assert len(crowd.wait("whole", range(3), began, 60.0)) == 3
    crowd.tell_all("lose", 1)
    crowd.tell(0, "say", 0, "hello")
    assert crowd.wait("heard", (1, 2), began, 0.5, "hello") == {}


# What is measured


@pytest.mark.slow
def test_members_of_ours_do_as_told_in_real_time() -> None:
    kind = swim_protocol.ours(TINY.count)
    check_complete(contested(Contest((kind,), TINY, rounds=1))[OURS])


@needs_go
@pytest.mark.slow
def test_a_cluster_of_memberlist_does_the_same(tmp_path: Path) -> None:
    program = golang.build(memberlist_cluster.PROGRAM, tmp_path)
    kind = memberlist_cluster.theirs(program)
    assert kind.name.startswith("real memberlist")
    check_complete(contested(Contest((kind,), TINY, rounds=1))[kind.name])
    with Crowd(kind, 3) as crowd:
        check_lost(crowd)


@needs_swim
@pytest.mark.slow
def test_members_of_swim_protocol_do_the_same() -> None:
    kind = swim_protocol.theirs()
    check_complete(contested(Contest((kind,), TINY, rounds=1))[kind.name])


@pytest.mark.slow
def test_what_members_of_ours_lose_is_repaired_once_packets_pass() -> None:
    with Crowd(swim_protocol.ours(3), 3) as crowd:
        check_lost(crowd)
        crowd.tell_all("lose", 0)
        assert len(crowd.wait("heard", (1, 2), 0.0, 30.0, "hello")) == 2


@needs_root
@needs_serf
@pytest.mark.slow
@pytest.mark.parametrize("measure", [serf_cluster.ours, serf_cluster.theirs])
def test_agents_of_both_kinds_are_joined_told_and_killed(
    measure: Callable[[serf_cluster.Size], serf_cluster.Found],
) -> None:
    size = serf_cluster.Size(3, rounds=1, news=1, kills=1, settle_s=0.0, rest_s=1.0)
    found = measure(size)
    counts = {name: len(getattr(found, name)) for name in found.__slots__}
    once = dict.fromkeys(("joined", "heard", "first", "last", "own"), 1)
    assert counts == {**once, "received": 3, "used": 3}
    assert 0 < found.first[0] <= found.last[0]
    assert all(one > 0 for one in found.received)
    rows = rows_of({OURS: found, "serf": found}, "N=3", serf_cluster.ASKED)
    assert {row.ratio() for row in rows if row.ours.median} == {1.0}
    assert len(rows) == len(serf_cluster.ASKED)


# What is made of it


def found_of(scale: float) -> Found:
    """Return what a trial may give, its times multiplied."""
    times = [scale * one for one in (0.01, 0.02, inf)]
    return Found(all=[0.02 * scale, None], informed=times, last=[2.0 * scale])


def test_ours_is_held_against_a_share_of_the_peers_median() -> None:
    asked = (Asked("last", "dead", "s", 0.5), Asked("rested", "CPU", "%"))
    both = {OURS: found_of(1.0), "peer": found_of(3.0)}
    rows = rows_of(both, "N=3", asked)
    assert [row.measure for row in rows] == ["N=3: dead"], "CPU was not measured"
    assert rows[0].peer is not None
    assert (rows[0].ours.median, rows[0].peer.median) == (2.0, 6.0)
    assert [(one.of, one.limit) for one in rows[0].targets] == [(Of.MEDIAN, 3.0)]


def test_ours_without_a_peer_has_no_target_and_a_peer_alone_no_row() -> None:
    asked = (Asked("all", "to all", "ms", 0.5),)
    (row,) = rows_of({OURS: found_of(1.0)}, "N=3", asked)
    assert (row.peer, row.targets, row.ours.never) == (None, (), 1)
    assert row.ours.values == (20.0, inf)
    assert rows_of({"peer": found_of(1.0)}, "N=3", asked) == []


def test_a_curve_ends_where_the_last_has_heard() -> None:
    chart = curves({OURS: found_of(1.0), "peer": found_of(3.0)}, 4)
    rounded = [[(x, round(y)) for x, y in line.points] for line in chart.lines]
    assert rounded == [[(10.0, 33), (20.0, 67)], [(30.0, 33), (60.0, 67)]]


def test_free_ports_differ_and_are_as_many_as_wanted() -> None:
    assert len(set(free_ports(50))) == 50


# What is missing


def test_a_missing_peer_is_a_line_and_no_figure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(golang, "which", lambda _: None)
    monkeypatch.setattr(serf, "which", lambda _: None)
    monkeypatch.setattr(swim_protocol, "PACKAGE", "nobody-s-package")
    with Lab(1, quick=True) as lab:
        assert fidelity.answer(lab) == []
        assert swim_protocol.answer(lab) == []
    assert serf.said_missing("serf_cluster")
    with memberlist_cluster.built("memberlist_cluster") as program:
        assert program is None
    assert capsys.readouterr().err.splitlines() == [
        "fidelity: without memberlist: no go: install golang-go",
        "swim_protocol: skipped: no nobody-s-package: install the extra 'peers'",
        "serf_cluster: without serf: install serf",
        "memberlist_cluster: without memberlist: no go: install golang-go",
    ]


def test_a_version_that_nobody_knows_is_left_out() -> None:
    assert debian.named("nobody", "nobody-s-package") == "nobody"


def test_a_size_that_is_not_borne_is_a_line_and_so_are_those_above(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def alone(self: Lab, label: str, action: object, size: serf_cluster.Size) -> object:
        if size.hosts > 10:
            raise RuntimeError("not within 60 s:\nagent 11")
        one = [1.0]
        return serf_cluster.Found(one, one, one, one, one, one, one)

    monkeypatch.setattr(Lab, "alone", alone)
    monkeypatch.setattr(serf, "which", lambda _: None)
    with Lab(1, quick=False) as lab:
        rows = list(serf_cluster.answered(lab, serf_cluster.FULL))
    assert {row.measure.partition(":")[0] for row in rows} == {"N=10"}
    assert capsys.readouterr().err.splitlines()[1:] == [
        "serf_cluster: left out from here on: 50 agents of swarmnet: not within 60 s:"
        " agent 11"
    ]


def test_more_agents_than_memory_holds_are_not_started() -> None:
    size = serf_cluster.Size(10**6, 1, news=1, kills=1, settle_s=0.0, rest_s=0.0)
    with pytest.raises(RuntimeError, match="they want 60000000 MiB of memory"):
        serf_cluster.ours(size)


def test_a_cluster_that_does_not_come_up_is_a_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    kind = Kind("broken", lambda _: {(0,): (sys.executable, "-c", "")})
    assert contested(Contest((kind,), Trial(1, 0, 0, 0.0), rounds=1)) == {}
    assert capsys.readouterr().err == "N=1: broken: a process has ended\n"


# What is started ends


def is_there(pid: int) -> bool:
    """Return whether a process runs, and is no mere rest that nobody has waited for."""
    with suppress(OSError):
        stat = Path("/proc", str(pid), "stat").read_text()
        return stat.rpartition(")")[2].split()[0] != "Z"
    return False


def check_gone(pids: list[int]) -> None:
    """See that processes end."""
    assert pids
    until("all ended", lambda: not any(map(is_there, pids)), ENDED_S)


@pytest.mark.slow
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_error_or_ctrl_c_leaves_no_member_behind(error: type[BaseException]) -> None:
    pids: list[int] = []

    def fail() -> None:
        with Crowd(swim_protocol.ours(2), 2) as crowd:
            pids.extend(process.pid for process in crowd.processes)
            raise error

    with pytest.raises(error):
        fail()
    check_gone(pids)


SCRIPTS = {
    "members": """
        from benchmarks.crowd import Crowd
        from benchmarks.swim_protocol import ours
        with Crowd(ours(2), 2) as crowd:
            print(*(one.pid for one in crowd.processes), flush=True)
            input()
        """,
    "a worker, and what it has started": """
        import os, subprocess, time
        from benchmarks.lab import Lab
        from benchmarks.lifelines import bound_to_us
        def work(task):
            child = subprocess.Popen(bound_to_us("sleep", "600"))
            print(os.getpid(), child.pid, flush=True)
            time.sleep(600)
        if __name__ == "__main__":
            with Lab(1, quick=True) as lab:
                lab.alone("worker", work, 0)
        """,
}


@contextmanager
def script(tmp_path: Path, text: str) -> Iterator["subprocess.Popen[str]"]:
    """Run a script as a program of its own; it is ended at the end."""
    path = tmp_path / "script.py"
    lines = text.strip("\n").splitlines()
    indent = len(lines[0]) - len(lines[0].lstrip())
    path.write_text("\n".join(line[indent:] for line in lines))
    pipe = subprocess.PIPE
    with subprocess.Popen(
        (sys.executable, str(path)),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=pipe,
        stdout=pipe,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="no setpriv")
@pytest.mark.parametrize("what", SCRIPTS)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_runner_that_is_killed_leaves_nothing_behind(
    what: str, number: signal.Signals, tmp_path: Path
) -> None:
    with script(tmp_path, SCRIPTS[what]) as process:
        source: IO[str] | None = process.stdout
        assert source is not None
        pids = [int(word) for word in source.readline().split()]
        assert all(map(is_there, pids))
        process.send_signal(number)
        check_gone(pids)


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("2026/11/26 19:34:13 [INFO] serf: EventMemberFailed: n12 10.0.0.3", "n12"),
        ("2026/11/26 19:34:13 [INFO] memberlist: Suspect n12 has failed", None),
        ("2026/11/26 19:34:13 [INFO] serf: EventMemberLeave: n12 10.0.0.3", None),
    ],
)
def test_serfs_log_says_who_is_dead_before_its_events_do(
    line: str, name: str | None
) -> None:
    assert serf.failed(line) == name


@needs_root
@needs_serf
@pytest.mark.slow
def test_a_killed_agent_is_missed_by_both_kinds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(agent_failures, "SETTLE_S", 0.5)
    assert agent_failures.ours_dead(3) > 0
    assert agent_failures.theirs_dead(3) > 0


def test_agents_of_both_kinds_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def alone(self: Lab, label: str, action: object, task: object) -> object:
        asked.append(label)
        return [1.0] if label == "cut" else 1.0

    def alone_fifty(self: Lab, label: str, action: object, task: object) -> object:
        asked.append(label)
        return agent_fifty.Found(*8 * ((1.0,),))

    monkeypatch.setattr(Lab, "alone", alone)
    monkeypatch.setattr(serf, "said_missing", lambda _: False)
    monkeypatch.setattr(serf, "name", lambda: "serf")
    with Lab(1, quick=False) as lab:
        rows = agent_failures.answer(lab)
        rounds = agent_failures.ROUNDS[0]
        assert asked == [*rounds * ("dead", "serf"), "cut"]
        assert rows[0].ours.runs == rounds
        asked.clear()
        monkeypatch.setattr(Lab, "alone", alone_fifty)
        monkeypatch.setattr(agent_fifty, "FULL", replace(agent_fifty.FULL, rounds=2))
        rows = agent_fifty.answer(lab)
        assert asked == ["agents", "serf", "agents", "serf"]
        assert {row.ours.runs for row in rows} == {2}
