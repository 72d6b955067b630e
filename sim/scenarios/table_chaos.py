"""Everything that can go wrong while nodes write rows; then calm, and one truth.

The faults are those of `chaos`, and besides nodes sleep for longer than tombstones are
kept, mask each other's rows, and are removed. Meanwhile they attach, write, delete and
detach. In the calm nobody writes, and at its end every view must be the union of what
its owners last wrote, every node must hold the same, and digests must have stopped
changing.
"""

from random import Random
from typing import TYPE_CHECKING, Final

from sim.convergence import calm_s
from sim.faults import OF_ADDRESSES, Fault, draw_plan
from sim.injector import Injector
from sim.options import Figure
from sim.profiles.tabled import tabled
from sim.row_faults import RowFaults, is_awake
from sim.rows import Rows, scope_of
from sim.said import LASTING
from sim.scenarios.scenario import (
    FalseDeaths,
    Key,
    Scenario,
    ScenarioKind,
    Setting,
    check_tables,
    since,
)
from sim.tombstones import tombstones
from swarmnet.errors import Refused
from swarmnet.ids import CLUSTER, Scope
from swarmnet.swim.outputs import MemberChanged

if TYPE_CHECKING:
    from sim.cluster import Cluster
    from sim.host import Host
    from sim.profiles.contract import Profile

FAULTS_S: Final = 90.0
CALM_MORE_S: Final = 60.0
"""For tables, after membership has had its time: a last tombstone may be collected in
the third round of some 36 s that begins in the calm."""
LOOK_S: Final = 0.25
QUIET_S: Final = 5.0
VALUE_BYTES: Final = 32
ENDPOINT_KEYS: Final = 60
LASTING_KEYS: Final = 6
LASTING_SHARE: Final = 0.15
"""Of what is done, what is about rows that outlive their owner."""


def whole_calm_s(profile: "Profile", nodes: int, loss: float) -> float:
    """Return how long after the last fault all must be well, in s."""
    return calm_s(profile, nodes, loss) + CALM_MORE_S


class TableChaos(Scenario):
    """Runs its whole duration; the calm phase is its last part."""

    def __init__(self, cluster: "Cluster", setting: Setting) -> None:
        super().__init__(cluster, setting)
        self._rows = Rows(cluster, obey_s=self.keys["obey_s"])
        self._random = Random(f"{cluster.seed}/rows")
        self._scopes = [scope_of(n) for n in range(int(self.keys["networks"]))]
        self._calm_s = whole_calm_s(cluster.profile, cluster.nodes, setting.loss)
        self._chaos_s = setting.duration_s - self._calm_s
        faults = RowFaults(
            cluster,
            self._rows,
            int(self.keys["managers"]),
            in_networks=bool(self.keys["in_networks"]),
        )
        self._injector = Injector(cluster, cluster.seed, faults.verbs())
        self._false = FalseDeaths(cluster)
        self._agreed_s: float | None = None
        self._quiet: dict[tuple[int, Scope], object] = {}
        self._lost: dict[tuple[int, int], None] = {}
        self._writes = 0

    def begin(self) -> None:
        """Boot all, draw the faults and plan the calm."""
        super().begin()
        plan = plan_of(
            self.cluster.profile, self.setting, self.cluster.nodes, self.cluster.seed
        )
        self._injector.play(plan)
        self.world.at(0.5, self._act)
        self.world.at(self._chaos_s, self._calm)

    def _act(self) -> None:
        """Let some node do something; one number each, whoever is awake."""
        if self.world.now >= self._chaos_s:
            return
        self.world.after(1 / self.keys["acts_per_s"], self._act)
        random = self._random
        who, what, which, key = (random.random() for _ in range(4))
        value = random.randbytes(VALUE_BYTES)
        hosts = self.cluster.live()
        awake = [host for host in hosts if is_awake(self._rows, host)]
        if awake:
            host = awake[int(who * len(awake))]
            scope = self._scopes[int(which * len(self._scopes))]
            if what < LASTING_SHARE:
                self._do_lasting(host, scope, key, value)
            else:
                row = (b"endpoint/%d" % int(key * ENDPOINT_KEYS), value)
                self._do(host, scope, what, row)

    def _do(
        self, host: "Host", scope: Scope, what: float, row: tuple[bytes, bytes]
    ) -> None:
        if scope not in self._rows.attached(host):
            self._rows.attach(host, scope)
        elif what < 0.17:
            # Who has lasting rows in a network stays in it.
            if not self._rows.said.lasting(host.index, scope):
                self._rows.detach(host, scope)
        elif what < 0.5:
            mine = self._rows.keys_of(host, scope)
            if mine:
                self._rows.delete(host, scope, mine[0])
        else:
            self._writes += 1
            self._rows.put(host, scope, *row)

    def _do_lasting(
        self, host: "Host", scope: Scope, draw: float, value: bytes
    ) -> None:
        """Write or delete what outlives its owner, in a network or the cluster."""
        said = self._rows.said
        is_inside = self.keys["in_networks"] and said.takes_part(host.index, scope)
        if draw < 0.5 or not is_inside:
            scope = CLUSTER
        mine = said.living(host.index, scope, LASTING)
        number = int(draw * 997) % (2 * LASTING_KEYS)
        if number < LASTING_KEYS:
            self._writes += 1
            self._rows.put_lasting(host, scope, b"network/%d" % number, value)
        elif mine:
            self._rows.delete_lasting(host, scope, mine[0].key)

    def host_changed(self, host: "Host") -> None:
        """Follow whose state was lost: what it said before is over."""
        is_lost = host.boot_epoch == 1 and host.life > 1 and host.up
        life = (host.index, host.life)
        if host.index < self.cluster.nodes and is_lost and life not in self._lost:
            self._lost[life] = None
            self._rows.lost(host)

    def _calm(self) -> None:
        self._injector.heal()
        self._look()
        self.world.at(self.setting.duration_s - QUIET_S, self._begin_quiet)

    def _look(self) -> None:
        """Note since when all has been right."""
        if next(self._rows.errors(), None) is not None:
            self._agreed_s = None
        elif self._agreed_s is None:
            self._agreed_s = self.world.now
        self.world.after(LOOK_S, self._look)

    def _begin_quiet(self) -> None:
        self._quiet = self._digests()

    def _digests(self) -> dict[tuple[int, Scope], object]:
        found: dict[tuple[int, Scope], object] = {}
        for host in self._rows.standing():
            tables = tabled(host.engine).tables
            for scope in (CLUSTER, *self._rows.attached(host)):
                found[host.index, scope] = tables.digest(scope)
        return found

    def member_changed(self, host: "Host", event: MemberChanged) -> None:
        """Count false alarms."""
        self._false.member_changed(host, event)

    def finish(self) -> None:
        """Demand that all is right, and at rest."""
        self._rows.check_all()
        self._check_tombstones()
        for (index, scope), digest in self._digests().items():
            if self._quiet.get((index, scope), digest) != digest:
                message = f"digest of {scope.hex() or 'the cluster'} still changes"
                self.cluster.checkers.violate("row_quiet", index, message)

    def _check_tombstones(self) -> None:
        for wrong in self._rows.tombstones.errors(self._rows.standing()):
            where = wrong.host.index
            self.cluster.checkers.violate(wrong.checker, where, wrong.message)

    def figures(self) -> dict[str, Figure]:
        """Return when all was right for good."""
        held = [len(tombstones(host)) for host in self._rows.standing()]
        return {
            "converged_s": since(self._chaos_s, self._agreed_s),
            "calm_s": round(self._calm_s, 3),
            "live": len(self.cluster.live()),
            "false_dead": self._false.count,
            "writes": self._writes,
            "foreign_rows": self._rows.foreign,
            "masks": self._rows.masks.count,
            "removals": len(self._rows.removals.ordered),
            "horizons": self._rows.tombstones.horizons,
            "tombstones": max(held, default=0),
        }


