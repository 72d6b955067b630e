"""What all pictures have in common: style, size, and bytes that follow from numbers.

matplotlib is an extra, loaded only when a picture is wanted. Whatever a user has set up
for it is left aside: the same numbers give the same bytes, on one release of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from math import ceil, floor, log10
from textwrap import fill
from typing import TYPE_CHECKING, Any, Final

from benchmarks.charts import Axis
from benchmarks.values import Clock
from swarmnet.errors import Refused

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CLOCKS: Final = {
    Clock.VIRTUAL: "virtual time",
    Clock.WALL: "wall clock",
}
STROKE_LETTERS: Final = 8
"""What a stroke takes in a legend, in letters."""
LOGARITHMIC: Final = ", logarithmic"
WIDTH_INCHES: Final = 9.0
LETTERS: Final = 100
NOTE_LETTERS: Final = 135
"""So many go into a picture's width, and into a line of a note."""
DENSE: Final = 300
NARROW: Final = 6
MARGIN: Final = 1.6
"""A logarithmic scale over so little, largest over least, has ticks between the powers
of ten; a narrow one has them at even steps. Ticks reach a little past the values."""
STYLE: Final[Mapping[Any, Any]] = {
    # Text stays text, which can be searched and read aloud, and is a third of the size.
    "svg.fonttype": "none",
    # A measure may hold any letter, dollars and carets too.
    "text.parse_math": False,
    "font.family": "DejaVu Sans",
    "font.size": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "0.88",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 9.0,
    "legend.handlelength": 3.4,
    "figure.dpi": 110.0,
}
# Neither a date nor a release: bytes follow from numbers.
_NO_SVG: Final = dict.fromkeys(("Creator", "Date", "Format", "Type"))
_NO_PNG: Final = {"Software": None}


@dataclass(frozen=True, slots=True)
class Drawn:
    """A picture: the name of its files, what it says in words, and its bytes.

    `alt` is for who does not see it; `note` stands below it.
    """

    name: str
    title: str
    alt: str
    note: str
    svg: str
    png: bytes


@contextmanager
def paper(name: str) -> Iterator[None]:
    """Let what is drawn and saved in this context be in our style.

    `name` decides, with what is drawn, of the ids in an SVG.

    Raises:
        Refused: matplotlib is missing.
    """
    try:
        import matplotlib as mpl  # noqa: PLC0415 - an extra, rarely needed
    except ImportError:
        raise Refused(
            "--out: matplotlib is not installed; install the extra 'bench'"
        ) from None
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update({**STYLE, "svg.hashsalt": name})
        yield


def new_figure(height_inches: float) -> "Figure":
    """Return an empty picture."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - as in `paper`

    return Figure(figsize=(WIDTH_INCHES, height_inches), layout="constrained")


def legend_columns(names: Sequence[str]) -> int:
    """Return how many names of a legend go side by side."""
    longest = max(map(len, names), default=0) + STROKE_LETTERS
    return max(1, min(3, LETTERS // longest, len(names)))


def headed(figure: "Figure", axes: "Axes", title: str, clock: Clock, note: str) -> None:
    """Write a title, and below it the clock and what there is to note."""
    figure.suptitle(fill(title, LETTERS * 3 // 4), fontsize=12, fontweight="bold")
    told = CLOCKS[clock] + (f"; {note}" if note else "")
    axes.set_title(fill(told, NOTE_LETTERS), fontsize=8.5, loc="left", color="0.25")


def printed(
    figure: "Figure", *, name: str, title: str, alt: str, note: str = ""
) -> Drawn:
    """Return a figure's files; within `paper` alone."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.backends.backend_svg import FigureCanvasSVG  # noqa: PLC0415

    svg, png = BytesIO(), BytesIO()
    # `savefig` would lay it out four times, and draw it four times.
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    FigureCanvasSVG(figure).print_svg(svg, metadata=_NO_SVG)  # type: ignore[no-untyped-call]
    FigureCanvasAgg(figure).print_png(png, metadata=_NO_PNG)  # type: ignore[no-untyped-call]
    return Drawn(name, title, alt, note, svg.getvalue().decode(), png.getvalue())


def plain(value: float) -> str:
    """Return a number as ticks and legends show it."""
    if value and not 1e-4 <= abs(value) < 1e9:
        return f"{value:.3g}"
    return f"{round(value, 6):,.10g}"


def scaled(axes: "Axes", which: str, axis: Axis, values: list[float]) -> None:
    """Scale and name one axis, "x" or "y", for these values.

    A logarithmic one that has to hold a 0 is linear below its least other value.
    """
    from matplotlib import ticker  # noqa: PLC0415 - as in `paper`

    line = axes.xaxis if which == "x" else axes.yaxis
    positive = [value for value in values if value > 0]
    is_log = axis.is_log and bool(positive)
    line.set_label_text(f"{axis.text}{LOGARITHMIC if is_log else ''}")
    if is_log:
        low, high = min(positive), max(positive)
        has_zero = min(values) < low
        set_scale = axes.set_xscale if which == "x" else axes.set_yscale
        if has_zero:
            set_scale("symlog", linthresh=low, linscale=0.5)
        else:
            set_scale("log")
        line.set_minor_formatter(ticker.NullFormatter())
        if high / low < NARROW and not has_zero:
            line.set_major_locator(ticker.MaxNLocator(5))
            line.set_minor_locator(ticker.NullLocator())
        else:
            places = ([0.0] if has_zero else []) + _places(low, high)
            line.set_major_locator(ticker.FixedLocator(places))
    line.set_major_formatter(ticker.FuncFormatter(lambda value, _: plain(value)))


def _places(low: float, high: float) -> list[float]:
    """Return where a logarithmic scale has its ticks: powers of ten, or 1, 2 and 5."""
    steps = (1, 2, 5) if high / low < DENSE else (1,)
    decades = range(floor(log10(low)), ceil(log10(high)) + 1)
    # As text, a power of ten is itself: 1e-3, not 0.0010000000000000002.
    places = (float(f"{step}e{decade}") for decade in decades for step in steps)
    return [place for place in places if low / MARGIN <= place <= high * MARGIN]
