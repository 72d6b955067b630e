"""Certificates on their way: asked for by whoever lacks one, and handed over.

Whoever relays a claim can name its author's certificate. See `introductions` for what
waits, and how much of it.
"""

from collections.abc import Callable, Sequence
from typing import Final

from swarmnet.errors import BadPacket
from swarmnet.ids import Address, NodeId
from swarmnet.node.acquaintances import Acquaintances, named_untrusted
from swarmnet.node.envelope import (
    CERTIFICATES,
    CERTIFICATES_WANTED,
    decode_certificates_untrusted,
    decode_wanted_untrusted,
    encode_certificates,
    encode_wanted,
)
from swarmnet.node.introductions import Introductions
from swarmnet.node.posting import Post
from swarmnet.swim.outputs import SignerUnknown

Learned = Callable[[float, Sequence[SignerUnknown]], None]
"""Told of the claims that waited for a certificate that has come."""
KINDS: Final = (CERTIFICATES, CERTIFICATES_WANTED)


class CertificateExchange:
    """What one node asks for and gives."""

    __slots__ = ("_acquaintances", "_introductions", "_learned", "_post", "counters")

    def __init__(
        self, acquaintances: Acquaintances, post: Post, learned: Learned
    ) -> None:
        self._acquaintances = acquaintances
        self._introductions = Introductions()
        self._post = post
        self._learned = learned
        self.counters: dict[str, int] = {}

    def note_unknown(self, now: float, unknown: SignerUnknown) -> None:
        """Keep a claim whose author is unknown, and ask for his certificate."""
        self._introductions.park(now, unknown)
        for peer, address, authors in self._introductions.questions():
            self._post(now, peer, address, encode_wanted(authors), streamed=False)

    def receive(self, now: float, peer: NodeId, home: Address, envelope: bytes) -> None:
        """Take an envelope of one of the `KINDS`; `home` is where to answer."""
        body = envelope[1:]
        try:
            if envelope[:1] == CERTIFICATES_WANTED:
                self._hand_over(now, peer, home, decode_wanted_untrusted(body))
            else:
                self._learn(now, peer, decode_certificates_untrusted(body))
        except BadPacket:
            self._count("bad_envelopes")

    def _hand_over(
        self, now: float, peer: NodeId, home: Address, wanted: Sequence[NodeId]
    ) -> None:
        """Give a peer the certificates that he asks for, as far as he may have them."""
        granted = self._introductions.may_give(now, peer, len(wanted))
        if granted < len(wanted):
            self._count("certificates_refused")
        chains = (self._acquaintances.chain_of(node) for node in wanted[:granted])
        found = [chain for chain in chains if chain is not None]
        if found:
            data, streamed = encode_certificates(found), len(found) > 1
            self._post(now, peer, home, data, streamed=streamed)

    def _learn(self, now: float, peer: NodeId, chains: Sequence[bytes]) -> None:
        """Take certificates that we wait for, and let go on what waits for them."""
        for chain in chains:
            if not self._introductions.awaits(now, peer, named_untrusted(chain)):
                self._count("certificates_unread")
                continue
            node = self._acquaintances.learn(chain)
            if node is None:
                self._count("certificates_bad")
                self._introductions.note_false(now, peer)
            else:
                self._learned(now, self._introductions.release(node))

    def _count(self, name: str) -> None:
        self.counters[name] = self.counters.get(name, 0) + 1
