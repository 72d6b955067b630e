"""Hosts to measure on: network namespaces of our own, never this machine's.

They have no names, so they go with the process. What must have one (pins, control
groups, and what `ip netns` makes for the peers) is cleared away at the end, or else by
the next run. Processes end with who started them (`lifelines`, `sim.workers`).
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ipaddress import IPv4Address, ip_network
from pathlib import Path
from time import monotonic, sleep
from typing import Final, TypeVar

from benchmarks.values import Clock, Of, Row, Spread, Target
from swarmnet.cnm.endpoint import Endpoint, mac_of
from swarmnet.cnm.network import Attachment, Network, Prefix, Subnet
from swarmnet.node.dataplane import Dataplane
from swarmnet.node.desired import Place
from swarmnet.runtime.kernel import Kernel
from swarmnet.runtime.linux import in_thread, run_in
from swarmnet.runtime.namespaces import Namespaces, make_namespace
from swarmnet.runtime.nft import Nft, find_nft
from swarmnet.runtime.steering import settle

K = TypeVar("K", bound=Kernel)
PREFIX: Final = "swarmnet-bench-"
NAMED: Final = Path("/run/netns")
"""Where `ip netns` keeps its names."""
GROUPS: Final = Path("/sys/fs/cgroup")
ENDING_S: Final = 5.0
RETRY_S: Final = 0.02
HERE: Final = f"{1:032x}"
THERE: Final = f"{2:032x}"
VTEP_HERE: Final = IPv4Address("10.99.0.1")
VTEP_THERE: Final = IPv4Address("10.99.0.2")


class Ground:
    """Makes hosts; a context that takes all of them away."""

    def __init__(self) -> None:
        clear_dead()
        self._folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
        self._folder.chmod(0o755)
        self._hosts: list[int] = []
        self._kernels: list[Kernel] = []
        self._run_dirs = 0

    def __enter__(self) -> "Ground":
        return self

    def __exit__(self, *error: object) -> None:
        for kernel in self._kernels:
            kernel.close()
        for fd in self._hosts:
            os.close(fd)
        _clear(self._folder)
        prefix = f"{PREFIX}{os.getpid()}-"
        _clear_named(prefix)
        _clear_groups(prefix)

    def host(self) -> int:
        """Return a descriptor of a new namespace; it is closed at the end."""
        self._hosts.append(in_thread(make_namespace))
        return self._hosts[-1]

    def keep(self, fd: int) -> int:
        """Close a descriptor at the end."""
        self._hosts.append(fd)
        return fd

    def kernel(self, make: type[K], host: int | None = None) -> K:
        """Return the kernel of a host, by default a new one; with a firewall."""
        fd = self.host() if host is None else host
        run_dir = self._folder / str(len(self._kernels))
        path = find_nft()
        nft = None if path is None else Nft(path)
        kernel = make(run_dir, nft, host=path_of(fd))
        self._kernels.append(kernel)
        return kernel

    def run_dir(self) -> Path:
        """Return a run directory for a process; what it pins is cleared at the end."""
        self._run_dirs += 1
        folder = self._folder / f"run{self._run_dirs}"
        folder.mkdir()
        return folder

    def names(self) -> int:
        """Return how many pins are left under the run directories."""
        return sum(len(kernel.names(clear=False)) for kernel in self._kernels)


def clear_dead() -> None:
    """Clear away what runs left that were killed."""
    places = [*Path(tempfile.gettempdir()).glob(f"{PREFIX}*")]
    names = [*NAMED.glob(f"{PREFIX}*")] if NAMED.is_dir() else []
    for place in [*places, *names, *_groups(PREFIX)]:
        pid = place.name.removeprefix(PREFIX).partition("-")[0]
        # Others' folders begin alike.
        if not pid.isdigit() or Path("/proc", pid).exists():
            continue
        # Another run may be clearing it away too.
        with suppress(FileNotFoundError):
            if place.parent == NAMED:
                _clear_named(place.name)
            elif GROUPS in place.parents:
                _clear_groups(place.name)
            else:
                _clear(place)


def group_of(index: int) -> str:
    """Return the control group for what a peer starts on a host, from the root."""
    return f"/{PREFIX}{os.getpid()}-{index}"


def _clear(folder: Path) -> None:
    for run_dir in folder.iterdir():
        pins = Namespaces(run_dir)
        for key in pins.names():
            pins.remove(key)
        pins.clean()
        pins.close()
    shutil.rmtree(folder)


def _groups(prefix: str) -> list[Path]:
    """Return the control groups of a prefix, in all hierarchies."""
    return [*GROUPS.glob(f"{prefix}*"), *GROUPS.glob(f"*/{prefix}*")]


def _clear_groups(prefix: str) -> None:
    """Remove control groups and all below; their processes may still be ending."""
    until = monotonic() + ENDING_S
    while (groups := _groups(prefix)) and monotonic() < until:
        for group in groups:
            _remove_tree(group)
        sleep(RETRY_S)


def _remove_tree(group: Path) -> None:
    for place, _, _ in os.walk(group, topdown=False):
        with suppress(OSError):
            Path(place).rmdir()


def _clear_named(prefix: str) -> None:
    for place in NAMED.glob(f"{prefix}*") if NAMED.is_dir() else ():
        with suppress(RuntimeError):
            run("ip", "netns", "delete", place.name)


def run(*command: str, text: str = "") -> str:
    """Run a command; return what it prints.

    Raises:
        RuntimeError: it failed; with what it said.
    """
    done = subprocess.run(
        command, input=text, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout


def run_inside(fd: int, *command: str, text: str = "") -> str:
    """Run a command in a namespace; return what it prints."""
    return run_in(fd, lambda: run(*command, text=text))


@contextmanager
def opened(kernel: Kernel, key: str) -> Iterator[int]:
    """Open a namespace of ours."""
    fd = kernel.open(key)
    try:
        yield fd
    finally:
        os.close(fd)


def path_of(fd: int) -> str:
    """Return the path by which a child process finds a namespace."""
    return f"/proc/{os.getpid()}/fd/{fd}"


def underlay(one: int, other: int) -> None:
    """Join two hosts by a cable, with the addresses of their VTEPs."""
    far = ("peer", "name", "uplink", "netns", path_of(other))
    run_inside(one, "ip", "link", "add", "uplink", "type", "veth", *far)
    for fd, vtep in ((one, VTEP_HERE), (other, VTEP_THERE)):
        run_inside(fd, "ip", "address", "add", f"{vtep}/24", "dev", "uplink")
        run_inside(fd, "ip", "link", "set", "uplink", "addrgenmode", "none", "up")


# What a data plane is told


def place_of(node: str) -> Place:
    """Return one of the two hosts, its underlay's MTU given."""
    return Place(node, VTEP_HERE if node == HERE else VTEP_THERE, mtu=1500)


