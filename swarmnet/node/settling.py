"""What this node may do only when all members agree, and how it comes to know.

To use what an earlier life of it had, or what fell to it with a removed node, and to
delete a network: each is a question to all members (`inquiries`), and done when all
have given the word that is wanted.
"""

from dataclasses import dataclass
from enum import Enum, auto
from hashlib import blake2b
from random import Random
from typing import Final

from swarmnet.errors import Refused
from swarmnet.ids import CLUSTER, NODE_ID_BYTES, Address, NodeId, Scope
from swarmnet.node.address_messages import Inquiry, Matter
from swarmnet.node.books import VNIS
from swarmnet.node.inquiries import Inquiries, Question
from swarmnet.node.network_facts import NetworkFlag
from swarmnet.node.networks import KnownNetwork, Networks
from swarmnet.node.realms import Realms
from swarmnet.tables.engine import Tables
from swarmnet.tables.row import NETWORK, POOL, RANGE, REVOCATION
from swarmnet.tables.rules import Presence

SETTLE_S: Final = 3.0
"""A life is sure no sooner than so long after it began: what another life has sent may
be on its way, and an elder twin must have had its say."""
ASK_S: Final = 1.0
"""So long after it began members are asked: what they say shall not be old by then."""
LATE_S: Final = 3.0
"""Whoever did not run for so long may have been copied and started elsewhere."""
_LASTING: Final = frozenset({RANGE, NETWORK, POOL})
_HASHES_MAX: Final = 256
_WORD_BYTES: Final = 16
_ABSENT: Final = b"\1"
_PRESENT: Final = b"\0"


class Cause(Enum):
    """Why something waits for a word of every member."""

    UNSURE = auto()
    """This life does not know yet what became of what earlier ones had."""
    UNACKNOWLEDGED = auto()
    """A removed node's cut is not known."""
    UNSHOWN = auto()
    """It is; but not whether all its deeds are known here, to whom it falls."""
    ORPHANED = auto()
    """Who had the root of a realm was removed, and no heir is left: it is lost."""
    GOING = auto()
    """A network goes, and not all know it."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Something that waits for a word of every member, and whose is missing.

    `subject` is a node, or a network that goes. `held_back` is how many numbers, of all
    realms, cannot be used before; 0 for a network.
    """

    cause: Cause
    subject: bytes
    missing: tuple[NodeId, ...]
    held_back: int


