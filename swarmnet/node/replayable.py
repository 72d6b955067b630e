"""Which membership frames may travel in a handshake's first packet.

An observer can send that packet again, so it must do no harm twice: probes and their
answers, which at worst are answered once more, and signed claims, which are known the
second time (`docs/security.md`).
"""

from typing import Final

from swarmnet.errors import BadPacket
from swarmnet.swim.codec import decode_frame_untrusted
from swarmnet.swim.messages import Ack, ClaimNews, Nack, Ping, PingRequest

_HARMLESS: Final = (Ping, PingRequest, Ack, Nack, ClaimNews)


def is_replayable(frame: bytes) -> bool:
    """Return whether a frame of our own holds nothing but probes and claims."""
    try:
        decoded = decode_frame_untrusted(frame)
    except BadPacket:
        return False
    return not decoded.unknown and all(
        isinstance(message, _HARMLESS) for message in decoded.messages
    )
