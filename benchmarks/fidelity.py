"""How far is the memberlist profile from the real memberlist?

Expected: the same ticks, fan-out and formulas, so medians within some 15 % for
dissemination (20 samples were measured) and some 20 % for detection (10 kills, each
dominated by a probe that comes round when it will).

The real one: memberlist 0.2.2, Go, LAN defaults, AES-256, in-process on loopback, two
busy cores. Its times are constants here, measured once; the profile's are virtual, over
`lan`. No target: the ratio is the result.
"""

from dataclasses import dataclass
from typing import Final

from benchmarks.lab import PEER, Lab, figure_spread
from benchmarks.values import Clock, Question, Row, Spread, question
from sim.options import Options

REAL: Final = "memberlist 0.2.2 measured"


@dataclass(frozen=True, slots=True)
class Measured:
    """What the real one did: medians in s, with p99 or the largest where known."""

    scenario: str
    figure: str
    what: str
    samples: int
    medians_s: dict[int, float]


MEASURED: Final = (
    Measured(
        "update",
        "t50_s",
        "a broadcast to half",
        20,
        {10: 0.143, 50: 0.263, 100: 0.304, 200: 0.359},
    ),
    Measured(
        "update",
        "all_s",
        "a broadcast to all",
        20,
        {10: 0.295, 50: 0.482, 100: 0.609, 200: 0.704},
    ),
    Measured(
        "crash",
        "first_suspect_s",
        "a kill first suspected",
        10,
        {10: 1.5, 50: 1.3, 100: 2.4, 200: 2.5},
    ),
    Measured(
        "crash",
        "first_dead_s",
        "a kill first held dead",
        10,
        {10: 5.5, 50: 8.1, 100: 10.4, 200: 11.7},
    ),
    Measured(
        "crash",
        "all_dead_s",
        "a kill known to all",
        10,
        {10: 5.6, 50: 8.4, 100: 10.9, 200: 12.1},
    ),
)
SIZES: Final = (10, 50, 100, 200)


def answer(lab: Lab) -> list[Row]:
    """Run the profile at the sizes that were measured."""
    outcomes = {
        (scenario, nodes): lab.simulate(
            Options(scenario, nodes=nodes, profile=PEER), lab.seeds(100, 20)
        )
        for scenario in ("update", "crash")
        for nodes in SIZES
    }
    return [
        Row(
            measure=f"N={nodes}: {real.what}",
            unit="s",
            clock=Clock.VIRTUAL,
            ours=figure_spread(
                "memberlist profile", real.figure, outcomes[real.scenario, nodes]
            ),
            peer=Spread(REAL, real.samples, real.medians_s[nodes], None, None),
            note="peer: a wall-clock constant; ratio: profile over real",
        )
        for real in MEASURED
        for nodes in SIZES
    ]


QUESTION: Final[Question] = question("fidelity", __doc__, answer)
