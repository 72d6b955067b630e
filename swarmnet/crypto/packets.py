"""The packets that channels are made of, as they stand on the wire.

All numbers are big-endian. Every packet begins with its kind, the version 1 and two
bytes of zero; an index is 4 bytes that its owner chose, and names one handshake or one
session there. `mac1` and `mac2` are 16 bytes each, as in WireGuard (section 5.4.4).

    INITIATION  head  sender            | IK message 1 | mac1 mac2
    RESPONSE    head  receiver          | IK message 2
    OPENING     head  sender            | XX message 1 | mac1 mac2
    ANSWER      head  receiver          | XX message 2
    CLOSING     head  receiver          | XX message 3
    COOKIE      head  receiver  nonce(16)  sealed cookie(32)
    TRANSPORT   head  receiver  counter(8) | ciphertext, its tag of 16 bytes at the end
    HINT        head  receiver  counter(8)

The sender's index of a first packet is part of the handshake's prologue, that of a
second is sealed into its message (`handover`): nobody on the way can change them.

A transport packet costs 32 bytes besides what it carries. A hint says that no session
`receiver` is known where a transport packet of that counter was sent to; it is half as
large as the smallest of those.

OPENING, ANSWER and CLOSING are how two meet who do not know each other's key, and go by
stream alone. The others are the same on datagrams and streams.
"""

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from hashlib import blake2s
from hmac import compare_digest
from struct import Struct
from typing import Final

from swarmnet.errors import BadPacket

VERSION: Final = 1
MAC_BYTES: Final = 16
TAG_BYTES: Final = 16
INDEX_MAX: Final = 0xFFFFFFFF
TRANSPORT_OVERHEAD_BYTES: Final = 32
COOKIE_NONCE_BYTES: Final = 16
SEALED_COOKIE_BYTES: Final = 32

_DH_BYTES: Final = 32
_SEALED_STATIC_BYTES: Final = 48
_MACS_BYTES: Final = 2 * MAC_BYTES


class Kind(IntEnum):
    """The first byte of a packet. Numbers are never used again."""

    INITIATION = 1
    RESPONSE = 2
    OPENING = 3
    ANSWER = 4
    CLOSING = 5
    COOKIE = 6
    TRANSPORT = 7
    HINT = 8


_HEAD: Final = Struct(">BBH")
_ONE_INDEX: Final = Struct(">4sI")
_COUNTED: Final = Struct(">4sIQ")

HEADS: Final = {kind: _HEAD.pack(kind, VERSION, 0) for kind in Kind}
TRANSPORT_HEAD: Final = HEADS[Kind.TRANSPORT]
KINDS: Final = {head: kind for kind, head in HEADS.items()}
"""The kind of each head; what begins otherwise is no packet of ours."""

INITIATION_OVERHEAD_BYTES: Final = (
    _ONE_INDEX.size + _DH_BYTES + _SEALED_STATIC_BYTES + TAG_BYTES + _MACS_BYTES
)
RESPONSE_OVERHEAD_BYTES: Final = _ONE_INDEX.size + _DH_BYTES + TAG_BYTES
_SHORTEST: Final = {
    Kind.INITIATION: INITIATION_OVERHEAD_BYTES,
    Kind.RESPONSE: RESPONSE_OVERHEAD_BYTES,
    Kind.OPENING: _ONE_INDEX.size + _DH_BYTES + _MACS_BYTES,
    Kind.ANSWER: _ONE_INDEX.size + _DH_BYTES + _SEALED_STATIC_BYTES + TAG_BYTES,
    Kind.CLOSING: _ONE_INDEX.size + _SEALED_STATIC_BYTES + TAG_BYTES,
}
COOKIE_BYTES: Final = _ONE_INDEX.size + COOKIE_NONCE_BYTES + SEALED_COOKIE_BYTES
HINT_BYTES: Final = _COUNTED.size


@dataclass(frozen=True, slots=True)
class First:
    """A packet that begins a handshake: INITIATION or OPENING.

    `checked_twice` is what mac2 covers, which is not checked yet.
    """

    kind: Kind
    sender: int
    message: bytes
    mac1: bytes
    checked_twice: bytes
    mac2: bytes


def kind_of(data: bytes) -> Kind | None:
    """Return the kind of a packet, or None for what is none of ours."""
    return KINDS.get(data[:4])


def encode_first(kind: Kind, sender: int, message: bytes) -> bytes:
    """Return an INITIATION or OPENING without its macs."""
    return _ONE_INDEX.pack(HEADS[kind], sender) + message


