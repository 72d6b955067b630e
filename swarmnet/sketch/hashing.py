"""How an item becomes a number: keyed hashes, the checksum and the set digest.

One keyed blake2b per item serves everything: all 128 bits go into the digest, the low
64 bits are the element that sketches and ranges carry. Without the key nobody can
predict an element, so an outsider cannot grind items that collide. A member knows the
key; what he grinds can hide only differences from the sketch, never from
`swarmnet.sketch.ranges`, whose fingerprints take a key drawn when they are asked for.
"""

from hashlib import blake2b
from typing import Final

from swarmnet.ids import U64_MAX

ITEM_HASH_BYTES: Final = 16
KEY_BYTES_MAX: Final = 64
_U128_MAX: Final = 2**128 - 1
_PERSON: Final = b"swarmnet.sketch"


def hash_item(key: bytes, content: bytes) -> int:
    """Hash one item to 128 bits, to be added to a `Digest` or cut to an element.

    `key` is 0 to 64 bytes (blake2b's bound, RFC 7693) and the same for all members.
    """
    assert len(key) <= KEY_BYTES_MAX, f"key of {len(key)} bytes, at most 64"
    digest = blake2b(content, digest_size=ITEM_HASH_BYTES, key=key, person=_PERSON)
    return int.from_bytes(digest.digest(), "big")


def element_of(item_hash: int) -> int:
    """Return the 64-bit element that stands for an item in sketches and ranges."""
    return item_hash & U64_MAX


def element(key: bytes, content: bytes) -> int:
    """Return the element of one item, for callers that keep no digest."""
    return element_of(hash_item(key, content))


def checksum(element: int) -> int:
    """Return the 32 bits by which a cell with one element knows itself.

    The mix (the finalizer of MurmurHash3) is public and has no key of its own: the
    element is already a keyed hash, so whoever lacks the key knows neither, and whoever
    has the key would know that of the checksum too. It must only be far from linear
    over XOR, or sums of elements would pass for elements.
    """
    # 32 bits suffice. A cell is tested at most once per change; with 2,048 cells that
    # is some 2^15 tests, so a sum passes for an element once in 2^17 decodings, and
    # then it must also map to that cell and leave every other cell at zero.
    mixed = element ^ (element >> 33)
    mixed = mixed * 0xFF51AFD7ED558CCD & U64_MAX
    mixed ^= mixed >> 33
    mixed = mixed * 0xC4CEB9FE1A85EC53 & U64_MAX
    return mixed >> 32


class Digest:
    """16 bytes that two sets share exactly when they hold the same items.

    Order does not matter; an item costs one addition to add or remove. The sum is taken
    modulo 2^128 over `hash_item` (AdHash: Bellare and Micciancio 1997).
    """

    # Why not XOR: it is linear over bits, so a member who knows the key finds among
    # 129 items of his own a subset with XOR zero by elimination, and an item applied
    # twice would vanish. Against addition he needs a generalized birthday search
    # (Wagner 2002) over thousands of items of his own. That is dearer, not impossible;
    # all it could buy is that his own items are repaired late.

    __slots__ = ("_total",)

    def __init__(self) -> None:
        self._total = 0

    def add(self, item_hash: int) -> None:
        """Count an item in; the caller sees to it that each is counted once."""
        self._total = self._total + item_hash & _U128_MAX

    def remove(self, item_hash: int) -> None:
        """Count out an item that was added."""
        self._total = self._total - item_hash & _U128_MAX

    def copy(self) -> "Digest":
        """Return a digest that from now on goes its own way."""
        twin = Digest()
        twin._total = self._total
        return twin

    @property
    def bytes16(self) -> bytes:
        """The digest as it rides on a probe; 16 zero bytes for the empty set."""
        return self._total.to_bytes(ITEM_HASH_BYTES, "big")
