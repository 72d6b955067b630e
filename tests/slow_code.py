"""What makes code slower, for the tests of the guard."""

from collections.abc import Callable
from typing import Any

from benchmarks.guard.counting import OURS


def added(text: str) -> Callable[..., Any]:
    """Return a function `slow(real)` of this text, counted as ours are."""
    space: dict[str, Any] = {}
    exec(compile(text, f"{OURS}added.py", "exec"), space)
    made: Callable[..., Any] = space["slow"]
    return made
