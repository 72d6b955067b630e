"""What is still to be told: every message a limited number of times, least sent first.

The order is memberlist's TransmitLimitedQueue (queue.go): fewest transmits, then
longest, then newest; a message of the same name takes an older one's place. The SWIM
paper asks only for the first of the three (section 4.1).
"""

from bisect import bisect_right, insort
from dataclasses import dataclass
from typing import Final

QUEUE_MAX: Final = 65_536
"""A message too many pushes out the one that was sent most often."""


@dataclass(slots=True)
class _Queued:
    name: bytes
    message: bytes
    rank: int
    transmits: int


class TransmitQueue:
    """Messages by name; `take` fills a packet and counts each use as a transmit.

    Within a tier, which is the messages with one transmit count, keys (length, number)
    are sorted, so that the longest that fits is one bisection away.
    """

    __slots__ = ("_items", "_limit", "_names", "_number", "_tiers")

    def __init__(self, limit: int = QUEUE_MAX) -> None:
        self._limit = limit
        self._items: dict[int, _Queued] = {}
        self._names: dict[bytes, int] = {}
        self._tiers: list[list[tuple[int, int]]] = [[]]
        self._number = 0

    def __len__(self) -> int:
        return len(self._items)

    def add(self, name: bytes, message: bytes, *, rank: int = 0) -> None:
        """Queue `message`; it replaces that of the same name, if of no higher rank."""
        old = self._names.get(name)
        if old is not None:
            if self._items[old].rank > rank:
                return
            self._remove(old)
        if len(self._items) >= self._limit:
            self._remove(self._most_sent())
        self._number += 1
        self._names[name] = self._number
        self._items[self._number] = _Queued(name, message, rank, 0)
        insort(self._tiers[0], (len(message), self._number))

    def __contains__(self, name: bytes) -> bool:
        return name in self._names

    def take(
        self,
        overhead: int,
        room: int,
        transmit_limit: int,
        *,
        most: int = QUEUE_MAX,
    ) -> list[bytes]:
        """Return messages that fit in `room` bytes with `overhead` bytes for each.

        Every message is returned once at most, and `most` of them altogether. One that
        has now been sent `transmit_limit` times leaves the queue.
        """
        taken: list[bytes] = []
        if not self._items:
            return taken
        again: list[int] = []
        for tier in self._tiers:
            while tier and len(taken) < most:
                free = room - overhead
                place = bisect_right(tier, (free, self._number)) - 1
                if free <= 0 or place < 0:
                    break
                number = tier.pop(place)[1]
                item = self._items[number]
                item.transmits += 1
                taken.append(item.message)
                room -= overhead + len(item.message)
                again.append(number)
        for number in again:
            self._requeue(number, transmit_limit)
        return taken

    def _requeue(self, number: int, transmit_limit: int) -> None:
        item = self._items[number]
        if item.transmits >= transmit_limit:
            del self._items[number], self._names[item.name]
            return
        while len(self._tiers) <= item.transmits:
            self._tiers.append([])
        insort(self._tiers[item.transmits], (len(item.message), number))

    def _remove(self, number: int) -> None:
        item = self._items.pop(number)
        del self._names[item.name]
        self._tiers[item.transmits].remove((len(item.message), number))

    def _most_sent(self) -> int:
        tier = next(tier for tier in reversed(self._tiers) if tier)
        return tier[0][1]
