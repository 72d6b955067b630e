"""Small values that name things: nodes, scopes, addresses on the underlay."""

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, NewType

from swarmnet.errors import BadPacket, Refused

NodeId = NewType("NodeId", bytes)
"""A node's permanent name: 16 bytes, later the hash of its public key."""

Scope = NewType("Scope", bytes)
"""Who shares a thing: the whole cluster, or the nodes attached to one network."""

NODE_ID_BYTES: Final = 16
CLUSTER: Final = Scope(b"")
SCOPE_BYTES_MAX: Final = 32
U64_MAX: Final = 2**64 - 1


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """An ip:port on the underlay.

    `host` is packed: 4 bytes for IPv4, 16 for IPv6. `port` is 1 to 65535.
    """

    host: bytes
    port: int

    @classmethod
    def parse(cls, host: str, port: int) -> "Address":
        """Read the textual form of an IP address.

        Raises:
            Refused: `host` is no IP address or `port` is out of range.
        """
        try:
            packed = ip_address(host).packed
        except ValueError:
            raise Refused(f"address {host!r}: want an IPv4 or IPv6 address") from None
        if not 1 <= port <= 0xFFFF:
            raise Refused(f"port {port}: want 1 to 65535")
        return cls(packed, port)

    def pack(self) -> bytes:
        """Return the 6 or 18 bytes that stand for this address on the wire."""
        return self.host + self.port.to_bytes(2, "big")

    def __str__(self) -> str:
        host = ip_address(self.host)
        return f"[{host}]:{self.port}" if host.version == 6 else f"{host}:{self.port}"


def unpack_address_untrusted(data: bytes) -> Address:
    """Read `Address.pack`'s form.

    Raises:
        BadPacket: the length is neither 6 nor 18, or the port is 0.
    """
    if len(data) not in (6, 18):
        raise BadPacket(f"address of {len(data)} bytes, want 6 or 18")
    port = int.from_bytes(data[-2:], "big")
    if port == 0:
        raise BadPacket("address with port 0")
    return Address(data[:-2], port)
