"""A root's private key at rest, sealed by a passphrase.

scrypt (RFC 7914) makes a key of the passphrase and AES-256-GCM seals with it; what
stands before the sealed bytes, the version and the cost of scrypt, is authenticated.

    sealed    [1, log2 n, r, p, salt, nonce, ciphertext]

The default cost is one of those that OWASP holds to be equal (2^15, 8, 3: 32 MiB and
some 0.3 s); the others take up to 128 MiB, which a small host may not have. When
unsealing, the stored cost is bounded, so that a file put in place of ours burns no more
than that. Both functions take long, and belong in a thread.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import scrypt
from typing import Final
from unicodedata import normalize

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from swarmnet.crypto.identity import KEY_BYTES, RandomBytes
from swarmnet.errors import BadPacket, Refused
from swarmnet.wire import array, blob, natural, pack, unpack_array_untrusted

VERSION: Final = 1
PASSPHRASE_BYTES_MAX: Final = 1024
SEALED_BYTES_MAX: Final = 256

_SALT_BYTES: Final = 16
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_DOMAIN: Final = b"swarmnet sealed key 1\0"


@dataclass(frozen=True, slots=True)
class Cost:
    """What one guess at the passphrase costs: 128 r 2^log2_n bytes, p times over.

    Raises:
        Refused: outside 10 to 17, 1 to 8 and 1 to 4: at most 128 MiB.
    """

    log2_n: int = 15
    r: int = 8
    p: int = 3

    def __post_init__(self) -> None:
        bounds = (("log2 n", self.log2_n, 10, 17), ("r", self.r, 1, 8))
        for name, value, least, most in (*bounds, ("p", self.p, 1, 4)):
            if not least <= value <= most:
                raise Refused(f"scrypt cost {name}={value}: want {least} to {most}")


@dataclass(frozen=True, slots=True)
class _Sealed:
    """A sealed key's parts."""

    cost: Cost
    salt: bytes
    nonce: bytes
    ciphertext: bytes


def seal(
    private: bytes,
    passphrase: str,
    random_bytes: RandomBytes,
    cost: Cost | None = None,
) -> bytes:
    """Return `private`, a key of 32 bytes, sealed; about 100 bytes.

    Raises:
        Refused: an empty passphrase, or one above `PASSPHRASE_BYTES_MAX`.
    """
    assert len(private) == KEY_BYTES, "a key has 32 bytes"
    cost = cost or Cost()
    salt = random_bytes(_SALT_BYTES)
    nonce = random_bytes(_NONCE_BYTES)
    cipher = _cipher(passphrase, salt, cost)
    ciphertext = cipher.encrypt(nonce, private, _authenticated(cost))
    return pack((*_header(cost), salt, nonce, ciphertext))


def unseal(sealed: bytes, passphrase: str) -> bytes:
    """Return the key that was sealed.

    Raises:
        Refused: the passphrase is wrong, or the bytes are not what `seal` returned.
    """
    try:
        parts = _decode_untrusted(sealed)
    except BadPacket as error:
        raise Refused(f"sealed key: damaged ({error}): restore the file") from None
    cipher = _cipher(passphrase, parts.salt, parts.cost)
    authenticated = _authenticated(parts.cost)
    try:
        return cipher.decrypt(parts.nonce, parts.ciphertext, authenticated)
    except InvalidTag:
        raise Refused(
            "sealed key: does not open: type the passphrase again, or restore the file"
        ) from None


def _header(cost: Cost) -> Sequence[int]:
    return (VERSION, cost.log2_n, cost.r, cost.p)


def _authenticated(cost: Cost) -> bytes:
    return _DOMAIN + pack(_header(cost))


def _cipher(passphrase: str, salt: bytes, cost: Cost) -> AESGCM:
    # Keyboards differ in how they compose an accented letter.
    secret = normalize("NFC", passphrase).encode("utf-8", "surrogatepass")
    if not 1 <= len(secret) <= PASSPHRASE_BYTES_MAX:
        raise Refused(
            f"passphrase of {len(secret)} bytes: want 1 to {PASSPHRASE_BYTES_MAX}"
        )
    n = 1 << cost.log2_n
    # OpenSSL counts the blocks of p and some change beside the large table.
    memory = 128 * cost.r * (n + cost.p + 2) + (1 << 16)
    key = scrypt(
        secret, salt=salt, n=n, r=cost.r, p=cost.p, maxmem=memory, dklen=KEY_BYTES
    )
    return AESGCM(key)


def _decode_untrusted(data: bytes) -> _Sealed:
    fields = array(unpack_array_untrusted(blob(data, SEALED_BYTES_MAX)), 7)
    if len(fields) != 7 or natural(fields[0]) != VERSION:
        raise BadPacket(f"{len(fields)} fields, want 7 of version {VERSION}")
    try:
        cost = Cost(*map(natural, fields[1:4]))
    except Refused as error:
        raise BadPacket(str(error)) from None
    length = KEY_BYTES + _TAG_BYTES
    return _Sealed(
        cost,
        salt=blob(fields[4], _SALT_BYTES, _SALT_BYTES),
        nonce=blob(fields[5], _NONCE_BYTES, _NONCE_BYTES),
        ciphertext=blob(fields[6], length, length),
    )