def plan_of(
    profile: "Profile", setting: Setting, nodes: int, seed: int
) -> tuple[Fault, ...]:
    """Return the faults of a run; all begin before the calm phase."""
    return draw_plan(
        seed,
        nodes,
        setting.duration_s - whole_calm_s(profile, nodes, setting.loss),
        intensity=setting.keys["intensity"],
        without=setting.without | OF_ADDRESSES | {"clone"},
    )


def check(profile: "Profile", setting: Setting, nodes: int) -> None:
    """Refuse a run without tables, or that leaves no time for faults.

    Raises:
        Refused: one of these.
    """
    check_tables(profile, setting, nodes)
    bound_s = whole_calm_s(profile, nodes, setting.loss)
    if setting.duration_s <= bound_s:
        raise Refused(
            f"duration {setting.duration_s:g}: the calm phase alone takes {bound_s:g} s"
            f" with {nodes} nodes; want more"
        )


KIND = ScenarioKind(
    name="table-chaos",
    summary="every kind of fault while nodes write rows; then calm, and one truth",
    nodes=8,
    nodes_min=1,
    duration_s=FAULTS_S,
    figures={
        "converged_s": "from the calm's start until all views were right for good",
        "calm_s": "the bound for that",
        "live": "live nodes at the end",
        "false_dead": "(observer, victim) pairs in which a running node was dead",
        "writes": "rows written while faults struck",
        "foreign_rows": "rows that a node held of a network that it was not in",
        "masks": "rows of others that nodes wanted gone",
        "removals": "nodes that a manager removed",
        "horizons": "how often an owner let go of its tombstones",
        "tombstones": "held at the end, by the node that holds most",
    },
    keys={
        "intensity": Key("scales how many faults there are", 1, 0.001, 100),
        "acts_per_s": Key("things done per second, each by some node", 20, 0.1, 10_000),
        "networks": Key("how many there are", 3, 1, 64, whole=True),
        "managers": Key(
            "nodes that remove others, and are not removed", 1, 0, 1000, whole=True
        ),
        "in_networks": Key(
            "1: what outlives its owner is written in networks, too",
            1,
            0,
            1,
            whole=True,
        ),
        "obey_s": Key("until an owner deletes what others want gone", 0, 0, 100),
    },
    build=TableChaos,
    calm_of=whole_calm_s,
    plan_of=plan_of,
    check=check,
    settings={
        "tables": "on",
        # Short, so that horizons move while faults strike.
        "tombstone_life_s": "2",
        "collect_interval_s": "0.5",
    },
)
