"""Packets on their way out: gossip ticks and what rides along with every message.

Membership goes first, user events fill what is left of the packet. Source:
getBroadcasts in broadcast.go, sendMsg in net.go, gossip in state.go of memberlist.
"""

from collections import deque
from math import floor
from random import Random
from typing import Final

from sim.profiles.memberlist.codec import (
    COMPOUND_HEADER_BYTES,
    COMPOUND_PART_BYTES,
    COMPOUND_PARTS_MAX,
    UserEvent,
    encode_compound,
    encode_event,
)
from sim.profiles.memberlist.formulas import Config, retransmit_limit
from sim.profiles.peer_queue import TransmitQueue
from sim.profiles.peer_roster import Member, Roster
from sim.profiles.peer_wire import CHECKSUM_BYTES, seal_checksum
from swarmnet.ids import Address, NodeId
from swarmnet.swim.outputs import Output, SendDatagram, SendStream, State

PACKET_BYTES: Final = 1400
ENCRYPT_BYTES: Final = 29
"""AES-GCM, version 1: version, nonce and tag."""
DATAGRAM_BYTES_MAX: Final = PACKET_BYTES - ENCRYPT_BYTES + CHECKSUM_BYTES + 2
"""The longest that an engine sends: the checksum, as in the real one, is not counted
against the 1400, nor are the two bytes that `Outbox.send` forgets."""
USER_BYTES: Final = 1
USER_QUEUE_MAX: Final = 4096
"""serf's MaxQueueDepth."""


class Outbox:
    """What one node wants sent, and the broadcasts that it still has to spread."""

    __slots__ = (
        "_config",
        "_gossip_s",
        "_phase_s",
        "_random",
        "_roster",
        "events",
        "members",
        "outputs",
    )

    def __init__(self, config: Config, roster: Roster, random: Random) -> None:
        self._config = config
        self._roster = roster
        self._random = random
        self._phase_s = 0.0
        self._gossip_s: float | None = None
        self.outputs: deque[Output] = deque()
        self.members = TransmitQueue()
        self.events = TransmitQueue(USER_QUEUE_MAX)

    def start(self, now: float) -> None:
        """Fix the phase of the gossip ticks."""
        self._phase_s = now + self._random.random() * self._config.gossip_interval_s

    def gossip_due_s(self) -> float | None:
        """Return the next tick that has anything to say, or None."""
        return self._gossip_s

    def arm(self, now: float) -> None:
        """See that the next tick after `now` is kept if there is anything to say.

        A tick with empty queues does nothing, so that a quiet node has none.
        """
        if self._gossip_s is None and (self.members or self.events):
            step_s = self._config.gossip_interval_s
            ticks = max(0, floor((now - self._phase_s) / step_s) + 1)
            due_s = self._phase_s + ticks * step_s
            self._gossip_s = due_s if due_s > now else due_s + step_s

    def gossip(self, now: float) -> None:
        """Tell a few random members; the caller then calls `arm`."""
        self._gossip_s = None
        limit_s = self._config.gossip_to_the_dead_s

        def wanted(member: Member) -> bool:
            if member.state is State.DEAD:
                return now - member.changed_s <= limit_s
            return member.state is not State.LEFT

        room = PACKET_BYTES - COMPOUND_HEADER_BYTES - ENCRYPT_BYTES
        count = self._config.gossip_nodes
        for member in self._roster.sample(count, self._random, wanted):
            parts = self._broadcasts(room)
            if not parts:
                return
            packet = parts[0] if len(parts) == 1 else encode_compound(parts)
            self.send_bare(member.node, member.address, packet)

    def send(self, peer: NodeId, address: Address, message: bytes) -> None:
        """Send `message` in a datagram, with as much gossip as fits beside it."""
        if not self.members and not self.events:
            self.send_bare(peer, address, message)
            return
        # The two bytes for the length of `message` itself are forgotten in the real
        # one as well: a full packet is two bytes longer than it should be.
        room = PACKET_BYTES - len(message) - COMPOUND_HEADER_BYTES - ENCRYPT_BYTES
        extra = self._broadcasts(room)
        self.send_bare(
            peer, address, encode_compound([message, *extra]) if extra else message
        )

    def send_bare(self, peer: NodeId, address: Address, packet: bytes) -> None:
        """Send `packet` in a datagram, with its checksum alone."""
        self.outputs.append(SendDatagram(peer, address, seal_checksum(packet)))

    def send_stream(self, peer: NodeId | None, address: Address, frame: bytes) -> None:
        """Send `frame` over the stream to a peer."""
        self.outputs.append(SendStream(peer, address, frame))

    def queue_event(self, event: UserEvent) -> None:
        """Spread a user event; it replaces an older one of its key."""
        payload = event.payload
        name = payload.scope + b"/" + payload.key
        self.events.add(name, encode_event(event), rank=event.ltime)

    def _broadcasts(self, room: int) -> list[bytes]:
        limit = retransmit_limit(self._config.retransmit_mult, len(self._roster.order))
        parts = self.members.take(COMPOUND_PART_BYTES, room, limit)
        room -= sum(COMPOUND_PART_BYTES + len(part) for part in parts)
        overhead = COMPOUND_PART_BYTES + USER_BYTES
        if room > overhead and self.events:
            events = self.events.take(overhead, room, limit)
            parts += [b"\x08" + event for event in events]
        assert len(parts) < COMPOUND_PARTS_MAX
        return parts
