"""Where benchmarks run: seeds side by side on all cores, or one process alone.

Everything that is measured in virtual time runs in a pool; whatever measures the wall
clock or memory runs by itself in a fresh process while the pool rests.
"""

import multiprocessing
import signal
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from multiprocessing.pool import Pool
from typing import Final, TypeVar

from tqdm import tqdm

from benchmarks.values import Clock, Row, Spread, Target, spread
from sim.options import Figure, Options
from sim.run import run

Task = TypeVar("Task")
Answer = TypeVar("Answer")

OURS: Final = "swarmnet"
PEER: Final = "memberlist"


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
    in this process.
    """

    def __init__(self, jobs: int, *, quick: bool) -> None:
        self.jobs = jobs
        self.quick = quick
        self._pool: Pool | None = None

    def __enter__(self) -> "Lab":
        return self

    def __exit__(self, *error: object) -> None:
        if self._pool is not None:
            self._pool.terminate()

    def seeds(self, full: int, quick: int) -> range:
        """Return the seeds to run, from 1."""
        return range(1, 1 + (quick if self.quick else full))

    def map(
        self, label: str, action: Callable[[Task], Answer], tasks: Sequence[Task]
    ) -> list[Answer]:
        """Return `action` of each task, in their order, with a progress bar."""
        if self.jobs > 1 and self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = context.Pool(self.jobs, initializer=_ignore_interrupt)
        answers: Iterable[Answer] = (
            map(action, tasks) if self._pool is None else self._pool.imap(action, tasks)
        )
        return list(tqdm(answers, desc=label, total=len(tasks), leave=False))

    def alone(self, label: str, action: Callable[[Task], Answer], task: Task) -> Answer:
        """Return `action(task)` from a process of its own that nothing runs beside."""
        context = multiprocessing.get_context("spawn")
        with (
            tqdm(desc=label, total=1, leave=False) as bar,
            context.Pool(1, initializer=_ignore_interrupt) as pool,
        ):
            answer = pool.apply(action, (task,))
            bar.update()
            return answer

    def simulate(self, options: Options, seeds: range) -> list[Outcome]:
        """Run every seed of one kind of run."""
        label = f"{options.scenario} N={options.nodes} {options.profile}"
        tasks = [replace(options, seed=seed) for seed in seeds]
        return self.map(label, observe, tasks)


def _ignore_interrupt() -> None:
    """Leave Ctrl-C to the parent, which ends the pool."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def figure_spread(name: str, figure: str, outcomes: Sequence[Outcome]) -> Spread:
    """Return one figure's spread; `bytes` is what a node received per second."""
    if figure == "bytes":
        return spread(name, [outcome.received_bytes_s for outcome in outcomes])
    return spread(name, [outcome.figures[figure] for outcome in outcomes])


@dataclass(frozen=True, slots=True)
class Pair:
    """The outcomes of the same runs under ours and under its peer."""

    ours: list[Outcome]
    peer: list[Outcome]

    def row(
        self, measure: str, figure: str, unit: str, *targets: Target, note: str = ""
    ) -> Row:
        """Return one figure of both, in virtual time."""
        return Row(
            measure=measure,
            unit=unit,
            clock=Clock.VIRTUAL,
            ours=figure_spread(OURS, figure, self.ours),
            peer=figure_spread(PEER, figure, self.peer),
            targets=targets,
            violations=sum(outcome.violated for outcome in self.ours),
            note=note,
        )


def beside(
    lab: Lab, options: Options, seeds: range, peer_seeds: range | None = None
) -> Pair:
    """Run the same seeds under both profiles, or fewer under the peer's."""
    peer = replace(options, profile=PEER)
    return Pair(
        lab.simulate(replace(options, profile=OURS), seeds),
        lab.simulate(peer, seeds if peer_seeds is None else peer_seeds),
    )
