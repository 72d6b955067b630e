"""Two overlays side by side: agents of ours, and Docker's daemons, on hosts alike.

Each stands on a switch of its own, of the same make, and is spoken to by its own API
over a unix socket. One network, `web`, has a box on every host from the beginning: a
sandbox of ours, or a container. What is measured is asked of both by the same words.
"""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from benchmarks import docker
from benchmarks.announcements import Pair
from benchmarks.clusters import Agents, Switch
from benchmarks.docker import CannotRun, Dockers
from benchmarks.hosts import Ground
from benchmarks.lab import OURS

NETWORK: Final = "web"
FIRST: Final = "first"


class Overlay(Protocol):
    """Hosts with a network, whose boxes are connected and removed by their names."""

    name: str
    switch: Switch

    def open(self, index: int, box: str) -> None:
        """Make a box that runs, and is not in the network."""

    def connect(self, index: int, box: str) -> None:
        """Put a box that runs into the network: one call."""

    def disconnect(self, index: int, box: str) -> None:
        """Take it out again: one call."""

    def run(self, index: int, box: str) -> None:
        """Make a box in the network, from nothing: two calls."""

    def remove(self, index: int, box: str) -> None:
        """Remove a box, in the network or not."""

    def pair(self, index: int, box: str) -> Pair:
        """Return the entries that other hosts need of a box, which is in the network.

        It is asked for as soon as the box is.
        """

    def inside(self, index: int, box: str) -> str:
        """Return where the namespace of a box stands."""

    def space(self, index: int) -> str:
        """Return where the network's namespace stands on a host."""

    def kill(self, index: int) -> None:
        """End a host's agent or daemon by SIGKILL."""

    def processes(self, index: int) -> list[tuple[int, str]]:
        """Return the numbers and names of what runs on a host, boxes left out."""


class OurOverlay:
    """Agents of ours, with the network and its first boxes."""

    def __init__(self, agents: Agents) -> None:
        self.name = OURS
        self.switch = agents.switch
        self._agents = agents
        self._pairs: dict[tuple[int, str], Pair] = {}
        agents.begin()
        made = agents.call(0, "POST", "networks", {"name": NETWORK})
        self._network: str = made["id"]
        for index in range(len(self.switch.hosts)):
            agents.wait_network(index, self._network)
            self.run(index, FIRST)

    def open(self, index: int, box: str) -> None:
        self._agents.call(index, "POST", "sandboxes", {"name": box})

    def connect(self, index: int, box: str) -> None:
        path = f"networks/{NETWORK}/connect"
        found = self._agents.call(index, "POST", path, {"sandbox": box})
        self._pairs[index, box] = Pair(found["ipv4"], found["mac"])

    def disconnect(self, index: int, box: str) -> None:
        path = f"networks/{NETWORK}/disconnect"
        self._agents.call(index, "POST", path, {"sandbox": box})
        del self._pairs[index, box]

    def run(self, index: int, box: str) -> None:
        self.open(index, box)
        self.connect(index, box)

    def remove(self, index: int, box: str) -> None:
        if (index, box) in self._pairs:
            self.disconnect(index, box)
        self._agents.call(index, "DELETE", f"sandboxes/{box}")

    def pair(self, index: int, box: str) -> Pair:
        return self._pairs[index, box]

    def inside(self, index: int, box: str) -> str:
        return self._agents.pin(index, f"box/{box}")

    def space(self, index: int) -> str:
        return self._agents.pin(index, f"net/{self._network}")

    def kill(self, index: int) -> None:
        self._agents.end(index, signal.SIGKILL)

    def processes(self, index: int) -> list[tuple[int, str]]:
        return [(self._agents.processes[index].pid, "agent")]


class DockerOverlay:
    """Daemons of Docker in swarm mode, with the network and its first boxes.

    The first host is the manager. Boxes that are not in the network are in the
    daemon's own bridge, as its default is.
    """

    def __init__(self, dockers: Dockers) -> None:
        self.name = docker.name()
        self.switch = dockers.switch
        self._dockers = dockers
        dockers.begin()
        self._network = dockers.network(NETWORK)
        for index in range(len(self.switch.hosts)):
            self.run(index, FIRST)

    def open(self, index: int, box: str) -> None:
        self._dockers.run(index, box)

    def connect(self, index: int, box: str) -> None:
        path = f"networks/{NETWORK}/connect"
        self._dockers.call(index, "POST", path, {"Container": box})

    def disconnect(self, index: int, box: str) -> None:
        path = f"networks/{NETWORK}/disconnect"
        self._dockers.call(index, "POST", path, {"Container": box})

    def run(self, index: int, box: str) -> None:
        self._dockers.run(index, box, NETWORK)

    def remove(self, index: int, box: str) -> None:
        self._dockers.call(index, "DELETE", f"containers/{box}?force=1")

    def pair(self, index: int, box: str) -> Pair:
        return Pair(*self._dockers.address(index, box, NETWORK))

    def inside(self, index: int, box: str) -> str:
        return self._dockers.box(index, box)

    def space(self, index: int) -> str:
        return self._dockers.space(index, self._network)

    def kill(self, index: int) -> None:
        self._dockers.kill(index)

    def processes(self, index: int) -> list[tuple[int, str]]:
        return self._dockers.processes(index)


@contextmanager
def both(ground: Ground, hosts: int) -> Iterator[tuple[Overlay, Overlay]]:
    """Give ours and Docker's, each on so many hosts.

    Raises:
        CannotRun: Docker's daemons do not run here; with their reason.
    """
    # Docker first: where it cannot run nothing else need be started.
    with Dockers(ground, hosts) as dockers, Agents(ground, hosts) as agents:
        try:
            theirs = DockerOverlay(dockers)
        except RuntimeError as error:
            raise CannotRun(str(error)) from error
        yield OurOverlay(agents), theirs


def is_missing(question: str) -> bool:
    """Say whether there is no Docker here; if so, also to the user, in a line."""
    lack = docker.missing()
    if lack is not None:
        print(f"{question}: skipped: {lack}", file=sys.stderr)
    return lack is not None


def cannot_run(question: str, why: CannotRun) -> None:
    """Tell the user in a line why daemons do not run here."""
    reason = " ".join(str(why).split())
    print(f"{question}: skipped: Docker does not run here: {reason}", file=sys.stderr)
