"""What limits a cluster next: the size at which a fit meets a budget, and which first.

A fit is good between the sizes that were measured; where it meets a budget far beyond
them, the number says that something else will come first, and no more.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Final

from benchmarks.growth import Growth
from benchmarks.lab import OURS
from benchmarks.values import Clock, Row, Spread
from swarmnet.swim.config import SwimConfig

CORE_US_S: Final = 1e6
MEMORY_BYTES: Final = 2.0**30
"""What a host can spare its agent, say: a gibibyte."""
CHANGE_S: Final = 600.0
"""How often each member changes, say: once in ten minutes."""
CHANGE_BYTES: Final = 190.0
"""A payload of 100 bytes with its key and frame, and the channel's 48."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A budget, and the size at which it is spent; infinity is never."""

    what: str
    clock: Clock
    size: float
    law: str


def limits(growths: Mapping[str, Growth]) -> list[Row]:
    """Return each budget's size, and the least of them."""
    config = SwimConfig()
    rate, burst = config.rate_bytes_s, config.burst_bytes
    found = [
        _limit(growths["bytes"], rate, f"{rate:,.0f} B/s a node, at rest"),
        _limit(growths["join-bytes"], burst, "the burst of 1 MiB, all join at once"),
        _changes(growths["copies"], rate),
        _limit(growths["cpu"], CORE_US_S, "one core, at rest, bare membership"),
        _limit(growths["whole-memory"], MEMORY_BYTES, "1 GiB of memory, whole node"),
    ]
    known = [one for one in found if one is not None]
    rows = [_row(one) for one in known]
    first = min(known, key=lambda one: one.size, default=None)
    if first is None or first.size == inf:
        return rows
    measure = "what limits next: members at the least of these"
    note = f"it is {first.what}; {first.law}"
    return [*rows, Row(measure, "", Clock.WALL, _spread(first.size), note=note)]


def _limit(growth: Growth, budget: float, what: str) -> Limit | None:
    if not growth.can_fit:
        return None
    law = growth.law()
    return Limit(what, growth.clock, law.reaches(budget), law.text)


def _changes(growth: Growth, rate: float) -> Limit | None:
    """Return at how many members their changes fill the byte budget.

    A change costs every node the same number of copies, so that what a node receives
    grows with how many others there are to change.
    """
    if not growth.ours:
        return None
    copies = growth.ours[-1][1]
    what = f"{rate:,.0f} B/s a node, each member changing once in {CHANGE_S:g} s"
    size = rate * CHANGE_S / (copies * CHANGE_BYTES)
    law = f"{copies:.3g} copies of {CHANGE_BYTES:g} B a change"
    return Limit(what, growth.clock, size, law)


def _row(limit: Limit) -> Row:
    measure = f"members at which is spent: {limit.what}"
    return Row(measure, "", limit.clock, _spread(limit.size), note=limit.law)


def _spread(size: float) -> Spread:
    return Spread(OURS, 1, size, None, None, never=int(size == inf), values=(size,))
