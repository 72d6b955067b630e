"""Pictures: the course of one run, or the distribution over many seeds.

matplotlib is loaded only when a picture is wanted: the simulator does without it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sim.files import check_writable, unwritable
from sim.options import Result
from swarmnet.errors import Refused

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUFFIXES: Final = (".png", ".svg")
SIZE_INCHES: Final = (8.0, 4.5)


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
    """Draw the distribution of each figure over the seeds, one panel a figure.

    Raises:
        Refused: the file cannot be written.
    """
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
    first = results[0]
    figure.suptitle(
        f"{first.scenario}, {first.profile}, {first.nodes} nodes, {len(results)} seeds"
    )
    _save(figure, path)


def _save(figure: "Figure", path: str) -> None:
    try:
        figure.savefig(path)
    except OSError as error:
        raise unwritable("plot", path, error) from None
