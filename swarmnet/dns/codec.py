"""The wire form of DNS (RFC 1035): queries are read by dnspython, answers packed here.

    header   id 2, flags 2, and the counts of the sections, 2 each
    question name, type 2, class 2
    record   name, type 2, class 2, TTL 4, length 2, and so much data

What is packed is of few kinds, and a name that repeats the question's is one pointer to
it; packed by the library an answer takes three times as long as all else together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import ip_address
from struct import Struct
from typing import Final

import dns.exception
import dns.message
import dns.name
import dns.reversename
import dns.wire

from swarmnet.dns.book import IP
from swarmnet.errors import BadPacket

TTL_S: Final = 1
"""An answer costs a tenth of a millisecond, so a cache saves little and lies longer."""
PLAIN_BYTES_MAX: Final = 512
"""What fits a datagram of a client that says nothing else (RFC 1035, section 4.2.1)."""
EDNS_BYTES: Final = 1232
"""What we say that we take ourselves (DNS flag day 2020)."""
DATAGRAM_BYTES_MAX: Final = 65_507
STREAM_BYTES_MAX: Final = 0xFFFF
HEADER_BYTES: Final = 12
OPERATION: Final = 0x7800
"""Of the flags; 0 is a query."""
INTERNET: Final = 1
"""The one class that is in use."""
ID_BYTES: Final = 2
_HEADER: Final = Struct(">6H")
_QUESTION: Final = Struct(">2H")
_RECORD: Final = Struct(">2HIH")
_SRV: Final = Struct(">3H")
_OPT: Final = Struct(">B2HBBHH")
_TO_QUESTION: Final = b"\xc0\x0c"
"""A pointer to the question's name, which stands behind the header."""
_REVERSE: Final = ("in-addr.arpa", "ip6.arpa")


class Type(IntEnum):
    """The types that we tell ourselves, and those that are never passed on."""

    A = 1
    PTR = 12
    AAAA = 28
    SRV = 33
    OPT = 41
    IXFR = 251
    AXFR = 252
    ANY = 255


class Code(IntEnum):
    """What becomes of a query (RFC 1035, section 4.1.1; BADVERS: RFC 6891)."""

    NOERROR = 0
    FORMERR = 1
    SERVFAIL = 2
    NXDOMAIN = 3
    NOTIMP = 4
    REFUSED = 5
    BADVERS = 16


class Flag(IntEnum):
    """Bits of the header's second field."""

    QR = 0x8000
    AA = 0x0400
    TC = 0x0200
    RD = 0x0100
    RA = 0x0080
    CD = 0x0010


@dataclass(frozen=True, slots=True)
class Query:
    """A query of one question.

    `name` is in lower case and without the last dot; None if no name of ours can be so.
    `question` is the question as it came. `bytes_max` is what an answer by datagram may
    have; `edns` the version of EDNS that the client speaks, None: none.
    """

    id: int
    flags: int
    name: str | None
    type: int
    is_internet: bool
    question: bytes
    bytes_max: int = PLAIN_BYTES_MAX
    edns: int | None = None


@dataclass(frozen=True, slots=True)
class Faulty:
    """A message that is answered by a code, for want of a question to answer."""

    id: int
    flags: int
    code: Code


def decode_query_untrusted(data: bytes) -> Query | Faulty:
    """Read a query.

    Raises:
        BadPacket: it is none, not even a broken one, and wants no answer.
    """
    if len(data) < HEADER_BYTES:
        raise BadPacket(f"{len(data)} bytes, want a header of {HEADER_BYTES}")
    id_, flags, questions, *others = _HEADER.unpack_from(data)
    if flags & Flag.QR:
        raise BadPacket("an answer that nobody has asked for")
    if flags & OPERATION:
        return Faulty(id_, flags, Code.NOTIMP)
    if questions != 1:
        return Faulty(id_, flags, Code.FORMERR)
    edns: int | None = None
    bytes_max = PLAIN_BYTES_MAX
    try:
        parser = dns.wire.Parser(data, HEADER_BYTES)
        name = parser.get_name()
        kind, room = parser.get_struct(">HH")
        wire = name.to_wire()
        if any(others):
            # A whole message takes the library three times as long.
            message = dns.message.from_wire(data, ignore_trailing=True)
            if message.edns >= 0:
                edns = message.edns
                bytes_max = min(max(bytes_max, message.payload), DATAGRAM_BYTES_MAX)
    except (dns.exception.DNSException, ValueError):
        # Of options it raises the one, of names in them the other.
        return Faulty(id_, flags, Code.FORMERR)
    assert wire is not None, "it is written to no file"
    question = wire + _QUESTION.pack(kind, room)
    is_internet = room == INTERNET
    text = _text_of(name.labels[:-1])
    return Query(id_, flags, text, kind, is_internet, question, bytes_max, edns)


