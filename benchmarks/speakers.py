"""Who probes in a flood: members of a real cluster, and of memberlist.

Each has one socket, so an address of its own, as a member on its own host has. `ping`
gives the next sealed probe, `take` says how many answers a packet held and what it
calls for. Neither does I/O.
"""

from collections.abc import Sequence
from itertools import count
from secrets import token_bytes
from typing import Final, Protocol

import msgpack
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from benchmarks.tables import Book
from swarmnet.crypto.certificate import Subject
from swarmnet.crypto.channel import Parcel
from swarmnet.crypto.channels import Channels
from swarmnet.crypto.settings import ChannelSettings
from swarmnet.crypto.switchboard import Received, Transmit
from swarmnet.ids import Address
from swarmnet.node.envelope import SWIM, wrap_swim
from swarmnet.runtime.standing import Standing
from swarmnet.swim.claim import SIGN_DOMAIN
from swarmnet.swim.codec import (
    claim_of,
    decode_frame_untrusted,
    encode_frame,
    encode_message,
    encode_own_body,
)
from swarmnet.swim.messages import Ack, Compare, Digest, Ping
from swarmnet.swim.outputs import State

Taken = tuple[int, Sequence[bytes]]
"""How many answers a packet held, and what is to be sent now."""
NONCE_BYTES: Final = 12
PATIENT: Final = ChannelSettings(unanswered_s=3600.0)
"""A node that is slow to answer is not to be asked for handshakes besides: how dear
those are is asked by `channels`."""


class Speaker(Protocol):
    """One who probes."""

    def greet(self, now: float) -> Sequence[bytes]:
        """Return what it sends before it is known."""

    def ping(self, now: float) -> Sequence[bytes]:
        """Return the next probe, sealed."""

    def take(self, now: float, data: bytes) -> Taken:
        """Take a packet."""


class Echo:
    """What the node last said of its own state; members that hold the same say so."""

    def __init__(self) -> None:
        self.digest = Digest(bytes(16), 0)
        self.rider = b""


class Member:
    """A member with its own key, certificate and session, that agrees with the node.

    It shows its claim until it is answered, answers the node's own probes, and hears
    news without passing it on. `home` is where its socket is.
    """

    def __init__(
        self,
        standing: Standing,
        node: Subject,
        home: tuple[Address, Address],
        echo: Echo,
    ) -> None:
        self._here, self._there = home
        self._peer = node.node
        self._echo = echo
        key = node.exchange_public
        book = Book(standing.chain.encoded, {node.node: key}, {key: node.node})
        identity = standing.identity
        keys, cluster = identity.exchange, standing.roots[0].cluster
        self._channels = Channels(keys, cluster, book, token_bytes, PATIENT)
        about = (self._here, b"")
        body = encode_own_body(identity.node, (1, 0), State.ALIVE, about)
        self._claim = claim_of(body, identity.sign(SIGN_DOMAIN + body)).item
        self._numbers = count(1)
        self._waited_for: dict[int, None] = {}

    def greet(self, now: float) -> Sequence[bytes]:
        """Return a probe with the member's claim, or what a handshake wants."""
        self._channels.handle_timeout(now)
        return self._send(now, (self._claim, self._probe()))

    def ping(self, now: float) -> Sequence[bytes]:
        return self._send(now, (self._probe(),))

    def take(self, now: float, data: bytes) -> Taken:
        channels, answers, frames = self._channels, 0, []
        channels.receive_datagram(now, self._there, data)
        out: list[bytes] = []
        while (output := channels.poll_output()) is not None:
            if isinstance(output, Transmit):
                out.append(output.data)
            elif isinstance(output, Received) and output.data[:1] == SWIM:
                frames.append(output.data[1:])
        for frame in frames:
            for message in decode_frame_untrusted(frame).messages:
                if isinstance(message, Ack):
                    known = self._waited_for.pop(message.sequence, self) is None
                    answers += known
                elif isinstance(message, Ping):
                    self._echo.digest, self._echo.rider = message.digest, message.rider
                    out += self._send(now, (encode_message(Ack(message.sequence)),))
                elif isinstance(message, Compare):
                    self._echo.digest = message.digest
        if channels.flush(now):
            out += self._collect()
        return answers, out

    def _probe(self) -> bytes:
        number = next(self._numbers)
        self._waited_for[number] = None
        return encode_message(Ping(number, self._echo.digest, self._echo.rider))

    def _send(self, now: float, items: Sequence[bytes]) -> list[bytes]:
        data = wrap_swim(encode_frame(items))
        parcel = Parcel(data, self._there, streamed=False, replayable=True, since=now)
        self._channels.send(now, self._peer, parcel)
        return self._collect()

    def _collect(self) -> list[bytes]:
        """Return what is to be sent; nothing else was handed up."""
        out = []
        while (output := self._channels.poll_output()) is not None:
            assert isinstance(output, Transmit), output
            out.append(output.data)
        return out


class Prober:
    """A member of memberlist's that probes a node of a name.

    Its packets are those of version 1: a fresh nonce, AES-GCM, a message's number and
    a map in msgpack, no checksum (a node adds one for who it knows) and no compression
    (which a node tries, and leaves where it does not shorten).
    """

    def __init__(self, key: bytes, node: str, here: Address) -> None:
        self._aead = AESGCM(key)
        self._packer = msgpack.Packer(use_bin_type=False)
        self._fields = {
            "Node": node,
            "SourceAddr": here.host,
            "SourcePort": here.port,
            "SourceNode": f"n{here.port}",
        }
        self._numbers = count(1)
        self._waited_for: dict[int, None] = {}

    def greet(self, now: float) -> Sequence[bytes]:
        """Return a probe: whoever has the key is a member."""
        return self.ping(now)

    def ping(self, now: float) -> Sequence[bytes]:
        del now
        number = next(self._numbers)
        self._waited_for[number] = None
        message = b"\0" + self._packer.pack({"SeqNo": number, **self._fields})
        nonce = token_bytes(NONCE_BYTES)
        return (b"\x01" + nonce + self._aead.encrypt(nonce, message, None),)

    def take(self, now: float, data: bytes) -> Taken:
        del now
        try:
            plain = self._aead.decrypt(data[1:13], data[13:], None)
        except InvalidTag:
            return 0, ()
        if plain[:1] != b"\x02":
            return 0, ()
        number = msgpack.unpackb(plain[1:], raw=True)[b"SeqNo"]
        return int(self._waited_for.pop(number, self) is None), ()
