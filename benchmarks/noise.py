"""Whether what was measured twice differs by more than noise and a margin.

Both tests ask one thing: may the new values, each made better by the margin, still be
those of the old code? A small p says no. So a difference below the margin is never
found, however many runs there are, for a run's own weather is in all of its values.

`by_logs` is Yuen's test: Welch's t of means without the outer fifth at each end (Yuen
1974, Biometrika 61), here of logarithms, so that it speaks of ratios, and a ratio to a
peer is one more difference. It wants values above 0, and two of each sample. `by_ranks`
is the test of Mann and Whitney, with the normal approximation corrected for ties: for
counts that are often 0 or often the same, and runs that never got there (infinity);
whether more of those did not is Fisher's question.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import comb, erfc, exp, inf, lgamma, log, log1p, sqrt
from statistics import fmean, variance
from typing import Final

TRIMMED: Final = 0.2
"""The share that is left out at each end."""
_TINY: Final = 1e-300
_CLOSE: Final = 1e-14
_TERMS_MAX: Final = 500

Sample = Sequence[float]


@dataclass(frozen=True, slots=True)
class Odds:
    """How likely noise alone makes it look as much worse, and as much better."""

    worse: float
    better: float

    def or_by(self, other: "Odds") -> "Odds":
        """Return the chances of whichever of two tests sees more."""
        return Odds(
            min(1.0, 2 * min(self.worse, other.worse)),
            min(1.0, 2 * min(self.better, other.better)),
        )

    @property
    def two_sided(self) -> float:
        """Return how likely either is."""
        return min(1.0, 2 * min(self.worse, self.better))


def by_logs(olds: Sequence[Sample], news: Sequence[Sample], margin: float) -> Odds:
    """Compare samples, or samples beside those of their peers; less is better.

    `olds` and `news` are (ours,) or (ours, the peer's); of the latter the ratios are
    compared. `margin` is a share of 0 to below 1.
    """
    levels = [
        (sign, _level(sample))
        for side, samples in ((1, news), (-1, olds))
        for sign, sample in zip((side, -side), samples, strict=False)
    ]
    change = sum(sign * level.mean for sign, level in levels)
    spent = sum(level.squared_error for _, level in levels)
    eased = -log1p(-margin)
    if not spent:
        return Odds(float(change <= eased), float(-change <= eased))
    parts = (level.squared_error**2 / level.freedom for _, level in levels)
    freedom = spent**2 / sum(parts)
    error = sqrt(spent)
    return Odds(
        tail_of_t((change - eased) / error, freedom),
        tail_of_t((-change - eased) / error, freedom),
    )


@dataclass(frozen=True, slots=True)
class _Level:
    mean: float
    squared_error: float
    freedom: int


def _level(sample: Sample) -> _Level:
    """Return where the middle of the logarithms lies, and how surely."""
    ranked = sorted(map(log, sample))
    count = len(ranked)
    cut = int(TRIMMED * count)
    kept = ranked[cut : count - cut]
    pulled_in = [kept[0]] * cut + kept + [kept[-1]] * cut
    size = len(kept)
    squared_error = variance(pulled_in) * (count - 1) / (size * (size - 1))
    return _Level(fmean(kept), squared_error, size - 1)


def by_failures(old: tuple[int, int], new: tuple[int, int]) -> Odds:
    """Compare how many failed, of how many: Fisher's exact test."""
    failed, runs = old[0] + new[0], old[1] + new[1]
    ways = comb(runs, failed)

    def at_least(one: tuple[int, int]) -> float:
        rest = runs - one[1]
        most = min(failed, one[1])
        found = sum(
            comb(one[1], count) * comb(rest, failed - count)
            for count in range(one[0], most + 1)
        )
        return found / ways

    return Odds(at_least(new), at_least(old))


def by_ranks(old: Sample, new: Sample, margin: float) -> Odds:
    """Compare two samples of any values, infinity too; less is better."""

    def eased(sample: Sample) -> Sample:
        return [one - margin * abs(one) if one < inf else inf for one in sample]

    return Odds(_outranks(eased(new), old), _outranks(eased(old), new))


def _outranks(one: Sample, other: Sample) -> float:
    """Return how likely chance ranks `one` above `other` by as much, or more."""
    sizes = Counter([*one, *other])
    places: dict[float, float] = {}
    below = 0
    for value in sorted(sizes):
        places[value] = below + (sizes[value] + 1) / 2
        below += sizes[value]
    count = len(one) * len(other)
    above = sum(places[value] for value in one) - len(one) * (len(one) + 1) / 2
    tied = sum(size**3 - size for size in sizes.values()) / (below * (below - 1))
    spread = count / 12 * (below + 1 - tied)
    if spread <= 0:
        return 1.0
    # Half a rank is what a step of a whole one stands for.
    return tail_of_normal((above - count / 2 - 0.5) / sqrt(spread))


def significant(odds: Sequence[float], level: float) -> list[bool]:
    """Return which of many tests found something, at most `level` of all by chance.

    Holm's step-down (1979, Scand. J. Statist. 6): the chance that any of them is wrong
    stays below `level`, whatever they have to do with each other.
    """
    found = [False] * len(odds)
    order = sorted(range(len(odds)), key=odds.__getitem__)
    for done, place in enumerate(order):
        if odds[place] > level / (len(odds) - done):
            break
        found[place] = True
    return found


def tail_of_normal(z: float) -> float:
    """Return the probability of more than `z` standard deviations above the mean."""
    return erfc(z / sqrt(2)) / 2


def tail_of_t(t: float, freedom: float) -> float:
    """Return the probability that Student's t exceeds `t`."""
    half = _beta(freedom / 2, 0.5, freedom / (freedom + t * t)) / 2
    return half if t > 0 else 1 - half


def _beta(a: float, b: float, x: float) -> float:
    """Return the regularised incomplete beta function, by its continued fraction.

    Abramowitz and Stegun 26.5.8, evaluated by Lentz's method.
    """
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta(b, a, 1 - x)
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x)) / a
    return front / _fraction(lambda m: _term(a, b, x, m))


def _term(a: float, b: float, x: float, number: int) -> float:
    m = number // 2
    if number % 2:
        return -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
    return m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))


def _fraction(term: Callable[[int], float]) -> float:
    """Return 1 + term(1)/(1 + term(2)/(1 + ...)), to double precision."""
    value = upper = 1.0
    lower = 0.0
    for number in range(1, _TERMS_MAX):
        lower = 1 / ((1 + term(number) * lower) or _TINY)
        upper = (1 + term(number) / upper) or _TINY
        value *= upper * lower
        if abs(upper * lower - 1) < _CLOSE:
            break
    return value
