"""A node is its key: the two key pairs of one node, its id, and its signatures.

An Ed25519 key signs and an X25519 key opens channels; they are independent, so that a
flaw in the use of one says nothing of the other. The node's id is a hash of the first:
it needs nobody to allot it, nobody else can have it, and it never changes. RFC 8032
leaves open what a key of low order signs; here it signs nothing, for under such a key
one signature can hold for any message, and its owner could deny what he said.
"""

from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from swarmnet.crypto.primitives import KeyPair
from swarmnet.errors import Refused
from swarmnet.ids import NODE_ID_BYTES, NodeId

RandomBytes = Callable[[int], bytes]

KEY_BYTES: Final = 32
"""Each of a node's keys, private and public."""
SIGNATURE_BYTES: Final = 64
SIGNATURES_MAX: Final = 8192
"""Signatures remembered by default: 1.3 MiB."""

_NODE_PERSON: Final = b"swarmnet node"
_PRIME: Final = 2**255 - 19
_Y_MASK: Final = 2**255 - 1
_LOW_ORDER_Y: Final = frozenset(
    (
        *(0, 1, _PRIME - 1, _PRIME, _PRIME + 1),
        2707385501144840649318225287225658788936804267575313519463743609750303402022,
        55188659117513257062467267217118295137698188065244968500265048394206261417927,
    )
)
"""The y of the eight points of low order of edwards25519, in every encoding that a
reader may take for one; the last two are of order 8."""


def node_id_of(signing_public: bytes) -> NodeId:
    """Return the id of the node whose Ed25519 public key this is."""
    digest = blake2b(signing_public, digest_size=NODE_ID_BYTES, person=_NODE_PERSON)
    return NodeId(digest.digest())


def is_signing_key(public: bytes) -> bool:
    """Return whether `public` may be someone's Ed25519 key: 32 bytes, no low order."""
    if len(public) != KEY_BYTES:
        return False
    return int.from_bytes(public, "little") & _Y_MASK not in _LOW_ORDER_Y


def verify_signature(public: bytes, message: bytes, signature: bytes) -> bool:
    """Return whether the holder of `public` signed `message`; never raises."""
    if not is_signing_key(public) or len(signature) != SIGNATURE_BYTES:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


class SigningKey:
    """An Ed25519 private key, parsed once: a node's, or a cluster's root."""

    __slots__ = ("_key", "private", "public")

    def __init__(self, private: bytes) -> None:
        """Take the raw key.

        Raises:
            Refused: not 32 bytes.
        """
        if len(private) != KEY_BYTES:
            raise Refused(
                f"signing key of {len(private)} bytes, want {KEY_BYTES}: "
                "give the raw Ed25519 key"
            )
        self._key = Ed25519PrivateKey.from_private_bytes(private)
        self.private = private
        self.public = self._key.public_key().public_bytes_raw()

    def __repr__(self) -> str:
        return f"SigningKey(public={self.public.hex()})"

    def sign(self, message: bytes) -> bytes:
        """Return the 64 bytes that prove who said `message`.

        `message` begins with a domain of its own, which ends in a zero byte: so a
        signature made for one purpose never serves another.
        """
        return self._key.sign(message)


class Identity:
    """Who one node is. The private keys leave it only by name, never by `repr`."""

    __slots__ = ("_signing", "exchange", "exchange_private", "node")

    def __init__(self, signing_private: bytes, exchange_private: bytes) -> None:
        """Take the raw keys: Ed25519, and X25519.

        Raises:
            Refused: one has not 32 bytes.
        """
        self._signing = SigningKey(signing_private)
        self.exchange: Final = KeyPair.from_private_bytes(exchange_private)
        self.exchange_private: Final = exchange_private
        self.node: Final = node_id_of(self._signing.public)

    @classmethod
    def generate(cls, random_bytes: RandomBytes) -> "Identity":
        """Return a new node, of 64 random bytes."""
        signing_private = random_bytes(KEY_BYTES)
        return cls(signing_private, random_bytes(KEY_BYTES))

    def __repr__(self) -> str:
        return f"Identity(node={self.node.hex()})"

    @property
    def signing_private(self) -> bytes:
        return self._signing.private

    @property
    def signing_public(self) -> bytes:
        return self._signing.public

    @property
    def exchange_public(self) -> bytes:
        return self.exchange.public

    def sign(self, message: bytes) -> bytes:
        """Return this node's signature, as `SigningKey.sign` does."""
        return self._signing.sign(message)


class Signatures:
    """Signatures found genuine lately: none is verified twice.

    Verifying takes some 150 us, finding one here 2. What is remembered is a digest of
    key, message and signature, about 160 bytes of memory, and of genuine ones only:
    so no flood of forgeries can displace them. At most `most`; the one unused for
    longest goes first. Nothing in it is a secret or depends on whom it serves, so the
    nodes of a simulation may share one.
    """

    __slots__ = ("_genuine", "_most")

    def __init__(self, most: int = SIGNATURES_MAX) -> None:
        self._genuine: OrderedDict[bytes, None] = OrderedDict()
        self._most = most

    def __len__(self) -> int:
        return len(self._genuine)

    def verify(self, public: bytes, message: bytes, signature: bytes) -> bool:
        """Return what `verify_signature` would."""
        if len(public) != KEY_BYTES or len(signature) != SIGNATURE_BYTES:
            return False
        # The lengths being fixed, no two triples give the same bytes.
        digest = blake2b(public + signature + message, digest_size=32).digest()
        genuine = self._genuine
        if digest in genuine:
            genuine.move_to_end(digest)
            return True
        if not verify_signature(public, message, signature):
            return False
        genuine[digest] = None
        if len(genuine) > self._most:
            genuine.popitem(last=False)
        return True
