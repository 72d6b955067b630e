"""Cookies: under load, whoever begins a handshake must show that he can hear us.

WireGuard, sections 5.3 and 5.4.7. A first packet under load is answered by a cookie: a
keyed hash of where the packet came from, under a secret that changes every two minutes.
Who wants to be heard repeats his packet with `mac2` keyed by it. So a flood from
made-up addresses costs a hash each and no key exchange, and an honest peer one round
trip more.
The cookie is sealed for the very packet that it answers: who did not see that packet
can neither read nor forge it.
"""

from collections.abc import Callable
from hashlib import blake2s
from hmac import compare_digest
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from swarmnet.crypto.packets import (
    COOKIE_NONCE_BYTES,
    First,
    encode_cookie,
    mac,
)
from swarmnet.ids import Address

RandomBytes = Callable[[int], bytes]

SECRET_LIFE_S: Final = 120.0
_SECRET_BYTES: Final = 32
_COOKIE_BYTES: Final = 16
_ZERO: Final = bytes(12)
_LABEL: Final = b"swarmcky"


def _sealing_key(public_label: bytes, nonce: bytes) -> ChaCha20Poly1305:
    """Return the cipher of one cookie; the nonce makes its key, used once."""
    return ChaCha20Poly1305(blake2s(nonce, key=public_label, person=_LABEL).digest())


def open_cookie(
    public_label: bytes, nonce: bytes, sealed: bytes, mac1: bytes
) -> bytes | None:
    """Return the cookie that answers the packet with that `mac1`, or None.

    `public_label` is the answerer's mac key, which everyone derives who knows him.
    """
    try:
        return _sealing_key(public_label, nonce).decrypt(_ZERO, sealed, mac1)
    except InvalidTag:
        return None


class CookieJar:
    """The answering side: makes cookies and knows them again, and stores none."""

    __slots__ = ("_former", "_random_bytes", "_secret", "_since")

    def __init__(self, random_bytes: RandomBytes) -> None:
        self._random_bytes = random_bytes
        self._secret = b""
        self._former = b""
        self._since = float("-inf")

    def bake(
        self, now: float, first: First, source: Address, public_label: bytes
    ) -> bytes:
        """Return the COOKIE packet that answers `first`, which came from `source`."""
        self._rotate(now)
        nonce = self._random_bytes(COOKIE_NONCE_BYTES)
        cookie = _cookie(self._secret, source)
        cipher = _sealing_key(public_label, nonce)
        sealed = cipher.encrypt(_ZERO, cookie, first.mac1)
        return encode_cookie(first.sender, nonce, sealed)

    def is_shown(self, now: float, first: First, source: Address) -> bool:
        """Return whether `first` carries a cookie that `source` was given lately."""
        self._rotate(now)
        return any(
            compare_digest(
                mac(_cookie(secret, source), first.checked_twice), first.mac2
            )
            for secret in (self._secret, self._former)
            if secret
        )

    def _rotate(self, now: float) -> None:
        age_s = now - self._since
        if age_s < SECRET_LIFE_S:
            return
        # Who stayed away for two lives of a secret shows an old cookie in vain.
        self._former = self._secret if age_s < 2 * SECRET_LIFE_S else b""
        self._secret = self._random_bytes(_SECRET_BYTES)
        self._since = now


def _cookie(secret: bytes, source: Address) -> bytes:
    return blake2s(source.pack(), key=secret, digest_size=_COOKIE_BYTES).digest()
