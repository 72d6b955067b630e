"""This host's own settings: what its routes hide, and how it forwards."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import Final

from swarmnet.doctor.finding import Finding, failure, ok, skipped, warning

Prefix = IPv4Network | IPv6Network
FORWARD: Final = "net/ipv4/ip_forward"
STRICT: Final = "1"
ROOM_TIMES: Final = 2
"""So many times what it holds a table that was full should take."""


@dataclass(frozen=True, slots=True)
class NeighbourTable:
    """The kernel's one table of a family, of all namespaces together.

    `entries` are all that are held, `limit` what it takes (gc_thresh3) of those that
    are not permanent; `refused` says how many it had no room for since the start.
    """

    family: str
    entries: int
    limit: int
    refused: int


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What the host's namespace holds, as far as it matters.

    `routes` are foreign: prefix and link. `networks` and `pools` are the cluster's.
    `sysctls` are paths below /proc/sys and values. `underlay` is the link with the
    data-path address `vtep`, "" if no link has it; `links` counts those that are not
    ours.
    """

    routes: Sequence[tuple[Prefix, str]] = ()
    networks: Sequence[tuple[str, Prefix]] = ()
    pools: Sequence[Prefix] = ()
    has_gateway: bool = False
    sysctls: Mapping[str, str] = field(default_factory=dict)
    underlay: str = ""
    vtep: str | None = None
    links: int = 1
    is_up: bool = True
    """Whether the link `underlay` is up."""
    is_running: bool = True
    """Whether it has a carrier besides."""
    underlay_mtu: int | None = None
    mtus: Sequence[tuple[str, int, int]] = ()
    """Networks with sandboxes here: name, MTU, and what encapsulation takes besides."""
    addresses: Mapping[Prefix, str] = field(default_factory=dict)
    """Of `routes`, those that are no routes but addresses: as `ip` takes them."""
    neighbours: Sequence[NeighbourTable] = ()


def check_host(facts: HostFacts) -> Iterator[Finding]:
    """Yield what stands in the way on this host."""
    yield from _overlaps(facts)
    yield _forwarding(facts)
    yield _reverse_path(facts)
    for table in facts.neighbours:
        yield _neighbours(table)
    if facts.vtep is not None:
        yield _data_path(facts)
    if facts.underlay:
        yield _link(facts)
    if facts.underlay_mtu is not None:
        yield _link_mtu(facts, facts.underlay_mtu)


def _overlaps(facts: HostFacts) -> Iterator[Finding]:
    bad = [
        (name, subnet, route, link)
        for name, subnet in facts.networks
        for route, link in facts.routes
        if _overlap(subnet, route)
    ]
    for name, subnet, route, link in bad:
        told = (
            f"{subnet} of network {name} overlaps the"
            f" {_shown(facts, route, link)}: what is there is hidden from its sandboxes"
        )
        cure = (
            f"move the network: swarmnet network create --subnet CIDR, connect its"
            f" sandboxes there, swarmnet network rm {name}; or:"
            f" {_removal(facts, route, link)}"
        )
        yield failure("routes", told, cure)
    if bad:
        return
    passed = [
        f"{route} dev {link}"
        for route, link in facts.routes
        if any(_overlap(pool, route) for pool in facts.pools)
    ]
    if passed:
        told = f"in the address pool, and passed over: {', '.join(passed[:5])}"
        yield ok("routes", told)
    elif facts.pools:
        yield ok("routes", f"none of {len(facts.routes)} overlaps a network or a pool")
    else:
        told = f"{len(facts.routes)} foreign routes; pools are known in a cluster only"
        yield ok("routes", told)


def _shown(facts: HostFacts, route: Prefix, link: str) -> str:
    if route in facts.addresses:
        return f"address {facts.addresses[route]} dev {link}"
    return f"route {route} dev {link}"


def _removal(facts: HostFacts, route: Prefix, link: str) -> str:
    if route in facts.addresses:
        return f"ip address del {facts.addresses[route]} dev {link}"
    return f"ip route del {route}" + (f" dev {link}" if link else "")


