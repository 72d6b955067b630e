"""Daemons of Docker Engine to measure beside: a swarm, each daemon a host of its own.

Every daemon has a network namespace of a switch, and namespaces of its own for mounts
and processes, so that this machine's links, files and processes are not touched: its
`/run`, `/etc/docker` and data are its own, and whatever it starts ends with the
namespace's first process, the holder, which ends with us however we end. All defaults
are the daemon's own: gossip sealed by AES-GCM, the data path in the clear. There is no
registry: the one image, of a static busybox that sleeps, is imported from a tar made
here, as `tar -c busybox | docker import - idle` does.
"""

import http.client
import io
import json
import os
import signal
import socket
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from shutil import which
from types import TracebackType
from typing import Any, Final

from benchmarks.clusters import ENDING_S, WAIT_S, Switch, address_of, until
from benchmarks.hosts import Ground, group_of, run

IMAGE: Final = "idle"
BUSYBOX: Final = "busybox"
IDLE: Final = ("/busybox", "sleep", "1000000000")
SOCKET: Final = "docker.sock"
NEEDED: Final = {
    "dockerd": "docker.io",
    "containerd": "containerd",
    "runc": "runc",
    "iptables": "iptables",
    "setpriv": "util-linux",
    BUSYBOX: "busybox-static",
}
"""Programs, and the Debian packages that have them."""
ELF: Final = b"\x7fELF"
LOADER: Final = b"/ld-"
"""Part of the loader's path, which a program names that is not static."""
HEAD_BYTES: Final = 4096
NAMESPACES: Final = "run/docker/netns"
SWARM_PORT: Final = 2377
OK: Final = 300
# The holder: it says by which number we know it, gives the daemon folders of its own,
# and buries whoever lost its parent.
HOLD: Final = """set -e
read pid rest </proc/self/stat
mount -t proc proc /proc
mount -t tmpfs tmpfs /run
mkdir -p /etc/docker
mount -t tmpfs tmpfs /etc/docker
echo $pid
while :; do sleep 1000000 & wait; done
"""


class CannotRun(RuntimeError):
    """A daemon does not run on this machine; its own words say why."""


def missing() -> str | None:
    """Return what is not here of what daemons need, in a line; or None."""
    for program, package in NEEDED.items():
        if which(program) is None:
            return f"no {program}: install {package}"
    found = which(BUSYBOX)
    assert found is not None, "it was looked for"
    with Path(found).open("rb") as source:
        if not is_static(source.read(HEAD_BYTES)):
            return f"{found} is not static: install {NEEDED[BUSYBOX]}"
    return None


def is_static(head: bytes) -> bool:
    """Say by the beginning of a program whether it needs no loader."""
    return head.startswith(ELF) and LOADER not in head


def version_of(text: str) -> str:
    """Return the version in what `dockerd --version` prints, or the whole of it."""
    words = text.replace(",", " ").split()
    if "version" in words[:-1]:
        return words[words.index("version") + 1]
    return text.strip()


@cache
def name() -> str:
    """Return what the peer is called, with its version."""
    return f"Docker {version_of(run('dockerd', '--version')).partition('+')[0]}"


def reason_of(log: str) -> str:
    """Return the last thing that a daemon complained of, or its last line."""
    lines = log.strip().splitlines() or ["it said nothing"]
    words = ("level=fatal", "failed to start daemon", "level=error", "panic:")
    for word in words:
        for line in reversed(lines):
            if word in line:
                return line.strip()
    return lines[-1].strip()


def image() -> bytes:
    """Return the tar of an image that holds one program."""
    found = which(BUSYBOX)
    assert found is not None, "it was looked for"
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        about = tarfile.TarInfo(BUSYBOX)
        program = Path(found).read_bytes()
        about.size, about.mode = len(program), 0o755
        tar.addfile(about, io.BytesIO(program))
    return data.getvalue()


