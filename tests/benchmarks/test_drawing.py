"""Pictures: they say what the numbers say, without colour, and the same each time."""

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from io import BytesIO
from xml.etree import ElementTree

import pytest

from benchmarks.charts import Chart, Whose
from benchmarks.drawing.heat import bounds, heat_in_words
from benchmarks.drawing.lines import PENS, chart_figure, chart_in_words
from benchmarks.drawing.paper import Drawn, legend_columns, paper, plain
from benchmarks.pictures import check_paper, drawn
from benchmarks.values import Clock, Of, Target
from swarmnet.errors import Refused
from tests.benchmarks.answers import (
    CURVES,
    FAST,
    HEALING,
    PICTURES,
    ROWS,
    TRADE,
    WRONG,
)
from tests.source import ROOT

mpl = pytest.importorskip("matplotlib")
pytestmark = pytest.mark.slow
colors = pytest.importorskip("matplotlib.colors")
image = pytest.importorskip("matplotlib.image")
numpy = pytest.importorskip("numpy")


def words(picture: Drawn) -> list[str]:
    """Return all that is written in an SVG, in order."""
    root = ElementTree.fromstring(picture.svg)
    texts = ("".join(one.itertext()) for one in root.iter() if one.tag.endswith("text"))
    return [" ".join(text.split()) for text in texts]


def only(chart: Chart) -> Drawn:
    (one,) = drawn("toy", (), (chart,))
    return one


@pytest.mark.slow
def test_a_question_has_its_own_pictures_and_one_of_its_rows_for_each_clock() -> None:
    names = [one.name for one in drawn("toy", ROWS, PICTURES)]
    assert names == ["toy-curves", "toy-trade", "toy-map", "toy-virtual", "toy-wall"]


@pytest.mark.slow
def test_the_same_numbers_give_the_same_bytes_whatever_a_user_has_set_up() -> None:
    first = drawn("toy", ROWS, PICTURES)
    with mpl.rc_context({"lines.linewidth": 9.0, "font.size": 20.0}):
        assert drawn("toy", ROWS, PICTURES) == first
    moved = replace(CURVES, lines=CURVES.lines[1:])
    assert only(moved).svg != only(CURVES).svg


