"""One node that speaks memberlist's rules: the order in which the parts act.

Time comes in as `now`, packets as bytes; what is to be done goes out by `poll_output`.
The node notes no lateness of its own and knows no boot epochs: neither does the real
one. It tells a payload on as serf does a user event.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from sim.profiles.memberlist.codec import (
    Ack,
    IndirectPing,
    Kind,
    Nack,
    Ping,
    UserEvent,
    decode_untrusted,
    encode_ack,
    split_compound_untrusted,
)
from sim.profiles.memberlist.events import Events
from sim.profiles.memberlist.formulas import (
    LEAVE_TIMEOUT_S,
    Config,
    push_pull_interval_s,
)
from sim.profiles.memberlist.joining import Joining
from sim.profiles.memberlist.membership import Me, Membership
from sim.profiles.memberlist.outbox import Outbox
from sim.profiles.memberlist.prober import Prober
from sim.profiles.memberlist.push_pull import (
    decode_push_pull_untrusted,
    encode_push_pull,
)
from sim.profiles.peer_roster import EMPTY_VIEW, Member, Roster, View
from sim.profiles.peer_wire import open_checksum_untrusted
from swarmnet.errors import BadPacket
from swarmnet.ids import Address, NodeId
from swarmnet.swim.outputs import Deliver, Departed, Joined, Output, Payload, State


@dataclass(frozen=True, slots=True)
class Snapshot:
    """serf's snapshot: where the others were that were alive."""

    addresses: tuple[Address, ...]


