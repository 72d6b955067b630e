"""The frame of rtnetlink: messages of attributes, and what a kernel answers to them.

Layouts and numbers are those of linux/netlink.h and linux/rtnetlink.h, in the byte
order of the machine. A request is a value, `Request`; whoever sends it numbers it.

Functions with the suffix `_untrusted` take what a kernel sent and raise nothing but
`BadPacket`: a kernel does not lie, but ours may be older or newer than it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct
from typing import Final

from swarmnet.errors import BadPacket

AF_UNSPEC: Final = 0
AF_INET: Final = 2
AF_BRIDGE: Final = 7
AF_INET6: Final = 10

NLM_F_REQUEST: Final = 0x001
NLM_F_MULTI: Final = 0x002
NLM_F_ACK: Final = 0x004
NLM_F_ECHO: Final = 0x008
NLM_F_DUMP_INTR: Final = 0x010
NLM_F_DUMP_FILTERED: Final = 0x020
# Of a request that adds; the same bits mean other things in dumps and in answers.
NLM_F_REPLACE: Final = 0x100
NLM_F_EXCL: Final = 0x200
NLM_F_CREATE: Final = 0x400
NLM_F_APPEND: Final = 0x800
NLM_F_DUMP: Final = 0x300
NLM_F_CAPPED: Final = 0x100
NLM_F_ACK_TLVS: Final = 0x200

NLMSG_NOOP: Final = 1
NLMSG_ERROR: Final = 2
NLMSG_DONE: Final = 3
NLMSG_OVERRUN: Final = 4
NLMSGERR_ATTR_MSG: Final = 1

RTM_NEWLINK: Final = 16
RTM_DELLINK: Final = 17
RTM_GETLINK: Final = 18
RTM_SETLINK: Final = 19
RTM_NEWADDR: Final = 20
RTM_DELADDR: Final = 21
RTM_GETADDR: Final = 22
RTM_NEWROUTE: Final = 24
RTM_DELROUTE: Final = 25
RTM_GETROUTE: Final = 26
RTM_NEWNEIGH: Final = 28
RTM_DELNEIGH: Final = 29
RTM_GETNEIGH: Final = 30
RTM_NEWNSID: Final = 88
RTM_DELNSID: Final = 89
RTM_GETNSID: Final = 90

HEADER: Final = Struct("=IHHII")
"""struct nlmsghdr: length with this header, kind, flags, sequence, port id."""
ATTRIBUTE: Final = Struct("=HH")
"""struct rtattr: length with this header, kind."""
_HEAD: Final = Struct("=IHH")
_ERROR: Final = Struct("=i")
_U32: Final = Struct("=I")
NLA_F_NESTED: Final = 0x8000
_KIND_MASK: Final = 0x3FFF
_LAST_KINDS: Final = (NLMSG_DONE, NLMSG_ERROR)


@dataclass(frozen=True, slots=True)
class Request:
    """One request, not yet numbered; `flags` without NLM_F_REQUEST and NLM_F_ACK."""

    kind: int
    flags: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of the request `sequence`.

    `error` is 0 or a positive errno, `message` the kernel's own text of it, or "".
    """

    sequence: int
    error: int
    message: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """What a datagram says of the dump that it is part of.

    `flags` are those of all its messages (NLM_F_DUMP_INTR: the dump is not of one
    moment). A dump that `is_last` has ended, badly if `error`, a positive errno.
    """

    flags: int
    is_last: bool
    error: int


_PADDING: Final = (b"", b"\0\0\0", b"\0\0", b"\0")
"""What follows so many bytes beyond a multiple of four."""


def message(kind: int, flags: int, sequence: int, body: bytes) -> bytes:
    """Return a message, padded so that another may follow."""
    length = HEADER.size + len(body)
    header = HEADER.pack(length, kind, flags, sequence, 0)
    return header + body + _PADDING[length & 3]


def encode(request: Request, sequence: int, *, ack: bool) -> bytes:
    """Return the message of a request; without `ack` only a failure is answered."""
    flags = request.flags | NLM_F_REQUEST | (NLM_F_ACK if ack else 0)
    return message(request.kind, flags, sequence, request.body)


def attribute(kind: int, data: bytes) -> bytes:
    """Return an attribute, padded so that another may follow."""
    length = ATTRIBUTE.size + len(data)
    return ATTRIBUTE.pack(length, kind) + data + _PADDING[length & 3]


def nested(kind: int, *parts: bytes) -> bytes:
    """Return an attribute that is made of other attributes."""
    return attribute(kind | NLA_F_NESTED, b"".join(parts))


def attribute_u8(kind: int, value: int) -> bytes:
    """Return an attribute of one byte."""
    return attribute(kind, value.to_bytes(1, "big"))


def attribute_u32(kind: int, value: int) -> bytes:
    """Return an attribute of four bytes, in the machine's order."""
    return attribute(kind, _U32.pack(value))


def attribute_text(kind: int, text: str) -> bytes:
    """Return an attribute that is a string with its final zero."""
    return attribute(kind, text.encode() + b"\0")


