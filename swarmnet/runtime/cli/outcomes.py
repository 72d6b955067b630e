"""How a command ends: its exit status, and the one line that says why."""

from typing import Final

import click

DONE: Final = 0
FAILED: Final = 1
"""Refused or failed; nothing has changed."""
WRONG_USAGE: Final = 2
NO_AGENT: Final = 3
INTERRUPTED: Final = 130

NOT_EXECUTABLE: Final = 126
NOT_FOUND: Final = 127
"""As shells have it, for `sandbox exec`."""


class NoAgent(Exception):
    """No agent was reached. The message says why, and the cure."""


class Silent(NoAgent):
    """There is an agent, and it does not answer within the time."""


def one_line(text: str) -> str:
    """Return a text without line breaks, and without what a terminal obeys.

    Names and messages may come from other hosts.
    """
    words = " ".join(text.split())
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in words)


def complain(text: str) -> None:
    """Tell in one line, on standard error, what went wrong."""
    click.echo(f"swarmnet: {one_line(text)}", err=True)
