"""Everything that can go wrong while nodes give out addresses; then calm, and a count.

The faults are those of `table-chaos` and besides clones, and backups that are put back.
Meanwhile nodes make networks and remove them, connect and disconnect, whoever they can
hear. In the calm all that are gone are removed; at its end every number of every realm
must be some live node's to use.
"""

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Final

from sim.address_faults import AddressFaults
from sim.convergence import calm_s
from sim.estates import Estates
from sim.faults import Fault, draw_plan
from sim.injector import Injector
from sim.options import Figure
from sim.profiles.contract import Engine
from sim.profiles.tabled import Note, Tabled, tabled
from sim.scenarios.scenario import Key, Scenario, ScenarioKind, Setting, check_tables
from swarmnet.errors import Refused
from swarmnet.ids import Scope
from swarmnet.ipam.pools import parse_pool
from swarmnet.node.addressing import Addressing
from swarmnet.node.commands import Done, Failed
from swarmnet.node.connecting import EndpointWish
from swarmnet.node.creating import NetworkWish
from swarmnet.node.endpoints import KnownEndpoint
from swarmnet.node.networks import KnownNetwork
from swarmnet.swim.outputs import MemberChanged, SendDatagram, SendStream
from swarmnet.tables.outputs import Fenced

if TYPE_CHECKING:
    from sim.cluster import Cluster
    from sim.host import Host
    from sim.profiles.contract import Profile

FAULTS_S: Final = 90.0
CALM_MORE_S: Final = 200.0
"""Beyond membership's calm: a life that was fenced by a clone waits for 120 s, and then
all that are gone are removed, acknowledged, and what they had is taken over."""
REMOVALS_S: Final = 150.0
QUIET_S: Final = 1.0
EXPLICIT: Final = (None, None, "172.20.0.0/29", "172.20.0.0/28", "172.21.1.0/27")
IPV6_SHARE: Final = 0.2
NAMED_SHARE: Final = 0.15
"""Of what is connected, what names its address."""


def whole_calm_s(profile: "Profile", nodes: int, loss: float) -> float:
    """Return how long after the last fault all must be well, in s."""
    return calm_s(profile, nodes, loss) + CALM_MORE_S


Verb = Callable[[Addressing, float], object]


class AddressChaos(Scenario):
    """Runs its whole duration; the calm phase is its last part."""

    def __init__(self, cluster: "Cluster", setting: Setting) -> None:
        super().__init__(cluster, setting)
        self.estates = Estates(cluster)
        self._random = Random(f"{cluster.seed}/addresses")
        self._calm_s = whole_calm_s(cluster.profile, cluster.nodes, setting.loss)
        self._chaos_s = setting.duration_s - self._calm_s
        managers = int(self.keys["managers"])
        self._faults = AddressFaults(cluster, self.estates, managers)
        self._injector = Injector(cluster, cluster.seed, self._faults.verbs())
        self._steps = self._names = 0
        self._allocated = self._refused = self._made = self._fenced = 0
        self._leaked: int | None = None
        cluster.checkers.guards.append(_Ears(self))

    def begin(self) -> None:
        """Boot all, begin the pools, and plan the rest."""
        super().begin()
        first = self.cluster.hosts[0]
        pool = parse_pool(f"10.0.0.0/{int(self.keys['pool_bits'])}")
        self._allocate(first, lambda a, now: a.init_pools(now, (pool,)))
        plan = plan_of(
            self.cluster.profile, self.setting, self.cluster.nodes, self.cluster.seed
        )
        self._injector.play(tuple(one for one in plan if one.at_s >= QUIET_S))
        self.world.at(QUIET_S, self._act)
        self.world.at(self._chaos_s, self._calm)

    def told(self, host: "Host", note: Note) -> None:
        """Follow what becomes of commands."""
        if isinstance(note, Done):
            if isinstance(note.result, KnownEndpoint):
                self._allocated += 1
                self.estates.note_connected(host, note.result)
            elif isinstance(note.result, bytes):
                self._made += 1
                self.estates.note_made(host, Scope(note.result))
        elif isinstance(note, Failed):
            self._refused += 1
        elif isinstance(note, Fenced):
            self._fenced += 1

    def host_changed(self, host: "Host") -> None:
        """Follow who leaves: it uses nothing any more."""
        if host.leaving:
            self.estates.note_out(host)

    # What is done

    def _act(self) -> None:
        """Let some node do something."""
        if self.world.now >= self._chaos_s:
            return
        self.world.after(1 / self.keys["acts_per_s"], self._act)
        self._steps += 1
        random = self._random
        who, what, which, more = (random.random() for _ in range(4))
        hosts = [h for h in self.cluster.hosts if self._faults.is_awake(h)]
        if not hosts:
            return
        host = hosts[int(who * len(hosts))]
        networks = sorted(
            tabled(host.engine).addressing.networks.standing(), key=lambda one: one.id
        )
        if what < 0.02 or not networks:
            self._create(host, which, more, len(networks))
        elif what < 0.04:
            self._remove(hosts, networks[int(which * len(networks))], more)
        else:
            known = networks[int(which * len(networks))]
            self._connect_or_not(host, known, what, more)

    def _create(self, host: "Host", which: float, more: float, count: int) -> None:
        if count >= self.keys["networks"]:
            return
        self._names += 1
        subnet = EXPLICIT[int(which * len(EXPLICIT))]
        wish = NetworkWish(
            name=f"net{int(more * 997) % 6}",
            subnets=() if subnet is None else (subnet,),
            ipv6=more < IPV6_SHARE,
        )
        self._allocate(host, lambda a, now: a.create(now, wish))

    def _remove(self, hosts: list["Host"], known: KnownNetwork, more: float) -> None:
        """Remove a network, at one node or at two at once."""
        count = 2 if more < 0.5 else 1
        for place in range(min(count, len(hosts))):
            host = hosts[(int(more * 7919) + place) % len(hosts)]
            self._allocate(host, lambda a, now: a.remove(now, known.id))

    def _connect_or_not(
        self, host: "Host", known: KnownNetwork, what: float, more: float
    ) -> None:
        mine = tabled(host.engine).addressing.endpoints.mine(known.id)
        if mine and len(mine) >= what * 2 * self.keys["endpoints"]:
            endpoint = sorted(mine)[int(more * len(mine))]
            self._allocate(host, lambda a, now: a.disconnect(now, known.id, endpoint))
            return
        self._names += 1
        subnet = known.facts.subnets[0].subnet
        wanted = None
        if more < NAMED_SHARE:
            size = subnet.prefix.num_addresses
            wanted = subnet.prefix[int(more / NAMED_SHARE * size)]
        name = f"box{self._names}"
        wish = EndpointWish(known.id, name, name, ip4=wanted)
        self._allocate(host, lambda a, now: a.connect(now, wish))

    def _allocate(self, host: "Host", verb: Verb) -> None:
        engine = tabled(host.engine)

        def act(now: float) -> None:
            engine.allocate(now, lambda addressing: verb(addressing, now))

        host.command(act)

    # Calm

    def _calm(self) -> None:
        self._injector.heal()
        self.world.after(self._calm_s - REMOVALS_S, self._bury)

    def _bury(self) -> None:
        """Remove all that are gone, so that what they had comes back.

        And once more whose removal was forgotten with its manager's disk.
        """
        live = self._standing()
        if not live:
            return
        rules = tabled(live[0].engine).tables.rules
        for host in self.cluster.hosts[: self.cluster.nodes]:
            is_gone = not host.up or host.leaving or host.index in self._faults.removed
            if is_gone and not rules.is_revoked(host.node):
                self._faults.remove(live[0], host)

    def _standing(self) -> list["Host"]:
        live = self.cluster.live()
        return [host for host in live if host.index not in self._faults.removed]

    def finish(self) -> None:
        """Demand that nothing is lost, and that all agree."""
        standing = self._standing()
        if not standing:
            return
        leaked = self.estates.leaked(standing)
        self._leaked = sum(spans.size for spans in leaked.values())
        for wrong in self.estates.errors(standing):
            self.cluster.checkers.violate(
                wrong.checker, wrong.host.index, wrong.message
            )

    def figures(self) -> dict[str, Figure]:
        """Return how much was given out, and what of it went wrong."""
        return {
            "steps": self._steps,
            "doubled": self.estates.doubled,
            "leaked": self._leaked,
            "allocated": self._allocated,
            "refused": self._refused,
            "made": self._made,
            "cloned": self.estates.cloned,
            "fenced": self._fenced,
            "removals": len(self._faults.removed),
            "backups": self._faults.restored,
            "looks": self.estates.looks,
            "live": len(self.cluster.live()),
        }


