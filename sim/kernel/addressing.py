"""Addresses and routes, and what becomes of them when a link goes up or down.

Of two IPv4 addresses in one prefix the second is secondary: it goes when the first is
removed. IPv6 addresses go with the link that is taken down, IPv4 ones stay.
"""

from typing import Final

from sim.kernel.cells import (
    IPV6_MTU_MIN,
    KERNEL,
    LinkCell,
    Machine,
    NamespaceCell,
    Refusal,
)
from swarmnet.kernel.state import Address, Route

IPV4_BYTES: Final = 4
LINK_LOCAL: Final = b"\xfe\x80".ljust(16, b"\0")


def prefix_of(ip: bytes, length: int) -> bytes:
    """Return the packed address with all bits behind the prefix cleared."""
    shift = len(ip) * 8 - length
    return (int.from_bytes(ip, "big") >> shift << shift).to_bytes(len(ip), "big")


def put_address(machine: Machine, home: NamespaceCell, address: Address) -> None:
    """Add an address; one that an IPv6 link has already keeps its length.

    Raises:
        Refusal: no such link, or it has no IPv6.
    """
    cell = home.get(address.link)
    is_ipv6 = len(address.ip) != IPV4_BYTES
    if is_ipv6 and not cell.has_ipv6:
        error = "EINVAL" if cell.link.mtu < IPV6_MTU_MIN else "EACCES"
        raise Refusal(error, "IPv6 is disabled on this device")
    held = [a for a in home.addresses if a.link == cell.name and a.ip == address.ip]
    if address in held or (is_ipv6 and held):
        return
    home.addresses[address] = None
    machine.announce(home, "address")
    add_connected_routes(machine, cell)


def remove_address(machine: Machine, home: NamespaceCell, address: Address) -> None:
    """Remove an address, its secondaries, and the routes that need them."""
    if address not in home.addresses:
        return
    followers = [address]
    if len(address.ip) == IPV4_BYTES and _is_primary(home, address):
        followers += [a for a in home.addresses if _is_beside(address, a)]
    for gone in followers:
        del home.addresses[gone]
        machine.announce(home, "address")
    if not any(_is_beside(address, a) for a in home.addresses):
        remove_route(machine, home, _connected(address))
    left = [len(a.ip) for a in home.addresses if a.link == address.link]
    if len(address.ip) == IPV4_BYTES and IPV4_BYTES not in left:
        _drop_routes(machine, home, address.link, size=IPV4_BYTES)


def put_route(machine: Machine, home: NamespaceCell, route: Route) -> None:
    """Add a route, in place of the first with the same destination and metric.

    Of IPv4 routes all have one metric, the kernel's own too; of IPv6 ones not those.

    Raises:
        Refusal: no such link, or it is down, or the gateway cannot be reached by it.
    """
    cell = home.get(route.link)
    if prefix_of(route.destination, route.length) != route.destination:
        raise Refusal("EINVAL", "Invalid prefix for given prefix length")
    _check_next_hop(home, cell, route)
    rivals = [r for r in home.routes if _same_key(r, route)]
    if rivals[:1] == [route]:
        return
    if route in rivals:
        raise Refusal("EEXIST")
    kept = [route if r is rivals[0] else r for r in home.routes] if rivals else None
    home.routes = dict.fromkeys(kept or [*home.routes, route])
    machine.announce(home, "route")


def remove_route(machine: Machine, home: NamespaceCell, route: Route) -> None:
    """Delete a route, if it is there."""
    if route in home.routes:
        del home.routes[route]
        machine.announce(home, "route")


def settle_link_local(machine: Machine, cell: LinkCell) -> None:
    """Follow whether the kernel gives a link an IPv6 link-local address."""
    if cell.link.has_link_local:
        add_connected_routes(machine, cell)
    else:
        remove_route(machine, cell.home, link_local_route(cell.name))


def link_local_route(link: str) -> Route:
    """Return the kernel's route to the IPv6 neighbours on a link."""
    return Route(LINK_LOCAL, 64, link, protocol=KERNEL)


