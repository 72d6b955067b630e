"""What a host's firewall must let pass, as packets: ours, and those of sandboxes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Final

from swarmnet.doctor.firewall import DNAT, IN, OUT, REPLY, THROUGH, Crossing
from swarmnet.doctor.matching import IP, Packet
from swarmnet.kernel.state import Namespace
from swarmnet.overlay.naming import GATEWAY_BRIDGE

if TYPE_CHECKING:
    from swarmnet.runtime.doctor.host import Examined

PEERS_MAX: Final = 64
"""So many members' addresses are led through the firewall."""
PUBLISHED_MAX: Final = 64
ANYWHERE: Final = 443
"""A port such as sandboxes seek outside."""
OUTSIDE: Final[Mapping[int, IP]] = {
    4: IPv4Address("198.51.100.1"),
    6: IPv6Address("2001:db8::1"),
}
"""Addresses such as they seek there: of documentation's (RFC 5737, RFC 3849)."""
EPHEMERAL: Final = 40000
"""A port such as the kernel chooses for outgoing connections."""
DISCOVERY: Final = ("nd-neighbor-solicit", "nd-neighbor-advert")
"""Without these (RFC 4861) nothing is sent to a neighbour by IPv6."""


def crossings_of(one: "Examined", host: Namespace) -> Iterator[Crossing]:
    """Yield what must come in and go out, from and to each member that is known."""
    peers: list[tuple[IP | None, IP | None]] = [*one.peers[:PEERS_MAX]]
    peers = peers or [(None, None)]
    link = link_of(host, one.address) or None
    under = link_of(host, one.vtep) or None
    for address, vtep in peers:
        for protocol in ("udp", "tcp"):
            what, port = f"{one.port}/{protocol}", one.port
            coming = Packet(protocol, port, address, one.address, link_in=link)
            going = Packet(protocol, port, one.address, address, link_out=link)
            yield Crossing(f"{what} coming in", coming, IN)
            if address is not None:
                yield Crossing(f"{what} going out", going, OUT)
        what, port = f"{one.vxlan_port}/udp", one.vxlan_port
        coming = Packet("udp", port, vtep, one.vtep, link_in=under)
        going = Packet("udp", port, one.vtep, vtep, link_out=under)
        yield Crossing(f"{what} (VXLAN) coming in", coming, IN)
        if vtep is not None:
            yield Crossing(f"{what} (VXLAN) going out", going, OUT)
    addresses = [address for address, _ in peers]
    yield from _replies(one, link, addresses)
    yield from _discovery(one, link, addresses)
    for gateway in gateways_of(host):
        outside = default_link(host, gateway.version)
        yield from way_out(gateway, outside)
        yield from published(gateway, outside, one.published[:PUBLISHED_MAX])


def _replies(
    one: "Examined", link: str | None, addresses: Sequence[IP | None]
) -> Iterator[Crossing]:
    """Yield what comes back of our connections, and goes back of others' to us."""
    for address in addresses:
        coming = Packet(
            *("tcp", EPHEMERAL, address, one.address),
            link_in=link,
            source_port=one.port,
            state=REPLY,
        )
        yield Crossing(f"replies from {one.port}/tcp coming in", coming, IN)
        if address is not None:
            going = replace(
                coming,
                source=one.address,
                destination=address,
                link_in=None,
                link_out=link,
            )
            yield Crossing(f"replies from {one.port}/tcp going out", going, OUT)


def _discovery(
    one: "Examined", link: str | None, addresses: Sequence[IP | None]
) -> Iterator[Crossing]:
    """Yield how neighbours find each other, where the underlay is of IPv6."""
    for address in addresses:
        if one.address is None or one.address.version != 6 or address is None:
            continue
        for kind in DISCOVERY:
            coming = Packet(
                *("icmpv6", 0, address, one.address),
                link_in=link,
                state="untracked",
                icmp_type=kind,
            )
            going = replace(
                coming,
                source=one.address,
                destination=address,
                link_in=None,
                link_out=link,
            )
            yield Crossing("neighbour discovery coming in", coming, IN)
            yield Crossing("neighbour discovery going out", going, OUT)


def way_out(gateway: IP, outside: str | None) -> Iterator[Crossing]:
    """Yield what sandboxes send by the gateway bridge, and what comes back to them.

    `gateway` is the bridge's address, `outside` the link towards the world.
    """
    there = OUTSIDE[gateway.version]
    out = Packet(
        *("tcp", ANYWHERE, gateway, there), link_in=GATEWAY_BRIDGE, link_out=outside
    )
    yield Crossing("the way out of sandboxes", out, THROUGH, GATEWAY_BRIDGE)
    back = Packet(
        *("tcp", EPHEMERAL, there, gateway),
        link_in=outside,
        link_out=GATEWAY_BRIDGE,
        source_port=ANYWHERE,
        state=REPLY,
    )
    yield Crossing("replies to sandboxes", back, THROUGH, GATEWAY_BRIDGE)


def published(
    gateway: IP, outside: str | None, ports: Sequence[tuple[str, int]]
) -> Iterator[Crossing]:
    """Yield what comes in for ports that are published, led on to a sandbox."""
    for protocol, port in ports:
        packet = Packet(
            *(protocol, port, OUTSIDE[gateway.version], gateway),
            link_in=outside,
            link_out=GATEWAY_BRIDGE,
            status=DNAT,
        )
        what = f"published {port}/{protocol}"
        yield Crossing(what, packet, ("forward", "postrouting"), GATEWAY_BRIDGE)


def gateways_of(host: Namespace) -> Iterator[IP]:
    """Yield the addresses of the gateway bridge, one of each version at the most."""
    found: dict[int, IP] = {}
    for address in host.addresses:
        ip = ip_address(address.ip)
        if address.link == GATEWAY_BRIDGE and not ip.is_link_local:
            found.setdefault(ip.version, ip)
    yield from found.values()


def default_link(host: Namespace, version: int) -> str | None:
    """Return the link of the default route of an IP version; None: there is none."""
    for route in host.routes:
        if not route.length and ip_address(route.destination).version == version:
            return route.link or None
    return None


def link_of(host: Namespace, ip: IP | None) -> str:
    """Return the name of the link that has an address, "" if none has it."""
    for address in host.addresses:
        if ip is not None and address.ip == ip.packed:
            return address.link
    return ""
