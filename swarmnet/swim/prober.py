"""Probing: one member each period, in turn; directly, through others, over a stream."""

from collections.abc import Callable
from typing import Final

from swarmnet.ids import NodeId
from swarmnet.swim.awareness import HealthEvent
from swarmnet.swim.codec import encode_message
from swarmnet.swim.core import Core, Due, Route
from swarmnet.swim.messages import Ack, Nack, Ping, PingRequest
from swarmnet.swim.outputs import State
from swarmnet.swim.probe import Help, Probe, Stage

_NACK_AT: Final = 0.8
"""Lifeguard section IV-A: a helper's nack goes after 80 % of the probe timeout."""
_HELPS_MAX: Final = 1024
"""A help lives 0.4 s: so many at once would mean 2,500 failing probes per second."""
_PROBE: Final = (Due.PROBE, None)
_DEAD_CONTACT: Final = (Due.DEAD_CONTACT, None)


class Prober:
    """The probes of one node. `on_failed(now, target, version)` hears of failures."""

    __slots__ = (
        "_core",
        "_dead_turn",
        "_helps",
        "_on_failed",
        "_probes",
        "_sequence",
        "_targets",
    )

    def __init__(
        self, core: Core, on_failed: Callable[[float, NodeId, tuple[int, int]], None]
    ) -> None:
        self._core = core
        self._on_failed = on_failed
        self._probes: dict[int, Probe] = {}
        self._targets: dict[NodeId, None] = {}
        self._dead_turn = 0
        self._helps: dict[int, Help] = {}
        # A restarted node must not take an ack of its former life for one of this.
        self._sequence = core.random.getrandbits(32)

    def start(self, now: float) -> None:
        """Begin to probe, at a random point of the period."""
        phase = self._core.random.random()
        interval_s = self._core.config.probe_interval_s
        self._core.timers.set(_PROBE, now + phase * interval_s)
        self._core.timers.set(_DEAD_CONTACT, now + phase * interval_s)

    def stop(self) -> None:
        """Probe no more; what was asked of us is still answered."""
        self._core.timers.cancel(_PROBE)
        self._core.timers.cancel(_DEAD_CONTACT)
        for sequence in tuple(self._probes):
            self._finish(sequence)

    def handle_period(self, now: float) -> None:
        """Probe the next member in turn."""
        target = self._core.roster.next_probe_target(self._core.random)
        if target is not None:
            self.probe(now, target)
        interval_s = self._core.config.probe_interval_s
        stretched_s = interval_s * self._core.awareness.multiplier
        self._core.timers.set(_PROBE, now + stretched_s)

    def handle_dead_contact(self, now: float) -> None:
        """Ping one of the dead: the cable between us may be whole again."""
        core = self._core
        core.timers.set(_DEAD_CONTACT, now + core.config.dead_contact_interval_s)
        dead = core.roster.next_dead(self._dead_turn)
        self._dead_turn += 1
        if dead is not None:
            self._ping(now, dead)

    def probe(self, now: float, target: NodeId) -> None:
        """Begin a probe of a live member, unless one is under way."""
        member = self._core.roster.get(target)
        assert member is not None, "a probe of a stranger"
        if target in self._targets:
            return
        config = self._core.config
        stretch = self._core.awareness.multiplier
        sequence = self._ping(now, target)
        self._targets[target] = None
        self._probes[sequence] = Probe(
            target, member.claim.version, now + config.probe_interval_s * stretch
        )
        wait_s = config.probe_timeout_s * stretch / 2
        self._core.timers.set((Due.PING_UNANSWERED, sequence), now + wait_s)

    def handle_unanswered(self, now: float, sequence: int) -> None:
        """Ping again; the second time, ask others and try a stream as well."""
        probe = self._probes[sequence]
        core = self._core
        config = core.config
        route = core.route(probe.target)
        if route is not None:
            core.send(now, route, self._ping_items(sequence, probe.target))
        stretch = core.awareness.multiplier
        if probe.stage is Stage.DIRECT:
            probe.stage = Stage.REPEATED
            wait_s = config.probe_timeout_s * stretch / 2
            core.timers.set((Due.PING_UNANSWERED, sequence), now + wait_s)
            return
        probe.stage = Stage.INDIRECT
        # Should this come late, the helpers still get their time.
        left_s = (config.probe_interval_s - config.probe_timeout_s) * stretch
        probe.ends = max(probe.ends, now + left_s)
        core.timers.set((Due.PROBE_OVER, sequence), probe.ends)
        if route is not None:
            self._ask_others(now, sequence, route)

    def _ask_others(self, now: float, sequence: int, target: Route) -> None:
        core = self._core
        assert target.node is not None, "a probe's target has a name"
        helpers = core.roster.sample(
            core.random, core.config.indirect_probes, target.node
        )
        self._probes[sequence].helpers = tuple(helpers)
        request = encode_message(PingRequest(sequence, target.node, target.address))
        for helper in helpers:
            route = core.route(helper)
            assert route is not None, "a sampled member has an address"
            core.send(now, route, (request,))
        core.count("indirect_probes")
        core.send_stream(now, target, self._ping_items(sequence, target.node))

    def note_late(self, seconds: float) -> None:
        """Give every probe the time back in which we did not run."""
        for sequence in self._probes:
            for due in (Due.PING_UNANSWERED, Due.PROBE_OVER):
                deadline = self._core.timers.deadline((due, sequence))
                if deadline is not None:
                    self._core.timers.set((due, sequence), deadline + seconds)

    def handle_over(self, now: float, sequence: int) -> None:
        """The target has failed its probe; so have we, if our helpers are silent."""
        probe = self._finish(sequence)
        member = self._core.roster.get(probe.target)
        if member is None or member.claim.version != probe.version:
            # It has left or refuted meanwhile: it failed nothing.
            return
        health = self._core.awareness
        if probe.helpers:
            for _ in range(probe.missed_nacks()):
                health.note(HealthEvent.NACK_MISSED)
        else:
            health.note(HealthEvent.PROBE_FAILED)
        self._core.count("probes_failed")
        self._on_failed(now, probe.target, probe.version)

    def receive_ping(
        self, now: float, route: Route, ping: Ping, *, streamed: bool
    ) -> None:
        """Answer a ping on the way by which it came."""
        items = (*self._accusations(route.node), encode_message(Ack(ping.sequence)))
        if streamed:
            self._core.send_stream(now, route, items)
        else:
            self._core.send(now, route, items)

    def receive_ack(self, now: float, sender: NodeId, ack: Ack) -> None:
        """End the probe that this answers; or pass the good news on to who asked."""
        help_ = self._helps.get(ack.sequence)
        if help_ is not None and help_.target == sender:
            del self._helps[ack.sequence]
            self._core.timers.cancel((Due.HELP_OVER, ack.sequence))
            self._answer(now, help_, Ack)
            return
        probe = self._probes.get(ack.sequence)
        # A late or forged ack must not vouch for anybody else.
        if probe is None or sender not in (probe.target, *probe.helpers):
            self._core.count("acks_unexpected")
            return
        self._finish(ack.sequence)
        self._core.awareness.note(HealthEvent.PROBE_SUCCEEDED)

    def receive_nack(self, sender: NodeId, nack: Nack) -> None:
        """A helper is well, though the target does not answer it."""
        probe = self._probes.get(nack.sequence)
        if probe is not None and sender in probe.helpers:
            probe.nacked[sender] = None

    def receive_request(self, now: float, sender: NodeId, request: PingRequest) -> None:
        """Ping a member for somebody else, at the address at which we know it."""
        route = self._core.route(request.target)
        if route is None or request.target == self._core.me:
            # We cannot help; but we are there, which is what a nack says.
            self._answer(now, Help(sender, request.target, request.sequence), Nack)
            return
        if len(self._helps) >= _HELPS_MAX:
            self._core.count("helps_refused")
            return
        sequence = self._next_sequence()
        self._helps[sequence] = Help(sender, request.target, request.sequence)
        wait_s = self._core.config.probe_timeout_s * _NACK_AT
        self._core.timers.set((Due.HELP_OVER, sequence), now + wait_s)
        self._core.send(now, route, self._ping_items(sequence, request.target))

    def handle_help_over(self, now: float, sequence: int) -> None:
        """Tell who asked that the target has not answered us."""
        help_ = self._helps.pop(sequence)
        self._answer(now, help_, Nack)

    def _answer(self, now: float, help_: Help, kind: type[Ack] | type[Nack]) -> None:
        route = self._core.route(help_.asker)
        if route is not None:
            self._core.send(now, route, (encode_message(kind(help_.sequence)),))

    def _finish(self, sequence: int) -> Probe:
        self._core.timers.cancel((Due.PING_UNANSWERED, sequence))
        self._core.timers.cancel((Due.PROBE_OVER, sequence))
        probe = self._probes.pop(sequence)
        del self._targets[probe.target]
        return probe

    def _ping(self, now: float, target: NodeId) -> int:
        sequence = self._next_sequence()
        route = self._core.route(target)
        if route is not None:
            self._core.send(now, route, self._ping_items(sequence, target))
        return sequence

    def _ping_items(self, sequence: int, target: NodeId) -> tuple[bytes, ...]:
        ping = encode_message(Ping(sequence, self._core.roster.digest()))
        return (*self._accusations(target), ping)

    def _accusations(self, node: NodeId | None) -> tuple[bytes, ...]:
        """Return what is held against a member, so that it can refute it at once.

        Lifeguard section IV-C, "Buddy System": the accused hears of it first.
        """
        member = None if node is None else self._core.roster.get(node)
        if member is None or member.state is State.ALIVE:
            return ()
        return tuple(claim.item for claim in member.accusations[:1])

    def _next_sequence(self) -> int:
        self._sequence += 1
        return self._sequence
