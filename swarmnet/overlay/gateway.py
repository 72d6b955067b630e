"""The gateway bridge: the way of sandboxes to the world, and of the world to them.

What Docker calls docker_gwbridge. One bridge a host, with a link into each sandbox that
has a network which is not internal. Sandboxes do not reach each other by it, and the
world reaches none but by a published port.

An IPv6 address follows from the IPv4 one, so that only the latter has to be kept.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from typing import Final

from swarmnet.cnm.endpoint import IP, Publish, mac_of
from swarmnet.cnm.network import Prefix
from swarmnet.kernel.firewall import OURS, Set, Table
from swarmnet.kernel.links import Kind, Link, Peer, Port
from swarmnet.kernel.state import HOST, Address, Namespace, Route
from swarmnet.overlay import filtering, gateway_chains, publishing
from swarmnet.overlay.gateway_chains import POOL_IPV6
from swarmnet.overlay.naming import GATEWAY_ALIAS, GATEWAY_BRIDGE, box_of
from swarmnet.overlay.publishing import Publisher

POOL: Final = (
    *(IPv4Network(f"172.{second}.0.0/16") for second in range(18, 32)),
    *IPv4Network("192.168.0.0/16").subnets(new_prefix=20),
)
"""What the bridge's subnet is chosen from: Docker's, but for that of its docker0."""
LINK_LOCAL: Final = IPv6Address("fe80::1")
"""Who forwards must ask for IPv6 neighbours by a link-local address (ndisc_send_ns).

