"""The one door to a kernel: what leads from what it holds to what it should hold.

Minimal: nothing is said that the kernel holds already. Ordered: see `Phase`. And safe:
only what is ours is changed, as `Namespace` tells it.
"""

from collections.abc import Iterable, Iterator, Mapping

from swarmnet.kernel.entry_difference import (
    NO_ENTRIES,
    compare_entries,
    compare_stations,
)
from swarmnet.kernel.held import DEFAULT, link_of_sysctl, sysctl_of
from swarmnet.kernel.intruders import Qdisc
from swarmnet.kernel.link_difference import NOTHING, LinkDifference, may_remove
from swarmnet.kernel.operations import (
    AddNamespace,
    ChangeElements,
    MendIntruder,
    Operation,
    PutAddress,
    PutRoute,
    RemoveAddress,
    RemoveNamespace,
    RemoveRoute,
    RemoveTable,
    SetSysctl,
)
from swarmnet.kernel.state import (
    KERNEL,
    PROTOCOL,
    Address,
    Host,
    Namespace,
    Route,
    connected_route,
)
from swarmnet.kernel.tables_difference import compare_tables
from swarmnet.kernel.work import Phase, Work


def reconcile(desired: Host, actual: Host) -> list[Operation]:
    """Return what to do, in order; nothing if all is as it should be."""
    return difference(desired, actual).ordered()


def difference(desired: Host, actual: Host, names: Iterable[str] | None = None) -> Work:
    """Return what to do; nothing if all is as it should be.

    `names`: only these namespaces are compared, and of veth pairs that have an end in
    one of them both ends. A shared namespace that is desired but not in `actual` cannot
    be made: what stands in it is tried all the same, and fails.
    """
    work = Work()
    if names is None:
        names = dict.fromkeys([*desired.namespaces, *actual.namespaces])
    names = list(names)
    actual = Host(_Once(actual.namespaces))
    links = LinkDifference(work, desired, actual)
    links.compare(names)
    # What stood on links that are made anew went with them.
    for name in dict.fromkeys([*names, *(name for name, _ in links.fresh)]):
        wanted = desired.namespaces.get(name)
        held = actual.namespaces.get(name)
        if wanted is not None and wanted.is_pinned and held is None:
            born = _sysctls_at_birth(wanted)
            held = Namespace(sysctls=born)
            work.add(Phase.NAMESPACES, AddNamespace(name, tuple(born.items())))
        stays = _without(name, held or NOTHING, links)
        routes = (held or NOTHING).routes
        _Difference(work, name, wanted or NOTHING, stays, routes).compare()
        if held is not None and held.is_pinned and wanted is None:
            work.add(Phase.NAMESPACES_GONE, RemoveNamespace(name))
    return work


def _sysctls_at_birth(wanted: Namespace) -> dict[str, str]:
    """Return what a new namespace is to begin with, its links' by `default`."""
    born: dict[str, str] = {}
    for path, value in wanted.sysctls.items():
        is_of_link = link_of_sysctl(path) is not None
        born.setdefault(sysctl_of(path, DEFAULT) if is_of_link else path, value)
    return born


class _Once(Mapping[str, Namespace]):
    """Namespaces, each asked for once: what is believed makes one for each asking."""

    __slots__ = ("_made", "_namespaces")

    def __init__(self, namespaces: Mapping[str, Namespace]) -> None:
        self._namespaces = namespaces
        self._made: dict[str, Namespace] = {}

    def __getitem__(self, name: str) -> Namespace:
        made = self._made.get(name)
        if made is None:
            made = self._made[name] = self._namespaces[name]
        return made

    def __iter__(self) -> Iterator[str]:
        return iter(self._namespaces)

    def __len__(self) -> int:
        return len(self._namespaces)


def _without(name: str, held: Namespace, links: LinkDifference) -> Namespace:
    """Leave out what stands on links that are made anew, and what is not ours."""

    def stays(link: str) -> bool:
        return (name, link) not in links.fresh and link in held.links

    def is_ours(link: str) -> bool:
        found = held.links.get(link)
        return held.is_owned or (found is not None and may_remove(found, held))

    return Namespace(
        links=held.links,
        addresses={
            one: None for one in held.addresses if stays(one.link) and is_ours(one.link)
        },
        routes={
            one: None
            for one in held.routes
            if stays(one.link)
            and one.protocol != KERNEL
            and (held.is_owned or one.protocol == PROTOCOL)
        },
        entries={link: one for link, one in held.entries.items() if stays(link)},
        stations={mac: port for mac, port in held.stations.items() if stays(port)},
        sysctls={
            path: value
            for path, value in held.sysctls.items()
            if (name, link_of_sysctl(path)) not in links.fresh
        },
        tables=held.tables,
        intruders={
            one: None
            for one in held.intruders
            if not isinstance(one, Qdisc) or stays(one.link)
        },
        is_owned=held.is_owned,
    )


