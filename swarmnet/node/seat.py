"""Where a node's frames come from and go to: what its `attachment` rows carry.

seat   [address, mtu]    4 or 16 bytes; the underlay's MTU, or nil
"""

from dataclasses import dataclass
from ipaddress import ip_address

from swarmnet.cnm.endpoint import IP
from swarmnet.cnm.host import VXLAN_PORT
from swarmnet.cnm.options import MTU_MAX, MTU_MIN
from swarmnet.errors import BadPacket
from swarmnet.wire import array, blob, natural, pack, unpack_array_untrusted


@dataclass(frozen=True, slots=True)
class Seat:
    """This host on the underlay: its data-path address, VXLAN's port, the MTU.

    `has_firewall` is whether the host has nftables.
    """

    vtep: IP
    port: int = VXLAN_PORT
    mtu: int | None = None
    has_firewall: bool = True

    def encode(self) -> bytes:
        """Return what others are told of it."""
        return pack((self.vtep.packed, self.mtu))


def decode_seat_untrusted(about: bytes) -> tuple[IP, int | None]:
    """Read a node's data-path address and MTU.

    Raises:
        BadPacket: it says neither.
    """
    packed, mtu = array(unpack_array_untrusted(about), 2)[:2]
    address = blob(packed, 16, 4)
    if len(address) not in (4, 16):
        raise BadPacket(f"an address of {len(address)} bytes, want 4 or 16")
    if mtu is not None and natural(mtu, MTU_MAX) < MTU_MIN:
        raise BadPacket(f"MTU {mtu}, want {MTU_MIN} or more")
    return ip_address(address), None if mtu is None else natural(mtu)
