"""memberlist's messages and their bytes, as long as the real ones.

A message is a type byte and a msgpack map with the field names of Go's structs:

    ping 0           SeqNo Node SourceAddr SourcePort SourceNode
    indirect ping 1  SeqNo Target Port Node Nack SourceAddr SourcePort SourceNode
    ack 2            SeqNo Payload                nack 11  SeqNo
    suspect 3        Incarnation Node From        dead 5   Incarnation Node From
    alive 4          Incarnation Node Addr Port Meta Vsn
    push/pull 6      {Nodes UserStateLen Join}, then as many
                     {Name Addr Port Meta Incarnation State Vsn}
    compound 7       count (1 byte), lengths (2 bytes each), the messages
    user 8           3, serf's mark of a user event, and {LTime Name Payload CC}

Three things are ours. A node's name is the 16 bytes of its id, about as long as a host
name. The answer to a push/pull has a type byte of its own (0xF6), for the simulator's
streams, unlike TCP, do not tell an answer from a question. A user event carries Scope
and Class where they are not the default. Neither labels nor compression are modelled.

Source: net.go and util.go of hashicorp/memberlist, messages.go of hashicorp/serf.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Final

from sim.profiles.peer_wire import (
    address_untrusted,
    as_map_untrusted,
    bytes_untrusted,
    node_untrusted,
    pack,
    uint_untrusted,
    unpack_untrusted,
)
from swarmnet.errors import BadPacket
from swarmnet.ids import CLUSTER, SCOPE_BYTES_MAX, U64_MAX, Address, NodeId, Scope
from swarmnet.swim.outputs import Payload, PayloadClass

VERSIONS: Final = bytes((1, 5, 2, 2, 5, 4))
"""pmin, pmax, pcur of memberlist and dmin, dmax, dcur of serf."""
META_MAX: Final = 512
KEY_MAX: Final = 64
DATA_MAX: Final = 20 * 1024 * 1024
COMPOUND_HEADER_BYTES: Final = 2
COMPOUND_PART_BYTES: Final = 2
COMPOUND_PARTS_MAX: Final = 255


class Kind(IntEnum):
    """The type byte of a message."""

    PING = 0
    INDIRECT_PING = 1
    ACK = 2
    SUSPECT = 3
    ALIVE = 4
    DEAD = 5
    PUSH_PULL = 6
    COMPOUND = 7
    USER = 8
    NACK = 11
    PUSH_PULL_REPLY = 0xF6


@dataclass(frozen=True, slots=True)
class Ping:
    """Are you there, `node`?"""

    sequence: int
    node: NodeId


@dataclass(frozen=True, slots=True)
class IndirectPing:
    """Ask `node` at `address` for me, and say so if it stays silent."""

    sequence: int
    node: NodeId
    address: Address
    nack: bool


@dataclass(frozen=True, slots=True)
class Ack:
    """I am, or the one you asked about is."""

    sequence: int


@dataclass(frozen=True, slots=True)
class Nack:
    """The one you asked about was silent."""

    sequence: int


@dataclass(frozen=True, slots=True)
class Suspect:
    """`accuser` had no answer from `node`."""

    incarnation: int
    node: NodeId
    accuser: NodeId


@dataclass(frozen=True, slots=True)
class Alive:
    """`node` is there, at `address`."""

    incarnation: int
    node: NodeId
    address: Address


@dataclass(frozen=True, slots=True)
class Dead:
    """`node` is gone; of its own will if it says so itself."""

    incarnation: int
    node: NodeId
    accuser: NodeId


@dataclass(frozen=True, slots=True)
class UserEvent:
    """An application's news, at its origin's Lamport time."""

    ltime: int
    payload: Payload


Claim = Suspect | Alive | Dead
Message = Ping | IndirectPing | Ack | Nack | Claim | UserEvent


def encode_ping(sequence: int, node: NodeId, me: NodeId, address: Address) -> bytes:
    """Return a ping to `node` from `me` at `address`."""
    fields = {
        "SeqNo": sequence,
        "Node": node,
        "SourceAddr": address.host,
        "SourcePort": address.port,
        "SourceNode": me,
    }
    return b"\x00" + pack(fields)


def encode_indirect_ping(ask: IndirectPing, me: NodeId, source: Address) -> bytes:
    """Return `ask` as `me` at `source` puts it to a third member."""
    fields = {
        "SeqNo": ask.sequence,
        "Target": ask.address.host,
        "Port": ask.address.port,
        "Node": ask.node,
        "Nack": ask.nack,
        "SourceAddr": source.host,
        "SourcePort": source.port,
        "SourceNode": me,
    }
    return b"\x01" + pack(fields)


def encode_ack(sequence: int) -> bytes:
    """Return an ack."""
    return b"\x02" + pack({"SeqNo": sequence, "Payload": None})


def encode_nack(sequence: int) -> bytes:
    """Return a nack."""
    return b"\x0b" + pack({"SeqNo": sequence})


@lru_cache(maxsize=8192)
def encode_claim(claim: Claim) -> bytes:
    """Return an alive, suspect or dead message."""
    if isinstance(claim, Alive):
        fields: dict[str, object] = {
            "Incarnation": claim.incarnation,
            "Node": claim.node,
            "Addr": claim.address.host,
            "Port": claim.address.port,
            "Meta": None,
            "Vsn": VERSIONS,
        }
        return b"\x04" + pack(fields)
    fields = {
        "Incarnation": claim.incarnation,
        "Node": claim.node,
        "From": claim.accuser,
    }
    return (b"\x03" if isinstance(claim, Suspect) else b"\x05") + pack(fields)


def encode_event(event: UserEvent) -> bytes:
    """Return a user event without memberlist's type byte, as serf hands it down."""
    payload = event.payload
    fields: dict[str, object] = {
        "LTime": event.ltime,
        "Name": payload.key,
        "Payload": payload.data,
        "CC": False,
    }
    if payload.scope != CLUSTER:
        fields["Scope"] = payload.scope
    if payload.payload_class != PayloadClass.NORMAL:
        fields["Class"] = int(payload.payload_class)
    return b"\x03" + pack(fields)


