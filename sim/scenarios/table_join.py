"""A new member over a slow link: when can it use the tables, and when has it all?

The members hold many rows from before the run. The newcomer's link carries so many bits
a second, whoever sends, and every path takes so long.
"""

from typing import TYPE_CHECKING, Final

from sim.options import Figure
from sim.profiles.contract import Identity
from sim.profiles.planed import Memory
from sim.profiles.swarmnet import SwarmnetProfile
from sim.profiles.tabled import tabled
from sim.scenarios.scenario import (
    Key,
    Scenario,
    ScenarioKind,
    Setting,
    check_tables,
    since,
)
from sim.scenarios.table_sync import old_row
from swarmnet.errors import Refused
from swarmnet.ids import CLUSTER

if TYPE_CHECKING:
    from sim.cluster import Cluster
    from sim.host import Host
    from sim.profiles.contract import Profile

JOIN_S: Final = 2.0
LOOK_S: Final = 0.001
QUIET_S: Final = 3.0


class TableJoin(Scenario):
    """Ends some seconds after the newcomer holds what the others hold."""

    def __init__(self, cluster: "Cluster", setting: Setting) -> None:
        super().__init__(cluster, setting)
        self._newcomer: Host = cluster.hosts[-1]
        self._usable_s: float | None = None
        self._complete_s: float | None = None
        self._seen = 0
        latency_s = self.keys["latency_s"]
        cluster.underlay.latency = lambda _source, _target: latency_s
        rate = self.keys["mbit_s"] * 1e6 / 8
        cluster.streams.downlinks[self._newcomer.index] = rate

    def begin(self) -> None:
        """Boot the members, which know each other, and the newcomer later."""
        cluster = self.cluster
        members = cluster.hosts[:-1]
        owners = [host.node for host in members]
        count = int(self.keys["rows"])
        items = [old_row(owners[n % len(owners)], n) for n in range(count)]
        identities: list[Identity] = [host.identity for host in members]
        view = cluster.profile.full_view(identities)
        assert isinstance(view, Memory), "tables are on, channels off"
        full = Memory(view.roster, (*view.known, *items))
        for host in members:
            cluster.start_with_view(host, full)
        self.world.at(JOIN_S, self._join)

    def _join(self) -> None:
        self.cluster.start_alone(self._newcomer)
        self.cluster.join(self._newcomer, self.cluster.hosts[:1])
        self._look()

    def _look(self) -> None:
        tables = tabled(self._newcomer.engine).tables
        held = tables.digest(CLUSTER)
        assert held is not None, "the cluster's rows are always held"
        if self._usable_s is None and held[1] > len(self.cluster.hosts):
            self._usable_s = self.world.now
        others = tabled(self.cluster.hosts[0].engine).tables.digest(CLUSTER)
        if held != others:
            self.world.after(LOOK_S, self._look)
            return
        self._complete_s = self.world.now
        self._seen = held[1]
        self.world.after(QUIET_S, self.world.stop)

    def figures(self) -> dict[str, Figure]:
        """Return how long it took."""
        received = self.cluster.streams.downloaded[self._newcomer.index]
        return {
            "usable_s": since(JOIN_S, self._usable_s),
            "complete_s": since(JOIN_S, self._complete_s),
            "rows": self._seen,
            "stream_bytes": received,
        }


def check(profile: "Profile", setting: Setting, nodes: int) -> None:
    """Refuse what cannot be run.

    Raises:
        Refused: there are no tables, or channels on.
    """
    check_tables(profile, setting, nodes)
    if isinstance(profile, SwarmnetProfile) and profile.seals:
        raise Refused("setting channels='on': table-join's rows are old; want off")


KIND = ScenarioKind(
    name="table-join",
    summary="a new member takes many rows over a slow link from several donors",
    nodes=5,
    nodes_min=2,
    duration_s=120.0,
    figures={
        "usable_s": "from joining until the first page of rows is held and shown",
        "complete_s": "from joining until it holds what the others hold",
        "rows": "that it then holds",
        "stream_bytes": "that came to it on streams",
    },
    keys={
        "rows": Key("that stand before the run", 10_000, 100, 1_000_000, whole=True),
        "mbit_s": Key("of the newcomer's link, towards it", 100, 0.1, 100_000),
        "latency_s": Key("one way, of every path", 0.01, 0.00001, 1),
    },
    build=TableJoin,
    check=check,
    settings={"tables": "on"},
)
