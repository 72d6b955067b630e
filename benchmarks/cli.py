"""The command `python -m benchmarks`: what is asked, what is run, what it came to.

Exit status: 0 done, targets met or not; 1 a question has no answer, for it failed or a
process died, or `compare` or `guard` found something worse; 2 wrong usage; 130
interrupted.
"""

import multiprocessing
import os
import shlex
from collections.abc import Mapping
from typing import Final

import click

from benchmarks import (
    addresses,
    agent_connect,
    agent_failures,
    agent_fifty,
    agent_flood,
    agent_rest,
    asymmetric,
    attach,
    bootstrap,
    channels,
    coordinates,
    crash,
    curves,
    dns,
    docker_entries,
    docker_failures,
    docker_rest,
    docker_throughput,
    fidelity,
    flood,
    idle,
    kernel_dump,
    kernel_entries,
    leave,
    memberlist_cluster,
    network_bytes,
    networkdb,
    one_row,
    partition,
    pause,
    rows,
    scaling,
    scaling_endpoints,
    sealed,
    serf_cluster,
    simulator,
    sketch,
    stalls,
    sustained,
    swim_protocol,
    table_bytes,
    table_join,
    table_load,
    table_update,
    thousand_networks,
    throughput,
    tradeoff,
    update,
    views,
)
from benchmarks.answering import Results, ask, directory_of
from benchmarks.compare import compare_command
from benchmarks.guard.command import guard_command
from benchmarks.hosts import ENDING_S, clear_dead
from benchmarks.lab import Lab
from benchmarks.report import Answer, place, print_answer
from benchmarks.values import Question
from sim.workers import WorkerLost
from swarmnet.errors import Refused

LOST: Final = 1
WRONG_USAGE: Final = 2
INTERRUPTED: Final = 130

