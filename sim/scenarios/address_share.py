"""One network is made among many hosts: what each of them then holds, and hears."""

from typing import TYPE_CHECKING, Final

from sim.options import Figure
from sim.profiles.tabled import tabled
from sim.scenarios.scenario import (
    Key,
    Scenario,
    ScenarioKind,
    Setting,
    check_tables,
    since,
    worst,
)
from swarmnet.ids import CLUSTER, Scope
from swarmnet.node.books import subnet_realm
from swarmnet.node.creating import NetworkWish
from swarmnet.tables.row import NETWORK, RANGE

if TYPE_CHECKING:
    from sim.cluster import Cluster
    from sim.host import Host

SETTLED_S: Final = 5.0
"""Until every host has its slice of the pools, and the first one its heirs."""
LINGER_S: Final = 3.0
LOOK_S: Final = 0.001


class AddressShare(Scenario):
    """Ends `LINGER_S` after the network is made."""

    def __init__(self, cluster: "Cluster", setting: Setting) -> None:
        super().__init__(cluster, setting)
        self._network: Scope | None = None
        self._made_s = 0.0
        self._heard = 0
        self._owned_s: dict[int, float] = {}

    def begin(self) -> None:
        """Boot all, begin the pools, and plan the rest."""
        super().begin()
        first = tabled(self.cluster.hosts[0].engine)

        def init(now: float) -> None:
            first.allocate(now, lambda addressing: addressing.init_pools(now))

        self.cluster.hosts[0].command(init)
        self.world.at(SETTLED_S, self._make)

    def _make(self) -> None:
        maker = self.cluster.hosts[-1]
        engine = tabled(maker.engine)
        wish = NetworkWish("net", subnets=[f"172.16.0.0/{int(self.keys['bits'])}"])
        self._made_s = self.world.now
        self._heard = self._received()

        def make(now: float) -> None:
            engine.allocate(now, lambda addressing: addressing.create(now, wish))

        maker.command(make)
        known = engine.addressing.networks.named("net")
        assert known is not None, "the maker has a slice of the pool"
        self._network = known.id
        self._look()
        self.world.after(LINGER_S, self.world.stop)

    def _received(self) -> int:
        return sum(host.received_bytes for host in self.cluster.hosts)

    def _look(self) -> None:
        """Note who has come to own something of the network."""
        for host in self.cluster.hosts:
            if host.index not in self._owned_s and self._owned(host):
                self._owned_s[host.index] = self.world.now
        if len(self._owned_s) < self.cluster.nodes:
            self.world.after(LOOK_S, self._look)

    def _owned(self, host: "Host") -> int:
        assert self._network is not None, "it is made"
        usable = tabled(host.engine).addressing.networks.usable()
        spans = usable.get(subnet_realm(self._network, 0))
        return 0 if spans is None else spans.size

    def _held(self, host: "Host", *tables: str) -> list[int]:
        """Return the sizes of the rows of some tables that a host holds."""
        rows = tabled(host.engine).tables.rows(CLUSTER).values()
        return [
            len(row.item)
            for row in rows
            if row.table in tables and row.owner == self.cluster.hosts[-1].node
        ]

    def figures(self) -> dict[str, Figure]:
        """Return what it costs each host."""
        host = self.cluster.hosts[0]
        held = self._held(host, NETWORK, RANGE)
        times = [self._owned_s.get(one.index) for one in self.cluster.hosts]
        return {
            "held_bytes": sum(held),
            "rows": len(held),
            "slice_min": min(self._owned(one) for one in self.cluster.hosts),
            "heard_bytes": (self._received() - self._heard) / self.cluster.nodes,
            "shared_s": since(self._made_s, worst(times)),
        }


KIND = ScenarioKind(
    name="address-share",
    summary="one network is made: what every host then holds of it, and can give out",
    nodes=100,
    nodes_min=2,
    duration_s=SETTLED_S + 2 * LINGER_S,
    figures={
        "held_bytes": "rows of the maker that each host holds: the network, and deeds",
        "rows": "how many these are",
        "slice_min": "addresses that the host with the fewest can give out",
        "heard_bytes": "of datagrams in 3 s, each host, membership's included",
        "shared_s": "until every host can give out addresses",
    },
    keys={"bits": Key("the length of its subnet's prefix", 24, 12, 29, whole=True)},
    build=AddressShare,
    check=check_tables,
    settings={"tables": "on", "manager_nodes": "1"},
)
