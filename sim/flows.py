"""What one machine's kernel needs for packets to and from one endpoint.

Looked up in the kernel's own cells, not through what a data plane reads of it: so often
that a look may cost next to nothing, and also of what nobody adopted yet.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sim.kernel.cells import LinkCell, NamespaceCell
from sim.machine import Machine
from swarmnet.ids import Scope
from swarmnet.kernel.firewall import OURS
from swarmnet.kernel.state import HOST, Address, Route, connected_route
from swarmnet.node.endpoints import KnownEndpoint
from swarmnet.node.networks import KnownNetwork
from swarmnet.overlay.naming import (
    BRIDGE,
    alias_of,
    box_of,
    device_of,
    namespace_of,
    port_of,
)


@dataclass(frozen=True, slots=True)
class Connected:
    """An endpoint that is there, on `machine`, and the network that it is in."""

    machine: Machine
    endpoint: KnownEndpoint
    network: KnownNetwork
    mac: bytes

    @property
    def id(self) -> tuple[Scope, bytes]:
        """What tells it from all others."""
        return (self.endpoint.network, self.endpoint.id)

    def show(self) -> str:
        """Return which one it is, to be read."""
        facts = self.endpoint.facts
        at = ", ".join(str(address) for _, address in facts.addresses)
        where = f"{self.network.facts.name} {self.endpoint.network.hex()[:8]}"
        return f"{facts.name} ({at}) of {where} on {self.machine.index}"


def connected(
    machine: Machine, endpoint: KnownEndpoint, network: KnownNetwork
) -> Connected:
    """Return an endpoint that was just connected."""
    return Connected(machine, endpoint, network, endpoint.facts.station)


def lacking(viewer: Machine, one: Connected) -> str | None:
    """Return what a machine lacks so that packets flow, or None if it has all."""
    home = viewer.kernel._machine.namespaces.get(_key(one))
    if home is None:
        return "the namespace"
    if viewer is one.machine:
        return next(_lacking_here(viewer, home, one), None)
    return next(_lacking_there(viewer, home, one), None)


def _key(one: Connected) -> str:
    return namespace_of(one.endpoint.network.hex())


def _lacking_there(
    viewer: Machine, home: NamespaceCell, one: Connected
) -> Iterator[str]:
    vtep, first = one.machine.vtep, True
    for index, address in one.endpoint.facts.addresses:
        device = home.links.get(device_of(index))
        if not _is_joined(device):
            yield device_of(index)
            return
        assert device is not None, "it is joined"
        if device.neighbours.get(address.packed) != one.mac:
            yield f"neighbour {address}"
        if first and device.fdb.get(one.mac) != vtep.packed:
            yield f"FDB entry {one.mac.hex(':')}"
        if first and len(one.network.facts.subnets) > 1:
            yield from _lacking_station(home, one.mac, device.name)
        first = False
    table = viewer.kernel._machine.namespaces[HOST].tables.get(OURS)
    elements = {} if table is None else table.elements.get(f"vteps{vtep.version}", {})
    for subnet in one.network.facts.subnets:
        if f"{subnet.vni} . {vtep}" not in elements:
            yield f"{vtep} among those let in with {subnet.vni}"


def _lacking_here(
    machine: Machine, home: NamespaceCell, one: Connected
) -> Iterator[str]:
    port = home.links.get(port_of(one.endpoint.id.hex()))
    if not _is_joined(port):
        yield "port"
        return
    assert port is not None, "it is joined"
    yield from _lacking_station(home, one.mac, port.name)
    box, inside = _box(machine, one.endpoint.facts.sandbox), port.other
    if box is None or inside is None or inside.home is not box:
        yield "link inside"
        return
    alias = alias_of(one.endpoint.network.hex(), one.endpoint.id.hex())
    link = inside.link
    if not (link.is_up and link.mac == one.mac and link.alias == alias):
        yield "link inside as it should be"
    subnets = [known.subnet.prefix for known in one.network.facts.subnets]
    near: list[int] = []
    for index, ip in one.endpoint.facts.addresses:
        near.append(index)
        address = Address(link.name, ip.packed, subnets[index].prefixlen)
        if address not in box.addresses:
            yield f"address {ip}"
        if connected_route(address) not in box.routes:
            yield f"connected route of {ip}"
    versions = [ip.version for _, ip in one.endpoint.facts.addresses]
    for index, subnet in enumerate(subnets):
        far = Route(subnet.network_address.packed, subnet.prefixlen, link.name)
        is_needed = index not in near and subnet.version in versions
        if is_needed and far not in box.routes:
            yield f"route {subnet}"


def _is_joined(port: LinkCell | None) -> bool:
    """Say whether a link is up, in a bridge that is up."""
    if port is None or port.link.master != BRIDGE or not port.link.is_up:
        return False
    return port.home.links[BRIDGE].link.is_up


def _lacking_station(home: NamespaceCell, mac: bytes, port: str) -> Iterator[str]:
    if home.links[BRIDGE].stations.get(mac) != port:
        yield f"station {mac.hex(':')} at {port}"


def _box(machine: Machine, name: str) -> NamespaceCell | None:
    sandbox, kernel = machine.sandboxes.get(name), machine.kernel._machine
    if sandbox is None:
        return None
    if sandbox.netns is None:
        return kernel.namespaces.get(box_of(name))
    return kernel.sandboxes.get(sandbox.netns)


def entries_of_nobody(viewer: Machine, network: Scope, there: list[Connected]) -> str:
    """Return entries of a network for what none of those endpoints has; "" for none.

    `there` are all that are in it.
    """
    home = viewer.kernel._machine.namespaces.get(namespace_of(network.hex()))
    far = [one for one in there if one.machine is not viewer]
    macs = [one.mac for one in far]
    ips = [a.packed for one in far for _, a in one.endpoint.facts.addresses]
    found: list[str] = []
    for cell in () if home is None else home.links.values():
        found += [f"FDB entry {mac.hex(':')}" for mac in cell.fdb if mac not in macs]
        found += [f"neighbour {ip.hex()}" for ip in cell.neighbours if ip not in ips]
    return ", ".join(found)
