"""Paths through everything at once: what a small cluster does in a while of its life.

Less sharp than the others, for more goes into a count; but what they leave out is here.
"""

from collections.abc import Callable
from typing import Final

from benchmarks.guard.host import Full
from sim.options import Options
from sim.run import run

SEALED: Final = {"channels": "on", "tables": "on"}

Action = Callable[[], None]


def _run(options: Options) -> Action:
    def act() -> None:
        assert not run(options).violations

    return act


def quiet() -> Action:
    """Members with channels and tables rest."""
    return _run(Options("idle", nodes=4, duration_s=1.0, settings=SEALED))


def joining() -> Action:
    """Members with channels and tables join through one."""
    return _run(Options("bootstrap", nodes=4, settings=SEALED))


def network_made() -> Action:
    """A network with many endpoints is planned, and put into a kernel."""

    def act() -> None:
        Full(200)

    return act


PATHS: Final = {
    "4 members with channels, a quiet second": quiet,
    "4 members with channels join": joining,
    "a network of 200 endpoints put into the kernel": network_made,
}
