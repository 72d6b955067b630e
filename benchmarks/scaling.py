"""What does a node pay as the cluster grows from 3 members to 10,000, and what ends it?

Expected: a node probes once a period whatever the size, so bytes and CPU at rest are
the same from 128 members on, where the period is a second: 181 B/s, 100 us/s. Below, up
to 32, it is a quarter of one, and each probes its successor as well: five times that.
News goes over rings, log N hops, in five copies. A death is known after the suspicion's
2 s and a probe of the victim, whatever the size. A node holds a record of every other:
2 kB each, and 9 kB with certificate and row. Only where all come at once does each
hear of each: five copies of 150 bytes, N times. memberlist's rules: 200 ms for each
factor of four in N, a suspicion of 4 log10 N s, and what a join costs.

An exponent is that of the nearest N**b; its worst is with one size left out. Streams
are not in the bytes: over one memberlist exchanges its whole list each 30 s.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import click

from benchmarks.budgets import Limit, limit_rows, limit_where
from benchmarks.charts import Picture
from benchmarks.growth import Theory
from benchmarks.lab import OURS, PEER, Lab
from benchmarks.measured import MEMBERS, Measure, Measured, answered
from benchmarks.node_costs import STEADY, idle_s, node_costs
from benchmarks.values import Clock, Question, Row, question, spread
from sim.options import Figure, Options
from sim.run import run
from swarmnet.swim.config import SwimConfig

FULL: Final = (3, 10, 30, STEADY, 300, 1000, 3000, 10_000)
QUICK: Final = (10, 30, STEADY, 300)
LARGEST: Final = (FULL[-1], QUICK[-1])
SEEDS: Final = (10, 2)
SEEDS_LARGE: Final = {300: (10, 1), 1000: (5, 1), 3000: (2, 1), 10_000: (1, 1)}
DEAR: Final = 1000
PAIR_BYTES: Final = 70
"""A simulated run holds so much for each ordered pair of nodes."""
CORE_US_S: Final = 1e6
MEMORY_BYTES: Final = 2.0**30
"""What a host can spare its agent, say."""
CHANGE_S: Final = 600.0
CHANGE_BYTES: Final = 190.0
"""A payload of 100 bytes with its key and frame, and the channel's 48."""
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
class Reading:
    """A measure, and where it is found in a run."""

    measure: Measure
    value: Callable[[Seen], Figure]


@dataclass(frozen=True, slots=True)
class Study:
    """One scenario over the sizes; `most` and `peer_most` are of a full, a quick run.

    A crash costs memberlist's rules a minute of CPU at 1,000 nodes; where all join at
    once every node takes a claim of every other, whoever's the rules.
    """

    scenario: str
    most: tuple[int, int]
    peer_most: tuple[int, int]
    readings: tuple[Reading, ...]
    large_seeds: int = SEEDS[0]
    """So many at most from `DEAR` members on."""


def _figure(name: str) -> Callable[[Seen], Figure]:
    return lambda seen: seen.figures[name]


def _rate(seen: Seen) -> Figure:
    return seen.received_bytes / seen.simulated_s


def _received(seen: Seen) -> Figure:
    return seen.received_bytes


AT_REST: Final = Measure(
    "bytes", "received by a node at rest", "B/s", Theory.CONSTANT, STEADY
)
TO_ALL: Final = Measure("to-all", "one change: until all know", "s", Theory.LOGARITHM)
COPIES: Final = Measure("copies", "one change: copies per node", "", least=STEADY)
FIRST_DEAD: Final = Measure(
    "first-dead", "a crash: until one knows", "s", Theory.CONSTANT, STEADY
)
ALL_DEAD: Final = Measure(
    "all-dead", "a crash: until all know", "s", Theory.CONSTANT, STEADY
)
ALL_JOINED: Final = Measure("join", "all join at once: until every pair knows", "s")
JOIN_BYTES: Final = Measure(
    *("join-bytes", "all join at once: received by a node", "B", None, 10),
    "a claim comes in a page on a stream, which is not counted, or by relay, up to five"
    " times: the share that is relayed grows, towards 5 copies of 150 B a member",
)
STUDIES: Final = (
    Study("idle", LARGEST, LARGEST, (Reading(AT_REST, _rate),)),
    Study(
        "update",
        LARGEST,
        LARGEST,
        (
            Reading(TO_ALL, _figure("all_s")),
            Reading(COPIES, _figure("copies_per_node")),
        ),
    ),
    Study(
        "crash",
        LARGEST,
        (1000, 300),
        (
            Reading(FIRST_DEAD, _figure("first_dead_s")),
            Reading(ALL_DEAD, _figure("all_dead_s")),
        ),
    ),
    Study(
        "bootstrap",
        (1000, STEADY),
        (300, STEADY),
        (
            Reading(ALL_JOINED, _figure("all_s")),
            Reading(JOIN_BYTES, _received),
        ),
        large_seeds=1,
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
    sizes = sizes_of(lab)
    found: list[Measured] = []
    for study in STUDIES:
        runs = {one: _runs(lab, study, one, sizes) for one in (OURS, PEER)}
        found += [_measured(reading, runs) for reading in study.readings]
    found += node_costs(lab, sizes)
    rows, charts = answered(found)
    limits = _limits({one.measure.name: one for one in found})
    return [*rows, *limit_rows(limits, MEMBERS.of), *charts]


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
        if size >= DEAR:
            seeds = seeds[: study.large_seeds]
        tasks += [replace(bare, seed=seed) for seed in seeds]
    found: Runs = {size: [] for size in sizes}
    label = f"scaling, {study.scenario} {profile}"
    for task, seen in zip(tasks, lab.map(label, see, tasks), strict=True):
        assert task.nodes is not None
        found[task.nodes].append(seen)
    return found


def _measured(reading: Reading, runs: dict[str, Runs]) -> Measured:
    ours, peer = (
        {
            size: spread(name, [reading.value(one) for one in seen])
            for size, seen in runs[name].items()
        }
        for name in (OURS, PEER)
    )
    broken = {
        size: sum(one.violated for one in seen) for size, seen in runs[OURS].items()
    }
    return Measured(reading.measure, Clock.VIRTUAL, ours, peer, violations=broken)


def _limits(found: Mapping[str, Measured]) -> list[Limit]:
    """Return the budgets of a node and where they are spent."""
    config = SwimConfig()
    rate, burst = config.rate_bytes_s, config.burst_bytes
    each = f"{rate:,.0f} B/s a node"
    return [
        *limit_where(found["bytes"], rate, f"{each}, at rest"),
        *limit_where(
            found["join-bytes"], burst, "the burst of 1 MiB, all join at once"
        ),
        *_changing(found["copies"], rate, f"{each}, each changing once in 10 minutes"),
        *limit_where(found["cpu"], CORE_US_S, "one core, at rest, the engine alone"),
        *limit_where(found["whole-memory"], MEMORY_BYTES, "1 GiB of memory"),
    ]


def _changing(copies: Measured, rate: float, what: str) -> list[Limit]:
    """Return at how many members their changes fill the byte budget.

    A change costs every node the same number of copies, so what a node receives grows
    with how many others there are to change. No fit: the law is that product.
    """
    if not copies.ours:
        return []
    each = copies.ours[max(copies.ours)].median * CHANGE_BYTES
    law = f"{each:,.0f} B a change at every node"
    return [Limit(what, copies.clock, rate * CHANGE_S / each, law)]


QUESTION: Final[Question] = question("scaling", __doc__, answer)
