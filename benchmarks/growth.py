"""How a measure grows with the size of what it is measured on: fits, and their limits.

Two laws are tried, a * N**b and a + b * ln N, each by least squares of what it is wrong
by, as a share. The better one is said, and where it meets a budget. A fit of a few
sizes says what happens between them; beyond the largest it is a sketch.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from math import exp, inf, log, sqrt
from typing import Final

from benchmarks.charts import Axis, Chart, Line, Whose
from benchmarks.lab import OURS
from benchmarks.values import Clock, Of, Row, Spread, Target

Point = tuple[float, float]
"""A size, and a measure of it; both above 0."""
POINTS_MIN: Final = 3
"""With fewer nothing is left over that tells a good fit from a bad one."""
CURVE_POINTS: Final = 40
EXPONENT_MAX: Final = 700.0
"""Of e: beyond, a float is infinite."""
TOLERANCE: Final = {Clock.VIRTUAL: 0.05, Clock.WALL: 0.1}
"""By so much an exponent may exceed the theory's: a fifth, or a factor of two, in all
over three decades, which is what caches and few seeds come to."""


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


@dataclass(frozen=True, slots=True)
class Fit:
    """One law with its two numbers; b is the exponent, or what an e-fold of N adds.

    `left_out` are b without one of the sizes each, in rising order: how much it hangs
    on any single one. `residual` is the root mean square of the logarithm of what was
    measured over what the law says: 0.05 is about 5 %.
    """

    is_power: bool
    a: float
    b: float
    left_out: tuple[float, ...]
    residual: float

    def at(self, size: float) -> float:
        """Return what the law says of a size."""
        if self.is_power:
            return self.a * exp(self.b * log(size))
        return self.a + self.b * log(size)

    def grows(self) -> bool:
        """Return whether it grows whichever size is left out."""
        return min((self.b, *self.left_out)) > 0

    def reaches(self, limit: float) -> float:
        """Return the size at which the law says `limit`; infinity is never."""
        if not self.grows() or (self.is_power and self.a <= 0):
            return inf
        if self.is_power:
            power_of_e = log(limit / self.a) / self.b
        else:
            power_of_e = (limit - self.a) / self.b
        return inf if power_of_e > EXPONENT_MAX else exp(power_of_e)

    @property
    def text(self) -> str:
        """Return the law as it is read."""
        if self.is_power:
            return f"{self.a:.3g} N^{self.b:.3g}"
        return f"{self.a:.3g} {'-' if self.b < 0 else '+'} {abs(self.b):.3g} ln N"

    def line(self, name: str, sizes: Sequence[float]) -> Line:
        """Return the law as a curve over the range of these sizes."""
        low, high = log(min(sizes)), log(max(sizes))
        step = (high - low) / (CURVE_POINTS - 1)
        xs = [exp(low + step * place) for place in range(CURVE_POINTS)]
        points = tuple((x, self.at(x)) for x in xs)
        return Line(f"{name}: {self.text}", Whose.FORMULA, points)


def power(points: Sequence[Point]) -> Fit:
    """Return the N**b nearest to at least `POINTS_MIN` points."""
    return _fitted(points, _power_numbers, is_power=True)


def logarithm(points: Sequence[Point]) -> Fit:
    """Return the a + b ln N nearest to at least `POINTS_MIN` points."""
    return _fitted(points, _logarithm_numbers, is_power=False)


def best(points: Sequence[Point]) -> Fit:
    """Return that law of the two which leaves the smaller residual."""
    return min((power(points), logarithm(points)), key=lambda fit: fit.residual)


def _fitted(
    points: Sequence[Point],
    numbers_of: Callable[[Sequence[Point]], tuple[float, float]],
    *,
    is_power: bool,
) -> Fit:
    assert len(points) >= POINTS_MIN, "want more sizes"
    assert all(size > 0 and value > 0 for size, value in points), points
    a, b = numbers_of(points)
    others = [[one for one in points if one is not out] for out in points]
    left_out = tuple(sorted(numbers_of(kept)[1] for kept in others))
    bare = Fit(is_power, a, b, left_out, 0.0)
    residual = sqrt(sum(_wrong_by(bare, point) ** 2 for point in points) / len(points))
    return Fit(is_power, a, b, left_out, residual)


def _wrong_by(fit: Fit, point: Point) -> float:
    size, value = point
    said = fit.at(size)
    return log(value / said) if said > 0 else inf


def _power_numbers(points: Sequence[Point]) -> tuple[float, float]:
    logs = [(log(size), log(value), 1.0) for size, value in points]
    intercept, slope = _straight(logs)
    return exp(intercept), slope


def _logarithm_numbers(points: Sequence[Point]) -> tuple[float, float]:
    """Weigh each point by its size, so that errors count as shares."""
    return _straight([(log(size), value, 1 / value**2) for size, value in points])


def _straight(points: Sequence[tuple[float, float, float]]) -> tuple[float, float]:
    """Return intercept and slope of the line nearest to (x, y, weight)."""
    total = sum(weight for _, _, weight in points)
    mean_x = sum(weight * x for x, _, weight in points) / total
    mean_y = sum(weight * y for _, y, weight in points) / total
    over = sum(weight * (x - mean_x) * (y - mean_y) for x, y, weight in points)
    under = sum(weight * (x - mean_x) ** 2 for x, _, weight in points)
    slope = over / under
    return mean_y - slope * mean_x, slope


@dataclass(frozen=True, slots=True)
class Growth:
    """A measure over sizes, ours and a peer's; medians, smallest size first.

    Sizes below `least` are shown and not fitted: another rule holds there. With a
    `theory` the exponent has a target.
    """

    name: str
    what: str
    unit: str
    clock: Clock
    ours: tuple[Point, ...]
    peer: tuple[Point, ...] = ()
    peer_name: str = ""
    theory: Theory | None = None
    least: float = 0.0
    size: str = "members"

    def fitted(self, points: Sequence[Point]) -> list[Point]:
        """Return the points that are fitted."""
        return [one for one in points if one[0] >= self.least]

    @property
    def can_fit(self) -> bool:
        """Whether ours has enough sizes to fit."""
        return len(self.fitted(self.ours)) >= POINTS_MIN

    def law(self) -> Fit:
        """Return the better law of ours."""
        return best(self.fitted(self.ours))

    def rows(self) -> list[Row]:
        """Return the exponent of ours, beside the peer's; nothing for a few sizes."""
        if not self.can_fit:
            return []
        points = self.fitted(self.ours)
        sizes = [size for size, _ in points]
        others = self.fitted(self.peer)
        notes = [f"best law: {self.law().text}, wrong by {self.law().residual:.1%}"]
        targets: tuple[Target, ...] = ()
        if self.theory is not None:
            expected = self.theory.exponent(sizes)
            targets = (Target(Of.MEDIAN, expected + TOLERANCE[self.clock]),)
            notes.append(f"theory {self.theory.value}, over these sizes {expected:.2g}")
        peer = None
        if len(others) >= POINTS_MIN:
            peer = _exponents(self.peer_name, power(others))
            notes.append(f"the peer's: {best(others).text}")
        span = f"{min(sizes):,.0f} to {max(sizes):,.0f}"
        return [
            Row(
                measure=f"{self.what}: exponent, {span}",
                unit="",
                clock=self.clock,
                ours=_exponents(OURS, power(points)),
                peer=peer,
                targets=targets,
                note="; ".join(notes),
            )
        ]

    def chart(self) -> Chart:
        """Return what was measured as points, and the laws as curves."""
        lines = [Line(OURS, Whose.OURS, self.ours)]
        if self.peer:
            lines.append(Line(self.peer_name, Whose.PEER, self.peer))
        for name, points in ((OURS, self.ours), (self.peer_name, self.peer)):
            kept = self.fitted(points)
            if len(kept) >= POINTS_MIN:
                lines.append(best(kept).line(name, [size for size, _ in kept]))
        return Chart(
            name=self.name,
            title=f"{self.what} against {self.size}",
            clock=self.clock,
            x=Axis(self.size, is_log=True),
            y=Axis(self.what, self.unit, is_log=True),
            lines=tuple(lines),
        )


def positive(points: Iterable[Point]) -> tuple[Point, ...]:
    """Return the points that have a place on a logarithmic scale, smallest first."""
    return tuple(sorted(one for one in points if 0 < one[1] < inf))


def _exponents(name: str, fit: Fit) -> Spread:
    """Return an exponent with its range where one size is left out."""
    return Spread(
        name=name,
        runs=len(fit.left_out),
        median=fit.b,
        p90=None,
        worst=max(fit.left_out),
        values=fit.left_out,
    )
