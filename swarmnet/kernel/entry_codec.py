"""FDB and neighbour entries on the wire of rtnetlink: what puts, removes, tells them.

Those of VXLAN devices come by the thousand, so a message is one call of `pack`: what
is the same in all of a kind is made once for a batch. What a dump holds is read by
`entry_dump_codec`.

A VXLAN device's entry has NTF_SELF, one of the bridge above it NTF_MASTER. A MAC has
one destination, for only multicast and NO_MAC take more. Removing a destination that is
not there is no error, if the MAC is there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Final

from swarmnet.errors import BadPacket
from swarmnet.kernel.netlink import (
    AF_BRIDGE,
    AF_INET,
    AF_INET6,
    ATTRIBUTE,
    NLM_F_APPEND,
    NLM_F_CREATE,
    NLM_F_DUMP,
    NLM_F_REPLACE,
    NLM_F_REQUEST,
    RTM_DELNEIGH,
    RTM_GETNEIGH,
    RTM_NEWNEIGH,
    Request,
    attribute,
    attribute_u32,
    attributes_untrusted,
    u32_untrusted,
)
from swarmnet.kernel.operations import (
    EntryOperation,
    PutFdb,
    PutFlood,
    PutNeighbour,
    RemoveFdb,
    RemoveFlood,
    RemoveNeighbour,
)

NUD_INCOMPLETE: Final = 0x01
NUD_REACHABLE: Final = 0x02
NUD_STALE: Final = 0x04
NUD_DELAY: Final = 0x08
NUD_PROBE: Final = 0x10
NUD_FAILED: Final = 0x20
NUD_NOARP: Final = 0x40
NUD_PERMANENT: Final = 0x80
NTF_SELF: Final = 0x02
NTF_MASTER: Final = 0x04

NDA_DST: Final = 1
NDA_LLADDR: Final = 2
NDA_CACHEINFO: Final = 3
NDA_PROBES: Final = 4
NDA_IFINDEX: Final = 8
NDA_MASTER: Final = 9
NDA_LINK_NETNSID: Final = 10

NDMSG: Final = Struct("=BxxxiHBB")
"""struct ndmsg: family, interface, state, flags, type."""
MAC_BYTES: Final = 6
NO_MAC: Final = bytes(MAC_BYTES)
"""The entry of a VXLAN device for what goes to all."""
FDB_STATE: Final = NUD_PERMANENT | NUD_NOARP

_HEAD: Final = Struct("=IHH")
# A MAC and an address of either family; a MAC; an address of either family. Before
# them stand the head, the sequence number, and a middle: port id, ndmsg, attribute.
_PAIR: Final = {4: Struct("=8sI20s6s6s4s"), 16: Struct("=8sI20s6s6s16s")}
_MAC: Final = Struct("=8sI20s6s2x")
_IP: Final = {4: Struct("=8sI20s4s"), 16: Struct("=8sI20s16s")}
_FAMILIES: Final = {4: AF_INET, 16: AF_INET6}
# After a MAC: its padding, and the beginning of the address.
_GAP: Final = {n: bytes(2) + ATTRIBUTE.pack(4 + n, NDA_DST) for n in (4, 16)}

_Form = tuple[Struct, bytes, bytes, bytes]
"""How to pack an operation: its struct, head, middle and gap."""


@dataclass(frozen=True, slots=True)
class NeighbourEvent:
    """What a kernel tells of one entry: put, removed, or missed (RTM_GETNEIGH).

    A miss has `ip` or `mac`, the one that was not known; its `family` says nothing,
    for a kernel gives AF_INET for a MAC. An FDB entry has AF_BRIDGE, `mac`, and `dst`
    if it is a VXLAN device's; one of a bridge has its index in `master`, and its port
    in `ifindex`; `dst` is b"" if it is in a form that we do not write.
    """

    kind: int
    ifindex: int
    family: int
    ip: bytes | None
    mac: bytes | None
    dst: bytes | None
    state: int
    flags: int
    master: int | None = None


def encode_entries(
    operations: Sequence[EntryOperation], link_index: int, first_sequence: int
) -> list[bytes]:
    """Return one message for each operation on the entries of one link.

    They are numbered from `first_sequence`; none asks for an answer, so only failures
    are answered.
    """
    put_fdb = _pair_forms(link_index, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE)
    put_flood = _pair_forms(link_index, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_APPEND)
    remove_flood = _pair_forms(link_index, RTM_DELNEIGH, 0)
    put_ip, remove_ip = _put_ip_forms(link_index), _remove_ip_forms(link_index)
    fdb_head = _HEAD.pack(_MAC.size, RTM_DELNEIGH, NLM_F_REQUEST)
    fdb_middle = _middle(AF_BRIDGE, link_index, FDB_STATE, NTF_SELF, NDA_LLADDR)
    remove_fdb = _MAC.pack
    found: list[bytes] = []
    append = found.append
    for sequence, operation in enumerate(operations, first_sequence):
        match operation:
            case PutFdb():
                form, head, middle, gap = put_fdb[len(operation.vtep)]
                mac, ip = operation.mac, operation.vtep
            case PutNeighbour():
                form, head, middle, gap = put_ip[len(operation.ip)]
                mac, ip = operation.mac, operation.ip
            case RemoveFdb():
                append(remove_fdb(fdb_head, sequence, fdb_middle, operation.mac))
                continue
            case RemoveNeighbour():
                form, head, middle, _ = remove_ip[len(operation.ip)]
                append(form.pack(head, sequence, middle, operation.ip))
                continue
            case PutFlood():
                form, head, middle, gap = put_flood[len(operation.vtep)]
                mac, ip = NO_MAC, operation.vtep
            case RemoveFlood():
                form, head, middle, gap = remove_flood[len(operation.vtep)]
                mac, ip = NO_MAC, operation.vtep
        append(form.pack(head, sequence, middle, mac, gap, ip))
    return found


def put_station(port_index: int, mac: bytes) -> Request:
    """Return the request for a static entry of the bridge that a port is of."""
    flags = NLM_F_CREATE | NLM_F_REPLACE
    return Request(RTM_NEWNEIGH, flags, _station(port_index, mac))


def remove_station(port_index: int, mac: bytes) -> Request:
    """Return the request that deletes a bridge's entry, static or learned."""
    return Request(RTM_DELNEIGH, 0, _station(port_index, mac))


