"""When do all observers see all subjects in a wanted state? Counted, never scanned.

A look at all N x N pairs on each event would cost more than the protocol. So the pairs
are counted once, and then each transition and each process that ends or starts moves
the count.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from swarmnet.swim.outputs import MemberChanged, State

if TYPE_CHECKING:
    from sim.cluster import Cluster
    from sim.host import Host

POINT_S: Final = 0.001

ALIVE = frozenset({State.ALIVE})
GONE = frozenset({State.LEFT, State.DEAD})


class PairGoal:
    """Counts the (observer, subject) pairs in which the subject's state is `wanted`.

    A pair of a node with itself does not count. `done` is called once, at the first
    instant at which every pair is as wanted and the goal is `armed`; `points` holds the
    count over time, at most one a millisecond.
    """

    def __init__(
        self,
        cluster: "Cluster",
        observers: Iterable["Host"],
        subjects: Iterable["Host"],
        wanted: frozenset[State],
        done: Callable[[], None],
    ) -> None:
        self._cluster = cluster
        self._wanted = wanted
        self._done = done
        self._subjects = {host.node: None for host in subjects}
        self._counts: dict[int, int] = {}
        self.done_s: float | None = None
        self.armed = True
        self.total = 0
        self.points: list[tuple[float, float]] = []
        for host in observers:
            self.total += len(self._subjects) - (host.node in self._subjects)
            self._counts[host.index] = self._look(host)
        self.count = sum(self._counts.values())

    def check(self) -> None:
        """Call `done` if the goal is reached; call it once after the making, too."""
        now = self._cluster.world.now
        if self.points and now < self.points[-1][0] + POINT_S:
            self.points[-1] = (self.points[-1][0], float(self.count))
        else:
            self.points.append((now, float(self.count)))
        if self.armed and self.count >= self.total and self.done_s is None:
            self.done_s = now
            self._done()

    def shares(self, origin_s: float) -> tuple[tuple[float, float], ...]:
        """Return the share of pairs as wanted, against seconds since `origin_s`."""
        total = self.total or 1
        return tuple((at_s - origin_s, n / total) for at_s, n in self.points)

    def member_changed(self, host: "Host", event: MemberChanged) -> None:
        """Follow a transition."""
        if event.member not in self._subjects or host.index not in self._counts:
            return
        before = event.previous in self._wanted
        after = event.current in self._wanted
        if before == after:
            return
        step = 1 if after else -1
        self._counts[host.index] += step
        self.count += step
        self.check()

    def host_changed(self, host: "Host") -> None:
        """Follow an observer that lost what it knew, or came back with a view."""
        if host.index not in self._counts:
            return
        now = self._look(host)
        self.count += now - self._counts[host.index]
        self._counts[host.index] = now
        self.check()

    def _look(self, host: "Host") -> int:
        if host.engine is None:
            return 0
        return sum(
            state in self._wanted
            for member, state in host.engine.states().items()
            if member in self._subjects and member != host.node
        )