def link_went_down(machine: Machine, cell: LinkCell) -> None:
    """Drop what a link that is down does not keep: routes, and all of IPv6."""
    drop_ipv6(machine, cell)
    _drop_routes(machine, cell.home, cell.name)


def drop_ipv6(machine: Machine, cell: LinkCell) -> None:
    """Drop the IPv6 addresses and routes of a link."""
    home = cell.home
    for address in list(home.addresses):
        if address.link == cell.name and len(address.ip) != IPV4_BYTES:
            del home.addresses[address]
            machine.announce(home, "address")
    _drop_routes(machine, home, cell.name, size=16)


def drop_all(machine: Machine, cell: LinkCell) -> None:
    """Drop the addresses and routes of a link that is deleted."""
    home = cell.home
    for address in [a for a in home.addresses if a.link == cell.name]:
        del home.addresses[address]
        machine.announce(home, "address")
    _drop_routes(machine, home, cell.name)


def add_connected_routes(machine: Machine, cell: LinkCell) -> None:
    """Add the kernel's own route for each address of a link that is up."""
    home = cell.home
    if not cell.link.is_up:
        return
    wanted = [
        _connected(a)
        for a in home.addresses
        if a.link == cell.name and _has_route(home, a)
    ]
    if cell.link.has_link_local and cell.has_ipv6:
        wanted.append(link_local_route(cell.name))
    for route in wanted:
        if route not in home.routes:
            home.routes[route] = None
            machine.announce(home, "route")


def _connected(address: Address) -> Route:
    prefix = prefix_of(address.ip, address.length)
    return Route(prefix, address.length, address.link, protocol=KERNEL)


def _has_route(home: NamespaceCell, address: Address) -> bool:
    if len(address.ip) != IPV4_BYTES:
        return True
    return address.length < IPV4_BYTES * 8 and _is_primary(home, address)


def _is_beside(one: Address, two: Address) -> bool:
    """Say whether two addresses of a link are in the same prefix, and not the same."""
    return one != two and _connected(one) == _connected(two)


def _is_primary(home: NamespaceCell, address: Address) -> bool:
    first = next(a for a in home.addresses if _connected(a) == _connected(address))
    return first == address


def _same_key(one: Route, two: Route) -> bool:
    if (one.destination, one.length) != (two.destination, two.length):
        return False
    is_ipv4 = len(one.destination) == IPV4_BYTES
    return is_ipv4 or (one.protocol == KERNEL) == (two.protocol == KERNEL)


def _check_next_hop(home: NamespaceCell, cell: LinkCell, route: Route) -> None:
    is_ipv6 = len(route.destination) != IPV4_BYTES
    if is_ipv6 and not cell.has_ipv6:
        raise Refusal("ENODEV", "IPv6 is disabled on nexthop device")
    if route.via is None and not cell.link.is_up:
        raise Refusal("ENETDOWN", "Device for nexthop is not up")
    if route.via is None or _is_on_link(home, cell.name, route.via):
        return
    if is_ipv6:
        raise Refusal("EHOSTUNREACH")
    raise Refusal("ENETUNREACH", "Nexthop has invalid gateway")


def _is_on_link(home: NamespaceCell, link: str, ip: bytes) -> bool:
    near = [
        r
        for r in home.routes
        if r.link == link and r.via is None and len(r.destination) == len(ip)
    ]
    if any(prefix_of(ip, r.length) == r.destination for r in near):
        return True
    return home.links[link].link.is_up and any(
        a.link == link and a.ip == ip for a in home.addresses
    )


def _drop_routes(
    machine: Machine,
    home: NamespaceCell,
    link: str,
    *,
    size: int | None = None,
) -> None:
    """Drop the routes by a link, of both families or of one."""
    for route in [r for r in home.routes if r.link == link]:
        if size is None or len(route.destination) == size:
            remove_route(machine, home, route)
