"""How well do network coordinates estimate known round trips?

Expected: as well as serf's, whose tests bound the mean and the largest relative error
on five matrices after 1,000 cycles of every node with a random peer (hashicorp/serf,
`coordinate/performance_test.go`, seed 1). Here the engine's own probes measure, one
a second in each node, for 1,000 s; the bounds are held against the median seed.
"""

from dataclasses import replace
from typing import Final

from benchmarks.lab import OURS, Lab, figure_spread
from benchmarks.values import Clock, Of, Question, Row, Target, question
from sim.options import Options

BOUNDS: Final = (
    ("line", 10, 0.0031, 0.0130),
    ("grid", 25, 0.0016, 0.0230),
    ("split", 25, 0.000060, 0.00048),
    ("circle", 25, 0.0028, 0.064),
    ("random", 25, 0.075, 0.33),
)
"""Matrix, nodes, and serf's bounds of the mean and the largest error."""
QUICK: Final = 2
"""So many of them are enough when it must be quick."""


def answer(lab: Lab) -> list[Row]:
    """Measure both errors on each matrix."""
    rows: list[Row] = []
    bounds = BOUNDS[:QUICK] if lab.quick else BOUNDS
    bare, seeds = Options("coordinates", profile=OURS), lab.seeds(20, 1)
    kinds = [
        replace(bare, nodes=nodes, settings={"matrix": str(number)})
        for number, (_, nodes, _, _) in enumerate(bounds)
    ]
    every = lab.simulate_each([(one, seeds) for one in kinds])
    for (name, nodes, mean, largest), runs in zip(bounds, every, strict=True):
        for figure, bound in (("error_mean", mean), ("error_max", largest)):
            rows.append(
                Row(
                    f"{name} of {nodes}: {figure.replace('_', ', ')} over the pairs",
                    "",
                    Clock.VIRTUAL,
                    figure_spread(OURS, figure, runs),
                    targets=(Target(Of.MEDIAN, bound),),
                    violations=sum(run.violated for run in runs),
                )
            )
    return rows


QUESTION: Final[Question] = question("coordinates", __doc__, answer)
