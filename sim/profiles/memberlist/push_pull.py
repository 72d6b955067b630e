"""The full state that two nodes exchange over a stream, and its bytes.

Source: net.go of hashicorp/memberlist (sendLocalState, readRemoteState).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import msgpack

from sim.profiles.memberlist.codec import META_MAX, VERSIONS, Kind
from sim.profiles.peer_roster import Member
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
from swarmnet.ids import Address, NodeId
from swarmnet.swim.outputs import State

PUSH_STATE_NODES_MAX: Final = 2**20
PUSH_STATE_BYTES_MAX: Final = 20 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class PushState:
    """One member of a push/pull as the sender holds it."""

    node: NodeId
    address: Address
    incarnation: int
    state: State


@lru_cache(maxsize=65536)
def _encode_state(
    node: NodeId, address: Address, incarnation: int, state: State
) -> bytes:
    fields = {
        "Name": node,
        "Addr": address.host,
        "Port": address.port,
        "Meta": None,
        "Incarnation": incarnation,
        "State": int(state),
        "Vsn": VERSIONS,
    }
    return pack(fields)


def encode_push_pull(
    members: Sequence[Member], *, join: bool, reply: bool = False
) -> bytes:
    """Return the full state of a node as a stream frame."""
    kind = Kind.PUSH_PULL_REPLY if reply else Kind.PUSH_PULL
    header = pack({"Nodes": len(members), "UserStateLen": 0, "Join": join})
    states = [
        _encode_state(one.node, one.address, one.incarnation, one.state)
        for one in members
    ]
    return b"".join((bytes((kind,)), header, *states))


def decode_push_pull_untrusted(data: bytes) -> list[PushState]:
    """Read the full state of another node, asked for or answered.

    Raises:
        BadPacket: it is none.
    """
    if len(data) > PUSH_STATE_BYTES_MAX:
        raise BadPacket(f"push/pull of {len(data)} bytes")
    header, *states = _split_untrusted(data[1:])
    fields = as_map_untrusted(unpack_untrusted(header))
    count = uint_untrusted(fields.get(b"Nodes"), PUSH_STATE_NODES_MAX)
    if len(states) != count:
        raise BadPacket(f"push/pull of {count} members holds {len(states)}")
    return [_decode_state_untrusted(state) for state in states]


def _split_untrusted(data: bytes) -> list[bytes]:
    """Cut msgpack values that follow each other, without reading them."""
    reader = msgpack.Unpacker(max_buffer_size=PUSH_STATE_BYTES_MAX)
    reader.feed(data)
    values: list[bytes] = []
    start = 0
    try:
        while start < len(data):
            reader.skip()
            end = reader.tell()
            values.append(data[start:end])
            start = end
    except (ValueError, TypeError, msgpack.UnpackException):
        raise BadPacket("push/pull that is cut off, or no msgpack") from None
    if not values:
        raise BadPacket("push/pull without a header")
    return values


# Every node of a simulated cluster holds nearly the same of every other, so that nearly
# every state was read before.
@lru_cache(maxsize=65536)
def _decode_state_untrusted(data: bytes) -> PushState:
    fields = as_map_untrusted(unpack_untrusted(data))
    bytes_untrusted(fields.get(b"Meta") or b"", META_MAX)
    return PushState(
        node_untrusted(fields.get(b"Name")),
        address_untrusted(fields.get(b"Addr"), fields.get(b"Port")),
        uint_untrusted(fields.get(b"Incarnation")),
        State(uint_untrusted(fields.get(b"State"), State.LEFT)),
    )
