"""Two nodes hold the same rows, but for a few that one lacks: what does sync cost?

The rows stand before the run begins. Then the two meet, and everything that they say to
each other about tables is counted, but for the rows that had to be sent themselves.
"""

from typing import TYPE_CHECKING, Final

from sim.endpoint import Endpoint
from sim.options import Figure
from sim.profiles.planed import Memory
from sim.profiles.swarmnet import SwarmnetProfile, seams_of
from sim.profiles.tabled import tabled
from sim.scenarios.scenario import (
    Key,
    Scenario,
    ScenarioKind,
    Setting,
    check_tables,
    since,
)
from swarmnet.errors import Refused
from swarmnet.ids import CLUSTER, NodeId
from swarmnet.node.envelope import TABLES
from swarmnet.swim.outputs import SendDatagram, SendStream
from swarmnet.tables.codec import Kind, encode_body
from swarmnet.tables.row import NETWORK, SIGN_DOMAIN, Flag
from swarmnet.wire import unpack_array_untrusted

if TYPE_CHECKING:
    from sim.cluster import Cluster
    from sim.profiles.contract import Profile

LATER_S: Final = 0.1
LOOK_S: Final = 0.001
QUIET_S: Final = 3.0
VALUE_BYTES: Final = 48
ASKS: Final = (Kind.OFFER, Kind.WANT, Kind.RANGES, Kind.WANT_PAGE)


class TableSync(Scenario):
    """Ends some seconds after both hold the same."""

    def __init__(self, cluster: "Cluster", setting: Setting) -> None:
        super().__init__(cluster, setting)
        self._bytes = 0
        self._row_bytes = 0
        self._asks: list[tuple[int, Kind]] = []
        self._done_s: float | None = None
        self._items: dict[bytes, None] = {}
        self._quiet: tuple[bytes, int] | None = None

    def begin(self) -> None:
        """Boot two nodes, one of which lacks some rows."""
        rows, lacking = int(self.keys["rows"]), int(self.keys["differences"])
        cluster = self.cluster
        owners = [host.node for host in cluster.hosts]
        items = [old_row(owners[n % len(owners)], n) for n in range(rows)]
        chosen = cluster.random.sample(range(0, rows, len(owners)), lacking)
        lost = dict.fromkeys(chosen)
        self._items = {items[number]: None for number in chosen}
        view = cluster.profile.full_view([host.identity for host in cluster.hosts])
        assert isinstance(view, Memory), "tables are on, channels off"
        full = Memory(view.roster, (*view.known, *items))
        kept = [item for number, item in enumerate(items) if number not in lost]
        less = Memory(view.roster, (*view.known, *kept))
        cluster.underlay.taps.append(self._count)
        first, second = cluster.hosts
        cluster.start_with_view(first, full)
        # Later, so that not both see the other's digest at one instant.
        self.world.at(LATER_S, cluster.start_with_view, second, less)
        self.world.at(LATER_S, self._look)

    def _count(self, source: Endpoint, output: SendDatagram | SendStream) -> None:
        if output.data[:1] != TABLES or self._done_s is not None:
            return
        found = [item for item in self._items if item in output.data]
        self._bytes += len(output.data) - sum(map(len, found))
        self._row_bytes += sum(map(len, found))
        kind = unpack_array_untrusted(output.data[1:])[0]
        if isinstance(kind, int) and kind in ASKS:
            self._asks.append((source.index, Kind(kind)))

    def _look(self) -> None:
        hosts = self.cluster.hosts
        digests = [tabled(host.engine).tables.digest(CLUSTER) for host in hosts]
        if digests[0] != digests[1]:
            self.world.after(LOOK_S, self._look)
            return
        self._done_s = self.world.now
        self._quiet = digests[0]
        self.world.after(QUIET_S, self.world.stop)

    def finish(self) -> None:
        """Demand that what is equal stays as it is."""
        for host in self.cluster.hosts:
            if tabled(host.engine).tables.digest(CLUSTER) != self._quiet:
                message = "its digest changed though nothing did"
                self.cluster.checkers.violate("row_quiet", host.index, message)

    def figures(self) -> dict[str, Figure]:
        """Return what it took."""
        needy = [kind for index, kind in self._asks if index == 1]
        return {
            "rows": int(self.keys["rows"]),
            "differences": int(self.keys["differences"]),
            "bytes": self._bytes,
            "row_bytes": self._row_bytes,
            "round_trips": len(needy),
            "synced_s": since(LATER_S, self._done_s),
        }


def old_row(owner: NodeId, number: int) -> bytes:
    """Return a row that was written before the run began."""
    value = number.to_bytes(8, "big") * (VALUE_BYTES // 8)
    name = (NETWORK, b"network/%d" % number)
    content = (Flag.DURABLE, value)
    body = encode_body(owner, (CLUSTER, name), (0, number + 2), number, content)
    return body + seams_of(owner).sign(SIGN_DOMAIN + body)


def check(profile: "Profile", setting: Setting, nodes: int) -> None:
    """Refuse what cannot be run.

    Raises:
        Refused: there are no tables, or more rows lacking than there are to lack.
    """
    check_tables(profile, setting, nodes)
    if isinstance(profile, SwarmnetProfile) and profile.seals:
        raise Refused("setting channels='on': table-sync counts open bytes; want off")
    if nodes != 2:
        raise Refused(f"--nodes {nodes}: table-sync is between 2 nodes")
    rows, lacking = setting.keys["rows"], setting.keys["differences"]
    if lacking > rows // 2:
        raise Refused(
            f"--set differences={lacking:g}: want {int(rows // 2)} at most, half of"
            " the rows"
        )


KIND = ScenarioKind(
    name="table-sync",
    summary="two nodes, of which one lacks some of many rows: what sync costs",
    nodes=2,
    nodes_min=2,
    duration_s=120.0,
    figures={
        "rows": "that stand before the run begins",
        "differences": "of these, those that one node lacks",
        "bytes": "said about tables until both hold the same, the rows left out",
        "row_bytes": "of the rows that were lacking, as often as they were sent",
        "round_trips": "questions that the node which lacks them has asked",
        "synced_s": "until both held the same",
    },
    keys={
        "rows": Key(
            "that stand before the run begins", 10_000, 2, 1_000_000, whole=True
        ),
        "differences": Key("rows that one node lacks", 10, 0, 500_000, whole=True),
    },
    build=TableSync,
    check=check,
    settings={"tables": "on"},
)
