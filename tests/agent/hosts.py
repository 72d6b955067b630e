"""Hosts on a switch: namespaces without names, an agent on each, faults between them.

The switch is a bridge in a namespace of its own, so nothing of this machine's own is
touched, and links go with descriptors. `World.close` ends processes and lets pins go.
"""

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGTERM, Signals
from time import monotonic, sleep
from typing import Any, Final, NamedTuple

from click.testing import CliRunner

from swarmnet.errors import Refused
from swarmnet.runtime.cli.client import ask, connected
from swarmnet.runtime.cli.main import main
from swarmnet.runtime.cli.outcomes import NoAgent
from swarmnet.runtime.linux import in_thread, run_in
from swarmnet.runtime.namespaces import Namespaces, make_namespace
from swarmnet.runtime.store import DATABASE
from tests.runtime.conftest import ran

PORT: Final = 7946
WAIT_S: Final = 20.0
START_S: Final = 60.0
CALL_S: Final = 30.0
POLL_S: Final = 0.01
PYTHON: Final = (sys.executable, "-P", "-m", "swarmnet")
NFT_LOSS: Final = "table inet loss { chain in { type filter hook input priority -300; "


class Printed(NamedTuple):
    """What a command did."""

    status: int
    out: str
    err: str


def until(
    what: str, look: Callable[..., object], *args: object, within_s: float = WAIT_S
) -> Any:
    """Return what `look` of `args` sees once that is true of it."""
    end = monotonic() + within_s
    while True:
        if found := look(*args):
            return found
        assert monotonic() < end, f"not within {within_s} s: {what}: {found!r}"
        sleep(POLL_S)


