"""What differs between the entries of a VXLAN device and those that it should have."""

from collections.abc import Iterator, Mapping

from swarmnet.kernel.operations import (
    PutFdb,
    PutFlood,
    PutNeighbour,
    PutStation,
    RemoveFdb,
    RemoveFlood,
    RemoveNeighbour,
    RemoveStation,
)
from swarmnet.kernel.state import Entries
from swarmnet.kernel.work import Phase, Work

NO_ENTRIES = Entries()


def lacking(
    desired: Mapping[bytes, bytes], actual: Mapping[bytes, bytes]
) -> Iterator[tuple[bytes, bytes]]:
    """Yield what is desired and missing, or said otherwise."""
    for key, value in desired.items():
        if actual.get(key) != value:
            yield key, value


def surplus(
    desired: Mapping[bytes, bytes], actual: Mapping[bytes, bytes]
) -> Iterator[bytes]:
    """Yield the keys that nobody desires."""
    for key in actual:
        if key not in desired:
            yield key


def compare_entries(
    work: Work, namespace: str, link: str, desired: Entries, actual: Entries
) -> None:
    """Add what makes one VXLAN device's entries the desired ones."""
    where = (namespace, link)
    if desired.fdb != actual.fdb:
        for mac, vtep in lacking(desired.fdb, actual.fdb):
            work.add(Phase.FORWARDING, PutFdb(*where, mac, vtep))
        for mac in surplus(desired.fdb, actual.fdb):
            work.add(Phase.FORWARDING_GONE, RemoveFdb(*where, mac))
    if desired.neighbours != actual.neighbours:
        for ip, mac in lacking(desired.neighbours, actual.neighbours):
            work.add(Phase.NEIGHBOURS, PutNeighbour(*where, ip, mac))
        for ip in surplus(desired.neighbours, actual.neighbours):
            work.add(Phase.NEIGHBOURS_GONE, RemoveNeighbour(*where, ip))
    for vtep in desired.flood:
        if vtep not in actual.flood:
            work.add(Phase.FORWARDING, PutFlood(*where, vtep))
    for vtep in actual.flood:
        if vtep not in desired.flood:
            work.add(Phase.FORWARDING_GONE, RemoveFlood(*where, vtep))


def compare_stations(
    work: Work,
    namespace: str,
    desired: Mapping[bytes, str],
    actual: Mapping[bytes, str],
) -> None:
    """Add what makes the static entries of a namespace's bridge the desired ones."""
    for mac, port in desired.items():
        if actual.get(mac) != port:
            work.add(Phase.STATIONS, PutStation(namespace, port, mac))
    for mac, port in actual.items():
        if mac not in desired:
            work.add(Phase.STATIONS_GONE, RemoveStation(namespace, port, mac))
