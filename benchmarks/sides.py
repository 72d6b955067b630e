"""One row as one results.json has it: what is shown of it, and what is tested."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isinf, log
from statistics import median

from benchmarks.kept import Result
from benchmarks.noise import Sample


@dataclass(frozen=True, slots=True)
class Side:
    """`samples` are ours, and the peer's if it is compared by its ratio to that.

    `ratios` are the same run by run, where both were measured in turn: what disturbs
    one disturbs the other. `figure` is a median, or the ratio; infinity is never.
    `between` is the peer's median.
    """

    figure: float
    samples: tuple[Sample, ...]
    ratios: Sample = ()
    between: float = 1.0

    @property
    def runs(self) -> int:
        """Return in how many runs the least often measured was measured."""
        return min(map(len, self.samples))

    @property
    def by_run(self) -> Sample:
        """Return what a run came to, or its ratio to the peer's, or to its median."""
        if self.ratios or len(self.samples) == 1:
            return self.ratios or self.samples[0]
        return [value / self.between for value in self.samples[0]]


def side_of(result: Result, *, is_ratio: bool) -> Side:
    """Return what is to be compared."""
    ours, peer = result.ours, result.peer
    if not is_ratio or peer is None or not peer.median:
        return Side(ours.median, (ours.series,))
    pair = (ours.series, peer.series)
    if len(ours.series) == len(peer.series) and all(map(is_measurable, pair)):
        ratios = tuple(one / other for one, other in zip(*pair, strict=True))
        return Side(median(ratios), pair, ratios)
    return Side(ours.median / peer.median, pair, between=peer.median)


def same_seeds(old: Result, new: Result) -> bool:
    """Return whether all runs of the one with fewer gave the same in the other.

    The seeds of both begin with 1.
    """
    one, other = old.ours, new.ours
    if (len(one.series), len(other.series)) != (one.runs, other.runs):
        return False
    common = min(one.runs, other.runs)
    return common > 0 and one.series[:common] == other.series[:common]


def overlap(old: Side, new: Side) -> bool:
    """Return whether they share a range; who never got there has none."""
    one, other = old.by_run, new.by_run
    if isinf(max(*one, *other)):
        return False
    return max(one) >= min(other) and max(other) >= min(one)


def is_apart(old: Side, new: Side, factor: float, *, runs: int) -> bool:
    """Return whether all values of one are far beyond all of the other.

    Few runs have no small chances, and of hundreds of rows only the smallest are
    believed. But if both samples lie together, and further apart than both are wide and
    than the factor, no test is wanted; nor if of so many `runs` of each none was
    0, or got there, and all of the other were, or did.
    """
    low, high = sorted((old.by_run, new.by_run), key=min)
    if isinf(min(high)) or max(low) <= 0:
        is_clear = max(low) < min(high)
        return is_clear and min(low) >= 0 and min(old.runs, new.runs) >= runs
    if min(low) <= 0 or isinf(max(high)):
        return False
    gap = log(min(high)) - log(max(low))
    width = sum(log(max(one)) - log(min(one)) for one in (low, high))
    return gap >= max(log(factor), width)


def is_measurable(sample: Sample) -> bool:
    """Return whether logarithms have sense: all is above 0, and was reached."""
    return bool(sample) and min(sample) > 0 and not isinf(max(sample))


def varies(sample: Sample) -> bool:
    """Return whether it shows any noise."""
    return len(set(sample)) > 1


def repeats(sample: Sample) -> bool:
    """Return whether most values are steps of a count."""
    return 2 * len(set(sample)) < len(sample)


def signed(sample: Sample, *, larger_is_better: bool) -> Sequence[float]:
    """Return values of which less is better; never is worse than any."""
    sign = -1 if larger_is_better else 1
    return [value if isinf(value) else sign * value for value in sample]
