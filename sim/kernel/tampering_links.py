"""Tampering with our links."""

from dataclasses import replace
from random import Random
from typing import Final

from sim.kernel import linking
from sim.kernel.cells import LinkCell, Machine
from sim.kernel.foreign import Foreign
from sim.kernel.ours import BOXES, OWNED, our_links, our_ports, where
from swarmnet.kernel.links import Kind, Link


def remove_link(machine: Machine, foreign: Foreign, random: Random) -> str | None:
    """Delete a link of ours."""
    if (cell := _one(our_links(machine), random)) is None:
        return None
    linking.remove(machine, cell)
    return where(cell)


def change_mtu(machine: Machine, foreign: Foreign, random: Random) -> str | None:
    """Give a link another MTU, with IPv6 or without."""
    if (cell := _one(our_links(machine), random)) is None:
        return None
    mtu = random.choice([m for m in (900, 1280, 1400, 9000) if m != cell.link.mtu])
    linking.set_mtu(machine, cell, mtu)
    return f"{where(cell)} {mtu}"


def take_down(machine: Machine, foreign: Foreign, random: Random) -> str | None:
    """Take a link down."""
    cells = [cell for cell in our_links(machine) if cell.link.is_up]
    if (cell := _one(cells, random)) is None:
        return None
    linking.set_up(machine, cell, is_up=False)
    return where(cell)


def toggle(machine: Machine, foreign: Foreign, random: Random) -> str | None:
    """Take a link down and up again: what it lost does not come back."""
    cells = [cell for cell in our_links(machine) if cell.link.is_up]
    if (cell := _one(cells, random)) is None:
        return None
    linking.set_up(machine, cell, is_up=False)
    linking.set_up(machine, cell, is_up=True)
    return where(cell)


def change_mac(machine: Machine, foreign: Foreign, random: Random) -> str | None:
    """Give a link another MAC."""
    if (cell := _one(our_links(machine), random)) is None:
        return None
    linking.set_mac(machine, cell, bytes([6, *random.randbytes(5)]))
    return where(cell)


def release_port(machine: Machine, foreign: Foreign, random: Random) -> str | None:
    """Take a port out of its bridge."""
    if (cell := _one(our_ports(machine), random)) is None:
        return None
    linking.release(machine, cell)
    return where(cell)


def change_port(machine: Machine, foreign: Foreign, random: Random) -> str | None:
    """Let a port flood and learn, or neither, whichever it did not."""
    if (cell := _one(our_ports(machine), random)) is None:
        return None
    port = cell.link.port
    assert port is not None, "it is in a bridge"
    changed = replace(port, flood=not port.flood, learning=not port.learning)
    cell.change(port=changed)
    machine.announce(cell.home, "link")
    return where(cell)


def remove_alias(machine: Machine, foreign: Foreign, random: Random) -> str | None:
    """Take the alias from a link in a namespace of our own."""
    cells = [c for c in our_links(machine) if c.home.label.startswith(OWNED)]
    if (cell := _one(cells, random)) is None:
        return None
    cell.change(alias="")
    machine.announce(cell.home, "link")
    return where(cell)


def add_to_bridge(machine: Machine, foreign: Foreign, random: Random) -> str | None:
    """Put a new link of others into a bridge of ours; beside ours it stays theirs."""
    if (bridge := _one(our_links(machine, Kind.BRIDGE), random)) is None:
        return None
    name = f"ext{machine.links_made}"
    link = Link(name, Kind.OTHER, 1500, master=bridge.name)
    if bridge.home.label.startswith(OWNED):
        linking.make(machine, bridge.home, link)
    else:
        foreign.add_link(machine, bridge.home, link)
    return f"{where(bridge)} {name}"


def add_link(machine: Machine, foreign: Foreign, random: Random) -> str | None:
    """Add a link, in no bridge, where all is ours."""
    if (beside := _one(our_links(machine, Kind.VXLAN), random)) is None:
        return None
    name = f"ext{machine.links_made}"
    linking.make(machine, beside.home, Link(name, Kind.OTHER, 1500))
    return f"{beside.home.label}: {name}"


def change_alias(machine: Machine, foreign: Foreign, random: Random) -> str | None:
    """Call an interface in a sandbox something else; it keeps its name."""
    cells = [
        cell
        for cell in our_links(machine, Kind.VETH)
        if cell.home.label.startswith(BOXES) or not cell.home.is_pinned
    ]
    if (cell := _one([c for c in cells if c.link.master is None], random)) is None:
        return None
    cell.change(alias=random.choice(("", "uplink")))
    machine.announce(cell.home, "link")
    return where(cell)


def move_device(machine: Machine, foreign: Foreign, random: Random) -> str | None:
    """Take a VXLAN device to another namespace, known to the agent or not."""
    if (cell := _one(our_links(machine, Kind.VXLAN), random)) is None:
        return None
    home = random.choice([one for one in machine.all_namespaces() if one.is_alive])
    was, name = where(cell), f"ext{machine.links_made}"
    if name in home.links:
        return None
    linking.move(machine, cell, home, name)
    return f"{was} to {where(cell)}"


def _one(cells: list[LinkCell], random: Random) -> LinkCell | None:
    return random.choice(cells) if cells else None


ACTS: Final = {
    "link-remove": remove_link,
    "link-mtu": change_mtu,
    "link-down": take_down,
    "link-toggle": toggle,
    "link-mac": change_mac,
    "port-release": release_port,
    "port-change": change_port,
    "alias-remove": remove_alias,
    "bridge-add": add_to_bridge,
    "device-move": move_device,
    "link-add": add_link,
    "alias-change": change_alias,
}
