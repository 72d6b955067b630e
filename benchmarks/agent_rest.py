"""What does an agent cost at rest, how soon does a host join, what does a restart lose?

Expected: eight probes a second, each with an answer, sealed, some 23 wakes of half a
millisecond on cores whose caches are cold; the sandboxes of a host are looked at every
30 s. The data plane is the kernel's, so a restart loses nothing.
"""

import os
import signal
import subprocess
from pathlib import Path
from re import search
from time import monotonic, sleep
from typing import Final

from benchmarks.clusters import Agents, until
from benchmarks.debian import said_missing
from benchmarks.hosts import Ground
from benchmarks.lab import OURS, Lab
from benchmarks.lifelines import bound_to_us
from benchmarks.values import Clock, Of, Question, Row, Target, question, spread

HOSTS: Final = 10
REST_S: Final = (30.0, 8.0)
SETTLE_S: Final = 3.0
CPU_PERCENT: Final = 1.0
MEMORY_MIB: Final = 60.0
JOIN_S: Final = 0.3
JOINS: Final = (9, 3)
ROWS: Final = 5
PING_EVERY_S: Final = "0.01"
PINGS: Final = (2000, 600)


def rested(rest_s: float) -> list[Row]:
    """Let ten agents rest, of which the last joined the others."""
    ticks = os.sysconf("SC_CLK_TCK")
    with Ground() as ground, Agents(ground, HOSTS) as agents:
        _join_last(agents)
        sleep(SETTLE_S)
        pids = [process.pid for process in agents.processes.values()]
        before = [cpu_ticks(pid) for pid in pids]
        sleep(rest_s)
        used = [
            100 * (cpu_ticks(pid) - was) / ticks / rest_s
            for pid, was in zip(pids, before, strict=True)
        ]
        memory = [resident_mib(pid) for pid in pids]
    return [
        _row(f"CPU at rest, {HOSTS} hosts", "% of a core", used, CPU_PERCENT),
        _row("memory at rest", "MiB", memory, MEMORY_MIB),
    ]


def joined(rounds: int) -> list[float]:
    """Return how long joins of a tenth host took, each of another cluster."""
    found = []
    for _ in range(rounds):
        with Ground() as ground, Agents(ground, HOSTS) as agents:
            found.append(_join_last(agents))
    return found


def _join_last(agents: Agents) -> float:
    """Let the last join nine hosts at rest, that hold some networks."""
    for index in range(HOSTS):
        agents.start(index)
    agents.begin_first(HOSTS - 1)
    for number in range(ROWS):
        agents.call(0, "POST", "networks", {"name": f"n{number}"})
    others = range(HOSTS - 1)
    until("all rows", lambda: all(_shows_all(agents, i, HOSTS - 1) for i in others))
    sleep(SETTLE_S)
    began = monotonic()
    agents.join(HOSTS - 1)
    until("all rows", lambda: _shows_all(agents, HOSTS - 1, HOSTS))
    return monotonic() - began


def _shows_all(agents: Agents, index: int, hosts: int) -> bool:
    status = agents.call(index, "GET", "status")
    return bool(
        status["members"]["alive"] == hosts
        and status["networks"] == ROWS
        and status["in_sync"]
    )


def cpu_ticks(pid: int) -> int:
    """Return the CPU time that a process has used, in ticks of the clock."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def resident_mib(pid: int) -> float:
    """Return how much memory a process holds, what it shares included."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"process {pid} has no memory")


def lost(pings: int) -> list[float]:
    """Return how many pings were lost while an agent was killed and started again."""
    with Ground() as ground, Agents(ground, 2) as agents:
        agents.begin()
        network = agents.call(0, "POST", "networks", {"name": "web"})["id"]
        agents.wait_network(1, network)
        agents.sandbox(0, "here", "web")
        there = agents.sandbox(1, "there", "web")["ipv4"]
        pin = agents.pin(0, "box/here")
        enter = ("nsenter", f"--net={pin}")
        ping = ("ping", "-n", "-i", PING_EVERY_S, "-c", str(pings), "-W", "1", there)
        with subprocess.Popen(
            bound_to_us(*enter, *ping), stdout=subprocess.PIPE, text=True
        ) as process:
            for index in (1, 0):
                sleep(1.0)
                agents.end(index, signal.SIGKILL)
                sleep(0.5)
                agents.start(index)
            told = process.communicate()[0]
    found = search(r"(\d+) packets transmitted, (\d+) received", told)
    assert found is not None, told
    return [float(int(found[1]) - int(found[2]))]


def _row(what: str, unit: str, values: list[float], limit: float) -> Row:
    target = Target(Of.MEDIAN, limit)
    return Row(what, unit, Clock.WALL, spread(OURS, values), targets=(target,))


def answer(lab: Lab) -> list[Row]:
    """Measure each in a process of its own."""
    if said_missing("agent_rest", "ping"):
        return []
    gone = lab.alone("restart", lost, PINGS[lab.quick])
    joins = lab.alone("joins", joined, JOINS[lab.quick])
    return [
        *lab.alone("rest", rested, REST_S[lab.quick]),
        _row("join of the last until it shows all rows", "s", joins, JOIN_S),
        _row("pings lost while two agents are killed and restarted", "", gone, 0.0),
    ]


QUESTION: Final[Question] = question("agent_rest", __doc__, answer, needs_root=True)
