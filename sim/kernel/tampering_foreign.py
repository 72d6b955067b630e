"""Things that others add beside ours; nothing of them may be touched."""

from random import Random
from typing import Final

from sim.kernel.cells import LinkCell, Machine, NamespaceCell
from sim.kernel.foreign import Foreign
from sim.kernel.ours import shared_namespaces
from swarmnet.kernel.firewall import Set, Table
from swarmnet.kernel.links import Kind, Link, Vxlan
from swarmnet.kernel.state import HOST, Address, Route

VNIS_OF_OTHERS: Final = 15_000_000
STATIC: Final = 4
"""A route that an administrator set up (RTPROT_STATIC)."""


def add_link(machine: Machine, foreign: Foreign, random: Random) -> str | None:
    """Add a link beside ours, up, with an address."""
    home = random.choice(shared_namespaces(machine))
    name = _new_name(machine)
    mac = machine.new_mac()
    foreign.add_link(machine, home, Link(name, Kind.OTHER, 1500, mac=mac))
    address = Address(name, bytes([198, 20, *random.randbytes(2)]), 24)
    foreign.add_address(machine, home, address)
    return f"{home.label}:{name}"


def add_bridge(machine: Machine, foreign: Foreign, random: Random) -> str | None:
    """Add a bridge with a port, as Docker does, in the host's namespace."""
    home = machine.namespaces[HOST]
    bridge = _new_name(machine)
    foreign.add_link(machine, home, Link(bridge, Kind.BRIDGE, 1500))
    port = Link(_new_name(machine), Kind.OTHER, 1500, master=bridge)
    foreign.add_link(machine, home, port)
    return bridge


def add_vxlan(machine: Machine, foreign: Foreign, random: Random) -> str | None:
    """Add a VXLAN device on Docker's port, of a VNI that we do not use."""
    home = machine.namespaces[HOST]
    name = _new_name(machine)
    vni = VNIS_OF_OTHERS + machine.links_made
    vxlan = Vxlan(vni, bytes([10, 0, 0, 1]), 4789, learning=True)
    link = Link(name, Kind.VXLAN, 1450, vxlan=vxlan)
    cell = foreign.add_link(machine, home, link)
    cell.fdb[bytes([6, *random.randbytes(5)])] = random.randbytes(4)
    return f"{name} VNI {vni}"


def add_address(machine: Machine, foreign: Foreign, random: Random) -> str | None:
    """Give a link of others one more address."""
    if (cell := _foreign_link(machine, foreign, random)) is None:
        return None
    ip = bytes([198, 21, *random.randbytes(2)])
    foreign.add_address(machine, cell.home, Address(cell.name, ip, 32))
    return f"{cell.home.label}:{cell.name} {ip.hex()}/32"


def add_route(machine: Machine, foreign: Foreign, random: Random) -> str | None:
    """Add a route by a link of others."""
    cell = _foreign_link(machine, foreign, random)
    if cell is None or not cell.link.is_up:
        return None
    prefix = bytes([198, 22, *random.randbytes(1), 0])
    if any(r.destination == prefix for r in cell.home.routes):
        return None
    foreign.add_route(machine, cell.home, Route(prefix, 24, cell.name, None, STATIC))
    return f"{cell.home.label}:{cell.name} {prefix.hex()}/24"


def add_table(machine: Machine, foreign: Foreign, random: Random) -> str | None:
    """Add a firewall table beside ours."""
    home: NamespaceCell = random.choice(shared_namespaces(machine))
    name = f"others{len(foreign.tables)}"
    sets = (Set("ports", "type inet_service"),)
    elements = {"ports": {str(random.randrange(1, 65536)): None}}
    foreign.add_table(home, Table("inet", name, sets, "chain c {}", elements))
    return f"{home.label}: {name}"


def _new_name(machine: Machine) -> str:
    machine.links_made += 1
    return f"ext{machine.links_made}"


def _foreign_link(
    machine: Machine, foreign: Foreign, random: Random
) -> LinkCell | None:
    """Return a link of others in a shared namespace, in no bridge."""
    shared = shared_namespaces(machine)
    cells = [
        cell
        for cell, _ in foreign.links
        if cell.home in shared
        and cell.home.links.get(cell.name) is cell
        and cell.bridge is None
    ]
    return random.choice(cells) if cells else None


ACTS: Final = {
    "foreign-link": add_link,
    "foreign-bridge": add_bridge,
    "foreign-vxlan": add_vxlan,
    "foreign-address": add_address,
    "foreign-route": add_route,
    "foreign-table": add_table,
}
