"""How a root ends: one that came after it says so, and whoever reads that can see it.

    withdrawal    [1, key id of who says it, key id of what ends, signature]

`Trust.end_root` believes it; no manager without a root's key can end one.
"""

from dataclasses import dataclass
from typing import Final

from swarmnet.crypto.identity import SIGNATURE_BYTES, Signatures
from swarmnet.errors import BadPacket
from swarmnet.ids import NODE_ID_BYTES
from swarmnet.wire import array, blob, natural, pack, unpack_array_untrusted

WITHDRAWAL_BYTES_MAX: Final = 128
_VERSION: Final = 1
_DOMAIN: Final = b"swarmnet root withdrawal 1\0"


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """The word of the root with key id `by` that the root `ended` counts no more."""

    by: bytes
    ended: bytes
    signature: bytes

    def encode(self) -> bytes:
        return pack((_VERSION, self.by, self.ended, self.signature))

    def is_signed_by(self, signing_public: bytes, signatures: Signatures) -> bool:
        """Return whether the holder of that key said it."""
        message = withdrawal_message(self.by, self.ended)
        return signatures.verify(signing_public, message, self.signature)


def withdrawal_message(by: bytes, ended: bytes) -> bytes:
    """Return what the root with key id `by` signs to end another."""
    return _DOMAIN + by + ended


def decode_withdrawal_untrusted(data: bytes) -> Withdrawal:
    """Read `Withdrawal.encode`'s form.

    Raises:
        BadPacket: it is anything else.
    """
    fields = array(unpack_array_untrusted(data), 4)
    if natural(fields[0]) < _VERSION:
        raise BadPacket("version 0")
    return Withdrawal(
        blob(fields[1], NODE_ID_BYTES, NODE_ID_BYTES),
        blob(fields[2], NODE_ID_BYTES, NODE_ID_BYTES),
        blob(fields[3], SIGNATURE_BYTES, SIGNATURE_BYTES),
    )
