"""Who has signed what in one run, so that it shows when anything else is believed.

Every process that the simulator runs signs through here. Whoever uses a key otherwise
(a thief, a forger) does not, and his signatures stand in no ledger.
"""

from hashlib import blake2b

from swarmnet.crypto.identity import Identity
from swarmnet.ids import NodeId

_DIGEST_BYTES = 16


class Ledger:
    """The messages that each node's own process has signed."""

    __slots__ = ("_signed",)

    def __init__(self) -> None:
        self._signed: set[bytes] = set()

    def note(self, author: NodeId, message: bytes) -> None:
        """Write down that `author` signed `message`."""
        self._signed.add(_digest(author, message))

    def holds(self, author: NodeId, message: bytes) -> bool:
        """Return whether `author` ever signed `message`."""
        return _digest(author, message) in self._signed


class NotedIdentity(Identity):
    """A node's keys, in the hands of a process of this run."""

    __slots__ = ("_ledger",)

    def __init__(self, keys: Identity, ledger: Ledger) -> None:
        super().__init__(keys.signing_private, keys.exchange_private)
        self._ledger = ledger

    def sign(self, message: bytes) -> bytes:
        """Return this node's signature, and write it down."""
        self._ledger.note(self.node, message)
        return super().sign(message)


def _digest(author: NodeId, message: bytes) -> bytes:
    return blake2b(message, digest_size=_DIGEST_BYTES, key=author).digest()
