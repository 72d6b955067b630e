"""The command `reset`: nothing of ours is left on this host."""

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from swarmnet.errors import Refused
from swarmnet.runtime.cli.answers import Json
from swarmnet.runtime.cli.grammar import Command, Console, data_dir_option
from swarmnet.runtime.cli.layout import table
from swarmnet.runtime.cli.outcomes import one_line

if TYPE_CHECKING:
    from swarmnet.runtime.resetting import Found, Outcome

HEADS = ("KIND", "NAME", "WHERE")
NOTHING_FOUND = "nothing of swarmnet was found"


@click.command(cls=Command, epilog="Example: swarmnet reset --all --yes")
@click.option(
    "--all", "wipes", is_flag=True, help="Its identity and its rows as well: for good."
)
@click.option("--yes", "is_sure", is_flag=True, help="Do not ask.")
@data_dir_option(help="Where the agent kept them.")
@click.pass_obj
def reset(console: Console, *, wipes: bool, is_sure: bool, data_dir: str) -> None:
    """Remove all of swarmnet from this host, and tell what it was.

    It works after a crash, and wants no agent: stop it first. What is not swarmnet's is
    not touched. Other members are not told: they take the node for dead until it starts
    again, or until it is removed by `node rm`.
    """
    # It works on the kernel, which few commands do.
    from swarmnet.runtime import resetting  # noqa: PLC0415

    with resetting.resetting(console.run_dir, data_dir, wipes=wipes) as held:
        found = held.find()
        if found and not is_sure:
            _make_sure(found)
        done = held.remove(found)
    console.show(_as_json(done), lambda _: _told(done))
    if done.failures:
        raise Refused(f"not all is gone: {'; '.join(done.failures)}: try again")


def _make_sure(found: "Sequence[Found]") -> None:
    """Ask on the terminal whether all this may go.

    Raises:
        Refused: it may not, or there is nobody to ask.
    """
    if not sys.stdin.isatty():
        raise Refused("nobody can be asked here whether all may go: say --yes")
    for line in _rows(found):
        click.echo(line, err=True)
    if not click.confirm("Remove all this?", err=True):
        raise Refused("nothing was removed")


def _rows(found: "Sequence[Found]") -> Iterator[str]:
    return table(
        HEADS, [(one.kind, one_line(one.name), one_line(one.where)) for one in found]
    )


def _told(done: "Outcome") -> Iterator[str]:
    if done.removed:
        yield from _rows(done.removed)
        yield f"removed: {len(done.removed)}"
    elif not done.failures:
        yield NOTHING_FOUND
    for one in done.kept:
        yield f"left: {one_line(one)}"


def _as_json(done: "Outcome") -> Json:
    return {
        "removed": [
            {"kind": one.kind, "name": one.name, "where": one.where}
            for one in done.removed
        ],
        "failures": list(done.failures),
        "kept": list(done.kept),
    }
