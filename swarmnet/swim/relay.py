"""News is passed on when it is first received, to the neighbours on the rings.

Each neighbour has a lane: what waits to be sent to it, keyed by what it is about, so a
newer claim takes an older one's place and a lane holds no more than there are subjects
to speak of. While nothing is urgent to save, a lane is emptied as soon as it is filled;
while news comes thick it is gathered for a few milliseconds; once the budget is spent
it waits for tokens, and so gathers full datagrams by itself.

memberlist and NetworkDB send on a 200 ms tick to three random peers instead, up to 16
copies per node among a thousand.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from itertools import islice
from typing import Final

from swarmnet.ids import NodeId
from swarmnet.swim.codec import FRAME_OVERHEAD_BYTES, encode_frame, encode_message
from swarmnet.swim.core import Core, Due
from swarmnet.swim.messages import Have

_FLUSH: Final = (Due.FLUSH, None)
_IDS_OVERHEAD_BYTES: Final = 6
_ID_BYTES: Final = 8
_TURN: Final = 4
_IDS_TURN: Final = 8


class Rank(IntEnum):
    """In which order a lane is emptied: membership first, own news before others'."""

    OWN_CLAIM = 0
    CLAIM = 1
    OWN_URGENT = 2
    OWN_PAYLOAD = 3
    URGENT = 4
    PAYLOAD = 5


_RANKS: Final = tuple(Rank)


