"""Values of options and arguments whose form is checked here; their bounds are not."""

import re
from collections.abc import Callable, Iterable
from typing import Final

import click

from swarmnet.errors import Refused
from swarmnet.runtime.cli.answers import Json, objects
from swarmnet.runtime.cli.grammar import Console
from swarmnet.runtime.cli.outcomes import NoAgent

UNITS_S: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
DURATION_FORM: Final = re.compile(r"([0-9]{1,9})([smhd])\Z")
COMPLETION_S: Final = 1.0
"""A shell that completes a name waits no longer for the agent."""

Pair = tuple[str, str]


def duration(value: str) -> int:
    """Read a time such as 90s, 15m, 24h or 7d, in seconds."""
    found = DURATION_FORM.match(value)
    if not found:
        raise click.BadParameter(
            f"{value!r}: want a duration such as 90s, 15m, 24h or 7d"
        )
    return int(found[1]) * UNITS_S[found[2]]


def key_value(value: str) -> Pair:
    """Read KEY=VALUE, of which the value may be empty."""
    key, equals, rest = value.partition("=")
    if not (key and equals):
        raise click.BadParameter(f"{value!r}: want KEY=VALUE")
    return key, rest


def as_fields(found: Iterable[Pair]) -> dict[str, Json]:
    """Return pairs as an object of the API; the last one of a key counts."""
    return dict(found)


Completer = Callable[[click.Context, click.Parameter, str], list[str]]


def _names(collection: str) -> Completer:
    """Return what completes names of a collection of the API; nothing if it fails."""

    def complete(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
        console = ctx.ensure_object(Console)
        try:
            found = objects(console.get(collection, timeout_s=COMPLETION_S))
        except (NoAgent, Refused, OSError):
            return []
        names = [str(one.get("name")) for one in found]
        return [name for name in names if name.startswith(incomplete)]

    return complete


complete_node: Final = _names("nodes")
complete_network: Final = _names("networks")
complete_sandbox: Final = _names("sandboxes")

NODE: Final = click.argument("node", shell_complete=complete_node)
NETWORK: Final = click.argument(
    "network", metavar="NET", shell_complete=complete_network
)
SANDBOX: Final = click.argument("sandbox", shell_complete=complete_sandbox)
"""Names that are there already, completed by asking the agent."""