class MemberlistEngine:
    """One node; see `sim.profiles.contract.Engine` for its verbs."""

    __slots__ = (
        "_config",
        "_events",
        "_joining",
        "_leave_due_s",
        "_membership",
        "_outbox",
        "_prober",
        "_push_pull_s",
        "_random",
        "_reconnect_s",
        "_rejoin",
    )

    def __init__(
        self, me: Me, config: Config, random: Random, view: View | Snapshot | None
    ) -> None:
        roster = Roster(me.node, view if isinstance(view, View) else EMPTY_VIEW)
        self._config = config
        self._random = random
        self._rejoin = view.addresses if isinstance(view, Snapshot) else ()
        self._outbox = Outbox(config, roster, random)
        self._membership = Membership(me, config, roster, self._outbox, random)
        self._prober = Prober(config, self._membership, self._outbox, random)
        self._events = Events()
        self._joining = Joining(config.join_retry_s)
        self._push_pull_s: float | None = None
        self._reconnect_s: float | None = None
        self._leave_due_s: float | None = None

    def start(self, now: float) -> None:
        """Begin to probe.

        All phases are random. Real tickers run from the start of the process, and
        real processes do not start at the same instant.
        """
        self._outbox.start(now)
        self._prober.start(now)
        self._membership.begin(now)
        stagger_s = self._random.random() * self._config.push_pull_interval_s
        self._push_pull_s = now + stagger_s + self._next_push_pull_s()
        if self._config.reconnect_interval_s:
            self._reconnect_s = now + self._config.reconnect_interval_s
        if self._rejoin:
            self._joining.rejoin(now, self._rejoin)
            self._ask_to_join()
        self._outbox.arm(now)

    def join(self, now: float, addresses: Sequence[Address]) -> None:
        """Exchange full states with each of `addresses`."""
        self._joining.begin(now, addresses)
        self._ask_to_join()
        self._outbox.arm(now)

    def leave(self, now: float) -> None:
        """Leave; `Departed` follows once the word was sent as often as it may be."""
        if self._membership.leaving:
            return
        self._membership.leave(now)
        states = self.states()
        alone = all(state in (State.DEAD, State.LEFT) for state in states.values())
        self._leave_due_s = now if alone else now + LEAVE_TIMEOUT_S
        self._settle(now)

    def publish(self, now: float, payload: Payload) -> None:
        """Spread a user event of our own."""
        self._outbox.queue_event(self._events.publish(payload))
        self._outbox.arm(now)

    def relay(self, now: float, payload: Payload) -> None:
        """Spread a user event that was delivered here."""
        event = self._events.find(payload)
        if event is not None:
            self._outbox.queue_event(event)
            self._outbox.arm(now)

    def receive_datagram(
        self, now: float, sender: NodeId, source: Address, data: bytes
    ) -> None:
        """Take a packet: one message, or a compound of several."""
        try:
            packet = open_checksum_untrusted(data)
            if packet[:1] == b"\x07":
                parts, cut = split_compound_untrusted(packet)
                if cut:
                    self._membership.counters["drop_bad"] += cut
            else:
                parts = [packet]
        except BadPacket:
            self._membership.counters["drop_bad"] += 1
            return
        for part in parts:
            self._receive(now, sender, source, part)
        self._settle(now)

    def receive_stream(
        self, now: float, sender: NodeId, source: Address, data: bytes
    ) -> None:
        """Take a full state, asked for or not, or a ping or ack by stream."""
        try:
            if data[:1] in (b"\x06", b"\xf6"):
                self._receive_state(now, sender, source, data)
            else:
                message = decode_untrusted(data)
                match message:
                    case Ping() if message.node == self._membership.me.node:
                        ack = encode_ack(message.sequence)
                        self._outbox.send_stream(sender, source, ack)
                    case Ack():
                        self._prober.receive_stream_ack(message.sequence)
                    case _:
                        self._membership.counters["drop_unexpected"] += 1
        except BadPacket:
            self._membership.counters["drop_bad"] += 1
        self._settle(now)

    def stream_failed(self, now: float, peer: NodeId | None, address: Address) -> None:
        """Go on to the next address of a join; other streams are not repeated."""
        self._membership.counters["streams_failed"] += 1
        if address == self._joining.current:
            self._joining.failed(now, address)
            self._ask_to_join()

    def note_late(self, now: float, seconds: float) -> None:
        """Take no notice: memberlist does not measure its own lateness."""

    def handle_timeout(self, now: float) -> None:
        """Do what is due."""
        self._prober.handle_timeout(now)
        self._membership.expire(now)
        if self._push_pull_s is not None and self._push_pull_s <= now:
            self._push_pull_s = now + self._next_push_pull_s()
            self._push_pull()
        if self._joining.due_s is not None and self._joining.due_s <= now:
            self._joining.handle_timeout(now)
            self._ask_to_join()
        if self._reconnect_s is not None and self._reconnect_s <= now:
            self._reconnect_s = now + self._config.reconnect_interval_s
            self._reconnect(now)
        gossip_s = self._outbox.gossip_due_s()
        if gossip_s is not None and gossip_s <= now:
            self._outbox.gossip(now)
        self._settle(now)

    def poll_output(self) -> Output | None:
        """Return the next thing to be done, or None."""
        outputs = self._outbox.outputs
        return outputs.popleft() if outputs else None

    def poll_timeout(self) -> float | None:
        """Return the next deadline, or None."""
        tick_s, stage_s, errand_s = self._prober.deadlines()
        due_s = tick_s
        for other_s in (
            stage_s,
            errand_s,
            self._outbox.gossip_due_s(),
            self._push_pull_s,
            self._membership.suspicions.deadline_s(),
            self._joining.due_s,
            self._reconnect_s,
            self._leave_due_s,
        ):
            if other_s is not None and (due_s is None or other_s < due_s):
                due_s = other_s
        return due_s

    def states(self) -> Mapping[NodeId, State]:
        """Return every other member known here and its state."""
        return self._membership.roster.states()

    def incarnation(self, member: NodeId) -> tuple[int, int] | None:
        """Return (1, incarnation) as held for `member`."""
        held = self._membership.roster.get(member)
        return None if held is None else (held.life, held.incarnation)

    def counters(self) -> Mapping[str, int]:
        """Return what was dropped, refuted, suspected and so on, by name."""
        return self._membership.counters

    def save(self) -> object:
        """Return what serf keeps on disk: the addresses of the living."""
        roster = self._membership.roster
        return Snapshot(
            tuple(
                member.address
                for member in roster.known()
                if member.state is State.ALIVE and member.node != roster.me
            )
        )

    def _settle(self, now: float) -> None:
        """Keep up what any input may have touched: the gossip tick and the leave."""
        self._outbox.arm(now)
        if self._leave_due_s is None:
            return
        told = self._membership.me.node not in self._outbox.members
        if told or self._leave_due_s <= now:
            self._leave_due_s = None
            self._outbox.outputs.append(Departed(acknowledged=0))

    def _receive(
        self, now: float, sender: NodeId, source: Address, part: bytes
    ) -> None:
        try:
            message = decode_untrusted(part)
        except BadPacket:
            self._membership.counters["drop_bad"] += 1
            return
        match message:
            case Ping():
                if message.node != self._membership.me.node:
                    self._membership.counters["drop_unexpected"] += 1
                    return
                self._outbox.send(sender, source, encode_ack(message.sequence))
            case Ack():
                self._prober.receive_ack(now, message.sequence)
            case Nack():
                self._prober.receive_nack(message.sequence)
            case IndirectPing():
                self._prober.run_errand(now, sender, source, message)
            case UserEvent():
                if self._events.admit(message):
                    self._outbox.outputs.append(Deliver(message.payload, sender))
            case _:
                self._membership.hear(now, message)

    def _receive_state(
        self, now: float, sender: NodeId, source: Address, data: bytes
    ) -> None:
        states = decode_push_pull_untrusted(data)
        self._membership.counters["push_pulls"] += 1
        if data[0] == Kind.PUSH_PULL:
            # What is answered is what was held before the question was read.
            members = self._listed()
            frame = encode_push_pull(members, join=False, reply=True)
            self._outbox.send_stream(sender, source, frame)
            self._membership.merge(now, states)
            return
        self._membership.merge(now, states)
        if self._joining.answered(now, source):
            self._outbox.outputs.append(Joined(through=sender))
            self._ask_to_join()

    def _listed(self) -> list[Member]:
        roster = self._membership.roster
        held = [roster.get(node) for node in roster.order]
        return [member for member in held if member is not None]

    def _next_push_pull_s(self) -> float:
        members = len(self._membership.roster.order)
        return push_pull_interval_s(self._config.push_pull_interval_s, members)

    def _push_pull(self) -> None:
        def alive(member: Member) -> bool:
            return member.state is State.ALIVE

        for peer in self._membership.roster.sample(1, self._random, alive):
            frame = encode_push_pull(self._listed(), join=False)
            self._outbox.send_stream(peer.node, peer.address, frame)

    def _ask_to_join(self) -> None:
        if self._joining.current is not None:
            frame = encode_push_pull(self._listed(), join=True)
            self._outbox.send_stream(None, self._joining.current, frame)

    def _reconnect(self, now: float) -> None:
        """Try one failed member, the likelier the larger their share (serf)."""
        failed = list(self._membership.failed.values())
        alive = sum(state is State.ALIVE for state in self.states().values())
        if failed and self._random.random() * (alive + 1) <= len(failed):
            index = int(self._random.random() * len(failed))
            self._joining.rejoin(now, [failed[index]])
            self._ask_to_join()
