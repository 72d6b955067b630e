"""The report: whole in itself, escaped, accessible, red where a target is missed."""

from html.parser import HTMLParser

import pytest

from benchmarks.page import page
from benchmarks.pictures import drawn
from tests.benchmarks.answers import ANSWER, COMMAND, PICTURES, PLACE, ROWS

pytest.importorskip("matplotlib")
pytestmark = pytest.mark.slow

VOID = frozenset({"meta", "link", "br", "path", "use", "rect", "image", "line"})


class Read(HTMLParser):
    """The elements of a page with their attributes, and its text by element."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[tuple[str, str]] = []
        self._open: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.elements.append((tag, found))
        if tag not in VOID:
            self._open.append((tag, found.get("class", "")))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open.pop()[0] == tag, "elements are closed in order"

    def handle_data(self, data: str) -> None:
        if data.strip() and self._open:
            tag, kind = self._open[-1]
            self.texts.append((kind or tag, " ".join(data.split())))

    def of(self, kind: str) -> list[str]:
        """Return the texts in elements of a class, or else of a name."""
        return [text for name, text in self.texts if name == kind]


@pytest.fixture(scope="module")
def text() -> str:
    pictures = {"toy": drawn("toy", ROWS, PICTURES)}
    return page(PLACE, COMMAND, [ANSWER], pictures)


@pytest.fixture(scope="module")
def read(text: str) -> Read:
    return Read(text)


def test_the_page_says_where_and_by_what_it_was_made(read: Read) -> None:
    assert read.of("dd") == ["Linux <6>, 2 cores", "3.13.1"]
    assert read.of("code") == [COMMAND, "abc1234"]


def test_the_same_numbers_give_the_same_page(text: str) -> None:
    again = {"toy": drawn("toy", ROWS, PICTURES)}
    assert page(PLACE, COMMAND, [ANSWER], again) == text


def test_nothing_is_taken_from_elsewhere_and_no_script_runs(
    text: str, read: Read
) -> None:
    assert "http" not in text.replace("&", "")
    assert "@import" not in text
    assert not [
        tag for tag, _ in read.elements if tag in ("script", "iframe", "object")
    ]
    links = [
        found[name]
        for _, found in read.elements
        for name in ("href", "src", "xlink:href")
        if name in found
    ]
    assert links
    assert all(link.startswith(("#", "data:")) for link in links)


def test_every_id_is_there_once_and_every_link_leads_somewhere(read: Read) -> None:
    ids = [found["id"] for _, found in read.elements if "id" in found]
    assert len(ids) == len(set(ids))
    inside = [
        found[name].removeprefix("#")
        for _, found in read.elements
        for name in ("href", "xlink:href", "aria-labelledby")
        if found.get(name, "data:").startswith("data:") is False
    ]
    assert set(inside) <= set(ids)
    clips = [found["clip-path"] for _, found in read.elements if "clip-path" in found]
    assert {clip[len("url(#") : -1] for clip in clips} <= set(ids)


def test_all_that_others_may_have_written_is_escaped(text: str, read: Read) -> None:
    assert "<all>" not in text
    assert "<three>" not in text
    assert "How slow is <it>?" in read.of("p")
    assert "time to <all> & $more (s)" in read.of("th")
    assert read.of("note") == ["of <three>"]


def test_a_missed_target_is_red_and_said_in_words_with_its_gap(
    text: str, read: Read
) -> None:
    assert read.of("missed") == [
        "2 missed",
        "median <= 0.2 MISSED: 0.5, gap 0.3",
        "worst <= 1 MISSED: never, gap never",
        "in 2 runs a rule was broken",
    ]
    assert read.of("met") == ["median >= 10 met"]
    assert ".missed { color: #b00020;" in text


def test_the_tables_hold_the_rows_apart_by_clock(read: Read) -> None:
    assert read.of("caption") == [
        "toy: virtual time and exact counts",
        "toy: wall clock of this machine",
    ]
    numbers = [one for one in read.of("number") if one[0].isdigit() or one == "never"]
    assert numbers[:8] == ["3", "0.5", "0.9", "never", "0.25", "3", "2", "2"]
    assert numbers[-4:] == ["1,234", "12", "12", "12"]


def test_who_reads_by_ear_is_told_of_tables_and_pictures(text: str, read: Read) -> None:
    assert text.startswith('<!DOCTYPE html>\n<html lang="en">')
    heads = [found for tag, found in read.elements if tag == "th"]
    assert all(found.get("scope") in ("col", "rowgroup") for found in heads)
    drawings = [found for tag, found in read.elements if tag == "svg"]
    assert len(drawings) == len(PICTURES) + 2
    assert all(found["role"] == "img" for found in drawings)
    assert all(len(found["aria-label"]) > 40 for found in drawings)
    tags = [tag for tag, _ in read.elements]
    assert (tags.count("h1"), tags.count("h2")) == (1, 2)
    assert tags.count("table") == tags.count("caption") == tags.count("thead") == 2
    assert tags.count("figure") == tags.count("figcaption") == len(drawings)
