"""Links on the wire of rtnetlink: what makes, changes and reads them.

A kernel honours at a link's birth its name, MTU, MAC, flags, master, namespace and the
data of its kind. It ignores an alias and port flags there, and refuses an IPv6
address mode; those need the link to exist: `set_link`. So links are born down, or they
would get a link-local address before they can be told not to.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from struct import Struct
from typing import Final

from swarmnet.errors import BadPacket
from swarmnet.kernel.links import Kind, Link, Vxlan
from swarmnet.kernel.netlink import (
    AF_BRIDGE,
    AF_INET6,
    NLM_F_CREATE,
    NLM_F_DUMP,
    NLM_F_EXCL,
    RTM_DELLINK,
    RTM_GETLINK,
    RTM_NEWLINK,
    RTM_SETLINK,
    Request,
    attribute,
    attribute_text,
    attribute_u8,
    attribute_u32,
    attributes_untrusted,
    find_untrusted,
    nested,
    text_untrusted,
    u8_untrusted,
    u32_untrusted,
)
from swarmnet.kernel.port_codec import (
    LINKINFO,
    Strange,
    decode_port_untrusted,
    port_attribute,
)

IFF_UP: Final = 0x1
IFF_LOOPBACK: Final = 0x8
IFF_NOARP: Final = 0x80
IFF_MULTICAST: Final = 0x1000
IPV6_MTU_MIN: Final = 1280
"""Below it a link has no IPv6 at all, and refuses an address mode."""

_IFINFO: Final = Struct("=BxHiII")
"""struct ifinfomsg: family, hardware type, index, flags, which flags to change."""

_ADDRESS: Final = 1
_IFNAME: Final = 3
_MTU: Final = 4
_LINK: Final = 5
_MASTER: Final = 10
_IFALIAS: Final = 20
_AF_SPEC: Final = 26
_NET_NS_FD: Final = 28
_NUM_TX_QUEUES: Final = 31
_NUM_RX_QUEUES: Final = 32
_EXT_MASK: Final = 29
_LINK_NETNSID: Final = 37

_INFO_KIND: Final = 1
_INFO_DATA: Final = 2

_INET6_ADDR_GEN_MODE: Final = 8
_MODE_EUI64: Final = 0
_MODE_NONE: Final = 1
_EUI64, _NO_ADDRESS = (
    nested(_AF_SPEC, nested(AF_INET6, attribute_u8(_INET6_ADDR_GEN_MODE, mode)))
    for mode in (_MODE_EUI64, _MODE_NONE)
)

_VXLAN_ID: Final = 1
_VXLAN_LOCAL: Final = 4
_VXLAN_LEARNING: Final = 7
_VXLAN_PROXY: Final = 11
_VXLAN_L2MISS: Final = 13
_VXLAN_L3MISS: Final = 14
_VXLAN_PORT: Final = 15
_VXLAN_LOCAL6: Final = 17

_VETH_PEER: Final = 1

# RTEXT_FILTER_SKIP_STATS: counters are most of a link's bytes.
_NO_STATISTICS: Final = attribute_u32(_EXT_MASK, 8)
_ONE_QUEUE: Final = b"".join(
    attribute_u32(kind, 1) for kind in (_NUM_TX_QUEUES, _NUM_RX_QUEUES)
)
"""A veth of which nothing is said gets a queue for each processor, and all but one are
given up again (drivers/net/veth.c, veth_init_queues): for each end that waits until no
processor can be using them, with the whole machine's links locked."""
_KINDS: Final[Mapping[str, Kind]] = {
    kind.value: kind for kind in Kind if kind is not Kind.OTHER
}


@dataclass(frozen=True, slots=True)
class FoundLink:
    """A link as a kernel tells of it; `link.master` and `link.peer` are left None.

    `master_index` names its master. `peer_index` names what it hangs on, such as the
    other end of a veth pair; in the namespace of id `netns_id` if that is given.
    `strange` are flags of a port that should be otherwise.
    """

    index: int
    flags: int
    link: Link
    master_index: int | None = None
    peer_index: int | None = None
    netns_id: int | None = None
    strange: Strange = ()


def add_bridge(link: Link) -> Request:
    """Return the request for a bridge, down, with an MTU that is not yet the right one.

    A bridge takes the least MTU of its ports until it is told one, and does not hear
    what it has already: so that `set_link` tells it one, it is born with another.
    """
    born = replace(link, mtu=link.mtu ^ 1)
    return _add(born, nested(LINKINFO, _kind(Kind.BRIDGE)))


