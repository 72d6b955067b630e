"""Rows spread in one network, from one node or steadily from many; all else is quiet.

As `update`, of which these are the figures; but a node has a row when it shows it.
"""

from dataclasses import dataclass, field
from math import ceil
from random import Random
from typing import TYPE_CHECKING, Final

from sim.options import Curve, Figure
from sim.rows import Rows, scope_of
from sim.scenarios.scenario import (
    Key,
    Scenario,
    ScenarioKind,
    Setting,
    check_tables,
    since,
    worst,
)
from swarmnet.ids import Scope
from swarmnet.tables.row import Row

if TYPE_CHECKING:
    from sim.cluster import Cluster
    from sim.host import Host
    from swarmnet.tables.view import Change

PHASE_S: Final = 1.0
SETTLED_S: Final = 3.0
"""Until all are attached, and agree about it."""
VALUE_BYTES: Final = 48
"""What an endpoint's row says: IP, MAC, VTEP and a name."""


@dataclass(slots=True)
class Tracked:
    """One row's fate: when it was written, and by when each node showed it."""

    row: Row
    at_s: float
    held: dict[int, float] = field(default_factory=dict)
    done_s: float | None = None


class Tracker:
    """Follows rows to all live nodes of their networks."""

    def __init__(self, cluster: "Cluster", rows: Rows) -> None:
        self._cluster = cluster
        self._rows = rows
        self._open: dict[tuple[Scope, bytes], list[Tracked]] = {}
        self.tracked: list[Tracked] = []
        self.excused: dict[int, None] = {}
        """Nodes that nobody waits for."""
        rows.listener = self._note

    def follow(self, row: Row) -> Tracked:
        """Follow a row that was written just now."""
        tracked = Tracked(row, self._cluster.world.now)
        self._open.setdefault((row.scope, row.key), []).append(tracked)
        self.tracked.append(tracked)
        owner = self._cluster.hosts[self._cluster.index_of(row.owner)]
        self._arrived(owner, tracked)
        return tracked

    def _note(self, host: "Host", change: "Change") -> None:
        for tracked in self._open.get((change.scope, change.name[1]), ()):
            if self._has_seen(change, tracked.row):
                self._arrived(host, tracked)

    def _has_seen(self, change: "Change", row: Row) -> bool:
        """Return whether a change shows a row, or what its owner wrote after it."""
        if change.current is not None:
            return change.current.row.version >= row.version
        last = self._rows.last(row)
        return last is None or last.is_deleted

    def _arrived(self, host: "Host", tracked: Tracked) -> None:
        now = self._cluster.world.now
        tracked.held.setdefault(host.index, now)
        if tracked.done_s is not None:
            return
        hosts = self._rows.members(tracked.row.scope)
        waited = [one.index for one in hosts if one.index not in self.excused]
        if all(index in tracked.held for index in waited):
            tracked.done_s = now


