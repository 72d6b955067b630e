"""Which names the endpoints of each network have, and which sandbox is in which.

A name is a text in lower case. What is hidden (its owner is dead, or its address is not
its owner's) is in here as such: name and address are ours, and nobody is there.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address
from math import inf
from typing import Final, TypeVar

IP = IPv4Address | IPv6Address
K = TypeVar("K")
WHOLE_S: Final = 5.0
"""A network that was just entered counts as known after that long, whatever is missing:
somebody who is gone may have taken it along."""


@dataclass(frozen=True, slots=True)
class Named:
    """An endpoint as DNS sees it. `id` is unique in its network.

    `names` begin with its own, by which it is told when its address is asked; `ports`
    are (number inside, protocol) of those that it publishes. `box` is the sandbox of
    this host that it is in, None on another host. `is_hidden`: nobody is to go to its
    addresses.
    """

    id: str
    names: tuple[str, ...]
    addresses: tuple[IP, ...] = ()
    ports: tuple[tuple[int, str], ...] = ()
    box: str | None = None
    is_hidden: bool = False

    @property
    def reachable(self) -> tuple[IP, ...]:
        """The addresses that may be told."""
        return () if self.is_hidden else self.addresses


@dataclass(frozen=True, slots=True)
class Domain:
    """A network as DNS sees it. `name` is that under which it is shown, in lower case.

    `is_internal`: it has no way out. It is `whole_at` a time of the monotonic clock:
    before that, a name that is not known may only not have come yet.
    """

    id: str
    name: str
    is_internal: bool = False
    whole_at: float = -inf


class Zone:
    """The endpoints of one network, by what they may be asked for."""

    __slots__ = ("_by_address", "_by_name", "_endpoints", "domain")

    def __init__(self, domain: Domain) -> None:
        self.domain = domain
        self._endpoints: dict[str, Named] = {}
        self._by_name: dict[str, dict[str, None]] = {}
        self._by_address: dict[IP, dict[str, None]] = {}

    def named(self, name: str) -> list[Named]:
        """Return the endpoints that have a name, hidden ones too."""
        return [self._endpoints[one] for one in self._by_name.get(name, ())]

    def at(self, address: IP) -> Named | None:
        """Return the endpoint that has an address, a hidden one if no other does."""
        found = [self._endpoints[one] for one in self._by_address.get(address, ())]
        return min(found, key=lambda one: one.is_hidden, default=None)

    def ids(self) -> list[str]:
        return list(self._endpoints)

    def get(self, id_: str) -> Named | None:
        return self._endpoints.get(id_)

    def put(self, named: Named) -> None:
        self.drop(named.id)
        self._endpoints[named.id] = named
        for name in named.names:
            self._by_name.setdefault(name, {})[named.id] = None
        for address in named.addresses:
            self._by_address.setdefault(address, {})[named.id] = None

    def drop(self, id_: str) -> None:
        named = self._endpoints.pop(id_, None)
        if named is None:
            return
        for name in dict.fromkeys(named.names):
            _take(self._by_name, name, id_)
        for address in dict.fromkeys(named.addresses):
            _take(self._by_address, address, id_)


class Book:
    """All networks that this host takes part in. `revision` rises with every change."""

    __slots__ = ("_boxes", "_inside", "_zones", "revision")

    def __init__(self) -> None:
        self._zones: dict[str, Zone] = {}
        self._boxes: dict[str, dict[str, int]] = {}
        self._inside: dict[str, tuple[str, ...]] = {}
        self.revision = 0

    # What is asked

    def networks(self, box: str) -> tuple[str, ...]:
        """Return the ids of the networks that a sandbox is in."""
        return self._inside.get(box, ())

    def zones(self, networks: Sequence[str]) -> Sequence[Zone]:
        """Return networks by their ids, in the order of their names."""
        found = [self._zones[one] for one in networks]
        return sorted(found, key=lambda one: (one.domain.name, one.domain.id))

    def domains(self) -> Iterator[Domain]:
        """Yield all networks."""
        for zone in self._zones.values():
            yield zone.domain

    def domain(self, network: str) -> Domain | None:
        """Return what is known of a network itself."""
        zone = self._zones.get(network)
        return None if zone is None else zone.domain

    # What is told

    def set_network(self, domain: Domain) -> None:
        """Take note of a network, or that something of it has changed."""
        zone = self._zones.get(domain.id)
        if zone is None:
            self._zones[domain.id] = Zone(domain)
        elif zone.domain == domain:
            return
        else:
            zone.domain = domain
        self.revision += 1

    def drop_network(self, network: str) -> None:
        """Forget a network, and all in it."""
        zone = self._zones.get(network)
        if zone is None:
            return
        for one in zone.ids():
            self.drop(network, one)
        del self._zones[network]
        self.revision += 1

    def rename(self, names: Mapping[str, str]) -> None:
        """Show networks under other names, by id; one without keeps its own."""
        for domain in list(self.domains()):
            name = names.get(domain.id, domain.name)
            self.set_network(replace(domain, name=name))

    def note_whole(self, network: str) -> None:
        """Nothing of a network is still to come."""
        zone = self._zones.get(network)
        if zone is not None:
            self.set_network(replace(zone.domain, whole_at=-inf))

    def set_endpoints(self, network: str, wanted: Mapping[str, Named]) -> None:
        """Let a known network have these endpoints, and no others."""
        for one in self._zones[network].ids():
            if one not in wanted:
                self.drop(network, one)
        for named in wanted.values():
            self.put(network, named)

    def put(self, network: str, named: Named) -> None:
        """Take note of an endpoint; in a network that is not known it is nothing."""
        zone = self._zones.get(network)
        before = None if zone is None else zone.get(named.id)
        if zone is None or before == named:
            return
        self._count(network, before, -1)
        zone.put(named)
        self._count(network, named, 1)
        self.revision += 1

    def drop(self, network: str, endpoint: str) -> None:
        """Forget an endpoint."""
        zone = self._zones.get(network)
        before = None if zone is None else zone.get(endpoint)
        if zone is None or before is None:
            return
        zone.drop(endpoint)
        self._count(network, before, -1)
        self.revision += 1

    def _count(self, network: str, named: Named | None, by: int) -> None:
        """Count how many endpoints of a network a sandbox has."""
        if named is None or named.box is None:
            return
        counts = self._boxes.setdefault(named.box, {})
        counts[network] = counts.get(network, 0) + by
        if not counts[network]:
            del counts[network]
        self._inside[named.box] = tuple(sorted(counts))
        if not counts:
            del self._boxes[named.box], self._inside[named.box]


def _take(held: dict[K, dict[str, None]], key: K, id_: str) -> None:
    """Take one id from under a key, and the key with the last of them."""
    ids = held[key]
    ids.pop(id_, None)
    if not ids:
        del held[key]
