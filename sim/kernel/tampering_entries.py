"""Tampering with the entries of our VXLAN devices and bridges."""

from collections.abc import Callable
from random import Random
from typing import Final

from sim.kernel.cells import LinkCell, Machine
from sim.kernel.foreign import Foreign
from sim.kernel.ours import our_links, our_ports, where
from swarmnet.kernel.links import Kind

Table = Callable[[LinkCell], dict[bytes, bytes]]


def _fdb(cell: LinkCell) -> dict[bytes, bytes]:
    return cell.fdb


def _neighbours(cell: LinkCell) -> dict[bytes, bytes]:
    return cell.neighbours


def _removal(table: Table) -> Callable[[Machine, Foreign, Random], str | None]:
    def act(machine: Machine, foreign: Foreign, random: Random) -> str | None:
        cells = [cell for cell in our_links(machine) if table(cell)]
        if not cells:
            return None
        cell = random.choice(cells)
        key = random.choice(list(table(cell)))
        del table(cell)[key]
        machine.announce(cell.home, "neighbour")
        return f"{where(cell)} {key.hex()}"

    return act


def _change(table: Table) -> Callable[[Machine, Foreign, Random], str | None]:
    def act(machine: Machine, foreign: Foreign, random: Random) -> str | None:
        cells = [cell for cell in our_links(machine) if table(cell)]
        if not cells:
            return None
        cell = random.choice(cells)
        key = random.choice(list(table(cell)))
        value = bytes([2, *random.randbytes(len(table(cell)[key]) - 1)])
        table(cell)[key] = value
        machine.announce(cell.home, "neighbour")
        return f"{where(cell)} {key.hex()} to {value.hex()}"

    return act


def add_fdb(machine: Machine, foreign: Foreign, random: Random) -> str | None:
    """Add an FDB entry of a MAC that nobody has."""
    cells = our_links(machine, Kind.VXLAN)
    if not cells:
        return None
    cell = random.choice(cells)
    mac, vtep = _mac(random), _vtep(cell, random)
    cell.fdb[mac] = vtep
    machine.announce(cell.home, "neighbour")
    return f"{where(cell)} {mac.hex()} to {vtep.hex()}"


def add_neighbour(machine: Machine, foreign: Foreign, random: Random) -> str | None:
    """Add a permanent neighbour that nobody has."""
    cells = our_links(machine, Kind.VXLAN)
    if not cells:
        return None
    cell = random.choice(cells)
    ip = bytes([198, 19, *random.randbytes(2)])
    cell.neighbours[ip] = _mac(random)
    machine.announce(cell.home, "neighbour")
    return f"{where(cell)} {ip.hex()}"


def add_flood(machine: Machine, foreign: Foreign, random: Random) -> str | None:
    """Add a VTEP that gets what is for all."""
    cells = our_links(machine, Kind.VXLAN)
    if not cells:
        return None
    cell = random.choice(cells)
    vtep = _vtep(cell, random)
    cell.flood[vtep] = None
    machine.announce(cell.home, "neighbour")
    return f"{where(cell)} {vtep.hex()}"


def remove_flood(machine: Machine, foreign: Foreign, random: Random) -> str | None:
    """Delete one VTEP from those that get what is for all."""
    cells = [cell for cell in our_links(machine) if cell.flood]
    if not cells:
        return None
    cell = random.choice(cells)
    vtep = random.choice(list(cell.flood))
    del cell.flood[vtep]
    machine.announce(cell.home, "neighbour")
    return f"{where(cell)} {vtep.hex()}"


def add_station(machine: Machine, foreign: Foreign, random: Random) -> str | None:
    """Bind a MAC that nobody has to a port of ours."""
    ports = our_ports(machine)
    if not ports:
        return None
    cell = random.choice(ports)
    mac = _mac(random)
    _stations(cell)[mac] = cell.name
    machine.announce(cell.home, "neighbour")
    return f"{where(cell)} {mac.hex()}"


def remove_station(machine: Machine, foreign: Foreign, random: Random) -> str | None:
    """Delete a static entry of a bridge of ours."""
    bridges = [cell for cell in our_links(machine, Kind.BRIDGE) if cell.stations]
    if not bridges:
        return None
    bridge = random.choice(bridges)
    mac = random.choice(list(bridge.stations))
    del bridge.stations[mac]
    machine.announce(bridge.home, "neighbour")
    return f"{where(bridge)} {mac.hex()}"


def move_station(machine: Machine, foreign: Foreign, random: Random) -> str | None:
    """Bind a MAC to another port of the same bridge."""
    bridges = [
        cell
        for cell in our_links(machine, Kind.BRIDGE)
        if cell.stations and len(cell.ports()) > 1
    ]
    if not bridges:
        return None
    bridge = random.choice(bridges)
    mac = random.choice(list(bridge.stations))
    ports = [p.name for p in bridge.ports() if p.name != bridge.stations[mac]]
    bridge.stations[mac] = random.choice(ports)
    machine.announce(bridge.home, "neighbour")
    return f"{where(bridge)} {mac.hex()} to {bridge.stations[mac]}"


def _stations(port: LinkCell) -> dict[bytes, str]:
    bridge = port.bridge
    assert bridge is not None, "it is a port"
    return bridge.stations


def _mac(random: Random) -> bytes:
    return bytes([6, *random.randbytes(5)])


def _vtep(cell: LinkCell, random: Random) -> bytes:
    vxlan = cell.link.vxlan
    assert vxlan is not None, "it is a VXLAN device"
    return vxlan.local[:-2] + random.randbytes(2)


ACTS: Final = {
    "fdb-remove": _removal(_fdb),
    "fdb-change": _change(_fdb),
    "fdb-add": add_fdb,
    "neighbour-remove": _removal(_neighbours),
    "neighbour-change": _change(_neighbours),
    "neighbour-add": add_neighbour,
    "flood-remove": remove_flood,
    "flood-add": add_flood,
    "station-remove": remove_station,
    "station-add": add_station,
    "station-move": move_station,
}
