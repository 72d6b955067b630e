"""Measures of two kinds as rows: lists of the same name, ours beside the peer's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.lab import OURS
from benchmarks.values import Clock, Of, Row, Spread, Target, spread

MS: Final = 1000.0


@dataclass(frozen=True, slots=True)
class Asked:
    """One measure: the list `what` of whatever was found, of seconds, or of any unit.

    Ours is to be at most this `share` of the peer's, by its median. In `ms` it is
    shown a thousand times as large.
    """

    what: str
    measure: str
    unit: str
    share: float | None = None

    def spread(self, name: str, found: object) -> Spread:
        """Return the list as a spread."""
        by = MS if self.unit == "ms" else 1.0
        values: Sequence[float | None] = getattr(found, self.what)
        return spread(name, [None if one is None else by * one for one in values])


def rows_of(
    found: Mapping[str, object], prefix: str, asked: Sequence[Asked], note: str = ""
) -> list[Row]:
    """Return each measure of ours beside the peer's, by name, in the wall clock.

    There is none where ours is not there, and none of a measure that was not taken.
    """
    return [
        _row(found, f"{prefix}: {one.measure}", one, note)
        for one in asked
        if OURS in found and getattr(found[OURS], one.what)
    ]


def _row(found: Mapping[str, object], measure: str, asked: Asked, note: str) -> Row:
    spreads = {name: asked.spread(name, one) for name, one in found.items()}
    ours = spreads.pop(OURS)
    peer = next(iter(spreads.values()), None)
    limit = (
        ()
        if peer is None or asked.share is None
        else (Target(Of.MEDIAN, asked.share * peer.median),)
    )
    return Row(measure, asked.unit, Clock.WALL, ours, peer, limit, note=note)
