"""Addresses, routes and namespace ids on the wire of rtnetlink.

Putting an IPv6 address that is there with another prefix length leaves it as it is;
an IPv4 one is then there twice. Putting a route replaces whatever route goes to the
same destination with the same metric, whoever made it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from struct import Struct
from typing import Final

from swarmnet.errors import BadPacket
from swarmnet.kernel.netlink import (
    AF_INET,
    AF_INET6,
    AF_UNSPEC,
    NLM_F_CREATE,
    NLM_F_DUMP,
    NLM_F_REPLACE,
    RTM_DELADDR,
    RTM_DELROUTE,
    RTM_GETADDR,
    RTM_GETNSID,
    RTM_GETROUTE,
    RTM_NEWADDR,
    RTM_NEWNSID,
    RTM_NEWROUTE,
    Request,
    attribute,
    attribute_u32,
    attributes_untrusted,
    u32_untrusted,
)
from swarmnet.kernel.state import Address, Route

SCOPE_UNIVERSE: Final = 0
SCOPE_LINK: Final = 253
SCOPE_HOST: Final = 254
_SCOPE_NOWHERE: Final = 255

_IFADDR: Final = Struct("=BBBBI")
"""struct ifaddrmsg: family, prefix length, flags, scope, index."""
_IFA_ADDRESS: Final = 1
_IFA_LOCAL: Final = 2
_IFA_FLAGS: Final = 8
_IFA_F_NODAD: Final = 0x02
IFA_F_PERMANENT: Final = 0x80

_RTMSG: Final = Struct("=BBBBBBBBI")
"""struct rtmsg: family, lengths of destination and source, tos, table, protocol,
scope, type, flags."""
_RTA_DST: Final = 1
_RTA_OIF: Final = 4
_RTA_GATEWAY: Final = 5
_RTA_PRIORITY: Final = 6
_RTA_MULTIPATH: Final = 9
_RTA_TABLE: Final = 15
_RTA_VIA: Final = 18
_TABLE_MAIN: Final = 254
_RTN_UNICAST: Final = 1
_RTM_F_CLONED: Final = 0x200

_RTGEN: Final = Struct("=Bxxx")
"""struct rtgenmsg: family."""
_NETNSA_NSID: Final = 1
_NETNSA_FD: Final = 3
_NSID: Final = Struct("=i")
NO_NSID: Final = -1
"""Not assigned yet; to a request: any that is free."""

_FAMILIES: Final = {4: AF_INET, 16: AF_INET6}
_BYTES: Final = {AF_INET: 4, AF_INET6: 16}


@dataclass(frozen=True, slots=True)
class FoundAddress:
    """An address as a kernel tells of it; `flags` are IFA_F_*."""

    index: int
    ip: bytes
    length: int
    scope: int
    flags: int


@dataclass(frozen=True, slots=True)
class FoundRoute:
    """A unicast route of the main table as a kernel tells of it."""

    index: int
    destination: bytes
    length: int
    via: bytes | None
    protocol: int
    metric: int


def put_address(index: int, address: Address) -> Request:
    """Return the request that gives a link an address, at once usable."""
    body = _address(index, address) + attribute_u32(_IFA_FLAGS, _IFA_F_NODAD)
    return Request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, body)


def remove_address(index: int, address: Address) -> Request:
    """Return the request that takes an address from a link."""
    return Request(RTM_DELADDR, 0, _address(index, address))


def dump_addresses(family: int = AF_UNSPEC, index: int = 0) -> Request:
    """Return the request for the addresses of a family, of one link or of all.

    Only a socket with NETLINK_GET_STRICT_CHK is told no more than that link's.
    """
    return Request(RTM_GETADDR, NLM_F_DUMP, _IFADDR.pack(family, 0, 0, 0, index))


def decode_address_untrusted(body: bytes | memoryview) -> FoundAddress | None:
    """Read an RTM_NEWADDR or RTM_DELADDR; None: of another family.

    Raises:
        BadPacket: it is cut off, goes astray, or has no address.
    """
    if len(body) < _IFADDR.size:
        raise BadPacket("an address is cut off")
    family, length, flags, scope, index = _IFADDR.unpack_from(body)
    if family not in _BYTES:
        return None
    found = attributes_untrusted(body[_IFADDR.size :])
    # IFA_ADDRESS of a link to one peer alone is the peer's.
    ip = found.get(_IFA_LOCAL, found.get(_IFA_ADDRESS, b""))
    if len(ip) != _BYTES[family]:
        raise BadPacket(f"an address of {len(ip)} bytes")
    flags = _number_untrusted(found, _IFA_FLAGS, flags)
    return FoundAddress(index, ip, length, scope, flags)


def put_route(index: int, route: Route) -> Request:
    """Return the request that adds a route, or replaces the one there is."""
    scope = SCOPE_LINK if route.via is None else SCOPE_UNIVERSE
    flags = NLM_F_CREATE | NLM_F_REPLACE
    return Request(RTM_NEWROUTE, flags, _route(index, route, scope))


def remove_route(index: int, route: Route) -> Request:
    """Return the request that deletes a route, if its protocol is the same."""
    return Request(RTM_DELROUTE, 0, _route(index, route, _SCOPE_NOWHERE))


def dump_routes(family: int = AF_UNSPEC) -> Request:
    """Return the request for the routes of a family."""
    body = _RTMSG.pack(family, 0, 0, 0, 0, 0, 0, 0, 0)
    return Request(RTM_GETROUTE, NLM_F_DUMP, body)


def decode_route_untrusted(body: bytes | memoryview) -> FoundRoute | None:
    """Read an RTM_NEWROUTE or RTM_DELROUTE; None: not one that `Route` can tell.

    Those are of another table or family, not unicast, of several paths, cached, by a
    source or a type of service, or by a gateway of another family.

    Raises:
        BadPacket: it is cut off or goes astray.
    """
    if len(body) < _RTMSG.size:
        raise BadPacket("a route is cut off")
    family, length, source, tos, table, protocol, _, kind, flags = _RTMSG.unpack_from(
        body
    )
    found = attributes_untrusted(body[_RTMSG.size :])
    is_other = (
        family not in _BYTES
        or source != 0
        or tos != 0
        or kind != _RTN_UNICAST
        or flags & _RTM_F_CLONED
        or _number_untrusted(found, _RTA_TABLE, table) != _TABLE_MAIN
    )
    if is_other or _RTA_OIF not in found or _RTA_VIA in found:
        return None
    if _RTA_MULTIPATH in found:
        return None
    destination = found.get(_RTA_DST, bytes(_BYTES[family]))
    via = found.get(_RTA_GATEWAY)
    if any(len(ip) != _BYTES[family] for ip in (destination, via or destination)):
        raise BadPacket("a route with an address of another length")
    index = u32_untrusted(found[_RTA_OIF])
    metric = _number_untrusted(found, _RTA_PRIORITY, 0)
    return FoundRoute(index, destination, length, via, protocol, metric)


def set_nsid(fd: int, nsid: int = NO_NSID) -> Request:
    """Return the request that gives the namespace of a descriptor an id here.

    A socket with NETLINK_LISTEN_ALL_NSID then hears of what happens in it. EEXIST: it
    has one already.
    """
    return Request(RTM_NEWNSID, 0, _nsid(fd, attribute(_NETNSA_NSID, _NSID.pack(nsid))))


def get_nsid(fd: int) -> Request:
    """Return the request for the id here of a namespace, answered by RTM_NEWNSID."""
    return Request(RTM_GETNSID, 0, _nsid(fd))


def decode_nsid_untrusted(body: bytes | memoryview) -> int:
    """Read an RTM_NEWNSID or RTM_DELNSID: the id, or NO_NSID.

    Raises:
        BadPacket: it is cut off, goes astray, or has no id.
    """
    if len(body) < _RTGEN.size:
        raise BadPacket("a namespace id is cut off")
    data = attributes_untrusted(body[_RTGEN.size :]).get(_NETNSA_NSID, b"")
    if len(data) != _NSID.size:
        raise BadPacket(f"a namespace id of {len(data)} bytes")
    nsid: int = _NSID.unpack(data)[0]
    return nsid


def _address(index: int, address: Address) -> bytes:
    header = _IFADDR.pack(_FAMILIES[len(address.ip)], address.length, 0, 0, index)
    return (
        header + attribute(_IFA_LOCAL, address.ip) + attribute(_IFA_ADDRESS, address.ip)
    )


def _route(index: int, route: Route, scope: int) -> bytes:
    family = _FAMILIES[len(route.destination)]
    assert route.via is None or len(route.via) == len(route.destination), route
    header = _RTMSG.pack(
        *(family, route.length, 0, 0),
        *(_TABLE_MAIN, route.protocol, scope, _RTN_UNICAST, 0),
    )
    to = attribute(_RTA_DST, route.destination) if route.length else b""
    via = b"" if route.via is None else attribute(_RTA_GATEWAY, route.via)
    return header + to + attribute_u32(_RTA_OIF, index) + via


def _nsid(fd: int, *more: bytes) -> bytes:
    parts = (_RTGEN.pack(AF_UNSPEC), *more, attribute_u32(_NETNSA_FD, fd))
    return b"".join(parts)


def _number_untrusted(found: Mapping[int, bytes], kind: int, absent: int) -> int:
    return u32_untrusted(found[kind]) if kind in found else absent
