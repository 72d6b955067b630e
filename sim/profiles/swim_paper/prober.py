"""SWIM's failure detector: one member in each period, directly and through others.

Every message carries updates, the least sent first. Source: the SWIM paper, sections
3.1 (ping and ping-req), 4.1 (piggyback) and 4.3 (round-robin).
"""

from dataclasses import dataclass
from random import Random
from typing import Final

from sim.profiles.peer_queue import QUEUE_MAX
from sim.profiles.peer_roster import Member
from sim.profiles.peer_wire import CHECKSUM_BYTES, U32_MAX
from sim.profiles.swim_paper.codec import Kind, Packet, encode_packet
from sim.profiles.swim_paper.formulas import Config
from sim.profiles.swim_paper.membership import Membership
from swarmnet.ids import Address, NodeId
from swarmnet.swim.outputs import SendDatagram, State

DATAGRAM_BYTES_MAX: Final = 1400
HEADER_BYTES_MAX: Final = CHECKSUM_BYTES + 64
ROOM_BYTES: Final = DATAGRAM_BYTES_MAX - HEADER_BYTES_MAX
UPDATE_BYTES: Final = 3
"""The msgpack header of an update on a packet."""
ERRANDS_MAX: Final = 4096


@dataclass(slots=True)
class Probe:
    """One round: the target as it was held at the start, until what is due next."""

    target: Member
    sequence: int
    timeout_s: float | None


@dataclass(frozen=True, slots=True)
class Errand:
    """A ping for `requester`, whose own sequence was `sequence`."""

    requester: NodeId
    address: Address
    sequence: int
    ends_s: float


class Prober:
    """The probes of one node and the pings that it sends for others."""

    __slots__ = ("_config", "_errands", "_membership", "_probe", "_random", "_sequence")

    def __init__(self, config: Config, membership: Membership, random: Random) -> None:
        self._config = config
        self._membership = membership
        self._random = random
        self._sequence = 0
        self._probe: Probe | None = None
        self._errands: dict[int, Errand] = {}

    def deadlines(self) -> tuple[float | None, float | None]:
        """Return the end of the wait for an ack, and that of the oldest errand."""
        stage_s = self._probe.timeout_s if self._probe is not None else None
        return stage_s, next((one.ends_s for one in self._errands.values()), None)

    def handle_timeout(self, now: float) -> None:
        """Ask others about a silent target; forget errands that came to nothing."""
        over = [key for key, one in self._errands.items() if one.ends_s <= now]
        for sequence in over:
            del self._errands[sequence]
        probe = self._probe
        if probe is None or probe.timeout_s is None or probe.timeout_s > now:
            return
        probe.timeout_s = None
        self._ask_others(probe)

    def period_s(self) -> float:
        """Return how long the period that begins now lasts, in s."""
        return self._config.period_s

    def ping_timeout_s(self) -> float:
        """Return how long the target of that period has for a direct ack, in s."""
        return self._config.ping_timeout_s

    def begin_period(self, now: float) -> None:
        """Suspect a target that never answered; ping the next."""
        if self._probe is not None:
            self._fail(now, self._probe.target)
            self._probe = None
        target = self._next_target()
        if target is None:
            return
        sequence = self._next_sequence()
        timeout_s = now + self.ping_timeout_s()
        self._probe = Probe(target, sequence, timeout_s)
        self._send(target.node, target.address, Kind.PING, sequence, meaning=target)

    def receive(
        self, now: float, sender: NodeId, source: Address, packet: Packet
    ) -> bool:
        """Take a packet without its updates; return whether it was for us."""
        match packet.kind:
            case Kind.PING if packet.target == self._membership.roster.me:
                self._send(sender, source, Kind.ACK, packet.sequence)
            case Kind.ACK:
                self._receive_ack(packet.sequence)
            case Kind.PING_REQ:
                self._run_errand(now, sender, source, packet)
            case _:
                return False
        return True

    def _succeed(self) -> None:
        self._probe = None

    def _fail(self, now: float, target: Member) -> None:
        self._membership.counters["probes_failed"] += 1
        self._membership.suspect(now, target)

    def _next_target(self) -> Member | None:
        roster = self._membership.roster
        rounds_begun = 0
        while rounds_begun < 2:
            node = roster.next_in_round(self._random)
            if node is None:
                roster.new_round()
                rounds_begun += 1
            elif node != roster.me:
                return roster.get(node)
        return None

    def _ask_others(self, probe: Probe) -> list[Member]:
        target = probe.target
        helpers = self._membership.roster.sample(
            self._config.ping_req, self._random, lambda one: one.node != target.node
        )
        for one in helpers:
            self._send(
                one.node, one.address, Kind.PING_REQ, probe.sequence, meaning=target
            )
        return helpers

    def _receive_ack(self, sequence: int) -> None:
        if self._probe is not None and self._probe.sequence == sequence:
            self._succeed()
            return
        errand = self._errands.pop(sequence, None)
        if errand is not None:
            self._send(errand.requester, errand.address, Kind.ACK, errand.sequence)

    def _run_errand(
        self, now: float, sender: NodeId, source: Address, ask: Packet
    ) -> int | None:
        """Ping another node for `sender`; return our sequence, None if too busy."""
        assert ask.target is not None
        assert ask.address is not None
        if len(self._errands) >= ERRANDS_MAX:
            self._membership.counters["drop_errands_full"] += 1
            return None
        sequence = self._next_sequence()
        ends_s = now + self._config.period_s
        self._errands[sequence] = Errand(sender, source, ask.sequence, ends_s)
        target = Member(ask.target, ask.address, 1, 0, State.ALIVE, now)
        self._send(ask.target, ask.address, Kind.PING, sequence, meaning=target)
        return sequence

    def _next_sequence(self) -> int:
        self._sequence = (self._sequence + 1) & U32_MAX
        return self._sequence

    def _send(
        self,
        peer: NodeId,
        address: Address,
        kind: Kind,
        sequence: int,
        *,
        meaning: Member | None = None,
    ) -> None:
        packet = Packet(
            kind=kind,
            sequence=sequence,
            target=meaning.node if meaning is not None else None,
            address=(
                meaning.address
                if meaning is not None and kind is Kind.PING_REQ
                else None
            ),
            updates=tuple(self._piggyback(self._urgent(kind, meaning))),
        )
        datagram = SendDatagram(peer, address, encode_packet(packet))
        self._membership.outputs.append(datagram)

    def _urgent(self, _kind: Kind, _meaning: Member | None) -> list[bytes]:
        """Return what such a packet carries before all that waits."""
        return []

    def _piggyback(self, urgent: list[bytes]) -> list[bytes]:
        queue = self._membership.queue
        if not queue:
            return urgent
        limit = self._membership.limit()
        room = ROOM_BYTES - sum(UPDATE_BYTES + len(one) for one in urgent)
        most = (self._config.updates_max or QUEUE_MAX) - len(urgent)
        waiting = queue.take(UPDATE_BYTES, room, limit, most=most)
        return urgent + [one for one in waiting if one not in urgent]
