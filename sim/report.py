"""Results as text: tables for people, one JSON document for programs."""

import json
from collections.abc import Sequence

import click

from sim.options import Figure, Options, Result
from sim.shrink import Shrunk
from sim.sweep import spreads, summary


def report_run(result: Result, form: str) -> None:
    """Print one result; broken rules go to stderr."""
    if form == "json":
        click.echo(json.dumps(result.document(), indent=2))
    else:
        for name, value in _rows(result):
            click.echo(f"{name:24} {value}")
    report_violations(result)


def report_violations(result: Result) -> None:
    """Print on stderr which rules were broken."""
    for violation in result.violations:
        click.echo(
            f"violation: {violation.checker} at {violation.time_s:.6f} s,"
            f" node {violation.node}: {violation.message}",
            err=True,
        )
    if result.failure is not None:
        click.echo(result.failure, err=True)


def report_sweep(options: Options, results: Sequence[Result], form: str) -> None:
    """Print what many seeds came to."""
    document = summary(options, results)
    if form == "json":
        click.echo(json.dumps(document, indent=2))
        return
    click.echo(
        f"{options.scenario}, {options.profile}, {results[0].nodes} nodes,"
        f" {len(results)} seeds from {results[0].seed}"
    )
    click.echo(f"{'figure':24} {'median':>12} {'p90':>12} {'worst':>12}  worst seed")
    for name, spread in spreads(results).items():
        columns = (spread.median, spread.p90, spread.worst)
        shown = " ".join(f"{_show(value):>12}" for value in columns)
        click.echo(f"{name:24} {shown}  {spread.worst_seed}")
    failed = sum(bool(result.violations) for result in results)
    click.echo(f"{'seeds with violations':24} {failed:>12}")


def report_shrunk(shrunk: Shrunk, form: str) -> None:
    """Print the smallest schedule that still fails, and the command that replays it."""
    if form == "json":
        click.echo(json.dumps(shrunk.document(), indent=2))
        return
    options, faults = shrunk.options, shrunk.faults
    click.echo(
        f"{options.scenario}, {options.profile}, seed {options.seed}:"
        f" {shrunk.checker} is broken by {len(faults)} of {shrunk.drawn} faults"
        f" ({shrunk.runs} runs)"
    )
    heads = f"{'time_s':>12}  {'fault':14} {'length_s':>9} {'amount':>9} {'coin':>6}"
    click.echo(f"{heads}  nodes")
    for fault in faults:
        nodes = ",".join(map(str, sorted(fault.nodes)))
        click.echo(
            f"{fault.at_s:12.6f}  {fault.name:14} {fault.length_s:9.3f}"
            f" {fault.amount:9.4g} {fault.coin:6.3f}  {nodes}"
        )
    click.echo(f"replay: {shrunk.command}")


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
    rows += [(name, _show(value)) for name, value in result.figures.items()]
    return rows


def _show(value: Figure) -> str:
    return "never" if value is None else f"{value:.10g}"
