"""Dumps of FDB and neighbour entries, read by the ten thousand.

A kernel writes all entries of one device alike: the same length, and the same bytes
but for a MAC and an address. So one entry is read attribute by attribute, and those
that follow it are compared with it for as long as they are alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from struct import Struct
from typing import Final

from swarmnet.errors import BadPacket
from swarmnet.kernel.entry_codec import (
    FDB_STATE,
    MAC_BYTES,
    NDA_CACHEINFO,
    NDA_DST,
    NDA_LINK_NETNSID,
    NDA_LLADDR,
    NDA_MASTER,
    NDA_PROBES,
    NDMSG,
    NO_MAC,
    NTF_SELF,
    NUD_DELAY,
    NUD_PERMANENT,
    NUD_PROBE,
    NUD_REACHABLE,
    NUD_STALE,
)
from swarmnet.kernel.netlink import (
    AF_BRIDGE,
    ATTRIBUTE,
    HEADER,
    RTM_NEWNEIGH,
    attributes_untrusted,
)

_HEAD: Final = Struct("=IH")
_BODY: Final = HEADER.size + NDMSG.size
_USUAL: Final = frozenset({NDA_LLADDR, NDA_DST, NDA_CACHEINFO, NDA_LINK_NETNSID})
_PASSING: Final = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE


@dataclass(slots=True)
class FoundFdb:
    """The FDB entries of a namespace, by the index of the link.

    `fdb` and `flood` are of VXLAN devices: MAC -> VTEP, and the VTEPs that get what
    goes to all. `odd` names those MACs among them (NO_MAC for `flood`) that are there
    in a form that we do not write: with a port or VNI of their own, or learned. Only
    a multicast MAC has several destinations; `fdb` has the last.

    The others are a bridge's, by its port, or by the bridge itself. `stations` is MAC
    -> state (NUD_NOARP: static), `own` holds those for which it is the host. Multicast
    addresses that a device listens to are not told.
    """

    fdb: dict[int, dict[bytes, bytes]] = field(default_factory=dict)
    flood: dict[int, list[bytes]] = field(default_factory=dict)
    odd: dict[int, dict[bytes, None]] = field(default_factory=dict)
    stations: dict[int, dict[bytes, int]] = field(default_factory=dict)
    own: dict[int, dict[bytes, None]] = field(default_factory=dict)


@dataclass(slots=True)
class FoundNeighbours:
    """The neighbours of a namespace, by the index of the link: IP -> MAC.

    `passing` are those that a kernel learned. Neither those that need no ARP, such as
    multicast, nor those that have not answered are told.
    """

    permanent: dict[int, dict[bytes, bytes]] = field(default_factory=dict)
    passing: dict[int, dict[bytes, bytes]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Layout:
    """What stands in a usual message: prefix, key, gap, value, tail, and what varies.

    The prefix ends with the head of the attribute that is the key.
    """

    form: Struct
    prefix_bytes: int
    gap: bytes
    tail: bytes


def _fdb_layout(ip_bytes: int, nsid_bytes: int) -> _Layout:
    """Return the layout of an FDB entry: its MAC is the key, its VTEP the value."""
    prefix = _BODY + nsid_bytes + ATTRIBUTE.size
    gap = bytes(2) + ATTRIBUTE.pack(ATTRIBUTE.size + ip_bytes, NDA_DST)
    tail = ATTRIBUTE.pack(20, NDA_CACHEINFO)
    form = Struct(f"={prefix}s{MAC_BYTES}s{len(gap)}s{ip_bytes}s{len(tail)}s16x")
    return _Layout(form, prefix, gap, tail)


def _neighbour_layout(ip_bytes: int) -> _Layout:
    """Return the layout of a neighbour: its IP is the key, its MAC the value."""
    prefix = _BODY + ATTRIBUTE.size
    gap = ATTRIBUTE.pack(ATTRIBUTE.size + MAC_BYTES, NDA_LLADDR)
    tail = bytes(2) + ATTRIBUTE.pack(8, NDA_PROBES)
    form = Struct(f"={prefix}s{ip_bytes}s{len(gap)}s{MAC_BYTES}s{len(tail)}s24x")
    return _Layout(form, prefix, gap, tail)


def _by_length(*layouts: _Layout) -> Mapping[int, _Layout]:
    return {layout.form.size: layout for layout in layouts}


# The namespace's id is told where the device's socket stands in another one.
_FDB_LAYOUTS: Final = _by_length(
    *(_fdb_layout(ip_bytes, nsid) for ip_bytes in (4, 16) for nsid in (0, 8))
)
_NEIGHBOUR_LAYOUTS: Final = _by_length(_neighbour_layout(4), _neighbour_layout(16))


def decode_fdb_untrusted(data: bytes, found: FoundFdb) -> None:
    """Add to `found` the FDB entries in one datagram of a dump.

    Raises:
        BadPacket: it is cut off or goes astray; what stands before that is added.
    """
    at = 0
    while at < len(data):
        length, kind = _head_untrusted(data, at)
        after = at + ((length + 3) & ~3)
        if kind == RTM_NEWNEIGH:
            table = _fdb_untrusted(data[at + HEADER.size : at + length], found)
            layout = _FDB_LAYOUTS.get(length)
            if table is not None and layout is not None:
                after = _alike(data, at, layout, table)
        at = after


def decode_neighbours_untrusted(data: bytes, found: FoundNeighbours) -> None:
    """Add to `found` the neighbours in one datagram of a dump.

    Raises:
        BadPacket: it is cut off or goes astray; what stands before that is added.
    """
    at = 0
    while at < len(data):
        length, kind = _head_untrusted(data, at)
        after = at + ((length + 3) & ~3)
        if kind == RTM_NEWNEIGH:
            table = _neighbour_untrusted(data[at + HEADER.size : at + length], found)
            layout = _NEIGHBOUR_LAYOUTS.get(length)
            if table is not None and layout is not None:
                after = _alike(data, at, layout, table)
        at = after


def _alike(data: bytes, at: int, layout: _Layout, table: dict[bytes, bytes]) -> int:
    """Add the entries that follow the one at `at` and are like it.

    Returns where the next message stands: one that is unlike it, or is for all.
    """
    size = layout.form.size
    prefix = data[at : at + layout.prefix_bytes]
    gap, tail = layout.gap, layout.tail
    first = at + size
    count = (len(data) - first) // size
    row = memoryview(data)[first : first + max(0, count) * size]
    here = first
    for start, key, middle, value, end in layout.form.iter_unpack(row):
        if start != prefix or middle != gap or end != tail or key == NO_MAC:
            break
        table[key] = value
        here += size
    return here


def _head_untrusted(data: bytes, at: int) -> tuple[int, int]:
    """Return the length and kind of the message at `at`."""
    left = len(data) - at
    if left < HEADER.size:
        raise BadPacket("a message is cut off")
    length, kind = _HEAD.unpack_from(data, at)
    if not HEADER.size <= length <= left:
        raise BadPacket(f"a message of {length} bytes, {left} are left")
    return length, kind


def _fdb_untrusted(body: bytes, found: FoundFdb) -> dict[bytes, bytes] | None:
    """Add one FDB entry; return its table if it has the form that we write."""
    if len(body) < NDMSG.size:
        raise BadPacket("an entry is cut off")
    family, index, state, flags, _ = NDMSG.unpack_from(body)
    fields = attributes_untrusted(body[NDMSG.size :])
    mac, vtep = fields.get(NDA_LLADDR), fields.get(NDA_DST)
    if family != AF_BRIDGE or mac is None:
        return None
    if NDA_MASTER in fields:
        if state & NUD_PERMANENT:
            found.own.setdefault(index, {})[mac] = None
        else:
            found.stations.setdefault(index, {})[mac] = state
        return None
    if vtep is None:
        return None
    is_usual = (state, flags) == (FDB_STATE, NTF_SELF) and fields.keys() <= _USUAL
    table = found.fdb.setdefault(index, {})
    if mac == NO_MAC:
        found.flood.setdefault(index, []).append(vtep)
    else:
        table[mac] = vtep
    if not is_usual:
        found.odd.setdefault(index, {})[mac] = None
        return None
    return table


def _neighbour_untrusted(
    body: bytes, found: FoundNeighbours
) -> dict[bytes, bytes] | None:
    """Add one neighbour; return its table if it is permanent."""
    if len(body) < NDMSG.size:
        raise BadPacket("an entry is cut off")
    family, index, state, _, _ = NDMSG.unpack_from(body)
    fields = attributes_untrusted(body[NDMSG.size :])
    ip, mac = fields.get(NDA_DST), fields.get(NDA_LLADDR)
    if family == AF_BRIDGE or ip is None or mac is None:
        return None
    if state & NUD_PERMANENT:
        table = found.permanent.setdefault(index, {})
        table[ip] = mac
        return table
    if state & _PASSING:
        found.passing.setdefault(index, {})[ip] = mac
    return None
