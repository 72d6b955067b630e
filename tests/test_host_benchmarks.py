"""The benchmarks on real kernels: what they measure is there, and nothing is left."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import (
    agent_fifty,
    agent_flood,
    agent_rest,
    attach,
    dns,
    golang,
    kernel_dump,
    kernel_entries,
    one_row,
    serf,
    thousand_networks,
    throughput,
)
from benchmarks.cli import QUESTIONS, call
from benchmarks.hosts import NAMED, PREFIX, Ground
from benchmarks.lab import OURS, PEER, Lab
from benchmarks.values import Question, Row

needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root makes network namespaces"
)


def left() -> Iterator[Path]:
    """Yield what benchmarks of this process have pinned or named."""
    mine = f"{PREFIX}{os.getpid()}-*"
    yield from Path(tempfile.gettempdir()).glob(mine)
    yield from NAMED.glob(mine)


def check_rows(rows: list[Row], *peers: str | None) -> None:
    """See that each row has a figure beside these peers, and that nothing is left."""
    assert [None if row.peer is None else row.peer.name for row in rows] == [*peers]
    assert all(row.ours.median >= 0 for row in rows)
    assert list(left()) == []


@pytest.mark.slow
@needs_root
def test_entries_are_put_by_everybody() -> None:
    pytest.importorskip("pyroute2")
    others = ("bare messages", "pyroute2")
    rows = kernel_entries.measured((100, 1))
    check_rows(rows, "bridge -batch", *others, "ip -batch", *others)


@needs_root
def test_a_dump_has_all_entries_and_no_difference() -> None:
    pytest.importorskip("pyroute2")
    check_rows(kernel_dump.measured((100, 1, 1)), "bare messages", "pyroute2")


@needs_root
@pytest.mark.parametrize("shape", one_row.SHAPES, ids=lambda shape: shape[0])
def test_a_row_reaches_the_kernel(shape: tuple[str, tuple[str, ...]]) -> None:
    rows = one_row.measured((*shape, 10, 2))
    check_rows(rows, one_row.COMMANDS, one_row.COMMANDS)


@pytest.mark.slow
@needs_root
def test_everybody_attaches_the_same_endpoint() -> None:
    pytest.importorskip("pyroute2")
    who = (attach.COMMANDS, attach.BATCHES, "bare messages", "pyroute2")
    check_rows(attach.measured(1), *who)


@needs_root
@pytest.mark.slow
def test_frames_pass_in_both_worlds() -> None:
    rows = throughput.measured((1, 1, 5))
    check_rows(rows, throughput.BY_HAND, throughput.BY_HAND)
    assert all(row.ours.median > 0 for row in rows)


@needs_root
@pytest.mark.slow
def test_networks_come_and_go_without_a_trace() -> None:
    rows = thousand_networks.measured((2, 1))
    check_rows(rows, None, None, None, None)
    assert rows[-1].measure == "2 networks removed: descriptors left"
    assert rows[-1].ours.worst == 0
    assert len(thousand_networks.leaking((1, 3))) == 1


@needs_root
@pytest.mark.slow
def test_everybody_answers_a_flood() -> None:
    rows = agent_flood.measured(agent_flood.Size(8, 1, 0.3, 0.0))
    peer = PEER if golang.missing() is None else None
    costs = 3 * ((peer, peer) if peer else (agent_flood.LOOP,))
    check_rows(rows, *costs, peer, peer, peer, peer)
    assert all(row.ours.median > 0 for row in rows[:-1])


def test_a_flood_s_cost_is_told_once_for_each_who_bears_it() -> None:
    def flooded(cost_us: float) -> agent_flood.Flooded:
        costs = {rate: [cost_us] for rate in agent_flood.RATES}
        with subprocess.Popen(["true"]) as process:
            return agent_flood.Flooded(1, process, costs)

    found = {OURS: flooded(9.0), PEER: flooded(4.0), agent_flood.LOOP: flooded(2.0)}
    rows = list(agent_flood.costs(found, 400))
    told = [(row.ours.name, row.peer and row.peer.name) for row in rows]
    assert told == 3 * [(OURS, PEER), (agent_flood.LOOP, PEER)]
    assert len({row.measure for row in rows}) == 6
    assert all("400 members" in row.measure for row in rows)
    del found[PEER]
    told = [
        (row.ours.name, row.peer and row.peer.name)
        for row in (agent_flood.costs(found, 400))
    ]
    assert told == 3 * [(OURS, agent_flood.LOOP)]


@needs_root
@pytest.mark.slow
def test_agents_see_each_other_and_hold_the_same() -> None:
    size = agent_fifty.Size(3, networks=2, settle_s=0.0, rest_s=0.5)
    has_serf = shutil.which("serf") is not None
    mine = agent_fifty.ours(size)
    theirs = [agent_fifty.theirs(size)] if has_serf else []
    rows = agent_fifty.rows_of(size, [mine, mine], theirs)
    name = serf.name() if has_serf else None
    check_rows(rows, *3 * (name,), None, None, *3 * (name,))
    assert rows[3].ours.worst == 0
    assert [row.ours.runs for row in rows] == [2, 2, 4, 2, 2, 2, 2, 6]
    assert all(row.measure.startswith("3 agents: ") for row in rows)


def test_what_is_missing_of_a_peer_is_said_in_a_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(golang, "which", lambda _: None)
    assert golang.missing() == "no go: install golang-go"
    monkeypatch.setattr(golang, "which", lambda _: "go")
    package = "github.com/nobody/nothing"
    assert golang.missing(package) == (
        f"no {package}: install golang-github-nobody-nothing-dev"
    )


@needs_root
def test_what_a_killed_run_left_is_cleared_away_by_the_next() -> None:
    # No process has this number (Linux's are at most 4,194,304).
    dead = Path(tempfile.mkdtemp(prefix=f"{PREFIX}99999999-"))
    with Ground():
        assert not dead.exists()


def answers(name: str, *, needs_root: bool) -> Question:
    return Question(name, f"{name}?", lambda lab: [], needs_root)


@pytest.mark.parametrize(
    ("words", "user", "answered", "skipped"),
    [
        ([], 0, ["plain"], []),
        (["--host"], 0, ["host"], []),
        (["host", "plain"], 0, ["host", "plain"], []),
        (["--host", "plain"], 0, ["plain"], []),
        ([], 1000, ["plain"], []),
        (["--host"], 1000, [], ["host: skipped: needs root"]),
        (["host", "plain"], 1000, ["plain"], ["host: skipped: needs root"]),
    ],
)
def test_what_needs_root_runs_when_asked_for_and_only_for_root(
    *,
    words: list[str],
    user: int,
    answered: list[str],
    skipped: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    for name in list(QUESTIONS):
        monkeypatch.delitem(QUESTIONS, name)
    monkeypatch.setitem(QUESTIONS, "plain", answers("plain", needs_root=False))
    monkeypatch.setitem(QUESTIONS, "host", answers("host", needs_root=True))
    assert call(["run", *words, "--jobs", "1"]) == 0
    told = capsys.readouterr().err.splitlines()
    each = ((f"{name}: running", f"{name}: took 0 s") for name in answered)
    assert told == [*skipped, *(line for lines in each for line in lines)]


def test_the_list_says_what_needs_root(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    marked = [line.split()[0] for line in lines if " (needs root) " in line]
    assert marked == [name for name, one in QUESTIONS.items() if one.needs_root]
    assert "attach" in marked


@needs_root
@pytest.mark.slow
def test_a_sandbox_s_resolver_answers_beside_another() -> None:
    rows = dns.served((500, 1))
    peers = [None if row.peer is None else row.peer.name for row in rows]
    assert peers in ([dns.DNSMASQ] * 3, [None] * 3)
    assert all(row.ours.median > 0 for row in rows)
    assert list(left()) == []


@pytest.mark.parametrize(
    ("asked", "tool", "package"),
    [
        (throughput.QUESTION, "iperf3", "iperf3"),
        (agent_rest.QUESTION, "ping", "iputils-ping"),
        (attach.QUESTION, "pyroute2", "the extra 'dev'"),
        (kernel_dump.QUESTION, "pyroute2", "the extra 'dev'"),
        (kernel_entries.QUESTION, "pyroute2", "the extra 'dev'"),
    ],
    ids=lambda value: value.name if isinstance(value, Question) else None,
)
def test_a_missing_tool_is_named_with_what_to_install(
    asked: Question,
    tool: str,
    package: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("benchmarks.debian.path_of", lambda program: None)
    monkeypatch.setattr("benchmarks.bare.find_spec", lambda name: None)
    with Lab(1, quick=True) as lab:
        assert asked.answer(lab) == []
    line = f"{asked.name}: skipped: no {tool}: install {package}"
    assert line in capsys.readouterr().err.splitlines()
