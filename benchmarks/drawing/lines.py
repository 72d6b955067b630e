"""Draws a chart: whose a line is shows by its stroke, which one it is by its marker.

Ours is solid with full markers, a peer's dashed with hollow ones, a formula dotted or
dash-dotted without. The colours differ in lightness as well, but say nothing more.
"""

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchmarks.charts import Chart, Line, Whose
from benchmarks.drawing.paper import (
    CLOCKS,
    Drawn,
    headed,
    legend_columns,
    new_figure,
    paper,
    plain,
    printed,
    scaled,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEIGHT_INCHES: Final = 5.2
LEGEND_LINE_INCHES: Final = 0.22
MARKERS: Final = "os^Dv*Ph"
MARKED: Final = 12
"""Of a line with more points, markers stand in even distances on the paper."""
FORMULA_DASHES: Final = (":", "-.", (0, (6, 1, 1, 1, 1, 1)), (0, (1, 4)))
LEFT: Final = (-5, -11)
RIGHT: Final = (5, 4)
"""Where our labels end, and a peer's begin, from their points, in 1/72 inch: on the two
sides of a line that falls."""


@dataclass(frozen=True, slots=True)
class Pen:
    """How lines of one kind look."""

    colour: str
    width: float
    is_hollow: bool = False


PENS: Final = {
    Whose.OURS: Pen("#0b3d91", 1.9),
    Whose.PEER: Pen("#d95f02", 1.7, is_hollow=True),
    Whose.FORMULA: Pen("0.35", 1.5),
}


def draw_chart(name: str, chart: Chart) -> Drawn:
    """Return a chart's files.

    Raises:
        Refused: matplotlib is missing.
    """
    with paper(name):
        return printed(
            chart_figure(chart),
            name=name,
            title=chart.title,
            alt=chart_in_words(chart),
            note=_noted(chart),
        )


def chart_figure(chart: Chart) -> "Figure":
    """Return a chart, drawn; within `paper` alone."""
    columns = legend_columns([line.name for line in chart.lines])
    strips = -(-len(chart.lines) // columns)
    figure = new_figure(HEIGHT_INCHES + LEGEND_LINE_INCHES * strips)
    axes = figure.add_subplot()
    seen: Counter[Whose] = Counter()
    for line in chart.lines:
        _plot(axes, line, seen[line.whose])
        seen[line.whose] += 1
    points = [point for line in chart.lines for point in line.points]
    scaled(axes, "x", chart.x, [x for x, _ in points])
    scaled(axes, "y", chart.y, [y for _, y in points])
    headed(figure, axes, chart.title, chart.clock, chart.note)
    if chart.lines:
        # Below the axes, where no line can be.
        figure.legend(loc="outside lower center", ncols=columns)
    return figure


def _plot(axes: "Axes", line: Line, place: int) -> None:
    """Draw the line that is the `place`th of its kind, from 0."""
    pen = PENS[line.whose]
    is_formula = line.whose is Whose.FORMULA
    label = line.name if line.points else f"{line.name} (no point)"
    (drawn,) = axes.plot(
        [x for x, _ in line.points],
        [y for _, y in line.points],
        label=label,
        color=pen.colour,
        linewidth=pen.width,
        zorder=2 if is_formula else 3,
    )
    if is_formula:
        drawn.set_linestyle(FORMULA_DASHES[place % len(FORMULA_DASHES)])
    else:
        drawn.set_linestyle((0, (5, 2)) if pen.is_hollow else "-")
    if not line.is_joined:
        drawn.set_linestyle("none")
    if not is_formula or not line.is_joined:
        drawn.set_marker("x" if is_formula else MARKERS[place % len(MARKERS)])
        drawn.set_markersize(6)
        drawn.set_markerfacecolor("white" if pen.is_hollow else pen.colour)
    for label, point in zip(line.labels, line.points, strict=False):
        place_of = RIGHT if pen.is_hollow else LEFT
        told = axes.annotate(label, point, place_of, textcoords="offset points")
        told.set(color=pen.colour, fontsize=8.5, zorder=4)
        told.set_horizontalalignment("left" if pen.is_hollow else "right")
        told.set_bbox({"facecolor": "white", "linewidth": 0, "alpha": 0.8, "pad": 0.4})
    if line.is_joined and len(line.points) > MARKED:
        # Lines that lie upon each other have their markers in turn.
        drawn.set_markevery((0.01 + 0.03 * (place % 4), 0.12))


def _noted(chart: Chart) -> str:
    return CLOCKS[chart.clock] + (f"; {chart.note}" if chart.note else "")


def chart_in_words(chart: Chart) -> str:
    """Return what a chart shows: its axes, and the ends of each line."""
    axes = f"{chart.y.text} against {chart.x.text}, {CLOCKS[chart.clock]}."
    lines = " ".join(_line_in_words(line) for line in chart.lines)
    return f"{chart.title}: {axes} {lines}"


def _line_in_words(line: Line) -> str:
    kind = "" if line.whose is Whose.FORMULA else f" ({line.whose.value})"
    if not line.points:
        return f"{line.name}{kind}: no point."
    (x0, y0), (x1, y1) = line.points[0], line.points[-1]
    if len(line.points) == 1:
        return f"{line.name}{kind}: {plain(y0)} at {plain(x0)}."
    ends = f"from {plain(y0)} at {plain(x0)} to {plain(y1)} at {plain(x1)}"
    return f"{line.name}{kind}: {ends}."
