"""Clusters of agents to measure: a process a host, hosts on one switch.

Hosts and the switch are namespaces of our own, without names (`hosts.Ground`), so all
goes with the process; agents and peers are ended by their ids, and end with us.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from time import monotonic, sleep
from types import TracebackType
from typing import IO, Any, Final

from benchmarks.hosts import Ground, path_of, run_inside
from benchmarks.lifelines import bound_to_us
from swarmnet.runtime.cli.client import ask, connected
from swarmnet.runtime.cli.outcomes import NoAgent

SWITCH_PORT: Final = "p{}"
UPLINK: Final = "eth0"
NEIGHBOURS_MAX: Final = 25
"""So many hosts learn their neighbours as hosts do."""
WAIT_S: Final = 60.0
POLL_S: Final = 0.02
"""An agent that is asked more often has little time for what is being measured."""
ENDING_S: Final = 10.0


def address_of(index: int) -> str:
    """Return a host's address on the underlay."""
    return f"10.98.{index // 250}.{index % 250 + 1}"


def until(what: str, look: Callable[[], bool], within_s: float = WAIT_S) -> float:
    """Return after how many seconds `look` has seen it.

    Raises:
        RuntimeError: it has not.
    """
    began = monotonic()
    while not look():
        if monotonic() - began > within_s:
            raise RuntimeError(f"not within {within_s} s: {what}")
        sleep(POLL_S)
    return monotonic() - began


class Switch:
    """Hosts on one bridge, whose cables can be cut."""

    def __init__(self, ground: Ground, count: int) -> None:
        self._fd = ground.host()
        self.hosts = [ground.host() for _ in range(count)]
        bridge = ("ip", "link", "add", "name", "br0", "type", "bridge")
        run_inside(self._fd, *bridge, "mcast_snooping", "0")
        run_inside(self._fd, "ip", "link", "set", "br0", "up")
        for index, fd in enumerate(self.hosts):
            self._join(index, fd)
        if count > NEIGHBOURS_MAX:
            self._acquaint()

    def _acquaint(self) -> None:
        """Let all know each other's MACs: so many would not fit the kernel's table.

        It has 1,024 neighbours of its own learning, of all namespaces together
        (net.ipv4.neigh.default.gc_thresh3), and loses packets beyond; permanent ones
        do not count.
        """
        about = ("-json", "link", "show", "dev", UPLINK)
        macs = [json.loads(run_inside(fd, "ip", *about))[0] for fd in self.hosts]
        for index, fd in enumerate(self.hosts):
            lines = [
                f"neigh add {address_of(other)} lladdr {one['address']}"
                f" dev {UPLINK} nud permanent\n"
                for other, one in enumerate(macs)
                if other != index
            ]
            run_inside(fd, "ip", "-batch", "-", text="".join(lines))

    def _join(self, index: int, fd: int) -> None:
        port = SWITCH_PORT.format(index)
        far = ("peer", "name", UPLINK, "netns", path_of(fd))
        run_inside(self._fd, "ip", "link", "add", port, "type", "veth", *far)
        run_inside(self._fd, "ip", "link", "set", port, "master", "br0", "up")
        address = f"{address_of(index)}/16"
        run_inside(fd, "ip", "address", "add", address, "dev", UPLINK)
        run_inside(fd, "ip", "link", "set", UPLINK, "up")

    def cut(self, index: int) -> None:
        """Pull a host's cable."""
        self._set(index, "down")

    def mend(self, index: int) -> None:
        """Put a host's cable back."""
        self._set(index, "up")

    def _set(self, index: int, state: str) -> None:
        port = SWITCH_PORT.format(index)
        run_inside(self._fd, "ip", "link", "set", port, state)

    def start(
        self, index: int, *command: str, out: IO[bytes] | int = subprocess.DEVNULL
    ) -> "subprocess.Popen[bytes]":
        """Start a process on a host."""
        return subprocess.Popen(
            self._on(index, *command), stdout=out, stderr=subprocess.STDOUT
        )

    def talk(self, index: int, *command: str) -> "subprocess.Popen[bytes]":
        """Start a process on a host that is spoken to by its input and output."""
        pipe = subprocess.PIPE
        return subprocess.Popen(self._on(index, *command), stdin=pipe, stdout=pipe)

    def _on(self, index: int, *command: str) -> tuple[str, ...]:
        enter = ("nsenter", f"--net={path_of(self.hosts[index])}")
        return bound_to_us(*enter, *command)


