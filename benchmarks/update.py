"""How long until one payload of 100 bytes is known to all, and what does it cost?

Expected: six neighbours on three rings inform 1,000 nodes in five or six hops, each
the quickest of several ways of 0.5 to 1.5 ms: about 6 ms, and 2K - 1 = 5 copies a node.
A node misses it under loss p with p^6: at 20 % one in 16,000, which a digest after some
50 ms mends, so the median stays that of the hops. memberlist tells 3 of 1,000 at each
tick of 200 ms: five to six ticks, 1 s, and 4 * ceil(log10(1001)) = 16 copies a node.
"""

from dataclasses import dataclass
from typing import Final

from benchmarks.lab import Lab, Pair, beside
from benchmarks.values import Of, Question, Row, Target, question
from sim.options import Options


@dataclass(frozen=True, slots=True)
class Lossy:
    """One loss at 1,000 nodes: its targets in s, and both sides' seeds, full and quick.

    At 20 % false suspicions and their refutations make a run dear, some 6 s of CPU of
    ours, half a minute of memberlist's: a quick run has none.
    """

    loss: float
    median_s: float
    worst_s: float
    seeds: tuple[int, int]
    peer_seeds: tuple[int, int]


LOSSES: Final = (
    Lossy(0.0, median_s=0.010, worst_s=0.1, seeds=(200, 3), peer_seeds=(200, 3)),
    Lossy(0.05, median_s=0.010, worst_s=0.5, seeds=(200, 3), peer_seeds=(200, 3)),
    Lossy(0.2, median_s=0.025, worst_s=1.0, seeds=(200, 0), peer_seeds=(20, 0)),
)
COPIES_MAX: Final = 6.0
# Nodes, and the target of the median in s.
SIZES: Final = ((25, 0.008), (5000, 0.015))


def answer(lab: Lab) -> list[Row]:
    """Measure three losses at 1,000 nodes, and two other sizes without loss."""
    rows = []
    for case in LOSSES[:2] if lab.quick else LOSSES:
        pair = beside(
            lab,
            Options("update", nodes=1000, loss=case.loss),
            lab.seeds(*case.seeds),
            lab.seeds(*case.peer_seeds),
        )
        targets = (Target(Of.MEDIAN, case.median_s), Target(Of.WORST, case.worst_s))
        rows += _rows(pair, f"N=1000, loss {case.loss:.0%}", *targets)
    for nodes, median_s in SIZES[:1] if lab.quick else SIZES:
        seeds = lab.seeds(20, 10)
        pair = beside(lab, Options("update", nodes=nodes), seeds)
        rows += _rows(pair, f"N={nodes}, no loss", Target(Of.MEDIAN, median_s))
    return rows


def _rows(pair: Pair, what: str, *targets: Target) -> list[Row]:
    copies = Target(Of.WORST, COPIES_MAX)
    return [
        pair.row(f"{what}: to all", "all_s", "s", *targets),
        pair.row(f"{what}: copies per node", "copies_per_node", "", copies),
    ]


QUESTION: Final[Question] = question("update", __doc__, answer)
