"""Results as tables for people, and as one JSON document for programs."""

import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import isinf
from os import cpu_count
from pathlib import Path
from typing import Final

import click

from benchmarks.charts import Picture
from benchmarks.values import Clock, Row, Spread, Target
from sim.replay import commit

TITLES: Final = {
    Clock.VIRTUAL: "virtual time and exact counts",
    Clock.WALL: "wall clock of this machine",
}
SCHEMA: Final = 2
CPU_INFO: Final = Path("/proc/cpuinfo")
HEAD: Final = (
    f"{'measure':52} {'whose':>26} {'runs':>5} {'median':>10} {'p90':>10} {'worst':>10}"
    f" {'ratio':>8}  target"
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where and with what the benchmarks ran."""

    machine: str
    python: str
    commit: str

    def document(self) -> dict[str, object]:
        """Return this as JSON's types."""
        return {"machine": self.machine, "python": self.python, "commit": self.commit}


def place() -> Place:
    """Return this machine, Python and commit."""
    words = (platform.system(), platform.release(), platform.machine())
    parts = (" ".join(words), f"{cpu_count()} cores", processor())
    machine = ", ".join(filter(None, parts))
    return Place(machine, platform.python_version(), commit())


def processor(path: Path = CPU_INFO) -> str:
    """Return what the kernel calls the processor; nothing where it does not."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    named = (line.partition(":")[2] for line in lines if line.startswith("model name"))
    return " ".join(next(named, "").split())


@dataclass(frozen=True, slots=True)
class Answer:
    """What a question came to."""

    name: str
    asks: str
    rows: Sequence[Row]
    pictures: Sequence[Picture]


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A question that failed, and why, in a line."""

    name: str
    why: str


def answered(name: str, asks: str, found: Sequence[Row | Picture]) -> Answer:
    """Return what was found, its rows and its pictures apart."""
    rows = [one for one in found if isinstance(one, Row)]
    return Answer(name, asks, rows, [one for one in found if not isinstance(one, Row)])


def document(
    where: Place,
    command: str,
    answers: Sequence[Answer],
    unanswered: Sequence[Unanswered] = (),
) -> dict[str, object]:
    """Return the JSON document of `python -m benchmarks run`."""
    return {
        "schema": SCHEMA,
        "command": command,
        **where.document(),
        "unanswered": [{"question": one.name, "why": one.why} for one in unanswered],
        "results": [
            {"question": answer.name, **_row_document(row), **where.document()}
            for answer in answers
            for row in answer.rows
        ],
        "pictures": [
            {"question": answer.name, "kind": type(one).__name__, **asdict(one)}
            for answer in answers
            for one in answer.pictures
        ],
    }


def _row_document(row: Row) -> dict[str, object]:
    return {
        "measure": row.measure,
        "unit": row.unit,
        "clock": row.clock.value,
        **_spread_document(row.ours),
        "peer": None if row.peer is None else _spread_document(row.peer),
        "ratio": row.ratio(),
        "targets": [_target_document(row, target) for target in row.targets],
        "violations": row.violations,
        "note": row.note,
    }


def _spread_document(values: Spread) -> dict[str, object]:
    return {
        "of": values.name,
        "runs": values.runs,
        "median": _finite(values.median),
        "p90": _finite(values.p90),
        "worst": _finite(values.worst),
        "never": values.never,
        "values": [_finite(value) for value in values.values],
        "larger_is_better": values.larger_is_better,
        "series": [_finite(value) for value in values.series],
    }


def _target_document(row: Row, target: Target) -> dict[str, object]:
    value = row.ours.value(target.of)
    gap = target.gap(value)
    return {
        "of": target.of.value,
        "limit": _finite(target.limit),
        "at_least": target.at_least,
        "value": _finite(value),
        "met": gap <= 0,
        "gap": _finite(gap),
    }


def _finite(value: float | None) -> float | None:
    """Return a value that JSON can hold; never is null."""
    return None if value is None or isinf(value) else value


def print_answer(answer: Answer) -> None:
    """Print one question's tables, one for each kind of clock."""
    for clock in Clock:
        of_clock = [row for row in answer.rows if row.clock is clock]
        if not of_clock:
            continue
        click.echo(f"\n{answer.name}: {answer.asks}\n[{TITLES[clock]}]\n{HEAD}")
        note = ""
        for row in of_clock:
            _print_row(row)
            if row.note and row.note != note:
                click.echo(f"  {row.note}")
            note = row.note


def _print_row(row: Row) -> None:
    ratio = row.ratio()
    shown = "" if ratio is None else f"{ratio:.3g}"
    measure = f"{row.measure} ({row.unit})" if row.unit else row.measure
    targets = "; ".join(verdict(row, target) for target in row.targets)
    click.echo(f"{measure:52} {_columns(row.ours)} {shown:>8}  {targets}".rstrip())
    if row.peer is not None:
        click.echo(f"{'':52} {_columns(row.peer)}")
    if row.violations:
        click.secho(f"  in {row.violations} runs a rule was broken", fg="red")


def _columns(values: Spread) -> str:
    figures = " ".join(
        f"{'' if value is None else show(value):>10}"
        for value in (values.median, values.p90, values.worst)
    )
    return f"{values.name:>26} {values.runs:>5} {figures}"


def verdict(row: Row, target: Target) -> str:
    """Return whether a target was met; a miss is red, with its number and gap."""
    text, is_met = judged(row, target)
    return text if is_met else click.style(text, fg="red")


def judged(row: Row, target: Target) -> tuple[str, bool]:
    """Return the words for a target and our figure, and whether it was met."""
    value = row.ours.value(target.of)
    gap = target.gap(value)
    bound = f"{target.of} {'>=' if target.at_least else '<='} {show(target.limit)}"
    if gap <= 0:
        return f"{bound} met", True
    return f"{bound} MISSED: {show(value)}, gap {show(gap)}", False


def show(value: float) -> str:
    """Return a figure with four significant digits; infinity is never."""
    if isinf(value):
        return "never"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