class _Difference:
    """Compares what stands in one namespace, but for its links."""

    __slots__ = ("_connected", "_desired", "_held", "_name", "_work")

    def __init__(
        self,
        work: Work,
        name: str,
        desired: Namespace,
        held: Namespace,
        connected: Mapping[Route, None],
    ) -> None:
        self._work = work
        self._connected = connected
        self._name = name
        self._desired = desired
        self._held = held

    def compare(self) -> None:
        desired, held = self._desired, self._held
        for link, entries in desired.entries.items():
            there = held.entries.get(link, NO_ENTRIES)
            compare_entries(self._work, self._name, link, entries, there)
        compare_stations(self._work, self._name, desired.stations, self._stations())
        for path, value in desired.sysctls.items():
            if not self._has_sysctl(path, value):
                # Of an interface in a sandbox they are not there before it is.
                is_inner = desired.is_owned
                phase = Phase.INNER_SYSCTLS if is_inner else Phase.SYSCTLS
                self._work.add(phase, SetSysctl(self._name, path, value))
        self._compare_addresses()
        self._compare_routes()
        self._compare_tables()
        for intruder in held.intruders:
            self._work.add(Phase.INTRUDERS_GONE, MendIntruder(self._name, intruder))

    def _has_sysctl(self, path: str, value: str) -> bool:
        """Return whether a sysctl says so, or will when its link is there."""
        sysctls = self._held.sysctls
        if path not in sysctls and link_of_sysctl(path) is not None:
            path = sysctl_of(path, DEFAULT)
        return sysctls.get(path) == value

    def _stations(self) -> dict[bytes, str]:
        """Return the entries at ports that stay: a port takes its own along."""
        links, desired = self._held.links, self._desired.links
        return {
            mac: port
            for mac, port in self._held.stations.items()
            if port in desired or not may_remove(links[port], self._held)
        }

    def _going(self) -> Iterator[Address]:
        """Yield the addresses that go, though their link stays.

        Also one that stays, but whose connected route somebody deleted: only with the
        address does it come again.
        """
        for one in self._held.addresses:
            if one.link not in self._desired.links:
                continue
            if one not in self._desired.addresses or self._is_cut_off(one):
                yield one

    def _is_cut_off(self, address: Address) -> bool:
        link = self._held.links[address.link]
        if address.length == 8 * len(address.ip) or not link.is_up:
            return False
        return connected_route(address) not in self._connected

    def _compare_addresses(self) -> None:
        going = list(self._going())
        # With a primary IPv4 address go the others of its subnet, and routes by it; an
        # IPv6 address of another length is not replaced.
        shaken = {(one.link, len(one.ip)): None for one in going}
        for one in going:
            self._work.add(Phase.ADDRESSES_IN_THE_WAY, RemoveAddress(self._name, one))
        for one in self._desired.addresses:
            is_shaken = (one.link, len(one.ip)) in shaken
            if one not in self._held.addresses or is_shaken:
                self._work.add(Phase.ADDRESSES, PutAddress(self._name, one))
        for route in self._desired.routes:
            is_shaken = (route.link, len(route.destination)) in shaken
            is_lacking = route not in self._held.routes or is_shaken
            if is_lacking and not self._is_taken(route):
                self._work.add(Phase.ROUTES, PutRoute(self._name, route))

    def _is_taken(self, route: Route) -> bool:
        """Return whether others lead there by a link of theirs: ours would replace it.

        Also the route that came with an address of theirs (fib_table_insert).
        """
        for one in self._connected:
            link = self._held.links.get(one.link)
            if link is None or self._held.is_owned or may_remove(link, self._held):
                continue
            if (one.destination, one.length) == (route.destination, route.length):
                return True
        return False

    def _compare_routes(self) -> None:
        wanted = {(one.destination, one.length): None for one in self._desired.routes}
        for route in self._held.routes:
            if route in self._desired.routes or route.link not in self._desired.links:
                continue
            if (route.destination, route.length) not in wanted:
                self._work.add(Phase.ROUTES_GONE, RemoveRoute(self._name, route))

    def _compare_tables(self) -> None:
        tables = compare_tables(self._name, self._desired.tables, self._held.tables)
        for operation in tables:
            is_last = isinstance(operation, RemoveTable)
            is_less = isinstance(operation, ChangeElements) and not operation.added
            phase = Phase.TABLES_GONE if is_last or is_less else Phase.TABLES
            self._work.add(phase, operation)
