"""How long until all know that a node has left?

Expected: the claim goes at once to six neighbours and on; N=200 is four hops of some
1 ms, so 5 ms. memberlist sends it at its ticks of 200 ms, three or four of them: 0.6 s.
"""

from typing import Final

from benchmarks.lab import Lab, beside
from benchmarks.values import Of, Question, Row, Target, question
from sim.options import Options

ALL_S: Final = 0.05


def answer(lab: Lab) -> list[Row]:
    """Measure one graceful leave from 200 nodes."""
    pair = beside(lab, Options("leave", nodes=200), lab.seeds(100, 10))
    return [pair.row("N=200: known to all", "all_s", "s", Target(Of.WORST, ALL_S))]


QUESTION: Final[Question] = question("leave", __doc__, answer)
