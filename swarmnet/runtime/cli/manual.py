"""The manual page swarmnet(1), from the same texts as `--help`.

    python -m swarmnet.runtime.cli.manual > swarmnet.1

Layout: man(7), groff_man_style(7).
"""

from collections.abc import Iterable, Iterator
from inspect import cleandoc
from typing import Final

import click

from swarmnet import __version__
from swarmnet.runtime.cli.grammar import BELOW, DATA_DIR, RUN_DIR
from swarmnet.runtime.cli.main import HELP, PROGRAM, main

WIDE: Final = 10_000
"""No line of a usage is broken before this."""
ELSEWHERE: Final = frozenset({"--help", *(name for one in BELOW for name in one.opts)})
"""Options of every level, which are told of once."""
STATUS: Final = {
    "0": "Done.",
    "1": "Refused or failed: one line on standard error says what, and the cure.",
    "2": "Wrong usage.",
    "3": "No agent was reached.",
}
FILES: Final = {
    RUN_DIR: "The agent's socket, and the pins of networks and sandboxes.",
    DATA_DIR: "The node's keys and its rows.",
}
ENVIRONMENT: Final = {"SWARMNET_RUN_DIR": "As --run-dir."}


def manual() -> str:
    """Return the whole page."""
    root = click.Context(
        main,
        info_name=PROGRAM,
        terminal_width=WIDE,
        max_content_width=WIDE,
        help_option_names=HELP,
    )
    return "\n".join([*_head(root), *_commands(root), *_tail(), ""])


def _head(root: click.Context) -> Iterator[str]:
    first, *rest = _paragraphs(main.help or "")
    yield f'.TH {PROGRAM.upper()} 1 "" "{PROGRAM} {__version__}" "{PROGRAM}"'
    yield ".SH NAME"
    yield f"{PROGRAM} \\- {_line(first).rstrip('.').lower()}"
    yield ".SH SYNOPSIS"
    yield f".B {PROGRAM}"
    yield r"[\fIoptions\fR] \fIcommand\fR [\fIarguments\fR]"
    yield ".SH DESCRIPTION"
    for text in (first, *rest):
        yield from (".PP", _line(text))
    yield ".SH OPTIONS"
    yield from _options(root, main.get_params(root))


def _commands(root: click.Context) -> Iterator[str]:
    yield ".SH COMMANDS"
    for ctx in _below(root):
        command = ctx.command
        yield f'.SS "{_line(ctx.command_path)} {_line(_arguments(ctx))}"'
        for text in _paragraphs(command.help or ""):
            yield from (".PP", _line(text))
        params = command.get_params(ctx)
        own = [one for one in params if not ELSEWHERE.intersection(one.opts)]
        yield from _options(ctx, own)
        if command.epilog:
            yield from (".PP", ".EX", _line(command.epilog), ".EE")


def _below(ctx: click.Context) -> Iterator[click.Context]:
    """Yield all commands that do something, in the order of their names."""
    assert isinstance(ctx.command, click.Group), "it has commands"
    for name in ctx.command.list_commands(ctx):
        found = ctx.command.get_command(ctx, name)
        assert found is not None, "it was listed"
        inner = click.Context(found, info_name=name, parent=ctx)
        if isinstance(found, click.Group):
            yield from _below(inner)
        else:
            yield inner


def _arguments(ctx: click.Context) -> str:
    return " ".join(ctx.command.collect_usage_pieces(ctx))


def _options(ctx: click.Context, params: Iterable[click.Parameter]) -> Iterator[str]:
    for one in params:
        record = one.get_help_record(ctx)
        if record is not None and isinstance(one, click.Option):
            yield from (".TP", f".B {_line(record[0])}", _line(record[1]))


def _tail() -> Iterator[str]:
    for head, entries in (
        ("EXIT STATUS", STATUS),
        ("FILES", FILES),
        ("ENVIRONMENT", ENVIRONMENT),
    ):
        yield f".SH {head}"
        for name, text in entries.items():
            yield from (".TP", f".B {_line(name)}", _line(text))


def _paragraphs(text: str) -> list[str]:
    """Return the paragraphs of a help text, each in one line."""
    parts = cleandoc(text).replace("\b", "").split("\n\n")
    return [" ".join(part.split()) for part in parts if part.strip()]


def _line(text: str) -> str:
    """Return a text as roff has it: nothing in it is an instruction."""
    safe = text.replace("\\", r"\e").replace("-", r"\-").replace('"', r"\(dq")
    safe = safe.replace("'", r"\(aq").replace("`", r"\(ga").replace("^", r"\(ha")
    return rf"\&{safe}" if safe.startswith(".") else safe


if __name__ == "__main__":
    click.echo(manual(), nl=False)
