"""How often is a healthy node held dead while a fifth of all packets is lost?

Expected: hardly ever. A probe fails if two pings a round trip apart, three helpers and
a stream all fail, and then the accused has 2 to 6 s to refute, says so five times, and
is pinged once more before the verdict. Real memberlist had 26 and 58 wrong views per
node-hour at 20 and 30 % of all packets, streams included, for 64 nodes. Here streams
are retransmitted below the engine, as TCP does.
"""

from typing import Final

from benchmarks.lab import Lab, beside
from benchmarks.values import Question, Row, question
from sim.options import Options

NODES: Final = 64
NODE_HOURS: Final = 1.0
SHARE: Final = 0.1


def answer(lab: Lab) -> list[Row]:
    """Measure one node-hour a run, 20 in all."""
    rows: list[Row] = []
    for loss in (0.2, 0.3):
        duration_s = 3600 * NODE_HOURS / NODES
        options = Options("idle", nodes=NODES, loss=loss, duration_s=duration_s)
        pair = beside(lab, options, lab.seeds(20, 1))
        measure = f"N={NODES}, loss {loss:.0%}: wrong views"
        rows.append(pair.mean(measure, "false_dead", "/node-h", SHARE, NODE_HOURS))
    return rows


QUESTION: Final[Question] = question("views", __doc__, answer)
