"""How long until all show a write while 400 rows a second are written beside it?

NetworkDB's own protocol (moby commit 2eb08ddf13): every 20 ms eight rows that nobody
waits for, up to 2,000, and a node that leaves the network or comes back every 100 ms.
Expected: 2,000 rows of some 300 bytes at 5 copies are 3 MB a node, which the burst of
4 MiB covers; what gathers for a few ms in busy queues adds to each hop, so some 10 ms.
The peer's figures are those that were published, of the same protocol in virtual time.
"""

from typing import Final

from benchmarks.lab import OURS, Lab, figure_spread
from benchmarks.values import Clock, Of, Question, Row, Spread, Target, question
from sim.options import Options

PUBLISHED: Final = "NetworkDB"
# Nodes; figure, its target in s, and what NetworkDB published.
CASES: Final = (
    (10, (("p50_s", 0.020, 0.4),)),
    (25, (("p50_s", 0.030, 1.4), ("p90_s", 0.300, 11.0), ("max_s", 3.0, 58.0))),
)
NAMES: Final = {"p50_s": "half", "p90_s": "90 %", "max_s": "all"}


def answer(lab: Lab) -> list[Row]:
    """Run the churn at both sizes."""
    return [row for nodes, figures in CASES for row in _rows(lab, nodes, figures)]


def _rows(
    lab: Lab, nodes: int, figures: tuple[tuple[str, float, float], ...]
) -> list[Row]:
    options = Options("table-churn", nodes=nodes, profile=OURS)
    outcomes = lab.simulate(options, lab.seeds(20, 2))
    return [
        Row(
            measure=f"N={nodes}: {NAMES[figure]} of the timed writes shown",
            unit="s",
            clock=Clock.VIRTUAL,
            ours=figure_spread(OURS, figure, outcomes),
            peer=Spread(PUBLISHED, 1, theirs_s, None, None),
            targets=(Target(Of.MEDIAN, target_s),),
            violations=sum(outcome.violated for outcome in outcomes),
            note="the peer's figure is published, not from this run",
        )
        for figure, target_s, theirs_s in figures
    ]


QUESTION: Final[Question] = question("table_churn", __doc__, answer)
"""NetworkDB's protocol; see `sim.scenarios.table_churn`."""
