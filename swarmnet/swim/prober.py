"""Probing one member: directly, through others, over a stream."""

from typing import Final, Protocol

from swarmnet.ids import NodeId
from swarmnet.swim.awareness import HealthEvent
from swarmnet.swim.cadence import FLOOR_SHARE
from swarmnet.swim.codec import encode_message
from swarmnet.swim.core import Core, Due
from swarmnet.swim.messages import Ack, Nack, PingRequest
from swarmnet.swim.outputs import ReachChanged
from swarmnet.swim.pinger import Pinger
from swarmnet.swim.probe import Probe, Stage
from swarmnet.swim.reach import Reach

_NACK_AT: Final = 0.8
"""Lifeguard section IV-A: a helper's nack goes after 80 % of what is left."""
_INDIRECT: Final = 2.0
"""A detour through a helper takes two round trips: it is given two timeouts."""
_LATE_TIMEOUTS: Final = 4.0
"""An answer later than so many of the longest timeouts measures no path."""
_UNANSWERED_MAX: Final = 256


class Judge(Protocol):
    """Who hears what came of a probe."""

    def probe_failed(self, now: float, probe: Probe) -> None:
        """Nobody had an answer from the target, which has claimed nothing new."""

    def probe_answered(self, now: float, target: NodeId) -> None:
        """The target, or a helper on its behalf, has answered."""


