"""The smallest fault schedule that still fails.

A plan is a pure function of seed and options, and each of its faults has a name that
stays when others are left out. So a schedule is a part of those names, and delta
debugging over them, first by whole kinds and then fault by fault, ends where to leave
out any one more makes the run pass. To fail is to break the same checker as the whole
plan broke first; what a run breaks besides is not looked at.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from sim.ddmin import ddmin
from sim.faults import KINDS, Fault
from sim.grid import pool_of
from sim.options import Options, Result
from sim.replay import replay_command
from sim.run import Registry, planned, run
from sim.workers import Pool, WorkerLost

Schedule = tuple[str, ...]
"""Names of faults, in the plan's order."""
Kinds = tuple[str, ...]
Progress = Callable[[int], None]
"""Told after every run how many faults the smallest failing schedule holds."""

NO_FAULTS: Final[Schedule] = ()


@dataclass(frozen=True, slots=True)
class Shrunk:
    """What shrinking came to: `options` play the smallest schedule, which is `faults`.

    `drawn` counts the faults of the whole plan, `runs` the runs that decided; neither
    they nor the result depend on how many processes ran them.
    """

    options: Options
    checker: str
    drawn: int
    runs: int
    faults: tuple[Fault, ...]

    @property
    def command(self) -> str:
        """Return the command that replays the smallest schedule."""
        return replay_command(self.options)

    def document(self) -> dict[str, object]:
        """Return the JSON document of `python -m sim shrink`."""
        return {
            "scenario": self.options.scenario,
            "seed": self.options.seed,
            "checker": self.checker,
            "runs": self.runs,
            "faults": [_document(fault) for fault in self.faults],
            "command": self.command,
        }


def _document(fault: Fault) -> dict[str, object]:
    return {
        "name": fault.name,
        "kind": fault.kind,
        "time_s": round(fault.at_s, 6),
        "length_s": round(fault.length_s, 6),
        "amount": round(fault.amount, 6),
        "nodes": sorted(fault.nodes),
        "coin": round(fault.coin, 6),
    }


class TrialLost(Exception):
    """A process died; `command` replays the trial that it may have had in hand."""

    def __init__(self, command: str) -> None:
        super().__init__(f"a worker process died; it may have been at: {command}")
        self.command = command


def shrink(
    options: Options,
    jobs: int,
    known: Registry | None = None,
    progress: Progress = lambda _faults: None,
    scheduler: str | None = None,
) -> Shrunk | None:
    """Return the smallest fault schedule of a run that still fails; None if it passes.

    `jobs` processes run side by side; 1 stays in this one. `scheduler` is the address
    of a Dask cluster, whose workers run them instead.

    Raises:
        Refused: an option is out of bounds, the scenario draws no faults, or the
            cluster cannot be used.
        TrialLost: a process died.
    """
    options = replace(options, trace=None)
    plan = planned(options, known)
    whole = run(options, known)
    progress(len(plan))
    if not whole.violations:
        return None
    first = whole.violations[0]
    with ExitStack() as stack:
        pool = pool_of(jobs, scheduler)
        if pool is not None:
            stack.enter_context(pool)
        trials = _Trials(
            options,
            plan,
            first.checker,
            partial(run, known=known),
            pool,
            progress=progress,
        )
        # Mostly this is what strikes after the rule was broken, and cannot be to blame.
        early = tuple(fault.name for fault in plan if fault.at_s <= first.time_s)
        smallest = _smallest(trials, early)
    return Shrunk(
        replace(options, without=trials.without(smallest)),
        first.checker,
        len(plan),
        1 + trials.runs,
        tuple(fault for fault in plan if fault.name in smallest),
    )


def _smallest(trials: "_Trials", early: Schedule) -> Schedule:
    """Return a schedule that fails, and passes without any single one of its faults."""
    if trials.first_failing([NO_FAULTS]) is not None:
        return NO_FAULTS
    if early != trials.smallest:
        trials.first_failing([early])
    kinds = tuple(dict.fromkeys(map(_kind, trials.smallest)))

    def first_failing_kinds(parts: Sequence[Kinds]) -> Kinds | None:
        schedules = [_of_kinds(trials.smallest, kinds) for kinds in parts]
        failing = trials.first_failing(schedules)
        return None if failing is None else parts[schedules.index(failing)]

    ddmin(kinds, first_failing_kinds)
    return ddmin(trials.smallest, trials.first_failing)


def _of_kinds(schedule: Schedule, kinds: Kinds) -> Schedule:
    return tuple(name for name in schedule if _kind(name) in kinds)


def _kind(name: str) -> str:
    return name.partition(".")[0]


class _Trials:
    """Runs schedules of one plan, and knows which passed and the smallest that failed.

    What a trial comes to is looked at in the order of the schedules, so that the answer
    is the same whichever process is the first to be done.
    """

    def __init__(
        self,
        options: Options,
        plan: Sequence[Fault],
        checker: str,
        run_one: Callable[[Options], Result],
        pool: Pool | None,
        *,
        progress: Progress,
    ) -> None:
        self.smallest: Schedule = tuple(fault.name for fault in plan)
        self.runs = 0
        self._options = options
        self._names = self.smallest
        self._checker = checker
        self._run = run_one
        self._pool = pool
        self._progress = progress
        self._passed: set[Schedule] = set()

    def first_failing(self, schedules: Sequence[Schedule]) -> Schedule | None:
        """Return the first that breaks the checker; those seen to pass are not run."""
        new = [one for one in dict.fromkeys(schedules) if one not in self._passed]
        with closing(self._results(new)) as results:
            for schedule, result in zip(new, results, strict=True):
                self.runs += 1
                fails = any(v.checker == self._checker for v in result.violations)
                if fails:
                    self.smallest = schedule
                else:
                    self._passed.add(schedule)
                self._progress(len(self.smallest))
                if fails:
                    return schedule
        return None

    def _results(self, schedules: Sequence[Schedule]) -> Generator[Result, None, None]:
        tasks = [replace(self._options, without=self.without(s)) for s in schedules]
        if self._pool is None:
            yield from map(self._run, tasks)
            return
        try:
            yield from self._pool.map(self._run, tasks)
        except WorkerLost as lost:
            raise TrialLost(replay_command(tasks[lost.place])) from None

    def without(self, kept: Schedule) -> tuple[str, ...]:
        """Return what `--without` must name so that of the plan only `kept` is left.

        Whole kinds where nothing of one is left, single faults elsewhere.
        """
        there = frozenset(map(_kind, kept))
        drawn = frozenset(map(_kind, self._names))
        gone = [kind for kind in KINDS if kind in drawn and kind not in there]
        asked = [word for word in self._options.without if _kind(word) not in gone]
        alone = [n for n in self._names if n not in kept and _kind(n) not in gone]
        return (*asked, *gone, *alone)
