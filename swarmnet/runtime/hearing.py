"""What the kernel announces, in the words of the data plane.

A kernel names links by index; their names are known from what was read, made or heard.
"""

from dataclasses import replace
from typing import Final

from swarmnet.kernel.address_codec import FoundAddress, FoundRoute
from swarmnet.kernel.entry_codec import NeighbourEvent
from swarmnet.kernel.link_codec import FoundLink
from swarmnet.kernel.netlink import (
    AF_BRIDGE,
    RTM_DELADDR,
    RTM_DELLINK,
    RTM_DELNEIGH,
    RTM_DELROUTE,
    RTM_GETNEIGH,
)
from swarmnet.kernel.state import Address, Route
from swarmnet.node.kernel_news import (
    OWN,
    AddressNews,
    EntryNews,
    KernelNews,
    LinkNews,
    Missed,
    OtherNews,
    Overrun,
    RouteNews,
)
from swarmnet.overlay.entries import Sort
from swarmnet.runtime import events
from swarmnet.runtime.kernel import Kernel
from swarmnet.runtime.reading import OWNED

NUD_PERMANENT: Final = 0x80
"""linux/neighbour.h."""


class Hearing:
    """Translates announcements; None is none of our business."""

    __slots__ = ("_kernel", "_names")

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._names: dict[tuple[str, int], str] = {}

    def news_of(self, event: events.Event) -> KernelNews | None:
        """Return what an announcement says."""
        if isinstance(event, events.Overrun):
            return Overrun(event.namespace)
        match event.what:
            case FoundLink() as found:
                return self._link(event, found)
            case NeighbourEvent() as entry:
                return self._entry(event.namespace, entry)
            case FoundAddress() as address:
                return self._address(event, address)
            case FoundRoute() as route:
                return self._route(event, route)
            case None if event.kind in events.INTRUDERS:
                is_ours = event.namespace.startswith(OWNED)
                return OtherNews(event.namespace) if is_ours else None
            case None:
                return OtherNews(event.namespace)

    def _name(self, namespace: str, index: int) -> str | None:
        name = self._names.get((namespace, index))
        if name is None:
            name = self._kernel.link_name(namespace, index)
            if name is not None:
                self._names[namespace, index] = name
        return name

    def _link(self, event: events.Changed, found: FoundLink) -> KernelNews:
        namespace, link = event.namespace, found.link
        if event.kind == RTM_DELLINK:
            self._names.pop((namespace, found.index), None)
            return LinkNews(namespace, link.name, None)
        self._names[namespace, found.index] = link.name
        if found.master_index is not None:
            master = self._name(namespace, found.master_index)
            link = replace(link, master=master)
        return LinkNews(namespace, link.name, link)

    def _entry(self, namespace: str, entry: NeighbourEvent) -> KernelNews | None:
        about = entry.ip or entry.mac
        if about is None:
            return None
        if entry.kind == RTM_GETNEIGH:
            sort = Sort.NEIGHBOUR if entry.ip is not None else Sort.FDB
            return Missed(namespace, sort, about)
        name = self._name(namespace, entry.ifindex)
        if name is None:
            return OtherNews(namespace)
        is_gone = entry.kind == RTM_DELNEIGH
        if entry.family != AF_BRIDGE:
            value = entry.mac if entry.state & NUD_PERMANENT and not is_gone else None
            return EntryNews(namespace, name, Sort.NEIGHBOUR, about, value)
        if entry.dst is not None:
            value = None if is_gone else entry.dst
            return EntryNews(namespace, name, Sort.FDB, about, value)
        value = None if is_gone else b""
        if entry.state & NUD_PERMANENT and not is_gone:
            # A port's own MAC; or a black hole, if somebody else has that MAC.
            value = OWN
        return EntryNews(namespace, name, Sort.STATION, about, value)

    def _address(self, event: events.Changed, found: FoundAddress) -> KernelNews | None:
        name = self._name(event.namespace, found.index)
        if name is None:
            return None
        address = Address(name, found.ip, found.length)
        return AddressNews(event.namespace, address, event.kind != RTM_DELADDR)

    def _route(self, event: events.Changed, found: FoundRoute) -> KernelNews | None:
        name = self._name(event.namespace, found.index)
        if name is None:
            return None
        route = Route(found.destination, found.length, name, found.via, found.protocol)
        return RouteNews(event.namespace, route, event.kind != RTM_DELROUTE)