class Host:
    """A host `n<index>`, its directories, and its agent if that runs."""

    def __init__(self, index: int, folder: Path, port_fd: int) -> None:
        self.index = index
        self.name = f"n{index}"
        self.ip = f"10.99.0.{index + 1}"
        self.fd = in_thread(make_namespace)
        self.netns = f"/proc/{os.getpid()}/fd/{self.fd}"
        self.data_dir = folder / self.name / "data"
        self.run_dir = folder / self.name / "run"
        self.log = folder / self.name / "log"
        self.log.parent.mkdir(mode=0o755)
        self.program: tuple[str, ...] = PYTHON
        self.python_path: Path | None = None  # where it looks for modules first
        self.resolv_conf: Path | None = None  # what it has as /etc/resolv.conf
        self.handed: tuple[int, ...] = ()  # descriptors that it inherits
        self.process: subprocess.Popen[bytes] | None = None
        self.switch = port_fd

    # The cable

    def plug_in(self) -> None:
        """Join the switch."""
        far = ("peer", "name", "eth0", "netns", self.netns)
        ran(self.switch, "ip", "link", "add", self.name, "type", "veth", *far)
        ran(self.switch, "ip", "link", "set", self.name, "master", "sw", "up")
        ran(self.fd, "ip", "address", "add", f"{self.ip}/24", "dev", "eth0")
        ran(self.fd, "ip", "link", "set", "eth0", "up")

    def cut(self) -> None:
        """Pull the cable."""
        ran(self.switch, "ip", "link", "set", self.name, "down")

    def mend(self) -> None:
        """Put the cable back."""
        ran(self.switch, "ip", "link", "set", self.name, "up")

    def deafen(self, *others: "Host") -> None:
        """Drop all that comes from some others, and nothing that goes there."""
        sources = ", ".join(one.ip for one in others)
        ran(self.fd, "nft", f"{NFT_LOSS} ip saddr {{ {sources} }} drop; }}; }}")

    def hear(self) -> None:
        """Hear everybody again."""
        ran(self.fd, "nft", "delete table inet loss")

    # The agent

    def start(
        self, *before: str, wait: bool = True, options: Sequence[str] = ()
    ) -> None:
        """Start the agent, by a command that goes `before` it, and wait for it."""
        assert self.process is None, f"{self.name}: runs"
        if self.resolv_conf is not None:
            mount = f'mount --bind {self.resolv_conf} /etc/resolv.conf && exec "$@"'
            before = ("unshare", "--mount", "sh", "-c", mount, "sh", *before)
        command = (*self.program, "agent", f"--data-dir={self.data_dir}", *options)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                ("nsenter", f"--net={self.netns}", *before, *command),
                env={**os.environ, **self._environment()},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=self.handed,
            )
        if wait:
            until(f"{self.name} serves", self.serves, within_s=START_S)

    def _environment(self) -> dict[str, str]:
        paths = filter(None, (self.python_path, os.environ.get("PYTHONPATH")))
        return {
            "SWARMNET_RUN_DIR": str(self.run_dir),
            "PYTHONPATH": os.pathsep.join(map(str, paths)),
        }

    def serves(self) -> bool:
        """Return whether the agent answers."""
        code = None if self.process is None else self.process.poll()
        assert code is None, f"{self.name}: ended with {code}: {self.logged()}"
        try:
            self.get("status")
        except (NoAgent, Refused):
            return False
        return True

    def signal(self, number: Signals) -> None:
        assert self.process is not None, f"{self.name}: does not run"
        self.process.send_signal(number)

    def kill(self) -> None:
        """End the agent by SIGKILL."""
        self.stop(SIGKILL)

    def stop(self, number: Signals = SIGTERM) -> int:
        """End the agent by a signal; return its exit status."""
        assert self.process is not None, f"{self.name}: does not run"
        self.process.send_signal(number)
        self.process.send_signal(SIGCONT)
        status = self.process.wait(WAIT_S)
        self.process = None
        return status

    def ended(self) -> int:
        """Wait until the agent ends by itself; return its exit status."""
        assert self.process is not None, f"{self.name}: does not run"
        status = self.process.wait(WAIT_S)
        self.process = None
        return status

    def logged(self) -> str:
        """Return the end of what the agent has written."""
        return self.log.read_text(errors="replace")[-3000:]

    def cut_power(self) -> None:
        """Lose all that does not outlive the machine: processes, and what is pinned."""
        if self.process is not None:
            self.kill()
        self.unpin()
        shutil.rmtree(self.run_dir, ignore_errors=True)
        for line in ran(self.fd, "ip", "-o", "link").splitlines():
            name = line.split()[1].rstrip(":").partition("@")[0]
            if name not in ("lo", "eth0"):
                # It may go by itself, with the namespace of its other end.
                self.tried("ip", "link", "delete", name)
        for line in ran(self.fd, "nft", "list", "tables").splitlines():
            ran(self.fd, "nft", "delete", line)

    def tried(self, *command: str) -> bool:
        """Return whether a command on the host succeeds."""
        words = ("nsenter", f"--net={self.netns}", *command)
        return subprocess.run(words, capture_output=True, check=False).returncode == 0

    def lose_data(self) -> None:
        """Lose the data directory."""
        shutil.rmtree(self.data_dir)

    def unpin(self) -> None:
        """Let go of all that the agent has pinned."""
        rest = Namespaces(self.run_dir)
        for key in rest.names():
            rest.remove(key)
        rest.close()

    def close(self) -> None:
        if self.process is not None:
            self.kill()
        self.unpin()
        os.close(self.fd)

    # The control API

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Return what the agent answers; raises `Refused` and `NoAgent`."""
        with connected(str(self.run_dir), CALL_S) as sock:
            return ask(sock, method, f"/v1/{path}", body, "")

    def get(self, path: str) -> Any:
        return self.call("GET", path)

    def post(self, path: str, **body: Any) -> Any:
        return self.call("POST", path, body)

    def delete(self, path: str) -> Any:
        return self.call("DELETE", path)

    def states(self) -> dict[str, str]:
        """Return the state of each node by its name, as this one sees it."""
        return {one["name"]: one["state"] for one in self.get("nodes")}

    def sandbox(self, name: str, network: str, **wish: Any) -> str:
        """Make a sandbox, and connect it; return its address."""
        self.post("sandboxes", name=name)
        return self.connect(name, network, **wish)

    def connect(self, sandbox: str, network: str, **wish: Any) -> str:
        """Connect a sandbox; return its address."""
        found = self.post(f"networks/{network}/connect", sandbox=sandbox, **wish)
        return str(found["ipv4"])

    def endpoints(self, network: str) -> dict[str, Any]:
        """Return the endpoints of a network by their addresses."""
        found = self.get(f"networks/{network}")["endpoints"]
        shown = {one["ipv4"]: one for one in found}
        assert len(shown) == len(found), f"doubled: {found}"
        return shown

    # Commands

    def run(self, *words: str, within_s: float = CALL_S) -> Printed:
        """Run the command `swarmnet`, as a user does."""
        done = subprocess.run(
            (*self.program, "--run-dir", str(self.run_dir), *words),
            capture_output=True,
            text=True,
            check=False,
            timeout=within_s,
        )
        return Printed(done.returncode, done.stdout, done.stderr)

    def says(self, *words: str) -> Printed:
        """Do what `run` does, without a process of its own."""
        done = CliRunner().invoke(main, ["--run-dir", str(self.run_dir), *words])
        return Printed(done.exit_code, done.stdout, done.stderr)

    def json(self, *words: str) -> Any:
        """Run a command, and return the JSON that it prints."""
        done = self.says("--format", "json", *words)
        assert done.status == 0, done
        return json.loads(done.out)

    def inside(self, sandbox: str, *command: str) -> list[str]:
        """Return the words that run a command in a sandbox, without an agent."""
        pin = self.run_dir / "netns" / "box" / sandbox
        return ["nsenter", f"--net={pin}", *command]

    def pings(self, sandbox: str, ip: str) -> bool:
        """Return whether one ping from a sandbox is answered."""
        command = self.inside(sandbox, "ping", "-n", "-c1", "-W1", ip)
        done = subprocess.run(command, capture_output=True, check=False)
        return done.returncode == 0

    def stored(self, key: str) -> bytes:
        """Return what the data directory holds under a key."""
        with closing(sqlite3.connect(self.data_dir / DATABASE)) as database:
            found = database.execute("SELECT value FROM meta WHERE key = ?", (key,))
            return bytes(found.fetchone()[0])

    def forget(self, *tables: str) -> None:
        """Let the data directory hold nothing of these."""
        with closing(sqlite3.connect(self.data_dir / DATABASE)) as database:
            for table in tables:
                database.execute(f"DELETE FROM {table}")
            database.commit()

    def listen(self, port: int) -> socket.socket:
        """Return a socket that listens on the host itself."""
        return run_in(self.fd, lambda: socket.create_server(("", port)))

    def pinned(self) -> list[str]:
        """Return the namespaces that are pinned."""
        with closing(Namespaces(self.run_dir)) as rest:
            return list(rest.names())


class World:
    """Hosts `n0`, `n1`, … on one switch. `close` it."""

    def __init__(self, count: int) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="swarmnet-world-"))
        self.folder.chmod(0o755)
        self._switch = in_thread(make_namespace)
        ran(self._switch, "ip", "link", "add", "sw", "type", "bridge")
        ran(self._switch, "ip", "link", "set", "sw", "up")
        self.hosts: list[Host] = []
        for _ in range(count):
            self.add()

    def __iter__(self) -> Iterator[Host]:
        return iter(self.hosts)

    def __getitem__(self, index: int) -> Host:
        return self.hosts[index]

    def add(self) -> Host:
        """Plug one more host in."""
        host = Host(len(self.hosts), self.folder, self._switch)
        self.hosts.append(host)
        host.plug_in()
        return host

    def close(self) -> None:
        """End everything, whatever state it is in."""
        for host in self.hosts:
            with suppress(Refused):
                host.close()
        os.close(self._switch)
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Start all agents at once, and wait for them."""
        for host in self.hosts:
            host.start(wait=False)
        for host in self.hosts:
            until(f"{host.name} serves", host.serves, within_s=START_S)

    def begin(self, **wish: Any) -> None:
        """Let there be a cluster of all hosts; the first is its manager."""
        self.start()
        self.hosts[0].post("init", name="n0", **wish)
        for host in self.hosts[1:]:
            self.join(host)
        self.until_alive()

    def join(self, host: Host, role: str = "worker", **wish: Any) -> Any:
        """Let a host join by the first."""
        token = self.hosts[0].get(f"join-token/{role}")["token"]
        wish = {"name": host.name, "addresses": [self.hosts[0].ip], **wish}
        return host.post("join", token=token, **wish)

    def until_alive(self, among: Sequence[Host] = ()) -> None:
        """Wait until some hosts, or all, see each other alive and have all rows."""
        for host in among or self.hosts:
            try:
                until(f"{host.name} sees all", self._is_whole, host, among)
            except AssertionError as late:
                status = host.get("status")
                raise AssertionError(f"{late}: {host.states()}, {status}") from None

    def _is_whole(self, host: Host, among: Sequence[Host]) -> bool:
        states = host.states()
        wanted = [one.name for one in among or self.hosts]
        return bool(
            all(states.get(name) in ("alive", "degraded") for name in wanted)
            and host.get("status")["in_sync"]
        )

    def until_known(self, network: str, among: Sequence[Host] = ()) -> None:
        """Wait until hosts know a network."""
        for host in among or self.hosts:
            until(f"{host.name} knows {network}", knows, host, network)


def knows(host: Host, network: str) -> bool:
    """Return whether a host knows a network by this name."""
    return network in [one["name"] for one in host.get("networks")]


def refusal(attempt: Callable[[], object]) -> str:
    """Return the one line by which something is refused."""
    try:
        found = attempt()
    except Refused as refused:
        text = str(refused)
        assert text, "it says nothing"
        assert "\n" not in text, text
        return text
    raise AssertionError(f"not refused: {found!r}")
