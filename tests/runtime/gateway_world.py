"""A host with sandboxes on its gateway bridge, and a machine outside: real namespaces.

What a plan says of links, addresses, routes and sysctls is put in by `ip`, so that only
the firewall is ours.
"""

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from swarmnet.kernel.links import Port
from swarmnet.kernel.operations import PutTable
from swarmnet.kernel.state import HOST, Namespace
from swarmnet.overlay.gateway import GatewayPlan, GatewaySandbox, plan_gateway, table_of
from swarmnet.runtime.linux import run_in
from swarmnet.runtime.nft import Nft
from tests.runtime.conftest import ran

HOST_IP = "10.9.0.1"
HOST_IP6 = "fd09::1"
OUTSIDE_IP = "10.9.0.2"
OUTSIDE_IP6 = "fd09::2"
PATIENCE_S = 5.0


@dataclass
class World:
    """`host` and `outside` share a cable; `boxes` are sandboxes by their name."""

    host: int
    outside: int
    boxes: dict[str, int] = field(default_factory=dict)
    sockets: list[socket.socket] = field(default_factory=list)

    def _open(self, where: int, kind: int, ip: str) -> socket.socket:
        family = socket.AF_INET6 if ":" in ip else socket.AF_INET
        made = run_in(where, lambda: socket.socket(family, kind))
        made.settimeout(PATIENCE_S)
        self.sockets.append(made)
        return made

    def udp(self, where: int, port: int = 0, ip: str = "0.0.0.0") -> socket.socket:
        made = self._open(where, socket.SOCK_DGRAM, ip)
        made.bind((ip, port))
        return made

    def tcp(self, where: int, port: int, ip: str = "0.0.0.0") -> socket.socket:
        made = self._open(where, socket.SOCK_STREAM, ip)
        made.bind((ip, port))
        made.listen()
        return made

    def raw6(self, where: int, protocol: int) -> socket.socket:
        """A socket that sends what stands after an IPv6 header (44: a fragment)."""
        kind = socket.SOCK_RAW
        made = run_in(where, lambda: socket.socket(socket.AF_INET6, kind, protocol))
        self.sockets.append(made)
        return made

    def dial(self, where: int, target: tuple[str, int]) -> socket.socket:
        caller = self._open(where, socket.SOCK_STREAM, target[0])
        caller.connect(target)
        return caller

    def source_seen(
        self, where: int, target: tuple[str, int], at: socket.socket
    ) -> str:
        """Connect by TCP, and return who it looks to the listener to be."""
        caller = self.dial(where, target)
        called, address = at.accept()
        self.sockets.append(called)
        caller.sendall(b"over")
        assert called.recv(4) == b"over"
        return str(address[0])

    def close(self) -> None:
        for one in self.sockets:
            one.close()


def join(one: int, other: int, name: str, other_name: str) -> None:
    """Join two namespaces by a veth pair."""
    place = f"/proc/{os.getpid()}/fd/{other}"
    far = ("peer", "name", other_name, "netns", place)
    ran(one, "ip", "link", "add", name, "type", "veth", *far)


def build_world(
    make_host: Callable[[], int], nft: Nft, sandboxes: Sequence[GatewaySandbox]
) -> World:
    """Build what is planned for these sandboxes, and load its firewall."""
    plan = plan_gateway(sandboxes, held=None, avoid=[], mtu=1500)
    world = World(
        make_host(), make_host(), {one.name: make_host() for one in sandboxes}
    )
    join(world.host, world.outside, "uplink", "uplink")
    for where, last in ((world.host, 1), (world.outside, 2)):
        add_address(where, "uplink", f"10.9.0.{last}/24")
        add_address(where, "uplink", f"fd09::{last}/64")
        # The host would look for neighbours by a link-local address that is not ready.
        ran(where, "ip", "link", "set", "uplink", "addrgenmode", "none", "up")
    _links(world, plan)
    for one in sandboxes:
        _fill(world.boxes[one.name], plan.namespaces[f"box/{one.name}"])
    _fill(world.host, plan.namespaces[HOST])
    put_table(world, nft, plan)
    return world


def put_table(world: World, nft: Nft, plan: GatewayPlan) -> None:
    table = table_of({4097: []}, 4789, plan)
    assert table is not None
    assert nft.apply(world.host, [PutTable(HOST, table)]) == []


def _links(world: World, plan: GatewayPlan) -> None:
    for link in plan.namespaces[HOST].links.values():
        if link.peer is None:
            assert link.mac is not None
            mac = ("address", link.mac.hex(":"))
            ran(world.host, "ip", "link", "add", link.name, *mac, "type", "bridge")
        else:
            box = world.boxes[link.peer.namespace.removeprefix("box/")]
            join(world.host, box, link.name, link.peer.name)


def _fill(where: int, part: Namespace) -> None:
    """Give the links of a namespace all that stands on them."""
    for link in part.links.values():
        mac = ("address", link.mac.hex(":")) if link.mac else ()
        ran(where, "ip", "link", "set", link.name, *mac, "addrgenmode", "none", "up")
        if link.port is not None and link.master is not None:
            ran(where, "ip", "link", "set", link.name, "master", link.master)
            flags = _flags(link.port)
            ran(where, "bridge", "link", "set", "dev", link.name, *flags)
    for mac_bytes, port in part.stations.items():
        entry = (mac_bytes.hex(":"), "dev", port, "master", "static")
        ran(where, "bridge", "fdb", "replace", *entry)
    for path, value in part.sysctls.items():
        write_sysctl(where, path, value)
    for address in part.addresses:
        add_address(where, address.link, f"{ip_address(address.ip)}/{address.length}")
    for route in part.routes:
        assert route.via is not None
        via, target = ip_address(route.via), ip_address(route.destination)
        target_text = f"{target}/{route.length}"
        ran(
            where, "ip", "route", "add", target_text, "via", str(via), "dev", route.link
        )


def _flags(port: Port) -> Iterator[str]:
    for name in ("isolated", "learning", "flood"):
        yield name
        yield "on" if getattr(port, name) else "off"


def add_address(where: int, link: str, text: str) -> None:
    nodad = ("nodad",) if ":" in text else ()
    ran(where, "ip", "address", "add", text, "dev", link, *nodad)


def write_sysctl(where: int, path: str, value: str) -> None:
    """Write a value as a namespace sees it, which is the writing thread's."""
    run_in(where, lambda: Path("/proc/sys", path).write_text(value))
