"""What became of each row between two results: better, worse, or nothing that shows.

A row on the wall clock is compared by its ratio to the peer of the same run, which
takes out how fast the machine was. In virtual time it is compared as it is: the same
code gives the same values, so whatever differs was changed, and the test says whether
it is better or worse or other luck. What cannot be compared is said to be so.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from math import isinf
from typing import Final

from benchmarks.kept import Bound, Kept, Key, Result
from benchmarks.noise import Odds, by_failures, by_logs, by_ranks, significant
from benchmarks.pairing import is_known, is_one_program, is_one_world, pairs_of
from benchmarks.sides import (
    is_apart,
    is_measurable,
    overlap,
    repeats,
    same_seeds,
    side_of,
    signed,
    varies,
)
from benchmarks.values import Clock, Spread

LEVEL: Final = 0.01
"""The chance that noise alone makes any row of a whole comparison better or worse."""
MARGINS: Final = {Clock.WALL: 0.05, Clock.VIRTUAL: 0.01}
"""What must be exceeded beyond noise, as a share."""
FEW: Final = 8
"""Below so many runs the margin is `FEW_MARGIN`: they may all have met one weather."""
FEW_MARGIN: Final = 0.25
LEAST: Final = 3
"""Below so many runs nothing is known of noise."""
FACTORS: Final = {Clock.WALL: 2.0, Clock.VIRTUAL: 1.5}
"""By so much a row must change that has few runs and little noise, or sizes alone."""
LONE_FACTOR: Final = 4.0
"""By so much one whose noise is unknown: times of one seed differ by two from others'.
"""
SIZES: Final = frozenset({"B", "KiB", "MiB", "GiB"})
"""Units that no other load of the machine changes."""
COUNT: Final = ""
"""The unit of what is counted, as tables that differ: slower is no more of it."""


class Verdict(StrEnum):
    """What became of a row."""

    WORSE = "worse"
    BETTER = "better"
    WITHIN = "within noise"
    UNKNOWN = "noise unknown"
    INCOMPARABLE = "not comparable"
    GONE = "gone"
    NEW = "new"


class Method(StrEnum):
    """How a difference was told from noise."""

    EQUAL = "equal values"
    LOGS = "logs"
    RANKS = "ranks"
    FACTOR = "factor"


@dataclass(frozen=True, slots=True)
class Finding:
    """One row of both files.

    `old` and `new` are medians, or those of ours over the peer's if `is_ratio`. `p` is
    the chance of as much by noise. What is `weak` may be the machine's doing. `missed`
    are targets, then and now.
    """

    key: Key
    unit: str
    clock: Clock
    verdict: Verdict
    old: float | None = None
    new: float | None = None
    is_ratio: bool = False
    is_weak: bool = False
    method: Method | None = None
    p: float | None = None
    missed: tuple[tuple[Bound, Bound], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def counts(self) -> bool:
        """Whether this makes the whole worse."""
        if self.is_weak or self.verdict is Verdict.INCOMPARABLE:
            return False
        # Of equal values a target is missed because it is another one.
        excused = self.verdict is Verdict.WITHIN and (
            self.clock is Clock.WALL or self.method is Method.EQUAL
        )
        return self.verdict is Verdict.WORSE or bool(self.missed and not excused)

    @property
    def change(self) -> float | None:
        """Return the new over the old; None where that says nothing."""
        if self.old is None or self.new is None or isinf(self.old) or isinf(self.new):
            return None
        if self.old <= 0 or self.new < 0:
            return None
        change = self.new / self.old
        return None if isinf(change) else change


def compared(old: Kept, new: Kept) -> list[Finding]:
    """Return what became of each row, in the order of the old file, then the new."""
    known = pairs_of(old.rows, new.rows)
    likeness = _likeness(old, new)
    pairs = [
        _Pair(key, old.rows[key], new.rows[other], likeness)
        for key, other in known.items()
    ]
    tested = [(pair, pair.odds()) for pair in pairs]
    odds = [one.two_sided for _, one in tested if one is not None]
    told = iter(significant(odds, LEVEL))
    found = {
        pair.key: pair.untested()
        if one is None
        else pair.tested(one, is_found=next(told))
        for pair, one in tested
    }
    return [*_ordered(old, found), *_only(new, {*known.values()}, Verdict.NEW)]


def _ordered(old: Kept, found: dict[Key, Finding]) -> Iterator[Finding]:
    gone = {one.key: one for one in _only(old, {*found}, Verdict.GONE)}
    for key in old.rows:
        yield found[key] if key in found else gone[key]


def _only(one: Kept, paired: Collection[Key], verdict: Verdict) -> Iterator[Finding]:
    """Yield the rows of a file that the other has not."""
    for key, row in one.rows.items():
        if key not in paired:
            median = row.ours.median
            old, new = (median, None) if verdict is Verdict.GONE else (None, median)
            yield Finding(key, row.unit, row.clock, verdict, old, new)


@dataclass(frozen=True, slots=True)
class _Likeness:
    """What two files have in common: machine and Python, as far as is told.

    Of `is_one_code` the same seeds must give the same values.
    """

    is_one_machine: bool
    is_one_code: bool


def _likeness(old: Kept, new: Kept) -> _Likeness:
    one, other = old.place, new.place
    is_one_machine = (one.machine, one.python) == (other.machine, other.python)
    is_one_code = one.commit == other.commit and is_known(one.commit)
    return _Likeness(
        is_one_machine, is_one_code and is_one_world(old.command, new.command)
    )


class _Pair:
    """A row that both files have."""

    def __init__(self, key: Key, old: Result, new: Result, likeness: _Likeness) -> None:
        self.key = key
        self._old, self._new = old, new
        self._likeness = likeness
        self._is_wall = old.clock is Clock.WALL
        self._is_ratio = (
            self._is_wall
            and all(_has_ratio(one.peer) for one in (old, new))
            and is_one_program(_name(old.peer), _name(new.peer))
        )
        self._sides = tuple(side_of(one, is_ratio=self._is_ratio) for one in (old, new))

    def obstacle(self) -> str:
        """Return why they cannot be compared, or nothing."""
        old, new = self._old, self._new
        if (old.unit, old.clock) != (new.unit, new.clock):
            return f"{old.unit or 'a count'}, {old.clock} then, another measure now"
        if old.ours.larger_is_better != new.ours.larger_is_better:
            return "larger was better in one of them alone"
        if self._is_wall and not self._is_ratio and not self._likeness.is_one_machine:
            return "no peer of the same run, and another machine or Python"
        return ""

    def odds(self) -> Odds | None:
        """Return the chances of the difference; None where no test can tell."""
        method = self.method()
        if self.obstacle() or method in (Method.EQUAL, Method.FACTOR):
            return None
        few = min(one.runs for one in self._sides) < FEW
        margin = FEW_MARGIN if few else MARGINS[self._old.clock]
        rate = self._old.ours.larger_is_better
        old, new = (one.samples for one in self._sides)
        if method is Method.RANKS:
            one, other = (
                signed(side.by_run, larger_is_better=rate) for side in self._sides
            )
            ranked = by_ranks(one, other, margin)
            failed = [(one.ours.never, one.ours.runs) for one in (self._old, self._new)]
            if not any(never for never, _ in failed):
                return ranked
            return ranked.or_by(by_failures(failed[0], failed[1]))
        odds = by_logs(old, new, margin)
        ratios = [one.ratios for one in self._sides]
        if all(map(varies, ratios)):
            odds = odds.or_by(by_logs(ratios[:1], ratios[1:], margin))
        return Odds(worse=odds.better, better=odds.worse) if rate else odds

    def method(self) -> Method:
        """Return what fits the values."""
        old, new = self._sides
        if old == new or (not self._is_wall and same_seeds(self._old, self._new)):
            return Method.EQUAL
        samples = [*old.samples, *new.samples]
        runs = min(old.runs, new.runs)
        in_steps = any(map(repeats, samples)) and not self._is_ratio
        if runs >= FEW and (in_steps or not all(map(is_measurable, samples))):
            return Method.RANKS
        if runs >= LEAST and all(is_measurable(x) and varies(x) for x in samples):
            return Method.LOGS
        return Method.FACTOR

    def tested(self, odds: Odds, *, is_found: bool) -> Finding:
        """Return what a test came to."""
        verdict = Verdict.WITHIN
        old, new = self._sides
        if is_found or is_apart(old, new, FACTORS[self._old.clock], runs=FEW):
            verdict = Verdict.WORSE if odds.worse < odds.better else Verdict.BETTER
        return replace(self._finding(verdict), p=odds.two_sided)

    def untested(self) -> Finding:
        """Return what can be said without a test."""
        obstacle = self.obstacle()
        if obstacle:
            found = self._finding(Verdict.INCOMPARABLE)
            return replace(found, method=None, notes=(obstacle, *found.notes))
        if self.method() is Method.EQUAL:
            return self._finding(Verdict.WITHIN)
        old, new = self._sides
        verdict = self._by_factor()
        is_fit = not old.runs or not new.runs
        if verdict in (Verdict.BETTER, Verdict.WORSE) and (is_fit or overlap(old, new)):
            verdict = Verdict.UNKNOWN
        return self._finding(verdict)

    def _by_factor(self) -> Verdict:
        """Return what a change is where noise is unknown; of 0 none is a multiple."""
        old, new = (one.figure for one in self._sides)
        if isinf(old) or isinf(new):
            lost = isinf(new) and not isinf(old)
            found = isinf(old) and not isinf(new)
            return (
                Verdict.WORSE if lost else Verdict.BETTER if found else Verdict.UNKNOWN
            )
        less, more = sorted((old, new))
        if less > 0 and more <= (1 + MARGINS[self._old.clock]) * less:
            return Verdict.WITHIN
        if less <= 0 or more < self._factor() * less:
            return Verdict.UNKNOWN
        is_better = (new > old) == self._old.ours.larger_is_better
        return Verdict.BETTER if is_better else Verdict.WORSE

    def _factor(self) -> float:
        old, new = self._sides
        is_steady = min(old.runs, new.runs) >= LEAST and not any(
            varies(sample) for sample in (old.by_run, new.by_run)
        )
        is_known = is_steady or self._old.unit in SIZES
        return FACTORS[self._old.clock] if is_known else LONE_FACTOR

    def _finding(self, verdict: Verdict) -> Finding:
        old, new = self._sides
        is_sure = self._old.unit in SIZES or self._old.unit == COUNT
        found = Finding(
            key=self.key,
            unit="" if self._is_ratio else self._new.unit,
            clock=self._new.clock,
            verdict=verdict,
            old=old.figure,
            new=new.figure,
            is_ratio=self._is_ratio,
            is_weak=self._is_wall and not self._is_ratio and not is_sure,
            method=self.method(),
            missed=tuple(self._missed()),
            notes=tuple(self._notes()),
        )
        broken = self._new.violations > self._old.violations
        if broken or self._strays():
            return replace(found, verdict=Verdict.WORSE)
        return found

    def _strays(self) -> bool:
        """Return whether seeds gave other values though nothing was changed."""
        if self._is_wall or not self._likeness.is_one_code or self.obstacle():
            return False
        has_runs = all(one.runs for one in self._sides)
        return has_runs and self.method() is not Method.EQUAL

    def _missed(self) -> Iterator[tuple[Bound, Bound]]:
        """Yield the targets that were met and are missed."""
        for old, new in zip(self._old.targets, self._new.targets, strict=False):
            same = (old.of, old.at_least) == (new.of, new.at_least)
            if same and old.met and not new.met:
                yield old, new

    def _notes(self) -> Iterator[str]:
        """Yield what whoever reads the row should know."""
        old, new = self._old, self._new
        if self._strays():
            yield "the same commit and seeds, and other values"
        then, now = (_name(one.peer) or "none" for one in (old, new))
        if then != now:
            yield f"peer: {then} then, {now} now"
        if new.violations > old.violations:
            yield f"a rule was broken in {new.violations} runs, {old.violations} before"
        if old.ours.runs != new.ours.runs:
            yield f"runs: {old.ours.runs} then, {new.ours.runs} now"
        if old.ours.never != new.ours.never:
            yield f"never: {old.ours.never} then, {new.ours.never} now"
        if self.method() is Method.FACTOR:
            runs = min(one.runs for one in self._sides)
            few = ("a fit, no runs", "one run")
            yield few[runs] if runs < len(few) else f"{runs} runs tell no noise"


def _has_ratio(peer: Spread | None) -> bool:
    """Return whether ours may be held against it.

    A figure that was published, or measured once elsewhere, has no runs.
    """
    if peer is None or not peer.series:
        return False
    return peer.median > 0 and not isinf(peer.median)


def _name(peer: Spread | None) -> str:
    return "" if peer is None else peer.name