class Prober:
    """The probes of one node."""

    __slots__ = (
        "_core",
        "_judge",
        "_probes",
        "_targets",
        "_unanswered",
        "pinger",
    )

    def __init__(self, core: Core, judge: Judge) -> None:
        self._core = core
        self._judge = judge
        self.pinger = Pinger(core)
        # Each probe, by the number of each of its pings, and by its target.
        self._probes: dict[int, Probe] = {}
        self._targets: dict[NodeId, Probe] = {}
        # The pings of probes that failed, by number: to whom and when, oldest first.
        self._unanswered: dict[int, tuple[NodeId, float]] = {}

    def stop(self) -> None:
        """Probe no more; what was asked of us is still answered."""
        for probe in tuple(self._targets.values()):
            self._finish(probe)

    def probe(self, now: float, target: NodeId, *, in_turn: bool = False) -> None:
        """Begin a probe of a member, unless one is under way."""
        core = self._core
        member = core.roster.get(target)
        assert member is not None, "a probe of a stranger"
        if target in self._targets:
            return
        number = self.pinger.ping(now, target)
        least_s = FLOOR_SHARE * core.period_s()
        expected_s, more_s = core.round_trips.expect(target, least_s)
        version = member.claim.version
        probe = Probe(target, version, number, now, expected_s, more_s / 2, in_turn)
        probe.pings[number] = now
        self._targets[target] = probe
        self._probes[number] = probe
        self._plan(now, probe, expected_s + probe.step_s)

    def probe_silent(self, now: float, target: NodeId, due: float) -> None:
        """Probe a member whose heartbeat, due at `due`, has not come.

        What it failed to send counts as a first ping that it did not answer.
        """
        self.probe(now, target)
        probe = self._targets[target]
        probe.began = min(probe.began, due)
        if probe.stage is Stage.DIRECT:
            probe.stage = Stage.REPEATED

    def look(self, now: float, target: NodeId) -> float:
        """Ping a member that is about to be declared dead; return how long to wait."""
        probe = self._targets.get(target)
        if probe is None:
            self.probe(now, target)
            probe = self._targets[target]
        else:
            self._repeat(now, probe)
        return probe.timeout_s * self._core.awareness.multiplier

    def least_span_s(self) -> float:
        """Return how long anybody's probe of anybody takes at least to fail, in s.

        That is in perfect health, of a member that is next door, after a heartbeat that
        stayed out: half of the shortest timeout, and the detour.
        """
        longest_s = self._core.config.probe_timeout_s
        timeout_s = min(FLOOR_SHARE * self._core.period_s(), longest_s / 2)
        return timeout_s / 2 + self._detour_s(timeout_s)

    def _detour_s(self, timeout_s: float) -> float:
        return min(_INDIRECT * timeout_s, self._core.config.probe_timeout_s)

    def drop(self, target: NodeId) -> None:
        """Probe a member no longer: it is decided what becomes of it."""
        probe = self._targets.get(target)
        if probe is not None:
            self._finish(probe)

    def handle_unanswered(self, now: float, number: int) -> None:
        """Ping again; when the timeout is over, ask others and try a stream as well."""
        probe = self._probes[number]
        self._repeat(now, probe)
        if probe.stage is Stage.DIRECT:
            probe.stage = Stage.REPEATED
        elif probe.stage is Stage.REPEATED:
            probe.stage = Stage.INDIRECT
            left_s = self._detour_s(probe.timeout_s)
            probe.ends = now + left_s * self._core.awareness.multiplier
            self._core.timers.set((Due.PROBE_OVER, number), probe.ends)
            self._ask_others(now, probe)
        self._plan(now, probe, probe.step_s)

    def _plan(self, now: float, probe: Probe, step_s: float) -> None:
        """Plan the next ping of a probe, if there is time for an answer."""
        stretched_s = step_s * self._core.awareness.multiplier
        if now + 1.5 * stretched_s < probe.ends:
            due = (Due.PING_UNANSWERED, probe.number)
            self._core.timers.set(due, now + stretched_s)

    def _repeat(self, now: float, probe: Probe, *, streamed: bool = False) -> None:
        number = self.pinger.ping(now, probe.target, streamed=streamed)
        probe.pings[number] = now
        self._probes[number] = probe

    def _ask_others(self, now: float, probe: Probe) -> None:
        core = self._core
        target = core.route(probe.target)
        if target is None:
            return
        helpers = core.roster.sample(
            core.random, core.config.indirect_probes, probe.target
        )
        probe.helpers = tuple(helpers)
        left_s = probe.ends - now
        for helper in helpers:
            route = core.route(helper)
            assert route is not None, "a sampled member has an address"
            away_s = min(left_s / 2, core.round_trips.estimate(helper) or 0.0)
            wait_s = _NACK_AT * (left_s - away_s)
            request = PingRequest(probe.number, probe.target, target.address, wait_s)
            core.send(now, route, (encode_message(request),))
        core.count("indirect_probes")
        self._repeat(now, probe, streamed=True)

    def note_late(self, seconds: float) -> None:
        """Give every probe the time back in which we did not run."""
        self._unanswered.clear()
        for probe in self._targets.values():
            probe.late = True
            probe.began += seconds
            probe.ends += seconds
            for due in (Due.PING_UNANSWERED, Due.PROBE_OVER):
                deadline = self._core.timers.deadline((due, probe.number))
                if deadline is not None:
                    self._core.timers.set((due, probe.number), deadline + seconds)

    def note_heard(self, sender: NodeId) -> None:
        """Something has come from a member, whatever it was."""
        probe = self._targets.get(sender)
        if probe is not None:
            probe.heard = True

    def handle_over(self, now: float, number: int) -> None:
        """The target has failed its probe; so have we, if our helpers are silent."""
        probe = self._probes[number]
        self._finish(probe)
        self._keep_unanswered(probe)
        # Silence says nothing about the path: the failure detector judges it.
        if probe.heard:
            self._note_reach(probe.target, Reach.ONE_WAY)
        member = self._core.roster.get(probe.target)
        if member is None or member.claim.version != probe.version:
            # It has left or refuted meanwhile: it failed nothing.
            return
        if member.is_live:
            self._note_own_failure(probe)
            self._core.count("probes_failed")
        self._judge.probe_failed(now, probe)

    def _note_own_failure(self, probe: Probe) -> None:
        health = self._core.awareness
        if probe.helpers:
            for _ in range(probe.missed_nacks()):
                health.note(HealthEvent.NACK_MISSED)
        else:
            health.note(HealthEvent.PROBE_FAILED)

    def receive_ack(
        self, now: float, sender: NodeId, ack: Ack, *, streamed: bool
    ) -> None:
        """End the probe that this answers."""
        probe = self._probes.get(ack.sequence)
        # A late or forged ack must not vouch for anybody else.
        if probe is None or sender not in (probe.target, *probe.helpers):
            self._receive_late(now, sender, ack)
            return
        self._finish(probe)
        if sender != probe.target:
            self._note_reach(probe.target, Reach.INDIRECT)
        elif streamed:
            self._note_reach(probe.target, Reach.STREAM_ONLY)
        else:
            self._note_reach(probe.target, Reach.DIRECT)
            self._measure(now, probe, ack)
        self._core.awareness.note(HealthEvent.PROBE_SUCCEEDED)
        self._judge.probe_answered(now, probe.target)

    def _receive_late(self, now: float, sender: NodeId, ack: Ack) -> None:
        """Take an answer that came when its probe had failed: the path is longer.

        Without these a path that has become longer than the timeout would be measured
        never again. A very late one was held up somewhere, and measures nothing.
        """
        target, sent = self._unanswered.pop(ack.sequence, (None, now))
        if sender != target:
            self._core.count("acks_unexpected")
            return
        self._core.count("acks_late")
        if ack.coordinate is not None and now - sent <= self._longest_s():
            self._core.round_trips.note(sender, ack.coordinate, now - sent)
        self._judge.probe_answered(now, sender)

    def _keep_unanswered(self, probe: Probe) -> None:
        if probe.late:
            return
        for number, sent in probe.pings.items():
            self._unanswered[number] = (probe.target, sent)
        while len(self._unanswered) > _UNANSWERED_MAX:
            del self._unanswered[next(iter(self._unanswered))]

    def _longest_s(self) -> float:
        return _LATE_TIMEOUTS * self._core.config.probe_timeout_s

    def receive_nack(self, sender: NodeId, nack: Nack) -> None:
        """A helper is well, though the target does not answer it."""
        probe = self._probes.get(nack.sequence)
        if probe is not None and sender in probe.helpers:
            probe.nacked[sender] = None

    def _measure(self, now: float, probe: Probe, ack: Ack) -> None:
        """Learn from a round trip, if we ran all the while.

        From members in turn alone, for a coordinate that hears mostly of one neighbour
        leans towards it. Bad health does not matter: it may come of round trips that
        have grown, and then only these can mend it.
        """
        if ack.coordinate is None or probe.late:
            return
        self._core.round_trips.place(probe.target, ack.coordinate)
        if not probe.in_turn:
            return
        rtt_s = now - probe.pings[ack.sequence]
        if not self._core.round_trips.note(probe.target, ack.coordinate, rtt_s):
            self._core.count("round_trips_refused")

    def _note_reach(self, target: NodeId, reach: Reach) -> None:
        if self._core.reaches.note(target, reach):
            self._core.count("reach_changes")
            self._core.outputs.append(ReachChanged(target, reach))

    def _finish(self, probe: Probe) -> None:
        self._core.timers.cancel((Due.PING_UNANSWERED, probe.number))
        self._core.timers.cancel((Due.PROBE_OVER, probe.number))
        for number in probe.pings:
            del self._probes[number]
        del self._targets[probe.target]
