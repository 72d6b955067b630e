"""Noise handshakes: the patterns XX and IK as tables, and the state that walks them.

The Noise Protocol Framework, revision 34, sections 5.3, 7 and 8.

Theory of operation. A pattern is a list of messages, sent in turn and the first by the
initiator; a message is a list of tokens, and a payload. `e` and `s` carry a public key;
a token of two letters is a DH of the initiator's key and the responder's, in that
order. Each step of it stirs the transcript, so that a payload opens only where both
saw the same bytes and know the same keys.

What has been achieved up to a message is one value, `_Progress`. A message is worked
into a copy, and the copy replaces it when all has gone well: so a message that fails
changes nothing, and the right one can still be read.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from swarmnet.crypto.primitives import (
    CIPHERS,
    DH_BYTES,
    HASHES,
    TAG_BYTES,
    Cipher,
    Hash,
    KeyPair,
    PublicKey,
    dh,
    parse_public_untrusted,
)
from swarmnet.crypto.symmetric import MESSAGE_BYTES_MAX, SymmetricState, Transport
from swarmnet.errors import BadPacket, Refused


class Token(Enum):
    """What a message consists of (7.1). A DH names the initiator's key first."""

    E = "e"
    S = "s"
    EE = "ee"
    ES = "es"
    SE = "se"
    SS = "ss"


@dataclass(frozen=True, slots=True)
class Pattern:
    """A handshake pattern of section 7.5.

    `responder_known` says that the responder's static key is a pre-message: the
    initiator knows it beforehand. `messages` go in turn, the initiator's first.
    """

    name: str
    responder_known: bool
    messages: tuple[tuple[Token, ...], ...]


XX: Final = Pattern(
    name="XX",
    responder_known=False,
    messages=(
        (Token.E,),
        (Token.E, Token.EE, Token.S, Token.ES),
        (Token.S, Token.SE),
    ),
)
IK: Final = Pattern(
    name="IK",
    responder_known=True,
    messages=(
        (Token.E, Token.ES, Token.S, Token.SS),
        (Token.E, Token.EE, Token.SE),
    ),
)


@dataclass(frozen=True, slots=True)
class Protocol:
    """What a protocol name stands for (section 8)."""

    name: bytes
    pattern: Pattern
    cipher: Cipher
    hash: Hash


def _protocols() -> dict[bytes | str, Protocol]:
    table: dict[bytes | str, Protocol] = {}
    for pattern in (XX, IK):
        for cipher in CIPHERS.values():
            for hash_ in HASHES.values():
                name = f"Noise_{pattern.name}_25519_{cipher.name}_{hash_.name}"
                protocol = Protocol(name.encode(), pattern, cipher, hash_)
                table[name] = table[protocol.name] = protocol
    return table


PROTOCOLS: Final = _protocols()
"""By name, as text and as bytes."""


@dataclass(slots=True)
class _Progress:
    """All that a message changes; `messages` is how many have been sent and read."""

    symmetric: SymmetricState
    ephemeral: KeyPair | None
    remote_ephemeral: PublicKey | None
    remote_static: PublicKey | None
    messages: int

    def copy(self) -> "_Progress":
        return _Progress(
            self.symmetric.copy(),
            self.ephemeral,
            self.remote_ephemeral,
            self.remote_static,
            self.messages,
        )


