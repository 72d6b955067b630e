"""Pictures: the course of a run, the distribution over seeds, or speed against error.

matplotlib is loaded only when a picture is wanted: the simulator does without it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sim.files import check_writable, unwritable
from sim.options import Result
from swarmnet.errors import Refused

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES: Final = (".png", ".svg")
SIZE_INCHES: Final = (8.0, 4.5)
MARKERS: Final = "os^Dv*Phd"
"""Told apart in black and white."""
NEVER: Final = 1.03
"""Where the never-detected stand: right of the axes, whose width is 1."""

Detection = tuple[float | None, float]
"""Of one run: the detection time in s, None for never, and its false deads."""


def check_plot(path: str) -> None:
    """Refuse a picture that could not be drawn, before anything runs.

    Raises:
        Refused: wrong suffix, no such directory, or matplotlib is missing.
    """
    if Path(path).suffix not in SUFFIXES:
        raise Refused(f"plot file {path!r}: want a name ending in .png or .svg")
    if not Path(path).parent.is_dir():
        raise Refused(f"plot file {path!r}: no such directory; name one that exists")
    check_writable("plot", path)
    _new_figure()


def _new_figure() -> "Figure":
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - an extra, rarely needed
    except ImportError:
        raise Refused(
            "plot: matplotlib is not installed; install the extra 'bench'"
        ) from None
    return Figure(figsize=SIZE_INCHES, layout="constrained")


def plot_run(result: Result, path: str) -> None:
    """Draw the course of a run as steps over virtual time.

    Raises:
        Refused: the file cannot be written.
    """
    curve = result.curve
    assert curve is not None, "every run has a course"
    figure = _new_figure()
    axes = figure.add_subplot()
    axes.step(
        [at_s for at_s, _ in curve.points],
        [value for _, value in curve.points],
        where="post",
    )
    axes.set_title(
        f"{curve.title}\n{result.profile}, {result.nodes} nodes, seed {result.seed}"
    )
    axes.set_xlabel(curve.x_label)
    axes.set_ylabel(curve.y_label)
    axes.grid(alpha=0.3)
    _save(figure, path)


def plot_sweep(results: Sequence[Result], path: str) -> None:
    """Draw speed against error where any run measured both, else distributions.

    Raises:
        Refused: the file cannot be written.
    """
    first = results[0]
    title = (
        f"{first.scenario}, {first.profile}, {first.nodes} nodes, {len(results)} seeds"
    )
    points = detections(results)
    if any(at_s is not None for at_s, _ in points):
        plot_detection({first.profile: points}, path, title=title)
    else:
        _save(_distributions(results, title), path)


def detections(results: Sequence[Result]) -> list[Detection]:
    """Return what a scatter shows: nothing where the figures do not hold both."""
    points: list[Detection] = []
    for result in results:
        count = result.figures.get("false_dead")
        if count is not None and "first_dead_s" in result.figures:
            points.append((result.figures["first_dead_s"], count))
    return points


def plot_detection(
    points_by_label: Mapping[str, Sequence[Detection]], path: str, *, title: str = ""
) -> None:
    """Draw the time of detection in s against false deads, one dot a run.

    Labels tell profiles or configurations apart, so that a picture compares them:
    better is further to the left and further down. Runs that detected nothing stand at
    the right margin.

    Raises:
        Refused: the file cannot be written, or matplotlib is missing.
    """
    _save(detection_figure(points_by_label, title), path)


def detection_figure(
    points_by_label: Mapping[str, Sequence[Detection]], title: str
) -> "Figure":
    """Return the picture of `plot_detection`: a line a label, another of its never."""
    figure = _new_figure()
    axes = figure.add_subplot()
    margin = axes.get_yaxis_transform()
    for place, (label, points) in enumerate(points_by_label.items()):
        seen = [(at_s, count) for at_s, count in points if at_s is not None]
        never = [count for at_s, count in points if at_s is None]
        name = f"{label} ({len(never)} of {len(points)} never)" if never else label
        lines = [
            *axes.plot([at_s for at_s, _ in seen], [n for _, n in seen], label=name),
            *axes.plot([NEVER] * len(never), never, transform=margin),
        ]
        for line in lines:
            line.set(linestyle="none", marker=MARKERS[place % len(MARKERS)])
            # A dot at 0, or at the margin, is drawn whole; dots upon dots are darker.
            line.set(color=f"C{place % 10}", alpha=0.5, clip_on=False)
    _scale(axes)
    if any(at_s is None for points in points_by_label.values() for at_s, _ in points):
        axes.text(
            NEVER, -0.04, "never", transform=axes.transAxes, ha="center", va="top"
        )
    axes.set_title(title)
    return figure


def _scale(axes: "Axes") -> None:
    """Let both axes begin at 0, and name them."""
    # At least to 1: where all is 0 or never, there is nothing to scale to. The slowest
    # keeps some distance from the margin.
    axes.set_xlim(0, max(1, 1.03 * axes.get_xlim()[1]))
    axes.set_ylim(0, max(1, axes.get_ylim()[1]))
    axes.set_xlabel("until a first node holds the victim dead, in s")
    axes.set_ylabel("false deads")
    axes.locator_params(axis="y", integer=True)
    axes.grid(alpha=0.3)
    axes.legend()


def _distributions(results: Sequence[Result], title: str) -> "Figure":
    """Return the distribution of each figure over the seeds, one panel a figure."""
    names = [
        name
        for name in results[0].figures
        if any(result.figures[name] is not None for result in results)
    ]
    figure = _new_figure()
    # With no figure reached there is one panel, and it stays empty.
    panels = figure.subplots(1, max(1, len(names)), squeeze=False)[0]
    for axes, name in zip(panels, names, strict=False):
        values = [result.figures[name] for result in results]
        ranked = sorted(value for value in values if value is not None)
        shares = [(i + 1) / len(values) for i in range(len(ranked))]
        axes.step(ranked, shares, where="post")
        axes.set_xlabel(f"{name[:-2]} (s)" if name.endswith("_s") else name)
        axes.set_ylim(0, 1.02)
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("share of seeds at or below")
    figure.suptitle(title)
    return figure


def _save(figure: "Figure", path: str) -> None:
    try:
        figure.savefig(path)
    except OSError as error:
        raise unwritable("plot", path, error) from None
