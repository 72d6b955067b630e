"""What all commands have in common: options on every level, and how they end.

`--run-dir` and `--format` are taken before and after a command's name; the last one
counts. A command gets a `Console`: the way to the agent, and to the user.
"""

import errno
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from os import fsencode
from typing import Final

import click

from swarmnet.errors import Refused
from swarmnet.runtime.cli import interrupts
from swarmnet.runtime.cli.answers import Json
from swarmnet.runtime.cli.http11 import percent_encoded
from swarmnet.runtime.cli.outcomes import (
    FAILED,
    INTERRUPTED,
    NO_AGENT,
    NoAgent,
    complain,
)

RUN_DIR: Final = "/run/swarmnet"
DATA_DIR: Final = "/var/lib/swarmnet"
TABLE: Final = "table"
JSON: Final = "json"
QUICK_S: Final = 10.0
"""What an agent knows by itself it tells within this time, however busy."""
ASKING_S: Final = 30.0
"""And what it asks others for first, within this."""
Lines = Callable[[Json], Iterable[str]]
Body = Mapping[str, Json]


class Console:
    """The way to the agent, and to the user, as the options say."""

    def __init__(self) -> None:
        self.run_dir = RUN_DIR
        self.form = TABLE

    def get(self, *path: str, timeout_s: float | None = None) -> Json:
        """Return what the agent holds at a path."""
        return self._ask("GET", path, None, "the agent", timeout_s)

    def post(
        self, *path: str, body: Body | None = None, waiting_for: str = "the agent"
    ) -> Json:
        """Have something done. What was not said is left out."""
        fields = {key: one for key, one in (body or {}).items() if _is_said(one)}
        return self._ask("POST", path, fields, waiting_for, None)

    def delete(self, *path: str) -> Json:
        """Have something removed."""
        return self._ask("DELETE", path, None, "the agent", None)

    def listen(self, *path: str) -> Iterator[Json]:
        """Yield what the agent streams, until it ends."""
        from swarmnet.runtime.cli import client  # noqa: PLC0415

        with client.connected(self.run_dir) as sock:
            yield from client.listen(sock, _joined(path))

    def _ask(
        self,
        method: str,
        path: tuple[str, ...],
        body: Json,
        waiting_for: str,
        timeout_s: float | None,
    ) -> Json:
        # `--help` and completion scripts start without it.
        from swarmnet.runtime.cli import client  # noqa: PLC0415

        where = _joined(path)
        with client.connected(self.run_dir, timeout_s) as sock:
            begins = None if method == "GET" else interrupts.hold
            return client.ask(sock, method, where, body, waiting_for, begins=begins)

    def show(self, answer: Json, lines: Lines) -> None:
        """Print an answer: as it is if JSON is asked for, else as `lines` say it."""
        if self.form == JSON:
            click.echo(json.dumps(answer, indent=2))
            return
        text = "\n".join(lines(answer))
        if text:
            click.echo(text)


def _is_said(value: Json) -> bool:
    """Say whether a field differs from what the agent takes by default."""
    return value is not None and value is not False and value not in ([], {})


def _joined(path: tuple[str, ...]) -> str:
    """Return a path of the API, percent-encoded.

    Raises:
        Refused: a part of it is empty, which would name something else.
    """
    if "" in path:
        raise Refused(
            "an empty name names nothing: give a name, an id or its beginning"
        )
    return "/v1/" + "/".join(percent_encoded(fsencode(part)) for part in path)


def _keep_run_dir(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
    console = ctx.ensure_object(Console)
    if value is not None:
        console.run_dir = value


def _keep_form(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
    console = ctx.ensure_object(Console)
    if value is not None:
        console.form = value


def _everywhere(envvar: str | None) -> tuple[click.Option, ...]:
    """Return the options of every level; only the first reads the environment."""
    return (
        click.Option(
            ["--run-dir"],
            metavar="DIR",
            type=click.Path(file_okay=False),
            envvar=envvar,
            expose_value=False,
            callback=_keep_run_dir,
            help=f"Where the agent's socket is. [SWARMNET_RUN_DIR; {RUN_DIR}]",
        ),
        click.Option(
            ["--format"],
            type=click.Choice([TABLE, JSON]),
            expose_value=False,
            callback=_keep_form,
            help="How to print; json is one document. [table]",
        ),
    )


data_dir_option: Final = partial(
    click.option,
    "--data-dir",
    metavar="DIR",
    type=click.Path(file_okay=False),
    default=DATA_DIR,
    show_default=True,
)
"""Names the data directory; its `help` says for what."""
FIRST_LEVEL: Final = _everywhere("SWARMNET_RUN_DIR")
BELOW: Final = _everywhere(None)


class Command(click.Command):
    """A command that takes the options of every level."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return its parameters, and those of every level."""
        return [*super().get_params(ctx), *BELOW]


class Group(click.Group):
    """A group of commands that takes the options of every level."""

    command_class = Command

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return its parameters, and those of every level."""
        return [*super().get_params(ctx), *BELOW]


class Root(click.Group):
    """The command itself: it tells in one line what went wrong, and how it ends."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return its parameters, and those of every level."""
        return [*super().get_params(ctx), *FIRST_LEVEL]

    def invoke(self, ctx: click.Context) -> object:
        """Run the command that was asked for."""
        try:
            with interrupts.at_end():
                return super().invoke(ctx)
        except Refused as refused:
            status, text = FAILED, str(refused)
        except NoAgent as unreached:
            status, text = NO_AGENT, str(unreached)
        except OSError as error:
            # Whoever read our output may stop when it likes; click knows that.
            if error.errno == errno.EPIPE:
                raise
            where = error.filename or "output"
            status, text = FAILED, f"{where}: {error.strerror or error}"
        except KeyboardInterrupt:
            status, text = INTERRUPTED, ""
        if text:
            complain(text)
        return ctx.exit(status)
