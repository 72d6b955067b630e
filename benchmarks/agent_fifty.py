"""Do fifty agents on one machine all see each other alive, with equal tables?

Expected: yes. A join costs its exchange and some kilobytes of rows and claims, and
everybody hears of it within milliseconds, so the last join is everywhere a fraction of
a second after it began; serf's take a second. A network that is made is known after two
or three hops, some 10 ms where 50 processes share two cores; a user event of serf takes
half a second. An agent takes some 50 MiB, of which the interpreter's and the libraries'
files are shared: 50 take 2 GiB. serf's take 15 MiB each. At rest each probes four times
a second up to 32 members, and each 0.4 s among 50: some 1 % of a core.

Agents are started some at a time, each in a namespace of its own; all then join through
the first, one after the other, those of serf as well.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from shutil import which
from threading import Thread
from time import monotonic, sleep, time
from typing import Any, Final

from benchmarks import serf
from benchmarks.agent_rest import cpu_ticks, resident_mib
from benchmarks.clusters import Agents, Switch, address_of, until
from benchmarks.hosts import Ground
from benchmarks.lab import OURS, Lab
from benchmarks.values import Clock, Of, Question, Row, Target, question, spread
from swarmnet.errors import Refused
from swarmnet.runtime.cli.client import connected, listen

AT_ONCE: Final = 5
"""Agents started together: more on two cores only wait for each other."""
JOIN_TRIES: Final = 60
HELLOS_MAX: Final = 20
HELLO_S: Final = 5.0
SHOWN: Final = ("id", "name", "role", "address", "data_path_address", "incarnation")
"""What all must say alike of a member; the rest is how one sees it."""


@dataclass(frozen=True, slots=True)
class Size:
    """How many hosts; how many networks are made, and how long all rest, in s."""

    hosts: int
    networks: int
    settle_s: float
    rest_s: float


FULL: Final = Size(50, networks=20, settle_s=15.0, rest_s=30.0)
QUICK: Final = Size(20, networks=5, settle_s=3.0, rest_s=8.0)


@dataclass(frozen=True, slots=True)
class Found:
    """What was found of one kind of agents; times in s, memory in MiB.

    `started` is how long it took to start all, `again` how many joins were refused for
    want of time; `used` is in per cent of a core, of each.
    """

    started: float
    joined: float
    again: int
    heard: Sequence[float]
    differ: int
    resident: float
    shared_out: float
    used: Sequence[float]


class Heard:
    """When each of some listeners has heard of a thing, by its name."""

    def __init__(self) -> None:
        self._at: dict[str, dict[int, float]] = {}

    def follow(self, index: int, heard: Iterable[tuple[str, float]]) -> None:
        """Take note of the names that a listener hears, in a thread, until it ends."""

        def read() -> None:
            for name, at in heard:
                self._at.setdefault(name, {}).setdefault(index, at)

        Thread(target=read, daemon=True).start()

    def last(self, name: str, count: int) -> float:
        """Wait until so many have heard of a thing; return when the last did."""
        until(f"all hear of {name}", lambda: self._is_known(name, count))
        return max(self._at[name].values())

    def _is_known(self, name: str, count: int) -> bool:
        return len(self._at.get(name, ())) >= count

    def times(self, size: Size, tell: Callable[[int, str], object]) -> list[float]:
        """Let `tell` name things on some host; return how long until all have heard.

        What is named before all listen does not count.
        """
        for number in range(HELLOS_MAX):
            name = f"hello{number}"
            tell(0, name)
            with suppress(RuntimeError):
                known = partial(self._is_known, name, size.hosts)
                until(f"all hear of {name}", known, HELLO_S)
                break
        found = []
        for number in range(size.networks):
            name, began = f"net{number}", time()
            tell(number * 7 % size.hosts, name)
            found.append(self.last(name, size.hosts) - began)
        return found


def ours(size: Size) -> Found:
    """Measure agents of ours."""
    last = size.hosts - 1
    with Ground() as ground, Agents(ground, size.hosts) as agents:
        began = monotonic()
        for first in range(0, size.hosts, AT_ONCE):
            agents.start_all(range(first, min(size.hosts, first + AT_ONCE)))
        started = monotonic() - began
        agents.begin_first(1)
        again = sum(_join(agents, index) for index in range(1, last))
        for index in range(last):
            until(f"agent {index}", partial(_is_whole, agents, index, last))
        began = monotonic()
        again += _join(agents, last)
        for index in range(size.hosts):
            until(f"agent {index}", partial(_is_whole, agents, index, size.hosts))
        joined = monotonic() - began
        heard = Heard()
        for index in range(size.hosts):
            heard.follow(index, _networks_of(agents.run_dir(index)))
        sleep(size.settle_s)
        times = heard.times(size, partial(_make, agents))
        sleep(size.settle_s)
        pids = [process.pid for process in agents.processes.values()]
        return Found(
            started,
            joined,
            again,
            times,
            _differing(agents, size),
            *memory_of(pids),
            used_by(pids, size.rest_s),
        )


def _join(agents: Agents, index: int) -> int:
    """Let a host join, as often as it takes; return how often it was refused."""
    for tries in range(JOIN_TRIES):
        with suppress(Refused):
            agents.join(index)
            return tries
    raise RuntimeError(f"host {index} cannot join")


def _is_whole(agents: Agents, index: int, count: int) -> bool:
    status = agents.call(index, "GET", "status")
    return bool(status["members"]["alive"] == count and status["in_sync"])


def _networks_of(run_dir: str) -> Iterable[tuple[str, float]]:
    """Yield the networks that become known to an agent, each with the time of that."""
    with suppress(Refused), connected(run_dir) as sock:
        for event in listen(sock, "/v1/monitor"):
            assert isinstance(event, dict), "events are objects"
            if event["kind"] == "network":
                yield str(event["name"]), float(str(event["time"]))


def _make(agents: Agents, index: int, name: str) -> None:
    agents.call(index, "POST", "networks", {"name": name})


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


def theirs(size: Size) -> Found:
    """Measure agents of serf."""
    last, heard = size.hosts - 1, Heard()
    with Ground() as ground, ExitStack() as stack:
        switch = Switch(ground, size.hosts)
        began = monotonic()
        pids = [serf.start(switch, at, stack).pid for at in range(size.hosts)]
        agents = [_rpc(switch, index, stack) for index in range(size.hosts)]
        started = monotonic() - began
        for index in range(1, last):
            _join_serf(agents[index])
        for one in agents[:last]:
            until("serf", partial(_sees, one, last))
        began = monotonic()
        _join_serf(agents[last])
        for one in agents:
            until("serf", partial(_sees, one, size.hosts))
        joined = monotonic() - began
        for index in range(size.hosts):
            heard.follow(index, _events_of(_rpc(switch, index, stack)))
        sleep(size.settle_s)
        times = heard.times(size, lambda at, name: _announce(agents[at], name))
        sleep(size.settle_s)
        used = memory_of(pids), used_by(pids, size.rest_s)
        return Found(started, joined, 0, times, 0, *used[0], used[1])


def _rpc(switch: Switch, index: int, stack: ExitStack) -> serf.Rpc:
    found = serf.Rpc(switch, index)
    stack.callback(found.close)
    return found


def _join_serf(agent: serf.Rpc) -> None:
    agent.ask("join", {"Existing": [f"{address_of(0)}:{serf.PORT}"], "Replay": False})


def _sees(agent: serf.Rpc, count: int) -> bool:
    return agent.alive() == count


def _announce(agent: serf.Rpc, name: str) -> None:
    body = {"Name": name, "Payload": b"", "Coalesce": False}
    agent.ask("event", body, answers=False)


def _events_of(agent: serf.Rpc) -> Iterable[tuple[str, float]]:
    return ((str(event["Name"]), time()) for event in agent.events("user"))


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


def rows_of(size: Size, found: Found, peer: Found | None) -> list[Row]:
    """Return what was found of ours beside serf's."""

    def row(
        what: str, unit: str, of: Callable[[Found], Sequence[float]], *, least: bool
    ) -> Row:
        other = None if peer is None else spread(serf.NAME, of(peer))
        wanted = (
            () if other is None or not least else (Target(Of.MEDIAN, other.median),)
        )
        mine = spread(OURS, of(found))
        return Row(what, unit, Clock.WALL, mine, other, wanted)

    hosts = size.hosts
    differ = Row(
        f"agents of {hosts} whose tables differ from the first's",
        "",
        Clock.WALL,
        spread(OURS, [float(found.differ)]),
        targets=(Target(Of.WORST, 0.0),),
        note=f"members, and {size.networks} networks",
    )
    refused = Row(
        "joins that had to be tried again",
        "",
        Clock.WALL,
        spread(OURS, [float(found.again)]),
        note="refused after 5 s without an answer",
    )
    known = "a new network until all know it, serf: a user event"
    return [
        row(f"start of {hosts} agents", "s", lambda one: [one.started], least=False),
        row("last join until all see all", "s", lambda one: [one.joined], least=True),
        row(known, "s", lambda one: one.heard, least=True),
        differ,
        refused,
        row("memory: sum of RSS", "MiB", lambda one: [one.resident], least=False),
        row("memory: sum of PSS", "MiB", lambda one: [one.shared_out], least=False),
        row("CPU at rest, each", "% of a core", lambda one: one.used, least=False),
    ]


def answer(lab: Lab) -> list[Row]:
    """Measure each kind in a process of its own."""
    size = QUICK if lab.quick else FULL
    found = lab.alone("agents", ours, size)
    peer = None if which("serf") is None else lab.alone("serf", theirs, size)
    return rows_of(size, found, peer)


QUESTION: Final[Question] = question("agent_fifty", __doc__, answer, needs_root=True)
