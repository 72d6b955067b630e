"""Leaving: rows go first, and membership last, for who has left says nothing more."""

from typing import Final

from swarmnet.tables.engine import Tables

WAIT_S: Final = 3.0
"""So long it is waited at most until another holds all that we wrote."""
_LOOK_S: Final = 0.05


class Leaving:
    """When the rows of a node that leaves are safe, so that it may be gone."""

    __slots__ = ("_look_at", "_tables", "_until", "is_begun")

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._until: float | None = None
        self._look_at = 0.0
        self.is_begun = False
        """Whether we have said that we leave."""

    def begin(self, now: float, *, waits: bool) -> None:
        """We have written what we had to say; wait for others to hold it, or do not."""
        self.is_begun = True
        self._until = now + WAIT_S if waits else now
        self._look_at = now + _LOOK_S if waits else now
        self._tables.forget_agreement()

    def is_due(self, now: float) -> bool:
        """Return, once, that membership is to be left now."""
        if self._until is None or now < self._look_at:
            return False
        self._look_at = now + _LOOK_S
        if now < self._until and not self._tables.has_agreed:
            return False
        self._until = None
        return True

    def poll_timeout(self) -> float | None:
        """Return when `is_due` is to be asked next, or None."""
        return None if self._until is None else self._look_at
