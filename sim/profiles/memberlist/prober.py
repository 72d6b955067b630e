"""memberlist's failure detector: one probe at a time, and pings on behalf of others.

A probe is a ping; after the (unscaled) timeout, pings by up to k others and one over a
stream; and a verdict at the end of the interval, which the health score stretches. A
tick that falls into a running probe is kept, one at most, as Go's tickers do: a probe
that fails is followed at once by the next.

Source: probeNode in state.go, handleIndirectPing in net.go of hashicorp/memberlist.
"""

from dataclasses import dataclass
from math import floor
from random import Random
from typing import Final

from sim.profiles.memberlist.codec import (
    IndirectPing,
    Suspect,
    encode_ack,
    encode_claim,
    encode_compound,
    encode_indirect_ping,
    encode_nack,
    encode_ping,
)
from sim.profiles.memberlist.formulas import Config
from sim.profiles.memberlist.membership import Membership
from sim.profiles.memberlist.outbox import Outbox
from sim.profiles.peer_roster import Member
from sim.profiles.peer_wire import U32_MAX
from swarmnet.ids import Address, NodeId
from swarmnet.swim.outputs import State

ERRANDS_MAX: Final = 4096


@dataclass(slots=True)
class _Probe:
    """One round: `target` as it was held when the round began."""

    target: Member
    sequence: int
    timeout_s: float | None
    ends_s: float
    nacks_expected: int = 0
    nacks: int = 0
    reached_by_stream: bool = False


@dataclass(frozen=True, slots=True)
class _Errand:
    """A ping sent for another node, which waits to hear of it."""

    requester: NodeId
    address: Address
    sequence: int
    nack: bool
    ends_s: float


