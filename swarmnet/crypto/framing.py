"""Packets on a byte stream: each behind its length, bounded before anything is kept.

A stream is bytes without bounds between them, from whoever could connect. Each packet
stands behind its length, 4 bytes, big-endian. Until the peer has been authenticated
little is accepted: whoever only connects shall cost little memory.
"""

from collections.abc import Callable, Iterator
from struct import Struct
from typing import Final

from swarmnet.errors import BadPacket

STRANGER_BYTES_MAX: Final = 2048
"""A handshake packet with two certificates and a short payload fits."""
PEER_BYTES_MAX: Final = 65_536
HEAD_BYTES: Final = 8
"""Of a packet: its kind, and the index of its session (`packets`)."""
_LENGTH: Final = Struct(">I")


def frame(packet: bytes) -> bytes:
    """Return a packet with its length before it; it is 1 to 65,536 bytes."""
    assert 0 < len(packet) <= PEER_BYTES_MAX, len(packet)
    return _LENGTH.pack(len(packet)) + packet


class Unframer:
    """Cuts what comes in on one stream into packets.

    Holds at most one packet and its length, once those that are whole have been taken.
    `authenticated` lifts the bound for a stranger's packets to that for a peer's. So
    does `is_known` for one packet, by its first `HEAD_BYTES`: a peer whose session
    lives may open another stream, and begin with a long one.
    """

    __slots__ = ("_held", "_is_known", "_most")

    def __init__(self, is_known: Callable[[bytes], bool] | None = None) -> None:
        self._held = bytearray()
        self._is_known = is_known
        self._most = STRANGER_BYTES_MAX

    def authenticated(self) -> None:
        """The other end has shown who it is: longer packets may come."""
        self._most = PEER_BYTES_MAX

    def receive(self, data: bytes) -> Iterator[bytes]:
        """Take the next bytes; yield the packets that are whole by now.

        The first packet of a peer's may come in one piece with longer ones. So each
        is measured only when it is asked for, after the one before was dealt with.

        Raises:
            BadPacket: a packet is empty or too long. The stream is of no more use.
        """
        self._held += data
        return self._whole()

    def _whole(self) -> Iterator[bytes]:
        while len(self._held) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._held)
            most = self._most
            if most < length <= PEER_BYTES_MAX and self._is_known is not None and most:
                if len(self._held) < _LENGTH.size + HEAD_BYTES:
                    return
                head = bytes(self._held[_LENGTH.size : _LENGTH.size + HEAD_BYTES])
                most = PEER_BYTES_MAX if self._is_known(head) else most
            if not 0 < length <= most:
                self._held.clear()
                self._most = 0
                raise BadPacket(f"a packet of {length} bytes, too few or too many")
            end = _LENGTH.size + length
            if len(self._held) < end:
                return
            packet = bytes(self._held[_LENGTH.size : end])
            del self._held[:end]
            yield packet
