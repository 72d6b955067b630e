"""The bytes of the SWIM profile; the paper fixes none, so all of this is ours.

A packet is the checksum and a msgpack array, its last field an array of updates, each
packed for itself so that it is read once however often it comes:

    ping      1, sequence, target, updates
    ack       2, sequence, updates
    ping-req  3, sequence, target, host, port, updates
    update    state (0 alive to 3 left), member, life, incarnation, host, port
    payload   9, random number, key, scope, class, data

What a protocol built on this one changes is its `Wire`.

Streams carry a join (4), its answer (5, updates of all members) and the joiner's
announcement (6, one update).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Final

from sim.profiles.peer_wire import (
    address_untrusted,
    as_list_untrusted,
    bytes_untrusted,
    node_untrusted,
    open_checksum_untrusted,
    pack,
    seal_checksum,
    uint_untrusted,
    unpack_untrusted,
)
from sim.profiles.swim_paper.rules import Update
from swarmnet.errors import BadPacket
from swarmnet.ids import SCOPE_BYTES_MAX, U64_MAX, Address, NodeId, Scope
from swarmnet.swim.outputs import Payload, PayloadClass, State

KEY_MAX: Final = 64
DATA_MAX: Final = 65_536
UPDATES_MAX: Final = 2**17
PAYLOAD_MARK: Final = 9


class Kind(IntEnum):
    """The first field of a packet or frame."""

    PING = 1
    ACK = 2
    PING_REQ = 3
    JOIN = 4
    MEMBERS = 5
    ANNOUNCE = 6
    NACK = 7
    """Lifeguard's; no packet of SWIM itself."""


PACKET_FIELDS: Final[Mapping[Kind, int]] = {Kind.PING: 4, Kind.ACK: 3, Kind.PING_REQ: 6}
"""SWIM's packets, and how many fields each has."""


@dataclass(frozen=True, slots=True)
class Packet:
    """A message and what rides on it.

    `target` is whom a ping or ping-req means, `address` where a ping-req finds it.
    """

    kind: Kind
    sequence: int
    target: NodeId | None
    address: Address | None
    updates: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class News:
    """An application's payload; `number` tells it from any other."""

    number: int
    payload: Payload


def encode_packet(packet: Packet) -> bytes:
    """Return a datagram."""
    fields: list[object] = [int(packet.kind), packet.sequence]
    if packet.target is not None:
        fields.append(packet.target)
    if packet.address is not None:
        fields += [packet.address.host, packet.address.port]
    return seal_checksum(pack([*fields, packet.updates]))


def decode_packet_untrusted(
    data: bytes, packet_fields: Mapping[Kind, int] = PACKET_FIELDS
) -> Packet:
    """Read a datagram; its updates stay packed.

    Raises:
        BadPacket: it is none.
    """
    fields = as_list_untrusted(unpack_untrusted(open_checksum_untrusted(data)))
    kind = uint_untrusted(fields[0] if fields else None, max(Kind))
    if packet_fields.get(Kind(kind) if kind else Kind.JOIN) != len(fields):
        raise BadPacket(f"packet of kind {kind} with {len(fields)} fields")
    target = address = None
    if kind in (Kind.PING, Kind.PING_REQ):
        target = node_untrusted(fields[2])
    if kind == Kind.PING_REQ:
        address = address_untrusted(fields[3], fields[4])
    updates = tuple(
        bytes_untrusted(update, DATA_MAX) for update in as_list_untrusted(fields[-1])
    )
    return Packet(Kind(kind), uint_untrusted(fields[1]), target, address, updates)


@lru_cache(maxsize=8192)
def encode_update(update: Update) -> bytes:
    """Return an update to ride on packets."""
    return pack(
        [
            int(update.state),
            update.node,
            update.life,
            update.incarnation,
            update.address.host,
            update.address.port,
        ]
    )


def encode_news(news: News) -> bytes:
    """Return a payload to ride on packets."""
    payload = news.payload
    return pack(
        [
            PAYLOAD_MARK,
            news.number,
            payload.key,
            payload.scope,
            int(payload.payload_class),
            payload.data,
        ]
    )


# The same update comes a dozen times to each node of a simulated cluster.
@lru_cache(maxsize=65536)
def decode_update_untrusted(data: bytes) -> Update | News:
    """Read one update or payload.

    Raises:
        BadPacket: it is neither.
    """
    fields = as_list_untrusted(unpack_untrusted(data))
    if len(fields) != 6:
        raise BadPacket(f"update of {len(fields)} fields")
    mark = uint_untrusted(fields[0], PAYLOAD_MARK)
    if mark == PAYLOAD_MARK:
        number = uint_untrusted(fields[1], U64_MAX)
        return News(number, _read_payload_untrusted(fields))
    return read_member_untrusted(fields)


def read_member_untrusted(fields: Sequence[object]) -> Update:
    """Read the six fields of an update.

    Raises:
        BadPacket: they are none.
    """
    return Update(
        State(uint_untrusted(fields[0], max(State))),
        node_untrusted(fields[1]),
        uint_untrusted(fields[2]),
        uint_untrusted(fields[3]),
        address_untrusted(fields[4], fields[5]),
    )


def _read_payload_untrusted(fields: Sequence[object]) -> Payload:
    return Payload(
        bytes_untrusted(fields[2], KEY_MAX),
        Scope(bytes_untrusted(fields[3], SCOPE_BYTES_MAX)),
        PayloadClass(uint_untrusted(fields[4], max(PayloadClass))),
        bytes_untrusted(fields[5], DATA_MAX),
    )


def encode_frame(kind: Kind, updates: Sequence[bytes]) -> bytes:
    """Return a stream frame."""
    return pack([int(kind), list(updates)])


def decode_frame_untrusted(
    data: bytes,
    decode: Callable[[bytes], Update | News] = decode_update_untrusted,
) -> tuple[Kind, list[Update]]:
    """Read a stream frame, its updates by `decode`.

    Raises:
        BadPacket: it is none, or one of its updates is none.
    """
    fields = as_list_untrusted(unpack_untrusted(data))
    if len(fields) != 2:
        raise BadPacket(f"frame of {len(fields)} fields")
    kind = uint_untrusted(fields[0], Kind.ANNOUNCE)
    if kind < Kind.JOIN:
        raise BadPacket(f"frame of kind {kind}")
    items = as_list_untrusted(fields[1])
    if len(items) > UPDATES_MAX:
        raise BadPacket(f"frame of {len(items)} updates")
    updates = [decode(bytes_untrusted(one, 256)) for one in items]
    return Kind(kind), [one for one in updates if isinstance(one, Update)]


@dataclass(frozen=True, slots=True)
class Wire:
    """Where the protocols built on SWIM differ on the wire.

    `decode_update_untrusted` raises BadPacket and nothing else.
    """

    encode_update: Callable[[Update], bytes]
    decode_update_untrusted: Callable[[bytes], Update | News]
    packet_fields: Mapping[Kind, int]


SWIM: Final = Wire(encode_update, decode_update_untrusted, PACKET_FIELDS)
