"""The command `python -m sim`: its words, and one line for whatever is wrong.

Exit status: 0 done, 1 a rule was broken (`shrink`: none was, there is nothing to
shrink), 2 wrong usage, 130 interrupted.
"""

import json
import multiprocessing
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import Final, NoReturn

import click
from tqdm import tqdm

from sim.catalogue import catalogue, catalogue_text
from sim.options import Options, Result
from sim.plot import check_plot, plot_run, plot_sweep
from sim.replay import first_line, replay_command
from sim.report import report_run, report_shrunk, report_sweep, report_violations
from sim.run import check, planned, run
from sim.shrink import TrialLost, shrink
from sim.sweep import SEEDS_MAX, sweep
from sim.workers import WorkerLost
from swarmnet.errors import Refused

VIOLATED: Final = 1
NOTHING_TO_SHRINK: Final = 1
WRONG_USAGE: Final = 2
INTERRUPTED: Final = 130

Command = Callable[..., None]

_FORMAT: Final = click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="json: one document on stdout",
)
_SEED: Final = click.option(
    "--seed", type=int, default=1, show_default=True, help="decides all that is drawn"
)
_TRACE: Final = click.option("--trace", metavar="FILE", help="write one line per event")
_JOBS: Final = click.option("--jobs", type=int, help="processes; default: one a core")
_SCHEDULER: Final = click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="run on the workers of a Dask cluster instead (extra 'cluster')",
)


def read_settings(texts: tuple[str, ...]) -> Mapping[str, str]:
    """Read the values of `--set`.

    Raises:
        Refused: one is not KEY=VALUE.
    """
    settings: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise Refused(f"--set {text!r}: want KEY=VALUE")
        settings[key] = value
    return settings


def read_names(text: str) -> tuple[str, ...]:
    """Read the comma-separated values of `--without`."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def common_options(command: Command) -> Command:
    """Add the options that all but `list` share."""
    for option in (
        click.option("--plot", metavar="FILE.png|.svg", help="draw a picture"),
        _FORMAT,
        click.option(
            "--without",
            default="",
            metavar="FAULT,...",
            help="faults that chaos leaves out: pause, or one, pause.3",
        ),
        click.option(
            "--set", "settings", multiple=True, metavar="KEY=VALUE", help="see list"
        ),
        click.option("--duration", type=float, help="virtual seconds at most"),
        click.option("--latency", default="lan", show_default=True, help="see list"),
        click.option(
            "--loss", type=float, default=0.0, help="of each datagram, 0 to 1"
        ),
        click.option(
            "--profile",
            default="swarmnet",
            show_default=True,
            help="swarmnet, memberlist, swim or lifeguard",
        ),
        click.option("--nodes", type=int, help="default: the scenario's own"),
    ):
        command = option(command)
    return command


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Run SWIM membership, or a peer of it, in a deterministic simulator."""


@main.command("list")
@_FORMAT
def list_command(*, form: str) -> None:
    """Show the scenarios, their figures and their --set keys."""
    text = json.dumps(catalogue(), indent=2) if form == "json" else catalogue_text()
    click.echo(text)


@main.command("run")
@click.argument("scenario")
@_SEED
@_TRACE
@common_options
def run_command(
    *, seed: int, trace: str | None, form: str, plot: str | None, **words: object
) -> None:
    """Run SCENARIO once: python -m sim run update --nodes 1000 --seed 7."""
    options = _options(seed, trace, words)
    if plot is not None:
        check_plot(plot)
    check(options)
    click.echo(first_line(options), err=True)
    result = run(options)
    report_run(result, form)
    if plot is not None:
        plot_run(result, plot)
    if result.violations:
        sys.exit(VIOLATED)


@main.command("sweep")
@click.argument("scenario")
@click.option("--seeds", type=int, required=True, help="how many")
@click.option(
    "--first-seed", type=int, default=1, show_default=True, help="the others follow it"
)
@_JOBS
@_SCHEDULER
@common_options
def sweep_command(
    *,
    seeds: int,
    first_seed: int,
    jobs: int | None,
    scheduler: str | None,
    form: str,
    plot: str | None,
    **words: object,
) -> None:
    """Run SCENARIO with many seeds: python -m sim sweep chaos --seeds 100."""
    if not 1 <= seeds <= SEEDS_MAX:
        raise Refused(f"seeds {seeds}: want 1 to {SEEDS_MAX}")
    jobs = _read_jobs(jobs, scheduler)
    options = _options(first_seed, None, words)
    check(options)
    check(replace(options, seed=first_seed + seeds - 1))
    if plot is not None:
        check_plot(plot)
    click.echo(first_line(options), err=True)
    results = []
    every = range(first_seed, first_seed + seeds)
    try:
        with closing(sweep(options, every, jobs, scheduler)) as running:
            for result in tqdm(running, total=seeds, unit="seed"):
                results.append(result)
                _report_failure(options, result)
    except WorkerLost as lost:
        replay = replay_command(options, seed=every[lost.place])
        click.echo(f"\nerror: {lost.why}; it may have been at: {replay}", err=True)
        sys.exit(VIOLATED)
    report_sweep(options, results, form)
    if plot is not None:
        plot_sweep(results, plot)
    if any(result.violations for result in results):
        sys.exit(VIOLATED)


