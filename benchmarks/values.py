"""What a benchmark says: a measure, its spread over runs, its peer and its targets."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import ceil, inf, isinf
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from benchmarks.charts import Picture
    from benchmarks.lab import Lab

T = TypeVar("T")

VALUES_MAX: Final = 201
"""So many of its values a spread keeps: enough to tell a difference from noise."""


class Clock(StrEnum):
    """What kind of result it is. The two kinds never share a table."""

    VIRTUAL = "virtual"
    WALL = "wall"


class Of(StrEnum):
    """Which figure of a spread a target bounds."""

    MEDIAN = "median"
    WORST = "worst"


@dataclass(frozen=True, slots=True)
class Spread:
    """One measure over runs; infinity is never. None is what a source did not give.

    `worst` is the largest unless larger is better, as of a rate. `p90` lies nine tenths
    of the way to the worst. `values` are the runs' own, best first; of many, evenly
    spaced ones. `series` are the same in the order of the runs, so that those of two
    measures taken in turn belong together by their places; none where there are no runs
    behind the values, as of a fit.
    """

    name: str
    runs: int
    median: float
    p90: float | None
    worst: float | None
    never: int = 0
    values: tuple[float, ...] = ()
    larger_is_better: bool = False
    series: tuple[float, ...] = field(default=(), compare=False)

    def value(self, of: Of) -> float:
        """Return the figure that a target bounds."""
        value = self.median if of is Of.MEDIAN else self.worst
        assert value is not None
        return value


def spread(
    name: str, values: Sequence[float | None], *, larger_is_better: bool = False
) -> Spread:
    """Return the spread of at least one value; None is never reached."""
    sign = -1 if larger_is_better else 1
    ranked = sorted(inf if value is None else sign * value for value in values)
    count = len(ranked)
    low, high = ranked[(count - 1) // 2], ranked[count // 2]
    return Spread(
        name=name,
        runs=count,
        median=_signed(high if isinf(high) else (low + high) / 2, sign),
        p90=_signed(ranked[ceil(0.9 * count) - 1], sign),
        worst=_signed(ranked[-1], sign),
        never=sum(value is None for value in values),
        values=tuple(_signed(value, sign) for value in _thinned(ranked)),
        larger_is_better=larger_is_better,
        series=in_order(values),
    )


def in_order(values: Sequence[float | None]) -> tuple[float, ...]:
    """Return the series of a spread of these runs; None is never reached."""
    return tuple(inf if value is None else value for value in _thinned(values))


def _thinned(values: Sequence[T]) -> Sequence[T]:
    """Return at most `VALUES_MAX` of them: the first, the last, and evenly between."""
    last = len(values) - 1
    if last < VALUES_MAX:
        return values
    steps = VALUES_MAX - 1
    return [values[round(place * last / steps)] for place in range(VALUES_MAX)]


def _signed(value: float, sign: int) -> float:
    """Undo the sign of a ranked value; never stays infinity."""
    return value if isinf(value) else sign * value


@dataclass(frozen=True, slots=True)
class Target:
    """A bound on one figure: at most `limit`, or at least where `at_least`."""

    of: Of
    limit: float
    at_least: bool = False

    def gap(self, value: float) -> float:
        """Return by how much `value` misses the bound; 0 or less is met."""
        if isinf(value):
            return inf
        return self.limit - value if self.at_least else value - self.limit


@dataclass(frozen=True, slots=True)
class Row:
    """One measure of one question, beside the same measure of its peer.

    `violations` counts runs in which a checker of the simulator found a broken rule.
    """

    measure: str
    unit: str
    clock: Clock
    ours: Spread
    peer: Spread | None = None
    targets: tuple[Target, ...] = ()
    violations: int = 0
    note: str = ""

    def ratio(self) -> float | None:
        """Return our median over the peer's; None if there is none, 0 or never."""
        if self.peer is None or not self.peer.median:
            return None
        if isinf(self.peer.median) or isinf(self.ours.median):
            return None
        return self.ours.median / self.peer.median


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and how it is answered. `asks` is one line.

    It is answered by rows, and by pictures of what rows do not show. One that
    `needs_root` is answered by a real kernel, on hosts of its own.
    """

    name: str
    asks: str
    answer: Callable[["Lab"], Sequence["Row | Picture"]]
    needs_root: bool = False


def question(
    name: str,
    doc: str | None,
    answer: Callable[["Lab"], Sequence["Row | Picture"]],
    *,
    needs_root: bool = False,
) -> Question:
    """Return the question that a file's docstring opens with."""
    assert doc
    return Question(name, doc.partition("\n")[0], answer, needs_root)
