from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from sim.cli import call
from sim.options import Options, Result
from sim.plot import NEVER, detection_figure, detections, plot_detection
from sim.run import run
from tests.sim.toy_engine import toy_registry

if TYPE_CHECKING:
    from matplotlib.lines import Line2D

pytest.importorskip("matplotlib")

POINTS: dict[str, list[tuple[float | None, float]]] = {
    "ours": [(0.5, 0), (0.75, 2), (None, 1)],
    "theirs": [(5.5, 9)],
}


def drawn(line: "Line2D") -> list[tuple[float, float]]:
    """Return the points of a line, as they were given."""
    xs = cast("Sequence[float]", line.get_xdata())
    ys = cast("Sequence[float]", line.get_ydata())
    return list(zip(xs, ys, strict=True))


def test_each_run_is_a_dot_of_its_label_and_never_stands_at_the_margin() -> None:
    axes = detection_figure(POINTS, "crash").axes[0]
    assert [drawn(line) for line in axes.lines] == [
        [(0.5, 0), (0.75, 2)],
        [(NEVER, 1)],
        [(5.5, 9)],
        [],
    ]
    assert [line.get_marker() for line in axes.lines] == ["o", "o", "s", "s"]
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [
        "ours (1 of 3 never)",
        "theirs",
    ]
    assert axes.get_title() == "crash"
    assert [text.get_text() for text in axes.texts] == ["never"]


@pytest.mark.parametrize("point", [(None, 0), (0.25, 0)])
def test_both_axes_begin_at_0_and_reach_1_at_least(
    point: tuple[float | None, float],
) -> None:
    axes = detection_figure({"ours": [point]}, "").axes[0]
    assert (*axes.get_xlim(), *axes.get_ylim()) == (0, 1, 0, 1)


def test_where_all_was_detected_there_is_no_margin_of_never() -> None:
    axes = detection_figure({"ours": [(2.0, 0)]}, "").axes[0]
    assert list(axes.texts) == []
    assert axes.get_xlim()[1] > 2.05


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_a_picture_of_several_labels_is_written(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"detection.{suffix}"
    plot_detection(POINTS, str(file))
    assert file.stat().st_size > 1000


def result_with(**figures: float | None) -> Result:
    """Return a result that holds these figures."""
    whole = run(Options("idle", 2, profile="toy", duration_s=1.0), toy_registry())
    return replace(whole, figures=figures)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        ({"first_dead_s": 1.5, "false_dead": 2}, [(1.5, 2)]),
        ({"first_dead_s": None, "false_dead": 0}, [(None, 0)]),
        ({"false_dead": 2}, []),
        ({"first_dead_s": 1.5}, []),
        ({"first_dead_s": 1.5, "false_dead": None}, []),
    ],
)
def test_a_dot_needs_a_time_of_detection_and_a_count_of_false_deads(
    figures: dict[str, float | None], expected: list[tuple[float | None, float]]
) -> None:
    assert detections([result_with(**figures)]) == expected


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scenario", "is_scatter"),
    [("crash", True), pytest.param("update", False, marks=pytest.mark.slow)],
)
def test_a_sweep_that_measures_both_is_drawn_as_speed_against_error(
    tmp_path: Path, scenario: str, is_scatter: bool
) -> None:
    file = tmp_path / "sweep.svg"
    words = f"sweep {scenario} --nodes 4 --seeds 2 --jobs 1 --plot {file}"
    assert call(words.split()) == 0
    text = file.read_text()
    assert f"<!-- {scenario}, swarmnet, 4 nodes, 2 seeds -->" in text
    assert ("<!-- false deads -->" in text) is is_scatter
