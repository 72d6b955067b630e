"""What does a host cost at rest, an agent of ours beside a daemon of Docker?

Expected: less memory, for a daemon is 90 to 100 MiB and its containerd 39; but more
CPU, 1.7 % of a core to 0.5 %, for an agent probes eight times a second, and a node of
Docker once. Three hosts each, with one network and one box on every host, that rest at
the same time. The process that minds each container is counted apart, for it belongs to
running it; the boxes are not counted.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Final

from benchmarks.agent_fifty import used_by
from benchmarks.agent_rest import REST_S, SETTLE_S, resident_mib
from benchmarks.clusters import UPLINK
from benchmarks.docker import CannotRun
from benchmarks.hosts import Ground, run_inside
from benchmarks.lab import Lab
from benchmarks.overlays import Overlay, both, cannot_run, is_missing
from benchmarks.values import Clock, Of, Question, Row, Target, question, spread

NAME: Final = "docker_rest"
HOSTS: Final = 3
AGENT: Final = ("agent",)
DAEMON: Final = ("dockerd",)
DAEMONS: Final = ("dockerd", "containerd")
ALL: Final = (*DAEMONS, "containerd-shim")
"""With what minds a container; the kernel cuts names after 15 bytes."""


@dataclass(frozen=True, slots=True)
class Process:
    """What one process used: CPU in per cent of a core, memory in MiB."""

    host: int
    name: str
    cpu: float
    memory: float


@dataclass(frozen=True, slots=True)
class Rested:
    """What an overlay's processes used, and what each host sent, in B/s."""

    name: str
    processes: list[Process]
    sent: list[float]

    def cpu(self, names: Sequence[str]) -> list[float]:
        """Return what these processes used together, of each host."""
        return [sum(one.cpu for one in of) for of in self._hosts(names)]

    def memory(self, names: Sequence[str]) -> list[float]:
        """Return what these processes hold together, on each host."""
        return [sum(one.memory for one in of) for of in self._hosts(names)]

    def _hosts(self, names: Sequence[str]) -> Iterator[list[Process]]:
        mine = [one for one in self.processes if one.name in names]
        for host in range(HOSTS):
            yield [one for one in mine if one.host == host]


def _sent(overlay: Overlay) -> list[int]:
    """Return how many bytes each host has sent, frames and all."""
    about = ("ip", "-json", "-statistics", "link", "show", "dev", UPLINK)
    told = [json.loads(run_inside(fd, *about))[0] for fd in overlay.switch.hosts]
    return [int(one["stats64"]["tx"]["bytes"]) for one in told]


def rested(overlays: Sequence[Overlay], rest_s: float) -> list[Rested]:
    """Let all rest at once, and return what that took."""
    sleep(SETTLE_S)
    known = [
        (overlay, host, pid, name)
        for overlay in overlays
        for host in range(HOSTS)
        for pid, name in overlay.processes(host)
    ]
    before, began = [_sent(one) for one in overlays], monotonic()
    used = used_by([pid for _, _, pid, _ in known], rest_s)
    after, rest_s = [_sent(one) for one in overlays], monotonic() - began
    found = []
    for place, overlay in enumerate(overlays):
        processes = [
            Process(host, name, cpu, resident_mib(pid))
            for (owner, host, pid, name), cpu in zip(known, used, strict=True)
            if owner is overlay
        ]
        pairs = zip(after[place], before[place], strict=True)
        sent = [(end - start) / rest_s for end, start in pairs]
        found.append(Rested(overlay.name, processes, sent))
    return found


def measured(rest_s: float) -> list[Row]:
    """Measure both; no row where Docker does not run."""
    try:
        with ExitStack() as stack:
            ground = stack.enter_context(Ground())
            overlays = stack.enter_context(both(ground, HOSTS))
            ours, theirs = rested(overlays, rest_s)
    except CannotRun as why:
        cannot_run(NAME, why)
        return []
    return list(_rows(ours, theirs))


def _rows(ours: Rested, theirs: Rested) -> Iterator[Row]:
    def row(
        measure: str, unit: str, mine: Sequence[float], peer: Sequence[float]
    ) -> Row:
        other = spread(theirs.name, peer)
        wanted = (Target(Of.MEDIAN, other.median),)
        return Row(measure, unit, Clock.WALL, spread(ours.name, mine), other, wanted)

    memory = ours.memory(AGENT)
    for what, names in (
        ("dockerd", DAEMON),
        ("and containerd", DAEMONS),
        ("and a container's minder", ALL),
    ):
        measure = f"memory at rest; Docker: {what}"
        yield row(measure, "MiB", memory, theirs.memory(names))
    used = theirs.cpu(DAEMONS)
    yield row("CPU at rest; Docker: both", "% of a core", ours.cpu(AGENT), used)
    yield row("sent by a host at rest, frames", "B/s", ours.sent, theirs.sent)


def answer(lab: Lab) -> list[Row]:
    """Measure both in a process of their own."""
    if is_missing(NAME):
        return []
    return lab.alone("docker", measured, REST_S[lab.quick])


QUESTION: Final[Question] = question(NAME, __doc__, answer, needs_root=True)
