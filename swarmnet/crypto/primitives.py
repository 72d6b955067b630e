"""The functions that Noise is built of: DH 25519, two ciphers, two hashes.

The Noise Protocol Framework, revision 34 (https://noiseprotocol.org/noise.html),
sections 4 and 12. Each is a value, looked up by its name in a protocol name. What is
refused here: keys of another length, and public keys whose DH output is zero whatever
the private key.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2s, sha256
from struct import Struct
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import (
    X25519PrivateKey,
    X25519PublicKey,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from swarmnet.errors import BadPacket, Refused

DH_BYTES: Final = 32
"""DHLEN of 25519 (12.1): a public key, a private key and a DH output."""
KEY_BYTES: Final = 32
"""A cipher key (4.2)."""
TAG_BYTES: Final = 16
"""What a cipher adds to its plaintext (4.2)."""
HASH_BYTES: Final = 32
"""HASHLEN of both hashes (12.5, 12.7)."""
BLOCK_BYTES: Final = 64
"""BLOCKLEN of both hashes."""

Aead = ChaCha20Poly1305 | AESGCM
"""A cipher under one key; `encrypt` and `decrypt` take a nonce of 12 bytes."""

_PRIME: Final = 2**255 - 19
_U_MASK: Final = 2**255 - 1
"""RFC 7748, section 5: the top bit of a u-coordinate is ignored."""
_LOW_ORDER: Final = frozenset(
    (
        0,
        1,
        _PRIME - 1,
        325606250916557431795983626356110631294008115727848805560023387167927233504,
        39382357235489614581723060781553021112529911719440698176882885853963445705823,
    )
)
"""Modulo the prime: u-coordinates of points of order 1, 2, 4 and 8 on the curve and on
its twist, https://cr.yp.to/ecdh.html#validate. Each private key is a multiple of 8."""

_INNER_PAD: Final = bytes(byte ^ 0x36 for byte in range(256))
_OUTER_PAD: Final = bytes(byte ^ 0x5C for byte in range(256))
"""Translation tables: a key XORed with a pad is a key translated by its table."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A private key of 25519, parsed, and its public key of 32 bytes.

    A node parses its static key once, since that costs as much as a DH. Equal are
    pairs with one public key.
    """

    private: X25519PrivateKey = field(repr=False, compare=False)
    public: bytes

    @classmethod
    def from_private_bytes(cls, private: bytes) -> "KeyPair":
        """Return the pair of a private key of exactly 32 bytes.

        Raises:
            Refused: of another length.
        """
        if len(private) != DH_BYTES:
            raise Refused(
                f"private key of {len(private)} bytes, want {DH_BYTES}: "
                "give the raw X25519 key"
            )
        parsed = X25519PrivateKey.from_private_bytes(private)
        return cls(parsed, parsed.public_key().public_bytes_raw())


@dataclass(frozen=True, slots=True)
class PublicKey:
    """Another's public key, as it came and parsed; not of low order."""

    parsed: X25519PublicKey = field(repr=False, compare=False)
    raw: bytes


def parse_public_untrusted(data: bytes) -> PublicKey:
    """Read a public key of 25519.

    Section 12.1 allows to refuse a point of low order and advises against it. The
    library refuses the DH in any case; but that may come with the next message only,
    when the false key can no longer be exchanged for the right one. So it is here.

    Raises:
        BadPacket: not 32 bytes, or a point of low order.
    """
    if len(data) != DH_BYTES:
        raise BadPacket(f"public key of {len(data)} bytes, want {DH_BYTES}")
    if (int.from_bytes(data, "little") & _U_MASK) % _PRIME in _LOW_ORDER:
        raise BadPacket(f"public key of low order: {data.hex()}")
    return PublicKey(X25519PublicKey.from_public_bytes(data), data)


def dh(pair: KeyPair, public: PublicKey) -> bytes:
    """Return DH(pair, public) of section 12.1: X25519, 32 bytes.

    Raises:
        BadPacket: the output is zero, `public` being of low order.
    """
    try:
        return pair.private.exchange(public.parsed)
    except ValueError:
        raise BadPacket(f"DH output of zero: {public.raw.hex()}") from None


@dataclass(frozen=True, slots=True)
class Cipher:
    """A cipher of section 12: a name, how it takes a key and how it writes a nonce.

    `aead` takes a key of 32 bytes. `nonce` takes a counter from 0 to 2^64-1; one out
    of these bounds is an error and never wraps.
    """

    name: str
    aead: Callable[[bytes], Aead]
    nonce: Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Hash:
    """A hash of section 12, and HMAC and HKDF over it.

    HASHLEN is 32 and BLOCKLEN 64.
    """

    name: str
    digest: Callable[[bytes], bytes]

    def hmac(self, key: bytes, data: bytes) -> bytes:
        """Return HMAC-HASH(key, data) of section 4.3 and RFC 2104: 32 bytes.

        Two plain hashes, for an object of the `hmac` module costs more than they do.
        """
        digest = self.digest
        if len(key) > BLOCK_BYTES:
            key = digest(key)
        block = key.ljust(BLOCK_BYTES, b"\0")
        inner = digest(block.translate(_INNER_PAD) + data)
        return digest(block.translate(_OUTER_PAD) + inner)

    def hkdf(self, chaining_key: bytes, material: bytes) -> tuple[bytes, bytes]:
        """Return HKDF(chaining_key, input_key_material, 2) of section 4.3.

        RFC 5869 with the chaining key as salt, no info, and 32 bytes twice. No pattern
        of ours asks for three outputs.
        """
        temp_key = self.hmac(chaining_key, material)
        digest = self.digest
        # Both outputs have one key, whose pads are made once.
        block = temp_key.ljust(BLOCK_BYTES, b"\0")
        inner_pad = block.translate(_INNER_PAD)
        outer_pad = block.translate(_OUTER_PAD)
        first = digest(outer_pad + digest(inner_pad + b"\x01"))
        second = digest(outer_pad + digest(inner_pad + first + b"\x02"))
        return first, second


def _blake2s(data: bytes) -> bytes:
    return blake2s(data).digest()


def _sha256(data: bytes) -> bytes:
    return sha256(data).digest()


# 12.3: "The 96-bit nonce is formed by encoding 32 bits of zeros followed by
# little-endian encoding of n." 12.4: the same with "big-endian encoding of n."
CHACHAPOLY: Final = Cipher("ChaChaPoly", ChaCha20Poly1305, Struct("<4xQ").pack)
AES_GCM: Final = Cipher("AESGCM", AESGCM, Struct(">4xQ").pack)
BLAKE2S: Final = Hash("BLAKE2s", _blake2s)
SHA256: Final = Hash("SHA256", _sha256)

CIPHERS: Final = {cipher.name: cipher for cipher in (CHACHAPOLY, AES_GCM)}
HASHES: Final = {hash_.name: hash_ for hash_ in (BLAKE2S, SHA256)}
