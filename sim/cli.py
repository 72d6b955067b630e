"""The command `python -m sim`: its words, and one line for whatever is wrong."""

import json
import sys
from collections.abc import Callable, Mapping
from typing import Final

import click

from sim.options import Options, Result
from sim.replay import first_line
from sim.run import run
from swarmnet.errors import Refused

VIOLATED: Final = 1
WRONG_USAGE: Final = 2

Command = Callable[..., None]


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
    """Add the options that `run` and `sweep` share."""
    for option in reversed(
        (
            click.option("--nodes", type=int, help="how many [the scenario's own]"),
            click.option("--profile", default="swarmnet", show_default=True),
            click.option("--loss", type=float, default=0.0, help="of each datagram"),
            click.option("--latency", default="lan", show_default=True),
            click.option("--duration", type=float, help="virtual seconds at most"),
            click.option("--set", "settings", multiple=True, metavar="KEY=VALUE"),
            click.option("--without", default="", metavar="FAULT,..."),
            click.option(
                "--format",
                "form",
                type=click.Choice(["table", "json"]),
                default="table",
                show_default=True,
            ),
            click.option("--plot", metavar="FILE.png|.svg"),
        )
    ):
        command = option(command)
    return command


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Run SWIM membership, or a peer of it, in a deterministic simulator."""


@main.command("run", short_help="Run one scenario.")
@click.argument("scenario")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--trace", metavar="FILE", help="write one line per event")
@common_options
def run_command(
    *,
    scenario: str,
    seed: int,
    trace: str | None,
    nodes: int | None,
    profile: str,
    loss: float,
    latency: str,
    duration: float | None,
    settings: tuple[str, ...],
    without: str,
    form: str,
    plot: str | None,
) -> None:
    """Run SCENARIO once, for example: python -m sim run update --nodes 1000."""
    options = Options(
        scenario,
        nodes=nodes,
        seed=seed,
        profile=profile,
        loss=loss,
        latency=latency,
        duration_s=duration,
        settings=read_settings(settings),
        without=read_names(without),
        trace=trace,
    )
    click.echo(first_line(options), err=True)
    result = run(options)
    report(result, form)
    if result.violations:
        sys.exit(VIOLATED)


def report(result: Result, form: str) -> None:
    """Print one result; broken rules go to stderr, too."""
    if form == "json":
        click.echo(json.dumps(result.document(), indent=2))
    else:
        for name, value in _rows(result):
            click.echo(f"{name:24} {value}")
    for violation in result.violations:
        click.echo(
            f"violation: {violation.checker} at {violation.time_s:.6f} s,"
            f" node {violation.node}: {violation.message}",
            err=True,
        )
    if result.failure is not None:
        click.echo(result.failure, err=True)


def _rows(result: Result) -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = [
        ("scenario", result.scenario),
        ("profile", result.profile),
        ("nodes", result.nodes),
        ("seed", result.seed),
        ("simulated_s", result.simulated_s),
        ("wall_s", result.wall_s),
        ("events", result.events),
        ("trace_hash", result.trace_hash),
        ("violations", len(result.violations)),
    ]
    rows += [
        (f"bytes_per_node_s.{name}", value)
        for name, value in result.bytes_per_node_s.items()
    ]
    return rows + [
        (name, "never" if value is None else value)
        for name, value in result.figures.items()
    ]


def call(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit status, with one line for bad input."""
    try:
        main.main(args=arguments, prog_name="python -m sim", standalone_mode=False)
    except Refused as error:
        click.echo(f"error: {error}", err=True)
        return WRONG_USAGE
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        line = " ".join(error.format_message().split())
        click.echo(f"error: {line}", err=True)
        return WRONG_USAGE
    return 0