def attributes_untrusted(data: bytes | memoryview) -> dict[int, bytes]:
    """Read a row of attributes: kind -> data; of a kind that comes twice the last.

    Raises:
        BadPacket: a length goes astray.
    """
    found: dict[int, bytes] = {}
    unpack, head = ATTRIBUTE.unpack_from, ATTRIBUTE.size
    at, end = 0, len(data)
    while at < end:
        if end - at < head:
            raise BadPacket("an attribute is cut off")
        length, kind = unpack(data, at)
        if not head <= length <= end - at:
            raise BadPacket(f"an attribute of {length} bytes, {end - at} are left")
        found[kind & _KIND_MASK] = bytes(data[at + head : at + length])
        at += (length + 3) & ~3
    return found


def find_untrusted(data: bytes | memoryview, start: int, wanted: int) -> bytes | None:
    """Find one attribute in a row that begins at `start`; None: there is none.

    Of a link's forty it takes a quarter of the time that reading all of them does.

    Raises:
        BadPacket: a length on the way goes astray.
    """
    unpack, head = ATTRIBUTE.unpack_from, ATTRIBUTE.size
    at, last = start, len(data) - head
    while at <= last:
        length, kind = unpack(data, at)
        if not head <= length <= len(data) - at:
            raise BadPacket(
                f"an attribute of {length} bytes, {len(data) - at} are left"
            )
        if kind & _KIND_MASK == wanted:
            return bytes(data[at + head : at + length])
        at += (length + 3) & ~3
    if at < len(data):
        raise BadPacket("an attribute is cut off")
    return None


def u32_untrusted(data: bytes) -> int:
    """Read the data of an attribute of four bytes."""
    if len(data) != _U32.size:
        raise BadPacket(f"{len(data)} bytes where a u32 should stand")
    value: int = _U32.unpack(data)[0]
    return value


def u8_untrusted(data: bytes) -> int:
    """Read the data of an attribute of one byte."""
    if len(data) != 1:
        raise BadPacket(f"{len(data)} bytes where a u8 should stand")
    return data[0]


def text_untrusted(data: bytes) -> str:
    """Read a string, up to its first zero; what is no UTF-8 is replaced."""
    return data.partition(b"\0")[0].decode("utf-8", "replace")


def split_untrusted(data: bytes) -> Iterator[tuple[int, int, int, int, int]]:
    """Yield (kind, flags, sequence, start, end of the body) of a datagram's messages.

    Raises:
        BadPacket: on the way, where a length goes astray.
    """
    at, whole = 0, len(data)
    while at < whole:
        if whole - at < HEADER.size:
            raise BadPacket("a message is cut off")
        length, kind, flags, sequence, _ = HEADER.unpack_from(data, at)
        if not HEADER.size <= length <= whole - at:
            raise BadPacket(f"a message of {length} bytes, {whole - at} are left")
        yield kind, flags, sequence, at + HEADER.size, at + length
        at += (length + 3) & ~3


def part_untrusted(data: bytes) -> Part:
    """Look through a datagram of a dump, of thousands of entries perhaps.

    Raises:
        BadPacket: a length goes astray, or the end is cut off.
    """
    unpack, at, whole, seen = _HEAD.unpack_from, 0, len(data), 0
    last = whole - HEADER.size
    while at <= last:
        length, kind, flags = unpack(data, at)
        if not HEADER.size <= length <= whole - at:
            raise BadPacket(f"a message of {length} bytes, {whole - at} are left")
        seen |= flags
        if kind in _LAST_KINDS:
            error = _errno_untrusted(data[at + HEADER.size :])
            return Part(seen, is_last=True, error=error)
        at += (length + 3) & ~3
    if at < whole:
        raise BadPacket("a message is cut off")
    return Part(seen, is_last=False, error=0)


def reply_untrusted(body: bytes | memoryview, flags: int) -> Reply:
    """Read the body of an NLMSG_ERROR, which echoes the request that it answers.

    `flags`, those of its own header, say how much of the request it echoes
    (NLM_F_CAPPED: no body), and whether attributes follow.

    Raises:
        BadPacket: it is cut off, or its attributes go astray.
    """
    error = _errno_untrusted(body)
    start = _ERROR.size + HEADER.size
    if len(body) < start:
        raise BadPacket("the echo of a request is cut off")
    length, _, _, sequence, _ = HEADER.unpack_from(body, _ERROR.size)
    if not flags & NLM_F_ACK_TLVS:
        return Reply(sequence, error)
    if not flags & NLM_F_CAPPED:
        start = max(start, _ERROR.size + ((length + 3) & ~3))
    found = attributes_untrusted(body[start:])
    return Reply(sequence, error, text_untrusted(found.get(NLMSGERR_ATTR_MSG, b"")))


def _errno_untrusted(body: bytes | memoryview) -> int:
    """Read the negative errno that an NLMSG_ERROR or NLMSG_DONE begins with."""
    if len(body) < _ERROR.size:
        raise BadPacket("an error is cut off")
    error: int = _ERROR.unpack_from(body)[0]
    # A dump may end with what is no error: the length of its last part.
    return max(0, -error)
