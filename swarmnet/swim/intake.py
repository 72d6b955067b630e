"""The one door for claims: judged, verified, held, told to the caller, passed on."""

from typing import Final

from swarmnet.ids import NodeId
from swarmnet.swim.accusations import Accusations
from swarmnet.swim.awareness import HealthEvent
from swarmnet.swim.claim import SIGN_DOMAIN, Claim
from swarmnet.swim.core import Core, Route
from swarmnet.swim.courtesy import CORRECTION
from swarmnet.swim.credit import Credit
from swarmnet.swim.damping import Damping
from swarmnet.swim.doubt import Doubt
from swarmnet.swim.member import Member, Verdict, admit
from swarmnet.swim.outputs import MemberChanged, SignerUnknown, State
from swarmnet.swim.periods import Periods
from swarmnet.swim.probe import Probe
from swarmnet.swim.prober import Prober
from swarmnet.swim.refutation import Refutation
from swarmnet.swim.relay import Rank, Relay
from swarmnet.swim.repair import Repair
from swarmnet.swim.scopes import Scopes
from swarmnet.swim.selfhood import Selfhood

_COUNTED: Final = {verdict: f"claims_{verdict.name.lower()}" for verdict in Verdict}


def _about(claim: Claim) -> bytes:
    """Return what a claim takes the place of in a queue."""
    if claim.state is State.SUSPECT:
        return b"claim" + claim.subject + claim.author
    return b"claim" + claim.subject


def _is_dead(member: Member | None) -> bool:
    return member is not None and member.state is State.DEAD


def _as_claimed(member: Member) -> Member:
    """Return a member as its claims have it, whatever was concluded."""
    state = State.SUSPECT if member.accusations else member.claim.state
    return Member(member.claim, member.accusations, state)


