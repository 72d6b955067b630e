"""The certificates that one node knows, as far as its trust lets them pass."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

from swarmnet.crypto.certificate import Chain, Subject, Verdict, decode_chain_untrusted
from swarmnet.crypto.trust import CHAINS_MAX, Trust
from swarmnet.errors import BadPacket
from swarmnet.ids import NodeId

_SWEEP_INTERVAL_S: Final = 60.0
_TIMELESS: Final = frozenset(
    (Verdict.GOOD, Verdict.EXPIRED, Verdict.NOT_YET_VALID, Verdict.REVOKED)
)


@dataclass(frozen=True, slots=True)
class _Standing:
    """What a trust thinks of a node's chain at one of its revisions.

    `key` is the node's exchange key, None if the chain does not stand. Who stands may
    talk from `begins` to `ends`, in Unix seconds.
    """

    revision: int
    key: bytes | None
    begins: float
    ends: float


class Directory:
    """The certificates that one node knows, by node and by exchange key.

    There is one chain for each node, which all nodes choose alike, whichever they heard
    of first. One in good standing (not revoked) goes before one that is not; then a
    manager's before a worker's, for who is a manager only a root says, and only a root
    ends (`Trust.demote`); then what was issued later, by its begin: so no old one that
    is shown again undoes a later one, whatever its end. Beside it there is kept what
    the other of the two, a root or a manager, has said last. What a node's exchange
    key is does not change while the certificate that said so stands: no manager can
    lead a node's channels to somebody else by a certificate of later date.

    At most `CHAINS_MAX`, of 1.7 KiB each; when it is full those go that may not talk,
    and if all may, a newcomer is not taken.
    """

    CHAINS_MAX: ClassVar = CHAINS_MAX

    __slots__ = (
        "_besides",
        "_by_exchange",
        "_chains",
        "_standings",
        "_swept_at",
        "trust",
    )

    def __init__(self, trust: Trust) -> None:
        self.trust = trust
        self._chains: dict[NodeId, Chain] = {}
        self._besides: dict[NodeId, Chain] = {}
        self._by_exchange: dict[bytes, NodeId] = {}
        self._swept_at = float("-inf")
        # What the trust thought last of the chains held: it is asked for every packet.
        self._standings: dict[NodeId, _Standing] = {}

    def __len__(self) -> int:
        return len(self._chains)

    def copy(self) -> "Directory":
        """Return an equal directory under the same trust, for another node."""
        twin = Directory(self.trust)
        twin._chains = self._chains.copy()
        twin._besides = self._besides.copy()
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
        self.trust.demote(chain)
        if self.conflicts(certificate.subject):
            return Verdict.KEY_CONFLICT
        if known is None and not self._has_room(wall):
            return Verdict.FULL
        self._keep(chain)
        return verdict

    def learn_untrusted(self, data: bytes, wall: float) -> Verdict:
        """Take a chain's bytes from the network, as `learn` does."""
        try:
            return self.learn(decode_chain_untrusted(data), wall)
        except BadPacket:
            return Verdict.MALFORMED

    def _keep(self, chain: Chain) -> None:
        """Keep of what is known of a node the best of a root, and of managers."""
        node = chain.certificate.node
        known = (self._chains.get(node), self._besides.get(node), chain)
        ranked = sorted((one for one in known if one is not None), key=self._rank)
        best = ranked.pop()
        by_root = best.issuer is None
        others = [one for one in ranked if (one.issuer is None) is not by_root]
        if best is not known[0]:
            self.forget(node)
            self._chains[node] = best
            self._by_exchange[best.certificate.subject.exchange_public] = node
        self._besides.pop(node, None)
        if others:
            self._besides[node] = others[-1]

    def review(self) -> None:
        """Choose anew where there is a choice: other roots are held than before."""
        for chain in list(self._besides.values()):
            self._keep(chain)

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

    def named(self, name: str, wall: float) -> Iterator[NodeId]:
        """Yield who may talk under that name."""
        for node, chain in self._chains.items():
            if chain.certificate.subject.name == name and self.may_talk(node, wall):
                yield node

    def may_talk(self, node: NodeId, wall: float) -> bool:
        """Return whether `node` may have a channel: expiry and revocation count."""
        return self.talker(node, wall) is not None

    def talker(self, node: NodeId, wall: float) -> bytes | None:
        """Return the exchange key of `node` if it may have a channel, or None."""
        known = self._standings.get(node)
        if known is None or known.revision != self.trust.revision:
            known = self._judge(node)
        is_good = known is not None and known.begins <= wall <= known.ends
        return known.key if known is not None and is_good else None

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
        self._besides.pop(node, None)
        self._standings.pop(node, None)
        if chain is None:
            return
        exchange_public = chain.certificate.subject.exchange_public
        if self._by_exchange.get(exchange_public) == node:
            del self._by_exchange[exchange_public]

    def _stands(self, node: NodeId) -> bool:
        known = self._standings.get(node)
        if known is None or known.revision != self.trust.revision:
            known = self._judge(node)
        return known is not None and known.key is not None

    def _judge(self, node: NodeId) -> "_Standing | None":
        """Ask the trust about a node's chain, and remember what it says."""
        chain = self._chains.get(node)
        if chain is None:
            return None
        is_good = self.trust.standing(chain) is Verdict.GOOD
        key = chain.certificate.subject.exchange_public if is_good else None
        known = _Standing(self.trust.revision, key, *self.trust.span(chain))
        self._standings[node] = known
        return known

    def _rank(self, chain: Chain) -> tuple[bool, int, int, int, int, bytes]:
        terms, role = chain.certificate.terms, chain.certificate.subject.role
        stands = self.trust.standing(chain) is Verdict.GOOD
        dates = (terms.not_before, terms.not_after)
        return (stands, role, *dates, terms.serial, chain.encoded)

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
