"""Commands on sandboxes: create, adopt, ls, rm, exec."""

import os
from collections.abc import Iterator

import click

from swarmnet.errors import Refused
from swarmnet.runtime.cli.answers import (
    NOTHING,
    Json,
    Object,
    as_object,
    objects,
    text,
)
from swarmnet.runtime.cli.grammar import QUICK_S, TABLE, Command, Console, Group
from swarmnet.runtime.cli.layout import table
from swarmnet.runtime.cli.outcomes import complain
from swarmnet.runtime.cli.parameters import complete_sandbox

HEADS = ("NAME", "NAMESPACE", "ADOPTED", "DNS", "ENDPOINTS")
RESOLV_CONF = (
    "For names its /etc/resolv.conf wants: nameserver 127.0.0.11, options ndots:0"
)
NAME = click.argument("name", shell_complete=complete_sandbox)


@click.group(cls=Group)
def sandbox() -> None:
    """Sandboxes: network namespaces of this host."""


@sandbox.command("create", epilog="Example: swarmnet sandbox create box1")
@click.argument("name")
@click.pass_obj
def create(console: Console, name: str) -> None:
    """Make a bare namespace for plain processes."""
    console.show(console.post("sandboxes", body={"name": name}), _name)


def _name(answer: Json) -> Iterator[str]:
    yield text(as_object(answer).get("name"))


@sandbox.command(
    "adopt", epilog="Example: swarmnet sandbox adopt box2 --netns /run/netns/box2"
)
@click.option("--pid", type=int, metavar="PID", help="That of this process.")
@click.option("--netns", metavar="PATH", help="The one at this path.")
@click.argument("name")
@click.pass_obj
def adopt(console: Console, *, name: str, pid: int | None, netns: str | None) -> None:
    """Take up a namespace that is there: any container's.

    Its programs find names if its resolv.conf says `nameserver 127.0.0.11`: start it
    with `docker run --network none --dns 127.0.0.11 --dns-option ndots:0`, or, with
    Podman, `-v /run/swarmnet/resolv.conf:/etc/resolv.conf:ro`.
    """
    if (pid is None) == (netns is None):
        raise click.UsageError("Give one of --pid PID and --netns PATH.")
    # The agent has another working directory.
    path = None if netns is None else os.path.abspath(netns)
    body: dict[str, Json] = {"name": name, "pid": pid, "netns": path}
    console.show(console.post("sandboxes", body=body), _name)
    if console.form == TABLE:
        click.echo(RESOLV_CONF, err=True)


@sandbox.command("ls", epilog="Example: swarmnet sandbox ls")
@click.pass_obj
def list_sandboxes(console: Console) -> None:
    """List the sandboxes of this host."""
    console.show(console.get("sandboxes", timeout_s=QUICK_S), _table)


def _table(answer: Json) -> Iterator[str]:
    return table(HEADS, [_row(one) for one in objects(answer)])


def _row(one: Object) -> tuple[str, ...]:
    endpoints = [_endpoint(endpoint) for endpoint in objects(one.get("endpoints"))]
    return (
        text(one.get("name")),
        text(one.get("netns")),
        text(one.get("adopted")),
        text(one.get("dns")),
        ", ".join(endpoints) or NOTHING,
    )


def _endpoint(one: Object) -> str:
    parts = (one.get("network"), one.get("ipv4"), one.get("ipv6"))
    return " ".join(text(part) for part in parts if part is not None)


@sandbox.command("rm", epilog="Example: swarmnet sandbox rm box1")
@NAME
@click.pass_obj
def remove(console: Console, name: str) -> None:
    """Remove a sandbox that is in no network; an adopted namespace stays."""
    console.show(console.delete("sandboxes", name), _name)


class CommandLine(Command):
    """Takes options everywhere before `--`; without that, before the first word."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the words; what belongs to the command to run is left as it is."""
        ctx.allow_interspersed_args = "--" in args
        return super().parse_args(ctx, args)


@sandbox.command(
    "exec",
    cls=CommandLine,
    epilog="Example: swarmnet sandbox exec box1 -- ping -c 1 10.0.1.3",
)
@NAME
@click.argument(
    "words", metavar="-- CMD...", nargs=-1, required=True, type=click.UNPROCESSED
)
@click.pass_obj
def execute(console: Console, name: str, words: tuple[str, ...]) -> None:
    """Run a command inside a sandbox, in place of this one.

    It needs no agent. Standard input, terminal, signals and exit status are the
    command's; 127: it was not found, 126: it cannot be executed. In a mount namespace
    of its own it asks the sandbox's resolver, 127.0.0.11, for names.
    """
    # It loads what speaks to the kernel.
    from swarmnet.runtime.cli.entering import enter, replace  # noqa: PLC0415
    from swarmnet.runtime.cli.naming import use_sandbox_names  # noqa: PLC0415

    enter(console.run_dir, name)
    try:
        use_sandbox_names(console.run_dir)
    except Refused as refused:
        # What asks for no names does without.
        complain(str(refused))
    replace(words)
