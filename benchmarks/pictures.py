"""One picture a question and clock: each median beside its peer's, and the targets.

Readable in black and white: ours is a filled dot with a line to its worst, the peer's
a hollow square, a target a vertical stroke.
"""

from collections.abc import Sequence
from math import inf, isinf
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.values import Clock, Row
from swarmnet.errors import Refused

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES: Final = ("png", "svg")
WIDTH_INCHES: Final = 9.0


def new_figure(rows: int) -> "Figure":
    """Return an empty picture, tall enough for so many measures.

    Raises:
        Refused: matplotlib is missing.
    """
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - an extra, rarely needed
    except ImportError:
        raise Refused(
            "--out: matplotlib is not installed; install the extra 'bench'"
        ) from None
    return Figure(figsize=(WIDTH_INCHES, 1.6 + 0.4 * rows), layout="constrained")


def draw(directory: Path, name: str, rows: Sequence[Row]) -> None:
    """Write PNG and SVG, one panel a unit.

    The scale is logarithmic: values of 0 and never are left out.
    """
    for clock in Clock:
        of_clock = [row for row in rows if row.clock is clock and _visible(row)]
        units = list(dict.fromkeys(row.unit for row in of_clock))
        if not units:
            continue
        groups = [[row for row in of_clock if row.unit == unit] for unit in units]
        figure = new_figure(len(of_clock) + 2 * len(units))
        heights = [len(group) + 1 for group in groups]
        panels = figure.subplots(len(units), 1, squeeze=False, height_ratios=heights)
        for axes, unit, group in zip(panels[:, 0], units, groups, strict=True):
            _panel(axes, unit, group)
        figure.suptitle(f"{name}, {clock.value} time")
        for suffix in SUFFIXES:
            figure.savefig(directory / f"{name}-{clock.value}.{suffix}")


def _visible(row: Row) -> bool:
    """Say whether a row has a point on a logarithmic scale."""
    medians = [row.ours.median, *([] if row.peer is None else [row.peer.median])]
    return any(0 < median < inf for median in medians)


def _panel(axes: "Axes", unit: str, rows: Sequence[Row]) -> None:
    for height, row in enumerate(rows):
        ours, peer = row.ours, row.peer
        if ours.worst and not isinf(ours.worst):
            axes.plot([ours.median, ours.worst], [height, height], "k-", lw=1)
        if ours.median and not isinf(ours.median):
            axes.plot([ours.median], [height], "ko")
        if peer is not None and peer.median and not isinf(peer.median):
            axes.plot([peer.median], [height], "ks", mfc="none")
        limits = [target.limit for target in row.targets if target.limit]
        axes.plot(limits, [height] * len(limits), "k|", ms=14)
    axes.set_yticks(range(len(rows)), [row.measure for row in rows], fontsize=8)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xscale("log")
    axes.margins(x=0.1)
    axes.set_xlabel(
        f"{unit or 'count'}   (dot: median, line: to the worst, square: the peer's"
        " median, stroke: target)"
    )
    axes.grid(axis="x", alpha=0.3)
