"""IPv6 addresses that need no owner: hashed, so that all hosts agree without a word.

A network's prefix is a unique local /64 (RFC 4193) hashed from its id, an endpoint's
interface identifier is hashed from its node's id and its own. Nothing is granted and
nothing runs out; the price is that two may collide, with the odds of `collision_odds`:

    prefixes      2^56:    1,000 networks 7e-12,    100,000 networks 7e-8
    identifiers   2^64:   10,000 endpoints of a network 3e-12,   1,000,000 3e-8

Whoever sees a collision rehashes with the next `attempt`. The ids must be random or
hashed themselves; they are no secret, and nor are the addresses.
"""

from hashlib import blake2b
from ipaddress import IPv6Address, IPv6Network
from math import expm1
from typing import Final

from swarmnet.ids import NodeId
from swarmnet.ipam.spans import Span, Spans

PREFIX_BITS: Final = 56
"""Bits of a prefix that are hashed: 40 of the global id, 16 of the subnet id."""
INTERFACE_BITS: Final = 64
ATTEMPT_MAX: Final = 255

_ULA: Final = 0xFD << 120
_PREFIX_PERSON: Final = b"swarmnet.ula"
_INTERFACE_PERSON: Final = b"swarmnet.iid"
# Interface identifiers that mean something (RFC 5453 and its registry at IANA), and the
# low ones that people give by hand: the gateway is ::1.
_RESERVED: Final = Spans(
    [
        Span(0, 0xFFFF),
        Span(0x0200_5EFF_FE00_0000, 0x0200_5EFF_FEFF_FFFF),
        Span(0xFDFF_FFFF_FFFF_FF80, 0xFDFF_FFFF_FFFF_FFFF),
    ]
)


def network_prefix(network_id: bytes, attempt: int = 0) -> IPv6Network:
    """Return the /64 of a network, in fd00::/8.

    RFC 4193 hashes a clock and a MAC address to 40 bits for each site, which numbers
    its subnets with 16 more. Here every network is hashed to all 56: hosts that number
    networks without talking would meet in 16 bits after some 300 of them.
    """
    hashed = _hash(_PREFIX_PERSON, (network_id,), attempt, PREFIX_BITS)
    return IPv6Network((_ULA | hashed << 64, 64))


def interface_id(node: NodeId, endpoint_id: bytes, attempt: int = 0) -> int:
    """Return the lower 64 bits of an endpoint's address.

    All 64 bits are hashed: the bits "u" and "g" of EUI-64 have no meaning (RFC 7136,
    section 5). As in RFC 7217, reserved identifiers are hashed again.
    """
    salt = 0
    while True:
        parts = (node, endpoint_id, salt.to_bytes(1, "big"))
        found = _hash(_INTERFACE_PERSON, parts, attempt, INTERFACE_BITS)
        if not _RESERVED.covers(found):
            return found
        salt += 1


def hashed_address(
    prefix: IPv6Network, node: NodeId, endpoint_id: bytes, attempt: int = 0
) -> IPv6Address:
    """Return an endpoint's address in the /64 of its network."""
    assert prefix.prefixlen == 64, f"{prefix}: hashed addresses fill a /64"
    return prefix.network_address + interface_id(node, endpoint_id, attempt)


def collision_odds(count: int, bits: int) -> float:
    """Return the odds that two of `count` random numbers of `bits` bits are equal.

    The birthday bound: 1 - exp(-count (count - 1) / 2^(bits + 1)).
    """
    return -expm1(-count * (count - 1) / 2.0 ** (bits + 1))


def _hash(person: bytes, parts: tuple[bytes, ...], attempt: int, bits: int) -> int:
    assert 0 <= attempt <= ATTEMPT_MAX, f"attempt {attempt}, at most {ATTEMPT_MAX}"
    hasher = blake2b(digest_size=bits // 8, person=person)
    hasher.update(attempt.to_bytes(1, "big"))
    # Lengths go first, so that no two sequences of parts have the same bytes.
    for part in parts:
        hasher.update(len(part).to_bytes(2, "big") + part)
    return int.from_bytes(hasher.digest(), "big")
