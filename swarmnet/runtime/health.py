"""Whether this process is well, and whether its host can be relied on.

*Healthy*: the loop turns, and was not held up for long of late; who is not should be
started anew. *Ready*: in a cluster, in sync, and the kernel is as it should be; who is
not should be given nothing new yet.
"""

from typing import TYPE_CHECKING, Final

from swarmnet.node.engine import Node

if TYPE_CHECKING:
    from swarmnet.node.dataplane import Dataplane
    from swarmnet.runtime.life import Life

LAG_S_MAX: Final = 2.0
"""A loop that was held up for longer missed probes: others suspect this node."""
UNSETTLED_S_MAX: Final = 10.0
"""Looks at the kernel, and changes to it, are over within so long; or are refused."""


class Lateness:
    """How late a loop was, as its driver finds out.

    `lag_s` is the longest since `begin`, which is called every few seconds, `total_s`
    all of it.
    """

    __slots__ = ("lag_s", "total_s")

    def __init__(self) -> None:
        self.lag_s = self.total_s = 0.0

    def note(self, late_s: float) -> None:
        """The loop was late once."""
        self.lag_s = max(self.lag_s, late_s)
        self.total_s += late_s

    def begin(self) -> None:
        """Look for the longest anew."""
        self.lag_s = 0.0


class Settledness:
    """Since when a kernel is not what it should be, as far as a data plane knows."""

    __slots__ = ("_since", "_was_settled")

    def __init__(self) -> None:
        self._since: float | None = None
        self._was_settled = False

    def note(self, now: float, plane: "Dataplane") -> None:
        """Take note of how it is now: to be called whenever that may have changed."""
        if plane.is_settled:
            self._since, self._was_settled = None, True
        elif self._since is None:
            self._since = now

    def fault(self, now: float, plane: "Dataplane") -> str | None:
        """Return why the kernel cannot be relied on, or None.

        While it is looked at or changed it can be, unless that takes long.
        """
        self.note(now, plane)
        if not (plane.is_started and plane.is_complete and self._was_settled):
            return "the kernel is being programmed: wait"
        refused = next(plane.failures(), None)
        if refused is not None:
            return (
                f"the kernel refuses something: {refused.message}: see swarmnet status"
            )
        unsettled_s = 0.0 if self._since is None else now - self._since
        if unsettled_s > UNSETTLED_S_MAX:
            return f"the kernel is not as wanted for {unsettled_s:.0f} s: see the log"
        return None


def in_sync(node: Node) -> bool:
    """Return whether no rows are known to be still to come."""
    tables = node.tables
    return tables.has_all and all(map(tables.is_complete, tables.scopes()))


def illness(life: "Life | None") -> str | None:
    """Return why this process is not well, or None."""
    lag_s = 0.0 if life is None else life.driver.lateness.lag_s
    if lag_s > LAG_S_MAX:
        return (
            f"the loop was held up for {lag_s:.1f} s within the last 5 s, want"
            f" {LAG_S_MAX:.0f} s at most: give this host more processor time"
        )
    return None


def unreadiness(life: "Life | None", now: float) -> str | None:
    """Return why this host cannot be relied on now, or None."""
    if life is None:
        return "this host is in no cluster: swarmnet init or swarmnet join"
    if life.end is not None:
        return f"this node is leaving: {life.end}"
    if life.fenced_by is not None:
        return life.fenced_by
    if not in_sync(life.node):
        return "rows of others are still to come: wait"
    return life.settledness.fault(now, life.plane)
