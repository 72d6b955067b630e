"""Proofs: what a node has signed, verified by its certificate and once.

Gossip brings every claim several times, and the sender's duplicate filter stands before
this (`swim`); what passes that twice, by relay and by sync or after a restart, is known
from the cache of `Signatures`: keyed by a digest of key, message and proof, genuine
ones only, the least used first out, about 160 bytes each. A node's id being the hash of
its key, a digest of the key stands for the node.
"""

from enum import Enum, auto

from swarmnet.crypto.directory import Directory
from swarmnet.crypto.identity import Identity
from swarmnet.ids import NodeId


class Proof(Enum):
    """What a proof is found to be."""

    GENUINE = auto()
    FORGED = auto()
    """The node did not sign this."""
    UNKNOWN_SIGNER = auto()
    """No certificate of the node is known: ask for it, then verify again."""
    REVOKED_SIGNER = auto()
    """The node, or who issued its certificate, is no longer believed: do not ask."""


class Proofs:
    """Signs for one node, and verifies for all whose certificates it knows.

    The directory's cache is used, so what was verified there or here is known in both.
    """

    __slots__ = ("_directory", "_identity")

    def __init__(self, identity: Identity, directory: Directory) -> None:
        self._identity = identity
        self._directory = directory

    def sign(self, message: bytes) -> bytes:
        """Return our proof of `message`: 64 bytes. The domain stands in front of it."""
        return self._identity.sign(message)

    def verify(self, node: NodeId, message: bytes, proof: bytes) -> Proof:
        """Return whether `node` signed `message`; expiry does not count."""
        directory = self._directory
        if node == self._identity.node:
            # Our own certificate may not be there yet, and we know our key without it.
            signer: bytes | None = self._identity.signing_public
        else:
            signer = directory.signer(node)
        if signer is None:
            known = directory.past_signer(node) is not None
            return Proof.REVOKED_SIGNER if known else Proof.UNKNOWN_SIGNER
        if directory.trust.signatures.verify(signer, message, proof):
            return Proof.GENUINE
        return Proof.FORGED
