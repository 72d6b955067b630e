"""A claim: one signed sentence about one member.

There are two kinds. A member speaks of itself: it is alive, at this address and with
this metadata, or it has left. Anyone may accuse: `author` suspects `subject`, whose
claim of (boot epoch, incarnation) it had seen. An accusation carries no evidence of a
higher incarnation than the subject itself has signed, and moves nobody's.
"""

from dataclasses import dataclass
from typing import Final

from swarmnet.ids import Address, NodeId
from swarmnet.swim.outputs import State

SIGN_DOMAIN: Final = b"swarmnet swim claim 1\0"
"""Stands before a claim's body when it is signed, so that a signature made here can
never pass for one made elsewhere."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim as it was signed; claims are equal whose `identity` is.

    `state` is ALIVE or LEFT for a member's own claim (`author` is `subject`), SUSPECT
    for an accusation. `body` is what was signed, fields unknown to us included, and
    the only part that decides anything; `proof` is the signature, opaque here; `item`
    is both as they stand in a datagram. `address` is None and `meta` empty in an
    accusation.

    `identity` is what a claim is hashed and compared by: the body of an own claim; of
    an accusation only whom it accuses of which version, and by whom, since restating
    it in other bytes says nothing new.
    """

    subject: NodeId
    boot_epoch: int
    incarnation: int
    state: State
    author: NodeId
    address: Address | None
    meta: bytes
    identity: bytes
    body: bytes
    proof: bytes
    item: bytes

    @property
    def version(self) -> tuple[int, int]:
        """The subject's (boot epoch, incarnation) that this claim speaks of."""
        return (self.boot_epoch, self.incarnation)

    @property
    def precedence(self) -> tuple[int, int, State, bytes]:
        """Total order over all claims of one subject; the greater one holds.

        SWIM section 4.2 with LEFT on top, a boot epoch before the incarnation, and
        the bytes themselves as the last word, so that two claims of one version with
        different content cannot stand side by side.
        """
        return (self.boot_epoch, self.incarnation, self.state, self.identity)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return isinstance(other, Claim) and self.identity == other.identity

    def __hash__(self) -> int:
        return hash(self.identity)
