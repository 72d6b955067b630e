"""What limits next: the size at which a fit meets a budget, and which is the first.

A fit is good between the sizes that were measured. Where it meets a budget far beyond
them, that says that something else will come first, and no more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from benchmarks.lab import OURS
from benchmarks.measured import Measured
from benchmarks.values import Clock, Row, Spread


@dataclass(frozen=True, slots=True)
class Limit:
    """A budget, the size at which it is spent, and the law that says so.

    Infinity is never: it does not grow.
    """

    budget: str
    clock: Clock
    size: float
    law: str


def limit_where(grown: Measured, budget: float, what: str) -> list[Limit]:
    """Return where a measure meets a budget; nothing where sizes are too few to say."""
    if not grown.can_fit:
        return []
    return [Limit(what, grown.clock, grown.reaches(budget), grown.law().text)]


def limit_rows(limits: Sequence[Limit], of: str) -> list[Row]:
    """Return a row for each budget, and one for the first to be spent.

    That one rests on both clocks, so it stands with what only this machine says.
    """
    rows = [
        Row(
            measure=f"{of} that spend {limit.budget}",
            unit="",
            clock=limit.clock,
            ours=_size(limit.size),
            note=limit.law,
        )
        for limit in limits
    ]
    first = min(limits, key=lambda limit: limit.size, default=None)
    if first is None or first.size == inf:
        return rows
    note = f"first spent: {first.budget}; {first.law}"
    measure = f"what limits next: {of}"
    return [*rows, Row(measure, "", Clock.WALL, _size(first.size), note=note)]


def _size(size: float) -> Spread:
    return Spread(OURS, 1, size, None, None, never=int(size == inf), values=(size,))