class HandshakeState:
    """One side of one handshake (5.3).

    The errors: `read_message` raises BadPacket for whatever the network may bring,
    `write_message` Refused for a payload that is too long; both have then changed
    nothing. A call out of turn is the caller's mistake, an assert.

    What a first message carries is not confirmed when it has been read: XX's is in the
    clear, and whoever saw IK's can send it again. It is, and with it `remote_static`,
    when the initiator's next message opens (7.7).
    """

    __slots__ = (
        "_initiator",
        "_is_split",
        "_progress",
        "_protocol",
        "_random_bytes",
        "_static",
    )

    def __init__(
        self,
        protocol_name: bytes | str,
        *,
        initiator: bool,
        static: bytes | KeyPair,
        prologue: bytes = b"",
        remote_static: bytes | None = None,
        ephemeral: bytes | KeyPair | None = None,
        random_bytes: Callable[[int], bytes] | None = None,
    ) -> None:
        """Begin a handshake; both sides must give one name and one prologue.

        Args:
            protocol_name: one of the eight Noise_{XX,IK}_25519_{ChaChaPoly,AESGCM}_
                {BLAKE2s,SHA256}.
            initiator: whether this side writes the first message.
            static: our private key, 32 bytes; a node that makes many handshakes gives
                it parsed.
            prologue: what both must agree on; any length.
            remote_static: the responder's public key, 32 bytes; for an IK initiator,
                and nobody else.
            ephemeral: a private key that has served in no other handshake.
            random_bytes: gives so many random bytes; asked for 32 when this side first
                writes, unless an `ephemeral` was given.

        Raises:
            Refused: an unknown name, a key of wrong length or low order, a key too many
                or too few.
        """
        protocol = PROTOCOLS.get(protocol_name)
        if protocol is None:
            raise Refused(
                f"protocol name {protocol_name!r}, want Noise_P_25519_C_H: P of XX IK, "
                f"C of {' '.join(CIPHERS)}, H of {' '.join(HASHES)}"
            )
        if ephemeral is None and random_bytes is None:
            raise Refused("no ephemeral and no random_bytes, want one: give either")
        self._protocol = protocol
        self._initiator = initiator
        self._static = _key_pair(static)
        self._random_bytes = random_bytes
        self._is_split = False
        known = _remote_static(protocol.pattern, remote_static, initiator=initiator)
        symmetric = SymmetricState(protocol.name, protocol.cipher, protocol.hash)
        symmetric.mix_hash(prologue)
        if protocol.pattern.responder_known:
            symmetric.mix_hash(known.raw if known else self._static.public)
        own = None if ephemeral is None else _key_pair(ephemeral)
        self._progress = _Progress(symmetric, own, None, known, 0)

    @property
    def finished(self) -> bool:
        """Whether every message of the pattern has been sent or read."""
        return self._progress.messages == len(self._protocol.pattern.messages)

    @property
    def remote_static(self) -> bytes | None:
        """The other side's public key, 32 bytes; None until it is known.

        It came from the network: ask whose it is before trusting it.
        """
        known = self._progress.remote_static
        return None if known is None else known.raw

    @property
    def handshake_hash(self) -> bytes:
        """32 bytes that name this handshake, alike on both sides (11.2).

        Only when finished.
        """
        assert self.finished, "handshake_hash before the last message"
        return self._progress.symmetric.handshake_hash

    def write_message(self, payload: bytes = b"") -> bytes:
        """Return the next message, which carries `payload`.

        Raises:
            Refused: the message would exceed 65535 bytes; nothing has changed.
        """
        tokens = self._next_tokens(writing=True)
        step = self._progress.copy()
        parts: list[bytes] = []
        for token in tokens:
            if token is Token.E:
                parts.append(self._write_ephemeral(step))
            elif token is Token.S:
                parts.append(step.symmetric.encrypt_and_hash(self._static.public))
            else:
                step.symmetric.mix_key(self._dh(step, token))
        tag_bytes = TAG_BYTES if step.symmetric.has_key() else 0
        most = MESSAGE_BYTES_MAX - tag_bytes - sum(map(len, parts))
        if len(payload) > most:
            raise Refused(
                f"payload of {len(payload)} bytes, at most {most}: send the rest after "
                "the handshake"
            )
        parts.append(step.symmetric.encrypt_and_hash(payload))
        step.messages += 1
        self._progress = step
        return b"".join(parts)

    def read_message(self, message: bytes) -> bytes:
        """Return the payload of the other side's next message.

        Raises:
            BadPacket: anything else than that message; nothing has changed.
        """
        tokens = self._next_tokens(writing=False)
        if len(message) > MESSAGE_BYTES_MAX:
            raise BadPacket(f"message of {len(message)} bytes")
        step = self._progress.copy()
        symmetric = step.symmetric
        at = 0
        for token in tokens:
            if token is Token.E:
                step.remote_ephemeral = parse_public_untrusted(message[:DH_BYTES])
                symmetric.mix_hash(step.remote_ephemeral.raw)
                at = DH_BYTES
            elif token is Token.S:
                # 5.3: "the next DHLEN + 16 bytes of the message if HasKey() == True,
                # or to the next DHLEN bytes otherwise."
                end = at + DH_BYTES + (TAG_BYTES if symmetric.has_key() else 0)
                public = symmetric.decrypt_and_hash(message[at:end])
                step.remote_static = parse_public_untrusted(public)
                at = end
            else:
                symmetric.mix_key(self._dh(step, token))
        payload = symmetric.decrypt_and_hash(message[at:])
        step.messages += 1
        self._progress = step
        return payload

    def split(self) -> tuple[Transport, Transport]:
        """Return what we send with and what we receive with; once, when finished.

        Let go of the handshake then: it still holds what these keys were made of.
        """
        assert self.finished, "split before the last message"
        # A second pair would count from 0 again, under the same keys.
        assert not self._is_split, "split twice"
        self._is_split = True
        to_responder, to_initiator = map(Transport, self._progress.symmetric.split())
        if self._initiator:
            return to_responder, to_initiator
        return to_initiator, to_responder

    def _next_tokens(self, *, writing: bool) -> tuple[Token, ...]:
        """Return the tokens of the message that is due; the turn is checked."""
        assert not self.finished, "a message after the last"
        index = self._progress.messages
        our_turn = (index % 2 == 0) == self._initiator
        assert our_turn == writing, f"message {index + 1} is the other side's to write"
        return self._protocol.pattern.messages[index]

    def _write_ephemeral(self, step: _Progress) -> bytes:
        if step.ephemeral is None:
            assert self._random_bytes is not None
            private = self._random_bytes(DH_BYTES)
            step.ephemeral = KeyPair.from_private_bytes(private)
        step.symmetric.mix_hash(step.ephemeral.public)
        return step.ephemeral.public

    def _dh(self, step: _Progress, token: Token) -> bytes:
        """Return the DH that a token of two letters names."""
        initiators, responders = token.value[0], token.value[1]
        if self._initiator:
            ours, theirs = initiators, responders
        else:
            ours, theirs = responders, initiators
        pair = step.ephemeral if ours == "e" else self._static
        public = step.remote_ephemeral if theirs == "e" else step.remote_static
        # Section 7.3: a valid pattern has sent a key before a DH uses it.
        assert pair is not None
        assert public is not None
        return dh(pair, public)


def _key_pair(private: bytes | KeyPair) -> KeyPair:
    if isinstance(private, KeyPair):
        return private
    return KeyPair.from_private_bytes(private)


def _remote_static(
    pattern: Pattern, remote_static: bytes | None, *, initiator: bool
) -> PublicKey | None:
    """Return the key that this side knows beforehand, or None if it knows none."""
    role = f"{pattern.name} {'initiator' if initiator else 'responder'}"
    if not (pattern.responder_known and initiator):
        if remote_static is None:
            return None
        raise Refused(f"remote_static for an {role}, want None: it learns the key")
    if remote_static is None:
        raise Refused(f"no remote_static for an {role}, want 32 bytes: give the key")
    try:
        return parse_public_untrusted(remote_static)
    except BadPacket as error:
        raise Refused(f"remote_static: {error}: give the responder's key") from None
