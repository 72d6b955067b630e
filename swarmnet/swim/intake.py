"""The one door for claims: judged, verified, held, told to the caller, passed on."""

from typing import Final

from swarmnet.ids import NodeId
from swarmnet.swim.accusations import Accusations
from swarmnet.swim.awareness import HealthEvent
from swarmnet.swim.claim import SIGN_DOMAIN, Claim
from swarmnet.swim.core import Core, Due, Route
from swarmnet.swim.courtesy import CORRECTION
from swarmnet.swim.member import Member, Verdict, admit
from swarmnet.swim.outputs import MemberChanged, State
from swarmnet.swim.prober import Prober
from swarmnet.swim.relay import Rank, Relay
from swarmnet.swim.repair import Repair
from swarmnet.swim.scopes import Scopes
from swarmnet.swim.selfhood import Selfhood

_REFUTE_S: Final = 0.05
_COUNTED: Final = {verdict: f"claims_{verdict.name.lower()}" for verdict in Verdict}


def _about(claim: Claim) -> bytes:
    """Return what a claim takes the place of in a queue."""
    if claim.state is State.SUSPECT:
        return b"claim" + claim.subject + claim.author
    return b"claim" + claim.subject


class Intake:
    """What one node makes of claims, its own included."""

    __slots__ = (
        "_accused_version",
        "_core",
        "_left",
        "_refuted",
        "_relay",
        "_repair",
        "_scopes",
        "_self",
        "accusations",
        "prober",
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
        self.prober = Prober(core, self.accuse)
        self.accusations = Accusations(core, self.prober, self.hold)
        self._refuted = float("-inf")
        self._accused_version: tuple[int, int] | None = None
        # Members that have left, in the order in which they did.
        self._left: dict[NodeId, float] = {}

    def receive(self, now: float, route: Route, claim: Claim) -> bool:
        """Admit a claim; return whether it is news about somebody else."""
        core = self._core
        if claim.subject == core.me:
            self._receive_about_me(now, route, claim)
            return False
        held = core.roster.get(claim.subject)
        verdict, member = admit(held, claim, core.config.confirmations)
        if verdict is Verdict.KNOWN:
            if route.node is not None:
                self._relay.retract(route.node, _about(claim), claim.item)
            return False
        if verdict is not Verdict.STALE and not self._is_genuine(claim):
            return False
        core.count(_COUNTED[verdict])
        if verdict is Verdict.STALE:
            self._answer_stale(now, route, claim, held)
        elif verdict is Verdict.AHEAD:
            self._repair.note_news(now)
        elif held is not None or claim.state is not State.LEFT:
            # A stranger's leave is no news: there was nothing to forget.
            assert member is not None, "news is held"
            self.hold(now, member)
            return True
        return False

    def hold(self, now: float, member: Member) -> None:
        """Put a member's new value in place; everything that hangs on it follows."""
        core = self._core
        node = member.claim.subject
        held = core.roster.get(node)
        core.roster.put(member)
        previous = None if held is None else held.state
        if held is None or held.claim != member.claim or previous is not member.state:
            version = member.claim.version
            core.outputs.append(MemberChanged(node, previous, member.state, *version))
        if previous is not member.state:
            self._follow_state(now, node, member.state)
        self.accusations.follow(now, member)

    def spread(
        self, now: float, claim: Claim, rank: Rank, exclude: NodeId | None = None
    ) -> None:
        """Pass a claim on to the neighbours, but not to where it came from."""
        self._relay.spread(now, rank, _about(claim), claim.item, exclude)

    def announce(self, now: float) -> None:
        """Tell everyone what we say of ourselves now."""
        self.spread(now, self._self.claim, Rank.OWN_CLAIM)
        self._repair.note_news(now)

    def accuse(self, now: float, target: NodeId, version: tuple[int, int]) -> None:
        """Accuse a member that has failed our probe, and tell everyone."""
        accusation = self.accusations.accuse(now, target, version)
        if accusation is not None:
            self.spread(now, accusation, Rank.OWN_CLAIM)
            self._repair.note_news(now)

    def start(self, now: float) -> None:
        """Take up what a saved view holds: its suspicions, and its leaves."""
        self.accusations.resume(now)
        for node, member in self._core.roster.members().items():
            if member.state is State.LEFT:
                self._left[node] = now

    def stop(self) -> None:
        """Judge nobody any more: we have left."""
        self.prober.stop()
        self.accusations.stop()

    def note_late(self, now: float, seconds: float) -> None:
        """We did not run for so long: nobody shall suffer for it but ourselves."""
        self._core.awareness.note(HealthEvent.LATE)
        self.prober.note_late(seconds)
        self.accusations.note_late(now, seconds)

    def _follow_state(self, now: float, node: NodeId, state: State) -> None:
        self._scopes.note_state(node)
        if state in (State.DEAD, State.LEFT):
            self._relay.drop(node)
        if state is State.LEFT:
            self._core.limits.pop(node, None)
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
        if claim == own or not self._is_genuine(claim):
            return
        if claim.state is not State.SUSPECT:
            if self._self.receive_rival(now, claim) is not None:
                self.announce(now)
        elif claim.version == own.version and own.state is State.ALIVE:
            self._accused_version = claim.version
            self.refute(now)
            if route.node not in core.roster.rings.neighbours():
                core.send_anyhow(now, route, (self._self.claim.item,))
        elif claim.version <= own.version:
            self._correct(now, route, own)
        else:
            core.count("claims_ahead")

    def refute(self, now: float) -> None:
        """Answer an accusation of our present version, but not too often.

        Each refutation reaches everyone; a liar shall not set the pace.
        """
        core = self._core
        if self._accused_version != self._self.claim.version:
            return
        if now < self._refuted + _REFUTE_S:
            core.timers.set_earlier((Due.REFUTE, None), self._refuted + _REFUTE_S)
            return
        self._refuted = now
        core.count("refutations")
        core.awareness.note(HealthEvent.REFUTED)
        self._self.raise_incarnation(State.ALIVE)
        self.announce(now)

    def _is_genuine(self, claim: Claim) -> bool:
        genuine = self._core.seams.verify(
            claim.author, SIGN_DOMAIN + claim.body, claim.proof
        )
        if not genuine:
            self._core.count("bad_proofs")
        return genuine
