"""What a namespace holds, read from the kernel dump by dump.

Each dump shows one moment, but not all the same: what stands on a link that was not
told is left out. Whoever acts on it finds out, and a notification is on its way.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, Protocol

from swarmnet.errors import BadPacket
from swarmnet.kernel.address_codec import (
    SCOPE_LINK,
    FoundAddress,
    decode_address_untrusted,
    decode_route_untrusted,
    dump_addresses,
    dump_routes,
)
from swarmnet.kernel.entry_codec import NUD_NOARP, dump_fdb, dump_neighbours
from swarmnet.kernel.entry_dump_codec import (
    FoundFdb,
    FoundNeighbours,
    decode_fdb_untrusted,
    decode_neighbours_untrusted,
)
from swarmnet.kernel.firewall import OURS, Table
from swarmnet.kernel.intruders import Intruder
from swarmnet.kernel.link_codec import (
    IFF_LOOPBACK,
    FoundLink,
    decode_link_untrusted,
    dump_links,
)
from swarmnet.kernel.links import Kind, Link, is_ours
from swarmnet.kernel.netlink import (
    AF_UNSPEC,
    RTM_NEWADDR,
    RTM_NEWLINK,
    RTM_NEWROUTE,
    Request,
    split_untrusted,
)
from swarmnet.kernel.state import (
    HOST,
    Address,
    Entries,
    Namespace,
    Route,
    Unreadable,
)
from swarmnet.runtime.intruders import read_intruders
from swarmnet.runtime.spaces import Space
from swarmnet.runtime.sysctls import read_sysctls

NOTHING: Final = Namespace()
OWNED: Final = "net/"
"""So begins the key of a namespace where all is ours."""
NO_PORT: Final = ""
STRANGE: Final = b""
"""A value that no entry should have: what is there is not in the form that we write."""

Tables = Mapping[tuple[str, str], Table]


class TableReader(Protocol):
    """What reads firewall tables."""

    def read(self, namespace_fd: int, desired: Tables) -> dict[tuple[str, str], Table]:
        """Return those of the tables `desired` that a namespace has."""


@dataclass(frozen=True, slots=True)
class _Links:
    """The links of a namespace but for `lo`, by index, and which of them concern us."""

    found: Mapping[int, FoundLink]
    is_owned: bool

    def name(self, index: int | None) -> str | None:
        link = self.found.get(index or 0)
        return None if link is None else link.link.name

    def links(self) -> dict[str, Link]:
        return {
            one.link.name: replace(one.link, master=self.name(one.master_index))
            for one in self.found.values()
        }

    def is_ours(self, index: int | None, kind: Kind) -> bool:
        """Say whether a link is of that kind, and ours."""
        one = self.found.get(index or 0)
        if one is None or one.link.kind is not kind:
            return False
        return self.is_owned or is_ours(one.link)

    def vxlans(self) -> list[int]:
        return [index for index in self.found if self.is_ours(index, Kind.VXLAN)]

    def ports(self) -> list[int]:
        """Return the ports of our bridges."""
        return [
            index
            for index, one in self.found.items()
            if self.is_ours(one.master_index, Kind.BRIDGE)
        ]


class Reader:
    """Reads namespaces. Threads may share it."""

    def __init__(self, tables: TableReader | None) -> None:
        self._tables = tables

    def read(
        self, space: Space, key: str, desired: Namespace | None, *, is_pinned: bool
    ) -> Namespace:
        """Return what a namespace holds.

        Raises:
            Unreadable: It changed while it was read, or told what we do not understand.
        """
        wanted = desired or NOTHING
        try:
            links = _read_links(space, is_owned=key.startswith(OWNED))
            ports = links.ports()
            fdb = _read_fdb(space) if ports or links.vxlans() else FoundFdb()
            return Namespace(
                links=links.links(),
                addresses=dict.fromkeys(_addresses(space, links, wanted)),
                routes=dict.fromkeys(_routes(space, links)),
                entries=_entries(space, links, fdb),
                stations=_stations(links, ports, fdb, wanted),
                sysctls=read_sysctls(space.fd, wanted.sysctls),
                tables=self._read_tables(space, key, wanted),
                intruders=_intruders(space, links),
                is_owned=links.is_owned,
                is_pinned=is_pinned,
            )
        except BadPacket as error:
            raise Unreadable(f"not understood: {error}") from error

    def _read_tables(
        self, space: Space, key: str, desired: Namespace
    ) -> dict[tuple[str, str], Table]:
        asked = dict(desired.tables)
        if key == HOST:
            # Nobody may want it any more, and it must be seen to be removed.
            asked.setdefault(OURS, Table(*OURS))
        if self._tables is None or not asked:
            return {}
        return self._tables.read(space.fd, asked)


def _intruders(space: Space, links: _Links) -> dict[Intruder, None]:
    if not links.is_owned:
        return {}
    names = {index: one.link.name for index, one in links.found.items()}
    return dict.fromkeys(read_intruders(space, names))


def bodies(space: Space, request: Request, kind: int) -> Iterator[bytes]:
    """Yield the bodies of a dump's messages."""
    for datagram in space.dump(request):
        for told, _, _, start, end in split_untrusted(datagram):
            if told == kind:
                yield datagram[start:end]


