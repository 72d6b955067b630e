"""Whose turn it is to be looked at, so that nobody is forgotten, nor all come at once.

Everybody is looked at within a given time of the last time, one at a time. Those that
were looked at together come one after another, in time for the last of them.
"""

from typing import Final

GAP_S: Final = 0.05
"""So long after another one is looked at, if there is time enough."""


class Turns:
    """Namespaces in the order in which they were looked at, the latest last."""

    __slots__ = ("_looked", "_taken_at", "_within_s")

    def __init__(self, within_s: float) -> None:
        self._within_s = within_s
        self._looked: dict[str, float] = {}
        self._taken_at = float("-inf")

    def note(self, now: float, name: str) -> None:
        """Take note that a namespace was looked at, or made."""
        self._looked.pop(name, None)
        self._looked[name] = now

    def forget(self, name: str) -> None:
        """Look at a namespace no more."""
        self._looked.pop(name, None)

    @property
    def due(self) -> float | None:
        """When the next one has its turn; None where there is none."""
        if not self._looked:
            return None
        oldest = next(iter(self._looked.values()))
        latest = next(reversed(self._looked.values()))
        gap_s = min(GAP_S, self._within_s / (2 * len(self._looked)))
        last_s = self._within_s - gap_s * len(self._looked)
        at = min(oldest + self._within_s, latest + last_s)
        return max(self._taken_at + gap_s, at)

    def take(self, now: float) -> str:
        """Return whose turn it is, and give it no other for now."""
        name = next(iter(self._looked))
        self._taken_at = now
        self.note(now, name)
        return name