def _text_of(labels: Sequence[bytes]) -> str | None:
    found = b".".join(labels)
    if found.count(b".") > max(0, len(labels) - 1):
        return None
    try:
        return found.decode().lower()
    except UnicodeDecodeError:
        return None


def reverse_address(name: str) -> IP | None:
    """Return the address that a name in a reverse domain stands for, or None."""
    if not name.endswith(_REVERSE):
        return None
    try:
        return ip_address(dns.reversename.to_address(dns.name.from_text(name)))
    except (dns.exception.DNSException, ValueError):
        return None


def can_be_asked(name: str) -> bool:
    """Return whether a name fits the wire: its parts, and the whole of it."""
    return _name(name) is not None


def _name(text: str) -> bytes | None:
    """Return the wire form of a name, or None if it has none."""
    try:
        wire = dns.name.Name([*text.encode().split(b"."), b""]).to_wire()
    except (dns.exception.DNSException, UnicodeEncodeError):
        return None
    assert wire is not None, "it is written to no file"
    return wire


# Records


def address_record(address: IP, owner: str | None = None) -> bytes | None:
    """Return an A or AAAA record, of the question's name or of another."""
    kind = Type.A if address.version == 4 else Type.AAAA
    return _record(kind, address.packed, owner)


def pointer_record(target: str) -> bytes | None:
    """Return a PTR record that answers the question; None if no name is so."""
    name = _name(target)
    return None if name is None else _record(Type.PTR, name)


def service_record(port: int, target: str) -> bytes | None:
    """Return an SRV record (RFC 2782), all of one priority and no weight."""
    name = _name(target)
    return None if name is None else _record(Type.SRV, _SRV.pack(0, 0, port) + name)


def _record(kind: Type, data: bytes, owner: str | None = None) -> bytes | None:
    name = _TO_QUESTION if owner is None else _name(owner)
    if name is None:
        return None
    return name + _RECORD.pack(kind, INTERNET, TTL_S, len(data)) + data


# Answers


def encode_fault(fault: Faulty) -> bytes:
    """Return what a faulty message is answered."""
    flags = Flag.QR | (fault.flags & (OPERATION | Flag.RD)) | Flag.RA | fault.code
    return _HEADER.pack(fault.id, flags, 0, 0, 0, 0)


def encode_answer(
    query: Query,
    code: Code,
    records: Sequence[bytes] = (),
    more: Sequence[bytes] = (),
    *,
    is_cut: bool = False,
    is_ours: bool = True,
) -> bytes:
    """Return an answer; `more` are additional records, `is_cut`: some had no room."""
    flags = Flag.QR | (query.flags & (Flag.RD | Flag.CD)) | Flag.RA | (code & 0xF)
    if is_ours:
        flags |= Flag.AA
    if is_cut:
        flags |= Flag.TC
    option = option_of(query, code)
    additional = len(more) + bool(option)
    head = _HEADER.pack(query.id, flags, 1, len(records), 0, additional)
    return b"".join((head, query.question, *records, *more, option))


def option_of(query: Query, code: Code = Code.NOERROR) -> bytes:
    """Return our OPT record (RFC 6891) for a client that speaks EDNS, else nothing."""
    if query.edns is None:
        return b""
    return _OPT.pack(0, Type.OPT, EDNS_BYTES, code >> 4, 0, 0, 0)


# What passes through


def with_id(id_: int, data: bytes) -> bytes:
    """Return a message under another id."""
    return id_.to_bytes(ID_BYTES, "big") + data[ID_BYTES:]


def without_id(data: bytes) -> bytes:
    """Return what two messages have in common that ask the same."""
    return data[ID_BYTES:]


def id_of_untrusted(data: bytes) -> int:
    """Return the id of a message, whatever else it is."""
    return int.from_bytes(data[:ID_BYTES], "big")


def answer_code_untrusted(id_: int, question: bytes, data: bytes) -> tuple[int, bool]:
    """Return which code an answer to our own query has, and whether it was cut.

    Raises:
        BadPacket: it is no answer to it. Codes other than 0 may come without question.
    """
    if len(data) < HEADER_BYTES:
        raise BadPacket(f"{len(data)} bytes, want a header of {HEADER_BYTES}")
    found, flags, questions, *_ = _HEADER.unpack_from(data)
    if found != id_ or not flags & Flag.QR:
        raise BadPacket("no answer to this query")
    code = flags & 0xF
    asked = data[HEADER_BYTES : HEADER_BYTES + len(question)]
    if questions == 1 and asked.lower() == question.lower():
        return code, bool(flags & Flag.TC)
    if questions or not code:
        raise BadPacket("an answer to another question")
    return code, False


def cut_answer(question: bytes, data: bytes) -> bytes:
    """Return of an answer what fits any client: that there is more to be asked for."""
    id_, flags, *_ = _HEADER.unpack_from(data)
    return _HEADER.pack(id_, flags | Flag.TC, 1, 0, 0, 0) + question