def encode_compound(parts: Sequence[bytes]) -> bytes:
    """Return up to 255 messages as one."""
    assert 0 < len(parts) <= COMPOUND_PARTS_MAX
    lengths = b"".join([len(part).to_bytes(2, "big") for part in parts])
    return b"\x07" + bytes((len(parts),)) + lengths + b"".join(parts)


def split_compound_untrusted(data: bytes) -> tuple[list[bytes], int]:
    """Return the parts of a compound message and how many were cut off.

    Raises:
        BadPacket: not even the lengths are all there.
    """
    count = data[1] if len(data) > 1 else 0
    at = COMPOUND_HEADER_BYTES + COMPOUND_PART_BYTES * count
    if count == 0 or len(data) < at:
        raise BadPacket(f"compound of {count} parts in {len(data)} bytes")
    parts: list[bytes] = []
    for index in range(count):
        size = int.from_bytes(data[2 + 2 * index : 4 + 2 * index], "big")
        if at + size > len(data):
            return parts, count - index
        parts.append(data[at : at + size])
        at += size
    return parts, 0


def decode_untrusted(data: bytes) -> Message:
    """Read one message that is neither compound nor a push/pull.

    Raises:
        BadPacket: it is none.
    """
    kind = data[0] if data else -1
    if Kind.SUSPECT <= kind <= Kind.DEAD or kind == Kind.USER:
        return _decode_gossip_untrusted(data)
    if kind not in (Kind.PING, Kind.INDIRECT_PING, Kind.ACK, Kind.NACK):
        raise BadPacket(f"message of type {kind}")
    fields = as_map_untrusted(unpack_untrusted(data[1:]))
    sequence = uint_untrusted(fields.get(b"SeqNo"))
    if kind == Kind.PING:
        return Ping(sequence, node_untrusted(fields.get(b"Node")))
    if kind == Kind.ACK:
        return Ack(sequence)
    if kind == Kind.NACK:
        return Nack(sequence)
    return IndirectPing(
        sequence,
        node_untrusted(fields.get(b"Node")),
        address_untrusted(fields.get(b"Target"), fields.get(b"Port")),
        fields.get(b"Nack") is True,
    )


# The same gossip reaches a node some dozen times, and every node of a simulated
# cluster: reading it once for all saves more than anything else done here for speed.
@lru_cache(maxsize=65536)
def _decode_gossip_untrusted(data: bytes) -> Claim | UserEvent:
    kind = data[0]
    if kind == Kind.USER:
        return _decode_event_untrusted(data)
    fields = as_map_untrusted(unpack_untrusted(data[1:]))
    incarnation = uint_untrusted(fields.get(b"Incarnation"))
    node = node_untrusted(fields.get(b"Node"))
    if kind == Kind.ALIVE:
        bytes_untrusted(fields.get(b"Meta") or b"", META_MAX)
        address = address_untrusted(fields.get(b"Addr"), fields.get(b"Port"))
        return Alive(incarnation, node, address)
    accuser = node_untrusted(fields.get(b"From"))
    if kind == Kind.SUSPECT:
        return Suspect(incarnation, node, accuser)
    return Dead(incarnation, node, accuser)


def _decode_event_untrusted(data: bytes) -> UserEvent:
    if data[1:2] != b"\x03":
        raise BadPacket("user message that is no user event")
    fields = as_map_untrusted(unpack_untrusted(data[2:]))
    number = uint_untrusted(fields.get(b"Class", int(PayloadClass.NORMAL)))
    if number not in tuple(PayloadClass):
        raise BadPacket(f"payload class {number}")
    payload = Payload(
        bytes_untrusted(fields.get(b"Name"), KEY_MAX),
        Scope(bytes_untrusted(fields.get(b"Scope", CLUSTER), SCOPE_BYTES_MAX)),
        PayloadClass(number),
        bytes_untrusted(fields.get(b"Payload"), DATA_MAX),
    )
    return UserEvent(uint_untrusted(fields.get(b"LTime"), U64_MAX), payload)