One that we give is ready at once; the kernel's own is first sought for a second or two.
"""
DEFAULT_LENGTH_MAX: Final = 1
"""Routes as short as this are defaults: /0, or the two halves that VPNs set instead."""
ISOLATED: Final = Port(learning=False, flood=False, isolated=True)


@dataclass(frozen=True, slots=True)
class GatewaySandbox:
    """A sandbox that needs the gateway.

    `interface` is what its link is called inside; `address` what it has there already.
    One with a default route of others gets none from us.
    """

    name: str
    interface: str
    address: IP | None = None
    has_default_route: bool = False
    has_ipv6: bool = False
    publish: tuple[Publish, ...] = ()


@dataclass(frozen=True, slots=True)
class GatewayPlan:
    """What the gateway calls for: parts of namespaces, and of our firewall table."""

    namespaces: Mapping[str, Namespace] = field(default_factory=dict)
    chains: str = ""
    elements: Mapping[str, Mapping[str, None]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Seat:
    """A sandbox on the bridge."""

    sandbox: GatewaySandbox
    address: IPv4Address
    address6: IPv6Address | None

    @property
    def port(self) -> str:
        digest = blake2b(self.sandbox.name.encode(), digest_size=6)
        return f"g{digest.hexdigest()}"

    @property
    def mac(self) -> bytes:
        return mac_of([self.address])


def plan_gateway(
    sandboxes: Sequence[GatewaySandbox],
    *,
    held: Prefix | None,
    avoid: Sequence[Prefix],
    mtu: int,
    reserved: Collection[tuple[str, int]] = (),
) -> GatewayPlan:
    """Return what the gateway bridge and its sandboxes call for, if there are any.

    `held` is the subnet that the bridge has, `avoid` what others have: the host's
    routes, but for ours, and all networks' subnets. `reserved` are (protocol, port)s
    of the host that nobody may publish.
    """
    if not sandboxes:
        return GatewayPlan()
    ordered = sorted(sandboxes, key=lambda one: one.name)
    subnet = choose_subnet(ordered, held, avoid)
    if subnet is None:
        return GatewayPlan(
            warnings=("gateway: no subnet is free: want one of 172.18.0.0/16 and up",)
        )
    plan = _Planner(subnet, mtu, has_ipv6=any(one.has_ipv6 for one in ordered))
    plan.check(avoid)
    plan.seat(ordered)
    return plan.result(reserved)


def table_of(
    networks: Mapping[int, Sequence[bytes]], port: int, gateway: GatewayPlan
) -> Table | None:
    """Return our one firewall table in the host's namespace, or None if none is needed.

    `networks` gives for each VNI the packed addresses of the other VTEPs; `port` is
    VXLAN's.
    """
    if not networks and not gateway.chains:
        return None
    sets: tuple[Set, ...] = filtering.SETS
    chains = filtering.filter_chains(port)
    elements = filtering.filter_elements(networks)
    if gateway.chains:
        sets += publishing.SETS + gateway_chains.SETS
        chains += filtering.guard_chain(port, GATEWAY_BRIDGE) + gateway.chains
        elements |= {name: dict(some) for name, some in gateway.elements.items()}
    return Table(*OURS, sets, chains, elements)


def choose_subnet(
    sandboxes: Sequence[GatewaySandbox], held: Prefix | None, avoid: Sequence[Prefix]
) -> IPv4Network | None:
    """Return the subnet that sandboxes or the bridge have, else a free one, if any is.

    The bridge may have been given one by somebody else; the sandboxes know better.
    """
    addresses = [one.address for one in sandboxes if one.address is not None]
    ours = [one for one in POOL if any(address in one for address in addresses)]
    if held in ours or (not ours and held in POOL):
        ours = [one for one in POOL if one == held]
    free = (one for one in POOL if not _overlaps(one, avoid))
    return next(iter(ours), None) or next(free, None)


def _overlaps(subnet: Prefix, avoid: Sequence[Prefix]) -> bool:
    return any(
        isinstance(other, type(subnet))
        and other.prefixlen > DEFAULT_LENGTH_MAX
        and other.overlaps(subnet)
        for other in avoid
    )


class _Planner:
    """Plans the gateway, once its subnet is known."""

    __slots__ = ("_has_ipv6", "_mtu", "_seats", "_subnet", "_warnings")

    def __init__(self, subnet: IPv4Network, mtu: int, *, has_ipv6: bool) -> None:
        self._subnet = subnet
        self._mtu = mtu
        self._has_ipv6 = has_ipv6
        self._seats: list[_Seat] = []
        self._warnings: list[str] = []

    @property
    def _address(self) -> IPv4Address:
        return self._subnet.network_address + 1

    def check(self, avoid: Sequence[Prefix]) -> None:
        """Warn of what others have too; go without IPv6 rather than take theirs."""
        if _overlaps(self._subnet, avoid):
            self._warnings.append(
                f"gateway: subnet {self._subnet} overlaps a route or a network: remove"
                f" {GATEWAY_BRIDGE} when no sandbox needs it"
            )
        if self._has_ipv6 and _overlaps(POOL_IPV6, avoid):
            self._has_ipv6 = False
            self._warnings.append(f"gateway: no IPv6: {POOL_IPV6} has a route already")

    def seat(self, sandboxes: Sequence[GatewaySandbox]) -> None:
        """Give each an address: its own if it has one, else the lowest that is free."""
        owners: dict[int, str] = {}
        for one in sandboxes:
            if isinstance(one.address, IPv4Address) and self._is_free(one.address):
                owners.setdefault(int(one.address), one.name)
        free = int(self._address) + 1
        for one in sandboxes:
            address = one.address
            if address is None or owners.get(int(address)) != one.name:
                while free in owners:
                    free += 1
                address = IPv4Address(free)
                free += 1
            if not self._is_free(address):
                self._warnings.append(
                    f"gateway: no address is free in {self._subnet} for sandbox"
                    f" {one.name}"
                )
                continue
            owners[int(address)] = one.name
            address6 = _to_ipv6(address) if self._has_ipv6 and one.has_ipv6 else None
            self._seats.append(_Seat(one, IPv4Address(int(address)), address6))

    def _is_free(self, address: IP) -> bool:
        """Say whether a sandbox may have an address, as far as the subnet goes."""
        first, last = int(self._address) + 1, int(self._subnet.broadcast_address) - 1
        return address in self._subnet and first <= int(address) <= last

    def result(self, reserved: Collection[tuple[str, int]]) -> GatewayPlan:
        published = publishing.publish(
            [
                Publisher(
                    seat.sandbox.name, seat.address, seat.address6, seat.sandbox.publish
                )
                for seat in self._seats
            ],
            reserved,
        )
        others = [seat for seat in self._seats if seat.sandbox.has_default_route]
        has_ports = bool(published.elements["any4"] or published.elements["bound4"])
        boxes = {box_of(seat.sandbox.name): self._box(seat) for seat in self._seats}
        return GatewayPlan(
            namespaces={HOST: self._host(has_ports=has_ports), **boxes},
            chains=publishing.CHAINS + gateway_chains.chains_of(self._subnet),
            elements={
                **published.elements,
                "other_way4": {str(seat.address): None for seat in others},
                "other_way6": {
                    str(seat.address6): None for seat in others if seat.address6
                },
            },
            warnings=(*self._warnings, *published.warnings),
        )

    def _host(self, *, has_ports: bool) -> Namespace:
        bridge = Link(
            name=GATEWAY_BRIDGE,
            kind=Kind.BRIDGE,
            mtu=self._mtu,
            alias=GATEWAY_ALIAS,
            mac=mac_of([self._address]),
        )
        ports = [self._port(seat) for seat in self._seats]
        return Namespace(
            links={link.name: link for link in (bridge, *ports)},
            addresses=dict.fromkeys(self._host_addresses()),
            stations={seat.mac: seat.port for seat in self._seats},
            sysctls=dict(self._sysctls(has_ports=has_ports)),
        )

    def _host_addresses(self) -> Iterator[Address]:
        name, has_ipv6 = GATEWAY_BRIDGE, self._has_ipv6
        yield from self._addresses(name, self._address, has_ipv6=has_ipv6)
        if has_ipv6:
            yield Address(name, LINK_LOCAL.packed, POOL_IPV6.prefixlen)

    def _sysctls(self, *, has_ports: bool) -> Iterator[tuple[str, str]]:
        yield "net/ipv4/ip_forward", "1"
        if has_ports:
            # What 127.0.0.1 sends to a published port goes out by the bridge.
            yield f"net/ipv4/conf/{GATEWAY_BRIDGE}/route_localnet", "1"
        if self._has_ipv6:
            yield "net/ipv6/conf/all/forwarding", "1"
            yield f"net/ipv6/conf/{GATEWAY_BRIDGE}/disable_ipv6", "0"

    def _port(self, seat: _Seat) -> Link:
        sandbox = seat.sandbox
        return Link(
            name=seat.port,
            kind=Kind.VETH,
            mtu=self._mtu,
            alias=f"{GATEWAY_ALIAS}/{sandbox.name}",
            master=GATEWAY_BRIDGE,
            port=ISOLATED,
            peer=Peer(box_of(sandbox.name), sandbox.interface),
        )

    def _box(self, seat: _Seat) -> Namespace:
        name, has_ipv6 = seat.sandbox.interface, seat.address6 is not None
        link = Link(
            name=name,
            kind=Kind.VETH,
            mtu=self._mtu,
            alias=f"{GATEWAY_ALIAS}/{seat.sandbox.name}",
            mac=seat.mac,
            peer=Peer(HOST, seat.port),
        )
        routes = [Route(bytes(4), 0, name, self._address.packed)]
        if has_ipv6:
            routes.append(Route(bytes(16), 0, name, _to_ipv6(self._address).packed))
        return Namespace(
            links={name: link},
            addresses=dict.fromkeys(
                self._addresses(name, seat.address, has_ipv6=has_ipv6)
            ),
            routes={} if seat.sandbox.has_default_route else dict.fromkeys(routes),
            sysctls={f"net/ipv6/conf/{name}/disable_ipv6": "0"} if has_ipv6 else {},
        )

    def _addresses(
        self, link: str, address: IPv4Address, *, has_ipv6: bool
    ) -> Iterator[Address]:
        yield Address(link, address.packed, self._subnet.prefixlen)
        if has_ipv6:
            yield Address(link, _to_ipv6(address).packed, POOL_IPV6.prefixlen)


def _to_ipv6(address: IP) -> IPv6Address:
    return POOL_IPV6.network_address + int(address)
