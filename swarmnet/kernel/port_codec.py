"""How a bridge treats its port, on the wire of rtnetlink (IFLA_BRPORT_*).

Some flags are ours to say; of all the others a port is to have what it was made with.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from struct import Struct
from typing import Final

from swarmnet.kernel.links import Kind, Port
from swarmnet.kernel.netlink import (
    RTM_NEWLINK,
    Request,
    attribute,
    attribute_u8,
    attributes_untrusted,
    nested,
    text_untrusted,
    u8_untrusted,
)

LINKINFO: Final = 18
"""IFLA_LINKINFO, in which a port's flags stand."""
_IFINFO: Final = Struct("=BxHiII")
_RUNNING: Final = 0x40
_SLAVE_KIND: Final = 4
_SLAVE_DATA: Final = 5

_HAIRPIN: Final = 4
_LEARNING: Final = 8
_FLOOD: Final = 9
_ISOLATED: Final = 33
_STATE: Final = 1
_FORWARDING: Final = 3
_PLAIN: Final = {
    5: 0,  # GUARD
    6: 0,  # PROTECT
    7: 0,  # FAST_LEAVE
    10: 0,  # PROXYARP
    12: 0,  # PROXYARP_WIFI
    27: 1,  # MCAST_FLOOD
    28: 0,  # MCAST_TO_UCAST
    30: 1,  # BCAST_FLOOD
    32: 0,  # NEIGH_SUPPRESS
    39: 0,  # LOCKED
}
"""What a port has when it is made, of what we do not speak of (linux/if_link.h)."""

Strange = tuple[tuple[int, int], ...]
"""Flags that should be otherwise, and how: (IFLA_BRPORT_*, value)."""


@cache
def port_attribute(port: Port | None) -> bytes:
    """Return the attribute that holds a port's flags; nothing if it is none."""
    if port is None:
        return b""
    data = nested(
        _SLAVE_DATA,
        attribute_u8(_LEARNING, port.learning),
        attribute_u8(_FLOOD, port.flood),
        attribute_u8(_ISOLATED, port.isolated),
        attribute_u8(_HAIRPIN, port.hairpin),
    )
    return nested(LINKINFO, attribute(_SLAVE_KIND, b"bridge"), data)


def mend_port(index: int, strange: Strange) -> list[Request]:
    """Return requests that make a port plain again, where it is not.

    Only flags that the kernel tells of are set: it may not know them all.
    """
    head = _IFINFO.pack(0, 0, index, 0, 0)

    def put(kind: int, value: int) -> Request:
        data = nested(_SLAVE_DATA, attribute_u8(kind, value))
        info = nested(LINKINFO, attribute(_SLAVE_KIND, b"bridge"), data)
        return Request(RTM_NEWLINK, 0, head + info)

    return [put(kind, value) for kind, value in strange]


def decode_port_untrusted(
    info: Mapping[int, bytes], flags: int
) -> tuple[Port | None, Strange]:
    """Read a link's IFLA_LINKINFO: how its bridge treats it, and what is strange.

    None of a link that is no port. `flags` are the link's own (IFF_*).

    Raises:
        BadPacket: a flag is not one byte, or a length goes astray.
    """
    if text_untrusted(info.get(_SLAVE_KIND, b"")) != Kind.BRIDGE:
        return None, ()
    data = attributes_untrusted(info.get(_SLAVE_DATA, b""))
    strange = tuple(_strange_untrusted(data, flags))
    port = Port(
        learning=_is_set_untrusted(data, _LEARNING),
        flood=_is_set_untrusted(data, _FLOOD),
        isolated=_is_set_untrusted(data, _ISOLATED),
        hairpin=_is_set_untrusted(data, _HAIRPIN),
        is_plain=not strange,
    )
    return port, strange


def _is_set_untrusted(data: Mapping[int, bytes], kind: int) -> bool:
    return kind in data and u8_untrusted(data[kind]) != 0


def _strange_untrusted(
    data: Mapping[int, bytes], flags: int
) -> Iterator[tuple[int, int]]:
    for kind, value in _PLAIN.items():
        if kind in data and u8_untrusted(data[kind]) != value:
            yield kind, value
    is_stopped = u8_untrusted(data.get(_STATE, b"\3")) != _FORWARDING
    if is_stopped and flags & _RUNNING:
        yield _STATE, _FORWARDING
