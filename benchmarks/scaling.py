"""What does a node pay as the cluster grows from 3 members to 10,000, and what ends it?

Expected: a node probes once a period whatever the size, so bytes and CPU at rest are
the same from 128 members on, where the period is a second: 181 B/s, 100 us/s. Below, up
to 32, it is a quarter of one, and each probes its successor as well: five times that.
News goes over rings, log N hops, in five copies. A death is known after the suspicion's
2 s and a probe of the victim, whatever the size. A node holds a record of every other:
3 kB each, and 11 kB with certificate and row. Only where all come at once does each
hear of each: five copies of 150 bytes, N times. memberlist's rules: 200 ms for each
factor of four in N, a suspicion of 4 log10 N s, and what a join costs.

An exponent is that of the nearest N**b; its worst is with one size left out. Streams
are not in the bytes: over one memberlist exchanges its whole list each 30 s.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import click

from benchmarks.budgets import limits
from benchmarks.charts import Picture
from benchmarks.growth import Growth, Theory, positive
from benchmarks.lab import OURS, PEER, Lab
from benchmarks.node_costs import STEADY, idle_s, node_costs
from benchmarks.values import Clock, Question, Row, Spread, question, spread
from sim.options import Figure, Options
from sim.run import run

FULL: Final = (3, 10, 30, STEADY, 300, 1000, 3000, 10_000)
QUICK: Final = (3, 10, 30, STEADY, 300, 1000)
LARGEST: Final = (FULL[-1], QUICK[-1])
SEEDS: Final = (10, 2)
SEEDS_LARGE: Final = {1000: (5, 1), 3000: (2, 1), 10_000: (1, 1)}
PAIR_BYTES: Final = 70
"""A simulated run holds so much for each ordered pair of nodes."""
MEMORY: Final = Path("/proc/meminfo")


@dataclass(frozen=True, slots=True)
class Seen:
    """What is kept of a run. `received_bytes` is a node's, over all of the run."""

    figures: dict[str, Figure]
    received_bytes: float
    simulated_s: float
    violated: bool