class Connection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Dockers:
    """Daemons on the hosts of a switch; a context that ends all of them."""

    def __init__(self, ground: Ground, count: int) -> None:
        self.switch = Switch(ground, count)
        self._folders = [ground.run_dir() for _ in range(count)]
        self._holders: dict[int, subprocess.Popen[bytes]] = {}
        self._firsts: dict[int, int] = {}
        self._daemons: dict[int, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> "Dockers":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for index, holder in self._holders.items():
            with suppress(ProcessLookupError):
                # With it, the kernel ends all others of its namespace, then it ends.
                os.kill(self._firsts.get(index, holder.pid), signal.SIGKILL)
            holder.wait(ENDING_S)
            assert holder.stdout is not None, "it is a pipe"
            holder.stdout.close()
        for daemon in self._daemons.values():
            daemon.wait(ENDING_S)

    def _hold(self, index: int) -> None:
        """Make a host's namespaces, and wait until they are furnished."""
        own = ("unshare", "--mount", "--pid", "--fork", "--kill-child")
        holder = self.switch.start(index, *own, "sh", "-c", HOLD, out=subprocess.PIPE)
        self._holders[index] = holder
        assert holder.stdout is not None, "it is a pipe"
        said = holder.stdout.readline().decode().strip()
        if not said.isdigit():
            raise CannotRun(f"no namespaces of its own: {said}")
        self._firsts[index] = int(said)

    def start(self, index: int) -> None:
        """Start a daemon, and wait until it serves.

        Raises:
            CannotRun: it does not.
        """
        if index not in self._holders:
            self._hold(index)
        folder = self._folders[index]
        enter = ("nsenter", "--target", str(self._firsts[index]), "--mount", "--pid")
        options = (
            f"--data-root={folder / 'data'}",
            f"--host=unix://{folder / SOCKET}",
            f"--cgroup-parent={group_of(index)}",
        )
        with self._log(index).open("ab") as log:
            self._daemons[index] = self.switch.start(
                index, *enter, "dockerd", *options, out=log
            )
        until(f"dockerd {index}", partial(self._serves, index))

    def _log(self, index: int) -> Path:
        return self._folders[index] / "log"

    def _serves(self, index: int) -> bool:
        if self._daemons[index].poll() is not None:
            raise CannotRun(reason_of(self._log(index).read_text()))
        try:
            self.call(index, "GET", "info")
        except OSError:
            return False
        return True

    def kill(self, index: int) -> None:
        """End a daemon by SIGKILL; its containers live on."""
        pid = next(pid for pid, name in self.processes(index) if name == "dockerd")
        os.kill(pid, signal.SIGKILL)
        self._daemons.pop(index).wait(ENDING_S)

    def processes(self, index: int) -> list[tuple[int, str]]:
        """Return what runs for a daemon: numbers and names, containers left out."""
        mine = os.readlink(f"/proc/{self._firsts[index]}/ns/pid")
        return [
            one
            for one in _all_processes()
            if one[0] != self._firsts[index] and _namespace(one[0]) == mine
        ]

    def call(self, index: int, method: str, path: str, body: object = None) -> Any:
        """Return what a daemon answers.

        Raises:
            RuntimeError: it refused, with its words. OSError: nobody answers.
        """
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = "application/x-tar" if isinstance(body, bytes) else "application/json"
        connection = Connection(self._folders[index] / SOCKET, WAIT_S)
        try:
            headers = {"Content-Type": kind}
            connection.request(method, f"/{path}", data, headers)
            answer = connection.getresponse()
            told = answer.read()
        except http.client.HTTPException as error:
            raise ConnectionError(str(error)) from error
        finally:
            connection.close()
        if answer.status >= OK:
            said = told.decode(errors="replace").strip()
            raise RuntimeError(f"docker {method} {path}: {answer.status} {said}")
        with suppress(ValueError):
            return json.loads(told)
        return None

    def begin(self) -> None:
        """Start all daemons, make a swarm of them, and give each the image."""
        count = len(self.switch.hosts)
        for index in range(count):
            self.start(index)
        listen = {"ListenAddr": f"0.0.0.0:{SWARM_PORT}"}
        mine = {**listen, "AdvertiseAddr": address_of(0)}
        self.call(0, "POST", "swarm/init", mine)
        token = self.call(0, "GET", "swarm")["JoinTokens"]["Worker"]
        for index in range(1, count):
            where = {"RemoteAddrs": [f"{address_of(0)}:{SWARM_PORT}"]}
            mine = {**listen, "AdvertiseAddr": address_of(index), "JoinToken": token}
            self.call(index, "POST", "swarm/join", {**where, **mine})
        until("all ready", lambda: self.ready() == count)
        made = image()
        for index in range(count):
            self.call(index, "POST", f"images/create?fromSrc=-&repo={IMAGE}", made)

    def ready(self) -> int:
        """Return how many nodes the manager holds for ready."""
        nodes = self.call(0, "GET", "nodes")
        return sum(one["Status"]["State"] == "ready" for one in nodes)

    def network(self, name: str) -> str:
        """Make an overlay network that containers may join; return its id."""
        about = {"Name": name, "Driver": "overlay", "Attachable": True}
        return str(self.call(0, "POST", "networks/create", about)["Id"])

    def create(self, index: int, name: str, network: str = "bridge") -> None:
        """Make a container in a network, by default the daemon's own bridge."""
        about = {
            "Image": f"{IMAGE}:latest",
            "Cmd": list(IDLE),
            "HostConfig": {"NetworkMode": network},
        }
        self.call(index, "POST", f"containers/create?name={name}", about)

    def run(self, index: int, name: str, network: str = "bridge") -> None:
        """Make a container in a network and start it, as `docker run` does."""
        self.create(index, name, network)
        self.call(index, "POST", f"containers/{name}/start")

    def address(self, index: int, name: str, network: str) -> tuple[str, str]:
        """Return a container's IP address and MAC in a network."""
        found = self.call(index, "GET", f"containers/{name}/json")
        mine = found["NetworkSettings"]["Networks"][network]
        return mine["IPAddress"], mine["MacAddress"]

    def box(self, index: int, name: str) -> str:
        """Return where the namespace of a container's network stands."""
        found = self.call(index, "GET", f"containers/{name}/json")
        key = Path(found["NetworkSettings"]["SandboxKey"]).name
        return str(self._namespaces(index) / key)

    def space(self, index: int, network: str) -> str:
        """Return where a network's namespace stands, by the network's id.

        There is one once a container of the host is in the network.
        """
        found = self._namespaces(index).glob(f"*-{network[:10]}")
        return str(next(iter(found)))

    def _namespaces(self, index: int) -> Path:
        return Path("/proc", str(self._firsts[index]), "root", NAMESPACES)


def _all_processes() -> Iterator[tuple[int, str]]:
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            with suppress(OSError):
                yield int(place.name), (place / "comm").read_text().strip()


def _namespace(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:
        return ""
