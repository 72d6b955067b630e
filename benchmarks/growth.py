"""How a measure grows with the size of what it is measured on: fits, and their limits.

Three laws are tried, a * N**b, a + b * ln N and a + b * N, each by least squares of
what it is wrong by, as a share. The best is said, and where it meets a budget. A fit of
a few sizes says what happens between them; beyond the largest it is a sketch.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from math import exp, inf, log, sqrt
from typing import Final

from benchmarks.charts import Line, Whose

Point = tuple[float, float]
"""A size, and a measure of it; both above 0."""
POINTS_MIN: Final = 3
"""With fewer nothing is left over that tells a good fit from a bad one."""
CURVE_POINTS: Final = 40
EXPONENT_MAX: Final = 700.0
"""Of e: beyond, a float is infinite."""


class Theory(Enum):
    """What a design says of a growth. The value is how it is written."""

    CONSTANT = "O(1)"
    LOGARITHM = "O(log N)"
    LINEAR = "O(N)"

    def exponent(self, sizes: Sequence[float]) -> float:
        """Return b of the N**b that is nearest to this growth over these sizes."""
        if self is Theory.LOGARITHM:
            return power([(size, log(size)) for size in sizes]).b
        return 1.0 if self is Theory.LINEAR else 0.0


class Law(Enum):
    """How a measure y may follow from a size N. The value is how it is written."""

    POWER = "{a:.3g} N^{b:.3g}"
    LOGARITHM = "{a:.3g} {sign} {size:.3g} ln N"
    STRAIGHT = "{a:.3g} {sign} {size:.3g} N"


@dataclass(frozen=True, slots=True)
class Fit:
    """One law with its two numbers; b is the exponent, or what ln N or N is worth.

    `left_out` are b without one of the sizes each, in rising order: how much it hangs
    on any single one. `residual` is the root mean square of the logarithm of what was
    measured over what the law says: 0.05 is about 5 %.
    """

    law: Law
    a: float
    b: float
    left_out: tuple[float, ...] = ()
    residual: float = 0.0

    def at(self, size: float) -> float:
        """Return what the law says of a size."""
        if self.law is Law.POWER:
            return self.a * exp(self.b * log(size))
        return self.a + self.b * (log(size) if self.law is Law.LOGARITHM else size)

    def reaches(self, limit: float) -> float:
        """Return the size at which the law says `limit`; infinity is never.

        What does not grow whichever size is left out never does.
        """
        if min((self.b, *self.left_out)) <= 0:
            return inf
        if self.law is Law.STRAIGHT:
            return (limit - self.a) / self.b
        if self.law is Law.LOGARITHM:
            of_e = (limit - self.a) / self.b
        else:
            of_e = log(limit / self.a) / self.b
        return inf if of_e > EXPONENT_MAX else exp(of_e)

    @property
    def text(self) -> str:
        """Return the law as it is read."""
        sign = "-" if self.b < 0 else "+"
        return self.law.value.format(a=self.a, b=self.b, sign=sign, size=abs(self.b))

    def line(self, name: str, sizes: Sequence[float]) -> Line:
        """Return the law as a curve over the range of these sizes."""
        low, high = log(min(sizes)), log(max(sizes))
        step = (high - low) / (CURVE_POINTS - 1)
        xs = [exp(low + step * place) for place in range(CURVE_POINTS)]
        points = tuple((x, self.at(x)) for x in xs)
        return Line(f"{name}: {self.text}", Whose.FORMULA, points)


def power(points: Sequence[Point]) -> Fit:
    """Return the a * N**b nearest to at least `POINTS_MIN` points."""
    return fitted(Law.POWER, points)


def best(points: Sequence[Point]) -> Fit:
    """Return the law which leaves the smallest residual."""
    fits = (fitted(law, points) for law in Law)
    return min(fits, key=lambda fit: fit.residual)


def fitted(law: Law, points: Sequence[Point]) -> Fit:
    """Return the nearest of one kind of law to at least `POINTS_MIN` points."""
    assert len(points) >= POINTS_MIN, "want more sizes"
    assert all(size > 0 and value > 0 for size, value in points), points
    a, b = _numbers(law, points)
    others = [[one for one in points if one is not out] for out in points]
    left_out = tuple(sorted(_numbers(law, kept)[1] for kept in others))
    fit = Fit(law, a, b, left_out)
    squares = sum(_wrong_by(fit, point) ** 2 for point in points)
    return replace(fit, residual=sqrt(squares / len(points)))


def _wrong_by(fit: Fit, point: Point) -> float:
    size, value = point
    said = fit.at(size)
    return log(value / said) if said > 0 else inf


def _numbers(law: Law, points: Sequence[Point]) -> tuple[float, float]:
    """Return a and b. Each point weighs by its value, so that errors are shares."""
    if law is Law.POWER:
        logs = [(log(size), log(value), 1.0) for size, value in points]
        intercept, slope = _straight(logs)
        return exp(intercept), slope
    scale = log if law is Law.LOGARITHM else float
    return _straight([(scale(size), value, 1 / value**2) for size, value in points])


def _straight(points: Sequence[tuple[float, float, float]]) -> tuple[float, float]:
    """Return intercept and slope of the line nearest to (x, y, weight)."""
    total = sum(weight for _, _, weight in points)
    mean_x = sum(weight * x for x, _, weight in points) / total
    mean_y = sum(weight * y for _, y, weight in points) / total
    over = sum(weight * (x - mean_x) * (y - mean_y) for x, y, weight in points)
    under = sum(weight * (x - mean_x) ** 2 for x, _, weight in points)
    slope = over / under
    return mean_y - slope * mean_x, slope
