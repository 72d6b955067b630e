"""Hosts on one wire, each a namespace with a kernel and a data plane of its own."""

import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path

from swarmnet.cnm.endpoint import IP, Endpoint, Publish, mac_of
from swarmnet.cnm.network import Attachment, Network, NetworkView, Subnet
from swarmnet.cnm.sandbox import Sandbox
from swarmnet.kernel.operations import Failure
from swarmnet.kernel.reconcile import reconcile
from swarmnet.kernel.state import HOST, Host, Namespace
from swarmnet.node.dataplane import Dataplane
from swarmnet.node.desired import Place
from swarmnet.overlay.naming import box_of, namespace_of
from swarmnet.runtime.kernel import Kernel
from swarmnet.runtime.linux import run_in
from swarmnet.runtime.nft import Nft, find_nft
from swarmnet.runtime.steering import settle
from tests.runtime.conftest import ran

RETRIES_MAX = 3


@dataclass(frozen=True, slots=True)
class Machine:
    """A host: the descriptor of its namespace, its kernel, its address."""

    name: str
    vtep: IP
    fd: int
    kernel: Kernel


class Lan:
    """Hosts `a`, `b`, … on a switch; all have the networks that are told."""

    def __init__(
        self, make_host: Callable[[], int], run_dir: Path, vteps: Sequence[str]
    ) -> None:
        self._switch = make_host()
        ran(self._switch, "ip", "link", "add", "sw", "type", "bridge")
        ran(self._switch, "ip", "link", "set", "sw", "up")
        self.machines: list[Machine] = []
        self.views: list[NetworkView] = []
        for number, vtep in enumerate(vteps):
            self.machines.append(self._machine(make_host(), number, vtep, run_dir))

    def _machine(self, fd: int, number: int, vtep: str, run_dir: Path) -> Machine:
        path, port = f"/proc/{os.getpid()}/fd/{fd}", f"p{number}"
        pair = ("ip", "link", "add", port, "type", "veth", "peer", "name", "e0")
        ran(self._switch, *pair, "netns", path)
        ran(self._switch, "ip", "link", "set", port, "master", "sw", "up")
        ran(fd, "ip", "link", "set", "e0", "up")
        length = "24" if ip_address(vtep).version == 4 else "64"
        more = () if length == "24" else ("nodad",)
        ran(fd, "ip", "address", "add", f"{vtep}/{length}", "dev", "e0", *more)
        name = chr(ord("a") + number)
        nft = find_nft()
        kernel = Kernel(run_dir / name, Nft(nft) if nft else None, host=path)
        return Machine(name, ip_address(vtep), fd, kernel)

    def close(self) -> None:
        """Remove all of it."""
        self.views = []
        try:
            for machine in self.machines:
                self.apply(machine, sandboxes=())
        finally:
            for machine in self.machines:
                machine.kernel.clean()
                machine.kernel.close()

    def add(self, network: Network, *endpoints: Endpoint) -> None:
        """Let there be a network, with these endpoints; all hosts take part."""
        attachments = [Attachment(one.name, one.vtep, 1500) for one in self.machines]
        self.views.append(NetworkView(network, attachments, endpoints))

    def plane(self, machine: Machine, sandboxes: Sequence[Sandbox]) -> Dataplane:
        place = Place(machine.name, machine.vtep, has_firewall=find_nft() is not None)
        plane = Dataplane(place)
        for sandbox in sandboxes:
            plane.set_sandbox(0.0, sandbox)
        for view in self.views:
            plane.set_network(0.0, view.network, view.attachments, view.endpoints)
        plane.start(0.0, machine.kernel.names())
        plane.complete(0.0)
        return plane

    def apply(
        self, machine: Machine, sandboxes: Sequence[Sandbox] | None = None
    ) -> list[Failure]:
        """Make one host's kernel hold what is told; return what it refuses."""
        if sandboxes is None:
            local = {e.sandbox: None for v in self.views for e in v.endpoints}
            here = [
                name
                for name in local
                if any(
                    e.sandbox == name and e.node == machine.name
                    for v in self.views
                    for e in v.endpoints
                )
            ]
            sandboxes = [Sandbox(name) for name in here]
        plane = self.plane(machine, sandboxes)
        settle(plane, machine.kernel, RETRIES_MAX)
        failures = list(plane.failures())
        if not failures:
            assert self.differs(machine, plane) == []
        return failures

    def differs(self, machine: Machine, plane: Dataplane) -> list[object]:
        """Return what a kernel lacks of its plan, as it reads now."""
        desired = dict(plane.desired.namespaces)
        names = [HOST, *machine.kernel.names()]
        held = {
            name: machine.kernel.read(name, desired.get(name, Namespace()))
            for name in names
        }
        return list(reconcile(Host(desired), Host(held)))

    def apply_all(self) -> None:
        for machine in self.machines:
            assert self.apply(machine) == []

    def run(self, machine: str, sandbox: str, *command: str) -> tuple[int, str]:
        """Run a command in a sandbox; return its exit status and what it prints."""
        kernel = next(one.kernel for one in self.machines if one.name == machine)
        fd = kernel.open(box_of(sandbox))
        try:
            done = run_in(
                fd,
                lambda: subprocess.run(
                    command, capture_output=True, text=True, check=False
                ),
            )
        finally:
            os.close(fd)
        return done.returncode, done.stdout + done.stderr

    def pings(self, machine: str, sandbox: str, address: str, size: int = 56) -> bool:
        """Return whether one ping, never fragmented, is answered."""
        command = ("ping", "-c1", "-W1", "-M", "do", "-s", str(size), address)
        return self.run(machine, sandbox, *command)[0] == 0


def network(name: str, *subnets: str, **more: object) -> Network:
    """Return a network; a subnet is `CIDR VNI`, its gateway the first address."""
    found = []
    for one in subnets:
        cidr, vni = one.split()
        prefix = ip_network(cidr)
        found.append(Subnet(prefix, prefix.network_address + 1, int(vni)))
    return Network(name.encode().hex().ljust(32, "0"), name, tuple(found), **more)  # type: ignore[arg-type]


def endpoint(
    node: str, sandbox: str, *addresses: str, publish: tuple[Publish, ...] = ()
) -> Endpoint:
    """Return an endpoint; its id follows from its first address."""
    ips = tuple(ip_address(one) for one in addresses)
    number = ips[0].packed[-4:].hex() * 4
    return Endpoint(number, sandbox, node, sandbox, ips, mac_of(ips), publish)


def inside(one: Network) -> str:
    """Return the key of a network's namespace."""
    return namespace_of(one.id)
