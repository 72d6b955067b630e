"""One node that speaks SWIM as the paper has it.

Each protocol period pings the next member of a shuffled list (section 4.3); without an
ack in time, k others are asked to ping it; without any ack by the end of the period it
is suspect (4.2). Updates ride on these messages alone (4.1): there is no other gossip,
no stream probe, no full sync. Joining by a stream to a seed that answers with its list
is ours: the paper leaves it to a coordinator.
"""

from collections.abc import Mapping, Sequence
from math import floor
from random import Random
from typing import Final

from sim.profiles.peer_roster import View
from sim.profiles.swim_paper.codec import (
    Kind,
    News,
    decode_frame_untrusted,
    decode_packet_untrusted,
    encode_frame,
    encode_news,
)
from sim.profiles.swim_paper.formulas import Config
from sim.profiles.swim_paper.membership import Membership
from sim.profiles.swim_paper.prober import Prober
from sim.profiles.swim_paper.rules import Update
from swarmnet.errors import BadPacket
from swarmnet.ids import Address, NodeId
from swarmnet.swim.outputs import (
    Deliver,
    Departed,
    Joined,
    Output,
    Payload,
    SendStream,
    State,
)

SEEN_MAX: Final = 4096


class SwimPaperEngine:
    """One node; see `sim.profiles.contract.Engine` for its verbs."""

    __slots__ = (
        "_config",
        "_join_s",
        "_join_through",
        "_leave_due_s",
        "_membership",
        "_news",
        "_prober",
        "_random",
        "_restarted",
        "_seen",
        "_tick_s",
    )

    def __init__(
        self,
        membership: Membership,
        prober: Prober,
        config: Config,
        random: Random,
        *,
        restarted: bool,
    ) -> None:
        self._membership = membership
        self._config = config
        self._random = random
        self._restarted = restarted
        self._prober = prober
        self._tick_s: float | None = None
        self._join_through: list[Address] = []
        self._join_s: float | None = None
        self._leave_due_s: float | None = None
        self._seen: dict[bytes, None] = {}
        self._news: dict[Payload, bytes] = {}

    def start(self, now: float) -> None:
        """Begin to probe, at a random point of the period."""
        self._tick_s = now + self._random.random() * self._config.period_s
        self._membership.begin(now, restarted=self._restarted)

    def join(self, now: float, addresses: Sequence[Address]) -> None:
        """Ask `addresses` in turn for their list until one answers."""
        self._join_through = list(addresses)
        self._ask_to_join(now)

    def leave(self, now: float) -> None:
        """Leave; `Departed` follows once the word was sent as often as it may be."""
        if self._leave_due_s is not None:
            return
        membership = self._membership
        membership.leave(now)
        self._join_s = None
        alone = len(membership.roster.order) < 2
        wait_s = membership.limit() * self._config.period_s
        self._leave_due_s = now if alone else now + wait_s
        self._end_leave(now)

    def publish(self, now: float, payload: Payload) -> None:
        """Spread a payload of our own."""
        data = encode_news(News(self._random.getrandbits(63), payload))
        self._note_news(data, payload)
        self._queue_news(payload, data)

    def relay(self, now: float, payload: Payload) -> None:
        """Spread a payload that was delivered here."""
        data = self._news.get(payload)
        if data is not None:
            self._queue_news(payload, data)

    def receive_datagram(
        self, now: float, sender: NodeId, source: Address, data: bytes
    ) -> None:
        """Take a packet."""
        try:
            packet_fields = self._membership.wire.packet_fields
            packet = decode_packet_untrusted(data, packet_fields)
        except BadPacket:
            self._membership.counters["drop_bad"] += 1
            return
        for update in packet.updates:
            self._receive_update(now, sender, update)
        if not self._prober.receive(now, sender, source, packet):
            self._membership.counters["drop_unexpected"] += 1
        self._end_leave(now)

    def receive_stream(
        self, now: float, sender: NodeId, source: Address, data: bytes
    ) -> None:
        """Take a join, the answer to ours, or a joiner's announcement."""
        try:
            decode = self._membership.wire.decode_update_untrusted
            kind, updates = decode_frame_untrusted(data, decode)
        except BadPacket:
            self._membership.counters["drop_bad"] += 1
            return
        match kind:
            case Kind.JOIN:
                listed = self._membership.listed()
                self._stream(sender, source, Kind.MEMBERS, listed)
            case Kind.MEMBERS if self._join_s is not None:
                self._join_s = None
                self._membership.rejoin(now, updates)
                own = self._membership.myself()
                mine = [self._membership.wire.encode_update(own)]
                self._stream(sender, source, Kind.ANNOUNCE, mine)
                self._membership.outputs.append(Joined(through=sender))
            case Kind.ANNOUNCE:
                for update in updates:
                    self._membership.hear(now, update)
            case _:
                self._membership.counters["drop_unexpected"] += 1

    def stream_failed(self, now: float, peer: NodeId | None, address: Address) -> None:
        """Count it; a join goes on at its next attempt."""
        self._membership.counters["streams_failed"] += 1

    def note_late(self, now: float, seconds: float) -> None:
        """Take no notice: the paper has no local health."""

    def handle_timeout(self, now: float) -> None:
        """Do what is due."""
        self._prober.handle_timeout(now)
        self._membership.expire(now)
        if self._tick_s is not None and self._tick_s <= now:
            # How the last probe ended may change how long the next period is.
            self._prober.begin_period(now)
            step_s = self._prober.period_s()
            self._tick_s += step_s * (floor((now - self._tick_s) / step_s) + 1)
        if self._join_s is not None and self._join_s <= now:
            self._ask_to_join(now)
        self._end_leave(now)

    def poll_output(self) -> Output | None:
        """Return the next thing to be done, or None."""
        outputs = self._membership.outputs
        return outputs.popleft() if outputs else None

    def poll_timeout(self) -> float | None:
        """Return the next deadline, or None."""
        stage_s, errand_s = self._prober.deadlines()
        due_s = self._tick_s
        for other_s in (
            stage_s,
            errand_s,
            self._membership.expires_s(),
            self._join_s,
            self._leave_due_s,
        ):
            if other_s is not None and (due_s is None or other_s < due_s):
                due_s = other_s
        return due_s

    def states(self) -> Mapping[NodeId, State]:
        """Return every other member known here and its state."""
        return self._membership.roster.states()

    def incarnation(self, member: NodeId) -> tuple[int, int] | None:
        """Return (life, incarnation) as held for `member`."""
        held = self._membership.roster.get(member)
        return None if held is None else (held.life, held.incarnation)

    def counters(self) -> Mapping[str, int]:
        """Return what was dropped, refuted and so on, by name."""
        return self._membership.counters

    def save(self) -> object:
        """Return the whole view."""
        roster = self._membership.roster
        members = {member.node: member for member in roster.known()}
        return View(members, tuple(roster.order))

    def _receive_update(self, now: float, sender: NodeId, data: bytes) -> None:
        try:
            update = self._membership.wire.decode_update_untrusted(data)
        except BadPacket:
            self._membership.counters["drop_bad"] += 1
            return
        if isinstance(update, Update):
            self._membership.hear(now, update)
        elif data not in self._seen:
            self._note_news(data, update.payload)
            self._membership.outputs.append(Deliver(update.payload, sender))

    def _note_news(self, data: bytes, payload: Payload) -> None:
        if len(self._seen) >= SEEN_MAX:
            del self._seen[next(iter(self._seen))]
        if len(self._news) >= SEEN_MAX:
            del self._news[next(iter(self._news))]
        self._seen[data] = None
        self._news[payload] = data

    def _queue_news(self, payload: Payload, data: bytes) -> None:
        self._membership.queue.add(b"p" + payload.scope + b"/" + payload.key, data)

    def _ask_to_join(self, now: float) -> None:
        if self._join_through:
            self._join_through.append(self._join_through.pop(0))
            self._join_s = now + self._config.join_retry_s
            frame = encode_frame(Kind.JOIN, ())
            stream = SendStream(None, self._join_through[-1], frame)
            self._membership.outputs.append(stream)

    def _stream(
        self, peer: NodeId, address: Address, kind: Kind, updates: Sequence[bytes]
    ) -> None:
        frame = encode_frame(kind, updates)
        self._membership.outputs.append(SendStream(peer, address, frame))

    def _end_leave(self, now: float) -> None:
        if self._leave_due_s is None:
            return
        if self._membership.has_told_of_myself() or self._leave_due_s <= now:
            self._leave_due_s = None
            self._membership.outputs.append(Departed(acknowledged=0))
