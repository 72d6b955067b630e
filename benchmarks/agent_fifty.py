"""Do fifty agents on one machine all see each other alive, with equal tables?

Expected: yes. A join costs its exchange and some kilobytes of rows and claims, and
everybody hears of it within milliseconds, so the last join is everywhere a fraction of
a second after it began; serf's take a second. A network that is made is known after two
or three hops, some 10 ms where 50 processes share two cores; a user event of serf takes
half a second. An agent takes some 50 MiB, of which the interpreter's and the libraries'
files are shared: 50 take 2 GiB. serf's take 15 MiB each. At rest each probes four times
a second up to 32 members, and each 0.4 s among 50: some 1 % of a core.

Agents are started some at a time, each in a namespace of its own; all then join through
the first, one after the other, those of serf as well. The two kinds take turns.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Final

from benchmarks import herds, serf
from benchmarks.agent_rest import cpu_ticks, resident_mib
from benchmarks.clusters import Agents
from benchmarks.herds import Heard, Herd, wait_whole
from benchmarks.lab import OURS, Lab
from benchmarks.values import Clock, Of, Question, Row, Target, question, spread

SHOWN: Final = ("id", "name", "role", "address", "data_path_address", "incarnation")
"""What all must say alike of a member; the rest is how one sees it."""


@dataclass(frozen=True, slots=True)
class Size:
    """How many hosts; how many networks are made, and how long all rest, in s.

    All of it is done in so many `rounds`, each with new agents.
    """

    hosts: int
    networks: int
    settle_s: float
    rest_s: float
    rounds: int = 1


FULL: Final = Size(50, networks=20, settle_s=15.0, rest_s=30.0)
QUICK: Final = Size(20, networks=5, settle_s=3.0, rest_s=8.0)


@dataclass(frozen=True, slots=True)
class Found:
    """What was found of one kind of agents; times in s, memory in MiB.

    `started` is how long it took to start all, `again` how many joins were refused for
    want of time; `used` is in per cent of a core, of each.
    """

    started: Sequence[float]
    joined: Sequence[float]
    again: Sequence[float]
    heard: Sequence[float]
    differ: Sequence[float]
    resident: Sequence[float]
    shared_out: Sequence[float]
    used: Sequence[float]


def _together(rounds: Sequence[Found]) -> Found:
    """Return what was found in several rounds."""
    columns = ([getattr(one, field.name) for one in rounds] for field in fields(Found))
    return Found(*([value for part in column for value in part] for column in columns))


def ours(size: Size) -> Found:
    """Measure agents of ours."""
    with herds.ours(size.hosts) as herd:
        return _found(herd, size, lambda: _differing(herd.agents, size))


def theirs(size: Size) -> Found:
    """Measure agents of serf."""
    with herds.serfs(size.hosts) as herd:
        return _found(herd, size, lambda: 0)


def _found(herd: Herd, size: Size, differing: Callable[[], int]) -> Found:
    last = size.hosts - 1
    began = monotonic()
    herd.start()
    started = monotonic() - began
    again = sum(herd.join(index) for index in range(1, last))
    wait_whole(herd, last, range(last))
    began = monotonic()
    again += herd.join(last)
    wait_whole(herd, size.hosts, range(size.hosts))
    joined = monotonic() - began
    heard = Heard()
    herd.follow(heard)
    sleep(size.settle_s)
    times = heard.times(herd, size.hosts, size.networks)
    sleep(size.settle_s)
    pids = herd.pids()
    resident, shared_out = memory_of(pids)
    return Found(
        started=[started],
        joined=[joined],
        again=[again],
        heard=times,
        differ=[differing()],
        resident=[resident],
        shared_out=[shared_out],
        used=used_by(pids, size.rest_s),
    )


def _differing(agents: Agents, size: Size) -> int:
    """Return how many agents show other members or networks than the first."""
    shown = [_tables(agents, index) for index in range(size.hosts)]
    assert len(shown[0][0]) > size.networks, shown[0]
    return sum(one != shown[0] for one in shown)


def _tables(agents: Agents, index: int) -> tuple[list[Any], list[Any]]:
    networks = sorted(agents.call(index, "GET", "networks"), key=_id)
    nodes = sorted(agents.call(index, "GET", "nodes"), key=_id)
    return networks, [{key: one[key] for key in SHOWN} for one in nodes]


def _id(shown: dict[str, Any]) -> str:
    return str(shown["id"])


def memory_of(pids: Sequence[int]) -> tuple[float, float]:
    """Return the sums of RSS and of PSS, in MiB."""
    rolled = (Path("/proc", str(pid), "smaps_rollup") for pid in pids)
    shared_out = sum(_kib(one, "Pss:") / 1024 for one in rolled)
    return sum(map(resident_mib, pids)), shared_out


def _kib(path: Path, field: str) -> int:
    lines = path.read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))


def used_by(pids: Sequence[int], rest_s: float) -> list[float]:
    """Let all rest; return the CPU that each has used, in per cent of a core."""
    ticks = os.sysconf("SC_CLK_TCK")
    before, began = [cpu_ticks(pid) for pid in pids], monotonic()
    sleep(rest_s)
    share = 100 / ticks / (monotonic() - began)
    pairs = zip(pids, before, strict=True)
    return [share * (cpu_ticks(pid) - was) for pid, was in pairs]


def rows_of(size: Size, rounds: Sequence[Found], peers: Sequence[Found]) -> list[Row]:
    """Return what was found of ours beside serf's, in so many rounds each."""
    found = _together(rounds)
    peer = _together(peers) if peers else None
    many = f"{size.hosts} agents"

    def row(
        what: str, unit: str, of: Callable[[Found], Sequence[float]], *, least: bool
    ) -> Row:
        other = None if peer is None else spread(serf.name(), of(peer))
        wanted = (
            () if other is None or not least else (Target(Of.MEDIAN, other.median),)
        )
        mine = spread(OURS, of(found))
        return Row(f"{many}: {what}", unit, Clock.WALL, mine, other, wanted)

    differ = Row(
        f"{many}: those whose tables differ from the first's",
        "",
        Clock.WALL,
        spread(OURS, found.differ),
        targets=(Target(Of.WORST, 0.0),),
        note=f"members, and {size.networks} networks",
    )
    refused = Row(
        f"{many}: joins that had to be tried again",
        "",
        Clock.WALL,
        spread(OURS, found.again),
        note="refused after 5 s without an answer",
    )
    known = "a new network until all know it, serf: a user event"
    return [
        row("all started", "s", lambda one: one.started, least=False),
        row("last join until all see all", "s", lambda one: one.joined, least=True),
        row(known, "s", lambda one: one.heard, least=True),
        differ,
        refused,
        row("memory: sum of RSS", "MiB", lambda one: one.resident, least=False),
        row("memory: sum of PSS", "MiB", lambda one: one.shared_out, least=False),
        row("CPU at rest, each", "% of a core", lambda one: one.used, least=False),
    ]


def answer(lab: Lab) -> list[Row]:
    """Measure each kind in a process of its own, in turn."""
    size = QUICK if lab.quick else FULL
    is_alone = serf.said_missing("agent_fifty")
    found: list[Found] = []
    peers: list[Found] = []
    for _ in range(size.rounds):
        found.append(lab.alone("agents", ours, size))
        if not is_alone:
            peers.append(lab.alone("serf", theirs, size))
    return rows_of(size, found, peers)


QUESTION: Final[Question] = question("agent_fifty", __doc__, answer, needs_root=True)
