"""Whom one node believes: its roots, and what was revoked.

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
    Verdict,
    explain,
)
from swarmnet.crypto.identity import Signatures
from swarmnet.crypto.withdrawal import Withdrawal
from swarmnet.errors import Refused
from swarmnet.ids import NodeId

CLOCK_SKEW_S: Final = 300.0
CHAINS_MAX: Final = 16_384
"""So many certificates a `Directory` has, of 1.7 KiB each."""

_ALL_VOID: Final = -1
_Key = TypeVar("_Key", bound=Hashable)
_Item = TypeVar("_Item")


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
    DEMOTIONS_MAX: ClassVar = 16
    """Of one node; who was demoted more often should have been removed."""

    __slots__ = (
        "_cuts",
        "_demotions",
        "_revoked_nodes",
        "_revoked_serials",
        "_roots",
        "_withdrawn",
        "cluster",
        "revision",
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
        self.revision = 0
        """How often it was told something by which a verdict may be another."""
        self._roots: dict[bytes, RootCertificate] = {root.key_id: root}
        self._withdrawn: dict[bytes, bytes] = {}
        self._revoked_nodes: dict[NodeId, None] = {}
        self._revoked_serials: dict[tuple[bytes, int], None] = {}
        self._cuts: dict[NodeId, int] = {}
        # Since when a node is a manager no more, and what of its issuing stands.
        self._demotions: dict[NodeId, dict[int, int]] = {}

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
        self.revision += 1
        return Verdict.GOOD

    def withdrawn_ids(self) -> tuple[bytes, ...]:
        """Return the key ids of the roots that were withdrawn."""
        return tuple(self._withdrawn)

    def newest(self) -> RootCertificate:
        """Return the held root that no other succeeds, of several the youngest."""
        held = self._roots.values()
        before = {root.predecessor for root in held}
        last = [root for root in held if root.digest not in before]
        return max(last, key=lambda root: (root.made_at, root.key_id))

    def is_ended_by(self, withdrawal: Withdrawal) -> bool:
        """Return whether a held root says it of one from which it goes back."""
        speaker = self._roots.get(withdrawal.by)
        ended = self._roots.get(withdrawal.ended)
        if speaker is None or ended is None or speaker is ended:
            return False
        by_digest = {root.digest: root for root in self._roots.values()}
        root: RootCertificate | None = speaker
        while root is not None and root is not ended:
            root = by_digest.get(root.predecessor)
        public = speaker.signing_public
        return root is ended and withdrawal.is_signed_by(public, self.signatures)

    def end_root(self, withdrawal: Withdrawal) -> bool:
        """Withdraw a root if one that came after it says so; return whether it did."""
        is_true = self.is_ended_by(withdrawal)
        return is_true and self.withdraw_root(withdrawal.ended)

    def withdraw_root(self, key_id: bytes) -> bool:
        """End a root: what it signed, and what goes back to that, is void.

        The only root stays: False. A root that is not held is refused from now on.
        """
        root = self._roots.get(key_id)
        if root is not None and len(self._roots) == 1:
            return False
        self.revision += 1
        self._roots.pop(key_id, None)
        digest = self._withdrawn.get(key_id, b"") if root is None else root.digest
        _remember(self._withdrawn, key_id, digest, self.WITHDRAWN_MAX)
        return True

    def revoke_node(self, node: NodeId) -> None:
        """Believe nothing of `node` any more, nor of what it issued unless cut."""
        self.revision += 1
        _remember(self._revoked_nodes, node, None, self.REVOKED_MAX)

    def restore_node(self, node: NodeId) -> None:
        """Take `revoke_node` and `cut_issuer` back."""
        self.revision += 1
        self._revoked_nodes.pop(node, None)
        self._cuts.pop(node, None)

    def revoke_serial(self, issuer: bytes, serial: int) -> None:
        """Void one certificate of a manager or of a root; the node may get another."""
        self.revision += 1
        _remember(self._revoked_serials, (issuer, serial), None, self.REVOKED_MAX)

    def cut_issuer(self, manager: NodeId, serial: int) -> None:
        """Void what `manager` issued after `serial`; the lowest cut holds.

        What it issued before stays good, also when the manager itself is revoked. Cut
        first and revoke then: without a cut, revoking it voids all that it issued.
        """
        self.revision += 1
        cut = min(serial, self._cuts.get(manager, serial))
        _remember(self._cuts, manager, cut, self.CUTS_MAX)

    def demote(self, chain: Chain) -> bool:
        """End a node's certificates as a manager from before a root's word; see if new.

        What it issued under them stands up to the serial that the root names, and what
        it issues under a later one of a manager is another matter. Only for a chain
        that was judged: the root must have signed it.
        """
        node, terms = chain.certificate.node, chain.certificate.terms
        held = self._demotions.get(node, {})
        if not chain.is_demotion or terms.issued is None or terms.not_before in held:
            return False
        self.revision += 1
        later = sorted({**held, terms.not_before: terms.issued}.items())
        told = dict(later[-self.DEMOTIONS_MAX :])
        _remember(self._demotions, node, told, self.CUTS_MAX)
        return True

    def was_demoted(self, node: NodeId, since: int) -> bool:
        """Return whether a demotion of a node was taken that begins at `since`."""
        return since in self._demotions.get(node, ())

    def is_revoked(self, node: NodeId) -> bool:
        return node in self._revoked_nodes

    def is_void_by_issuer(self, chain: Chain) -> bool:
        """Return whether a chain is void with its issuer, whatever else was revoked."""
        issuer = chain.issuer
        cut = self._cut_of(issuer)
        is_late = cut is not None and chain.certificate.terms.serial > cut
        return issuer is not None and (
            is_late or self._is_void(issuer) or self._is_by_demoted(chain, issuer)
        )

    def judge(self, chain: Chain, wall: float) -> Verdict:
        """Return what is to be thought of `chain` at `wall`."""
        for check in (self._links, self._rooted, self._signed, self._unrevoked):
            verdict = check(chain)
            if verdict is not Verdict.GOOD:
                return verdict
        return self.timeliness(chain, wall)

    def standing(self, chain: Chain) -> Verdict:
        """Judge again a chain that passed once: by what can change, but for time."""
        verdict = self._rooted(chain)
        return self._unrevoked(chain) if verdict is Verdict.GOOD else verdict

    def standing_at(self, chain: Chain, wall: float) -> Verdict:
        """Judge again a chain that passed once: by what can change, time too."""
        verdict = self.standing(chain)
        return self.timeliness(chain, wall) if verdict is Verdict.GOOD else verdict

    def explain(self, verdict: Verdict, chain: Chain, wall: float) -> str:
        """Return one line for the user: what it is about, the bound, the cure."""
        return explain(
            *(verdict, chain, wall),
            ours=self.cluster.hex(),
            cut=max(0, self._cut_of(chain.issuer) or 0),
            held=CHAINS_MAX,
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
        certificate = chain.certificate
        if certificate.node in self._revoked_nodes or self._is_void(certificate):
            return Verdict.REVOKED
        if self._is_demoted(certificate):
            return Verdict.REVOKED
        is_void = self.is_void_by_issuer(chain)
        return Verdict.ISSUER_REVOKED if is_void else Verdict.GOOD

    def _is_void(self, certificate: NodeCertificate) -> bool:
        terms = certificate.terms
        return (terms.issuer, terms.serial) in self._revoked_serials

    def _is_demoted(self, certificate: NodeCertificate) -> bool:
        """Return whether a certificate is of a manager who was demoted since."""
        demotions = self._demotions.get(certificate.node)
        if not demotions or certificate.subject.role is not Role.MANAGER:
            return False
        return certificate.terms.not_before <= max(demotions)

    def _is_by_demoted(self, chain: Chain, issuer: NodeCertificate) -> bool:
        """Return whether a manager may have issued a chain after his demotion."""
        serial, begun = chain.certificate.terms.serial, issuer.terms.not_before
        return any(
            begun <= since and serial > issued
            for since, issued in self._demotions.get(issuer.node, {}).items()
        )

    def _cut_of(self, issuer: NodeCertificate | None) -> int | None:
        """Return the last serial of a manager's that counts; None if there is none."""
        if issuer is None:
            return None
        revoked = _ALL_VOID if issuer.node in self._revoked_nodes else None
        return self._cuts.get(issuer.node, revoked)

    @staticmethod
    def timeliness(chain: Chain, wall: float) -> Verdict:
        """Judge a chain by the time alone."""
        begins, ends = Trust.span(chain)
        if wall > ends:
            return Verdict.EXPIRED
        if wall < begins:
            return Verdict.NOT_YET_VALID
        return Verdict.GOOD

    @staticmethod
    def span(chain: Chain) -> tuple[float, float]:
        """Return from when to when a chain is in time, by clocks that differ."""
        begins, ends = chain.life
        return begins - CLOCK_SKEW_S, ends + CLOCK_SKEW_S


def _remember(table: dict[_Key, _Item], key: _Key, item: _Item, most: int) -> None:
    table[key] = item
    if len(table) > most:
        del table[next(iter(table))]