def encode_answer(kind: Kind, receiver: int, message: bytes) -> bytes:
    """Return a RESPONSE, ANSWER or CLOSING."""
    return _ONE_INDEX.pack(HEADS[kind], receiver) + message


def encode_cookie(receiver: int, nonce: bytes, sealed: bytes) -> bytes:
    """Return a COOKIE."""
    assert len(nonce) == COOKIE_NONCE_BYTES
    assert len(sealed) == SEALED_COOKIE_BYTES
    return _ONE_INDEX.pack(HEADS[Kind.COOKIE], receiver) + nonce + sealed


def encode_hint(receiver: int, counter: int) -> bytes:
    """Return a HINT."""
    return _COUNTED.pack(HEADS[Kind.HINT], receiver, counter)


def decode_first_untrusted(kind: Kind, data: bytes) -> First:
    """Read an INITIATION or OPENING.

    Raises:
        BadPacket: it is too short.
    """
    _check_length(kind, data)
    _, sender = _ONE_INDEX.unpack_from(data)
    return First(
        kind=kind,
        sender=sender,
        message=data[_ONE_INDEX.size : -_MACS_BYTES],
        mac1=data[-_MACS_BYTES:-MAC_BYTES],
        checked_twice=data[:-MAC_BYTES],
        mac2=data[-MAC_BYTES:],
    )


def decode_answer_untrusted(kind: Kind, data: bytes) -> tuple[int, bytes]:
    """Return (receiver, message) of a RESPONSE, ANSWER or CLOSING.

    Raises:
        BadPacket: it is too short.
    """
    _check_length(kind, data)
    _, receiver = _ONE_INDEX.unpack_from(data)
    return receiver, data[_ONE_INDEX.size :]


def decode_cookie_untrusted(data: bytes) -> tuple[int, bytes, bytes]:
    """Return (receiver, nonce, sealed cookie) of a COOKIE.

    Raises:
        BadPacket: its length is wrong.
    """
    if len(data) != COOKIE_BYTES:
        raise BadPacket(f"cookie of {len(data)} bytes, want {COOKIE_BYTES}")
    _, receiver = _ONE_INDEX.unpack_from(data)
    nonce = data[_ONE_INDEX.size : _ONE_INDEX.size + COOKIE_NONCE_BYTES]
    return receiver, nonce, data[_ONE_INDEX.size + COOKIE_NONCE_BYTES :]


def decode_hint_untrusted(data: bytes) -> tuple[int, int]:
    """Return (receiver, counter) of a HINT.

    Raises:
        BadPacket: its length is wrong.
    """
    if len(data) != HINT_BYTES:
        raise BadPacket(f"hint of {len(data)} bytes, want {HINT_BYTES}")
    _, receiver, counter = _COUNTED.unpack(data)
    return receiver, counter


def decode_transport_head_untrusted(data: bytes) -> tuple[int, int]:
    """Return (receiver, counter) of a TRANSPORT.

    Raises:
        BadPacket: it is too short to hold a tag.
    """
    if len(data) < TRANSPORT_OVERHEAD_BYTES:
        raise BadPacket(f"transport packet of {len(data)} bytes")
    _, receiver, counter = _COUNTED.unpack_from(data)
    return receiver, counter


def mac_key(label: bytes, *parts: bytes) -> bytes:
    """Return a 32-byte key that everyone can derive who knows `parts`."""
    return blake2s(b"".join(parts), person=label).digest()


def mac(key: bytes, data: bytes) -> bytes:
    """Return the keyed hash of 16 bytes that stands in a first packet."""
    return blake2s(data, key=key, digest_size=MAC_BYTES).digest()


def has_mac1(key: bytes, data: bytes) -> bool:
    """Return whether the first of two macs at the end of a packet is right.

    The one check that a stranger's handshake costs: nothing else is read before it.
    """
    made = _keyed(key).copy()
    made.update(data[:-_MACS_BYTES])
    return compare_digest(made.digest(), data[-_MACS_BYTES:-MAC_BYTES])


# Two keys for each node of a process; hashing one anew costs a fifth of the check.
@lru_cache(maxsize=64)
def _keyed(key: bytes) -> "blake2s":
    """Return the hash that has taken in its key, to be copied."""
    return blake2s(key=key, digest_size=MAC_BYTES)


def _check_length(kind: Kind, data: bytes) -> None:
    if len(data) < _SHORTEST[kind]:
        raise BadPacket(f"{kind.name} of {len(data)} bytes, want {_SHORTEST[kind]}")
