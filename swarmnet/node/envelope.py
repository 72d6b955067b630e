"""What travels inside a channel: one byte that says whose it is, and the bytes.

    [SWIM] frame                    a frame of the membership engine, as it is
    [CERTIFICATES_WANTED] ids       node ids, 16 bytes each
    [CERTIFICATES] [chain, ...]     a msgpack array of encoded chains
    [TABLES] message                a message of the tables, as it is
    [ADDRESSES] message             as `address_messages` has them
    [CALL] [REPLY] [number, body]   as `calls` has them
    [RENEWAL_WANTED] chain          our own certificates; to a manager
    [GIVEN] chain                   others for whom they are sent to; by a manager

What begins otherwise is of a later version: it is counted and passed over.
"""

from collections.abc import Sequence
from typing import Final

from swarmnet.crypto.certificate import CHAIN_BYTES_MAX
from swarmnet.errors import BadPacket
from swarmnet.ids import NODE_ID_BYTES, NodeId
from swarmnet.wire import blob, pack, unpack_array_untrusted

SWIM: Final = b"\0"
CERTIFICATES_WANTED: Final = b"\1"
CERTIFICATES: Final = b"\2"
TABLES: Final = b"\3"
ADDRESSES: Final = b"\4"
CALL: Final = b"\5"
REPLY: Final = b"\6"
RENEWAL_WANTED: Final = b"\7"
GIVEN: Final = b"\x08"
WANTED_MAX: Final = 64
"""How many certificates one message asks for."""


def wrap_swim(frame: bytes) -> bytes:
    """Return the envelope of a membership frame."""
    return SWIM + frame


def encode_wanted(nodes: Sequence[NodeId]) -> bytes:
    """Return the message that asks for the certificates of `nodes`, 64 at most."""
    assert len(nodes) <= WANTED_MAX, len(nodes)
    return CERTIFICATES_WANTED + b"".join(nodes)


def decode_wanted_untrusted(body: bytes) -> tuple[NodeId, ...]:
    """Read `encode_wanted`'s form, its first byte left out.

    Raises:
        BadPacket: it is no whole number of ids, or they are too many.
    """
    count, rest = divmod(len(body), NODE_ID_BYTES)
    if rest or count > WANTED_MAX:
        raise BadPacket(f"{len(body)} bytes of ids, want up to {WANTED_MAX} of them")
    return tuple(
        NodeId(body[start : start + NODE_ID_BYTES])
        for start in range(0, len(body), NODE_ID_BYTES)
    )


def encode_certificates(chains: Sequence[bytes]) -> bytes:
    """Return the message that hands certificates over."""
    return CERTIFICATES + pack(tuple(chains))


def decode_certificates_untrusted(body: bytes) -> tuple[bytes, ...]:
    """Read `encode_certificates`' form, its first byte left out.

    Raises:
        BadPacket: it is malformed, or holds too many or too large chains.
    """
    fields = unpack_array_untrusted(body)
    if len(fields) > WANTED_MAX:
        raise BadPacket(f"{len(fields)} chains, want up to {WANTED_MAX}")
    return tuple(blob(field, CHAIN_BYTES_MAX) for field in fields)
