"""What we believe that a kernel holds: what was read last, and what we did since.

So a change costs what it changes, and no look at everything else. A belief that is
wrong is found by a notification or by the next look, and put right there.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, assert_never

from swarmnet.kernel.firewall import Table
from swarmnet.kernel.intruders import Intruder, Qdisc
from swarmnet.kernel.links import Link
from swarmnet.kernel.operations import (
    AddLink,
    AddNamespace,
    ChangeElements,
    MendIntruder,
    Operation,
    PutAddress,
    PutFdb,
    PutFlood,
    PutNeighbour,
    PutRoute,
    PutStation,
    PutTable,
    ReleaseLink,
    RemoveAddress,
    RemoveFdb,
    RemoveFlood,
    RemoveLink,
    RemoveNamespace,
    RemoveNeighbour,
    RemoveRoute,
    RemoveStation,
    RemoveTable,
    SetLink,
    SetSysctl,
)
from swarmnet.kernel.state import (
    Address,
    Entries,
    Host,
    Namespace,
    Route,
    connected_route,
)

PATHS_KEPT: Final = 1024
"""The same few paths are asked about in every comparison."""
DEFAULT: Final = "default"
"""Stands for a link's name where sysctls are those that a new link gets."""


@dataclass(slots=True)
class HeldEntries:
    """The entries of one VXLAN device."""

    fdb: dict[bytes, bytes]
    neighbours: dict[bytes, bytes]
    flood: dict[bytes, None]


@dataclass(slots=True)
class HeldNamespace:
    """One namespace, as `Namespace` has it."""

    links: dict[str, Link]
    addresses: dict[Address, None]
    routes: dict[Route, None]
    entries: dict[str, HeldEntries]
    stations: dict[bytes, str]
    sysctls: dict[str, str]
    tables: dict[tuple[str, str], Table]
    intruders: dict[Intruder, None]
    is_owned: bool
    is_pinned: bool
    shown: Namespace | None = None

    def add_link(self, link: Link) -> None:
        """Take note of a new link, which has the sysctls that `default` says."""
        self.links[link.name] = link.alone()
        for path, value in list(self.sysctls.items()):
            if link_of_sysctl(path) == DEFAULT:
                self.sysctls[sysctl_of(path, link.name)] = value

    def drop_link(self, name: str) -> None:
        """Forget a link, and what stands on it."""
        if self.links.pop(name, None) is None:
            return
        self.entries.pop(name, None)
        for address in [one for one in self.addresses if one.link == name]:
            del self.addresses[address]
        for route in [one for one in self.routes if one.link == name]:
            del self.routes[route]
        self._drop_stations(name)
        for one in [one for one in self.intruders if is_on(one, name)]:
            del self.intruders[one]
        for path in [one for one in self.sysctls if link_of_sysctl(one) == name]:
            del self.sysctls[path]
        for link in [one for one in self.links.values() if one.master == name]:
            self.release_link(link.name)

    def release_link(self, name: str) -> None:
        """Take a link out of its bridge, which forgets the stations behind it."""
        if name in self.links:
            self.links[name] = replace(self.links[name], master=None, port=None)
            self._drop_stations(name)

    def _drop_stations(self, port: str) -> None:
        for mac in [mac for mac, one in self.stations.items() if one == port]:
            del self.stations[mac]

    def show(self) -> Namespace:
        """Return it as a value; its mappings are not copied."""
        if self.shown is not None:
            return self.shown
        shown = Namespace(
            links=self.links,
            addresses=self.addresses,
            routes=self.routes,
            entries={
                link: Entries(one.fdb, one.neighbours, tuple(sorted(one.flood)))
                for link, one in self.entries.items()
            },
            stations=self.stations,
            sysctls=self.sysctls,
            tables=self.tables,
            intruders=self.intruders,
            is_owned=self.is_owned,
            is_pinned=self.is_pinned,
        )
        if not self.entries:
            # Those of VXLAN devices are copied; all else is seen to change.
            self.shown = shown
        return shown


@lru_cache(maxsize=PATHS_KEPT)
def link_of_sysctl(path: str) -> str | None:
    """Return the link with which a sysctl comes and goes (net/ipv4/conf/NAME/…)."""
    match path.split("/"):
        case ["net", _, "conf" | "neigh", link, _]:
            return link
    return None


def is_on(intruder: Intruder, link: str) -> bool:
    """Return whether an intruder comes and goes with a link."""
    return isinstance(intruder, Qdisc) and intruder.link == link


def sysctl_of(path: str, link: str) -> str:
    """Return where the sysctl stands that is at `path` for some link, for another."""
    start, sort, _, last = path.rsplit("/", 3)
    return "/".join((start, sort, link, last))


def hold(space: Namespace) -> HeldNamespace:
    """Return a namespace to go on from, with mappings of its own."""
    return HeldNamespace(
        links=dict(space.links),
        addresses=dict(space.addresses),
        routes=dict(space.routes),
        entries={
            link: HeldEntries(
                dict(one.fdb), dict(one.neighbours), dict.fromkeys(one.flood)
            )
            for link, one in space.entries.items()
        },
        stations=dict(space.stations),
        sysctls=dict(space.sysctls),
        tables=dict(space.tables),
        intruders=dict(space.intruders),
        is_owned=space.is_owned,
        is_pinned=space.is_pinned,
    )


