"""The state of a host's kernel, as far as it concerns us: desired, or actual.

A host is its namespaces. In one that is *owned* everything is ours, but for `lo`; in a
*shared* one (the host's own, a sandbox) only what carries our mark is: links by their
alias, what stands on them, routes by `PROTOCOL`, one firewall table by its name.

Addresses are packed (4 or 16 bytes), MACs 6 bytes; mappings stand for sets too, for
they keep an order.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from swarmnet.kernel.firewall import Table
from swarmnet.kernel.intruders import Intruder
from swarmnet.kernel.links import Link

HOST: Final = ""
"""The key of the host's own namespace, where the underlay is."""
PROTOCOL: Final = 77
"""The mark of our routes (rtm_protocol); unassigned in linux/rtnetlink.h."""
KERNEL: Final = 2
"""RTPROT_KERNEL: routes that come and go with an address."""


@dataclass(frozen=True, slots=True)
class Address:
    """An address of a link, with the length of its prefix."""

    link: str
    ip: bytes
    length: int


@dataclass(frozen=True, slots=True)
class Route:
    """A unicast route of the main table: by a link, and by a gateway if `via`.

    `protocol` tells who made it: `PROTOCOL` for ours, 2 for the kernel's own.
    """

    destination: bytes
    length: int
    link: str
    via: bytes | None = None
    protocol: int = PROTOCOL


def connected_route(address: Address) -> Route:
    """Return the route that a kernel adds with an address, if its link is up."""
    bits = 8 * len(address.ip)
    mask = (1 << bits) - (1 << bits - address.length)
    first = int.from_bytes(address.ip, "big") & mask
    prefix = first.to_bytes(len(address.ip), "big")
    return Route(prefix, address.length, address.link, protocol=KERNEL)


@dataclass(frozen=True, slots=True)
class Entries:
    """What a VXLAN device is told of the other hosts' endpoints.

    `fdb` is MAC -> VTEP, `neighbours` IP -> MAC; all are permanent. `flood` are the
    VTEPs that get what is sent to all, in order (the FDB entry of MAC zero).
    """

    fdb: Mapping[bytes, bytes] = field(default_factory=dict)
    neighbours: Mapping[bytes, bytes] = field(default_factory=dict)
    flood: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Namespace:
    """What one network namespace holds.

    `stations` are static entries of a bridge's FDB: MAC -> name of the port. `sysctls`
    are paths below /proc/sys -> values, only those that matter. `entries` are by the
    name of the VXLAN device, `tables` by (family, name). `intruders` are told of an
    owned namespace, and never desired. One that `is_pinned` we made,
    and remove it when it is wanted no more.
    """

    links: Mapping[str, Link] = field(default_factory=dict)
    addresses: Mapping[Address, None] = field(default_factory=dict)
    routes: Mapping[Route, None] = field(default_factory=dict)
    entries: Mapping[str, Entries] = field(default_factory=dict)
    stations: Mapping[bytes, str] = field(default_factory=dict)
    sysctls: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[tuple[str, str], Table] = field(default_factory=dict)
    intruders: Mapping[Intruder, None] = field(default_factory=dict)
    is_owned: bool = False
    is_pinned: bool = False


@dataclass(frozen=True, slots=True)
class Host:
    """The namespaces of a host: `HOST`, `net/…` for networks, `box/…` for sandboxes.

    Desired: those that should be. Actual: those that are, foreign things included.
    """

    namespaces: Mapping[str, Namespace] = field(default_factory=dict)


class Unreadable(Exception):
    """A namespace could not be read: it is gone, or changed while it was dumped.

    What was read before stands; whoever asked asks again.
    """


class Absent(Unreadable):
    """There is no such namespace."""