def _read_links(space: Space, *, is_owned: bool) -> _Links:
    found: dict[int, FoundLink] = {}
    for body in bodies(space, dump_links(), RTM_NEWLINK):
        link = decode_link_untrusted(body)
        if link is not None and not link.flags & IFF_LOOPBACK:
            found[link.index] = link
    space.learn({one.link.name: index for index, one in found.items()})
    return _Links(found, is_owned)


def _read_fdb(space: Space) -> FoundFdb:
    found = FoundFdb()
    for datagram in space.dump(dump_fdb()):
        decode_fdb_untrusted(datagram, found)
    return found


def _addresses(space: Space, links: _Links, desired: Namespace) -> Iterator[Address]:
    for body in bodies(space, dump_addresses(), RTM_NEWADDR):
        found = decode_address_untrusted(body)
        name = None if found is None else links.name(found.index)
        if found is None or name is None:
            continue
        address = Address(name, found.ip, found.length)
        if not _is_link_local(found) or address in desired.addresses:
            yield address


def _is_link_local(found: FoundAddress) -> bool:
    """Say whether it is one of those that the kernel itself makes for every link."""
    return len(found.ip) == 16 and found.scope == SCOPE_LINK


def _routes(space: Space, links: _Links) -> Iterator[Route]:
    for body in bodies(space, dump_routes(), RTM_NEWROUTE):
        found = decode_route_untrusted(body)
        name = None if found is None else links.name(found.index)
        if found is not None and name is not None:
            to = found.destination, found.length
            yield Route(*to, name, found.via, found.protocol)


def _entries(space: Space, links: _Links, fdb: FoundFdb) -> dict[str, Entries]:
    entries: dict[str, Entries] = {}
    for index in links.vxlans():
        neighbours = FoundNeighbours()
        for datagram in space.dump(dump_neighbours(AF_UNSPEC, index)):
            decode_neighbours_untrusted(datagram, neighbours)
        by_mac = fdb.fdb.get(index, {})
        by_mac.update(dict.fromkeys(fdb.odd.get(index, {}), STRANGE))
        by_ip = neighbours.permanent.get(index, {})
        by_ip.update(dict.fromkeys(neighbours.passing.get(index, {}), STRANGE))
        flood = tuple(fdb.flood.get(index, ()))
        entries[links.found[index].link.name] = Entries(by_mac, by_ip, flood)
    return entries


def _stations(
    links: _Links, ports: list[int], fdb: FoundFdb, desired: Namespace
) -> dict[bytes, str]:
    """Return the entries of our bridges that somebody put there.

    What a port that may learn has learned is left out, for it comes and goes; so is
    what was learned where it should stand for good: it is not there for good. An entry
    that makes the bridge itself the host of a MAC is told if no link here has it.
    """
    stations: dict[bytes, str] = {}
    own = {one.link.mac: None for one in links.found.values()}
    for index in ports:
        link = links.found[index].link
        may_learn = link.port is not None and link.port.learning
        for mac, state in fdb.stations.get(index, {}).items():
            is_static = bool(state & NUD_NOARP)
            is_awaited = desired.stations.get(mac) == link.name
            if is_static or not (may_learn or is_awaited):
                stations[mac] = link.name
        for mac in fdb.own.get(index, {}):
            if mac not in own:
                # A black hole; where a port is awaited it is at none.
                is_awaited = desired.stations.get(mac) == link.name
                stations[mac] = NO_PORT if is_awaited else link.name
    return stations