QUESTIONS: Final[dict[str, Question]] = {
    one.name: one
    for one in (
        update.QUESTION,
        bootstrap.QUESTION,
        curves.QUESTION,
        leave.QUESTION,
        partition.QUESTION,
        crash.QUESTION,
        stalls.QUESTION,
        tradeoff.QUESTION,
        views.QUESTION,
        pause.QUESTION,
        asymmetric.QUESTION,
        coordinates.QUESTION,
        idle.QUESTION,
        sustained.QUESTION,
        sketch.QUESTION,
        channels.QUESTION,
        flood.QUESTION,
        sealed.QUESTION,
        rows.QUESTION,
        addresses.QUESTION,
        table_update.QUESTION,
        networkdb.QUESTION,
        table_load.QUESTION,
        table_join.QUESTION,
        table_bytes.QUESTION,
        network_bytes.QUESTION,
        simulator.QUESTION,
        scaling.QUESTION,
        scaling_endpoints.QUESTION,
        fidelity.QUESTION,
        memberlist_cluster.QUESTION,
        swim_protocol.QUESTION,
        kernel_entries.QUESTION,
        kernel_dump.QUESTION,
        one_row.QUESTION,
        attach.QUESTION,
        throughput.QUESTION,
        thousand_networks.QUESTION,
        agent_connect.QUESTION,
        agent_failures.QUESTION,
        agent_rest.QUESTION,
        agent_flood.QUESTION,
        agent_fifty.QUESTION,
        serf_cluster.QUESTION,
        dns.QUESTION,
        docker_entries.QUESTION,
        docker_failures.QUESTION,
        docker_throughput.QUESTION,
        docker_rest.QUESTION,
    )
}


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Measure swarmnet beside its peers, in the simulator and on real kernels."""


main.add_command(compare_command)
main.add_command(guard_command)


@main.command("list")
def list_command() -> None:
    """Show the questions."""
    for one in QUESTIONS.values():
        root = "(needs root) " if one.needs_root else ""
        click.echo(f"{one.name:17} {root}{one.asks}")


@main.command("run")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--quick", is_flag=True, help="fewer seeds, smaller: up to 10 minutes")
@click.option(
    "--host", is_flag=True, help="no NAME: all that need root, on their hosts"
)
@click.option("--out", metavar="DIR", help="for results.json, report.html, pictures")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
)
@click.option("--jobs", type=int, help="processes; default: one a core")
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="virtual time on the workers of a Dask cluster (extra 'cluster'); what is"
    " timed stays here",
)
def run_command(
    *,
    names: tuple[str, ...],
    quick: bool,
    host: bool,
    out: str | None,
    form: str,
    jobs: int | None,
    scheduler: str | None,
) -> int:
    """Answer the questions named, or all that need no root.

    Example: python -m benchmarks run update --quick
    """
    for name in names:
        if name not in QUESTIONS:
            raise Refused(f"benchmark {name!r}: want {', '.join(QUESTIONS)}")
    if jobs is not None and jobs < 1:
        raise Refused(f"jobs {jobs}: want at least 1")
    directory = None if out is None else directory_of(out)
    chosen = _chosen(names, host=host)
    options = {"--jobs": jobs, "--scheduler": scheduler}
    command = _command(names, {"--quick": quick, "--host": host}, options)
    where = place()
    opening = (
        f"{command}\n{where.machine}, Python {where.python}, commit {where.commit}"
    )
    click.echo(opening, err=form == "json")
    if quick:
        click.echo(
            "quick: fewer seeds and smaller clusters than the targets ask", err=True
        )
    results = Results(where, command, directory)
    asked = [QUESTIONS[name] for name in chosen]
    processes = multiprocessing.cpu_count() if jobs is None else jobs
    with Lab(processes, quick=quick, scheduler=scheduler) as lab:
        for answer in ask(lab, asked):
            results.keep(answer)
            if form == "table" and isinstance(answer, Answer):
                print_answer(answer)
    if form == "json":
        click.echo(results.text())
    results.show(processes)
    return LOST if len(results.answers) < len(chosen) else 0


def _chosen(names: tuple[str, ...], *, host: bool) -> list[str]:
    """Return the questions to answer; one line for each that this user cannot ask."""
    all_ = (name for name, one in QUESTIONS.items() if one.needs_root == host)
    chosen = dict.fromkeys(names or all_)
    is_root = os.geteuid() == 0
    for name in list(chosen):
        if QUESTIONS[name].needs_root and not is_root:
            click.echo(f"{name}: skipped: needs root", err=True)
            del chosen[name]
    return list(chosen)


def _command(
    names: tuple[str, ...],
    flags: Mapping[str, bool],
    options: Mapping[str, int | str | None],
) -> str:
    """Return what was asked, so that whoever repeats it asks the same."""
    words = ["python", "-m", "benchmarks", "run", *names]
    words += [flag for flag, is_on in flags.items() if is_on]
    for option, value in options.items():
        if value is not None:
            words += [option, str(value)]
    return shlex.join(words)


def _clear() -> None:
    """Take away what was on hosts of processes that were ended, once they are gone."""
    for child in multiprocessing.active_children():
        child.join(ENDING_S)
    if os.geteuid() == 0:
        clear_dead()


def call(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit status, with one line for bad input."""
    try:
        status = main.main(
            args=arguments, prog_name="python -m benchmarks", standalone_mode=False
        )
    except Refused as error:
        click.echo(f"error: {error}", err=True)
        return WRONG_USAGE
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return WRONG_USAGE
    except click.ClickException as error:
        line = " ".join(error.format_message().split())
        click.echo(f"error: {line}; see python -m benchmarks --help", err=True)
        return WRONG_USAGE
    except WorkerLost as error:
        _clear()
        click.echo(f"error: {error}; run it again with fewer --jobs", err=True)
        return LOST
    except (click.Abort, KeyboardInterrupt):
        _clear()
        click.echo("interrupted", err=True)
        return INTERRUPTED
    return status if isinstance(status, int) else 0