class Held:
    """What is believed of all namespaces that were ever looked at, by their keys."""

    __slots__ = ("namespaces",)

    def __init__(self) -> None:
        self.namespaces: dict[str, HeldNamespace] = {}

    def look(self, name: str, space: Namespace | None) -> None:
        """Take what was read of a namespace; None: there is none."""
        if space is None:
            self.namespaces.pop(name, None)
        else:
            self.namespaces[name] = hold(space)

    def show(self) -> Host:
        """Return all as a value; it changes with what is believed."""
        return Host(_Shown(self.namespaces))

    def done(self, operation: Operation) -> None:
        """Take note of an operation that succeeded."""
        match operation:
            case AddNamespace(name, sysctls):
                is_owned = name.startswith("net/")
                born = Namespace(
                    sysctls=dict(sysctls), is_owned=is_owned, is_pinned=True
                )
                self.namespaces[name] = hold(born)
            case RemoveNamespace(name):
                self._remove_namespace(name)
            case RemoveLink(name, link):
                self._remove_link(name, link)
            case AddLink(name, link, other):
                self._add_link(name, link, other)
            case _:
                space = self.namespaces.get(operation.namespace)
                if space is not None:
                    _change(space, operation)

    def _add_link(self, name: str, link: Link, other: Link | None) -> None:
        space = self.namespaces.get(name)
        if space is not None:
            space.add_link(link)
            if link.vxlan is not None:
                space.entries[link.name] = HeldEntries({}, {}, {})
                space.shown = None
        if other is not None and link.peer is not None:
            there = self.namespaces.get(link.peer.namespace)
            if there is not None:
                there.add_link(other)

    def _remove_link(self, name: str, link: str) -> None:
        """With one end of a pair goes the other, which has the same alias."""
        space = self.namespaces.get(name)
        if space is None or link not in space.links:
            return
        alias = space.links[link].alias
        space.drop_link(link)
        if "/" not in alias:
            return
        for there in self.namespaces.values():
            for found in [one for one in there.links.values() if one.alias == alias]:
                there.drop_link(found.name)

    def _remove_namespace(self, name: str) -> None:
        space = self.namespaces.pop(name, None)
        if space is None:
            return
        self.namespaces[name] = space
        for link in list(space.links):
            self._remove_link(name, link)
        del self.namespaces[name]


class _Shown(Mapping[str, Namespace]):
    """Namespaces as values, made only when somebody asks for one."""

    __slots__ = ("_held",)

    def __init__(self, held: Mapping[str, HeldNamespace]) -> None:
        self._held = held

    def __getitem__(self, name: str) -> Namespace:
        return self._held[name].show()

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, name: object) -> bool:
        return name in self._held


def _change(space: HeldNamespace, operation: Operation) -> None:
    match operation:
        case SetLink(_, link):
            held = space.links.get(link.name)
            mac = link.mac or (held.mac if held is not None else None)
            space.links[link.name] = replace(link, mac=mac, peer=None)
        case ReleaseLink(_, name):
            space.release_link(name)
        case PutAddress(_, address):
            space.addresses[address] = None
            space.routes[connected_route(address)] = None
        case RemoveAddress(_, address):
            space.addresses.pop(address, None)
            space.routes.pop(connected_route(address), None)
        case PutRoute(_, route):
            space.routes[route] = None
        case RemoveRoute(_, route):
            space.routes.pop(route, None)
        case PutStation(_, port, mac):
            space.stations[mac] = port
        case RemoveStation(_, _, mac):
            space.stations.pop(mac, None)
        case SetSysctl(_, path, value):
            space.sysctls[path] = value
        case PutTable(_, table) | ChangeElements(_, table):
            space.tables[table.family, table.name] = table
        case RemoveTable(_, family, name):
            space.tables.pop((family, name), None)
        case MendIntruder(_, intruder):
            space.intruders.pop(intruder, None)
        case AddNamespace() | RemoveNamespace() | AddLink() | RemoveLink():
            raise AssertionError("these are of more than one namespace")
        case _:
            _change_entries(space, operation)


def _change_entries(
    space: HeldNamespace,
    operation: PutFdb
    | RemoveFdb
    | PutNeighbour
    | RemoveNeighbour
    | PutFlood
    | RemoveFlood,
) -> None:
    entries = space.entries.get(operation.link)
    if entries is None:
        return
    match operation:
        case PutFdb(_, _, mac, vtep):
            entries.fdb[mac] = vtep
        case RemoveFdb(_, _, mac):
            entries.fdb.pop(mac, None)
        case PutNeighbour(_, _, ip, mac):
            entries.neighbours[ip] = mac
        case RemoveNeighbour(_, _, ip):
            entries.neighbours.pop(ip, None)
        case PutFlood(_, _, vtep):
            entries.flood[vtep] = None
        case RemoveFlood(_, _, vtep):
            entries.flood.pop(vtep, None)
        case _:
            assert_never(operation)