def dump_fdb(link_index: int = 0) -> Request:
    """Return the request for the FDB entries of a namespace, or of one link.

    Of a bridge's port that gives the bridge's entries for it, and its own. Only a
    socket with NETLINK_GET_STRICT_CHK gets no more than it asks for.
    """
    body = NDMSG.pack(AF_BRIDGE, link_index, 0, 0, 0)
    return Request(RTM_GETNEIGH, NLM_F_DUMP, body)


def dump_neighbours(family: int, link_index: int = 0) -> Request:
    """Return the request for the neighbours of a family, of one link or of all."""
    body = NDMSG.pack(family, 0, 0, 0, 0)
    if link_index:
        body += attribute_u32(NDA_IFINDEX, link_index)
    return Request(RTM_GETNEIGH, NLM_F_DUMP, body)


NDA_PORT: Final = 6
NDA_VNI: Final = 7
_UNUSUAL: Final = frozenset({NDA_PORT, NDA_VNI, NDA_IFINDEX})


def decode_event_untrusted(kind: int, body: bytes | memoryview) -> NeighbourEvent:
    """Read an RTM_NEWNEIGH, RTM_DELNEIGH, or RTM_GETNEIGH, which tells of a miss.

    Raises:
        BadPacket: it is cut off or goes astray.
    """
    if len(body) < NDMSG.size:
        raise BadPacket("an entry is cut off")
    family, index, state, flags, _ = NDMSG.unpack_from(body)
    found = attributes_untrusted(body[NDMSG.size :])
    is_bridge = family == AF_BRIDGE
    destination = found.get(NDA_DST)
    is_odd = bool(found.keys() & _UNUSUAL) or state != FDB_STATE
    if is_bridge and destination is not None and is_odd:
        # It goes where we send nothing.
        destination = b""
    return NeighbourEvent(
        kind,
        index,
        family,
        None if is_bridge else found.get(NDA_DST),
        found.get(NDA_LLADDR),
        destination if is_bridge else None,
        state,
        flags,
        u32_untrusted(found[NDA_MASTER]) if NDA_MASTER in found else None,
    )


def _station(port_index: int, mac: bytes) -> bytes:
    header = NDMSG.pack(AF_BRIDGE, port_index, NUD_NOARP, NTF_MASTER, 0)
    return header + attribute(NDA_LLADDR, mac)


def _middle(
    family: int, link_index: int, state: int, flags: int, attribute_kind: int
) -> bytes:
    """Return what stands between the sequence number and the first address."""
    length = 4 + (MAC_BYTES if attribute_kind == NDA_LLADDR else _bytes_of(family))
    header = NDMSG.pack(family, link_index, state, flags, 0)
    return bytes(4) + header + ATTRIBUTE.pack(length, attribute_kind)


def _bytes_of(family: int) -> int:
    return 16 if family == AF_INET6 else 4


def _pair_forms(link_index: int, kind: int, flags: int) -> Mapping[int, _Form]:
    """Return the forms of an FDB entry, by the length of the VTEP's address."""
    middle = _middle(AF_BRIDGE, link_index, FDB_STATE, NTF_SELF, NDA_LLADDR)
    return {
        n: (form, _HEAD.pack(form.size, kind, flags | NLM_F_REQUEST), middle, _GAP[n])
        for n, form in _PAIR.items()
    }


def _put_ip_forms(link_index: int) -> Mapping[int, _Form]:
    """Return the forms of a neighbour, by the length of its address."""
    flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_REPLACE
    return {
        n: (
            form,
            _HEAD.pack(form.size, RTM_NEWNEIGH, flags),
            _middle(_FAMILIES[n], link_index, NUD_PERMANENT, 0, NDA_LLADDR),
            _GAP[n],
        )
        for n, form in _PAIR.items()
    }


def _remove_ip_forms(link_index: int) -> Mapping[int, _Form]:
    """Return the forms that remove a neighbour, by the length of its address."""
    return {
        n: (
            form,
            _HEAD.pack(form.size, RTM_DELNEIGH, NLM_F_REQUEST),
            _middle(_FAMILIES[n], link_index, 0, 0, NDA_DST),
            b"",
        )
        for n, form in _IP.items()
    }
