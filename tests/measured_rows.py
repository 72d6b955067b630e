"""Rows as benchmarks give them, for the tests of what compares them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp
from pathlib import Path
from random import Random
from typing import Final

from benchmarks.judging import Finding, Verdict, compared
from benchmarks.kept import Kept, Key, Result, read_results
from benchmarks.report import Answer, Place, Unanswered, document
from benchmarks.values import Clock, Row, Target, spread

HERE: Final = Place("Linux 6 x86_64, 2 cores", "3.11.7", "abc")
LATER: Final = Place("Linux 6 x86_64, 2 cores", "3.11.7", "abe")
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


def written(
    path: Path,
    rows: Sequence[Row],
    where: Place = HERE,
    command: str = COMMAND,
    unanswered: Sequence[Unanswered] = (),
) -> str:
    """Write a results.json; return its name."""
    answers = [Answer("toy", "How slow is it?", rows, ())]
    told = document(where, command, answers, unanswered)
    text = json.dumps(told, allow_nan=False)
    path.write_text(text)
    return str(path)


@dataclass(frozen=True, slots=True)
class Judge:
    """Compares rows as two files hold them, in a folder."""

    folder: Path

    def __call__(
        self, old: Sequence[Row], new: Sequence[Row], *, now: Place = LATER
    ) -> list[Finding]:
        before = read_results(written(self.folder / "old.json", old))
        after = read_results(written(self.folder / "new.json", new, now))
        return compared(before, after)


def verdicts(findings: Sequence[Finding]) -> list[Verdict]:
    return [one.verdict for one in findings]