def _overlap(one: Prefix, other: Prefix) -> bool:
    if isinstance(one, IPv4Network) and isinstance(other, IPv4Network):
        return one.overlaps(other)
    if isinstance(one, IPv6Network) and isinstance(other, IPv6Network):
        return one.overlaps(other)
    return False


def _forwarding(facts: HostFacts) -> Finding:
    value = facts.sysctls.get(FORWARD)
    if not facts.has_gateway:
        told = f"net.ipv4.ip_forward={value}; no gateway bridge stands here"
        return ok("forwarding", told)
    if value == "1":
        return ok("forwarding", "net.ipv4.ip_forward=1, for the gateway bridge")
    told = f"net.ipv4.ip_forward={value}: sandboxes have no way out by swarmnet_gw"
    return failure("forwarding", told, "sysctl -w net.ipv4.ip_forward=1")


def _reverse_path(facts: HostFacts) -> Finding:
    if not facts.underlay:
        return skipped("rp_filter", "the link of the data path is not known yet")
    values = {
        where: facts.sysctls.get(f"net/ipv4/conf/{where}/rp_filter", "0")
        for where in ("all", facts.underlay)
    }
    shown = ", ".join(f"{where}={value}" for where, value in values.items())
    # The greater of the two holds (ip-sysctl.rst).
    if max(values.values()) == STRICT and facts.links > 1:
        told = (
            f"strict ({shown}) with {facts.links} links: what comes by another link"
            " than it would go back by is dropped"
        )
        cure = (
            "sysctl -w net.ipv4.conf.all.rp_filter=2 net.ipv4.conf."
            f"{facts.underlay.replace('.', '/')}.rp_filter=2"
        )
        return warning("rp_filter", told, cure)
    return ok("rp_filter", shown)


def _neighbours(table: NeighbourTable) -> Finding:
    """Return whether sandboxes can learn whom they speak to.

    What we program is permanent and needs no room; what each sandbox asks for does.
    """
    told = f"{table.family}: {table.entries} held, gc_thresh3={table.limit}"
    if not table.refused or ROOM_TIMES * table.entries <= table.limit:
        return ok("neighbour table", told)
    name = f"net.{table.family}.neigh.default.gc_thresh3"
    room = 1 << (2 * ROOM_TIMES * table.entries).bit_length()
    told += (
        f", and {table.refused} found no room since the host started: sandboxes, and"
        " the host itself, did not reach whom they spoke to first"
    )
    cure = f"sysctl -w {name}={room}, and keep it in /etc/sysctl.d"
    return warning("neighbour table", told, cure)


def _data_path(facts: HostFacts) -> Finding:
    if facts.underlay:
        told = f"{facts.vtep} is on {facts.underlay}"
        return ok("data-path address", told)
    told = f"no link has {facts.vtep}, from which frames are sent"
    cure = (
        f"ip address add {facts.vtep}/LENGTH dev LINK; or leave, and join with"
        " --data-path-addr"
    )
    return failure("data-path address", told, cure)


def _link(facts: HostFacts) -> Finding:
    name = facts.underlay
    if not facts.is_up:
        told = f"{name} is down: no other host is reached by it"
        return failure("link", told, f"ip link set {name} up")
    if not facts.is_running:
        told = f"{name} is up, but has no carrier: no other host is reached by it"
        cure = (
            "plug in the cable, or enable the port of the switch; if it is made of"
            f" other links, look at those: ip -d link show {name}"
        )
        return failure("link", told, cure)
    return ok("link", f"{name} is up, with carrier")


def _link_mtu(facts: HostFacts, mtu: int) -> Finding:
    too_large = [one for one in facts.mtus if one[1] + one[2] > mtu]
    if not too_large:
        return ok("link mtu", f"{facts.underlay}: {mtu} bytes")
    name, inner, overhead = max(too_large, key=lambda one: one[1] + one[2])
    told = (
        f"{facts.underlay}: {mtu} bytes, and network {name} wants {inner} + {overhead}:"
        " larger packets of its sandboxes are cut or lost"
    )
    cure = (
        f"ip link set {facts.underlay} mtu {inner + overhead}, or make the network"
        f" anew: swarmnet network create --opt mtu={mtu - overhead}"
    )
    return failure("link mtu", told, cure)
