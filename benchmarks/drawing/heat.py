"""Draws a map of heat: the lighter, the more; the colours keep their order in grey."""

from typing import TYPE_CHECKING, Final

from benchmarks.charts import HeatMap
from benchmarks.drawing.paper import (
    CLOCKS,
    Drawn,
    headed,
    new_figure,
    paper,
    plain,
    printed,
    scaled,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEIGHT_INCHES: Final = 5.0
COLOURS: Final = "cividis"


def draw_heat(name: str, heat: HeatMap) -> Drawn:
    """Return a map's files.

    Raises:
        Refused: matplotlib is missing.
    """
    with paper(name):
        figure = new_figure(HEIGHT_INCHES)
        axes = figure.add_subplot()
        low, high = bounds(heat)
        image = axes.imshow(
            heat.cells,
            cmap=COLOURS,
            vmin=low,
            vmax=high,
            aspect="auto",
            origin="lower",
            interpolation="nearest",
            extent=(*_span(heat.xs), *_span(heat.ys)),
        )
        axes.grid(visible=False)
        _name_axes(axes, heat)
        bar = figure.colorbar(image, ax=axes)
        bar.set_label(heat.value.text)
        headed(figure, axes, heat.title, heat.clock, heat.note)
        return printed(
            figure,
            name=name,
            title=heat.title,
            alt=heat_in_words(heat),
            note=CLOCKS[heat.clock] + (f"; {heat.note}" if heat.note else ""),
        )


def _name_axes(axes: "Axes", heat: HeatMap) -> None:
    scaled(axes, "x", heat.x, list(heat.xs))
    scaled(axes, "y", heat.y, list(heat.ys))


def bounds(heat: HeatMap) -> tuple[float, float]:
    """Return the values of the darkest and the lightest cell."""
    cells = [value for row in heat.cells for value in row]
    low = min(cells) if heat.low is None else heat.low
    high = max(cells) if heat.high is None else heat.high
    return low, high


def _span(places: tuple[float, ...]) -> tuple[float, float]:
    """Return from where to where cells reach whose middles lie at `places`."""
    half = (places[-1] - places[0]) / (len(places) - 1) / 2 if len(places) > 1 else 0.5
    return places[0] - half, places[-1] + half


def heat_in_words(heat: HeatMap) -> str:
    """Return what a map shows: its axes, and the means of its first and last column."""
    first, last = ([row[column] for row in heat.cells] for column in (0, -1))
    means = [plain(round(sum(one) / len(one), 2)) for one in (first, last)]
    return (
        f"{heat.title}: {heat.value.text} for each {heat.y.text} against"
        f" {heat.x.text}, {CLOCKS[heat.clock]}. The mean is {means[0]} at"
        f" {plain(heat.xs[0])} and {means[1]} at {plain(heat.xs[-1])}."
    )