class Lane:
    """What waits to be sent to one neighbour."""

    __slots__ = ("_queues", "_ranks", "_sent", "bytes", "payload_ids")

    def __init__(self) -> None:
        self._queues: tuple[dict[bytes, bytes], ...] = tuple({} for _ in _RANKS)
        self._ranks: dict[bytes, Rank] = {}
        self.payload_ids: dict[int, bool] = {}
        self.bytes = 0
        self._sent = 0

    def put(self, rank: Rank, about: bytes, item: bytes) -> None:
        """Queue `item`; what waited about the same thing is superseded."""
        held = self._ranks.get(about)
        if held is not None:
            self.bytes -= len(self._queues[held][about])
            if held is not rank:
                del self._queues[held][about]
        self._ranks[about] = rank
        # In its old place, lest what changes often never get its turn.
        self._queues[rank][about] = item
        self.bytes += len(item)

    def retract(self, about: bytes, item: bytes) -> None:
        """Drop `item` if it waits: the neighbour has it."""
        rank = self._ranks.get(about)
        if rank is not None and self._queues[rank][about] == item:
            del self._queues[rank][about]
            del self._ranks[about]
            self.bytes -= len(item)

    @property
    def has_items(self) -> bool:
        """Whether more waits than ids, which are in no hurry."""
        return bool(self._ranks)

    def put_id(self, payload_id: int, *, reminds: bool) -> None:
        """Queue the news that this node has a payload; see `Have`."""
        if payload_id not in self.payload_ids:
            self.bytes += _ID_BYTES
            self.payload_ids[payload_id] = reminds

    def take(self, room: int) -> list[bytes]:
        """Remove and return what goes into the next datagram of `room` bytes.

        Three datagrams of four begin with the most urgent rank. Each fourth begins
        with one of the others, in turn, so that none waits for ever.
        """
        taken: list[bytes] = []
        left = room
        for rank in self._order():
            queue = self._queues[rank]
            while queue:
                about = next(iter(queue))
                size = len(queue[about])
                if left < size <= room:
                    break
                item = queue.pop(about)
                del self._ranks[about]
                self.bytes -= size
                # What exceeds the peer's limit alone is left to sync, by stream.
                if size <= room:
                    taken.append(item)
                    left -= size
        taken.extend(self._take_ids(left))
        self._sent += 1
        return taken

    def _take_ids(self, room: int) -> Iterator[bytes]:
        """Remove ids that fit into `room`, and yield the messages that hold them."""
        room -= 2 * _IDS_OVERHEAD_BYTES
        chosen = tuple(islice(self.payload_ids.items(), max(0, room // _ID_BYTES)))
        for payload_id, _ in chosen:
            del self.payload_ids[payload_id]
        self.bytes -= _ID_BYTES * len(chosen)
        for reminds in (False, True):
            numbers = tuple(number for number, held in chosen if held is reminds)
            if numbers:
                yield encode_message(Have(numbers, reminds))

    def _order(self) -> tuple[Rank, ...]:
        turns, place = divmod(self._sent, _TURN)
        if place != _TURN - 1:
            return _RANKS
        first = _RANKS[1 + turns % (len(_RANKS) - 1)]
        return (first, *(rank for rank in _RANKS if rank is not first))


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits in all lanes, and for how long something has waited without a break.

    Nothing there is older than `age_s`; it is right to a few milliseconds, for so long
    news may be gathered.
    """

    bytes: int
    age_s: float


class Relay:
    """The lanes of one node, and when they are emptied."""

    __slots__ = ("_core", "_flushed", "_lanes", "_since", "_turns", "is_waiting")

    def __init__(self, core: Core) -> None:
        self._core = core
        self._lanes: dict[NodeId, Lane] = {}
        self._flushed = float("-inf")
        self._turns = 0
        self.is_waiting = False
        """Whether `flush` has anything to do."""
        self._since: float | None = None

    def lane(self, node: NodeId) -> Lane:
        """Return the lane to a member, made on first use."""
        self.is_waiting = True
        lane = self._lanes.get(node)
        if lane is None:
            lane = self._lanes[node] = Lane()
        return lane

    def put(self, node: NodeId, rank: Rank, about: bytes, item: bytes) -> None:
        """Queue an item for one member."""
        self.lane(node).put(rank, about, item)

    def spread(
        self, now: float, rank: Rank, about: bytes, item: bytes, exclude: NodeId | None
    ) -> None:
        """Queue a claim for every neighbour but the one it came from."""
        last_ring = self._core.last_whole_ring(now)
        for neighbour, ring in self._core.roster.rings.neighbours().items():
            if neighbour != exclude and ring <= last_ring:
                self.lane(neighbour).put(rank, about, item)

    def retract(self, node: NodeId, about: bytes, item: bytes) -> None:
        """Do not send `item` to a member that is known to have it."""
        lane = self._lanes.get(node)
        if lane is not None:
            lane.retract(about, item)

    def drop(self, node: NodeId) -> None:
        """Forget what waits for a member that is gone."""
        self._lanes.pop(node, None)

    def flush(self, now: float) -> None:
        """Send what waits, now or as soon as coalescing and budget allow."""
        if not self.is_waiting:
            return
        if self._since is None:
            self._since = now
        core = self._core
        wait_s = core.patience(now, core.config.coalesce_s)
        if now < self._flushed + wait_s:
            core.timers.set_earlier(_FLUSH, self._flushed + wait_s)
            return
        self._flushed = now
        self._turns += 1
        if self._send_turns(now, self._due_lanes(now)):
            self._tidy(now + wait_s)

    def backlog(self, now: float) -> Backlog:
        """Return what waits."""
        waiting = sum(lane.bytes for lane in self._lanes.values())
        since = self._since if waiting else None
        return Backlog(waiting, 0.0 if since is None else now - since)

    def _due_lanes(self, now: float) -> list[NodeId]:
        """Return whom to send to; while the node saves, ids alone wait for company."""
        ids_too = self._turns % _IDS_TURN == 0 or not self._core.saves(now)
        return [
            node
            for node, lane in self._lanes.items()
            if lane.has_items or (ids_too and lane.payload_ids)
        ]

    def _send_turns(self, now: float, waiting: list[NodeId]) -> bool:
        """Send one datagram a lane and turn, so that a long lane holds up no other.

        Returns False when the budget is spent.
        """
        while waiting:
            node = waiting.pop(0)
            if not self._send_one(now, node, self._lanes[node]):
                # The lane that had to wait is the first to be served next time.
                self._lanes = {node: self._lanes.pop(node), **self._lanes}
                return False
            if self._lanes[node].has_items:
                waiting.append(node)
        return True

    def _tidy(self, later: float) -> None:
        """Keep the lanes of neighbours, and those in which something waits."""
        neighbours = self._core.roster.rings.neighbours()
        for node in tuple(self._lanes):
            if node not in neighbours and not self._lanes[node].bytes:
                del self._lanes[node]
        self.is_waiting = any(lane.bytes for lane in self._lanes.values())
        if self.is_waiting:
            self._core.timers.set_earlier(_FLUSH, later)
        else:
            self._since = None

    def _send_one(self, now: float, node: NodeId, lane: Lane) -> bool:
        """Send a lane's next datagram; False if it must wait for tokens."""
        core = self._core
        route = core.route(node)
        room = core.datagram_room(node) - FRAME_OVERHEAD_BYTES
        overhead = FRAME_OVERHEAD_BYTES + core.config.channel_bytes
        wanted = min(min(room, lane.bytes) + overhead, core.config.burst_bytes)
        if not core.budget.affords_news(now, wanted):
            core.timers.set(_FLUSH, core.budget.news_ready_at(now, wanted))
            return False
        items = lane.take(room)
        if route is None or not items:
            core.count("unsendable")
        else:
            core.send_news(now, route, encode_frame(items))
        return True
