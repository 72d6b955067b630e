"""When can a new member use 10,000 rows, and when has it all of them?

Expected: over a link of 100 Mbit/s with 10 ms each way, joining is two round trips and
the first page another, so some 80 ms; 3 MB take 0.24 s on the link, and each of 14
pages from each of three donors a round trip and TCP's slow start, some 70 ms: 1 s.
NetworkDB asks its peers one after another and waits up to 30 s for each.
"""

from typing import Final

from benchmarks.lab import OURS, Lab, figure_spread
from benchmarks.values import Clock, Of, Question, Row, Target, question
from sim.options import Options

ROWS: Final = 10_000


def answer(lab: Lab) -> list[Row]:
    """Let a fifth node join four that hold the rows."""
    settings = {"rows": str(ROWS)}
    options = Options("table-join", nodes=5, profile=OURS, settings=settings)
    outcomes = lab.simulate(options, lab.seeds(20, 2))
    return [
        Row(
            measure=f"{ROWS:,} rows, 100 Mbit/s, 10 ms: {measure}",
            unit=unit,
            clock=Clock.VIRTUAL,
            ours=figure_spread(OURS, figure, outcomes),
            peer=None,
            targets=targets,
            violations=sum(outcome.violated for outcome in outcomes),
        )
        for measure, figure, unit, targets in (
            ("usable", "usable_s", "s", (Target(Of.MEDIAN, 0.1),)),
            ("complete", "complete_s", "s", (Target(Of.MEDIAN, 1.5),)),
            ("taken on streams", "stream_bytes", "B", ()),
        )
    ]


QUESTION: Final[Question] = question("table_join", __doc__, answer)
"""A newcomer's snapshot; see `sim.scenarios.table_join`."""
