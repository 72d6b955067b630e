"""SWIM's failure detector: one member in each period, directly and through others.

Every message carries updates, the least sent first. Source: the SWIM paper, sections
3.1 (ping and ping-req), 4.1 (piggyback) and 4.3 (round-robin).
"""

from dataclasses import dataclass
from random import Random
from typing import Final

from sim.profiles.peer_roster import Member
from sim.profiles.peer_wire import CHECKSUM_BYTES, U32_MAX
from sim.profiles.swim_paper.codec import Kind, Packet, encode_packet
from sim.profiles.swim_paper.formulas import Config
from sim.profiles.swim_paper.membership import Membership
from swarmnet.ids import Address, NodeId
from swarmnet.swim.outputs import SendDatagram, State

DATAGRAM_BYTES_MAX: Final = 1400
HEADER_BYTES_MAX: Final = CHECKSUM_BYTES + 64
UPDATE_BYTES: Final = 3
"""The msgpack header of an update on a packet."""
ERRANDS_MAX: Final = 4096


@dataclass(slots=True)
class _Probe:
    target: Member
    sequence: int
    timeout_s: float | None


@dataclass(frozen=True, slots=True)
class _Errand:
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
        self._probe: _Probe | None = None
        self._errands: dict[int, _Errand] = {}

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

    def begin_period(self, now: float) -> None:
        """Suspect a target that never answered; ping the next."""
        membership = self._membership
        if self._probe is not None:
            membership.counters["probes_failed"] += 1
            membership.suspect(now, self._probe.target)
            self._probe = None
        target = self._next_target()
        if target is None:
            return
        sequence = self._next_sequence()
        timeout_s = now + self._config.ping_timeout_s
        self._probe = _Probe(target, sequence, timeout_s)
        self._send(target.node, target.address, Kind.PING, sequence, meaning=target)

    def answer(self, peer: NodeId, address: Address, sequence: int) -> None:
        """Send an ack."""
        self._send(peer, address, Kind.ACK, sequence)

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

    def _ask_others(self, probe: _Probe) -> None:
        target = probe.target
        helpers = self._membership.roster.sample(
            self._config.ping_req, self._random, lambda one: one.node != target.node
        )
        for one in helpers:
            self._send(
                one.node, one.address, Kind.PING_REQ, probe.sequence, meaning=target
            )

    def receive_ack(self, sequence: int) -> None:
        """Take an ack, of our own probe or of an errand."""
        if self._probe is not None and self._probe.sequence == sequence:
            self._probe = None
            return
        errand = self._errands.pop(sequence, None)
        if errand is not None:
            self.answer(errand.requester, errand.address, errand.sequence)

    def run_errand(
        self, now: float, sender: NodeId, source: Address, ask: Packet
    ) -> None:
        """Ping another node for `sender`."""
        assert ask.target is not None
        assert ask.address is not None
        if len(self._errands) >= ERRANDS_MAX:
            self._membership.counters["drop_errands_full"] += 1
            return
        sequence = self._next_sequence()
        ends_s = now + self._config.period_s
        self._errands[sequence] = _Errand(sender, source, ask.sequence, ends_s)
        target = Member(ask.target, ask.address, 1, 0, State.ALIVE, now)
        self._send(ask.target, ask.address, Kind.PING, sequence, meaning=target)

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
            updates=tuple(self._piggyback()),
        )
        datagram = SendDatagram(peer, address, encode_packet(packet))
        self._membership.outputs.append(datagram)

    def _piggyback(self) -> list[bytes]:
        queue = self._membership.queue
        if not queue:
            return []
        limit = self._membership.limit()
        room = DATAGRAM_BYTES_MAX - HEADER_BYTES_MAX
        most = self._config.updates_max or len(queue)
        return queue.take(UPDATE_BYTES, room, limit, most=most)
