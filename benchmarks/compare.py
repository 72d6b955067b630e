"""`python -m benchmarks compare`: two results side by side, and what changed."""

import json
from collections.abc import Callable, Iterable, Sequence
from math import isinf
from typing import Final

import click

from benchmarks.judging import (
    FACTORS,
    FEW,
    FEW_MARGIN,
    LEVEL,
    LONE_FACTOR,
    MARGINS,
    Finding,
    Method,
    Verdict,
    compared,
)
from benchmarks.kept import Bound, Kept, read_results
from benchmarks.pairing import pairs_of
from benchmarks.report import show
from benchmarks.values import Clock
from swarmnet.errors import Refused

WORSE: Final = 1
WIDTH_MAX: Final = 90
"""A measure longer than this moves its figures to the right."""
_METHOD: Final = (
    f"Found is what noise would make of any row in 1 of {1 / LEVEL:.0f} comparisons at"
    f" most, beyond {MARGINS[Clock.WALL]:.0%} on the wall clock and"
    f" {MARGINS[Clock.VIRTUAL]:.0%} in virtual time, {FEW_MARGIN:.0%} below {FEW} runs;"
    f" or, in few runs that lie together, all of {FACTORS[Clock.WALL]:g} and"
    f" {FACTORS[Clock.VIRTUAL]:g} times as much; of one or two, {LONE_FACTOR:g} times."
)
_HEADINGS: Final[tuple[tuple[str, str, Callable[[Finding], bool]], ...]] = (
    ("worse", "red", lambda one: one.verdict is Verdict.WORSE and not one.is_weak),
    ("better", "green", lambda one: one.verdict is Verdict.BETTER and not one.is_weak),
    (
        "weak: seconds without a peer, perhaps the machine's doing; not counted",
        "",
        lambda one: one.verdict in (Verdict.WORSE, Verdict.BETTER) and one.is_weak,
    ),
    ("changed, noise unknown", "", lambda one: one.verdict is Verdict.UNKNOWN),
    ("not comparable", "", lambda one: one.verdict is Verdict.INCOMPARABLE),
    ("gone", "", lambda one: one.verdict is Verdict.GONE),
    ("new", "", lambda one: one.verdict is Verdict.NEW),
)


@click.command("compare", short_help="Show what changed between two results.")
@click.argument("old", metavar="OLD.json")
@click.argument("new", metavar="NEW.json")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
)
def compare_command(*, old: str, new: str, form: str) -> int:
    """Show what got better or worse beyond noise between two results.json.

    Exit status: 0 nothing got worse, 1 something did, 2 wrong usage.

    Example: python -m benchmarks compare before/results.json after/results.json
    """
    then, now = read_results(old), read_results(new)
    failed = _failed(then, now)
    if not failed and not pairs_of(then.rows, now.rows):
        raise Refused(f"{old!r}, {new!r}: no row in both; name results of one question")
    findings = compared(then, now)
    if form == "json":
        click.echo(json.dumps(_document(then, now, findings), indent=2))
    else:
        _print(then, now, findings)
    return WORSE if failed or any(one.counts for one in findings) else 0


def _failed(then: Kept, now: Kept) -> list[str]:
    """Return the questions that had an answer, and failed."""
    answered = {key.question for key in then.rows}
    return [name for name in now.unanswered if name in answered]


def _print(then: Kept, now: Kept, findings: Sequence[Finding]) -> None:
    for name, results in (("then", then), ("now", now)):
        place = results.place
        where = f"{place.machine}, Python {place.python}, commit {place.commit}"
        click.echo(f"{name:4}  {results.command}\n      {where}")
    if then.command != now.command:
        click.echo("the commands differ: rows with other runs say so")
    if failed := _failed(then, now):
        told = f"\nanswered then, failed now ({len(failed)}): {', '.join(failed)}"
        click.secho(told, fg="red")
    _print_missed(findings)
    for heading, colour, belongs in _HEADINGS:
        chosen = [one for one in findings if belongs(one)]
        if chosen:
            click.echo(f"\n{click.style(heading, fg=colour or None)} ({len(chosen)})")
            _print_table(chosen)
    _print_end(findings)


