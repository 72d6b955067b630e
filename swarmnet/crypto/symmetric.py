"""The symmetric half of Noise: a key that counts, and a transcript that makes keys.

The Noise Protocol Framework, revision 34, sections 5.1, 5.2 and 11.3, in its own names.
One key never seals two messages under one counter: the counter has a last value and
does not wrap, and a message that cannot be opened does not move it.
"""

from typing import Final

from cryptography.exceptions import InvalidTag

from swarmnet.crypto.primitives import (
    HASH_BYTES,
    KEY_BYTES,
    TAG_BYTES,
    Aead,
    Cipher,
    Hash,
)
from swarmnet.errors import BadPacket, Refused

MESSAGE_BYTES_MAX: Final = 65535
"""Section 3: "All Noise messages are less than or equal to 65535 bytes in length." """
PLAINTEXT_BYTES_MAX: Final = MESSAGE_BYTES_MAX - TAG_BYTES
COUNTER_MAX: Final = 2**64 - 1
"""Section 5.1: "The maximum n value (2^64-1) is reserved for other use." So it is also
how many messages one key may seal."""


class CipherState:
    """A cipher, its key, and a counter of the messages under that key (5.1).

    Without a key, what is encrypted or decrypted passes as it is. `key` is None then,
    else 32 bytes; `counter` is the spec's n, 0 to 2^64-1.
    """

    __slots__ = ("_aead", "_cipher", "counter", "key")

    def __init__(self, cipher: Cipher, key: bytes | None = None) -> None:
        self._cipher = cipher
        self.initialize_key(key)

    def initialize_key(self, key: bytes | None) -> None:
        """Take a key of 32 bytes, or none, and count from 0."""
        assert key is None or len(key) == KEY_BYTES, "a key has 32 bytes"
        self.key = key
        self.counter = 0
        self._aead: Aead | None = None if key is None else self._cipher.aead(key)

    def has_key(self) -> bool:
        """Say whether `encrypt_with_ad` encrypts."""
        return self.key is not None

    def encrypt_with_ad(self, ad: bytes, plaintext: bytes) -> bytes:
        """Return ENCRYPT(k, n++, ad, plaintext), 16 bytes longer than `plaintext`.

        Raises:
            Refused: the key has sealed all that it may; nothing has changed.
        """
        if self._aead is None:
            return plaintext
        if self.counter >= COUNTER_MAX:
            raise Refused(
                f"message {self.counter} under one key, the last is "
                f"{COUNTER_MAX - 1}: make a new handshake"
            )
        nonce = self._cipher.nonce(self.counter)
        ciphertext = self._aead.encrypt(nonce, plaintext, ad)
        self.counter += 1
        return ciphertext

    def decrypt_with_ad(self, ad: bytes, ciphertext: bytes) -> bytes:
        """Return DECRYPT(k, n++, ad, ciphertext).

        Raises:
            BadPacket: not sealed so, or beyond the last counter. "If an authentication
                failure occurs in DECRYPT() then n is not incremented."
        """
        if self._aead is None:
            return ciphertext
        if self.counter >= COUNTER_MAX:
            raise BadPacket(f"message {self.counter} under one key")
        nonce = self._cipher.nonce(self.counter)
        try:
            plaintext = self._aead.decrypt(nonce, ciphertext, ad)
        except InvalidTag:
            raise BadPacket(f"{len(ciphertext)} bytes that do not open") from None
        self.counter += 1
        return plaintext

    def rekey(self) -> None:
        """Replace the key by REKEY(k); the counter goes on (4.2, 11.3).

        It must have a key.
        """
        assert self._aead is not None, "rekey without a key"
        # 4.2: "the first 32 bytes from ENCRYPT(k, maxnonce, zerolen, zeros)".
        nonce = self._cipher.nonce(COUNTER_MAX)
        key = self._aead.encrypt(nonce, bytes(KEY_BYTES), b"")[:KEY_BYTES]
        self.key = key
        self._aead = self._cipher.aead(key)

    def copy(self) -> "CipherState":
        """Return one that counts on by itself."""
        twin = CipherState.__new__(CipherState)
        twin._cipher = self._cipher
        twin._aead = self._aead
        twin.key = self.key
        twin.counter = self.counter
        return twin


