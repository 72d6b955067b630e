"""One set of keys: what is sealed and opened under it, each packet once.

A session is what a Noise handshake ends in (revision 34, section 5.3, "Split"). Each
way has a key and a 64-bit counter, which is the nonce and travels in clear. Streams
have keys of their own, derived from those, for what goes by stream may come much later
than datagrams that were sealed after it, and would fall out of their window.
"""

from collections.abc import Callable
from hashlib import blake2s
from struct import Struct
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from swarmnet.crypto.handshake import HandshakeState
from swarmnet.crypto.packets import (
    TRANSPORT_HEAD,
    TRANSPORT_OVERHEAD_BYTES,
)
from swarmnet.crypto.window import ReplayWindow
from swarmnet.errors import BadPacket

_HEAD_BYTES: Final = 16
_NONCE: Final = Struct(">4xQ")
_NONCE_HEAD: Final = bytes(4)
_number: Final = int.from_bytes
_HEADER: Final = Struct(">4sIQ")
_LABEL: Final = b"swarmstr"
Cipher = Callable[[bytes, bytes, None], bytes]
"""AES-GCM under one key: of a nonce of 12 bytes, the data, and no further data."""


class Way:
    """The keys of both directions of one transport, with the counters of each.

    What is opened is a whole transport packet (`TRANSPORT_OVERHEAD_BYTES` at least).

    A cipher is made when it is first used: OpenSSL's takes 2.5 KiB, and many sessions
    are used in one direction or on one transport alone.
    """

    __slots__ = ("_decrypt", "_encrypt", "_keys", "_remote", "_window", "sent")

    def __init__(self, send_key: bytes, receive_key: bytes, remote: int) -> None:
        self._keys = (send_key, receive_key)
        self._encrypt: Cipher = self._make_encrypt
        self._decrypt: Cipher = self._make_decrypt
        self._remote = remote
        self._window = ReplayWindow()
        self.sent = 0

    def _make_encrypt(self, nonce: bytes, data: bytes, ad: None) -> bytes:
        self._encrypt = AESGCM(self._keys[0]).encrypt
        return self._encrypt(nonce, data, ad)

    def _make_decrypt(self, nonce: bytes, data: bytes, ad: None) -> bytes:
        self._decrypt = AESGCM(self._keys[1]).decrypt
        return self._decrypt(nonce, data, ad)

    def seal(self, plaintext: bytes) -> bytes:
        counter = self.sent
        self.sent = counter + 1
        return _HEADER.pack(TRANSPORT_HEAD, self._remote, counter) + self._encrypt(
            _NONCE.pack(counter), plaintext, None
        )

    def open(self, data: bytes) -> bytes | None:
        packed = data[8:16]
        counter = _number(packed, "big")
        window = self._window
        # As a rule it is the next, which spares a call.
        if counter != window.top + 1 and not window.is_new(counter):
            return None
        try:
            plaintext = self._decrypt(_NONCE_HEAD + packed, data[16:], None)
        except InvalidTag:
            return None
        window.note(counter)
        return plaintext

    def is_copy(self, data: bytes, last: int) -> bool:
        """Return whether that was opened before, as one of the `last` greatest."""
        packed = data[8:16]
        counter = _number(packed, "big")
        window = self._window
        if counter + last <= window.top or window.is_new(counter):
            return False
        try:
            self._decrypt(_NONCE_HEAD + packed, data[16:], None)
        except InvalidTag:
            return False
        return True

    @property
    def newest(self) -> int:
        """The greatest counter opened so far; -1 for none."""
        return self._window.top


class Session:
    """Both directions between us and one peer, under one set of keys.

    `local` is the index by which the peer names this session, `remote` the one by
    which we do. `began` is when the handshake ended here, on the engine's clock.
    `is_initiator` is whether that handshake was ours. `serial` counts the sessions of
    one switchboard in the order in which they were made there; `heard_at` is how many
    there had been when the peer was first heard under this one, 0 for never.
    `datagrams` are the keys of what goes by datagram.
    """

    __slots__ = (
        "_keys",
        "_streams",
        "began",
        "datagrams",
        "heard_at",
        "is_initiator",
        "local",
        "remote",
        "serial",
    )

    def __init__(
        self,
        keys: tuple[bytes, bytes],
        local: int,
        remote: int,
        began: float,
        *,
        initiated: bool,
    ) -> None:
        self.local = local
        self.remote = remote
        self.began = began
        self.is_initiator = initiated
        self.serial = 0
        self.heard_at = 0
        self._keys = keys
        self.datagrams = Way(*keys, remote)
        self._streams: Way | None = None

    @property
    def sent(self) -> int:
        """How many packets were sealed, on datagrams and on streams together."""
        streamed = 0 if self._streams is None else self._streams.sent
        return self.datagrams.sent + streamed

    def seal(self, plaintext: bytes, *, streamed: bool = False) -> bytes:
        """Return the transport packet that carries `plaintext`, 32 bytes longer."""
        if not streamed:
            return self.datagrams.seal(plaintext)
        self._streams = self._stream_way()
        return self._streams.seal(plaintext)

    def open(self, data: bytes, *, streamed: bool = False) -> bytes | None:
        """Return what a transport packet carries, or None.

        None means that it is forged, was opened before, or is older than the window;
        then nothing has changed.

        Raises:
            BadPacket: it is too short to be one.
        """
        if len(data) < TRANSPORT_OVERHEAD_BYTES:
            raise BadPacket(f"transport packet of {len(data)} bytes")
        return self.open_streamed(data) if streamed else self.datagrams.open(data)

    def open_streamed(self, data: bytes) -> bytes | None:
        """Return what a transport packet carries that came by stream, or None.

        It has been found to be long enough; otherwise as `open`.
        """
        way = self._stream_way()
        plaintext = way.open(data)
        if plaintext is not None:
            # Only what is authentic may take memory.
            self._streams = way
        return plaintext

    def is_copy(self, data: bytes, last: int) -> bool:
        """Return whether a datagram is the copy of one of the `last` that were opened.

        Raises:
            BadPacket: it is too short to be one.
        """
        if len(data) < TRANSPORT_OVERHEAD_BYTES:
            raise BadPacket(f"transport packet of {len(data)} bytes")
        return self.datagrams.is_copy(data, last)

    def sent_lately(self, counter: int, last: int) -> bool:
        """Return whether `counter` is among the `last` that were sealed."""
        ways = (
            [self.datagrams]
            if self._streams is None
            else [
                self.datagrams,
                self._streams,
            ]
        )
        return any(way.sent - last <= counter < way.sent for way in ways)

    def _stream_way(self) -> Way:
        """Return the keys of streams, made if they are not kept."""
        if self._streams is not None:
            return self._streams
        send, receive = (blake2s(key=key, person=_LABEL).digest() for key in self._keys)
        return Way(send, receive, self.remote)


def session_of(
    handshake: HandshakeState, local: int, remote: int, now: float, *, initiated: bool
) -> Session:
    """Return the session that a finished handshake ends in."""
    send, receive = handshake.split()
    return Session((send.key, receive.key), local, remote, now, initiated=initiated)


assert _HEADER.size == _HEAD_BYTES == TRANSPORT_OVERHEAD_BYTES // 2