def see(options: Options) -> Seen:
    """Run the simulator once."""
    result = run(options)
    received = result.bytes_per_node_s["mean"] * result.simulated_s
    figures = dict(result.figures)
    return Seen(figures, received, result.simulated_s, bool(result.violations))


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure of a scenario, and how it should grow from `least` members on."""

    name: str
    what: str
    unit: str
    value: Callable[[Seen], Figure]
    theory: Theory | None
    least: int = 0


@dataclass(frozen=True, slots=True)
class Study:
    """One scenario over the sizes; `most` and `peer_most` are of a full, a quick run.

    A crash costs memberlist's rules a minute of CPU at 1,000 nodes; where all join at
    once every node takes a claim of every other, whoever's the rules.
    """

    scenario: str
    most: tuple[int, int]
    peer_most: tuple[int, int]
    measures: tuple[Measure, ...]


def _figure(name: str) -> Callable[[Seen], Figure]:
    return lambda seen: seen.figures[name]


def _rate(seen: Seen) -> Figure:
    return seen.received_bytes / seen.simulated_s


def _received(seen: Seen) -> Figure:
    return seen.received_bytes


AT_REST: Final = ("bytes", "received by a node at rest", "B/s")
TO_ALL: Final = ("to-all", "one change: until all know", "s")
COPIES: Final = ("copies", "one change: copies per node", "")
FIRST_DEAD: Final = ("first-dead", "a crash: until one knows", "s")
ALL_DEAD: Final = ("all-dead", "a crash: until all know", "s")
ALL_JOINED: Final = ("join", "all join at once: until every pair knows", "s")
JOIN_BYTES: Final = ("join-bytes", "all join at once: received by a node", "B")
STUDIES: Final = (
    Study(
        "idle",
        LARGEST,
        LARGEST,
        (Measure(*AT_REST, _rate, Theory.CONSTANT, STEADY),),
    ),
    Study(
        "update",
        LARGEST,
        LARGEST,
        (
            Measure(*TO_ALL, _figure("all_s"), Theory.LOGARITHM),
            Measure(*COPIES, _figure("copies_per_node"), None, STEADY),
        ),
    ),
    Study(
        "crash",
        LARGEST,
        (1000, 300),
        (
            Measure(*FIRST_DEAD, _figure("first_dead_s"), Theory.CONSTANT, STEADY),
            Measure(*ALL_DEAD, _figure("all_dead_s"), Theory.CONSTANT, STEADY),
        ),
    ),
    Study(
        "bootstrap",
        (1000, 300),
        (300, STEADY),
        (
            Measure(*ALL_JOINED, _figure("all_s"), None),
            Measure(*JOIN_BYTES, _received, Theory.LINEAR, 30),
        ),
    ),
)


def sizes_of(lab: Lab) -> list[int]:
    """Return the sizes for which this machine has the memory, smallest first.

    One line says what is left out.
    """
    sizes = QUICK if lab.quick else FULL
    room = _available_bytes() / max(1, lab.jobs)
    fitting = [size for size in sizes if PAIR_BYTES * size**2 <= room]
    for size in sizes[len(fitting) :]:
        need, have = (one / 2**30 for one in (PAIR_BYTES * size**2, room))
        click.echo(
            f"scaling: N={size} left out: want {need:.1f} GiB of memory for each of"
            f" {lab.jobs} processes, there are {have:.1f}; try fewer --jobs",
            err=True,
        )
    return fitting


def _available_bytes() -> float:
    """Return how much memory can be had, or infinity where nobody says."""
    if not MEMORY.exists():
        return float("inf")
    lines = MEMORY.read_text(encoding="ascii").splitlines()
    words = next(line for line in lines if line.startswith("MemAvailable:")).split()
    return float(words[1]) * 1024


Runs = dict[int, list[Seen]]


def answer(lab: Lab) -> list[Row | Picture]:
    """Measure in virtual time, then CPU and memory; fit; and say what ends first."""
    rows: list[Row] = []
    growths: dict[str, Growth] = {}
    sizes = sizes_of(lab)
    for study in STUDIES:
        found = {one: _runs(lab, study, one, sizes) for one in (OURS, PEER)}
        for measure in study.measures:
            rows += _rows(measure, found)
            growths[measure.name] = _growth(measure, found)
    for costs, growth in node_costs(lab, sizes):
        rows += costs
        growths[growth.name] = growth
    fits = [row for growth in growths.values() for row in growth.rows()]
    charts = [growth.chart() for growth in growths.values()]
    return [*rows, *fits, *limits(growths), *charts]


def _runs(lab: Lab, study: Study, profile: str, every: Sequence[int]) -> Runs:
    """Return the runs of each size, all in one pool, the dearest first."""
    most = (study.most if profile == OURS else study.peer_most)[lab.quick]
    sizes = [size for size in every if size <= most]
    tasks = []
    for size in reversed(sizes):
        bare = Options(study.scenario, nodes=size, profile=profile)
        if study.scenario == "idle":
            bare = replace(bare, duration_s=idle_s(size, quick=lab.quick))
        seeds = lab.seeds(*SEEDS_LARGE.get(size, SEEDS))
        tasks += [replace(bare, seed=seed) for seed in seeds]
    found: Runs = {size: [] for size in sizes}
    label = f"scaling, {study.scenario} {profile}"
    for task, seen in zip(tasks, lab.map(label, see, tasks), strict=True):
        assert task.nodes is not None
        found[task.nodes].append(seen)
    return found


def _spread(name: str, measure: Measure, seen: Sequence[Seen]) -> Spread:
    return spread(name, [measure.value(one) for one in seen])


def _rows(measure: Measure, found: dict[str, Runs]) -> list[Row]:
    """Return the measure at each size; the peer's where it was run."""
    theirs = found[PEER]
    return [
        Row(
            measure=f"N={size}: {measure.what}",
            unit=measure.unit,
            clock=Clock.VIRTUAL,
            ours=_spread(OURS, measure, seen),
            peer=_spread(PEER, measure, theirs[size]) if size in theirs else None,
            violations=sum(one.violated for one in seen),
        )
        for size, seen in found[OURS].items()
    ]


def _growth(measure: Measure, found: dict[str, Runs]) -> Growth:
    ours, peer = (
        positive((size, _spread(name, measure, seen).median) for size, seen in of)
        for name, of in ((OURS, found[OURS].items()), (PEER, found[PEER].items()))
    )
    return Growth(
        *(measure.name, measure.what, measure.unit, Clock.VIRTUAL),
        ours=ours,
        peer=peer,
        peer_name=PEER,
        theory=measure.theory,
        least=measure.least,
    )


QUESTION: Final[Question] = question("scaling", __doc__, answer)
