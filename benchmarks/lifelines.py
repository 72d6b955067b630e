"""What a benchmark starts does not outlive it, however the benchmark ends."""

from shutil import which
from typing import Final

GUARD: Final = "setpriv"
"""Of util-linux: the kernel ends what it starts as soon as its parent has ended."""


def bound_to_us(*command: str) -> tuple[str, ...]:
    """Return a command that is killed when the thread that starts it ends."""
    if which(GUARD) is None:
        return command
    return (GUARD, "--pdeathsig", "KILL", *command)