class SymmetricState:
    """The transcript of a handshake and the keys drawn from it (5.2).

    `chaining_key` is the spec's ck and `handshake_hash` its h, 32 bytes each. A method
    that raises BadPacket has changed nothing.
    """

    __slots__ = ("_cipher", "_cipher_state", "_hash", "chaining_key", "handshake_hash")

    def __init__(self, protocol_name: bytes, cipher: Cipher, hash_: Hash) -> None:
        """Begin as InitializeSymmetric(protocol_name) does."""
        # 5.2: "If protocol_name is less than or equal to HASHLEN bytes in length, sets
        # h equal to protocol_name with zero bytes appended to make HASHLEN bytes.
        # Otherwise sets h = HASH(protocol_name)."
        if len(protocol_name) <= HASH_BYTES:
            self.handshake_hash = protocol_name.ljust(HASH_BYTES, b"\0")
        else:
            self.handshake_hash = hash_.digest(protocol_name)
        self.chaining_key = self.handshake_hash
        self._cipher = cipher
        self._hash = hash_
        self._cipher_state = CipherState(cipher)

    def has_key(self) -> bool:
        """Say whether `encrypt_and_hash` encrypts."""
        return self._cipher_state.key is not None

    def mix_key(self, material: bytes) -> None:
        """Set ck, temp_k = HKDF(ck, material, 2) and take temp_k as key."""
        self.chaining_key, temp_key = self._hash.hkdf(self.chaining_key, material)
        self._cipher_state.initialize_key(temp_key)

    def mix_hash(self, data: bytes) -> None:
        """Set h = HASH(h || data)."""
        self.handshake_hash = self._hash.digest(self.handshake_hash + data)

    def encrypt_and_hash(self, plaintext: bytes) -> bytes:
        """Return EncryptWithAd(h, plaintext), and mix it into h."""
        ciphertext = self._cipher_state.encrypt_with_ad(self.handshake_hash, plaintext)
        self.mix_hash(ciphertext)
        return ciphertext

    def decrypt_and_hash(self, ciphertext: bytes) -> bytes:
        """Return DecryptWithAd(h, ciphertext), and mix `ciphertext` into h.

        Raises:
            BadPacket: it does not open.
        """
        plaintext = self._cipher_state.decrypt_with_ad(self.handshake_hash, ciphertext)
        self.mix_hash(ciphertext)
        return plaintext

    def split(self) -> tuple[CipherState, CipherState]:
        """Return the ciphers from initiator to responder, and back."""
        first, second = self._hash.hkdf(self.chaining_key, b"")
        return CipherState(self._cipher, first), CipherState(self._cipher, second)

    def copy(self) -> "SymmetricState":
        """Return one that goes on by itself."""
        twin = SymmetricState.__new__(SymmetricState)
        twin._cipher = self._cipher
        twin._hash = self._hash
        twin._cipher_state = self._cipher_state.copy()
        twin.chaining_key = self.chaining_key
        twin.handshake_hash = self.handshake_hash
        return twin


class Transport:
    """One direction after a handshake: transport messages in their order (section 3).

    One side only encrypts with it, the other only decrypts.
    """

    __slots__ = ("_cipher_state",)

    def __init__(self, cipher_state: CipherState) -> None:
        assert cipher_state.has_key(), "transport without a key"
        self._cipher_state = cipher_state

    @property
    def key(self) -> bytes:
        """The 32 bytes for whoever counts by himself, as datagrams do (11.4).

        Counters taken so and those of `encrypt` must not meet: use one or the other.
        """
        key = self._cipher_state.key
        assert key is not None
        return key

    def encrypt(self, ad: bytes, plaintext: bytes) -> bytes:
        """Return the next message, 16 bytes longer than `plaintext`.

        Raises:
            Refused: above 65519 bytes, or the counter is at its end; nothing has
                changed.
        """
        if len(plaintext) > PLAINTEXT_BYTES_MAX:
            raise Refused(
                f"plaintext of {len(plaintext)} bytes, at most {PLAINTEXT_BYTES_MAX}: "
                "send it in parts"
            )
        return self._cipher_state.encrypt_with_ad(ad, plaintext)

    def decrypt(self, ad: bytes, ciphertext: bytes) -> bytes:
        """Return the plaintext of the next message.

        Raises:
            BadPacket: above 65535 bytes, not the next one, or not sealed by the other
                side with this `ad`. The right one can still be read.
        """
        if len(ciphertext) > MESSAGE_BYTES_MAX:
            raise BadPacket(f"message of {len(ciphertext)} bytes")
        return self._cipher_state.decrypt_with_ad(ad, ciphertext)

    def rekey(self) -> None:
        """Replace the key one-way; the other side must do so at the same message."""
        self._cipher_state.rekey()
