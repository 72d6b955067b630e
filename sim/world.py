"""Virtual time: one heap of (time, sequence, action), and nothing else moves.

Two events of the same instant happen in the order in which they were asked for, so a
run is a function of its options alone.
"""

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Final

LINES_PER_FLUSH: Final = 4096

Action = Callable[..., None]
Event = tuple[float, int, Action, tuple[object, ...]]


class World:
    """The clock and the agenda of one run.

    `now` is virtual seconds from 0. `stop` ends `run` after the event in hand.
    """

    __slots__ = ("_heap", "_sequence", "now", "stopped")

    def __init__(self) -> None:
        self.now = 0.0
        self.stopped = False
        self._heap: list[Event] = []
        self._sequence = 0

    def at(self, time_s: float, action: Action, *arguments: object) -> None:
        """Do `action(*arguments)` at `time_s`, which must not lie in the past."""
        self._sequence += 1
        heappush(self._heap, (time_s, self._sequence, action, arguments))

    def after(self, delay_s: float, action: Action, *arguments: object) -> None:
        """Do `action(*arguments)` in `delay_s` seconds."""
        self.at(self.now + delay_s, action, *arguments)

    def stop(self) -> None:
        """End the run: the goal is reached, or a rule is broken beyond repair."""
        self.stopped = True

    def run(self, until_s: float, *, flush: Callable[[], None]) -> None:
        """Let time pass up to `until_s`, or until somebody calls `stop`.

        `flush` is called every few thousand events, to bound what the trace buffers.
        """
        heap = self._heap
        count = 0
        while heap and not self.stopped:
            if heap[0][0] > until_s:
                break
            self.now, _, action, arguments = heappop(heap)
            action(*arguments)
            count += 1
            if count >= LINES_PER_FLUSH:
                count = 0
                flush()
        if not self.stopped and self.now < until_s:
            self.now = until_s
        flush()
