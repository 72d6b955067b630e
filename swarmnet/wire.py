"""The byte codec that every room's messages are written in: msgpack, read totally.

A message is a msgpack array whose fields stand at fixed places. A later version only
appends, so a reader takes the fields that it knows. What is to be passed on untouched
stands in the message as bytes, and is never packed again.

Whatever the bytes, reading gives values or `BadPacket`, never another exception, and
never more memory than a small multiple of the input.
"""

from collections.abc import Sequence
from typing import Final

import msgpack

from swarmnet.errors import BadPacket
from swarmnet.ids import U64_MAX

Value = int | bytes | str | bool | None | float | Sequence["Value"]
"""What may stand in a field; maps and extension types are not used."""

_packer: Final = msgpack.Packer(use_bin_type=True, autoreset=True)
# msgpack signals bad input by several types: FormatError and StackError are
# ValueErrors, an unhashable map key is a TypeError, a timestamp may overflow.
_UNPACK_ERRORS: Final = (
    ValueError,
    TypeError,
    OverflowError,
    msgpack.UnpackException,
)


def pack(fields: Sequence[Value]) -> bytes:
    """Return the msgpack array of `fields`."""
    packed: bytes = _packer.pack(fields)
    return packed


def pack_sequence(first: int, items: Sequence[bytes]) -> bytes:
    """Return the array [first, *items] of items that are packed already."""
    header: bytes = _packer.pack_array_header(len(items) + 1)
    return b"".join((header, pack_small(first), *items))


def pack_bytes(value: bytes) -> bytes:
    """Return a packed byte string, to stand as a field."""
    packed: bytes = _packer.pack(value)
    return packed


def pack_small(value: int) -> bytes:
    """Return the one byte that stands for an integer from 0 to 127."""
    assert 0 <= value < 128, value
    return value.to_bytes(1, "big")


def unpack_array_untrusted(data: bytes) -> list[object]:
    """Read one msgpack array that spans all of `data`.

    Raises:
        BadPacket: `data` is anything else.
    """
    try:
        value: object = msgpack.unpackb(data, raw=False, strict_map_key=True)
    except _UNPACK_ERRORS as error:
        raise BadPacket(f"no msgpack: {type(error).__name__}") from None
    if type(value) is not list:
        raise BadPacket(f"a {type(value).__name__} where an array should stand")
    return value


def natural(value: object, maximum: int = U64_MAX) -> int:
    """Return `value`, an integer from 0 to `maximum`, or raise BadPacket."""
    if type(value) is not int or not 0 <= value <= maximum:
        raise BadPacket(f"want an integer from 0 to {maximum}")
    return value


def blob(value: object, bytes_max: int, bytes_min: int = 0) -> bytes:
    """Return `value`, bytes of a bounded length, or raise BadPacket."""
    if type(value) is not bytes or not bytes_min <= len(value) <= bytes_max:
        raise BadPacket(f"want {bytes_min} to {bytes_max} bytes")
    return value


def array(value: object, count_min: int) -> list[object]:
    """Return `value`, an array of at least `count_min` fields, or raise BadPacket."""
    if type(value) is not list or len(value) < count_min:
        raise BadPacket(f"want an array of at least {count_min} fields")
    return value


def join_u64(values: Sequence[int]) -> bytes:
    """Return 8 big-endian bytes for each value."""
    return b"".join(value.to_bytes(8, "big") for value in values)


def split_u64_untrusted(data: bytes) -> tuple[int, ...]:
    """Read `join_u64`'s form.

    Raises:
        BadPacket: the length is no multiple of 8.
    """
    if len(data) % 8:
        raise BadPacket(f"{len(data)} bytes, want a multiple of 8")
    return tuple(
        int.from_bytes(data[start : start + 8], "big")
        for start in range(0, len(data), 8)
    )
