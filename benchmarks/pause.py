"""Lifeguard's experiment: who is declared dead because some nodes are slow?

Expected: close to nobody who is healthy. Slow nodes accuse the healthy, who refute at
once; an accuser that is refuted again and again is believed no more, and a slow node's
own verdicts wait as long as its bad health says. Lifeguard had 1.53 % of the false
deaths of SWIM, and 1.89 % at healthy nodes. The peer is the profile `swim`, the rules
of the paper of 2002: there who is declared dead stays dead, as in that paper, so that
it counts each victim once for each observer. With its setting `rejoin=1` it has about
twice as many.
"""

from typing import Final

from benchmarks.lab import Lab, Pair, beside, joined
from benchmarks.values import Question, Row, question
from sim.options import Options

NODES: Final = 100
PEER: Final = "swim"
SLOW: Final = (1, 2, 4, 8, 16, 32)
SHARE: Final = 0.015
SHARE_AT_HEALTHY: Final = 0.019


def answer(lab: Lab) -> list[Row]:
    """Measure two minutes with 1 to 32 slow nodes of 100, by number and together."""
    rows: list[Row] = []
    pairs: list[Pair] = []
    for slow in SLOW[:1] if lab.quick else SLOW:
        options = Options("pause", nodes=NODES, settings={"slow": str(slow)})
        pair = beside(lab, options, lab.seeds(20, 1), peer=PEER)
        rows += _rows(pair, f"{slow} slow:")
        pairs.append(pair)
    return [*rows, *_rows(joined(pairs), "all of these:")]


def _rows(pair: Pair, case: str) -> list[Row]:
    at_healthy = "false_dead_at_healthy"
    return [
        pair.mean(f"{case} false deads", "false_dead", "", SHARE),
        pair.mean(f"{case} at healthy nodes", at_healthy, "", SHARE_AT_HEALTHY),
    ]


QUESTION: Final[Question] = question("pause", __doc__, answer)