class Settling:
    """The questions that this node has to all others, and its answers to theirs."""

    __slots__ = (
        "_fenced",
        "_hashes",
        "_is_strange",
        "_me",
        "_networks",
        "_quiet_since",
        "_random",
        "_realms",
        "_rival",
        "_tables",
        "inquiries",
    )

    def __init__(
        self,
        me: NodeId,
        tables: Tables,
        realms: Realms,
        networks: Networks,
        *,
        random: Random,
    ) -> None:
        self._me = me
        self._tables = tables
        self._realms = realms
        self._networks = networks
        self._random = random
        self._quiet_since = 0.0
        # What was said of nodes, by the digest of all rows that it was read off.
        self._hashes: dict[NodeId, tuple[object, bytes]] = {}
        # Where another life of ours speaks; and where one does that is fenced.
        self._rival: Address | None = None
        self._fenced: Address | None = None
        self._is_strange = False
        realms.hint = self.hint
        self.inquiries = Inquiries()

    def begin(self, now: float) -> None:
        """There is something to own from now on."""
        self._quiet_since = now

    def note_late(self, now: float, seconds: float) -> None:
        """This process did not run for a while."""
        if seconds >= LATE_S:
            self._doubt(now)

    def note_conflict(self, now: float, address: Address | None) -> None:
        """Another life of ours speaks, from `address`, or has written.

        One that goes on speaking where it was when we became sure is fenced: it would
        have fenced us, or has to write before it uses anything.
        """
        if address is None or address != self._fenced:
            self._fenced = None
            self._rival = address
            self._doubt(now)

    def _doubt(self, now: float) -> None:
        """Be another life from now on, and another than a copy of this process is.

        That draws the same numbers; but it has heard other things since, or at another
        time.
        """
        heard = sorted(self._tables.counters().items())
        seed = (self._random.getrandbits(64), now, heard)
        drawn = blake2b(repr(seed).encode(), digest_size=7).digest()
        self._realms.lives.note_doubt(int.from_bytes(drawn, "big") | 1)
        self._restart(now)

    def _restart(self, now: float) -> None:
        self._quiet_since = now
        self.inquiries.close(self._about_me)
        self._realms.note_lives()

    @property
    def _about_me(self) -> Question:
        return (Matter.DEEDS, bytes(self._me))

    def others(self) -> list[NodeId]:
        """Return all members that count, but this node; dead ones as well."""
        return [one for one in self._tables.rules.standing() if one != self._me]

    def missing(self, question: Question) -> list[NodeId]:
        """Return which members have not given the word that a question wants."""
        matter, subject = question
        word = _ABSENT if matter is Matter.ABSENT else self._hash_of(NodeId(subject))
        return self.inquiries.missing(question, word, self.others())

    def is_worth_waiting(self, now: float) -> bool:
        """Return whether this life will be sure soon, so that nobody need be asked."""
        rules = self._tables.rules
        is_fresh = now < self._quiet_since + 2 * SETTLE_S
        if self._realms.lives.is_sure or not is_fresh:
            return False
        return all(rules.presence_of(one) is Presence.LIVE for one in self.others())

    def waits(self) -> list[Wait]:
        """Return what waits for others."""
        found = [self._wait_of(question) for question in self._wanted()]
        rules = self._tables.rules
        for node in rules.revocations.revoked():
            if rules.revocations.cut_of(node) is None:
                owned = [r.ownership.owned_by(node) for r in self._realms.values()]
                missing = tuple(one for one in rules.awaited(node) if one != self._me)
                held = sum(spans.size for spans in owned)
                found.append(Wait(Cause.UNACKNOWLEDGED, node, missing, held))
        return found + self._orphans()

    def _orphans(self) -> list[Wait]:
        lost: dict[NodeId, int] = {}
        for realm in self._realms.values():
            holder, ownership = realm.ownership.root_holder, realm.ownership
            if holder in ownership.fallen:
                size = ownership.owned_by(holder).size
                lost[holder] = lost.get(holder, 0) + size
        return [Wait(Cause.ORPHANED, node, (), size) for node, size in lost.items()]

    def _wait_of(self, question: Question) -> Wait:
        matter, subject = question
        missing = tuple(self.missing(question))
        if matter is Matter.ABSENT:
            return Wait(Cause.GOING, subject, missing, 0)
        cause = Cause.UNSURE if subject == self._me else Cause.UNSHOWN
        node, realms = NodeId(subject), self._realms.values()
        held = sum(one.estate.waits_for(node) for one in realms)
        return Wait(cause, subject, missing, held)

    # Answers

    def word_on(self, inquiry: Inquiry) -> bytes | None:
        """Return what we know of what another inquires; None: nothing can be said now.

        Rows that wait to be verified count when they are.
        """
        if inquiry.matter is Matter.DEEDS:
            is_node = len(inquiry.subject) == NODE_ID_BYTES
            if not is_node or not self._tables.has_all:
                return None
            return self._hash_of(NodeId(inquiry.subject))
        is_absent = self._is_absent(Scope(inquiry.subject))
        return _ABSENT if is_absent else _PRESENT

    def _is_absent(self, network: Scope) -> bool:
        """Return whether we take no part in a network, and never shall."""
        known = self._networks.get(network)
        is_going = known is not None and known.is_removing
        return is_going and network not in self._tables.scopes()

    def _hash_of(self, node: NodeId) -> bytes:
        """Return a hash of the rows by which a node made, or gave, something."""
        digest = self._tables.digest(CLUSTER)
        held = self._hashes.get(node)
        if held is not None and held[0] == digest:
            return held[1]
        rows = self._tables.rows_of(CLUSTER, node).values()
        hashes = sorted(
            row.hash128
            for row in rows
            if row.table in _LASTING and row.is_durable and not row.is_deleted
        )
        hasher = blake2b(digest_size=_WORD_BYTES)
        for member in sorted(self._members()):
            # Who knows of other members than we do may know what those hold.
            hasher.update(member)
        for one in hashes:
            hasher.update(one.to_bytes(16, "big"))
        if len(self._hashes) >= _HASHES_MAX:
            self._hashes.clear()
        self._hashes[node] = (digest, hasher.digest())
        return hasher.digest()

    def _members(self) -> list[NodeId]:
        """Return the members that count, by rows alone."""
        rules = self._tables.rules
        return [
            node
            for node in rules.introduced()
            if rules.stands(node)
            and not rules.facts_of(node).left
            and not rules.is_revoked(node)
        ]

    # Questions

    def handle_timeout(self, now: float) -> None:
        """Ask what is to be asked, and do what all agree to."""
        if self._tables.is_silent:
            return
        self._look_for_strangers(now)
        wanted = self._wanted()
        for question in self.inquiries.questions():
            if question not in wanted:
                self.inquiries.close(question)
        for question in wanted:
            is_own = question == self._about_me and not self._realms.lives.is_first
            began = max(now, self._quiet_since + ASK_S) if is_own else now
            self.inquiries.open(began, question)
            missing = self.missing(question)
            if question == self._about_me:
                self._meet(now, missing)
            if not missing and self._tables.has_all:
                self._conclude(now, question)
            self.inquiries.ask(now, question, missing)

    def poll_timeout(self) -> float | None:
        """Return when `handle_timeout` is wanted next, or None."""
        return None if self._tables.is_silent else self.inquiries.poll_timeout()

    def _wanted(self) -> list[Question]:
        removed = [(Matter.DEEDS, bytes(one)) for one in self._realms.awaited()]
        going = [(Matter.ABSENT, bytes(one.id)) for one in self._going()]
        lives = self._realms.lives
        is_well = lives.is_sure and lives.is_known and not self._is_strange
        doubts = [] if is_well else [self._about_me]
        return [*doubts, *removed, *going]

    def _going(self) -> list[KnownNetwork]:
        """Return the networks that go, and that are ours to delete or to clear."""
        return [
            known
            for known in self._networks.all()
            if known.is_removing
            and not self._networks.is_cleared(known)
            and (known.owner == self._me or self._is_to_clear(known))
        ]

    def _is_to_clear(self, known: KnownNetwork) -> bool:
        """Return whether something of a removed maker's network is ours by now."""
        revocations = self._tables.rules.revocations
        if revocations.cut_of(known.owner) is None:
            return False
        owners = [self._realms.owner_of(VNIS, one.vni) for one in known.facts.subnets]
        return self._me in owners

    def _conclude(self, now: float, question: Question) -> None:
        matter, subject = question
        if matter is Matter.ABSENT:
            self._end(now, Scope(subject))
        elif subject != self._me:
            self._realms.confirm(NodeId(subject))
            self.inquiries.close(question)
        elif now >= self._quiet_since + SETTLE_S:
            self._fenced, self._is_strange = self._rival, False
            self._realms.make_sure()
            self.inquiries.close(question)

    def _look_for_strangers(self, now: float) -> None:
        """Ask once more if something was granted to a life that we do not know.

        An earlier one has asked for it, and was answered late; or a clone has.
        """
        is_strange = self._realms.lives.is_sure and self._realms.has_strange()
        if is_strange and not self._is_strange:
            self._is_strange = True
            self._quiet_since = now
            self.inquiries.close(self._about_me)

    def hint(self) -> str:
        """Return what waits until this life is sure, and for whom, to be read."""
        lives, missing = self._realms.lives, self.missing(self._about_me)
        if lives.is_sure or not missing:
            return ""
        rules = self._tables.rules
        dead = [n for n in missing if rules.presence_of(n) is not Presence.LIVE]
        held = sum(one.estate.waits_for(self._me) for one in self._realms.values())
        whose = (dead or missing)[0].hex()
        state = "which is dead: bring it back, or remove it" if dead else "soon"
        return (
            f"; {held} numbers of all kinds that earlier lives of this node had wait"
            f" for the word of {len(missing)} nodes, as {whose}, {state}"
        )

    def _meet(self, now: float, missing: list[NodeId]) -> None:
        """See whether we are known, and whether all that live have shown all."""
        lives, rules, others = self._realms.lives, self._tables.rules, self.others()
        # A newcomer is none of those who may agree about it.
        me = 0 if lives.is_first else 1
        answered = self.inquiries.answered(self._about_me, others) + me
        if not lives.is_trusting and not self._may_have_forgotten(missing):
            lives.is_trusting = True
            self._realms.note_lives()
        if not lives.is_known and (2 * answered > len(others) + me or not others):
            lives.is_known = True
            if lives.is_first:
                # Nothing came before it.
                self._realms.make_sure()
            self._realms.note_lives()
        live = any(rules.presence_of(one) is Presence.LIVE for one in missing)
        agree = 2 * (len(others) - len(missing) + 1) > len(others) + 1
        is_met = agree and not live and now >= self._quiet_since + SETTLE_S
        if is_met and not lives.is_met and self._tables.has_all:
            lives.is_met = True
            self._realms.note_lives()

    def _may_have_forgotten(self, missing: list[NodeId]) -> bool:
        """Return whether an earlier life may have known of a removal that we do not.

        Whoever grants us something may be removed, and what he has be another's, for
        that life agreed to it. The managers know whom they removed; and if we are one,
        so may every member.
        """
        rules = self._tables.rules
        is_manager = rules.may_write(self._me, REVOCATION)
        return any(is_manager or rules.may_write(one, REVOCATION) for one in missing)

    def _end(self, now: float, network: Scope) -> None:
        """All know that a network goes, and nobody is in it: let it be no more."""
        known = self._networks.get(network)
        if known is None or not self._is_absent(network):
            return
        self.inquiries.close((Matter.ABSENT, bytes(network)))
        try:
            if known.owner != self._me:
                self._realms.clear(now, network)
            elif NetworkFlag.REMOVING in known.facts.flags:
                self._tables.delete(now, CLUSTER, (NETWORK, bytes(network)))
        except Refused:
            # We were removed, or are fenced: others see to it.
            return