def _print_missed(findings: Iterable[Finding]) -> None:
    """Print first the targets that were met, and are missed."""
    lines = [
        f"  {one.key.question:17} {_measure(one)}: {_bound(old)} then;"
        f" {_bound(new)} now{'' if one.counts else ' (within noise, or weak)'}"
        for one in findings
        for old, new in one.missed
    ]
    if lines:
        click.secho(f"\ntargets met then, missed now ({len(lines)})", fg="red")
        for line in lines:
            click.secho(line, fg="red")


def _bound(target: Bound) -> str:
    sign = ">=" if target.at_least else "<="
    return f"{target.of} {show(target.value)}, want {sign} {show(target.limit)},"


def _print_table(findings: Sequence[Finding]) -> None:
    width = min(WIDTH_MAX, max(len(_measure(one)) for one in findings))
    columns = f"{'then':>10} {'now':>10} {'change':>8} {'p':>7}"
    click.echo(f"  {'question':17} {'measure':{width}} {columns}")
    for one in findings:
        change = "" if one.change is None else f"{one.change - 1:+.1%}"
        p = "" if one.p is None else f"{one.p:.1g}"
        figures = f"{_figure(one.old, one):>10} {_figure(one.new, one):>10}"
        line = f"  {one.key.question:17} {_measure(one):{width}} {figures}"
        notes = "; ".join(one.notes)
        click.echo(f"{line} {change:>8} {p:>7}  {notes}".rstrip())


def _print_end(findings: Sequence[Finding]) -> None:
    within = [one for one in findings if one.verdict is Verdict.WITHIN]
    equal = sum(one.method is Method.EQUAL for one in within)
    counted = sum(one.counts for one in findings)
    click.echo(
        f"\n{len(within)} rows within noise, {equal} of them equal in every run;"
        f" {counted or 'nothing'} worse.\n{_METHOD}"
    )


def _measure(one: Finding) -> str:
    key = one.key
    measure = f"{key.measure} ({one.unit})" if one.unit else key.measure
    return f"{measure} / {key.peer}" if one.is_ratio else measure


def _figure(value: float | None, one: Finding) -> str:
    if value is None:
        return ""
    return f"{value:.3g} x" if one.is_ratio and not isinf(value) else show(value)


def _document(then: Kept, now: Kept, findings: Sequence[Finding]) -> dict[str, object]:
    return {
        "old": {"command": then.command, **then.place.document()},
        "new": {"command": now.command, **now.place.document()},
        "worse": bool(_failed(then, now)) or any(one.counts for one in findings),
        "failed": _failed(then, now),
        "level": LEVEL,
        "margins": {clock.value: share for clock, share in MARGINS.items()},
        "rows": [_row(one) for one in findings],
    }


def _row(one: Finding) -> dict[str, object]:
    """Return a finding as JSON's types; never is null, as in results.json."""
    return {
        "question": one.key.question,
        "measure": one.key.measure,
        "of": one.key.ours,
        "peer": one.key.peer or None,
        "unit": one.unit,
        "clock": one.clock.value,
        "verdict": one.verdict.value,
        "counts": one.counts,
        "weak": one.is_weak,
        "is_ratio": one.is_ratio,
        "old": _finite(one.old),
        "new": _finite(one.new),
        "change": one.change,
        "method": None if one.method is None else one.method.value,
        "p": one.p,
        "missed_targets": [
            {
                "of": new.of.value,
                "at_least": new.at_least,
                "limit": _finite(new.limit),
                "old": _finite(old.value),
                "new": _finite(new.value),
            }
            for old, new in one.missed
        ],
        "notes": list(one.notes),
    }


def _finite(value: float | None) -> float | None:
    return None if value is None or isinf(value) else value
