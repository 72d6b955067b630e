"""What changed alone: a key of a book, or what a kernel announced.

A kernel announces our own changes too. What it announces is expected when it is what
should be; so nobody has to remember what he did.
"""

from collections.abc import Collection
from typing import Final

from swarmnet.kernel.held import Held
from swarmnet.kernel.link_difference import is_like, may_remove
from swarmnet.kernel.operations import (
    Operation,
    PutFdb,
    PutNeighbour,
    PutStation,
    RemoveFdb,
    RemoveNeighbour,
    RemoveStation,
)
from swarmnet.kernel.state import KERNEL, PROTOCOL, Namespace, connected_route
from swarmnet.kernel.work import Phase, Work
from swarmnet.node.desired import LINK_LOCAL, Desired
from swarmnet.node.followed import Followed, changed_stations
from swarmnet.node.kernel_news import (
    OWN,
    AddressNews,
    EntryNews,
    LinkNews,
    OtherNews,
    RouteNews,
)
from swarmnet.overlay.entries import Key, Sort
from swarmnet.overlay.naming import device_of, namespace_of

_ALL: Final = bytes(6)
"""The MAC under which a VXLAN device has the VTEPs that get what is for all."""


def entry_work(
    desired: Desired, held: Held, settled: Collection[str]
) -> list[Operation]:
    """Return what the changed keys of all books call for, in order.

    `settled` are namespaces that were compared as a whole.
    """
    changed = desired.take_changed()
    if not changed:
        return []
    work = Work()
    for network in changed:
        followed = desired.networks[network]
        name = namespace_of(network)
        # What an earlier life has left is no longer planned, or not yet.
        is_planned = name in desired.namespaces and name in held.namespaces
        if name not in settled and is_planned:
            for key in followed.book.changed:
                _change(work, followed, held, key)
            for mac in changed_stations(followed.book):
                _change_station(work, followed, held, mac)
        followed.book.changed.clear()
    return work.ordered()


def has_entry_news(desired: Desired, namespace: str) -> bool:
    """Return whether keys have changed of which a namespace was not told yet."""
    followed = desired.networks.get(namespace.removeprefix("net/"))
    return followed is not None and bool(followed.book.changed)


def _change(work: Work, followed: Followed, held: Held, key: Key) -> None:
    sort, index, about = key
    where = (namespace_of(followed.network.id), device_of(index))
    entries = held.namespaces[where[0]].entries.get(where[1])
    if entries is None or sort is Sort.STATION:
        return
    value = followed.book.value(key)
    there = entries.fdb if sort is Sort.FDB else entries.neighbours
    if there.get(about) == value:
        return
    if sort is Sort.FDB and value is not None:
        work.add(Phase.FORWARDING, PutFdb(*where, about, value))
    elif sort is Sort.FDB:
        work.add(Phase.FORWARDING_GONE, RemoveFdb(*where, about))
    elif value is not None:
        work.add(Phase.NEIGHBOURS, PutNeighbour(*where, about, value))
    else:
        work.add(Phase.NEIGHBOURS_GONE, RemoveNeighbour(*where, about))


def _change_station(work: Work, followed: Followed, held: Held, mac: bytes) -> None:
    name = namespace_of(followed.network.id)
    space = held.namespaces[name]
    port, there = followed.stations().get(mac), space.stations.get(mac)
    if port == there:
        return
    if port is None and there is not None:
        work.add(Phase.STATIONS_GONE, RemoveStation(name, there, mac))
    elif port is not None and port in space.links:
        work.add(Phase.STATIONS, PutStation(name, port, mac))


def is_expected(
    desired: Desired,
    news: EntryNews | LinkNews | AddressNews | RouteNews | OtherNews,
) -> bool:
    """Return whether what a kernel announced is as it should be."""
    space = desired.namespaces.get(news.namespace)
    if space is None:
        # It goes, or is not ours.
        return True
    match news:
        case EntryNews():
            return _is_entry_expected(space, news)
        case LinkNews():
            return _is_link_expected(space, news)
        case AddressNews(_, address, is_there):
            if address in space.addresses:
                return is_there
            # A kernel may give link-local ones itself.
            is_ours = address.link in space.links and address.ip[:2] != LINK_LOCAL
            return not is_ours or not is_there
        case RouteNews():
            return _is_route_expected(space, news)
        case OtherNews():
            return False


def _is_route_expected(space: Namespace, news: RouteNews) -> bool:
    route = news.route
    if route.protocol == PROTOCOL:
        return (route in space.routes) == news.is_there
    if news.is_there or route.protocol != KERNEL or route.link not in space.links:
        return True
    return all(connected_route(one) != route for one in space.addresses)


def _is_entry_expected(space: Namespace, news: EntryNews) -> bool:
    if news.sort is Sort.STATION:
        port = space.stations.get(news.about)
        if news.value == OWN:
            return port is None
        return (port == news.link) == (news.value is not None)
    entries = space.entries.get(news.link)
    if entries is None:
        # Neighbours of a bridge, say: the kernel's own affair.
        return True
    if news.sort is Sort.NEIGHBOUR:
        return entries.neighbours.get(news.about) == news.value
    if news.about == _ALL:
        # Which of several VTEPs went is not said of a list.
        return news.value is not None and news.value in entries.flood
    return entries.fdb.get(news.about) == news.value


def _is_link_expected(space: Namespace, news: LinkNews) -> bool:
    wanted = space.links.get(news.name)
    if news.link is None:
        return wanted is None
    if wanted is not None:
        return is_like(wanted, news.link)
    is_inside = news.link.master in space.links
    return not is_inside and not may_remove(news.link, space)