def add_vxlan(link: Link, *, namespace_fd: int, master_index: int | None) -> Request:
    """Return the request for a VXLAN device, down, in another namespace.

    Sent in the host's namespace, where its socket then stands. `master_index` is one
    of the namespace `namespace_fd`.
    """
    vxlan = link.vxlan
    assert vxlan is not None, link.name
    is_v6 = len(vxlan.local) == 16
    data = nested(
        _INFO_DATA,
        attribute_u32(_VXLAN_ID, vxlan.vni),
        attribute(_VXLAN_LOCAL6 if is_v6 else _VXLAN_LOCAL, vxlan.local),
        attribute(_VXLAN_PORT, vxlan.port.to_bytes(2, "big")),
        attribute_u8(_VXLAN_LEARNING, vxlan.learning),
        attribute_u8(_VXLAN_PROXY, vxlan.proxy),
        attribute_u8(_VXLAN_L2MISS, vxlan.l2miss),
        attribute_u8(_VXLAN_L3MISS, vxlan.l3miss),
    )
    namespace = attribute_u32(_NET_NS_FD, namespace_fd)
    info = nested(LINKINFO, _kind(Kind.VXLAN), data)
    return _add(link, namespace, _master(master_index), info)


def add_veth(
    link: Link,
    *,
    master_index: int | None,
    other: Link,
    other_fd: int,
) -> Request:
    """Return the request for a veth pair, down: `link` here, `other` in `other_fd`."""
    peer = attribute(
        _VETH_PEER,
        _IFINFO.pack(0, 0, 0, 0, 0)
        + attribute_text(_IFNAME, other.name)
        + attribute_u32(_MTU, other.mtu)
        + attribute_u32(_NET_NS_FD, other_fd)
        + _mac(other)
        + _ONE_QUEUE,
    )
    info = nested(LINKINFO, _kind(Kind.VETH), nested(_INFO_DATA, peer))
    return _add(link, _master(master_index), _ONE_QUEUE, info)


def set_link(
    index: int,
    link: Link,
    *,
    master_index: int | None,
    rename: str | None,
    has_mac: bool = False,
) -> list[Request]:
    """Return the requests that make an existing link what the value says, in order.

    `index` 0 means the link of that name, which then cannot be renamed. A master None
    changes nothing, nor is a MAC said that the link `has_mac`. The second request, for
    IPv6 addresses, fails with EAFNOSUPPORT, and alone, where there is no IPv6; no other
    fails so. Port flags want a master that is one already, so they come last, in the
    message that takes the link up.
    """
    assert index or rename is None, link.name
    who = b"" if index else attribute_text(_IFNAME, link.name)
    up = IFF_UP if link.is_up else 0
    still = _IFINFO.pack(0, 0, index, 0, 0)
    basics = (
        still,
        who if rename is None else attribute_text(_IFNAME, rename),
        # Without the final zero, as iproute2 sends it: an empty one clears it.
        attribute(_IFALIAS, link.alias.encode()),
        attribute_u32(_MTU, link.mtu),
        b"" if has_mac else _mac(link),
        _master(master_index),
    )
    requests = [Request(RTM_SETLINK, 0, b"".join(basics))]
    if link.mtu >= IPV6_MTU_MIN:
        mode = _EUI64 if link.has_link_local else _NO_ADDRESS
        body = still + who + mode
        requests.append(Request(RTM_SETLINK, 0, body))
    # A device without ARP answers for nobody.
    flags, change = up | IFF_MULTICAST, IFF_UP | IFF_NOARP | IFF_MULTICAST
    body = _IFINFO.pack(0, 0, index, flags, change) + who + port_attribute(link.port)
    requests.append(Request(RTM_NEWLINK, 0, body))
    return requests


def link_up(index: int) -> Request:
    """Return the request that takes a link up, and changes nothing else."""
    return Request(RTM_SETLINK, 0, _IFINFO.pack(0, 0, index, IFF_UP, IFF_UP))


def release_link(index: int) -> Request:
    """Return the request that takes a link out of its bridge."""
    return Request(RTM_SETLINK, 0, _IFINFO.pack(0, 0, index, 0, 0) + _master(0))


def remove_link(index: int) -> Request:
    """Return the request that deletes a link."""
    return Request(RTM_DELLINK, 0, _IFINFO.pack(0, 0, index, 0, 0))


def get_link(name: str) -> Request:
    """Return the request for one link, answered by one RTM_NEWLINK, or ENODEV."""
    body = _IFINFO.pack(0, 0, 0, 0, 0) + attribute_text(_IFNAME, name) + _NO_STATISTICS
    return Request(RTM_GETLINK, 0, body)


def dump_links() -> Request:
    """Return the request for all links of a namespace."""
    body = _IFINFO.pack(0, 0, 0, 0, 0) + _NO_STATISTICS
    return Request(RTM_GETLINK, NLM_F_DUMP, body)


