"""Where benchmarks run: seeds side by side on all cores, or one process alone.

Everything that is measured in virtual time runs in a pool; whatever measures the wall
clock or memory runs by itself in a fresh process while the pool rests.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final, TypeVar

from tqdm import tqdm

from benchmarks.values import Clock, Of, Row, Spread, Target, in_order, spread
from sim.grid import pool_of
from sim.options import Figure, Options
from sim.run import run
from sim.workers import Pool, Workers

Task = TypeVar("Task")
Answer = TypeVar("Answer")

Runs = tuple[Options, range]
"""One kind of run, and the seeds of it."""

OURS: Final = "swarmnet"
PEER: Final = "memberlist"
LARGER_IS_BETTER: Final = frozenset({"delivered_per_s", "slice_min"})
"""Figures of the simulator that are rates, or what somebody gets."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is kept of a run: its curve and coverage would crowd the pipe."""

    figures: dict[str, Figure]
    received_bytes_s: float
    violated: bool


def observe(options: Options) -> Outcome:
    """Run the simulator once."""
    result = run(options)
    mean = result.bytes_per_node_s["mean"]
    return Outcome(dict(result.figures), mean, bool(result.violations))


class Lab:
    """Runs tasks for benchmarks; a context that ends its processes.

    `quick` asks for fewer seeds and smaller clusters. With one job, pooled tasks run
    in this process; with the address of a Dask `scheduler`, on that cluster's workers.

    Raises:
        Refused: on entry, the Dask cluster cannot be used.
    """

    def __init__(self, jobs: int, *, quick: bool, scheduler: str | None = None) -> None:
        self.jobs = jobs
        self.quick = quick
        self._scheduler = scheduler
        self._pool: Pool | None = None

    def __enter__(self) -> "Lab":
        # Whether a cluster can be used is seen before anything is measured.
        if self._scheduler is not None:
            self._pool = pool_of(self.jobs, self._scheduler)
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        if self._pool is not None:
            self._pool.__exit__(kind, *error)

    def seeds(self, full: int, quick: int) -> range:
        """Return the seeds to run, from 1."""
        return range(1, 1 + (quick if self.quick else full))

    def map(
        self, label: str, action: Callable[[Task], Answer], tasks: Sequence[Task]
    ) -> list[Answer]:
        """Return `action` of each task, in their order, with a progress bar.

        Raises:
            Refused: the Dask cluster cannot be used.
            WorkerLost: a process died.
        """
        if self._pool is None:
            self._pool = pool_of(self.jobs, self._scheduler)
        answers: Iterable[Answer] = (
            map(action, tasks) if self._pool is None else self._pool.map(action, tasks)
        )
        return list(tqdm(answers, desc=label, total=len(tasks), leave=False))

    def alone(self, label: str, action: Callable[[Task], Answer], task: Task) -> Answer:
        """Return `action(task)` from a process of its own that nothing runs beside.

        Raises:
            WorkerLost: that process died.
        """
        with Workers(1) as workers:
            answers = workers.map(action, [task])
            return next(iter(tqdm(answers, desc=label, total=1, leave=False)))

    def simulate(self, options: Options, seeds: range) -> list[Outcome]:
        """Run every seed of one kind of run."""
        return self.simulate_each([(options, seeds)])[0]

    def simulate_each(self, runs: Sequence[Runs]) -> list[list[Outcome]]:
        """Run every seed of several kinds of runs, together, so that no core waits."""
        kinds = [options for options, _ in runs]
        told = [
            kinds[0].scenario,
            *dict.fromkeys(f"N={one.nodes}" for one in kinds),
            *dict.fromkeys(one.profile for one in kinds),
        ]
        tasks = [
            replace(options, seed=seed) for options, seeds in runs for seed in seeds
        ]
        found = iter(self.map(" ".join(told), observe, tasks))
        return [list(islice(found, len(seeds))) for _, seeds in runs]


