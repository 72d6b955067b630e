"""How large a packet fits into a network on every path that it may take."""

from collections.abc import Iterable, Mapping
from typing import Final

from swarmnet.cnm.endpoint import IP
from swarmnet.cnm.network import Attachment
from swarmnet.cnm.options import parse_mtu

OVERHEAD_IPV4_BYTES: Final = 50
"""Outer IPv4, UDP, VXLAN, inner Ethernet: 20 + 8 + 8 + 14 (RFC 7348, section 5)."""
OVERHEAD_IPV6_BYTES: Final = 70
UNDERLAY_MTU: Final = 1500
"""Taken where nobody knows better."""


def overhead_bytes(vtep: IP) -> int:
    """Return what encapsulation takes of each packet on an underlay."""
    return OVERHEAD_IPV4_BYTES if vtep.version == 4 else OVERHEAD_IPV6_BYTES


def network_mtu(options: Mapping[str, str], attachments: Iterable[Attachment]) -> int:
    """Return a network's MTU: what was asked for, or what fits between all nodes."""
    if "mtu" in options:
        return parse_mtu(options["mtu"])
    return min(
        (_inside(one) for one in attachments),
        default=UNDERLAY_MTU - OVERHEAD_IPV4_BYTES,
    )


def _inside(one: Attachment) -> int:
    return (one.mtu or UNDERLAY_MTU) - overhead_bytes(one.vtep)
