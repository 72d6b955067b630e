"""The entries of VXLAN devices and of bridges."""

from sim.kernel.addressing import IPV4_BYTES
from sim.kernel.cells import LinkCell, Machine, Refusal
from swarmnet.kernel.operations import (
    EntryOperation,
    PutFdb,
    PutFlood,
    PutNeighbour,
    PutStation,
    RemoveFdb,
    RemoveFlood,
    RemoveNeighbour,
    RemoveStation,
)


def change_entry(machine: Machine, operation: EntryOperation) -> None:
    """Add, replace or remove one entry of a VXLAN device.

    Raises:
        Refusal: no such link, a VTEP of another family, no IPv6, or a full table.
    """
    match operation:
        case PutFdb() | PutNeighbour() | PutFlood():
            _put(machine, operation)
        case RemoveFdb() | RemoveNeighbour() | RemoveFlood():
            _remove(machine, operation)


def put_station(machine: Machine, operation: PutStation) -> None:
    """Bind a MAC to a port of a bridge; it moves from wherever it was.

    Raises:
        Refusal: no such link, or it is no port.
    """
    cell = machine.get(operation.namespace).get(operation.port)
    bridge = cell.bridge
    if bridge is None:
        raise Refusal("EOPNOTSUPP")
    if bridge.stations.get(operation.mac) != cell.name:
        bridge.stations[operation.mac] = cell.name
        machine.announce(cell.home, "neighbour")


def remove_station(machine: Machine, operation: RemoveStation) -> None:
    """Forget a MAC, if it is known at that port."""
    cell = machine.find(operation.namespace, operation.port)
    bridge = None if cell is None else cell.bridge
    if cell is None or bridge is None:
        return
    if bridge.stations.get(operation.mac) == cell.name:
        del bridge.stations[operation.mac]
        machine.announce(cell.home, "neighbour")


def _put(machine: Machine, operation: PutFdb | PutNeighbour | PutFlood) -> None:
    cell = machine.get(operation.namespace).get(operation.link)
    if isinstance(operation, PutNeighbour):
        if len(operation.ip) != IPV4_BYTES and not cell.has_ipv6:
            raise Refusal("EINVAL", "IPv6 is disabled on this device")
        _store(machine, cell, cell.neighbours, (operation.ip, operation.mac), "ENOBUFS")
        return
    vxlan = cell.link.vxlan
    if vxlan is None:
        # Linux takes it for a MAC that the device itself shall receive.
        return
    if len(operation.vtep) != len(vxlan.local):
        raise Refusal("EAFNOSUPPORT")
    if isinstance(operation, PutFdb):
        _store(machine, cell, cell.fdb, (operation.mac, operation.vtep), "ENOSPC")
    elif operation.vtep not in cell.flood:
        cell.flood[operation.vtep] = None
        machine.announce(cell.home, "neighbour")


def _store(
    machine: Machine,
    cell: LinkCell,
    table: dict[bytes, bytes],
    entry: tuple[bytes, bytes],
    full: str,
) -> None:
    """Store key and value in a table, which may be full."""
    key, value = entry
    limit = machine.table_limit
    if key not in table and limit is not None and len(table) >= limit:
        raise Refusal(full)
    if table.get(key) != value:
        table[key] = value
        machine.announce(cell.home, "neighbour")


def _remove(
    machine: Machine, operation: RemoveFdb | RemoveNeighbour | RemoveFlood
) -> None:
    cell = machine.find(operation.namespace, operation.link)
    if cell is None:
        return
    match operation:
        case RemoveFdb():
            gone = cell.fdb.pop(operation.mac, None) is not None
        case RemoveNeighbour():
            gone = cell.neighbours.pop(operation.ip, None) is not None
        case RemoveFlood():
            gone = operation.vtep in cell.flood
            cell.flood.pop(operation.vtep, None)
    if gone:
        machine.announce(cell.home, "neighbour")
