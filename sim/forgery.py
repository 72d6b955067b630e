"""Packets of which none is a member's, made with all that is public.

The forger knows the cluster's id and everybody's certificate. So he makes a right mac1,
a true Noise message of a key that nobody certified, and cookies for handshakes that he
sees pass. What he has not is a certificate, nor anybody's private key.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import Final

from sim.pki import WALL_S
from sim.profiles.channeled import Outfit
from swarmnet.crypto.authority import Authority, RootKey
from swarmnet.crypto.certificate import Chain, Role, Subject, certify, chain
from swarmnet.crypto.cookies import CookieJar, open_cookie
from swarmnet.crypto.directory import Directory
from swarmnet.crypto.handover import Handover, unpack_handover_untrusted
from swarmnet.crypto.handshake import HandshakeState
from swarmnet.crypto.identity import Identity
from swarmnet.crypto.packets import (
    HEADS,
    MAC_BYTES,
    Kind,
    decode_answer_untrusted,
    decode_cookie_untrusted,
    decode_first_untrusted,
    decode_transport_head_untrusted,
    encode_answer,
    encode_first,
    encode_hint,
    kind_of,
    mac,
)
from swarmnet.crypto.settings import ChannelSettings
from swarmnet.crypto.switchboard import IK, XX, Switchboard
from swarmnet.crypto.trust import Trust
from swarmnet.errors import BadPacket
from swarmnet.ids import Address, NodeId

GARBAGE_BYTES_MAX: Final = 1300
_MACS_BYTES: Final = 2 * MAC_BYTES
_NO_MAC: Final = bytes(MAC_BYTES)
_REMEMBERED: Final = 1024
"""Handshakes of our own to which an answer is still understood."""
_TAIL_BYTES_MAX: Final = 64
_FLIPS_MAX: Final = 8


class Forger:
    """An outsider's workshop. `targets` are the exchange keys of all nodes."""

    def __init__(self, outfit: Outfit, nodes: int, random: Random) -> None:
        self._random = random
        self._identity = Identity.generate(random.randbytes)
        self._chains = _worthless(outfit, self._identity, random)
        self.board = Switchboard(
            keys=self._identity.exchange,
            cluster=outfit.pki.root.cluster,
            settings=ChannelSettings(),
            peers=_Nobody(),
            random_bytes=random.randbytes,
        )
        identities = [outfit.pki.identity(index) for index in range(nodes)]
        self._keys = {one.node: one.exchange_public for one in identities}
        self._jar = CookieJar(random.randbytes)
        self._begun: dict[int, tuple[HandshakeState, bytes]] = {}

    # Out of nothing.

    def garbage(self) -> bytes:
        """Return random bytes, half of the time with the head of a packet."""
        data = self._random.randbytes(self._random.randint(0, GARBAGE_BYTES_MAX))
        if self._random.random() < 0.5:
            data = HEADS[self._random.choice(list(Kind))] + data
        return data

    def initiation(self, target: NodeId, cookie: bytes = b"") -> bytes:
        """Return a handshake by a key that nobody certified, or by none at all.

        It introduces itself by nothing, or by certificates that are worth nothing here.
        """
        board = self.board
        index = board.free_index()
        handshake = board.handshake(
            IK, index, initiator=True, remote=self._keys[target]
        )
        shown = self._random.choice((b"", *self._chains))
        data = self._random.randbytes(self._random.randint(0, 200))
        message = handshake.write_message(Handover(data, shown).pack())
        if self._random.random() < 0.25:
            message = self._random.randbytes(len(message))
        packet = encode_first(Kind.INITIATION, index, message)
        return self._begin(
            packet, board.label_of(self._keys[target]), handshake, cookie
        )

    def opening(self, cookie: bytes = b"") -> bytes:
        """Return the first packet of a meeting."""
        index = self.board.free_index()
        handshake = self.board.handshake(XX, index, initiator=True)
        packet = encode_first(Kind.OPENING, index, handshake.write_message(b""))
        return self._begin(packet, self.board.open_label, handshake, cookie)

    # Upon what was sent to us.

    def closing(self, answer: bytes) -> bytes | None:
        """Return what closes a meeting of ours, as nobody in particular."""
        try:
            index, message = decode_answer_untrusted(Kind.ANSWER, answer)
            handshake, _ = self._begun.pop(index)
            theirs = unpack_handover_untrusted(handshake.read_message(message))
        except (BadPacket, KeyError):
            return None
        ours = Handover(chain=self._random.choice((b"", *self._chains)))
        closed = handshake.write_message(ours.pack())
        return encode_answer(Kind.CLOSING, theirs.index or 0, closed)

    def cookie(self, packet: bytes, baker: NodeId) -> bytes | None:
        """Return the cookie that we were given for a first packet of ours."""
        try:
            index, nonce, sealed = decode_cookie_untrusted(packet)
        except BadPacket:
            return None
        begun = self._begun.get(index)
        if begun is None:
            return None
        for label in (self.board.label_of(self._keys[baker]), self.board.open_label):
            cookie = open_cookie(label, nonce, sealed, begun[1])
            if cookie is not None:
                return cookie
        return None

    # Upon what was seen to pass.

    def bent(self, data: bytes, other: bytes, target: NodeId | None) -> bytes:
        """Return a packet that differs from `data`; `other` is one to splice it with.

        Of a first packet to `target` mac1 is made right again, half of the time.
        """
        random = self._random
        way: Callable[[bytes, bytes], bytes] = random.choice(
            (self._flip_bit, self._flip_bytes, self._cut, self._extend, self._splice)
        )
        made = way(data, other)
        if target is None or kind_of(made) is not Kind.INITIATION:
            return made
        if random.random() < 0.5 and len(made) > _MACS_BYTES:
            checked = made[:-_MACS_BYTES]
            label = self.board.label_of(self._keys[target])
            made = checked + mac(label, checked) + made[-MAC_BYTES:]
        return made

    def answer(self, data: bytes, target: NodeId, now: float) -> bytes | None:
        """Return an answer that `target` never gave to a packet that was seen."""
        kind = kind_of(data)
        try:
            if kind is Kind.TRANSPORT:
                return encode_hint(*decode_transport_head_untrusted(data))
            if kind is not Kind.INITIATION:
                return None
            first = decode_first_untrusted(Kind.INITIATION, data)
        except BadPacket:
            return None
        if self._random.random() < 0.5:
            anywhere = Address(self._random.randbytes(4), 7946)
            label = self.board.label_of(self._keys[target])
            return self._jar.bake(now, first, anywhere, label)
        message = self._random.randbytes(self._random.randint(48, 300))
        return encode_answer(Kind.RESPONSE, first.sender, message)

    def _begin(
        self, packet: bytes, label: bytes, handshake: HandshakeState, cookie: bytes
    ) -> bytes:
        mac1 = mac(label, packet)
        index = int.from_bytes(packet[4:8], "big")
        self._begun[index] = (handshake, mac1)
        if len(self._begun) > _REMEMBERED:
            del self._begun[next(iter(self._begun))]
        return with_cookie(packet + mac1 + _NO_MAC, cookie)

    def _flip_bit(self, data: bytes, _other: bytes) -> bytes:
        broken = bytearray(data)
        if broken:
            broken[self._random.randrange(len(broken))] ^= 1 << self._random.randrange(
                8
            )
        return bytes(broken)

    def _flip_bytes(self, data: bytes, _other: bytes) -> bytes:
        broken = bytearray(data)
        for _ in range(self._random.randint(1, _FLIPS_MAX) if broken else 0):
            place = self._random.randrange(len(broken))
            broken[place] ^= self._random.randint(1, 255)
        return bytes(broken)

    def _cut(self, data: bytes, _other: bytes) -> bytes:
        return data[: self._random.randrange(max(1, len(data)))]

    def _extend(self, data: bytes, _other: bytes) -> bytes:
        return data + self._random.randbytes(self._random.randint(1, _TAIL_BYTES_MAX))

    def _splice(self, data: bytes, other: bytes) -> bytes:
        cut = self._random.choice((4, 8, 12, 16, 40, 88, len(data) // 2))
        return data[:cut] + other[cut:]


def with_cookie(packet: bytes, cookie: bytes) -> bytes:
    """Return a first packet that shows a cookie, or none."""
    packet = packet[:-MAC_BYTES]
    return packet + (mac(cookie, packet) if cookie else _NO_MAC)


class _Nobody:
    """Whom the forger knows: he asks nobody (`switchboard.Peers`)."""

    chain = b""

    def exchange_of(self, node: NodeId) -> bytes | None:
        """Return nothing."""
        del node
        return None

    def node_of(self, exchange_public: bytes) -> NodeId | None:
        """Return nothing."""
        del exchange_public
        return None

    def is_removed(self, exchange_public: bytes) -> bool:
        """Return that nobody was."""
        del exchange_public
        return False

    def introduce(self, chain: bytes) -> None:
        """Take nothing."""


def _worthless(outfit: Outfit, identity: Identity, random: Random) -> Sequence[bytes]:
    """Return chains by which somebody without a certificate may try his luck.

    A member's own; one of a cluster of the forger's; one with this cluster's terms, but
    signed by himself, below the true issuer's; and no chain at all.
    """
    genuine = outfit.pki.chain(0)
    root = RootKey.make(random.randbytes, WALL_S)
    directory = Directory(Trust(root.certificate))
    authority = Authority(identity, directory, random.randbytes, root=root)
    keys = (identity.signing_public, identity.exchange_public)
    elsewhere = authority.issue(Subject(*keys, "m", Role.MANAGER), WALL_S)
    return (
        genuine.encoded,
        elsewhere.encoded,
        self_signed(genuine, identity, Role.WORKER).encoded,
        self_signed(genuine, identity, Role.MANAGER).encoded,
        random.randbytes(465),
    )


def self_signed(model: Chain, identity: Identity, role: Role) -> Chain:
    """Return a chain like `model`, but of `identity`, who signed it himself."""
    keys = (identity.signing_public, identity.exchange_public)
    subject = Subject(*keys, "n0", role)
    return chain(certify(subject, model.certificate.terms, identity.sign), model.issuer)
