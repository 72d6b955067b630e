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


def heartbeats() -> Action:
    """Members without channels rest: what is said and heard at rest, and no more."""
    return _run(Options("idle", nodes=4, duration_s=2.0))


def shared() -> Action:
    """Two hosts share a network: rows are followed, addresses and endpoints given."""
    return _run(Options("address-share", nodes=2))


def newcomer() -> Action:
    """A newcomer takes rows, and follows what they say of networks."""
    return _run(Options("table-join", nodes=2, settings={"rows": "100"}))


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
    "4 members, two quiet seconds": heartbeats,
    "a network between 2 hosts": shared,
    "a newcomer takes 100 rows": newcomer,
    "a network of 200 endpoints put into the kernel": network_made,
}
