"""One row as one results.json has it: what is shown of it, and what is tested."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isinf
from statistics import median

from benchmarks.kept import Result
from benchmarks.noise import Sample


@dataclass(frozen=True, slots=True)
class Side:
    """`samples` are ours, and the peer's if it is compared by its ratio to that.

    `ratios` are the same run by run, where both were measured in turn: what disturbs
    one disturbs the other. `figure` is a median, or the ratio; infinity is never.
    """

    figure: float
    samples: tuple[Sample, ...]
    ratios: Sample = ()

    @property
    def runs(self) -> int:
        """Return in how many runs the least often measured was measured."""
        return min(map(len, self.samples))


def side_of(result: Result, *, is_ratio: bool) -> Side:
    """Return what is to be compared."""
    ours, peer = result.ours, result.peer
    if not is_ratio or peer is None:
        return Side(ours.median, (ours.series,))
    pair = (ours.series, peer.series)
    if len(ours.series) == len(peer.series) and all(map(is_measurable, pair)):
        ratios = tuple(one / other for one, other in zip(*pair, strict=True))
        return Side(median(ratios), pair, ratios)
    return Side(ours.median / peer.median if peer.median else inf, pair)


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
