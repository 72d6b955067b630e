"""Do views settle while 1 % of the nodes is badly connected in one direction?

Expected: yes, within 30 s. Who is deaf is declared dead once and kept out; who loses
80 % of what it sends or gets is accused, refutes, insists, and at last either keeps
answering or is damped. memberlist oscillates (Rapid, ATC 2018, figures 9 and 10).
"""

from dataclasses import replace
from typing import Final

from benchmarks.lab import Lab, beside_each
from benchmarks.values import Of, Question, Row, Target, question
from sim.options import Options
from sim.scenarios.asymmetric import Way

NODES: Final = (200, 16)
"""Fewer when it must be quick, of whom one is badly connected."""


def answer(lab: Lab) -> list[Row]:
    """Count the changes of anybody's view from 30 s after the faults' beginning on."""
    rows: list[Row] = []
    nodes = NODES[lab.quick]
    whole = Options("asymmetric", nodes=nodes)
    kinds = [replace(whole, settings={"kind": str(way.value)}) for way in Way]
    seeds, fewer = lab.seeds(20, 1), lab.seeds(4, 1)
    pairs = beside_each(lab, [(one, seeds, fewer) for one in kinds])
    for way, pair in zip(Way, pairs, strict=True):
        name = way.name.lower().replace("_", " ")
        rows.append(
            pair.row(
                f"N={nodes}, {name}: view changes after 30 s",
                "view_changes_after_30_s",
                "",
                Target(Of.MEDIAN, 0.0),
                Target(Of.WORST, 0.0),
            )
        )
    return rows


QUESTION: Final[Question] = question("asymmetric", __doc__, answer)
