"""How often is a healthy node held dead while a fifth of all packets is lost?

Expected: hardly ever. A probe fails if two pings a round trip apart, three helpers and
a stream all fail, and then the accused has 2 to 6 s to refute, says so five times, and
is pinged once more before the verdict. Real memberlist had 26 and 58 wrong views per
node-hour at 20 and 30 % of all packets, streams included, for 64 nodes. Here streams
are retransmitted below the engine, as TCP does.
"""

from dataclasses import replace
from typing import Final

from benchmarks.lab import Lab, beside_each
from benchmarks.values import Question, Row, question
from sim.options import Options

NODES: Final = 64
NODE_HOURS: Final = 1.0
LOSSES: Final = (0.2, 0.3)
SHARE: Final = 0.1


def answer(lab: Lab) -> list[Row]:
    """Measure one node-hour a run, 20 in all."""
    rows: list[Row] = []
    bare = Options("idle", nodes=NODES, duration_s=3600 * NODE_HOURS / NODES)
    seeds = lab.seeds(20, 1)
    cases = [(replace(bare, loss=loss), seeds, seeds) for loss in LOSSES]
    for loss, pair in zip(LOSSES, beside_each(lab, cases), strict=True):
        measure = f"N={NODES}, loss {loss:.0%}: wrong views"
        rows.append(pair.mean(measure, "false_dead", "/node-h", SHARE, NODE_HOURS))
    return rows


QUESTION: Final[Question] = question("views", __doc__, answer)
