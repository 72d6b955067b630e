"""`python -m benchmarks guard`: count, and say what grew."""

from collections.abc import Callable, Mapping
from multiprocessing import cpu_count
from typing import Final, TypeVar

import click
from tqdm import tqdm

from benchmarks.guard import host, membership, packets, rows, whole
from benchmarks.guard.baseline import (
    OTHER_MARGIN,
    RENEW,
    Baseline,
    Version,
    judged_paths,
    judged_runs,
    read_baseline,
    renewed,
    this_version,
    write_baseline,
)
from benchmarks.guard.counting import Prepare, Work, work_of
from benchmarks.guard.runs import CASES, Numbers, agreed_of, numbers_of
from sim.workers import Workers

Task = TypeVar("Task")
Answer = TypeVar("Answer")

WORSE: Final = 1
PATHS: Final[Mapping[str, Prepare]] = {
    **packets.PATHS,
    **membership.PATHS,
    **rows.PATHS,
    **host.PATHS,
    **whole.PATHS,
}


@click.command("guard", short_help="Show what costs more than it did.")
@click.option("--renew", is_flag=True, help="agree to what is counted now")
@click.option("--all", "shows_all", is_flag=True, help="show every number")
def guard_command(*, renew: bool, shows_all: bool) -> int:
    """Count instructions, calls, messages and virtual times, and say what grew.

    What is allowed stands in benchmarks/guard.json, which --renew writes: of this
    version of Python, and of the runs. Each version wants to be renewed by itself.

    Exit status: 0 nothing grew, 1 something did.

    Example: python -m benchmarks guard
    """
    baseline = read_baseline()
    with Workers(cpu_count(), is_forked=True) as workers:
        work = _each(workers, "paths", path_work, {name: name for name in PATHS})
        if not renew:
            runs = _each(workers, "runs", numbers_of, CASES)
            return _report(baseline, work, runs, shows_all=shows_all)
        agreed = _each(workers, "runs", agreed_of, CASES)
    after = renewed(baseline, work, this_version(), agreed)
    write_baseline(after)
    _print_changes(baseline, after)
    return 0


def _each(
    workers: Workers,
    what: str,
    action: Callable[[Task], Answer],
    tasks: Mapping[str, Task],
) -> dict[str, Answer]:
    """Return what an action gives for each, done side by side."""
    answers = workers.map(action, tasks.values())
    # Only where somebody looks on.
    shown = tqdm(answers, desc=what, total=len(tasks), leave=False, disable=None)
    return dict(zip(tasks, shown, strict=True))


def path_work(name: str) -> Work:
    """Return what a path costs."""
    return work_of(PATHS[name])


def _report(
    baseline: Baseline,
    work: Mapping[str, Work],
    runs: Mapping[str, Numbers],
    *,
    shows_all: bool,
) -> int:
    version = this_version()
    numbers = [
        *judged_paths(baseline, work, version),
        *judged_runs(baseline, runs),
    ]
    if shows_all:
        for one in numbers:
            click.echo(one.line())
    if version not in baseline.versions():
        click.echo(_unknown(baseline, version))
    worse = [one for one in numbers if one.is_worse]
    for one in worse:
        click.secho(f"grew: {one.line()}", fg="red", err=True)
    if worse:
        click.echo(f"make it cheaper, or say why it is dear and run {RENEW}", err=True)
    better = [one for one in numbers if one.is_better]
    for one in better:
        click.echo(f"less: {one.line()}")
    gone = [name for name in baseline.names() if name not in {*work, *runs}]
    for name in gone:
        click.echo(f"gone: {name}")
    if better or gone:
        click.echo(f"to keep it so run {RENEW}")
    if not (worse or better or gone):
        click.echo(f"{len(work)} paths and {len(runs)} runs cost what they did")
    return WORSE if worse else 0


def _unknown(baseline: Baseline, version: Version) -> str:
    known = ", ".join(_text(one) for one in baseline.versions()) or "none"
    return (
        f"Python {_text(version)} has no counts of its own (those that have: {known}):"
        f" a path is only seen to grow by {OTHER_MARGIN:.0%} more than the others"
    )


def _text(version: Version) -> str:
    return ".".join(map(str, version))


def _print_changes(before: Baseline, now: Baseline) -> None:
    """Say what was agreed to that is not what was, and who else must agree."""
    version = this_version()
    changed = []
    for name, by_version in now.instructions.items():
        was, count = before.instructions.get(name, {}).get(version), by_version[version]
        if was != count:
            changed.append(name)
            click.echo(f"{name}: {was or 'no'} instructions before, {count} now")
    for name, numbers in now.runs.items():
        if numbers != before.runs.get(name):
            click.echo(f"{name}: {_numbers(before.runs.get(name, {}))} before,")
            click.echo(f"    {_numbers(numbers)} now")
    others = [one for one in before.versions() if one != version]
    if changed and others:
        names = ", ".join(f"python{_text(one)}" for one in others)
        click.echo(f"run it by {names} as well: their counts are of the code before")


def _numbers(numbers: Mapping[str, tuple[float, float]]) -> str:
    return ", ".join(f"{name} {one:g}" for name, (one, _) in numbers.items()) or "none"
