"""Which VXLAN frames a host lets in: those of our networks, from their hosts alone.

A VXLAN device believes whoever sends to its port. So a frame of one of our VNIs passes
only if a VTEP of that very network sent it. Other VNIs on the same port, Docker's say,
are none of our business.
"""

from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import Final

from swarmnet.kernel.firewall import Set

VNI: Final = "@th,96,24"
"""Where nftables finds the VNI: 12 bytes into the UDP datagram (RFC 7348)."""
REFUSED: Final = "vxlan_refused"
"""The name of the counter of frames that were not let in."""
SETS: Final = (
    Set("vnis", f"typeof {VNI}"),
    Set("vteps4", f"typeof {VNI} . ip saddr"),
    Set("vteps6", f"typeof {VNI} . ip6 saddr"),
)

Elements = dict[str, dict[str, None]]


def filter_elements(networks: Mapping[int, Sequence[bytes]]) -> Elements:
    """Return the elements of `SETS` for VNI -> packed addresses of the other VTEPs."""
    elements: Elements = {one.name: {} for one in SETS}
    for vni, vteps in networks.items():
        elements["vnis"][str(vni)] = None
        for vtep in vteps:
            address = ip_address(vtep)
            elements[f"vteps{address.version}"][f"{vni} . {address}"] = None
    return elements


def filter_chains(port: int) -> str:
    """Return the chains that use `SETS`, for VXLAN on this UDP port.

    A VNI that cannot be read fails `!=` too, and the packet is refused: it is the first
    fragment of a datagram that was cut to get past us, or no VXLAN at all.
    """
    return f"""\
counter {REFUSED} {{
}}
chain vxlan {{
type filter hook input priority -300; policy accept;
udp dport {port} jump vxlan_sources
}}
chain vxlan_sources {{
{VNI} . ip saddr @vteps4 return
{VNI} . ip6 saddr @vteps6 return
{VNI} != @vnis return
counter name {REFUSED} drop
}}
"""


def guard_chain(port: int, bridge: str) -> str:
    """Return the chain that lets no frame of our VNIs out of a gateway bridge.

    Such a frame would be masqueraded: to the other hosts, one of this VTEP's.
    """
    return f"""\
chain vxlan_made_inside {{
type filter hook forward priority -5; policy accept;
iifname "{bridge}" udp dport {port} {VNI} @vnis counter name {REFUSED} drop
}}
"""
