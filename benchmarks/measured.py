"""One measure at several sizes, ours beside a peer's: its rows, exponent and chart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, isinf
from typing import Final

from benchmarks.charts import Axis, Chart, Line, Whose, never_told, noted, runs_told
from benchmarks.growth import POINTS_MIN, Fit, Point, Theory, best, power
from benchmarks.lab import OURS
from benchmarks.values import Clock, Of, Row, Spread, Target

TOLERANCE: Final = {Clock.VIRTUAL: 0.05, Clock.WALL: 0.1}
"""By so much an exponent may exceed the theory's: in all a factor of 1.4, or of two,
over three decades, which is what few seeds and the caches of a machine come to."""


@dataclass(frozen=True, slots=True)
class Measure:
    """What is measured, and how it should grow.

    `name` is a word, for the chart. Sizes below `least` are shown and not fitted:
    another rule holds there. Where there is a `theory` the exponent has a target.
    """

    name: str
    what: str
    unit: str
    theory: Theory | None = None
    least: float = 0.0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of what the sizes are the number, and how one is written in a row."""

    of: str
    label: str


MEMBERS: Final = Sizes("members", "N={}")
ROWS: Final = Sizes("rows", "{} rows")


@dataclass(frozen=True, slots=True)
class Measured:
    """A measure's spread at each size; of the peer at those that it was run at."""

    measure: Measure
    clock: Clock
    ours: Mapping[int, Spread]
    peer: Mapping[int, Spread] = field(default_factory=dict)
    sizes: Sizes = MEMBERS
    violations: Mapping[int, int] = field(default_factory=dict)

    @property
    def can_fit(self) -> bool:
        """Whether ours has enough sizes to fit."""
        return len(self._fitted(self.ours)) >= POINTS_MIN

    def law(self) -> Fit:
        """Return the best law of ours."""
        return best(self._fitted(self.ours))

    def reaches(self, limit: float) -> float:
        """Return the size at which ours is `limit` by its law; infinity is never.

        What is constant by its theory, and by its exponent as far as can be told, does
        not get there by what little it seems to grow.
        """
        exponent = power(self._fitted(self.ours)).b
        is_constant = self.measure.theory is Theory.CONSTANT
        if is_constant and exponent <= TOLERANCE[self.clock]:
            return inf
        return self.law().reaches(limit)

    def rows(self) -> list[Row]:
        """Return a row for each size, smallest first."""
        return [
            Row(
                measure=f"{self.sizes.label.format(f'{size:,}')}: {self.measure.what}",
                unit=self.measure.unit,
                clock=self.clock,
                ours=one,
                peer=self.peer.get(size),
                violations=self.violations.get(size, 0),
                note=self.measure.note,
            )
            for size, one in sorted(self.ours.items())
        ]

    def exponents(self) -> list[Row]:
        """Return the exponent; nothing where sizes are too few. The note has more."""
        if not self.can_fit:
            return []
        points, others = self._fitted(self.ours), self._fitted(self.peer)
        law, theory = self.law(), self.measure.theory
        sizes = [size for size, _ in points]
        notes = [f"best law: {law.text}, wrong by {law.residual:.1%}"]
        targets: tuple[Target, ...] = ()
        if theory is not None:
            expected = theory.exponent(sizes)
            targets = (Target(Of.MEDIAN, expected + TOLERANCE[self.clock]),)
            notes.append(f"theory {theory.value}, over these sizes {expected:.2g}")
        if len(others) >= POINTS_MIN:
            # A ratio of exponents near zero would say nothing.
            theirs = power(others).b
            notes.append(f"{self._peer_name}: {theirs:.3g}, {best(others).text}")
        span = f"{min(sizes):,.0f} to {max(sizes):,.0f}"
        return [
            Row(
                measure=f"{self.measure.what}: exponent, {span}",
                unit="",
                clock=self.clock,
                ours=_exponents(power(points)),
                targets=targets,
                note="; ".join(notes),
            )
        ]

    def chart(self) -> Chart:
        """Return what was measured, with the laws as curves where there are any."""
        lines = [Line(OURS, Whose.OURS, tuple(_points(self.ours)))]
        if self.peer:
            peer = tuple(_points(self.peer))
            lines.append(Line(self._peer_name, Whose.PEER, peer))
        for name, of in ((OURS, self.ours), (self._peer_name, self.peer)):
            points = self._fitted(of)
            if len(points) >= POINTS_MIN:
                lines.append(best(points).line(name, [size for size, _ in points]))
        return Chart(
            name=self.measure.name,
            title=f"{self.measure.what}, by the number of {self.sizes.of}",
            clock=self.clock,
            x=Axis(self.sizes.of, is_log=True),
            y=Axis(self.measure.what, self.measure.unit, is_log=True),
            lines=tuple(lines),
            note=self._note(),
        )

    def _note(self) -> str:
        sides = {OURS: self.ours, self._peer_name: self.peer}
        runs = [one.runs for side in sides.values() for one in side.values()]
        never = {
            name: [f"{size:,}" for size, one in side.items() if isinf(one.median)]
            for name, side in sides.items()
        }
        return noted(self.measure.note, runs_told(runs), never_told(never))

    @property
    def _peer_name(self) -> str:
        return next((one.name for one in self.peer.values()), "")

    def _fitted(self, of: Mapping[int, Spread]) -> list[Point]:
        return [one for one in _points(of) if one[0] >= self.measure.least]


def _points(of: Mapping[int, Spread]) -> list[Point]:
    """Return the medians that have a place on a logarithmic scale, smallest first."""
    medians = ((float(size), one.median) for size, one in sorted(of.items()))
    return [point for point in medians if 0 < point[1] < inf]


def _exponents(fit: Fit) -> Spread:
    """Return an exponent with its range where one size is left out."""
    kept = fit.left_out
    return Spread(OURS, len(kept), fit.b, None, max(kept), values=kept)


def answered(found: Sequence[Measured]) -> tuple[list[Row], list[Chart]]:
    """Return the rows of all measures, then their exponents; and their charts."""
    rows = [row for one in found for row in one.rows()]
    rows += [row for one in found for row in one.exponents()]
    return rows, [one.chart() for one in found]
