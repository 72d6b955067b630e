"""When a node wants to be woken next: it is asked after every input.

Most inputs move no deadline, and those that do move the timers of one room. What is due
besides is moved by commands, by the time and by what stirs (`followers`) alone: it is
asked for again only after one of these.
"""

from collections.abc import Callable, Sequence
from math import inf
from typing import Protocol

from swarmnet.timers import earliest


class Due(Protocol):
    """A room's timers, as far as they are looked at here."""

    @property
    def at(self) -> float:
        """The earliest deadline; inf for none."""


Chore = Callable[[], float | None]
"""Returns when something is due that is in no room's timers, or None."""


class Waking:
    """The next deadline of one node, from its rooms' timers and from its chores."""

    __slots__ = ("_chores", "_chores_at", "_is_planned", "_timers")

    def __init__(self, timers: Sequence[Due], chores: Sequence[Chore]) -> None:
        self._timers = timers
        self._chores = chores
        self._chores_at = inf
        self._is_planned = False

    def note_moved(self) -> None:
        """Some chore may be due at another time than before."""
        self._is_planned = False

    def next(self) -> float | None:
        """Return the earliest deadline, or None."""
        if not self._is_planned:
            self._is_planned = True
            due = earliest(*(chore() for chore in self._chores))
            self._chores_at = inf if due is None else due
        at = self._chores_at
        for timers in self._timers:
            if timers.at < at:
                at = timers.at
        return None if at == inf else at
