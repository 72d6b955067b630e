"""Agents of ours and of serf, a host each, under one hand: the same is asked of both.

A herd starts its agents, lets all join through the first, makes news, kills and starts
again; its agents' own announcements say who has heard what (`Heard`). Both are sealed:
ours by nature, serf by a key of 32 bytes (AES-256-GCM) for all. serf has its
defaults otherwise, the profile `lan` and compression with them.
"""

import signal
import subprocess
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from secrets import token_bytes
from threading import Thread
from time import monotonic, time
from typing import Final, Protocol

from benchmarks import serf
from benchmarks.clusters import Agents, Switch, address_of, until
from benchmarks.hosts import Ground
from benchmarks.lab import OURS
from swarmnet.errors import Refused
from swarmnet.runtime.cli.client import connected, listen

AT_ONCE: Final = 5
"""Agents started together: more on two cores only wait for each other."""
AGENT_S: Final = 6.0
"""So long an agent may take to start, or to join, on the mean of all and with a minute
for the machine: a size that takes longer is more than the machine bears."""
MINUTE_S: Final = 60.0
HELLOS_MAX: Final = 20
HELLO_S: Final = 5.0


class Herd(Protocol):
    """Agents that run on hosts of their own, numbered from 0."""

    name: str
    switch: Switch

    def start(self) -> None:
        """Start all; each serves, and is alone.

        Raises:
            RuntimeError: that takes too long.
        """

    def join(self, index: int) -> int:
        """Let one join through the first; return how often that was tried in vain."""

    def sees(self, index: int, count: int) -> bool:
        """Return whether an agent sees so many alive, and holds what they hold."""

    def follow(self, heard: "Heard") -> None:
        """Let all agents say what they hear, and who is dead, from now on."""

    def tell(self, index: int, name: str) -> None:
        """Let an agent have news of a name for all."""

    def kill(self, index: int) -> None:
        """Kill an agent: it says no more."""

    def revive(self, index: int) -> None:
        """Start a killed agent again; it joins."""

    def pids(self) -> list[int]:
        """Return the processes of those that run, in their order."""


class Heard:
    """When each of some listeners has heard of a thing, by its name."""

    def __init__(self) -> None:
        self._at: dict[str, dict[int, list[float]]] = {}

    def follow(self, index: int, heard: Iterable[tuple[str, float]]) -> None:
        """Take note of the names that a listener hears, in a thread, until it ends."""

        def read() -> None:
            for name, at in heard:
                self._at.setdefault(name, {}).setdefault(index, []).append(at)

        Thread(target=read, daemon=True).start()

    def by(self, name: str, count: int, since: float, for_s: float) -> list[float]:
        """Wait until so many have heard of a thing, and return when each did.

        Only what was heard since then counts.

        Raises:
            RuntimeError: they have not, in so long.
        """
        until(
            f"all hear of {name}",
            lambda: len(self._since(name, since)) >= count,
            for_s,
        )
        return self._since(name, since)

    def _since(self, name: str, since: float) -> list[float]:
        # Its readers may add some meanwhile.
        told = list(self._at.get(name, {}).values())
        later = ([at for at in list(one) if at >= since] for one in told)
        return [one[0] for one in later if one]

    def times(self, herd: Herd, hosts: int, news: int) -> list[float]:
        """Let agents name things; return how long until all had heard of each.

        What is named before all listen does not count.
        """
        for number in range(HELLOS_MAX):
            name, began = f"hello{number}", time()
            herd.tell(0, name)
            with suppress(RuntimeError):
                self.by(name, hosts, began, HELLO_S)
                break
        found = []
        for number in range(news):
            name, began = f"net{number}", time()
            herd.tell(number * 7 % hosts, name)
            found.append(max(self.by(name, hosts, began, MINUTE_S)) - began)
        return found


def dead(index: int) -> str:
    """Return what `Heard` calls the death of a host's agent."""
    return f"dead n{index}"


