"""How soon after `network connect` on one host does another host's kernel know?

Expected: the row leaves before the local kernel is programmed, and reaches the other
host within a millisecond; its two entries are there before the call returns, which
waits for the local namespace, veth and gateway. Docker 20.10 takes some 100 ms after
its port is on the bridge, which `docker_entries` measures.
"""

import subprocess
from threading import Thread
from time import sleep, time
from typing import Final

from benchmarks.clusters import Agents, until
from benchmarks.hosts import Ground
from benchmarks.lab import OURS, Lab
from benchmarks.lifelines import bound_to_us
from benchmarks.values import Clock, Of, Question, Row, Target, question, spread

ROUNDS: Final = (60, 8)
HOSTS: Final = 3
PAUSE_S: Final = 0.1
CALL_MS: Final = 50.0
ENTRIES_MS: Final = 10.0


class Neighbours:
    """When the kernel of a host got each neighbour entry, as `ip monitor` tells."""

    def __init__(self, agents: Agents, index: int, network: str) -> None:
        pin = agents.pin(index, f"net/{network}")
        command = ("nsenter", f"--net={pin}", "ip", "monitor", "neigh")
        self._process = subprocess.Popen(
            bound_to_us(*command), stdout=subprocess.PIPE, text=True
        )
        self.seen: dict[str, float] = {}
        Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None, "it is a pipe"
        for line in self._process.stdout:
            self.seen.setdefault(line.split()[0], time())

    def wait(self, ip: str) -> None:
        """Wait until there is an entry for an address."""
        until(f"neighbour {ip}", lambda: ip in self.seen)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


def measured(rounds: int) -> list[Row]:
    """Connect one sandbox after the other on one host, and watch another."""
    calls: list[float] = []
    entries: list[float] = []
    with Ground() as ground, Agents(ground, HOSTS) as agents:
        agents.begin()
        network = agents.call(0, "POST", "networks", {"name": "web"})["id"]
        for index in range(HOSTS):
            agents.wait_network(index, network)
            agents.sandbox(index, "first", "web")
        neighbours = Neighbours(agents, 1, network)
        try:
            for number in range(rounds):
                name = f"s{number}"
                agents.call(0, "POST", "sandboxes", {"name": name})
                sleep(PAUSE_S)
                began = time()
                found = agents.call(
                    0, "POST", "networks/web/connect", {"sandbox": name}
                )
                ended, ip = time(), found["ipv4"]
                neighbours.wait(ip)
                calls.append((ended - began) * 1e3)
                entries.append((neighbours.seen[ip] - ended) * 1e3)
        finally:
            neighbours.close()
    return [
        Row(
            "the API call `network connect`",
            "ms",
            Clock.WALL,
            spread(OURS, calls),
            targets=(Target(Of.MEDIAN, CALL_MS),),
        ),
        Row(
            "from its return until another host's kernel has the entries",
            "ms",
            Clock.WALL,
            spread(OURS, entries),
            targets=(Target(Of.MEDIAN, ENTRIES_MS), Target(Of.WORST, 2 * ENTRIES_MS)),
            note="negative: before the call returned; beside Docker: docker_entries",
        ),
    ]


def answer(lab: Lab) -> list[Row]:
    """Measure in a process of its own."""
    return lab.alone("connect", measured, ROUNDS[lab.quick])


QUESTION: Final[Question] = question("agent_connect", __doc__, answer, needs_root=True)
