"""NetworkDB's published protocol: how long until a write is seen, quiet or under churn.

Quiet: one write after another, each when the last is seen by all. Churn: every 20 ms
eight rows that nobody waits for, up to 2,000, and at every fifth step one node leaves
its networks or comes back. Timed are writes of all kinds (create, update, delete, one
right after attaching), until the last node that does not flap shows it
(`networkdb/convergence_test.go`; moby commit 2eb08ddf13).
"""

from math import ceil
from random import Random
from typing import TYPE_CHECKING, Final

from sim.options import Figure
from sim.rows import Rows, scope_of
from sim.scenarios.scenario import (
    Key,
    Scenario,
    ScenarioKind,
    Setting,
    check_tables,
    since,
)
from sim.scenarios.table_update import SETTLED_S, VALUE_BYTES, Tracker
from swarmnet.ids import Scope
from swarmnet.tables.row import Row

if TYPE_CHECKING:
    from sim.cluster import Cluster
    from sim.host import Host

STEP_S: Final = 0.02
FLAP_STEPS: Final = 5
KINDS: Final = ("create", "update", "delete", "attach")
CALM_S: Final = 5.0


class TableChurn(Scenario):
    """Runs until the timed writes are done, and some calm after that."""

    def __init__(self, cluster: "Cluster", setting: Setting) -> None:
        super().__init__(cluster, setting)
        self._rows = Rows(cluster)
        self._tracker = Tracker(cluster, self._rows)
        self._random = Random(f"{cluster.seed}/churn")
        self._scopes = [scope_of(n) for n in range(int(self.keys["networks"]))]
        self._flapping: Host | None = None
        self._steps = 0
        self._junk = 0
        self._serial = 0
        self._timed = 0

    def begin(self) -> None:
        """Boot all, attach all to all networks, and plan the churn and the writes."""
        super().begin()
        for host in self.cluster.hosts:
            for scope in self._scopes:
                self._rows.attach(host, scope)
        if self.keys["churn"]:
            # Of two nodes none flaps: nobody would be left to show anything.
            if len(self.cluster.hosts) > 2:
                self._flapping = self.cluster.hosts[-1]
                self._tracker.excused[self._flapping.index] = None
            self.world.at(SETTLED_S, self._step)
        self.world.at(SETTLED_S + self.keys["at_s"], self._write)

    def _step(self) -> None:
        """Write rows that nobody waits for; let the flapping node flap."""
        if self._timed >= self.keys["writes"]:
            return
        self.world.after(STEP_S, self._step)
        self._steps += 1
        for _ in range(int(self.keys["junk"])):
            if self._junk < self.keys["junk_max"]:
                self._junk += 1
                host = self._random.choice(self._steady())
                scope = self._random.choice(self._scopes)
                self._put(host, scope, b"junk/%d" % self._junk)
        if self._steps % FLAP_STEPS == 0 and self._flapping is not None:
            self._flap(self._flapping)

    def _flap(self, host: "Host") -> None:
        attached = self._rows.attached(host)
        for scope in self._scopes:
            if attached:
                self._rows.detach(host, scope)
            else:
                self._rows.attach(host, scope)

    def _write(self) -> None:
        """Write something that is timed."""
        kind = KINDS[self._timed % len(KINDS)]
        host = self._random.choice(self._steady())
        scope = self._random.choice(self._scopes)
        mine = [k for k in self._rows.keys_of(host, scope) if k[:5] == b"timed"]
        key = self._random.choice(mine) if mine else b""
        if kind == "attach":
            self._rows.detach(host, scope)
            self._rows.attach(host, scope)
        if kind == "delete" and key:
            self._tracker.follow(self._rows.delete(host, scope, key))
        elif kind == "update" and key:
            self._tracker.follow(self._put(host, scope, key))
        else:
            self._serial += 1
            self._tracker.follow(self._put(host, scope, b"timed/%d" % self._serial))
        self._timed += 1
        self._next()

    def _next(self) -> None:
        """Write again: in a while under churn, else when all show the last."""
        last = self._tracker.tracked[-1]
        if not self.keys["churn"] and last.done_s is None:
            self.world.after(0.001, self._next)
        elif self._timed < self.keys["writes"]:
            self.world.after(self.keys["pause_s"], self._write)
        else:
            self.world.after(CALM_S, self.world.stop)

    def _put(self, host: "Host", scope: Scope, key: bytes) -> Row:
        return self._rows.put(host, scope, key, self._random.randbytes(VALUE_BYTES))

    def _steady(self) -> list["Host"]:
        return [host for host in self.cluster.live() if host is not self._flapping]

    def finish(self) -> None:
        """Demand that all nodes show all rows."""
        self._rows.check_all()

    def figures(self) -> dict[str, Figure]:
        """Return the spread of the timed writes."""
        tracked = self._tracker.tracked
        done = [since(t.at_s, t.done_s) for t in tracked]
        times = sorted(time_s for time_s in done if time_s is not None)
        missing = len(done) - len(times)

        def at(share: float) -> Figure:
            place = ceil(share * len(done)) - 1
            return times[place] if 0 <= place < len(times) else None

        return {
            "p50_s": at(0.5),
            "p90_s": at(0.9),
            "max_s": None if missing else at(1.0),
            "timed": len(done),
            "unseen": missing,
            "junk": self._junk,
        }


KIND = ScenarioKind(
    name="table-churn",
    summary="NetworkDB's protocol: writes timed until all show them, under churn",
    nodes=10,
    nodes_min=2,
    duration_s=240.0,
    figures={
        "p50_s": "until half of the timed writes were shown by all that do not flap",
        "p90_s": "until 90 % were",
        "max_s": "until all were",
        "timed": "how many writes were timed",
        "unseen": "timed writes that some node never showed",
        "junk": "rows written meanwhile that nobody waited for",
    },
    keys={
        "churn": Key("0: nothing else happens", 1, 0, 1, whole=True),
        "networks": Key("all nodes are in all of them", 1, 1, 5, whole=True),
        "writes": Key("how many are timed", 40, 1, 10_000, whole=True),
        "pause_s": Key("between two timed writes", 0.1, 0.001, 100),
        "junk": Key("rows each 20 ms that nobody waits for", 8, 0, 1000, whole=True),
        "junk_max": Key("at most so many of them", 2000, 0, 1_000_000, whole=True),
        "at_s": Key("the first timed write, after 3 s", 0.5, 0, 1000),
    },
    build=TableChurn,
    check=check_tables,
    settings={"tables": "on"},
)
