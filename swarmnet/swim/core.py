"""What every part of one membership engine shares: its state, its timers, its mail."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, auto
from random import Random

from swarmnet.errors import Refused
from swarmnet.ids import Address, NodeId
from swarmnet.records import record
from swarmnet.swim.awareness import Awareness
from swarmnet.swim.budget import Budget
from swarmnet.swim.cadence import probe_interval
from swarmnet.swim.codec import FRAME_OVERHEAD_BYTES, encode_frame
from swarmnet.swim.config import SwimConfig
from swarmnet.swim.courtesy import Courtesy
from swarmnet.swim.outputs import Output, SendDatagram, SendStream
from swarmnet.swim.reach import Reaches
from swarmnet.swim.roster import Roster
from swarmnet.swim.roundtrips import RoundTrips
from swarmnet.timers import Timers

Sign = Callable[[bytes], bytes]
Verify = Callable[[NodeId, bytes, bytes], bool | None]


@dataclass(frozen=True, slots=True)
class Seams:
    """What the engine is handed because another room owns it.

    `sign(message)` returns this node's proof of at most 128 bytes; `verify(author,
    message, proof)` says whether it is `author`'s, or None if his key is not known
    here; `serial(node)` is the number that whoever admitted the node chose for it,
    which places it on the rings, and is asked only for those whose proof was good;
    `rider(node)` is what the room above has to say to a member that is pinged, at most
    `codec.RIDER_BYTES_MAX` bytes. `envelope` is what stands before each frame that goes
    out, which is taken off before it is handed to another engine.
    """

    sign: Sign
    verify: Verify
    serial: Callable[[NodeId], bytes]
    rider: Callable[[NodeId], bytes] = lambda _node: b""
    envelope: bytes = b""


class Due(IntEnum):
    """Why the engine wakes; with whom or what it is about, a timer's reason."""

    PROBE = auto()
    """The protocol period is over: probe the next member."""
    SILENT = auto()
    """The member that we watch owes a heartbeat: probe it."""
    PING_UNANSWERED = auto()
    """A ping went unanswered: ask others, and try a stream."""
    PROBE_OVER = auto()
    """A probe's time is up: the target has failed it."""
    HELP_OVER = auto()
    """A ping for somebody else went unanswered: tell him so."""
    SUSPICION = auto()
    """A suspicion has run out."""
    DEAD_CONTACT = auto()
    """Time to try one of the dead."""
    FLUSH = auto()
    """Gathered news may go."""
    DIGEST = auto()
    """News is some time old: find out who missed it."""
    PAYLOAD = auto()
    """A payload is some time old: tell neighbours that it is here."""
    WANT = auto()
    """A payload that others have has still not come: ask for it."""
    JOIN = auto()
    """The join went unanswered: try again."""
    LEAVE_OVER = auto()
    """The leave has had its time, acknowledged or not."""
    REFUTE = auto()
    """We were accused again so soon that the answer had to wait."""
    READMIT = auto()
    """A member that died again and again has waited long enough to come back."""
    INSIST = auto()
    """A refutation may have got lost: say it again."""
    RECLAIM = auto()
    """Another life of this identity was heard: speak up."""


Reason = tuple[Due, NodeId | int | None]


@record
class Route:
    """Where to send: a member, and the address at which it is reached.

    `node` is None while only an address is known.
    """

    node: NodeId | None
    address: Address


@dataclass(slots=True)
class Core:
    """The shared state of one engine's parts.

    `counters` are for people: how often something happened, by name. `formers` holds
    where a member said that it was before it moved: a clone may have moved it.
    """

    me: NodeId
    config: SwimConfig
    random: Random
    seams: Seams
    roster: Roster
    budget: Budget
    awareness: Awareness
    round_trips: RoundTrips
    reaches: Reaches = field(default_factory=Reaches)
    courtesy: Courtesy = field(default_factory=Courtesy)
    timers: Timers[Reason] = field(default_factory=Timers)
    outputs: deque[Output] = field(default_factory=deque)
    counters: dict[str, int] = field(default_factory=dict)
    limits: dict[NodeId, int] = field(default_factory=dict)
    formers: dict[NodeId, Address] = field(default_factory=dict)

    def count(self, name: str, by: int = 1) -> None:
        """Count something that happened."""
        self.counters[name] = self.counters.get(name, 0) + by

    def period_s(self) -> float:
        """Return the protocol period for as many members as are live."""
        config = self.config
        return probe_interval(
            self.roster.live_count,
            config.probe_interval_min_s,
            config.probe_interval_s,
        )

    def route(self, node: NodeId) -> Route | None:
        """Return where a member says that it is, or None for a stranger."""
        member = self.roster.get(node)
        if member is None or member.claim.address is None:
            return None
        return Route(node, member.claim.address)

    def former_route(self, node: NodeId) -> Route | None:
        """Return where a member said that it was before, or None if it never moved."""
        address = self.formers.get(node)
        return None if address is None else Route(node, address)

    def saves(self, now: float) -> bool:
        """Return whether the budget is low, so that what can wait should."""
        return self.budget.tokens(now) < self.config.eager_bytes

    def patience(self, now: float, seconds: float) -> float:
        """Return how long something waits now that may wait `seconds`."""
        return seconds * self.config.saving_factor if self.saves(now) else seconds

    def last_whole_ring(self, now: float) -> int:
        """Return the last ring over which news goes whole now."""
        rings = self.config.rings
        return rings - 2 if rings > 1 and self.saves(now) else rings - 1

    def datagram_room(self, node: NodeId | None) -> int:
        """Return the bytes that a frame to `node` may have, channel excluded."""
        limit = self.config.datagram_bytes
        if node is not None:
            limit = self.limits.get(node, limit)
        return limit - self.config.channel_bytes

    def limit_datagrams(self, node: NodeId, limit: int) -> None:
        """Send `node` no datagram above `limit` bytes, the channel's share included.

        Raises:
            Refused: `limit` is below 512 or above 65,507.
        """
        if not 512 <= limit <= 65_507:
            raise Refused(f"datagram limit {limit}: want 512 to 65507 bytes")
        self.limits[node] = limit

    def send(self, now: float, route: Route, items: Sequence[bytes]) -> None:
        """Send messages in as few datagrams as hold them, at once, on the budget."""
        room = self.datagram_room(route.node) - FRAME_OVERHEAD_BYTES
        if len(items) == 1 and len(items[0]) <= room:
            self.send_frame(now, route, encode_frame(items))
            return
        held: list[bytes] = []
        size = 0
        for item in items:
            if held and size + len(item) > room:
                self.send_frame(now, route, encode_frame(held))
                held, size = [], 0
            if len(item) > room:
                self.count("too_large")
                continue
            held.append(item)
            size += len(item)
        if held:
            self.send_frame(now, route, encode_frame(held))

    def send_anyhow(self, now: float, route: Route, items: Sequence[bytes]) -> None:
        """Send by one datagram if all fits into it, else on a stream."""
        room = self.datagram_room(route.node) - FRAME_OVERHEAD_BYTES
        if sum(map(len, items)) <= room:
            self.send_frame(now, route, encode_frame(items))
        else:
            self.send_stream(now, route, items)

    def send_frame(
        self, now: float, route: Route, frame: bytes, *, asks: bool = True
    ) -> None:
        """Send one datagram that is known to fit; `asks` is whether it is answered."""
        self.budget.charge(now, len(frame) + self.config.channel_bytes)
        data = self.seams.envelope + frame
        self.outputs.append(SendDatagram(route.node, route.address, data, asks))

    def send_news(self, now: float, route: Route, frame: bytes) -> None:
        """Send one datagram of news, for which the budget has something set aside."""
        self.budget.charge_news(now, len(frame) + self.config.channel_bytes)
        data = self.seams.envelope + frame
        self.outputs.append(SendDatagram(route.node, route.address, data))

    def send_stream(self, now: float, route: Route, items: Sequence[bytes]) -> None:
        """Send messages in as few stream frames as hold them, on the budget."""
        held: list[bytes] = []
        size = 0
        for item in items:
            if held and size + len(item) > self.config.stream_bytes:
                self._stream_frame(now, route, held)
                held, size = [], 0
            held.append(item)
            size += len(item)
        if held:
            self._stream_frame(now, route, held)

    def _stream_frame(self, now: float, route: Route, items: list[bytes]) -> None:
        frame = encode_frame(items)
        self.budget.charge(now, len(frame) + self.config.channel_bytes)
        data = self.seams.envelope + frame
        self.outputs.append(SendStream(route.node, route.address, data))