class Prober:
    """The probes of one node and the errands that it runs for others."""

    __slots__ = (
        "_config",
        "_errands",
        "_membership",
        "_outbox",
        "_probe",
        "_random",
        "_sequence",
        "_tick_kept",
        "_tick_s",
    )

    def __init__(
        self, config: Config, membership: Membership, outbox: Outbox, random: Random
    ) -> None:
        self._config = config
        self._membership = membership
        self._outbox = outbox
        self._random = random
        self._sequence = 0
        self._probe: _Probe | None = None
        self._errands: dict[int, _Errand] = {}
        self._tick_s: float | None = None
        self._tick_kept = False

    def start(self, now: float) -> None:
        """Fix the phase of the ticks."""
        self._tick_s = now + self._random.random() * self._config.probe_interval_s

    def deadlines(self) -> tuple[float | None, float | None, float | None]:
        """Return the next tick, the end of the probe's stage, that of an errand."""
        probe, errand_s = self._probe, None
        # All errands last equally long, so that the first is always the oldest.
        for errand in self._errands.values():
            errand_s = errand.ends_s
            break
        if probe is None:
            return self._tick_s, None, errand_s
        stage_s = probe.ends_s if probe.timeout_s is None else probe.timeout_s
        return self._tick_s, stage_s, errand_s

    def handle_timeout(self, now: float) -> None:
        """Do what is due."""
        self._end_errands(now)
        probe = self._probe
        if probe is not None:
            if probe.timeout_s is not None and probe.timeout_s <= now:
                probe.timeout_s = None
                self._ask_others(probe)
            if probe.ends_s <= now:
                self._fail(now, probe)
        if self._tick_s is not None and self._tick_s <= now:
            step_s = self._config.probe_interval_s
            self._tick_s += step_s * (floor((now - self._tick_s) / step_s) + 1)
            self._tick_kept = True
        self._begin_if_due(now)

    def receive_ack(self, now: float, sequence: int) -> None:
        """Take an ack by datagram, of our own probe or of an errand."""
        probe = self._probe
        if probe is not None and probe.sequence == sequence:
            self._succeed(now)
            return
        errand = self._errands.pop(sequence, None)
        if errand is not None:
            ack = encode_ack(errand.sequence)
            self._outbox.send(errand.requester, errand.address, ack)

    def receive_stream_ack(self, sequence: int) -> None:
        """Take an ack by stream; it counts at the end of the interval alone."""
        if self._probe is not None and self._probe.sequence == sequence:
            self._probe.reached_by_stream = True

    def receive_nack(self, sequence: int) -> None:
        """Take word that another had no answer either."""
        if self._probe is not None and self._probe.sequence == sequence:
            self._probe.nacks += 1

    def run_errand(
        self, now: float, requester: NodeId, source: Address, ask: IndirectPing
    ) -> None:
        """Ping another node for `requester`."""
        if len(self._errands) >= ERRANDS_MAX:
            self._membership.counters["drop_errands_full"] += 1
            return
        sequence = self._next_sequence()
        ends_s = now + self._config.probe_timeout_s
        self._errands[sequence] = _Errand(
            requester, source, ask.sequence, ask.nack, ends_s
        )
        self._outbox.send(ask.node, ask.address, self._ping(sequence, ask.node))

    def _next_sequence(self) -> int:
        self._sequence = (self._sequence + 1) & U32_MAX
        return self._sequence

    def _ping(self, sequence: int, node: NodeId) -> bytes:
        me = self._membership.me
        return encode_ping(sequence, node, me.node, me.address)

    def _begin_if_due(self, now: float) -> None:
        if not self._tick_kept or self._probe is not None:
            return
        self._tick_kept = False
        target = self._next_target(now)
        if target is None:
            return
        sequence = self._next_sequence()
        self._probe = _Probe(
            target=target,
            sequence=sequence,
            timeout_s=now + self._config.probe_timeout_s,
            ends_s=now + self._membership.probe_interval_s(),
        )
        ping = self._ping(sequence, target.node)
        if target.state is State.ALIVE:
            self._outbox.send(target.node, target.address, ping)
            return
        me = self._membership.me.node
        accusation = encode_claim(Suspect(target.incarnation, target.node, me))
        packet = encode_compound([ping, accusation])
        self._outbox.send_bare(target.node, target.address, packet)

    def _next_target(self, now: float) -> Member | None:
        roster = self._membership.roster
        rounds_begun = 0
        while rounds_begun < 2:
            node = roster.next_in_round(self._random)
            if node is None:
                self._membership.new_round(now)
                rounds_begun += 1
                continue
            member = roster.get(node)
            if node == roster.me or member is None:
                continue
            if member.state in (State.ALIVE, State.SUSPECT):
                return member
        return None

    def _ask_others(self, probe: _Probe) -> None:
        membership = self._membership
        target = probe.target

        def fit(member: Member) -> bool:
            return member.node != target.node and member.state is State.ALIVE

        ask = IndirectPing(probe.sequence, target.node, target.address, nack=True)
        message = encode_indirect_ping(ask, membership.me.node, membership.me.address)
        count = self._config.indirect_checks
        for helper in membership.roster.sample(count, self._random, fit):
            probe.nacks_expected += 1
            self._outbox.send(helper.node, helper.address, message)
        if self._config.tcp_pings:
            ping = self._ping(probe.sequence, target.node)
            self._outbox.send_stream(target.node, target.address, ping)

    def _succeed(self, now: float) -> None:
        self._probe = None
        self._membership.note_health(-1)
        self._begin_if_due(now)

    def _fail(self, now: float, probe: _Probe) -> None:
        self._probe = None
        membership = self._membership
        if probe.reached_by_stream:
            membership.counters["reached_by_stream_only"] += 1
            membership.note_health(-1)
            return
        membership.counters["probes_failed"] += 1
        expected = probe.nacks_expected
        missing = max(0, expected - probe.nacks)
        membership.note_health(missing if expected else 1)
        target = probe.target
        me = membership.me.node
        membership.hear(now, Suspect(target.incarnation, target.node, me))

    def _end_errands(self, now: float) -> None:
        over = [
            sequence
            for sequence, errand in self._errands.items()
            if errand.ends_s <= now
        ]
        for sequence in over:
            errand = self._errands.pop(sequence)
            if errand.nack:
                nack = encode_nack(errand.sequence)
                self._outbox.send(errand.requester, errand.address, nack)
