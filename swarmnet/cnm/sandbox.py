"""A sandbox: a container's network namespace, adopted or made by us."""

from dataclasses import dataclass
from re import compile as pattern
from typing import Final

from swarmnet.errors import Refused

NAME_CHARACTERS_MAX: Final = 128
_NAME: Final = pattern(r"[A-Za-z0-9][A-Za-z0-9_.-]*\Z")


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A sandbox. `netns` is the path of a namespace that others made; None: ours."""

    name: str
    netns: str | None = None


def check_sandbox_name(name: str) -> None:
    """Refuse a name that cannot be a file's.

    Raises:
        Refused: it is one.
    """
    if len(name) > NAME_CHARACTERS_MAX or not _NAME.match(name):
        raise Refused(
            f"sandbox name {name[:40]!r}: want 1 to {NAME_CHARACTERS_MAX} letters,"
            " digits, '_', '.' or '-', a letter or digit first"
        )
