"""What a question shows besides its rows: curves, and maps of heat, as values.

They say whose each line is and what each axis measures; `benchmarks.pictures` draws
them, and results.json holds them, so that a picture can be made again from its numbers.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite

from benchmarks.values import Clock


class Whose(StrEnum):
    """What a line shows; it decides how the line is drawn, not only its colour."""

    OURS = "ours"
    PEER = "peer"
    FORMULA = "formula"


@dataclass(frozen=True, slots=True)
class Axis:
    """What is measured along an axis. A count has no unit."""

    label: str
    unit: str = ""
    is_log: bool = False

    @property
    def text(self) -> str:
        """Return what stands beside the axis."""
        return f"{self.label} ({self.unit})" if self.unit else f"{self.label} (count)"


def runs_told(runs: Collection[int]) -> str:
    """Return what a note says of what points are medians of; nothing where of none."""
    if not runs:
        return ""
    least, most = min(runs), max(runs)
    if most == 1:
        return "one run each"
    return f"medians of {most} runs" if least == most else f"of {least} to {most} runs"


def never_told(places: Mapping[str, Sequence[object]]) -> str:
    """Return what a note says of who has no point where it never got there."""
    told = (
        f"{name} at {', '.join(map(str, some))}"
        for name, some in places.items()
        if some
    )
    missing = "; ".join(told)
    return f"never, so without a point: {missing}" if missing else ""


def noted(*parts: str) -> str:
    """Return the parts of a note that say anything."""
    return "; ".join(filter(None, parts))


@dataclass(frozen=True, slots=True)
class Line:
    """One curve, or points that are not joined; x rises, or what `labels` say does.

    `labels` stand beside the points, one each, if there are any.
    """

    name: str
    whose: Whose
    points: tuple[tuple[float, float], ...]
    is_joined: bool = True
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        assert all(isfinite(x) and isfinite(y) for x, y in self.points), self.name
        assert len(self.labels) in (0, len(self.points)), self.name


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines over two axes. `name` is a word, unlike any other of the question's."""

    name: str
    title: str
    clock: Clock
    x: Axis
    y: Axis
    lines: tuple[Line, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class HeatMap:
    """A value for each cell: `cells[row][column]` lies at `y[row]` and `x[column]`.

    The places along both axes rise evenly. `low` and `high` are the ends of the scale
    of values, where maps are to be compared; else those of the cells.
    """

    name: str
    title: str
    clock: Clock
    x: Axis
    y: Axis
    value: Axis
    xs: tuple[float, ...]
    ys: tuple[float, ...]
    cells: tuple[tuple[float, ...], ...]
    note: str = ""
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        assert len(self.cells) == len(self.ys), self.name
        assert all(len(row) == len(self.xs) for row in self.cells), self.name


Picture = Chart | HeatMap