def started(kernel: Kernel, node: str = HERE) -> Dataplane:
    """Return a data plane that has begun, and wants nothing yet."""
    plane = Dataplane(place_of(node))
    plane.start(monotonic(), kernel.names())
    plane.complete(monotonic())
    serve(plane, kernel)
    return plane


def serve(plane: Dataplane, kernel: Kernel) -> None:
    """Do all that a data plane wants; nothing may be refused."""
    settle(plane, kernel, retries_max=0)
    failures = list(plane.failures())
    assert not failures, failures[:3]
    assert plane.is_settled


def network_of(number: int, *prefixes: str) -> Network:
    """Return an internal network, so that its sandboxes need no gateway."""
    subnets = [ip_network(one) for one in prefixes]
    return Network(
        id=f"{number:032x}",
        name=f"n{number}",
        subnets=tuple(
            _subnet(one, 4096 + 8 * number + i) for i, one in enumerate(subnets)
        ),
        is_internal=True,
    )


def _subnet(prefix: Prefix, vni: int) -> Subnet:
    return Subnet(prefix, vni=vni)


def endpoint_of(
    number: int, node: str, network: Network, *, sandbox: str = ""
) -> Endpoint:
    """Return an endpoint with the numbered address of each subnet's family once."""
    by_version = {one.prefix.version: one.prefix for one in reversed(network.subnets)}
    addresses = tuple(by_version[v][number] for v in sorted(by_version))
    return Endpoint(
        # A port is named by its first 12 digits.
        id=f"{number:012x}".ljust(32, "0"),
        name=f"e{number}",
        node=node,
        sandbox=sandbox or f"s{number}",
        addresses=addresses,
        mac=mac_of(addresses),
    )


BOTH: Final = (Attachment(HERE, VTEP_HERE, 1500), Attachment(THERE, VTEP_THERE, 1500))


# Results


def rate_row(
    measure: str, ours: Spread, peer: Spread, times: float | None = None, note: str = ""
) -> Row:
    """Return rates beside a peer's; `times` the peer's are wanted."""
    limit = (
        ()
        if times is None
        else (Target(Of.MEDIAN, times * peer.median, at_least=True),)
    )
    return Row(measure, "/s", Clock.WALL, ours, peer, limit, note=note)