class Ours:
    """Agents of ours; their news are networks."""

    name: str = OURS

    def __init__(self, agents: Agents) -> None:
        self.switch = agents.switch
        self.agents = agents

    def start(self) -> None:
        """Start all, and make a cluster of the first."""
        hosts = len(self.switch.hosts)
        patience = Patience(f"{hosts} agents serve", hosts)
        for first in range(0, hosts, AT_ONCE):
            self.agents.start_all(range(first, min(hosts, first + AT_ONCE)))
            patience.check()
        self.agents.begin_first(1)

    def join(self, index: int) -> int:
        tries, patience = 0, Patience(f"host {index} joins", 1)
        while True:
            try:
                self.agents.join(index)
            except Refused:
                tries += 1
                patience.check()
            else:
                return tries

    def sees(self, index: int, count: int) -> bool:
        status = self.agents.call(index, "GET", "status")
        return bool(status["members"]["alive"] == count and status["in_sync"])

    def follow(self, heard: Heard) -> None:
        for index in range(len(self.switch.hosts)):
            self._follow(heard, index)
        self._heard = heard

    def _follow(self, heard: Heard, index: int) -> None:
        heard.follow(index, _told(self.agents.run_dir(index)))

    def tell(self, index: int, name: str) -> None:
        self.agents.call(index, "POST", "networks", {"name": name})

    def kill(self, index: int) -> None:
        self.agents.end(index, signal.SIGKILL)

    def revive(self, index: int) -> None:
        self.agents.start(index)
        self._follow(self._heard, index)

    def pids(self) -> list[int]:
        processes = self.agents.processes
        return [processes[index].pid for index in sorted(processes)]


def _told(run_dir: str) -> Iterator[tuple[str, float]]:
    """Yield the networks of an agent and the deaths, with the time of each."""
    with suppress(Refused), connected(run_dir) as sock:
        for event in listen(sock, "/v1/monitor"):
            assert isinstance(event, dict), "events are objects"
            at = float(str(event["time"]))
            if event["kind"] == "network":
                yield str(event["name"]), at
            elif event["kind"] == "member" and event["state"] == "dead":
                yield f"dead {event['name']}", at


class Serfs:
    """Agents of serf; their news are user events."""

    def __init__(self, switch: Switch, stack: ExitStack) -> None:
        self.name = serf.name()
        self.switch = switch
        self._stack = stack
        self._key = b64encode(token_bytes(serf.KEY_BYTES)).decode()
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._agents: dict[int, serf.Rpc] = {}

    def start(self) -> None:
        for index in range(len(self.switch.hosts)):
            self._launch(index)
        for index in range(len(self.switch.hosts)):
            self._agents[index] = self._rpc(index)

    def _launch(self, index: int) -> None:
        sealed = f"-encrypt={self._key}"
        self._processes[index] = serf.start(self.switch, index, self._stack, sealed)

    def _rpc(self, index: int) -> serf.Rpc:
        found = serf.Rpc(self.switch, index)
        self._stack.callback(found.close)
        return found

    def join(self, index: int) -> int:
        first = 0 if index else 1
        existing = {"Existing": [f"{address_of(first)}:{serf.PORT}"], "Replay": False}
        self._agents[index].ask("join", existing)
        return 0

    def sees(self, index: int, count: int) -> bool:
        return self._agents[index].alive() == count

    def follow(self, heard: Heard) -> None:
        for index in range(len(self.switch.hosts)):
            self._follow(heard, index)
        self._heard = heard

    def _follow(self, heard: Heard, index: int) -> None:
        told, failed = self._rpc(index).told(), self._rpc(index).failures()
        heard.follow(index, ((name, time()) for name in told))
        heard.follow(index, ((f"dead {name}", time()) for name in failed))

    def tell(self, index: int, name: str) -> None:
        body = {"Name": name, "Payload": b"", "Coalesce": False}
        self._agents[index].ask("event", body, answers=False)

    def kill(self, index: int) -> None:
        process = self._processes.pop(index)
        process.kill()
        process.wait()

    def revive(self, index: int) -> None:
        self._launch(index)
        self._agents[index] = self._rpc(index)
        self._follow(self._heard, index)
        self.join(index)

    def pids(self) -> list[int]:
        return [self._processes[index].pid for index in sorted(self._processes)]


@contextmanager
def ours(hosts: int) -> Iterator[Ours]:
    """Give hosts with agents of ours that are to be started."""
    with Ground() as ground, Agents(ground, hosts) as agents:
        yield Ours(agents)


@contextmanager
def serfs(hosts: int) -> Iterator[Serfs]:
    """Give hosts with agents of serf that are to be started."""
    with Ground() as ground, ExitStack() as stack:
        yield Serfs(Switch(ground, hosts), stack)


class Patience:
    """Bounds what many agents take together."""

    def __init__(self, what: str, agents: int) -> None:
        self._what = what
        self._for_s = MINUTE_S + agents * AGENT_S
        self._until = monotonic() + self._for_s

    def check(self) -> None:
        """See that there is time left.

        Raises:
            RuntimeError: there is none.
        """
        if monotonic() > self._until:
            raise RuntimeError(f"not within {self._for_s:g} s: {self._what}")


def wait_whole(herd: Herd, count: int, among: Sequence[int]) -> None:
    """Wait until all of these see so many.

    Raises:
        RuntimeError: that takes too long.
    """
    for index in among:
        until(f"{herd.name} {index}", partial(herd.sees, index, count), 2 * MINUTE_S)
