"""What Lifeguard adds to SWIM's bytes: an accuser, and the nack.

    accusation  1, member, life, incarnation, host, port, accuser
    nack        7, sequence, updates

Every suspicion is an accusation; one without its accuser is refused.
"""

from functools import lru_cache
from typing import Final

from sim.profiles.lifeguard.suspicion import Accusation
from sim.profiles.peer_wire import (
    as_list_untrusted,
    node_untrusted,
    pack,
    unpack_untrusted,
)
from sim.profiles.swim_paper import codec as swim
from sim.profiles.swim_paper.codec import Kind, News, Wire
from sim.profiles.swim_paper.rules import Update
from swarmnet.errors import BadPacket
from swarmnet.swim.outputs import State

ACCUSATION_FIELDS: Final = 7


@lru_cache(maxsize=8192)
def encode_update(update: Update) -> bytes:
    """Return an update to ride on packets; a suspicion must be an accusation."""
    if not isinstance(update, Accusation):
        assert update.state is not State.SUSPECT
        return swim.encode_update(update)
    return pack(
        [
            int(update.state),
            update.node,
            update.life,
            update.incarnation,
            update.address.host,
            update.address.port,
            update.accuser,
        ]
    )


# The same update comes a dozen times to each node of a simulated cluster.
@lru_cache(maxsize=65536)
def decode_update_untrusted(data: bytes) -> Update | News:
    """Read one update, accusation or payload.

    Raises:
        BadPacket: it is none of them.
    """
    fields = as_list_untrusted(unpack_untrusted(data))
    accused = len(fields) == ACCUSATION_FIELDS
    if not accused:
        read = swim.decode_update_untrusted(data)
    else:
        read = swim.read_member_untrusted(fields)
    if isinstance(read, News):
        return read
    if accused is not (read.state is State.SUSPECT):
        raise BadPacket(f"{read.state.name.lower()} of {len(fields)} fields")
    if not accused:
        return read
    return Accusation(
        read.state,
        read.node,
        read.life,
        read.incarnation,
        read.address,
        node_untrusted(fields[-1]),
    )


LIFEGUARD: Final = Wire(
    encode_update, decode_update_untrusted, {**swim.PACKET_FIELDS, Kind.NACK: 3}
)
