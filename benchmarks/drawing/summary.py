"""One picture a question and clock: each median beside its peer's, and the targets.

A measure's name ends with the number of its runs, and of its peer's if it is another.

What is measured, ours as a rule, is a filled dot with a line to its worst, what stands
beside it, a peer's, a hollow square with a dashed one, a target a stroke. The scale is
logarithmic; 0 stands as text at its left end, never at its right.
"""

from collections.abc import Sequence
from math import isinf
from typing import TYPE_CHECKING, Final

from benchmarks.charts import Axis, Whose
from benchmarks.drawing.lines import PENS, Pen
from benchmarks.drawing.paper import (
    CLOCKS,
    LOGARITHMIC,
    Drawn,
    legend_columns,
    new_figure,
    paper,
    printed,
    scaled,
)
from benchmarks.values import Clock, Row, Spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW_INCHES: Final = 0.36
NAMES_MAX: Final = 2
NONE: Final = Pen("0", 1.0)
"""Nobody's: a target."""
DASHES: Final = (0, (3, 2))
APART: Final = 0.17
"""How far ours and the peer's stand from the middle of a row."""


def draw_summary(question: str, clock: Clock, rows: Sequence[Row]) -> Drawn:
    """Return the files of the picture of some rows of one clock, a panel a unit.

    Raises:
        Refused: matplotlib is missing.
    """
    name = f"{question}-{clock.value}"
    units = list(dict.fromkeys(row.unit for row in rows))
    groups = [[row for row in rows if row.unit == unit] for unit in units]
    with paper(name):
        figure = new_figure(1.7 + ROW_INCHES * (len(rows) + 2 * len(units)))
        heights = [len(group) + 1 for group in groups]
        panels = figure.subplots(len(units), 1, squeeze=False, height_ratios=heights)
        for axes, unit, group in zip(panels[:, 0], units, groups, strict=True):
            _panel(axes, unit, group)
        has_peer = any(row.peer is not None for row in rows)
        title = f"{question}: medians" + (" beside the peers'" if has_peer else "")
        told = f"{title} ({CLOCKS[clock]}) [runs]"
        figure.suptitle(told, fontsize=12, fontweight="bold")
        _legend(figure, rows)
        alt = (
            f"{title}, {CLOCKS[clock]}: {len(rows)} measures. The table has the same"
            " figures."
        )
        note = f"{CLOCKS[clock]}; in brackets the number of runs"
        return printed(figure, name=name, title=title, alt=alt, note=note)


def _panel(axes: "Axes", unit: str, rows: Sequence[Row]) -> None:
    values: list[float] = []
    for height, row in enumerate(rows):
        values += _mark(axes, Whose.OURS, row.ours, height - APART)
        if row.peer is not None:
            values += _mark(axes, Whose.PEER, row.peer, height + APART)
        limits = [target.limit for target in row.targets if target.limit > 0]
        axes.plot(limits, [height] * len(limits), "k|", ms=16, mew=1.4)
        if any(not target.limit for target in row.targets):
            _say(axes, NONE, height, "target: 0")
        values += limits
    names = [f"{row.measure} [{_runs(row)}]" for row in rows]
    axes.set_yticks(range(len(rows)), names, fontsize=8)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    if not values:
        axes.set_xticks([])
    scaled(axes, "x", Axis("", unit, is_log=True), values)
    is_log = any(value > 0 for value in values)
    axes.set_xlabel(f"{unit or 'count'}{LOGARITHMIC if is_log else ''}")
    axes.margins(x=0.12)


def _runs(row: Row) -> str:
    """Return of how many runs ours are, and the peer's if those are others."""
    runs = [row.ours.runs, *([] if row.peer is None else [row.peer.runs])]
    return ", ".join(f"{count:,}" for count in dict.fromkeys(runs))


def _mark(axes: "Axes", whose: Whose, spread: Spread, height: float) -> list[float]:
    """Draw one spread; return the values that the scale has to hold."""
    pen = PENS[whose]
    if isinf(spread.median):
        _say(axes, pen, height, f"{spread.name}: never", at_end=True)
        return []
    if spread.median <= 0:
        _say(axes, pen, height, f"{spread.name}: {spread.median:.4g}")
        return []
    values = [spread.median]
    worst = spread.worst
    if worst is not None and worst > 0 and not isinf(worst):
        (line,) = axes.plot([spread.median, worst], [height] * 2, color=pen.colour)
        line.set_linewidth(1.2)
        line.set_linestyle(DASHES if pen.is_hollow else "-")
        values.append(worst)
    (dot,) = axes.plot([spread.median], [height], color=pen.colour, markersize=6)
    dot.set_marker("s" if pen.is_hollow else "o")
    dot.set_markerfacecolor("white" if pen.is_hollow else pen.colour)
    if worst is not None and isinf(worst):
        _say(axes, pen, height, f"{spread.name}: worst never", at_end=True)
    return values


def _say(
    axes: "Axes", pen: Pen, height: float, text: str, *, at_end: bool = False
) -> None:
    """Write at an end of the scale what has no place on it."""
    place, side = (0.995, "right") if at_end else (0.005, "left")
    said = axes.text(place, height, text, color=pen.colour, fontsize=8)
    said.set(ha=side, va="center", transform=axes.get_yaxis_transform())


def _legend(figure: "Figure", rows: Sequence[Row]) -> None:
    from matplotlib.lines import Line2D  # noqa: PLC0415 - as in `paper`

    ours = Line2D([], [], color=PENS[Whose.OURS].colour, marker="o")
    ours.set_label(_named("measured", [row.ours for row in rows]))
    peer = Line2D([], [], color=PENS[Whose.PEER].colour, marker="s", mfc="white")
    peer.set_linestyle(DASHES)
    peers = [row.peer for row in rows if row.peer is not None]
    peer.set_label(_named("beside it", peers))
    target = Line2D([], [], color="k", marker="|", ls="none", ms=14)
    target.set_label("target")
    shown = [ours, *([peer] if peers else [])]
    if any(row.targets for row in rows):
        shown.append(target)
    columns = legend_columns([str(one.get_label()) for one in shown])
    figure.legend(handles=shown, loc="outside lower center", ncols=columns)


def _named(what: str, spreads: Sequence[Spread]) -> str:
    """Return what a legend says, with the names of whose it is, if they are few."""
    names = list(dict.fromkeys(spread.name for spread in spreads))
    whose = f" ({', '.join(names)})" if len(names) <= NAMES_MAX else ""
    return f"{what}{whose}: median, to the worst"
