"""Pools and occupied addresses in the short form of the tables."""

from ipaddress import ip_network

from swarmnet.ipam.overlaps import Taken, occupied
from swarmnet.ipam.pools import Pool, Pools
from swarmnet.ipam.spans import Spans
from swarmnet.ipam.subnets import Network, span_of


def pool(text: str) -> Pool:
    """Read "10.0.0.0/8 24": a prefix, of which host bits are cut, and a length."""
    cidr, length = text.split()
    return Pool(ip_network(cidr, strict=False), int(length))


def busy(*cidrs: str) -> Spans:
    """Return what these prefixes take; host bits are cut."""
    taken = [Taken(ip_network(cidr, strict=False), "somebody") for cidr in cidrs]
    return occupied(taken, 4)


def take(pools: Pools, count: int, *, owned: Spans | None = None) -> list[str]:
    """Take subnets one after the other, each of which stays."""
    own = pools.span(4) if owned is None else owned
    found: list[Network] = []
    taken = Spans()
    for _ in range(count):
        found.append(pools.next_subnet(own, taken))
        taken.add(span_of(found[-1]))
    return [str(subnet) for subnet in found]
