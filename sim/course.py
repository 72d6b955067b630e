"""The course of a run that any scenario can show: how many members nodes hold alive.

`Views` keeps each node's own as well, for whoever asks `sim.run.run` to.
"""

from collections.abc import Sequence
from math import inf
from typing import Final

from swarmnet.swim.outputs import MemberChanged, State

STEP_S: Final = 0.001
"""Changes within one step are one point of the course."""


class Course:
    """The mean number of members held alive, over the processes that run."""

    __slots__ = ("_held", "_total", "points")

    def __init__(self) -> None:
        self._held: dict[int, int] = {}
        self._total = 0
        self.points: list[tuple[float, float]] = []

    def began(self, now: float, index: int, held: int) -> None:
        """Count a process in that holds so many members alive at its start."""
        self.ended(now, index)
        self._held[index] = held
        self._total += held
        self._note(now)

    def ended(self, now: float, index: int) -> None:
        """Count a process out; nothing happens if it does not run."""
        self._total -= self._held.pop(index, 0)
        self._note(now)

    def changed(self, now: float, index: int, event: MemberChanged) -> None:
        """Follow a change at one process."""
        step = (event.current is State.ALIVE) - (event.previous is State.ALIVE)
        if step and index in self._held:
            self._held[index] += step
            self._total += step
            self._note(now)

    def _note(self, now: float) -> None:
        mean = self._total / len(self._held) if self._held else 0.0
        if self.points and now < self.points[-1][0] + STEP_S:
            self.points[-1] = (self.points[-1][0], mean)
        else:
            self.points.append((now, mean))


class Views(Course):
    """The same, and how many members each node holds alive, change by change.

    A node that does not run holds none.
    """

    __slots__ = ("changes",)

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[tuple[float, int, int]] = []
        """(virtual seconds, node, members held alive since then), in order of time."""

    def began(self, now: float, index: int, held: int) -> None:
        """Count a process in."""
        super().began(now, index, held)
        self.changes.append((now, index, held))

    def ended(self, now: float, index: int) -> None:
        """Count a process out."""
        if index in self._held:
            self.changes.append((now, index, 0))
        super().ended(now, index)

    def changed(self, now: float, index: int, event: MemberChanged) -> None:
        """Follow a change at one process."""
        before = self._held.get(index)
        super().changed(now, index, event)
        held = self._held.get(index)
        if held is not None and held != before:
            self.changes.append((now, index, held))

    def at(self, times_s: Sequence[float], nodes: int) -> list[list[int]]:
        """Return for each of `nodes` what it holds at each of some rising times."""
        rows: list[list[int]] = [[] for _ in range(nodes)]
        held = [0] * nodes
        changes = iter([*self.changes, (inf, 0, 0)])
        at_s, index, count = next(changes)
        for time_s in times_s:
            while at_s <= time_s:
                held[index] = count
                at_s, index, count = next(changes)
            for row, now in zip(rows, held, strict=True):
                row.append(now)
        return rows
