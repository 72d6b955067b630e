"""What do ten, fifty and a hundred agents cost and take, beside as many of serf?

Expected: serf joins ten, fifty and a hundred in 0.16, 0.9 and 4.3 s, has a user event
everywhere after 0.3 to 0.6 s, knows of a death after 5.5, 8.8 and 10.6 s, and costs at
rest 0.2 % of a core, 15 MiB and some 420 bytes a second (by a first run of this, on two
busy cores). Of ours each join costs its handshakes, certificates and a row on the disk,
0.3 s one after the other; a network is everywhere after some 10 ms of CPU a hop, a
death after 2 to 3 s. At rest each of ten gets eight probes a second and as many
answers, 120 bytes each: 2 kB/s, each of a hundred a third of that; an agent takes 1 %
of a core, and 35 MiB that it shares with nobody. A hundred of ours are a whole core at
rest: on two, more than enough.

Each agent has a host of its own, a namespace on one switch, without loss. Ours are
whole agents, sealed, with rows on the disk and a kernel to program; serf has its
defaults and a key. A death is a `kill -9`. What a host receives is counted by the
kernel at its interface, with all headers. A size that the machine does not bear is left
out with a line, and so are those above it.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep, time
from typing import Final

from benchmarks import herds, serf
from benchmarks.agent_fifty import memory_of, used_by
from benchmarks.asked import Asked, rows_of
from benchmarks.clusters import UPLINK
from benchmarks.herds import Heard, Herd, dead, wait_whole
from benchmarks.lab import OURS, Lab
from benchmarks.values import Question, Row, question
from swarmnet.errors import Refused
from swarmnet.runtime.cli.outcomes import NoAgent
from swarmnet.runtime.linux import run_in

DEAD_S: Final = 90.0
AGENT_MIB: Final = 60
"""What an agent of ours may take for itself while it starts."""
UNBEARABLE: Final = (
    RuntimeError,
    OSError,
    Refused,
    NoAgent,
    subprocess.SubprocessError,
)
"""What it says where there is too little time, memory or room for so many."""


@dataclass(frozen=True, slots=True)
class Size:
    """How many agents, how often all are started, and what is asked of them each time.

    `settle_s` is rest that is not measured, `rest_s` is.
    """

    hosts: int
    rounds: int
    news: int
    kills: int
    settle_s: float
    rest_s: float


FULL: Final = (
    Size(10, rounds=2, news=10, kills=3, settle_s=5.0, rest_s=30.0),
    Size(50, rounds=1, news=20, kills=5, settle_s=15.0, rest_s=30.0),
    Size(100, rounds=1, news=20, kills=5, settle_s=15.0, rest_s=30.0),
)
QUICK: Final = (Size(10, rounds=1, news=5, kills=2, settle_s=3.0, rest_s=8.0),)


@dataclass(slots=True)
class Found:
    """What was seen of one kind: times in s, memory in MiB, CPU in % of a core."""

    joined: list[float] = field(default_factory=list)
    heard: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    last: list[float] = field(default_factory=list)
    received: list[float] = field(default_factory=list)
    used: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)

    def take(self, other: "Found") -> None:
        """Add what another round has seen."""
        for name in self.__slots__:
            getattr(self, name).extend(getattr(other, name))


Begun = Callable[[int], AbstractContextManager[Herd]]


def ours(size: Size) -> Found:
    """Measure agents of ours once.

    Raises:
        RuntimeError: there is too little memory, or something takes too long.
    """
    wanted, free = size.hosts * AGENT_MIB, _free_mib()
    if wanted > free:
        raise RuntimeError(f"they want {wanted} MiB of memory, {free} are free")
    return _measured(herds.ours, size)


def theirs(size: Size) -> Found:
    """Measure agents of serf once; it raises what `ours` does."""
    return _measured(herds.serfs, size)


def _free_mib() -> int:
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(one.split()[1]) for one in lines if "MemAvailable" in one) // 1024


def _measured(begun: Begun, size: Size) -> Found:
    found, everybody = Found(), range(size.hosts)
    with begun(size.hosts) as herd:
        herd.start()
        began = monotonic()
        patience = herds.Patience(f"{size.hosts} agents join", size.hosts)
        for index in everybody[1:]:
            herd.join(index)
            patience.check()
        wait_whole(herd, size.hosts, everybody)
        found.joined.append(monotonic() - began)
        heard = Heard()
        herd.follow(heard)
        sleep(size.settle_s)
        found.heard += heard.times(herd, size.hosts, size.news)
        sleep(size.settle_s)
        before, since = received(herd), monotonic()
        found.used += used_by(herd.pids(), size.rest_s)
        passed_s, after = monotonic() - since, received(herd)
        pairs = zip(before, after, strict=True)
        found.received += [(now - was) / passed_s for was, now in pairs]
        found.own.append(memory_of(herd.pids())[1] / size.hosts)
        for number in range(size.kills):
            _kill(herd, heard, 1 + number % (size.hosts - 1), found)
    return found


def _kill(herd: Herd, heard: Heard, victim: int, found: Found) -> None:
    others = len(herd.switch.hosts) - 1
    began = time()
    herd.kill(victim)
    at = heard.by(dead(victim), others, began, DEAD_S)
    found.first.append(min(at) - began)
    found.last.append(max(at) - began)
    herd.revive(victim)
    wait_whole(herd, others + 1, range(others + 1))


def received(herd: Herd) -> list[int]:
    """Return how many bytes each host has received at its interface so far."""
    return [run_in(fd, _received_here) for fd in herd.switch.hosts]


def _received_here() -> int:
    # The namespace of the thread, not that of the process.
    for line in Path("/proc/thread-self/net/dev").read_text().splitlines():
        name, _, counts = line.partition(":")
        if name.strip() == UPLINK:
            return int(counts.split()[0])
    raise RuntimeError(f"a host has no {UPLINK}")


ASKED: Final = (
    Asked("joined", "all join, until all see all", "s"),
    Asked("heard", "a new network to all; serf: a user event", "s", 1.0),
    Asked("first", "kill -9 until first held dead", "s"),
    Asked("last", "kill -9 until dead at all", "s", 0.4),
    Asked("received", "received at rest, each", "B/s"),
    Asked("used", "CPU at rest, each", "% of a core"),
    Asked("own", "memory, each (PSS)", "MiB"),
)


def compared(lab: Lab, size: Size, *, is_alone: bool) -> list[Row]:
    """Measure both in turn, each time in a process of its own.

    Raises:
        RuntimeError: it was more than the machine bears; with the reason in a line.
    """
    mine, peer = Found(), Found()
    for _ in range(size.rounds):
        mine.take(_borne(lab, OURS, ours, size))
        if not is_alone:
            peer.take(_borne(lab, "serf", theirs, size))
    both = {OURS: mine} if is_alone else {OURS: mine, serf.name(): peer}
    return rows_of(both, f"N={size.hosts}", ASKED)


def _borne(lab: Lab, name: str, measure: Callable[[Size], Found], size: Size) -> Found:
    try:
        return lab.alone(f"{name}, N={size.hosts}", measure, size)
    except UNBEARABLE as error:
        reason = " ".join(str(error).split())
        raise RuntimeError(f"{size.hosts} agents of {name}: {reason}") from None


def answered(lab: Lab, sizes: Sequence[Size]) -> Iterator[Row]:
    """Yield the rows of each size, up to what the machine bears."""
    is_alone = serf.said_missing("serf_cluster")
    for size in sizes:
        try:
            yield from compared(lab, size, is_alone=is_alone)
        except RuntimeError as error:
            print(f"serf_cluster: left out from here on: {error}", file=sys.stderr)
            return


def answer(lab: Lab) -> list[Row]:
    """Measure agents of ours and of serf, side by side."""
    return list(answered(lab, QUICK if lab.quick else FULL))


QUESTION: Final[Question] = question("serf_cluster", __doc__, answer, needs_root=True)
