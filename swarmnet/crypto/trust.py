"""Whom one node believes: roots, revocations, and the certificates that pass them.

`Trust.judge` is the one door for a certificate. It asks in this order: is it of this
cluster and whole, does its issuer go back to a root held here and have the right to
issue it, do the signatures hold, has it been revoked, and last is it in its time. So a
verdict about time means that nothing else is wrong, and may be passed over where time
must not count: expiry gates channels, never what a node has signed.

Clocks differ. A certificate begins an hour before it was issued (`authority`), and both
its ends are taken with `CLOCK_SKEW_S` of tolerance: a host that is up to 65 minutes
slow or 5 minutes fast takes part as if its clock were right.
"""

from collections.abc import Hashable
from typing import ClassVar, Final, TypeVar

from swarmnet.crypto.certificate import (
    Chain,
    NodeCertificate,
    Role,
    RootCertificate,
    Subject,
    Verdict,
    decode_chain_untrusted,
    explain,
)
from swarmnet.crypto.identity import Signatures
from swarmnet.errors import BadPacket, Refused
from swarmnet.ids import NodeId

CLOCK_SKEW_S: Final = 300.0

_ALL_VOID: Final = -1
_SWEEP_INTERVAL_S: Final = 60.0
_Key = TypeVar("_Key", bound=Hashable)
_Item = TypeVar("_Item")

_TIMELESS: Final = frozenset(
    (Verdict.GOOD, Verdict.EXPIRED, Verdict.NOT_YET_VALID, Verdict.REVOKED)
)


