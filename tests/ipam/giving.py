"""Addresses of small subnets, given and told as texts."""

from ipaddress import ip_address, ip_network

from swarmnet.ipam.addresses import Addresses
from swarmnet.ipam.spans import Spans
from swarmnet.ipam.subnets import parse_subnet, span_of


def number(text: str) -> int:
    return int(ip_address(text))


def all_of(cidr: str) -> Spans:
    return Spans([span_of(ip_network(cidr))])


def bare(cidr: str, **options: float) -> Addresses:
    """Return the addresses of a subnet without a gateway, as Docker's tests have it."""
    subnet = parse_subnet(cidr, has_gateway=False)
    held = Addresses(subnet, quarantine_s=0.0, **options)  # type: ignore[arg-type]
    held.hold(all_of(cidr))
    return held


def small(**options: float) -> Addresses:
    """Return 10.0.0.0/29: gateway .1, so .2 to .6 for endpoints, all owned."""
    subnet = parse_subnet("10.0.0.0/29")
    held = Addresses(subnet, **options)  # type: ignore[arg-type]
    held.hold(all_of("10.0.0.0/29"))
    return held


def give(
    held: Addresses, now: float = 0.0, user: str = "a", *, early: bool = False
) -> str:
    return str(held.subnet.address(held.allocate(now, user, early=early)))
