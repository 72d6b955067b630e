"""One subnet of a network as a user writes it, and which of its addresses are whose.

Sources: Docker's network create (libnetwork's IPAM) for the options and their defaults;
RFC 3021 (/31), RFC 4291 section 2.6.1 and RFC 6164 (the first address of an IPv6
subnet, except of a /127) for what endpoints cannot have.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final

from swarmnet.errors import Refused
from swarmnet.ipam.spans import Span, Spans

Network = IPv4Network | IPv6Network
IP = IPv4Address | IPv6Address

# What no network can have for its own: Linux and the RFCs give these other meanings.
_FORBIDDEN: Final[tuple[tuple[Network, str], ...]] = (
    (IPv4Network("0.0.0.0/8"), "unspecified"),
    (IPv4Network("127.0.0.0/8"), "loopback"),
    (IPv4Network("169.254.0.0/16"), "link-local"),
    (IPv4Network("224.0.0.0/4"), "multicast"),
    (IPv4Network("255.255.255.255/32"), "the limited broadcast address"),
    (IPv6Network("::/128"), "unspecified"),
    (IPv6Network("::1/128"), "loopback"),
    (IPv6Network("::ffff:0:0/96"), "IPv4-mapped"),
    (IPv6Network("fe80::/10"), "link-local"),
    (IPv6Network("ff00::/8"), "multicast"),
)
_NO_NAMES: Final[Mapping[str, str]] = {}


def span_of(prefix: Network) -> Span:
    """Return all the addresses of `prefix` as integers of its family."""
    return Span(int(prefix.network_address), int(prefix.broadcast_address))


def usable_span(prefix: Network) -> Span:
    """Return the addresses of `prefix` that a host may have.

    Not the network address, nor the broadcast address of IPv4; but both of two (/31,
    RFC 3021; /127, RFC 6164), and the one of one.
    """
    whole = span_of(prefix)
    if whole.size <= 2:
        return whole
    return Span(whole.first + 1, whole.last - 1 if prefix.version == 4 else whole.last)


@dataclass(frozen=True, slots=True)
class Subnet:
    """One subnet of a network, as `parse_subnet` has checked it.

    `gateway` is the overlay's, None if the network has none. Endpoints that name no
    address get one in `ip_range`, if there is one. Auxiliary addresses, (name, address)
    sorted by name, are used by something that is no endpoint.
    """

    prefix: Network
    gateway: IP | None
    ip_range: Network | None = None
    auxiliaries: tuple[tuple[str, IP], ...] = ()

    def claimable(self) -> Spans:
        """Return the addresses that an endpoint may have if it asks for them."""
        found = Spans([usable_span(self.prefix)])
        if self.gateway is not None:
            found.remove(_just(self.gateway))
        for _, address in self.auxiliaries:
            found.remove(_just(address))
        return found

    def assignable(self) -> Spans:
        """Return the addresses that an endpoint may be given: those in the ip-range."""
        if self.ip_range is None:
            return self.claimable()
        return self.claimable() & Spans([span_of(self.ip_range)])

    def reservation(self, number: int) -> str | None:
        """Say as what an address of this subnet is kept from endpoints, or None."""
        if self.gateway is not None and number == int(self.gateway):
            return "the gateway"
        for name, address in self.auxiliaries:
            if number == int(address):
                return f"the auxiliary address {name!r}"
        return _edge(self.prefix, number)

    def address(self, number: int) -> IP:
        """Return the address that an integer of this subnet's family stands for."""
        if self.prefix.version == 4:
            return IPv4Address(number)
        return IPv6Address(number)

    def number(self, address: IP) -> int:
        """Return the integer that stands for an address of this subnet.

        Raises:
            Refused: it is of the other family, or outside.
        """
        _check_inside("address", address, self.prefix)
        return int(address)

    def __str__(self) -> str:
        return str(self.prefix)


def parse_subnet(
    cidr: str,
    *,
    gateway: str | None = None,
    ip_range: str | None = None,
    auxiliaries: Mapping[str, str] = _NO_NAMES,
    has_gateway: bool = True,
) -> Subnet:
    """Read and check what a user wrote for one subnet; `auxiliaries`: name to address.

    The default gateway is the first address that an endpoint could be given, so it lies
    in the ip-range as Docker's does; unlike Docker's it passes over auxiliary addresses
    instead of being refused for one. With `has_gateway` False there is none.

    Raises:
        Refused: any part is malformed, outside the subnet, or of no use.
    """
    prefix = parse_prefix(cidr, "subnet")
    within = None if ip_range is None else _parse_range(ip_range, prefix)
    names: list[tuple[str, IP]] = []
    for name in sorted(auxiliaries):
        what = f"auxiliary address {name!r}"
        address = _parse_inside(auxiliaries[name], what, prefix)
        twin = next((other for other, given in names if given == address), None)
        if twin is not None:
            raise Refused(f"{what} {address}: is {twin!r} already; want two addresses")
        names.append((name, address))
    bare = Subnet(prefix, None, within, tuple(names))
    if gateway is not None and not has_gateway:
        raise Refused(f"gateway {gateway!r}: this network has none; leave it out")
    chosen = _choose_gateway(bare, gateway) if has_gateway else None
    subnet = Subnet(prefix, chosen, within, tuple(names))
    if not subnet.assignable():
        what = f"subnet {prefix}" if within is None else f"ip-range {within}"
        raise Refused(
            f"{what}: gateway and auxiliary addresses leave none for an endpoint:"
            " want a larger one"
        )
    return subnet


