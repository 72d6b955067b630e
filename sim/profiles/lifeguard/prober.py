"""SWIM's failure detector with Lifeguard's care about who is to blame.

LHA-Probe: the period and the wait for an ack are stretched by the local health
multiplier plus one, and helpers that hear nothing say so by a nack. Buddy system: a
suspect learns of it from the first ping that it gets.
Source: the Lifeguard paper, section IV-A and its buddy system.
"""

from random import Random

from sim.profiles.lifeguard.formulas import NACK_FRACTION, LifeguardConfig
from sim.profiles.lifeguard.health import HealthEvent
from sim.profiles.lifeguard.membership import LifeguardMembership
from sim.profiles.peer_roster import Member
from sim.profiles.swim_paper.codec import Kind, Packet
from sim.profiles.swim_paper.prober import Probe, Prober
from swarmnet.ids import Address, NodeId


class LifeguardProber(Prober):
    """The probes of one node, its errands for others, and the nacks owed for them.

    `_awaited` holds the helpers of the running probe that sent no nack yet, `_nacks`
    when one is due for an errand, by the errand's sequence and the oldest first.
    """

    __slots__ = ("_awaited", "_beliefs", "_nacks")

    def __init__(
        self, config: LifeguardConfig, membership: LifeguardMembership, random: Random
    ) -> None:
        super().__init__(config.swim, membership, random)
        self._beliefs = membership
        self._awaited: dict[NodeId, None] = {}
        self._nacks: dict[int, float] = {}

    def period_s(self) -> float:
        """Return how long the period that begins now lasts, in s."""
        return self._beliefs.health.stretch(super().period_s())

    def ping_timeout_s(self) -> float:
        """Return how long the target of that period has for a direct ack, in s."""
        return self._beliefs.health.stretch(super().ping_timeout_s())

    def deadlines(self) -> tuple[float | None, float | None]:
        """Return the end of the wait for an ack, and what is due first of errands."""
        stage_s, errand_s = super().deadlines()
        nack_s = next(iter(self._nacks.values()), None)
        due_s = [one for one in (errand_s, nack_s) if one is not None]
        return stage_s, min(due_s, default=None)

    def handle_timeout(self, now: float) -> None:
        """Say that targets of errands are silent; then as SWIM does."""
        due = [sequence for sequence, due_s in self._nacks.items() if due_s <= now]
        for sequence in due:
            del self._nacks[sequence]
            errand = self._errands.get(sequence)
            if errand is not None:
                self._beliefs.counters["nacks_sent"] += 1
                self._send(errand.requester, errand.address, Kind.NACK, errand.sequence)
        super().handle_timeout(now)

    def receive(
        self, now: float, sender: NodeId, source: Address, packet: Packet
    ) -> bool:
        """Take a packet without its updates; return whether it was for us."""
        if packet.kind is not Kind.NACK:
            return super().receive(now, sender, source, packet)
        if self._probe is not None and self._probe.sequence == packet.sequence:
            self._awaited.pop(sender, None)
        return True

    def _succeed(self) -> None:
        self._beliefs.health.note(HealthEvent.PROBE_SUCCEEDED)
        self._awaited = {}
        super()._succeed()

    def _fail(self, now: float, target: Member) -> None:
        self._beliefs.health.note(HealthEvent.PROBE_FAILED)
        for _ in self._awaited:
            self._beliefs.counters["nacks_missed"] += 1
            self._beliefs.health.note(HealthEvent.NACK_MISSED)
        self._awaited = {}
        super()._fail(now, target)

    def _ask_others(self, probe: Probe) -> list[Member]:
        helpers = super()._ask_others(probe)
        self._awaited = {one.node: None for one in helpers}
        return helpers

    def _receive_ack(self, sequence: int) -> None:
        self._nacks.pop(sequence, None)
        super()._receive_ack(sequence)

    def _run_errand(
        self, now: float, sender: NodeId, source: Address, ask: Packet
    ) -> int | None:
        sequence = super()._run_errand(now, sender, source, ask)
        if sequence is not None:
            self._nacks[sequence] = now + NACK_FRACTION * self._config.ping_timeout_s
        return sequence

    def _urgent(self, kind: Kind, meaning: Member | None) -> list[bytes]:
        if kind is not Kind.PING or meaning is None:
            return []
        accusation = self._beliefs.accusation(meaning.node)
        if accusation is None:
            return []
        return [self._beliefs.wire.encode_update(accusation)]
