"""What a node's certificates, roots and tokens follow from, and what it says of them.

Rows say it to all: who was demoted (`certificate`), which roots there are (`root`), by
what tokens are known (`token`); and everybody's own `node` row its certificate.

    certificate    key: node id, not before (8 bytes)    value: [chain, ...]

Such a row holds a root's word that a manager is one no more. It counts by that root's
signature, whoever wrote it: a manager that was demoted cannot keep it from anybody.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

from swarmnet.crypto.certificate import Chain, Verdict, decode_chain_untrusted
from swarmnet.crypto.directory import Directory
from swarmnet.errors import BadPacket, Refused
from swarmnet.ids import CLUSTER, Address, NodeId
from swarmnet.node.about import chain_of_untrusted, encode_about
from swarmnet.node.acquaintances import Acquaintances
from swarmnet.node.envelope import GIVEN
from swarmnet.node.outputs import CertificateOutput, Recertified, RootsChanged
from swarmnet.node.plane import Plane
from swarmnet.node.posting import Post
from swarmnet.node.renewing import Renewing
from swarmnet.node.root_rows import RootRows
from swarmnet.node.taking_over import take_over
from swarmnet.node.tokens import TokenRows
from swarmnet.tables.row import CERTIFICATE, Row
from swarmnet.timers import earliest

DEMOTION_S: Final = 0.5
"""A demotion is said so long after what its manager had said was taken over: else some
would hear that it counts no more before they hear who says it now."""


class Certification:
    """One node's part in it. `reach` is where a peer is that lives and may talk."""

    __slots__ = (
        "_demotions",
        "_directory",
        "_known",
        "_marks",
        "_me",
        "_outputs",
        "_plane",
        "_post",
        "_reach",
        "_renewing",
        "_tokens",
        "outputs",
        "roots",
    )

    def __init__(
        self,
        me: NodeId,
        directory: Directory,
        known: Acquaintances,
        plane: Plane,
        *,
        post: Post,
        reach: Callable[[NodeId], Address | None],
    ) -> None:
        self._me = me
        self._directory = directory
        self._known = known
        self._plane = plane
        self._post = post
        self._reach = reach
        self._demotions: list[tuple[float, Chain]] = []
        self._outputs: deque[CertificateOutput] = deque()
        self._renewing = Renewing(
            *(me, directory, known, plane), post=post, adopted=self._note_adopted
        )
        self._marks = plane.tables.mark(CLUSTER, CERTIFICATE)
        self._tokens = TokenRows(plane.tables)
        self.roots = RootRows(plane.tables, directory.trust)
        self.outputs = (self._outputs, self._renewing.outputs)
        """What `poll_output` takes from: empty for nearly all of the time."""

    # Commands

    def give(self, now: float, node: NodeId, data: bytes) -> None:
        """Let a node have a certificate that was made for it: see `Node`."""
        chain = self._check_given(node, data)
        if chain.is_demotion:
            take_over(self._plane.tables, now, node)
            self._demotions.append((now + DEMOTION_S, chain))
        elif node == self._me:
            self._renewing.take(now, data)
        elif not self._send(now, chain):
            raise Refused(
                f"node {node.hex()}: not heard just now, and it must have its "
                "certificate from us: wait until it lives"
            )

    def _check_given(self, node: NodeId, data: bytes) -> Chain:
        trust, wall = self._directory.trust, self._known.wall
        try:
            chain = decode_chain_untrusted(data)
        except BadPacket as error:
            raise Refused(f"certificate of {len(data)} bytes: {error}") from None
        if chain.certificate.node != node:
            raise Refused(f"node {node.hex()}: the certificate is another's")
        if not self._renewing.is_manager(self._me):
            raise Refused(f"node {node.hex()}: only managers certify: ask one")
        verdict = trust.judge(chain, wall)
        if verdict is not Verdict.GOOD:
            raise Refused(trust.explain(verdict, chain, wall))
        if chain.is_demotion and node == self._me:
            raise Refused(
                f"node {node.hex()}: a manager does not demote itself, for another "
                "takes over what it has said: ask one"
            )
        return chain

    # Inputs

    def start(self, now: float) -> None:
        """Look when our certificate is to be renewed; also if the calendar changed."""
        self._renewing.plan(now)

    def stop(self) -> None:
        """We leave."""
        self._renewing.stop()

    def receive(self, now: float, peer: NodeId, envelope: bytes) -> None:
        """Take an envelope of one of `renewing.KINDS`."""
        self._renewing.receive(now, peer, envelope)

    def handle_timeout(self, now: float) -> bool:
        """Do everything that is due at `now`; return whether anything was."""
        due = self.poll_timeout()
        if due is None or now < due:
            return False
        while self._demotions and now >= self._demotions[0][0]:
            self._demote(now, self._demotions.pop(0)[1])
        self._renewing.handle_timeout(now)
        return True

    def follow(self, now: float) -> bool:
        """Take up what is new in the rows; return whether anything was."""
        is_news = self._tokens.follow()
        if self.roots.follow():
            is_news = True
            self._note_roots(now)
        while (about := self._marks.poll()) is not None:
            is_news = True
            for row in self._plane.tables.held(*about):
                self._read(now, row)
        return is_news

    # Polls and views

    def poll_output(self) -> CertificateOutput | None:
        """Return the next thing to be done, or None."""
        wanted = self._renewing.outputs
        if wanted:
            return wanted.popleft()
        return self._outputs.popleft() if self._outputs else None

    def poll_timeout(self) -> float | None:
        """Return when `handle_timeout` is wanted next."""
        renewal = self._renewing.poll_timeout()
        return earliest(renewal, *(at for at, _ in self._demotions))

    @property
    def tokens(self) -> TokenRows:
        """The book of join tokens, which follows the rows."""
        return self._tokens

    @property
    def renewing(self) -> Renewing:
        """Our own certificate, to be looked at."""
        return self._renewing

    def behind(self) -> list[NodeId]:
        """Return the members whose certificate is not of the newest root."""
        standing = self._plane.tables.rules.standing()
        return [one for one in standing if self._renewing.is_behind(one)]

    # What follows

    def _send(self, now: float, chain: Chain) -> bool:
        node = chain.certificate.node
        address = self._reach(node)
        if address is not None:
            self._post(now, node, address, GIVEN + chain.encoded, streamed=True)
        return address is not None

    def _demote(self, now: float, chain: Chain) -> None:
        """Say to all that a manager is one no more, and give it what it is now."""
        terms = chain.certificate.terms
        key = chain.certificate.node + terms.not_before.to_bytes(8, "big")
        about = encode_about(chain.encoded)
        self._plane.say(
            now,
            lambda tables: tables.put(
                now, CLUSTER, (CERTIFICATE, key), about, durable=True
            ),
        )
        self._send(now, chain)

    def _read(self, now: float, row: Row) -> None:
        """Take up a demotion, whoever passes it on."""
        encoded = None if row.is_deleted else chain_of_untrusted(row.value)
        try:
            chain = None if encoded is None else decode_chain_untrusted(encoded)
        except BadPacket:
            chain = None
        if chain is None or not chain.is_demotion:
            return
        self._known.introduce(chain.encoded)
        if chain.certificate.node == self._me:
            self._renewing.follow_own(now)

    def _note_roots(self, now: float) -> None:
        """Judge everybody anew: some are known now, others no more."""
        trust, rules = self._directory.trust, self._plane.tables.rules
        self._directory.review()
        for node in rules.introduced():
            chain = chain_of_untrusted(rules.facts_of(node).about)
            if chain is not None and chain != self._known.chain_of(node):
                self._known.introduce(chain)
            self._known.learned[node] = None
        self._renewing.plan(now)
        roots = tuple(root.encode() for root in trust.roots())
        self._outputs.append(RootsChanged(roots, trust.withdrawn_ids()))

    def _note_adopted(self, now: float) -> None:
        """Say to all that we have another certificate."""
        about = encode_about(self._known.chain)
        self._plane.recertify(now, about)
        self._outputs.append(Recertified(self._known.chain))
