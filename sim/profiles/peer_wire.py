"""Msgpack in the old form that Go's codec writes; typed fields of strangers' bytes.

Strings and byte strings share one type (raw), so map keys come back as bytes.
"""

from collections.abc import Callable, Mapping
from typing import Final, cast
from zlib import crc32

import msgpack

from swarmnet.errors import BadPacket
from swarmnet.ids import NODE_ID_BYTES, Address, NodeId, unpack_address_untrusted

U32_MAX: Final = 2**32 - 1
CHECKSUM_BYTES: Final = 5

pack = cast("Callable[[object], bytes]", msgpack.Packer(use_bin_type=False).pack)
"""Return the msgpack form of a value made of maps, lists, bytes, strings, integers."""

_unpack = cast("Callable[..., object]", msgpack.unpackb)


def unpack_untrusted(data: bytes) -> object:
    """Read exactly one msgpack value.

    Raises:
        BadPacket: the bytes are something else.
    """
    try:
        return _unpack(data, raw=True, strict_map_key=True)
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise BadPacket(f"{len(data)} bytes that are no msgpack value") from None


def as_map_untrusted(value: object) -> Mapping[bytes, object]:
    """Return `value` if it is a map.

    Raises:
        BadPacket: it is not.
    """
    if type(value) is not dict:
        raise BadPacket("no map where one belongs")
    return value


def as_list_untrusted(value: object) -> list[object]:
    """Return `value` if it is a list.

    Raises:
        BadPacket: it is not.
    """
    if type(value) is not list:
        raise BadPacket("no list where one belongs")
    return value


def uint_untrusted(value: object, most: int = U32_MAX) -> int:
    """Return `value` if it is an integer from 0 to `most`.

    Raises:
        BadPacket: it is not.
    """
    if type(value) is not int or not 0 <= value <= most:
        raise BadPacket(f"no integer from 0 to {most} where one belongs")
    return value


def bytes_untrusted(value: object, most: int) -> bytes:
    """Return `value` if it is a byte string no longer than `most`.

    Raises:
        BadPacket: it is not.
    """
    if type(value) is not bytes or len(value) > most:
        raise BadPacket(f"no bytes, {most} at most, where they belong")
    return value


def node_untrusted(value: object) -> NodeId:
    """Return `value` if it can be a node's name.

    Raises:
        BadPacket: it cannot.
    """
    if type(value) is not bytes or len(value) != NODE_ID_BYTES:
        raise BadPacket(f"no name of {NODE_ID_BYTES} bytes where one belongs")
    return NodeId(value)


def address_untrusted(host: object, port: object) -> Address:
    """Return the address of a packed host and a port.

    Raises:
        BadPacket: they are none.
    """
    packed = bytes_untrusted(host, 16)
    number = uint_untrusted(port, 0xFFFF)
    return unpack_address_untrusted(packed + number.to_bytes(2, "big"))


def seal_checksum(packet: bytes) -> bytes:
    """Return `packet` behind its CRC32, as memberlist's hasCrcMsg has it.

    It stands for what keeps damaged packets from a real node: encryption, or UDP's own
    checksum.
    """
    return b"\x0c" + crc32(packet).to_bytes(4, "big") + packet


def open_checksum_untrusted(data: bytes) -> bytes:
    """Return the packet behind a CRC32.

    Raises:
        BadPacket: there is none, or it does not match.
    """
    packet = data[CHECKSUM_BYTES:]
    if data[:CHECKSUM_BYTES] != b"\x0c" + crc32(packet).to_bytes(4, "big"):
        raise BadPacket(f"{len(data)} bytes without their checksum")
    return packet
