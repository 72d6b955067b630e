"""The overlay without a cluster: what a JSON document says, on this host's kernel.

    python -m swarmnet.runtime.overlay apply STATE.json
    python -m swarmnet.runtime.overlay run STATE.json
    python -m swarmnet.runtime.overlay diff STATE.json
    python -m swarmnet.runtime.overlay show
    python -m swarmnet.runtime.overlay remove

It works in the network namespace that it is started in. docs/overlay.md has the fields
of the document.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Final

import click

from swarmnet.errors import Refused
from swarmnet.kernel.firewall import OURS, Table
from swarmnet.kernel.ownership import ours
from swarmnet.kernel.state import HOST, Namespace, Unreadable
from swarmnet.node.dataplane import Dataplane
from swarmnet.runtime.kernel import Kernel
from swarmnet.runtime.locking import locked
from swarmnet.runtime.opening import open_kernel
from swarmnet.runtime.showing import (
    describe,
    describe_failure,
    lines,
    namespace_as_json,
    operation_as_json,
    show_namespace,
)
from swarmnet.runtime.state_file import StateFile, parse_state
from swarmnet.runtime.steering import RETRIES_MAX, Recorder, clear, settle

RUN_DIR: Final = "/run/swarmnet"


class Group(click.Group):
    """Tells what was refused in one line."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except Refused as refused:
            _complain(str(refused))
            ctx.exit(1)
        except OSError as error:
            _complain(f"{error.strerror or error}: {error.filename or 'the system'}")
            ctx.exit(1)


@click.group(cls=Group, help=__doc__, context_settings={"max_content_width": 90})
@click.option(
    "--run-dir",
    default=RUN_DIR,
    envvar="SWARMNET_RUN_DIR",
    show_default=True,
    help="where namespaces are pinned",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="how to print",
)
@click.pass_context
def main(ctx: click.Context, run_dir: str, form: str) -> None:
    ctx.obj = (run_dir, form)


STATE = click.argument("state", type=click.Path(dir_okay=False))


@main.command()
@STATE
@click.pass_obj
def apply(options: tuple[str, str], state: str) -> None:
    r"""Make this host's kernel hold what STATE says, and nothing else of ours.

    Exit status 1 if the kernel refuses something; what it takes is done.

    \b
    Example: python -m swarmnet.runtime.overlay apply state.json
    """
    found = _read_file(state)
    with _owned(options[0]) as (kernel, has_firewall):
        plane = _plane(found, has_firewall=has_firewall)
        _settle(plane, kernel, options[1])


@main.command()
@STATE
@click.pass_obj
def diff(options: tuple[str, str], state: str) -> None:
    r"""Print what `apply` would do. Exit status 1 if there is anything to do.

    \b
    Example: python -m swarmnet.runtime.overlay --format json diff state.json
    """
    found = _read_file(state)
    with _opened(options[0]) as (kernel, has_firewall):
        plane = _plane(found, has_firewall=has_firewall)
        plane.start(monotonic(), kernel.names(clear=False))
        plane.complete(monotonic())
        recorder = Recorder()
        recorder.serve(plane, kernel)
    if options[1] == "json":
        _print([operation_as_json(one) for one in recorder.operations])
    else:
        for one in recorder.operations:
            click.echo(describe(one))
    raise SystemExit(1 if recorder.operations else 0)


@main.command()
@click.pass_obj
def show(options: tuple[str, str]) -> None:
    r"""Print what this host's kernel holds of ours.

    \b
    Example: python -m swarmnet.runtime.overlay show
    """
    with _opened(options[0]) as (kernel, _):
        found = _all_of_ours(kernel)
    if options[1] == "json":
        _print({show_namespace(n): namespace_as_json(one) for n, one in found.items()})
        return
    for name, space in found.items():
        for line in lines(name, space):
            click.echo(line)


@main.command()
@click.pass_obj
def remove(options: tuple[str, str]) -> None:
    r"""Remove all that is ours from this host: networks, sandboxes made here, rules.

    \b
    Example: python -m swarmnet.runtime.overlay remove
    """
    with _owned(options[0]) as (kernel, _):
        _report(clear(kernel), options[1])


@main.command()
@STATE
@click.pass_obj
def run(options: tuple[str, str], state: str) -> None:
    r"""Keep this host's kernel as STATE says, until SIGINT or SIGTERM; SIGHUP rereads.

    What others delete, change or add is put right, and told on standard error. The
    data plane stays when this ends: `remove` removes it.

    \b
    Example: python -m swarmnet.runtime.overlay run state.json
    """
    # It alone needs trio.
    from swarmnet.runtime.running import run_file  # noqa: PLC0415

    found = _read_file(state)
    with _owned(options[0]) as (kernel, has_firewall):
        plane = _plane(found, has_firewall=has_firewall)
        run_file(plane, kernel, lambda: _read_file(state), found)


def _read_file(path: str) -> StateFile:
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise Refused(f"{path}: no UTF-8: {error.reason}") from None
    try:
        return parse_state(text)
    except Refused as refused:
        raise Refused(f"{path}: {refused}") from None


@contextmanager
def _opened(run_dir: str) -> Iterator[tuple[Kernel, bool]]:
    """Open this host's kernel; say whether there is a firewall."""
    kernel, why_not = open_kernel(run_dir)
    if why_not is not None:
        _complain(f"warning: {why_not}")
    try:
        yield kernel, why_not is None
    finally:
        kernel.close()


@contextmanager
def _owned(run_dir: str) -> Iterator[tuple[Kernel, bool]]:
    """Open this host's kernel, and be the only one who changes it."""
    with locked(run_dir), _opened(run_dir) as opened:
        yield opened


def _plane(found: StateFile, *, has_firewall: bool) -> Dataplane:
    plane = Dataplane(replace(found.place, has_firewall=has_firewall))
    for sandbox in found.sandboxes:
        plane.set_sandbox(0.0, sandbox)
    for view in found.views:
        plane.set_network(0.0, view.network, view.attachments, view.endpoints)
    return plane


def _settle(plane: Dataplane, kernel: Kernel, form: str) -> None:
    plane.start(monotonic(), kernel.names())
    plane.complete(monotonic())
    settle(plane, kernel, RETRIES_MAX)
    _report(plane, form)


def _report(plane: Dataplane, form: str) -> None:
    """Tell what the kernel has refused."""
    failures = list(plane.failures())
    for warning in plane.desired.warnings():
        _complain(f"warning: {warning}")
    for failure in failures:
        _complain(describe_failure(failure))
    if form == "json":
        _print({"failures": [operation_as_json(one.operation) for one in failures]})
    if not failures and not plane.is_settled:
        raise Refused("the kernel could not be read to the end; try again")
    if failures:
        raise SystemExit(1)


def _all_of_ours(kernel: Kernel) -> dict[str, Namespace]:
    found: dict[str, Namespace] = {}
    wanted = Namespace(tables={OURS: Table(*OURS)})
    for name in (HOST, *kernel.names(clear=False)):
        try:
            found[name] = ours(kernel.read(name, wanted if name == HOST else None))
        except Unreadable:
            # It went while we looked.
            continue
    return found


def _complain(text: str) -> None:
    """Tell something in one line."""
    click.echo(f"overlay: {' '.join(text.split())}", err=True)


def _print(value: object) -> None:
    click.echo(json.dumps(value, indent=2))


if __name__ == "__main__":
    main()