def parse_prefix(cidr: str, what: str) -> Network:
    """Read a CIDR that a network may have for its own; `what` names it in errors.

    Raises:
        Refused: no CIDR, host bits set, a /0, or addresses with another meaning.
    """
    address, slash, length = cidr.partition("/")
    try:
        # Without strictness, to be able to say which network was meant.
        prefix = ip_network(cidr, strict=False)
    except ValueError:
        prefix = None
    if prefix is None or not slash or not length.isdigit() or "%" in address:
        raise Refused(f"{what} {cidr!r}: want a CIDR, such as 10.1.0.0/24")
    if ip_address(address) != prefix.network_address:
        raise Refused(f"{what} {cidr}: host bits set: want {prefix}")
    if prefix.prefixlen == 0:
        raise Refused(f"{what} {cidr}: that is every address: want /1 or longer")
    for other, meaning in _FORBIDDEN:
        if prefix.version == other.version and prefix.overlaps(other):
            raise Refused(
                f"{what} {cidr}: {other} in it is {meaning}: want another, such as"
                f" {'10.1.0.0/24' if prefix.version == 4 else 'fd00:1::/64'}"
            )
    return prefix


def parse_address(text: str, what: str) -> IP:
    """Read an address; `what` names it in errors.

    Raises:
        Refused: it is none, or has a zone.
    """
    try:
        address = ip_address(text)
    except ValueError:
        raise Refused(f"{what} {text!r}: want an IPv4 or IPv6 address") from None
    if "%" in text:
        raise Refused(f"{what} {text!r}: want an address without a zone")
    return address


def _parse_range(text: str, prefix: Network) -> Network:
    within = parse_prefix(text, "ip-range")
    _check_family("ip-range", within, prefix)
    inner, outer = span_of(within), span_of(prefix)
    if not (outer.covers(inner.first) and outer.covers(inner.last)):
        raise Refused(f"ip-range {within}: want a part of subnet {prefix}")
    return within


def _parse_inside(text: str, what: str, prefix: Network) -> IP:
    """Read an address of `prefix` that some host may have."""
    address = parse_address(text, what)
    _check_inside(what, address, prefix)
    edge = _edge(prefix, int(address))
    if edge is not None:
        raise Refused(f"{what} {address}: is {edge} of {prefix}: {_bounds(prefix)}")
    return address


def _check_inside(what: str, address: IP, prefix: Network) -> None:
    _check_family(what, address, prefix)
    if address not in prefix:
        raise Refused(f"{what} {address}: outside subnet {prefix}: {_bounds(prefix)}")


def _choose_gateway(bare: Subnet, gateway: str | None) -> IP | None:
    """Return the gateway that was written, else the first address that is left."""
    if gateway is None:
        first = bare.assignable().at_or_after(0)
        return None if first is None else bare.address(first)
    address = _parse_inside(gateway, "gateway", bare.prefix)
    reserved = bare.reservation(int(address))
    if reserved is not None:
        raise Refused(f"gateway {address}: is {reserved} already; want two addresses")
    return address


def _check_family(what: str, value: Network | IP, prefix: Network) -> None:
    if value.version != prefix.version:
        raise Refused(
            f"{what} {value}: is IPv{value.version}, but subnet {prefix} is"
            f" IPv{prefix.version}: want one family"
        )


def _bounds(prefix: Network) -> str:
    usable = usable_span(prefix)
    first = prefix.network_address + (usable.first - int(prefix.network_address))
    last = prefix.network_address + (usable.last - int(prefix.network_address))
    return f"want {first} to {last}"


def _edge(prefix: Network, number: int) -> str | None:
    """Say why no host may have an address of `prefix`, or None if one may."""
    if usable_span(prefix).covers(number) or not span_of(prefix).covers(number):
        return None
    if prefix.version == 6:
        return "the subnet-router anycast address"
    is_first = number == int(prefix.network_address)
    return "the network address" if is_first else "the broadcast address"


def _just(address: IP) -> Span:
    return Span(int(address), int(address))