def figure_spread(name: str, figure: str, outcomes: Sequence[Outcome]) -> Spread:
    """Return one figure's spread; `bytes` is what a node received per second."""
    if figure == "bytes":
        return spread(name, [outcome.received_bytes_s for outcome in outcomes])
    values = [outcome.figures[figure] for outcome in outcomes]
    return spread(name, values, larger_is_better=figure in LARGER_IS_BETTER)


@dataclass(frozen=True, slots=True)
class Pair:
    """The outcomes of the same runs under ours and under its peer."""

    ours: list[Outcome]
    peer: list[Outcome]
    peer_name: str = PEER

    def row(
        self, measure: str, figure: str, unit: str, *targets: Target, note: str = ""
    ) -> Row:
        """Return one figure of both, in virtual time."""
        return self._row(
            measure,
            unit,
            figure_spread(OURS, figure, self.ours),
            figure_spread(self.peer_name, figure, self.peer),
            targets=targets,
            note=note,
        )

    def share(self, measure: str, figure: str, unit: str, share: float) -> Row:
        """Return a figure whose median is to be at most a share of the peer's."""
        ours = figure_spread(OURS, figure, self.ours)
        peer = figure_spread(self.peer_name, figure, self.peer)
        target = Target(Of.MEDIAN, share * peer.median)
        note = f"the target is {share:g} of the peer's median"
        return self._row(measure, unit, ours, peer, targets=(target,), note=note)

    def mean(
        self, measure: str, figure: str, unit: str, share: float, per: float = 1.0
    ) -> Row:
        """Return a rare count's mean over the runs, at most a share of the peer's.

        Each count is divided by `per`. A mean is one value: most runs may have none.
        """
        ours = _mean(OURS, figure, self.ours, per)
        peer = _mean(self.peer_name, figure, self.peer, per)
        target = Target(Of.MEDIAN, share * peer.median)
        note = f"a mean over the runs; the target is {share:g} of the peer's"
        return self._row(measure, unit, ours, peer, targets=(target,), note=note)

    def _row(
        self,
        measure: str,
        unit: str,
        ours: Spread,
        peer: Spread,
        *,
        targets: tuple[Target, ...],
        note: str,
    ) -> Row:
        return Row(
            measure=measure,
            unit=unit,
            clock=Clock.VIRTUAL,
            ours=ours,
            peer=peer,
            targets=targets,
            violations=sum(outcome.violated for outcome in self.ours),
            note=note,
        )


def _mean(name: str, figure: str, outcomes: Sequence[Outcome], per: float) -> Spread:
    counts = [(outcome.figures[figure] or 0.0) / per for outcome in outcomes]
    return Spread(
        name=name,
        runs=len(counts),
        median=sum(counts) / len(counts),
        p90=None,
        worst=max(counts),
        values=tuple(sorted(counts)),
        series=in_order(counts),
    )


def beside(
    lab: Lab,
    options: Options,
    seeds: range,
    peer_seeds: range | None = None,
    *,
    peer: str = PEER,
) -> Pair:
    """Run the same seeds under both profiles, or fewer under the peer's."""
    fewer = seeds if peer_seeds is None else peer_seeds
    return beside_each(lab, [(options, seeds, fewer)], peer=peer)[0]


def beside_each(
    lab: Lab, cases: Sequence[tuple[Options, range, range]], *, peer: str = PEER
) -> list[Pair]:
    """Run cases under both profiles, all together: ours, and the peer's seeds."""
    runs: list[Runs] = []
    for options, seeds, peer_seeds in cases:
        runs.append((replace(options, profile=OURS), seeds))
        runs.append((replace(options, profile=peer), peer_seeds))
    found = lab.simulate_each(runs)
    both = zip(found[::2], found[1::2], strict=True)
    return [Pair(ours, theirs, peer) for ours, theirs in both]


def joined(pairs: Sequence[Pair]) -> Pair:
    """Return the runs of several pairs with one peer as one."""
    return Pair(
        [outcome for pair in pairs for outcome in pair.ours],
        [outcome for pair in pairs for outcome in pair.peer],
        pairs[0].peer_name,
    )
