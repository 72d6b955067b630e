"""Deadlines of one engine: many reasons to wake, one next deadline out."""

from collections.abc import Hashable
from heapq import heappop, heappush
from math import inf
from typing import Final, Generic, TypeVar

PATIENCE_S: Final = 0.3
"""So long after it may be done a chore of every second wakes a node by itself: until
then it is done with whatever else does. A node in a small cluster probes more often."""

Reason = TypeVar("Reason", bound=Hashable)


class Timers(Generic[Reason]):
    """A set of (reason, deadline); a reason has at most one deadline.

    Deadlines are absolute, on the engine's own clock. Equal deadlines come due in the
    order in which they were set, so that a run can be repeated exactly. A cancelled or
    moved deadline stays in the heap until it surfaces; the heap is rebuilt when such
    entries outnumber the live ones.

    `at` is the earliest deadline, inf for none: it is looked at after every input, and
    few inputs move it.
    """

    __slots__ = ("_entries", "_heap", "_sequence", "at")

    def __init__(self) -> None:
        self._entries: dict[Reason, tuple[float, int, Reason]] = {}
        self._heap: list[tuple[float, int, Reason]] = []
        self._sequence = 0
        self.at = inf

    def __len__(self) -> int:
        return len(self._entries)

    def set(self, reason: Reason, deadline: float) -> None:
        """Wake for `reason` at `deadline`, and no more at an earlier-set one."""
        self._sequence += 1
        # The sequence is unique, so the heap never compares two reasons.
        entry = (deadline, self._sequence, reason)
        former = self._entries.get(reason)
        self._entries[reason] = entry
        heappush(self._heap, entry)
        if len(self._heap) > 64 and len(self._heap) > 4 * len(self._entries):
            self._heap = sorted(self._entries.values(), key=_order)
        if deadline < self.at:
            self.at = deadline
        elif former is not None and former[0] == self.at:
            self._surface()

    def set_earlier(self, reason: Reason, deadline: float) -> None:
        """As `set`, unless `reason` has an earlier deadline already."""
        current = self._entries.get(reason)
        if current is None or deadline < current[0]:
            self.set(reason, deadline)

    def cancel(self, reason: Reason) -> None:
        """Forget `reason`; nothing happens if it is not set."""
        former = self._entries.pop(reason, None)
        if former is not None and former[0] == self.at:
            self._surface()

    def deadline(self, reason: Reason) -> float | None:
        """Return when `reason` comes due, or None."""
        current = self._entries.get(reason)
        return None if current is None else current[0]

    def next(self) -> float | None:
        """Return the earliest deadline, or None."""
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: float) -> Reason | None:
        """Remove and return the reason that came due first, or None."""
        if self.at > now or not self._heap:
            return None
        reason = heappop(self._heap)[2]
        del self._entries[reason]
        self._surface()
        return reason

    def _surface(self) -> None:
        """Let the heap begin with what holds, if anything does."""
        heap, entries = self._heap, self._entries
        while heap and entries.get(heap[0][2]) is not heap[0]:
            heappop(heap)
        self.at = heap[0][0] if heap else inf


def _order(entry: tuple[float, int, object]) -> tuple[float, int]:
    return entry[:2]


def earliest(*deadlines: float | None) -> float | None:
    """Return the earliest of some deadlines; None is never."""
    found = None
    for one in deadlines:
        if one is not None and (found is None or one < found):
            found = one
    return found
