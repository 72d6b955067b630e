"""What stands inside a handshake's messages besides the keys.

    [flags] [index(4)]? [length(2) chain]? [data]

`CHAIN` says that the sender introduces himself by his certificates. `MORE` says that
more waits than this message could carry, or that he still sends under another session,
so that the other should confirm this one at once, by whatever he sends or by an empty
packet. `INDEX` gives the answerer's index
of the session, which every second message must. `NEW` says that the answerer has had no
session with the other in this life of his: what was sent to him lately was lost.
`DISOWNED` says that there is no session, for he takes the other for removed; he gives
no index then, so that who does not know the flag has no session either.
"""

from dataclasses import dataclass
from typing import Final

from swarmnet.errors import BadPacket

CHAIN: Final = 1
MORE: Final = 2
INDEX: Final = 4
NEW: Final = 8
DISOWNED: Final = 16
HANDOVER_OVERHEAD_BYTES: Final = 1
_LENGTH_BYTES: Final = 2
INDEX_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class Handover:
    """The payload of a handshake message; unknown flags are passed over."""

    data: bytes = b""
    chain: bytes = b""
    more: bool = False
    index: int | None = None
    new: bool = False
    disowned: bool = False

    def pack(self) -> bytes:
        """Return the bytes to be sealed into the message."""
        indexed = self.index is not None
        flags = CHAIN * bool(self.chain) | MORE * self.more | INDEX * indexed
        head = bytes((flags | NEW * self.new | DISOWNED * self.disowned,))
        if self.index is not None:
            head += self.index.to_bytes(INDEX_BYTES, "big")
        if self.chain:
            head += len(self.chain).to_bytes(_LENGTH_BYTES, "big") + self.chain
        return head + self.data


def unpack_handover_untrusted(payload: bytes) -> Handover:
    """Read `Handover.pack`'s form; an empty payload is an empty handover.

    Raises:
        BadPacket: an index or a chain is announced that is not there.
    """
    if not payload:
        return Handover()
    flags, rest = payload[0], payload[1:]
    chain, index = b"", None
    if flags & INDEX:
        if len(rest) < INDEX_BYTES:
            raise BadPacket(f"an index in {len(rest)} bytes")
        index, rest = int.from_bytes(rest[:INDEX_BYTES], "big"), rest[INDEX_BYTES:]
    if flags & CHAIN:
        end = _LENGTH_BYTES + int.from_bytes(rest[:_LENGTH_BYTES], "big")
        if not _LENGTH_BYTES < end <= len(rest):
            raise BadPacket(f"a chain of {end - 2} bytes in {len(rest)}")
        chain, rest = rest[_LENGTH_BYTES:end], rest[end:]
    return Handover(
        data=rest,
        chain=chain,
        more=bool(flags & MORE),
        index=index,
        new=bool(flags & NEW),
        disowned=bool(flags & DISOWNED),
    )
