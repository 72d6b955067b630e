"""The certificates that one node knows, as far as its trust lets them pass."""

from typing import ClassVar, Final

from swarmnet.crypto.certificate import Chain, Subject, Verdict, decode_chain_untrusted
from swarmnet.crypto.trust import CHAINS_MAX, Trust
from swarmnet.errors import BadPacket
from swarmnet.ids import NodeId

_SWEEP_INTERVAL_S: Final = 60.0
_TIMELESS: Final = frozenset(
    (Verdict.GOOD, Verdict.EXPIRED, Verdict.NOT_YET_VALID, Verdict.REVOKED)
)


class Directory:
    """The certificates that one node knows, by node and by exchange key.

    There is one chain for each node. A later one replaces it: by the end of its life,
    then its serial, then its bytes, so that all nodes keep the same; but one in good
    standing (not revoked) always goes before one that is not. What a node's exchange
    key is does not change while the certificate that said so stands: no manager can
    lead a node's channels to somebody else by a certificate of later date.

    At most `CHAINS_MAX`, of 1.7 KiB each; when it is full those go that may not talk,
    and if all may, a newcomer is not taken.
    """

    CHAINS_MAX: ClassVar = CHAINS_MAX

    __slots__ = ("_by_exchange", "_chains", "_swept_at", "trust")

    def __init__(self, trust: Trust) -> None:
        self.trust = trust
        self._chains: dict[NodeId, Chain] = {}
        self._by_exchange: dict[bytes, NodeId] = {}
        self._swept_at = float("-inf")

    def __len__(self) -> int:
        return len(self._chains)

    def copy(self) -> "Directory":
        """Return an equal directory under the same trust, for another node."""
        twin = Directory(self.trust)
        twin._chains = self._chains.copy()
        twin._by_exchange = self._by_exchange.copy()
        twin._swept_at = self._swept_at
        return twin

    def learn(self, chain: Chain, wall: float) -> Verdict:
        """Take a chain for what it is worth.

        One that is expired, not yet valid or revoked is kept too, for what its node
        signed; `may_talk` and `signer` know the difference. Any other than these and a
        good one changes nothing.
        """
        certificate = chain.certificate
        known = self._chains.get(certificate.node)
        if known is not None and known.encoded == chain.encoded:
            return self.trust.standing_at(known, wall)
        verdict = self.trust.judge(chain, wall)
        if verdict not in _TIMELESS:
            return verdict
        if self.conflicts(certificate.subject):
            return Verdict.KEY_CONFLICT
        if known is None and not self._has_room(wall):
            return Verdict.FULL
        if known is None or self._rank(chain) > self._rank(known):
            self.forget(certificate.node)
            self._chains[certificate.node] = chain
            self._by_exchange[certificate.subject.exchange_public] = certificate.node
        return verdict

    def learn_untrusted(self, data: bytes, wall: float) -> Verdict:
        """Take a chain's bytes from the network, as `learn` does."""
        try:
            return self.learn(decode_chain_untrusted(data), wall)
        except BadPacket:
            return Verdict.MALFORMED

    def conflicts(self, subject: Subject) -> bool:
        """Return whether a certificate that stands gives these keys otherwise."""
        key, node = subject.exchange_public, subject.node
        holder = self._by_exchange.get(key, node)
        if holder != node and self._stands(holder):
            return True
        return self.exchange_of(node) not in (None, key) and self._stands(node)

    def chain(self, node: NodeId) -> Chain | None:
        return self._chains.get(node)

    def chain_of(self, node: NodeId) -> bytes | None:
        """Return the bytes that introduce `node` to others, or None."""
        chain = self._chains.get(node)
        return None if chain is None else chain.encoded

    def issued_by(self, manager: NodeId) -> list[NodeId]:
        """Return the nodes whose certificate that manager has issued."""
        return [
            node
            for node, chain in self._chains.items()
            if chain.certificate.terms.issuer == manager
        ]

    def node_of(self, exchange_public: bytes) -> NodeId | None:
        """Return whose exchange key this is, or None; ask `may_talk` besides."""
        return self._by_exchange.get(exchange_public)

    def exchange_of(self, node: NodeId) -> bytes | None:
        """Return the exchange key of `node`, or None; ask `may_talk` besides."""
        chain = self._chains.get(node)
        return None if chain is None else chain.certificate.subject.exchange_public

    def ring_serial(self, node: NodeId) -> bytes | None:
        """Return the 8 bytes that place `node` on the rings, or None."""
        chain = self._chains.get(node)
        return None if chain is None else chain.certificate.terms.ring_serial

    def named(self, name: str, wall: float) -> NodeId | None:
        """Return who may talk under that name, or None."""
        for node, chain in self._chains.items():
            if chain.certificate.subject.name == name and self.may_talk(node, wall):
                return node
        return None

    def may_talk(self, node: NodeId, wall: float) -> bool:
        """Return whether `node` may have a channel: expiry and revocation count."""
        chain = self._chains.get(node)
        return chain is not None and (
            self.trust.standing_at(chain, wall) is Verdict.GOOD
        )

    def signer(self, node: NodeId) -> bytes | None:
        """Return the key by which to verify what `node` signed; None: believe it not.

        Expiry does not count, revocation does. None also if it is unknown.
        """
        return self.past_signer(node) if self._stands(node) else None

    def past_signer(self, node: NodeId) -> bytes | None:
        """Return the same of a revoked node, for what it signed before.

        Only for a caller who knows where its word ends: its key may be in any hands.
        """
        chain = self._chains.get(node)
        return None if chain is None else chain.certificate.subject.signing_public

    def forget(self, node: NodeId) -> None:
        """Drop what is known of `node`; nothing happens if that is nothing."""
        chain = self._chains.pop(node, None)
        if chain is None:
            return
        exchange_public = chain.certificate.subject.exchange_public
        if self._by_exchange.get(exchange_public) == node:
            del self._by_exchange[exchange_public]

    def _stands(self, node: NodeId) -> bool:
        chain = self._chains.get(node)
        return chain is not None and self.trust.standing(chain) is Verdict.GOOD

    def _rank(self, chain: Chain) -> tuple[bool, int, int, bytes]:
        terms = chain.certificate.terms
        stands = self.trust.standing(chain) is Verdict.GOOD
        return (stands, terms.not_after, terms.serial, chain.encoded)

    def _has_room(self, wall: float) -> bool:
        """Return whether one more fits, after a sweep if there was none lately."""
        if len(self._chains) < self.CHAINS_MAX:
            return True
        if not 0 <= wall - self._swept_at < _SWEEP_INTERVAL_S:
            self._swept_at = wall
            for node in tuple(self._chains):
                if not self.may_talk(node, wall):
                    self.forget(node)
        return len(self._chains) < self.CHAINS_MAX