@main.command("shrink")
@click.argument("scenario")
@_SEED
@_TRACE
@_JOBS
@_SCHEDULER
@common_options
def shrink_command(
    *,
    seed: int,
    trace: str | None,
    jobs: int | None,
    scheduler: str | None,
    form: str,
    plot: str | None,
    **words: object,
) -> None:
    """Find the fewest faults with which a failing run of SCENARIO still fails.

    --trace and --plot show the run with these faults.
    """
    jobs = _read_jobs(jobs, scheduler)
    options = _options(seed, trace, words)
    if plot is not None:
        check_plot(plot)
    check(options)
    planned(options)
    click.echo(first_line(options), err=True)
    try:
        with tqdm(unit="run") as bar:
            show = partial(_show_progress, bar)
            shrunk = shrink(options, jobs, progress=show, scheduler=scheduler)
    except TrialLost as lost:
        click.echo(f"\nerror: {lost}", err=True)
        sys.exit(VIOLATED)
    if shrunk is None:
        click.echo(f"nothing to shrink: seed {seed} breaks no rule", err=True)
        sys.exit(NOTHING_TO_SHRINK)
    report_shrunk(shrunk, form)
    if trace is not None or plot is not None:
        result = run(replace(shrunk.options, trace=trace))
        if plot is not None:
            plot_run(result, plot)


def _show_progress(bar: "tqdm[NoReturn]", faults: int) -> None:
    bar.set_postfix_str(f"{faults} faults", refresh=False)
    bar.update()


def _read_jobs(jobs: int | None, scheduler: str | None) -> int:
    """Return how many processes to use here.

    Raises:
        Refused: fewer than one, or told beside a cluster, which has its own.
    """
    if jobs is not None and scheduler is not None:
        raise Refused(
            f"--jobs {jobs}: the workers at {scheduler} are as many as they are; want"
            " --jobs or --scheduler"
        )
    jobs = multiprocessing.cpu_count() if jobs is None else jobs
    if jobs < 1:
        raise Refused(f"jobs {jobs}: want at least 1")
    return jobs


def _report_failure(options: Options, result: Result) -> None:
    """Say how to replay a seed that broke a rule."""
    if result.violations:
        click.echo(f"\nseed {result.seed} failed; replay:", err=True)
        click.echo(replay_command(options, seed=result.seed), err=True)
        report_violations(result)


def _options(seed: int, trace: str | None, words: Mapping[str, object]) -> Options:
    """Gather what `common_options` has parsed; click has checked the types."""
    scenario, profile, latency = words["scenario"], words["profile"], words["latency"]
    nodes, loss, duration_s = words["nodes"], words["loss"], words["duration"]
    settings, without = words["settings"], words["without"]
    assert isinstance(scenario, str)
    assert isinstance(profile, str)
    assert isinstance(latency, str)
    assert isinstance(nodes, int | None)
    assert isinstance(loss, float)
    assert isinstance(duration_s, float | None)
    assert isinstance(settings, tuple)
    assert isinstance(without, str)
    return Options(
        scenario,
        nodes=nodes,
        seed=seed,
        profile=profile,
        loss=loss,
        latency=latency,
        duration_s=duration_s,
        settings=read_settings(settings),
        without=read_names(without),
        trace=trace,
    )


def call(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit status, with one line for bad input."""
    try:
        status = main.main(
            args=arguments, prog_name="python -m sim", standalone_mode=False
        )
    except Refused as error:
        click.echo(f"error: {error}", err=True)
        return WRONG_USAGE
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return WRONG_USAGE
    except click.ClickException as error:
        line = " ".join(error.format_message().split())
        click.echo(f"error: {line}; see python -m sim --help", err=True)
        return WRONG_USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else VIOLATED
    return status if isinstance(status, int) else 0