def decode_link_untrusted(body: bytes | memoryview) -> FoundLink | None:
    """Read an RTM_NEWLINK or RTM_DELLINK; None: a bridge's word on a port of its own.

    Raises:
        BadPacket: it is cut off, goes astray, or has no name.
    """
    if len(body) < _IFINFO.size:
        raise BadPacket("a link is cut off")
    family, _, index, flags, _ = _IFINFO.unpack_from(body)
    if family == AF_BRIDGE:
        return None
    found = attributes_untrusted(body[_IFINFO.size :])
    if _IFNAME not in found:
        raise BadPacket("a link without a name")
    info = attributes_untrusted(found.get(LINKINFO, b""))
    kind = _KINDS.get(text_untrusted(info.get(_INFO_KIND, b"")), Kind.OTHER)
    vxlan = None
    if kind is Kind.VXLAN:
        vxlan = _vxlan_untrusted(attributes_untrusted(info.get(_INFO_DATA, b"")))
    port, strange = decode_port_untrusted(info, flags)
    link = Link(
        text_untrusted(found[_IFNAME]),
        kind,
        _number_untrusted(found, _MTU) or 0,
        alias=text_untrusted(found.get(_IFALIAS, b"")),
        mac=found.get(_ADDRESS, b""),
        is_up=bool(flags & IFF_UP),
        port=port,
        vxlan=vxlan,
        has_link_local=_has_link_local_untrusted(found),
        is_mute=flags & (IFF_NOARP | IFF_MULTICAST) != IFF_MULTICAST,
    )
    return FoundLink(
        index,
        flags,
        link,
        _number_untrusted(found, _MASTER),
        _number_untrusted(found, _LINK),
        _number_untrusted(found, _LINK_NETNSID),
        strange=strange,
    )


def newborn_untrusted(body: bytes | memoryview, link: Link) -> FoundLink:
    """Read the indexes alone of an RTM_NEWLINK: of a new link the rest is known.

    Raises:
        BadPacket: it is cut off or goes astray.
    """
    if len(body) < _IFINFO.size:
        raise BadPacket("a link is cut off")
    index: int = _IFINFO.unpack_from(body)[2]
    if link.kind is not Kind.VETH:
        return FoundLink(index, 0, link)
    peer = find_untrusted(body, _IFINFO.size, _LINK)
    peer_index = None if peer is None else u32_untrusted(peer)
    return FoundLink(index, 0, link, peer_index=peer_index)


def _add(link: Link, *more: bytes) -> Request:
    """Return the request for a new link, down, with what is honoured at birth."""
    body = (
        _IFINFO.pack(0, 0, 0, 0, 0),
        attribute_text(_IFNAME, link.name),
        attribute_u32(_MTU, link.mtu),
        _mac(link),
        *more,
    )
    return Request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, b"".join(body))


def _kind(kind: Kind) -> bytes:
    return attribute(_INFO_KIND, kind.encode())


def _mac(link: Link) -> bytes:
    return b"" if link.mac is None else attribute(_ADDRESS, link.mac)


def _master(index: int | None) -> bytes:
    return b"" if index is None else attribute_u32(_MASTER, index)


def _number_untrusted(found: Mapping[int, bytes], kind: int) -> int | None:
    return u32_untrusted(found[kind]) if kind in found else None


def _is_set_untrusted(found: Mapping[int, bytes], kind: int) -> bool:
    return kind in found and u8_untrusted(found[kind]) != 0


def _vxlan_untrusted(data: Mapping[int, bytes]) -> Vxlan:
    """Read the data of a VXLAN device; one without `local` has b"" there."""
    return Vxlan(
        vni=_number_untrusted(data, _VXLAN_ID) or 0,
        local=data.get(_VXLAN_LOCAL6) or data.get(_VXLAN_LOCAL, b""),
        port=int.from_bytes(data.get(_VXLAN_PORT, b""), "big"),
        learning=_is_set_untrusted(data, _VXLAN_LEARNING),
        proxy=_is_set_untrusted(data, _VXLAN_PROXY),
        l2miss=_is_set_untrusted(data, _VXLAN_L2MISS),
        l3miss=_is_set_untrusted(data, _VXLAN_L3MISS),
    )


def _has_link_local_untrusted(found: Mapping[int, bytes]) -> bool:
    """Say whether a link-local address is made; where there is no IPv6, none is."""
    families = attributes_untrusted(found.get(_AF_SPEC, b""))
    inet6 = attributes_untrusted(families.get(AF_INET6, b""))
    mode = inet6.get(_INET6_ADDR_GEN_MODE)
    return mode is not None and u8_untrusted(mode) != _MODE_NONE