class Trust:
    """The roots that one node holds, and what was revoked.

    It begins with one root, on the word of a join token or of whoever made the cluster,
    and takes further ones only from a root that it holds. Everything is bounded: beyond
    its bound the oldest revocation is forgotten, whose certificates have expired unless
    so many were revoked within one life of a certificate. Full, it takes some 18 MiB.
    """

    ROOTS_MAX: ClassVar = 4
    WITHDRAWN_MAX: ClassVar = 64
    REVOKED_MAX: ClassVar = 65_536
    CUTS_MAX: ClassVar = 4096

    __slots__ = (
        "_cuts",
        "_revoked_nodes",
        "_revoked_serials",
        "_roots",
        "_withdrawn",
        "cluster",
        "signatures",
    )

    def __init__(
        self, root: RootCertificate, signatures: Signatures | None = None
    ) -> None:
        """Hold one root.

        Raises:
            Refused: it has not signed itself.
        """
        self.signatures = Signatures() if signatures is None else signatures
        if not root.is_genuine(self.signatures):
            raise Refused(
                f"root {root.key_id.hex()}: not signed by itself: copy it again"
            )
        self.cluster = root.cluster
        self._roots: dict[bytes, RootCertificate] = {root.key_id: root}
        self._withdrawn: dict[bytes, bytes] = {}
        self._revoked_nodes: dict[NodeId, None] = {}
        self._revoked_serials: dict[tuple[bytes, int], None] = {}
        self._cuts: dict[NodeId, int] = {}

    def roots(self) -> tuple[RootCertificate, ...]:
        """Return the roots that are held, in the order in which they came."""
        return tuple(self._roots.values())

    def withdrawn(self) -> tuple[bytes, ...]:
        """Return the digests of the roots that were withdrawn."""
        return tuple(self._withdrawn.values())

    def add_root(self, root: RootCertificate) -> Verdict:
        """Hold one more root, if a held one made it its successor, or it a held one.

        By the second, whoever joins with a new root's token learns the old one, as long
        as that is not withdrawn. Nothing happens unless GOOD.
        """
        if root.key_id in self._withdrawn:
            return Verdict.ROOT_WITHDRAWN
        if root.cluster != self.cluster:
            return Verdict.WRONG_CLUSTER
        if not root.is_genuine(self.signatures):
            return Verdict.BAD_SIGNATURE
        held = self._roots.values()
        if not any(
            root.succeeds(one, self.signatures) or one.succeeds(root, self.signatures)
            for one in held
        ):
            return Verdict.UNKNOWN_ROOT
        if root.key_id not in self._roots and len(self._roots) >= self.ROOTS_MAX:
            return Verdict.FULL
        self._roots.setdefault(root.key_id, root)
        return Verdict.GOOD

    def withdraw_root(self, key_id: bytes) -> bool:
        """End a root: what it signed, and what goes back to that, is void.

        The only root stays: False. A root that is not held is refused from now on.
        """
        root = self._roots.get(key_id)
        if root is not None and len(self._roots) == 1:
            return False
        self._roots.pop(key_id, None)
        digest = self._withdrawn.get(key_id, b"") if root is None else root.digest
        _remember(self._withdrawn, key_id, digest, self.WITHDRAWN_MAX)
        return True

    def revoke_node(self, node: NodeId) -> None:
        """Believe nothing of `node` any more, nor of what it issued unless cut."""
        _remember(self._revoked_nodes, node, None, self.REVOKED_MAX)

    def revoke_serial(self, issuer: bytes, serial: int) -> None:
        """Void one certificate of a manager or of a root; the node may get another."""
        _remember(self._revoked_serials, (issuer, serial), None, self.REVOKED_MAX)

    def cut_issuer(self, manager: NodeId, serial: int) -> None:
        """Void what `manager` issued after `serial`; the lowest cut holds.

        What it issued before stays good, also when the manager itself is revoked. Cut
        first and revoke then: without a cut, revoking it voids all that it issued.
        """
        cut = min(serial, self._cuts.get(manager, serial))
        _remember(self._cuts, manager, cut, self.CUTS_MAX)

    def is_revoked(self, node: NodeId) -> bool:
        return node in self._revoked_nodes

    def judge(self, chain: Chain, wall: float) -> Verdict:
        """Return what is to be thought of `chain` at `wall`."""
        for check in (self._links, self._rooted, self._signed, self._unrevoked):
            verdict = check(chain)
            if verdict is not Verdict.GOOD:
                return verdict
        return self._timely(chain, wall)

    def standing(self, chain: Chain) -> Verdict:
        """Judge again a chain that passed once: by what can change, but for time."""
        verdict = self._rooted(chain)
        return self._unrevoked(chain) if verdict is Verdict.GOOD else verdict

    def standing_at(self, chain: Chain, wall: float) -> Verdict:
        """Judge again a chain that passed once: by what can change, time too."""
        verdict = self.standing(chain)
        return self._timely(chain, wall) if verdict is Verdict.GOOD else verdict

    def explain(self, verdict: Verdict, chain: Chain, wall: float) -> str:
        """Return one line for the user: what it is about, the bound, the cure."""
        return explain(
            *(verdict, chain, wall),
            ours=self.cluster.hex(),
            cut=max(0, self._cut_of(chain.issuer) or 0),
            held=Directory.CHAINS_MAX,
        )

    def _links(self, chain: Chain) -> Verdict:
        """Check the chain's own make: one cluster, and everyone in his place."""
        certificate, issuer = chain.certificate, chain.issuer
        if (certificate.terms.cluster, chain.top.terms.cluster) != (self.cluster,) * 2:
            return Verdict.WRONG_CLUSTER
        if issuer is None:
            return Verdict.GOOD
        if issuer.node != certificate.terms.issuer:
            return Verdict.BROKEN_CHAIN
        if issuer.subject.role is not Role.MANAGER:
            return Verdict.ISSUER_NO_MANAGER
        if certificate.subject.role is Role.MANAGER:
            return Verdict.NOT_BY_ROOT
        return Verdict.GOOD

    def _rooted(self, chain: Chain) -> Verdict:
        key_id = chain.top.terms.issuer
        if key_id in self._roots:
            return Verdict.GOOD
        if key_id in self._withdrawn:
            return Verdict.ROOT_WITHDRAWN
        return Verdict.UNKNOWN_ROOT

    def _signed(self, chain: Chain) -> Verdict:
        signer = self._roots[chain.top.terms.issuer].signing_public
        if chain.issuer is not None:
            if not chain.issuer.is_signed_by(signer, self.signatures):
                return Verdict.BAD_SIGNATURE
            signer = chain.issuer.subject.signing_public
        genuine = chain.certificate.is_signed_by(signer, self.signatures)
        return Verdict.GOOD if genuine else Verdict.BAD_SIGNATURE

    def _unrevoked(self, chain: Chain) -> Verdict:
        certificate, issuer = chain.certificate, chain.issuer
        if certificate.node in self._revoked_nodes or self._is_void(certificate):
            return Verdict.REVOKED
        if issuer is None:
            return Verdict.GOOD
        cut = self._cut_of(issuer)
        is_late = cut is not None and certificate.terms.serial > cut
        is_void = is_late or self._is_void(issuer)
        return Verdict.ISSUER_REVOKED if is_void else Verdict.GOOD

    def _is_void(self, certificate: NodeCertificate) -> bool:
        terms = certificate.terms
        return (terms.issuer, terms.serial) in self._revoked_serials

    def _cut_of(self, issuer: NodeCertificate | None) -> int | None:
        """Return the last serial of a manager's that counts; None if there is none."""
        if issuer is None:
            return None
        revoked = _ALL_VOID if issuer.node in self._revoked_nodes else None
        return self._cuts.get(issuer.node, revoked)

    @staticmethod
    def _timely(chain: Chain, wall: float) -> Verdict:
        begins, ends = chain.life
        if wall > ends + CLOCK_SKEW_S:
            return Verdict.EXPIRED
        if wall < begins - CLOCK_SKEW_S:
            return Verdict.NOT_YET_VALID
        return Verdict.GOOD


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

    CHAINS_MAX: ClassVar = 16_384

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


def _remember(table: dict[_Key, _Item], key: _Key, item: _Item, most: int) -> None:
    table[key] = item
    if len(table) > most:
        del table[next(iter(table))]
