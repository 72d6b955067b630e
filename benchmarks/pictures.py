"""Draws what questions found, and writes it out: an SVG and a PNG of each picture."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.charts import Chart, Picture
from benchmarks.drawing.heat import draw_heat
from benchmarks.drawing.lines import draw_chart
from benchmarks.drawing.paper import Drawn, paper
from benchmarks.drawing.summary import draw_summary
from benchmarks.values import Clock, Row


def check_paper() -> None:
    """Refuse pictures that could not be drawn, before anything runs.

    Raises:
        Refused: matplotlib is missing.
    """
    with paper(""):
        pass


def drawn(name: str, rows: Sequence[Row], pictures: Sequence[Picture]) -> list[Drawn]:
    """Return the pictures of the question `name`: its own first, then its rows'.

    Raises:
        Refused: matplotlib is missing.
    """
    shown = [_draw(f"{name}-{one.name}", one) for one in pictures]
    for clock in Clock:
        of_clock = [row for row in rows if row.clock is clock]
        if of_clock:
            shown.append(draw_summary(name, clock, of_clock))
    return shown


def _draw(name: str, one: Picture) -> Drawn:
    return draw_chart(name, one) if isinstance(one, Chart) else draw_heat(name, one)


def write(directory: Path, pictures: Sequence[Drawn]) -> None:
    """Write each picture as NAME.svg and NAME.png."""
    for one in pictures:
        (directory / f"{one.name}.svg").write_text(one.svg, encoding="utf-8")
        (directory / f"{one.name}.png").write_bytes(one.png)
