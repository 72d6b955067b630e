"""How long after the last join does every pair know each other, all joining at once?

Expected: a join costs two round trips, 4 ms; the claims of N newcomers, some 100 bytes
each, then reach everybody in 5 copies. That is 500 bytes times N, half a megabyte at
N=1000: within the burst that a node may send, so what counts is the repair of what was
missed, some rounds of 100 ms. memberlist queues N claims behind 3 packets of 1,400
bytes each 200 ms, 21,000 bytes/s: at N=1000 and 16 copies of 60 bytes, some 45 s; and
a pair that its fixed count of copies misses waits for a push/pull, 30 s and more.
"""

from typing import Final

from benchmarks.lab import Lab, beside
from benchmarks.values import Of, Question, Row, Target, question
from sim.options import Options
from swarmnet.swim.config import SwimConfig

# Nodes, the target in s of the worst seed, and the seeds of a full and a quick run.
CASES: Final = ((64, 1.0, 100, 5), (200, 1.0, 20, 1), (1000, 3.0, 20, 0))
PEER_SEEDS_1000: Final = (2, 0)
"""memberlist's run of 1,000 nodes costs minutes; it is told apart from ours in one."""


def answer(lab: Lab) -> list[Row]:
    """Measure three sizes; every seed must reach the target."""
    config = SwimConfig()
    bounds = f"{config.rate_bytes_s:,.0f} bytes/s, burst {config.burst_bytes:,.0f}"
    rows = []
    for nodes, worst_s, full, quick in CASES[:2] if lab.quick else CASES:
        seeds = lab.seeds(full, quick)
        peer_seeds = lab.seeds(*PEER_SEEDS_1000) if nodes == 1000 else seeds
        pair = beside(lab, Options("bootstrap", nodes=nodes), seeds, peer_seeds)
        target = Target(Of.WORST, worst_s)
        measure = f"N={nodes}: every pair"
        few = "" if peer_seeds == seeds else "; few of the peer: each costs minutes"
        rows.append(pair.row(measure, "all_s", "s", target, note=bounds + few))
    return rows


QUESTION: Final[Question] = question("bootstrap", __doc__, answer)
