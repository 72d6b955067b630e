"""How long until all nodes of a quiet network show a new endpoint's row?

Expected: what `update` takes, for a row travels as a payload does: among 25 nodes three
hops of some 0.7 ms, plus nothing, since a row is shown when it is applied. NetworkDB
tells 3 nodes at each tick of 200 ms: 0.2 s among three, 0.8 s among 25 (its published
figures); memberlist's rules do the same here, in the same run.
"""

from dataclasses import replace
from typing import Final

from benchmarks.lab import OURS, PEER, Lab, Pair
from benchmarks.values import Of, Question, Row, Target, question
from sim.options import Options

# Nodes, and the target of the median in s.
SIZES: Final = ((2, 0.005), (3, 0.005), (25, 0.010))


def answer(lab: Lab) -> list[Row]:
    """Time one row, and one payload of memberlist's."""
    return [row for nodes, median_s in SIZES for row in _rows(lab, nodes, median_s)]


def _rows(lab: Lab, nodes: int, median_s: float) -> list[Row]:
    seeds = lab.seeds(100, 10)
    ours = Options("table-update", nodes=nodes, profile=OURS)
    theirs = replace(ours, scenario="update", profile=PEER)
    shown, known = lab.simulate_each([(ours, seeds), (theirs, seeds)])
    pair = Pair(shown, known)
    target = Target(Of.MEDIAN, median_s)
    return [pair.row(f"N={nodes}: shown by all", "all_s", "s", target)]


QUESTION: Final[Question] = question("table_update", __doc__, answer)
"""What a row takes to be shown; see `sim.scenarios.table_update`."""
