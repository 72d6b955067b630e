"""How far is the memberlist profile from the real memberlist?

Expected: the same ticks, fan-out and formulas, so medians within some 15 % for
dissemination (20 broadcasts a size) and some 20 % for detection (10 kills, each
dominated by a probe that comes round when it will).

The real one is Debian's, built here: LAN defaults, AES-256, one process on loopback
(`memberlist_cluster` says how), by the wall clock and measured in this run. The
profile's times are virtual, over `lan`, in a table of their own; what both come to is
the ratio, in the real one's. No target: it is the result. Where the real one cannot be
built there is nothing to compare with, and no row.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Final

from benchmarks.lab import PEER, Lab, Outcome, figure_spread
from benchmarks.memberlist_cluster import built, theirs
from benchmarks.trials import Contest, Found, Trial, contested
from benchmarks.values import Clock, Question, Row, Spread, question, spread
from sim.options import Options

PROFILE: Final = "memberlist profile"


@dataclass(frozen=True, slots=True)
class Compared:
    """What is measured of both: the profile's figure, and the real one's."""

    scenario: str
    figure: str
    real: str
    measure: str


COMPARED: Final = (
    Compared("update", "t50_s", "half", "a broadcast to half"),
    Compared("update", "all_s", "all", "a broadcast to all"),
    Compared("crash", "first_suspect_s", "suspect", "a kill first suspected"),
    Compared("crash", "first_dead_s", "first", "a kill first held dead"),
    Compared("crash", "all_dead_s", "last", "a kill known to all"),
)
FULL: Final = tuple(Trial(n, 20, 10, settle_s=15.0) for n in (10, 50, 100, 200))
QUICK: Final = (Trial(10, 5, 1, settle_s=2.0),)


def measured(task: tuple[Trial, Path]) -> Found | None:
    """Measure the real one at one size; None if it does not come up."""
    trial, program = task
    kind = theirs(program)
    return contested(Contest((kind,), trial, rounds=1)).get(kind.name)


def compared(lab: Lab, trial: Trial, program: Path) -> Iterator[Row]:
    """Yield what the profile and the real one came to at one size."""
    nodes = trial.count
    real = lab.alone(f"real memberlist, N={nodes}", measured, (trial, program))
    if real is None:
        return
    outcomes: dict[str, list[Outcome]] = {
        scenario: lab.simulate(
            Options(scenario, nodes=nodes, profile=PEER), lab.seeds(100, 10)
        )
        for scenario in ("update", "crash")
    }
    name = theirs(program).name
    for one in COMPARED:
        yield from _rows(
            f"N={nodes}: {one.measure}",
            figure_spread(PROFILE, one.figure, outcomes[one.scenario]),
            spread(name, getattr(real, one.real)),
        )


def _rows(measure: str, profile: Spread, real: Spread) -> Iterator[Row]:
    """Yield each by its own clock, and the quotient of their medians."""
    yield Row(measure, "s", Clock.VIRTUAL, profile)
    yield Row(measure, "s", Clock.WALL, real)
    if 0 < real.median < inf and profile.median < inf:
        quotient = spread("profile over real", [profile.median / real.median])
        yield Row(f"{measure}, the profile's part", "", Clock.WALL, quotient)


def answer(lab: Lab) -> list[Row]:
    """Measure the real one, and run the profile at the same sizes."""
    with built("fidelity") as program:
        if program is None:
            return []
        trials = QUICK if lab.quick else FULL
        return [row for one in trials for row in compared(lab, one, program)]


QUESTION: Final[Question] = question("fidelity", __doc__, answer)