class Agents:
    """Agents on the hosts of a switch; a context that ends all of them."""

    def __init__(self, ground: Ground, count: int) -> None:
        self.switch = Switch(ground, count)
        self._ground = ground
        self._stack = ExitStack()
        # Data and logs go with the ground, or else by the next run.
        self._folder = ground.run_dir()
        self._run_dirs = [ground.run_dir() for _ in range(count)]
        self.processes: dict[int, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> "Agents":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for index in list(self.processes):
            self.end(index, signal.SIGTERM)
        self._stack.close()

    def run_dir(self, index: int) -> str:
        return str(self._run_dirs[index])

    def start(self, index: int) -> None:
        """Start an agent, and wait until it serves."""
        self.start_all((index,))

    def start_all(self, indices: Sequence[int]) -> None:
        """Start some agents at once, and wait until all serve."""
        for index in indices:
            self._launch(index)
        for index in indices:
            until(f"agent {index}", partial(self._serves, index))

    def _launch(self, index: int) -> None:
        log = (self._folder / f"{index}.log").open("ab")
        self._stack.callback(log.close)
        command = (sys.executable, "-m", "swarmnet", "--run-dir", self.run_dir(index))
        data = ("agent", "--data-dir", str(self._folder / str(index)))
        self.processes[index] = self.switch.start(index, *command, *data, out=log)

    def _serves(self, index: int) -> bool:
        code = self.processes[index].poll()
        if code is not None:
            log = (self._folder / f"{index}.log").read_text()
            raise RuntimeError(f"agent {index} ended with {code}: {log[-1000:]}")
        try:
            self.call(index, "GET", "status")
        except NoAgent:
            return False
        return True

    def end(self, index: int, number: signal.Signals) -> None:
        """End an agent by a signal, and wait until it has."""
        process = self.processes.pop(index)
        process.send_signal(number)
        process.wait(ENDING_S)

    def call(self, index: int, method: str, path: str, body: object = None) -> Any:
        """Return what an agent answers."""
        with connected(self.run_dir(index), WAIT_S) as sock:
            return ask(sock, method, f"/v1/{path}", body, "")  # type: ignore[arg-type]

    def begin(self) -> None:
        """Start all agents, make a cluster, and let all join it."""
        for index in range(len(self.switch.hosts)):
            self.start(index)
        self.begin_first(len(self.switch.hosts))

    def begin_first(self, count: int) -> None:
        """Make a cluster, and let the first `count` join it, which run."""
        body = {"name": "n0", "advertise_addr": address_of(0)}
        self._token = self.call(0, "POST", "init", body)["tokens"]["worker"]
        for index in range(1, count):
            self.join(index)
        for index in range(count):
            self._wait_count(index, count)

    def join(self, index: int) -> None:
        """Let a host join through the first."""
        body = {
            "name": f"n{index}",
            "advertise_addr": address_of(index),
            "token": self._token,
            "addresses": [address_of(0)],
        }
        self.call(index, "POST", "join", body)

    def _wait_count(self, index: int, count: int) -> float:
        return until("all alive", lambda: self.alive(index) == count)

    def wait_network(self, index: int, network: str) -> None:
        """Wait until a node knows a network."""
        until("the network", lambda: self._knows(index, network))

    def _knows(self, index: int, network: str) -> bool:
        found = self.call(index, "GET", "networks")
        return any(one["id"] == network for one in found)

    def alive(self, index: int) -> int:
        """Return how many members a node sees alive."""
        return int(self.call(index, "GET", "status")["members"]["alive"])

    def sandbox(self, index: int, name: str, network: str) -> Any:
        """Make a sandbox, and connect it; return what `connect` answers."""
        self.call(index, "POST", "sandboxes", {"name": name})
        path = f"networks/{network}/connect"
        return self.call(index, "POST", path, {"sandbox": name})

    def pin(self, index: int, key: str) -> str:
        """Return where a namespace of a host is pinned."""
        return os.path.join(self.run_dir(index), "netns", key)
