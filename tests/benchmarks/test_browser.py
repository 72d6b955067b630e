"""The report in a real browser, without a screen: all of it is there, and alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.charts import Picture
from benchmarks.cli import QUESTIONS, call
from benchmarks.lab import Lab
from benchmarks.values import Question, Row
from tests.benchmarks.answers import ANSWER, PICTURES, ROWS
from tests.benchmarks.browser import IS_THERE, MISSING, Browser, browsing

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not IS_THERE, reason=MISSING),
]
SIZES = (
    "return [...document.querySelectorAll('figure > svg')].map("
    "one => one.getBoundingClientRect()).map(box => [box.width, box.height])"
)
TEXTS = (
    "return [...document.querySelectorAll('svg text')].map("
    "one => one.getBBox().width * one.getBBox().height)"
)
MAPS = (
    "return [...document.querySelectorAll('svg image')].map("
    "one => one.getBoundingClientRect().width)"
)
ROWS_SHOWN = (
    "return [...document.querySelectorAll('table')].map(one =>"
    " [one.caption.innerText, one.tBodies.length, one.offsetHeight])"
)
RED = (
    "return [...document.querySelectorAll('.missed')].map("
    "one => getComputedStyle(one).color)"
)
TOO_WIDE = "return document.documentElement.scrollWidth - innerWidth"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of a run by the command."""
    pytest.importorskip("matplotlib")
    out = tmp_path_factory.mktemp("out")

    def answer(lab: Lab) -> list[Row | Picture]:
        return [*ROWS, *PICTURES]

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(QUESTIONS, "toy", Question("toy", ANSWER.asks, answer))
        assert call(["run", "toy", "--jobs", "1", "--out", str(out)]) == 0
    return out / "report.html"


@pytest.fixture(scope="module")
def browser(
    report: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Browser]:
    """Yield a browser that shows the page."""
    with browsing(tmp_path_factory.mktemp("browser")) as one:
        one.show(report)
        yield one


def test_nothing_is_asked_for_but_the_page_and_nothing_goes_wrong(
    browser: Browser, report: Path
) -> None:
    page, *rest = browser.requests()
    assert page == report.resolve().as_uri()
    assert all(one.startswith("data:") for one in rest)
    assert browser.complaints() == []


def test_every_picture_and_all_that_is_written_in_it_can_be_seen(
    browser: Browser,
) -> None:
    sizes = browser.answer(SIZES)
    assert len(sizes) == len(PICTURES) + 2
    assert all(width > 400 and height > 150 for width, height in sizes)
    texts = browser.answer(TEXTS)
    assert len(texts) > 50
    assert all(area > 0 for area in texts)
    (cells, _scale) = browser.answer(MAPS)
    assert cells > 300


def test_both_tables_are_there_with_all_rows(browser: Browser) -> None:
    (virtual, wall) = browser.answer(ROWS_SHOWN)
    assert virtual[:2] == ["toy: virtual time and exact counts", 2]
    assert wall[:2] == ["toy: wall clock of this machine", 1]
    assert all(height > 50 for *_, height in (virtual, wall))


def test_what_is_missed_is_red_and_nothing_is_wider_than_the_window(
    browser: Browser,
) -> None:
    colours = browser.answer(RED)
    assert len(colours) == 4
    assert set(colours) <= {"rgb(176, 0, 32)", "rgb(255, 138, 138)"}
    assert browser.answer(TOO_WIDE) <= 0


def test_a_page_that_asks_for_more_would_be_caught(
    browser: Browser, tmp_path: Path
) -> None:
    (tmp_path / "other.html").write_text(
        "<!DOCTYPE html><img src='gone.png'><script>console.error('oh')</script>"
    )
    browser.show(tmp_path / "other.html")
    assert any(one.endswith("gone.png") for one in browser.requests())
    assert any("oh" in one for one in browser.complaints())
