"""Whose turn it is to be looked at, so that nobody is forgotten, nor all come at once.

Everybody is looked at within a given time of the last time, one at a time. Those that
were looked at together come one after another, in time for the last of them.
"""

from typing import Final

GAP_S: Final = 0.05
"""So long after another one is looked at, if there is time enough."""


class Turns:
    """Namespaces in the order in which they were looked at, the latest last."""

    __slots__ = ("_due", "_looked", "_taken_at", "_within_s")

    def __init__(self, within_s: float) -> None:
        self._within_s = within_s
        self._looked: dict[str, float] = {}
        self._taken_at = float("-inf")
        # Found when it is asked for, and then kept until something changes.
        self._due: float | None = None

    def note(self, now: float, name: str) -> None:
        """Take note that a namespace was looked at, or made."""
        self._looked.pop(name, None)
        self._looked[name] = now
        self._due = None

    def forget(self, name: str) -> None:
        """Look at a namespace no more."""
        self._looked.pop(name, None)
        self._due = None

    @property
    def due(self) -> float | None:
        """When the next one has its turn; None where there is none."""
        if self._due is None and self._looked:
            gap_s = min(GAP_S, self._within_s / (2 * len(self._looked)))
            in_time = min(
                looked - place * gap_s
                for place, looked in enumerate(self._looked.values())
            )
            self._due = max(self._taken_at + gap_s, in_time + self._within_s)
        return self._due

    def take(self, now: float) -> str:
        """Return whose turn it is, and give it no other for now."""
        name = next(iter(self._looked))
        self._taken_at = now
        self.note(now, name)
        return name
