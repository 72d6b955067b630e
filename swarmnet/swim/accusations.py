"""From a failed probe to a death: accusing, suspecting, witnessing, concluding.

Whoever hears that a member is suspect suspects it too and waits. The member's ring
neighbours are its witnesses: they probe it at once and, if it fails, sign their own
accusation, so that a true failure is confirmed within one probe and not by chance.
When a suspicion runs out its subject is dead here if our own probe of it has failed or
enough distinct members have signed that theirs did; if neither holds we probe it now.
Whoever relies on its own eyes looks once more before it concludes; and the less others
confirm it while our own health is bad, the longer it waits.
"""

from collections.abc import Callable

from swarmnet.ids import NodeId
from swarmnet.swim.claim import SIGN_DOMAIN, Claim
from swarmnet.swim.codec import claim_of, encode_accusation_body
from swarmnet.swim.core import Core, Due
from swarmnet.swim.member import Member, Verdict, admit
from swarmnet.swim.outputs import State
from swarmnet.swim.probe import Probe
from swarmnet.swim.prober import Prober
from swarmnet.swim.suspicion import Suspicion


class Accusations:
    """The suspicions of one node. `hold(now, member)` puts a new value in place."""

    __slots__ = ("_core", "_hold", "_prober", "_stopped", "_suspicions")

    def __init__(
        self, core: Core, prober: Prober, hold: Callable[[float, Member], None]
    ) -> None:
        self._core = core
        self._prober = prober
        self._hold = hold
        self._suspicions: dict[NodeId, Suspicion] = {}
        self._stopped = False

    def stop(self) -> None:
        """Suspect nobody any more: we have left."""
        for node in self._suspicions:
            self._core.timers.cancel((Due.SUSPICION, node))
        self._suspicions.clear()
        self._stopped = True

    def note_late(self, now: float, seconds: float) -> None:
        """Give every suspect the time back in which we could not hear it refute.

        And a little more: what it said meanwhile may still wait to be read.
        """
        soonest = now + self._core.config.probe_timeout_s
        timers = self._core.timers
        for node, suspicion in self._suspicions.items():
            self._suspicions[node] = suspicion.later(seconds)
            deadline = timers.deadline((Due.SUSPICION, node))
            assert deadline is not None, "a suspicion has a deadline"
            timers.set((Due.SUSPICION, node), max(soonest, deadline + seconds))

    def resume(self, now: float) -> None:
        """Take up the suspicions of a saved view, as if they had begun now."""
        for member in tuple(self._core.roster.members().values()):
            if member.state is State.SUSPECT:
                self._begin(member, now)
                self.follow(now, member)

    def accuse(self, now: float, probe: Probe) -> Claim | None:
        """Accuse a member that failed our probe; return the claim if it is news."""
        core = self._core
        target, version = probe.target, probe.version
        member = core.roster.get(target)
        if member is None or member.claim.version != version or self._stopped:
            return None
        if not member.is_live:
            return None
        suspicion = self._suspicions.get(target)
        if suspicion is None or suspicion.version != version:
            suspicion = Suspicion(version, now)
        self._suspicions[target] = suspicion.with_own_failure(probe.began)
        body = encode_accusation_body(target, version, core.me)
        accusation = claim_of(body, core.seams.sign(SIGN_DOMAIN + body))
        verdict, accused = admit(member, accusation, core.config.confirmations)
        assert accused is not None, "the accused is a member"
        core.count("accusations")
        if verdict is Verdict.NEWS:
            self._hold(now, accused)
            return accusation
        self.follow(now, accused)
        return None

    def note_answered(self, node: NodeId) -> None:
        """A suspect has answered us: what our own eyes saw no longer holds."""
        suspicion = self._suspicions.get(node)
        if suspicion is not None:
            self._suspicions[node] = suspicion.with_answer()

    def follow(self, now: float, member: Member) -> None:
        """Begin, hasten or drop a suspicion, as the member's value calls for."""
        core = self._core
        node = member.claim.subject
        if member.state is not State.SUSPECT or self._stopped:
            if self._suspicions.pop(node, None) is not None:
                core.timers.cancel((Due.SUSPICION, node))
            return
        suspicion = self._suspicions.get(node)
        if suspicion is None or suspicion.version != member.claim.version:
            # Whoever accuses has probed to the end, and counts from his first ping: so
            # all count from about the same time, and nobody from before it.
            suspicion = self._begin(member, now - self._prober.least_span_s())
        deadline = self._deadline(suspicion, member)
        if not suspicion.looked:
            core.timers.set_earlier((Due.SUSPICION, node), max(now, deadline))
        if not suspicion.probe_failed and node in core.roster.rings.neighbours():
            self._prober.probe(now, node)

    def _begin(self, member: Member, since: float) -> Suspicion:
        """Suspect a member, as silent since `since`."""
        suspicion = Suspicion(member.claim.version, since)
        self._suspicions[member.claim.subject] = suspicion
        self._core.count("suspicions")
        return suspicion

    def handle_suspicion(self, now: float, node: NodeId) -> None:
        """A suspicion has run out: conclude, or look for ourselves."""
        core = self._core
        member = core.roster.get(node)
        suspicion = self._suspicions[node]
        assert member is not None, "a suspicion of a stranger"
        due = (Due.SUSPICION, node)
        if not suspicion.convicts(len(member.accusations), core.config.confirmations):
            self._prober.probe(now, node)
            patience_s = core.config.probe_interval_s * core.awareness.multiplier
            core.timers.set(due, now + patience_s + core.config.coalesce_s)
            return
        patient = self._patient_deadline(suspicion, member)
        if now < patient:
            core.timers.set(due, patient)
        elif suspicion.probe_failed and not suspicion.looked:
            self._suspicions[node] = suspicion.with_last_look()
            core.timers.set(due, now + self._prober.look(now, node))
        else:
            core.count("deaths")
            self._prober.drop(node)
            self._hold(now, Member(member.claim, member.accusations, State.DEAD))

    def _deadline(self, suspicion: Suspicion, member: Member) -> float:
        config = self._core.config
        return suspicion.deadline(
            len(member.accusations),
            self._wanted(),
            config.suspicion_min_s,
            config.suspicion_max_s,
        )

    def _patient_deadline(self, suspicion: Suspicion, member: Member) -> float:
        """Return when a suspicion ends if we may be the one who is at fault.

        A member that hears nobody fails every probe, and nobody confirms what it sees:
        then its own bad health stretches the life of what rests on its word alone.
        """
        if len(member.accusations) >= self._wanted():
            return suspicion.started
        life_s = self._deadline(suspicion, member) - suspicion.started
        return suspicion.started + life_s * self._core.awareness.multiplier

    def _wanted(self) -> int:
        core = self._core
        return min(core.config.confirmations, core.roster.live_count - 1)