class Intake:
    """What one node makes of claims, its own included."""

    __slots__ = (
        "_core",
        "_credit",
        "_damping",
        "_doubt",
        "_left",
        "_relay",
        "_removed",
        "_repair",
        "_scopes",
        "_self",
        "accusations",
        "periods",
        "prober",
        "refutation",
    )

    def __init__(
        self,
        core: Core,
        selfhood: Selfhood,
        relay: Relay,
        repair: Repair,
        scopes: Scopes,
    ) -> None:
        self._core = core
        self._self = selfhood
        self._relay = relay
        self._repair = repair
        self._scopes = scopes
        self.prober = Prober(core, self)
        self.periods = Periods(core, self.prober, self.is_on_probation)
        self.accusations = Accusations(core, self.prober, self.hold)
        self._credit = Credit()
        self._damping = Damping(core)
        self._doubt = Doubt()
        self.refutation = Refutation(core, selfhood, self._credit, self.announce)
        # Members that have left, in the order in which they did.
        self._left: dict[NodeId, float] = {}
        # Who was removed may go on claiming to be alive, and others may believe it
        # until they hear: nothing of that is taken here.
        self._removed: dict[NodeId, None] = {}

    def note_removal(self, now: float, node: NodeId, *, stands: bool) -> None:
        """Count a member as having left for good; or no more, if it was not removed."""
        held = self._core.roster.get(node)
        if stands:
            self._removed[node] = None
            if held is not None and held.state is not State.LEFT:
                self.hold(now, Member(held.claim, (), State.LEFT))
        elif node in self._removed:
            del self._removed[node]
            if held is not None:
                self.hold(now, _as_claimed(held))

    def receive(self, now: float, route: Route, claim: Claim) -> bool:
        """Admit a claim; return whether it is news about somebody else."""
        core = self._core
        if claim.subject == core.me:
            self._receive_about_me(now, route, claim)
            return False
        if claim.subject in self._removed:
            core.count("claims_about_removed")
            return False
        held = core.roster.get(claim.subject)
        # Of the dead the word of anybody is held, for it moves nothing, and digests
        # must not differ by who is believed where.
        moves = claim.state is State.SUSPECT and not _is_dead(held)
        if moves and not self._credit.believes(now, claim.author):
            core.count("accusations_unbelieved")
            return False
        verdict, member = admit(held, claim, core.config.confirmations)
        if verdict is Verdict.KNOWN:
            if route.node is not None:
                self._relay.retract(route.node, _about(claim), claim.item)
            return False
        if verdict is not Verdict.STALE and not self._is_genuine(now, route, claim):
            return False
        core.count(_COUNTED[verdict])
        if verdict is Verdict.STALE:
            self._answer_stale(now, route, claim, held)
        elif verdict is Verdict.AHEAD:
            self._repair.note_news(now)
        elif held is not None or claim.state is not State.LEFT:
            # A stranger's leave is no news: there was nothing to forget.
            assert member is not None, "news is held"
            self._note_news(now, claim, held)
            self.hold(now, member)
            return True
        return False

    def _note_news(self, now: float, claim: Claim, held: Member | None) -> None:
        """Take what news says of those who said it, or the contrary."""
        if claim.state is State.SUSPECT:
            author = self._core.roster.get(claim.author)
            if author is not None and author.state is State.DEAD:
                self._damping.note_spoke(now, claim.author)
        elif held is not None and claim.version > held.claim.version:
            confirmations = self._core.config.confirmations
            self._credit.note_refuted(now, held.accusations, confirmations)

    def hold(self, now: float, member: Member) -> None:
        """Put a member's new value in place; everything that hangs on it follows.

        Whoever dies again and again stays dead here, and nobody is told of its claims.
        """
        core = self._core
        node = member.claim.subject
        held = core.roster.get(node)
        previous = None if held is None else held.state
        returns = previous is State.DEAD and member.is_live
        if returns and self._damping.keeps_out(now, member):
            core.roster.put(Member(member.claim, member.accusations, State.DEAD))
            return
        if held is not None:
            self._note_address(held.claim, member.claim)
        core.roster.put(member)
        if member.state is State.DEAD and previous is not State.DEAD:
            self._damping.note_death(now, member)
        if held is None or held.claim != member.claim or previous is not member.state:
            version = member.claim.version
            core.outputs.append(MemberChanged(node, previous, member.state, *version))
        if previous is not member.state:
            self._follow_state(now, node, member.state)
        self.accusations.follow(now, member)

    def _note_address(self, before: Claim, after: Claim) -> None:
        if before.address is not None and before.address != after.address:
            self._core.formers[after.subject] = before.address

    def spread(
        self, now: float, claim: Claim, rank: Rank, exclude: NodeId | None = None
    ) -> None:
        """Pass a claim on to the neighbours, but not to where it came from."""
        self._relay.spread(now, rank, _about(claim), claim.item, exclude)

    def announce(self, now: float) -> None:
        """Tell everyone what we say of ourselves now."""
        self.spread(now, self._self.claim, Rank.OWN_CLAIM)
        self._repair.note_news(now)

    def probe_failed(self, now: float, probe: Probe) -> None:
        """Accuse a member that has failed our probe, and tell everyone."""
        self._damping.note_probe(now, probe.target, answered=False)
        accusation = self.accusations.accuse(now, probe)
        if accusation is not None:
            self.spread(now, accusation, Rank.OWN_CLAIM)
            self._repair.note_news(now)

    def probe_answered(self, now: float, target: NodeId) -> None:
        """A member is there: so far for what we held against it."""
        self._damping.note_probe(now, target, answered=True)
        self.accusations.note_answered(target)

    def is_on_probation(self, node: NodeId) -> bool:
        """Return whether a member is kept dead although it claims to be alive."""
        return self._damping.waits(node)

    def readmit(self, now: float, node: NodeId) -> None:
        """Let a member return that has waited long enough, if it answers."""
        member = self._core.roster.get(node)
        if member is not None and self._damping.may_return(now, node):
            self.hold(now, _as_claimed(member))

    def start(self, now: float) -> None:
        """Take up what a saved view holds: its suspicions, its leaves, its waiting."""
        roster = self._core.roster
        if roster.count(State.ALIVE) == len(roster.members()):
            return
        self.accusations.resume(now)
        for node, member in tuple(self._core.roster.members().items()):
            if member.state is State.LEFT:
                self._left[node] = now
            elif member.state is State.DEAD and not member.accusations:
                # It was not concluded to be dead, but kept out; that is forgotten.
                self.hold(now, _as_claimed(member))

    def stop(self) -> None:
        """Judge nobody any more: we have left."""
        self.periods.stop()
        self.prober.stop()
        self.accusations.stop()

    def note_late(self, now: float, seconds: float) -> None:
        """We did not run for so long: nobody shall suffer for it but ourselves."""
        self._core.awareness.note(HealthEvent.LATE)
        self.periods.watch.note_late(seconds)
        self.prober.note_late(seconds)
        self.accusations.note_late(now, seconds)

    def _follow_state(self, now: float, node: NodeId, state: State) -> None:
        self._scopes.note_state(node)
        if state in (State.DEAD, State.LEFT):
            self._relay.drop(node)
            self._core.reaches.forget(node)
        if state is State.LEFT:
            self._core.limits.pop(node, None)
            self._core.formers.pop(node, None)
            self._damping.forget(node)
            self._core.round_trips.forget(node)
            self._remember_left(now, node)
        else:
            self._left.pop(node, None)

    def _remember_left(self, now: float, node: NodeId) -> None:
        config = self._core.config
        self._left[node] = now
        while self._left:
            oldest, since = next(iter(self._left.items()))
            young = now - since < config.left_retention_s
            if young and len(self._left) <= config.left_max:
                return
            del self._left[oldest]
            self._core.roster.forget(oldest)

    def _answer_stale(
        self, now: float, route: Route, claim: Claim, held: Member | None
    ) -> None:
        """Tell who believes a member alive that it has left: no digest does."""
        gone = held is not None and held.state is State.LEFT
        if held is not None and gone and claim.state is not State.LEFT:
            self._correct(now, route, held.claim)

    def _correct(self, now: float, route: Route, claim: Claim) -> None:
        """Tell somebody how it stands, as far as he and our budget allow."""
        core = self._core
        assert route.node is not None, "a claim comes from somebody"
        willing = core.courtesy.allows(now, route.node, CORRECTION)
        if willing and core.budget.tokens(now) >= 0:
            core.send_anyhow(now, route, (claim.item,))
        else:
            core.count("answers_refused")

    def _receive_about_me(self, now: float, route: Route, claim: Claim) -> None:
        core = self._core
        own = self._self.claim
        if claim == own:
            self.refutation.note_repeated()
            return
        if not self._is_genuine(now, route, claim):
            return
        if claim.state is not State.SUSPECT:
            if self._self.receive_rival(now, claim) is not None:
                self.announce(now)
        elif claim.version == own.version and own.state is State.ALIVE:
            assert route.node is not None, "a claim comes from somebody"
            self.refutation.receive(now, claim, route.node)
            if route.node not in core.roster.rings.neighbours():
                self._correct(now, route, self._self.claim)
        elif claim.version <= own.version:
            self._correct(now, route, own)
        else:
            core.count("claims_ahead")

    def _is_genuine(self, now: float, route: Route, claim: Claim) -> bool:
        core = self._core
        assert route.node is not None, "a claim comes from somebody"
        if self._doubt.doubts(now, route.node):
            core.count("claims_unread")
            return False
        proved = core.seams.verify(claim.author, SIGN_DOMAIN + claim.body, claim.proof)
        if proved is None:
            core.count("signers_unknown")
            core.outputs.append(
                SignerUnknown(claim.author, claim.item, route.node, route.address)
            )
        elif not proved:
            core.count("bad_proofs")
            self._doubt.note(now, route.node)
        return bool(proved)