class _Ears:
    """Hears what each node is told (`checkers.Guard`)."""

    def __init__(self, scenario: AddressChaos) -> None:
        self._scenario = scenario

    def began(self, host: "Host", engine: Engine) -> None:
        """A process started."""
        if isinstance(engine, Tabled):
            engine.storage.told = lambda note: self._scenario.told(host, note)

    def member_changed(self, host: "Host", event: MemberChanged) -> None:
        """Nothing follows from it."""

    def delivered(self, host: "Host") -> None:
        """Nothing follows from it."""

    def sent(self, host: "Host", output: SendDatagram | SendStream) -> None:
        """Nothing follows from it."""

    def after_input(self, host: "Host", engine: Engine) -> None:
        """Nothing follows from it."""


def plan_of(
    profile: "Profile", setting: Setting, nodes: int, seed: int
) -> tuple[Fault, ...]:
    """Return the faults of a run; all begin before the calm phase."""
    return draw_plan(
        seed,
        nodes,
        setting.duration_s - whole_calm_s(profile, nodes, setting.loss),
        intensity=setting.keys["intensity"],
        without=setting.without | {"mask"},
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
    name="address-chaos",
    summary="every kind of fault while nodes give out addresses; then a count",
    nodes=6,
    nodes_min=1,
    duration_s=FAULTS_S,
    figures={
        "steps": "commands that nodes were given",
        "doubled": "addresses that two nodes used at once",
        "leaked": "numbers that nobody could use in the end",
        "allocated": "endpoints connected",
        "refused": "commands that were refused",
        "made": "networks made",
        "cloned": "addresses that a clone and its original both gave out",
        "fenced": "processes that found an elder under their key",
        "removals": "nodes that a manager removed, before the calm or in it",
        "backups": "backups that were put back",
        "looks": "how often what a node uses was compared with all others",
        "live": "live nodes at the end",
    },
    keys={
        "intensity": Key("scales how many faults there are", 1, 0.001, 100),
        "acts_per_s": Key("commands per second, each to some node", 30, 0.1, 10_000),
        "networks": Key("how many there are at most, as one node sees it", 5, 1, 64),
        "endpoints": Key("of one node in one network, about", 4, 1, 1000),
        "pool_bits": Key("the length of the pool's prefix, cut into /24", 20, 8, 24),
        "managers": Key(
            "nodes that remove others, and are not removed", 1, 0, 1000, whole=True
        ),
    },
    build=AddressChaos,
    calm_of=whole_calm_s,
    plan_of=plan_of,
    check=check,
    settings={"tables": "on", "manager_nodes": "1"},
)
