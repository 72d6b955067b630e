"""Rows as benchmarks give them, for the tests of what compares them."""

from collections.abc import Sequence
from math import exp
from random import Random
from typing import Final

from benchmarks.kept import Kept, Key, Result
from benchmarks.report import Place
from benchmarks.values import Clock, Row, Target, spread

HERE: Final = Place("Linux 6 x86_64, 2 cores", "3.11.7", "abc")
ELSEWHERE: Final = Place("Linux 6 aarch64, 8 cores", "3.13.0", "abd")
COMMAND: Final = "python -m benchmarks run toy"


def noisy(random: Random, count: int, level: float, noise: float) -> list[float]:
    return [level * exp(random.gauss(0, noise)) for _ in range(count)]


def wall(
    ours: Sequence[float],
    peer: Sequence[float] | None = None,
    *,
    unit: str = "us",
    is_rate: bool = False,
    targets: tuple[Target, ...] = (),
) -> Row:
    return Row(
        "cost",
        unit,
        Clock.WALL,
        spread("swarmnet", ours, larger_is_better=is_rate),
        None if peer is None else spread("peer", peer, larger_is_better=is_rate),
        targets,
    )


def virtual(values: Sequence[float | None], *, is_rate: bool = False) -> Row:
    ours = spread("swarmnet", values, larger_is_better=is_rate)
    return Row("time to all", "s", Clock.VIRTUAL, ours)


def results(rows: Sequence[Row]) -> Kept:
    """Return what a file of these rows would hold."""
    found = {
        Key("toy", row.measure, row.ours.name, "" if row.peer is None else "peer"): (
            Result(row.unit, row.clock, row.ours, row.peer, (), 0)
        )
        for row in rows
    }
    return Kept(HERE, COMMAND, found)