@pytest.mark.slow
def test_the_same_numbers_give_the_same_bytes_in_another_process() -> None:
    code = (
        "import hashlib; from benchmarks.pictures import drawn;"
        "from tests.benchmarks.answers import PICTURES, ROWS;"
        "text = repr(drawn('toy', ROWS, PICTURES)).encode();"
        "print(hashlib.sha256(text).hexdigest())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    here = hashlib.sha256(repr(drawn("toy", ROWS, PICTURES)).encode()).hexdigest()
    assert done.stdout.strip() == here


def test_a_chart_draws_every_point_that_it_is_given() -> None:
    for chart in (CURVES, TRADE):
        with paper("toy"):
            (axes,) = chart_figure(chart).axes
            shown = [
                tuple(map(tuple, numpy.asarray(line.get_xydata()).tolist()))
                for line in axes.lines
            ]
        assert shown == [line.points for line in chart.lines]


def test_a_chart_names_its_lines_axes_units_and_clock() -> None:
    said = words(only(CURVES))
    assert {line.name for line in CURVES.lines} <= set(said)
    assert "time since it was published (s), logarithmic" in said
    assert "nodes that hold it (%)" in said
    assert "virtual time; medians of 5 runs" in said
    other = words(only(TRADE))
    deaths = "false deaths (/min), logarithmic"
    assert {deaths, "nodes (count)", "wall clock"} <= set(other)
    assert {"a", "b", "0", "nobody's (no point)"} <= set(other)


def test_a_chart_of_nothing_is_drawn_all_the_same() -> None:
    assert "virtual time; medians of 5 runs" in words(only(replace(CURVES, lines=())))


def test_any_letter_is_written_as_it_is() -> None:
    assert CURVES.title in words(only(CURVES))


def test_lines_are_told_apart_without_their_colours() -> None:
    with paper("toy"):
        (axes,) = chart_figure(CURVES).axes
        looks = {
            (
                line.get_linestyle(),
                str(line.get_marker()),
                line.get_markerfacecolor() == "white",
            )
            for line in axes.lines
        }
    assert len(looks) == len(CURVES.lines)


def test_ours_and_the_peers_differ_in_lightness() -> None:
    def lightness(whose: Whose) -> float:
        red, green, blue = colors.to_rgb(PENS[whose].colour)
        return float(0.299 * red + 0.587 * green + 0.114 * blue)

    assert lightness(Whose.PEER) - lightness(Whose.OURS) > 0.2


def test_a_chart_in_words_gives_the_ends_of_each_line() -> None:
    assert chart_in_words(TRADE) == (
        "Speed against error: nodes (count) against false deaths (/min), wall clock."
        " ours (ours): from 4 at 0 to 2 at 20. theirs (peer): 8 at 0.5."
        " nobody's (peer): no point."
    )


@pytest.mark.slow
def test_a_map_of_heat_shows_its_cells_on_its_scale() -> None:
    assert bounds(HEALING) == (0.0, 100.0)
    assert bounds(replace(HEALING, low=None, high=None)) == (40.0, 100.0)
    assert heat_in_words(HEALING) == (
        "A cut heals: members seen alive (%) for each node (number) against time since"
        " the cable is back (s), virtual time. The mean is 50 at 0 and 100 at 0.2."
    )
    (picture,) = drawn("toy", (), (HEALING,))
    said = words(picture)
    assert {"node (number)", "members seen alive (%)"} <= set(said)
    grey = greys(picture.png)
    height, width = len(grey), len(grey[0])
    row = [grey[height // 4][width * place // 100] for place in (20, 45, 70)]
    assert row == sorted(row)
    assert len(set(row)) == 3


def greys(png: bytes) -> list[list[float]]:
    """Return a picture as whoever prints it without colours sees it."""
    pixels = image.imread(BytesIO(png))
    weights = (0.299, 0.587, 0.114)
    return [[float(pixel[:3] @ weights) for pixel in row] for row in pixels]


def test_what_has_no_place_on_a_scale_is_said_in_words() -> None:
    (picture,) = drawn("toy", (WRONG,), ())
    assert {"swarmnet: 0", "memberlist: never"} <= set(words(picture))
    assert "target: 0" not in words(picture)
    held = replace(WRONG, targets=(Target(Of.WORST, 0.0),))
    (picture,) = drawn("toy", (held,), ())
    assert "target: 0" in words(picture)


def test_the_picture_of_rows_names_measures_units_and_whose_they_are() -> None:
    virtual, wall = drawn("toy", ROWS, ())
    said = words(virtual)
    measures = {"time to <all> & $more [3]", "false deaths [3]"}
    assert measures | {"s, logarithmic", "count"} <= set(said)
    assert "measured (swarmnet): median, to the worst" in said
    assert "beside it (memberlist): median, to the worst" in said
    assert "swarmnet: worst never" in said
    assert {"speed [1,234]", "s/s, logarithmic"} <= set(words(wall))
    fewer = replace(FAST, peer=replace(FAST.ours, runs=20))
    (picture,) = drawn("toy", (fewer,), ())
    assert "speed [1,234, 20]" in words(picture)
    assert Clock.VIRTUAL.value in virtual.name


@pytest.mark.parametrize(
    ("names", "columns"),
    [((), 1), (("a", "b"), 2), (("a",) * 7, 3), (("a" * 40, "b"), 2), (("a" * 60,), 1)],
)
def test_a_legend_is_no_wider_than_its_picture(
    names: tuple[str, ...], columns: int
) -> None:
    assert legend_columns(names) == columns


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.001, "0.001"), (10_000, "10,000"), (1e-6, "1e-06"), (2.5, "2.5")],
)
def test_ticks_are_plain_numbers(value: float, text: str) -> None:
    assert plain(value) == text


def test_without_matplotlib_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(Refused, match="install the extra 'bench'"):
        check_paper()