class TableUpdate(Scenario):
    """Ends `linger_s` after every live node shows every row."""

    def __init__(self, cluster: "Cluster", setting: Setting) -> None:
        super().__init__(cluster, setting)
        self._rows = Rows(cluster)
        self._tracker = Tracker(cluster, self._rows)
        self._count = int(self.keys["count"])
        self._values = Random(f"{cluster.seed}/values")
        self._scope = scope_of(0)
        self._sent_before = 0

    def begin(self) -> None:
        """Boot all, attach all, and plan each row."""
        super().begin()
        for host in self.cluster.hosts:
            self._rows.attach(host, self._scope)
        phase_s = PHASE_S * self.cluster.random.random()
        at_s = SETTLED_S + self.keys["at_s"] + phase_s
        self.world.at(at_s, self._begin_counting)
        for number in range(self._count):
            when = at_s + number / self.keys["rate_per_s"]
            self.world.at(when, self._write, number)

    def _begin_counting(self) -> None:
        self._sent_before = self._sent()

    def _write(self, number: int) -> None:
        origin = self.cluster.random.choice(self.cluster.live())
        key = b"endpoint/%d" % number
        value = self._values.randbytes(VALUE_BYTES)
        self._tracker.follow(self._rows.put(origin, self._scope, key, value))
        if number == self._count - 1:
            self._look()

    def _look(self) -> None:
        if all(one.done_s is not None for one in self._tracker.tracked):
            self.world.after(self.keys["linger_s"], self.world.stop)
        else:
            self.world.after(0.01, self._look)

    def _sent(self) -> int:
        underlay = self.cluster.underlay
        return underlay.sent + underlay.coverage["stream_frames"]

    def finish(self) -> None:
        """Demand that all nodes show all rows."""
        self._rows.check_all()

    def figures(self) -> dict[str, Figure]:
        """Return the spread; of several rows the worst of each."""
        tracked, nodes = self._tracker.tracked, self.cluster.nodes
        figures: dict[str, Figure] = {
            "t50_s": worst([_reached_s(t, ceil(nodes / 2)) for t in tracked]),
            "t99_s": worst([_reached_s(t, ceil(nodes * 0.99)) for t in tracked]),
            "all_s": worst([since(t.at_s, t.done_s) for t in tracked]),
            "reached": min((len(t.held) for t in tracked), default=0),
            "row_bytes": max((len(t.row.item) for t in tracked), default=0),
            "packets": self._sent() - self._sent_before,
        }
        if self._count > 1:
            done = [t.done_s for t in tracked if t.done_s is not None]
            ages = sorted(since(t.at_s, t.done_s) or 0.0 for t in tracked)
            span_s = max(done) - tracked[0].at_s if done else 0.0
            complete = len(done) == len(tracked)
            figures |= {
                "delivered_per_s": round(len(done) / span_s, 3) if span_s else None,
                "age_p99_s": ages[ceil(0.99 * len(ages)) - 1] if complete else None,
                "age_max_s": ages[-1] if complete else None,
            }
        return figures

    def curve(self) -> Curve | None:
        """Return the share of the nodes that show the first row, over time."""
        if not self._tracker.tracked:
            return None
        first = self._tracker.tracked[0]
        times = sorted(at_s - first.at_s for at_s in first.held.values())
        nodes = self.cluster.nodes
        points = tuple((at_s, (i + 1) / nodes) for i, at_s in enumerate(times))
        return Curve(
            "table-update: nodes that show the row",
            "share of nodes",
            points,
            "seconds since it was written",
        )


def _reached_s(tracked: Tracked, count: int) -> float | None:
    times = sorted(tracked.held.values())
    return None if len(times) < count else since(tracked.at_s, times[count - 1])


KIND = ScenarioKind(
    name="table-update",
    summary="one endpoint's row from one node of a network, otherwise quiet",
    nodes=25,
    nodes_min=2,
    duration_s=60.0,
    figures={
        "t50_s": "from writing until half of the nodes show it",
        "t99_s": "until 99 % of the nodes show it",
        "all_s": "until all show it",
        "reached": "nodes that have shown it, the owner included",
        "row_bytes": "of the longest row, signed",
        "packets": "datagrams and stream frames of all kinds sent from writing on",
        "delivered_per_s": "(count > 1) rows shown by all, per second",
        "age_p99_s": "(count > 1) until 99 % of the rows were shown by all",
        "age_max_s": "(count > 1) the longest time until a row was shown by all",
    },
    keys={
        "count": Key("rows, each by a random node", 1, 1, 100_000, whole=True),
        "rate_per_s": Key("rows per second, if several", 10, 0.001, 100_000),
        "at_s": Key("the first falls in the second after 3 s and this", 0, 0, 100_000),
        "linger_s": Key("what still runs after all show all", 2, 0, 100_000),
    },
    build=TableUpdate,
    check=check_tables,
    settings={"tables": "on"},
)
