"""What scenarios share in which nodes have a data plane: who connects what, and checks.

Nodes make networks and remove them, and connect sandboxes, some of them made by us and
some adopted. `Overlaid` keeps book of what is there, apart from all engines.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Final

from sim.flows import Connected, connected, entries_of_nobody, lacking
from sim.kernels import Kernels
from sim.machine import Machine
from sim.plans import strays, unplanned
from sim.profiles.contract import Engine
from sim.profiles.tabled import Note, Tabled, tabled
from sim.scenarios.scenario import Scenario, Setting, check_tables
from swarmnet.errors import Refused
from swarmnet.ids import Scope
from swarmnet.ipam.pools import parse_pool
from swarmnet.kernel.links import Kind, Link
from swarmnet.kernel.operations import Operation
from swarmnet.kernel.state import Namespace
from swarmnet.node.addressing import Addressing
from swarmnet.node.commands import Done, Failed
from swarmnet.node.connecting import EndpointWish
from swarmnet.node.creating import NetworkWish
from swarmnet.node.endpoints import KnownEndpoint
from swarmnet.node.networks import KnownNetwork
from swarmnet.swim.outputs import MemberChanged, SendDatagram, SendStream

if TYPE_CHECKING:
    from sim.cluster import Cluster
    from sim.host import Host
    from sim.profiles.contract import Profile

POOL: Final = "10.128.0.0/16"
SETTLED_S: Final = 4.0
"""Until every node has its slice of what there is to own."""
WISHES: Final = (
    NetworkWish("net"),
    NetworkWish("net", ipv6=True),
    NetworkWish("net", subnets=("0.0.0.0/24", "0.0.0.0/24"), internal=True),
    NetworkWish("net", options={"multicast": "true"}),
    NetworkWish("net", options={"mtu": "1400"}, internal=True),
)
"""What networks are like, in turn."""
OURS_SHARE: Final = 0.6
"""Of sandboxes: those that we make; the others are adopted."""
AGAIN_SHARE: Final = 0.3
"""Of what is connected: sandboxes that are in another network already."""
FOREIGN_SHARE: Final = 0.3
"""Of adopted sandboxes: those that have a link of their container's runtime."""
PUBLISHED_SHARE: Final = 0.3
DIES_SHARE: Final = 0.3
"""Of adopted sandboxes that go: those whose namespace ends before we hear of it."""
REMOVE_SHARE: Final = 0.03
"""Of what is done: removals of networks, most of which have somebody in them."""
TIDY_S: Final = 0.05
"""How long it takes at most until a sandbox goes that is in no network."""
AGAIN_S: Final = 1.0
NODES_MAX: Final = 250
BARE: Final = Namespace()
OCCUPIED: Final = Namespace(links={"eth0": Link("eth0", Kind.OTHER, 1500)})
PORT_FIRST: Final = 20_000

Verb = Callable[[Addressing, float], object]
Intent = Callable[[Done | Failed], None]
"""What becomes of our books when a command has happened, or has failed."""


class Overlaid(Scenario):
    """Lets nodes connect and disconnect; keeps book of what is there."""

    def __init__(self, cluster: "Cluster", setting: Setting) -> None:
        super().__init__(cluster, setting)
        self.kernels = Kernels(cluster, self)
        self.machines = self.kernels.machines
        self.random = Random(f"{cluster.seed}/overlay")
        self.there: dict[tuple[Scope, bytes], Connected] = {}
        """Endpoints, from when their nodes had them until they are told to let go."""
        self.connected = self.disconnected = self.refused = 0
        self._names = self._networks = 0
        self._waiting: dict[tuple[int, int, int], Intent] = {}
        """By the index of a host, its life, and the ticket."""
        self._given: list[Intent] = []
        """That of the command that is being given, until it is answered."""
        self._wanting: dict[tuple[int, str], None] = {}
        """Sandboxes that are about to be connected."""
        cluster.checkers.guards.append(_Ears(self))

    def begin(self) -> None:
        """Boot all, begin the pools, and plan the first networks."""
        super().begin()
        pools = (parse_pool(POOL),)
        self.command(self.machines[0], lambda a, now: a.init_pools(now, pools), _forget)
        for number in range(int(self.keys["networks"])):
            self.world.at(SETTLED_S + 0.1 * number, self._make_network)

    def host_changed(self, host: "Host") -> None:
        """Follow processes that end."""
        if not host.up:
            self.kernels.ended(host)

    def operated(self, machine: Machine, operation: Operation) -> None:
        """Follow an operation that a kernel was given."""

    def answered(self, machine: Machine) -> None:
        """Follow a data plane that has got an answer."""

    def heard(self, machine: Machine) -> None:
        """Follow a node that has taken an input."""

    # What nodes are told

    def command(self, machine: Machine, verb: Verb, intent: Intent) -> None:
        """Give a node a command about addresses."""
        host, engine = machine.host, tabled(machine.host.engine)
        tickets: list[object] = []

        def act(now: float) -> None:
            tickets.append(engine.allocate(now, lambda a: verb(a, now)))

        self._given = [intent]
        host.command(act)
        # What has not happened yet is answered by its ticket.
        for ticket, waiting in zip(tickets, self._given, strict=False):
            if isinstance(ticket, int):
                self._waiting[host.index, host.life, ticket] = waiting
        self._given = []

    def told(self, host: "Host", note: Note) -> None:
        """Follow what becomes of commands; most happen while they are given."""
        if not isinstance(note, Done | Failed):
            return
        intent = self._waiting.pop((host.index, host.life, note.ticket), None)
        if intent is None and self._given:
            intent = self._given.pop()
        self.refused += isinstance(note, Failed)
        if intent is not None:
            intent(note)

    def networks_at(self, machine: Machine) -> list[KnownNetwork]:
        """Return the networks that stay, as a node sees them."""
        networks = tabled(machine.host.engine).addressing.networks
        return sorted(networks.standing(), key=lambda one: one.id)

    def mine(self, machine: Machine) -> list[Connected]:
        """Return the endpoints of a machine."""
        return [one for one in self.there.values() if one.machine is machine]

    def act(self, machine: Machine) -> None:
        """Let a node do something: mostly connect, or disconnect."""
        known = self.networks_at(machine)
        mine = self.mine(machine)
        what, most = self.random.random(), self.keys["endpoints"]
        if what < REMOVE_SHARE and known:
            self.remove_network(machine, self.random.choice(known))
        elif len(known) < self.keys["networks"]:
            self._make_network()
        elif mine and len(mine) >= 2 * most * self.random.random():
            self.disconnect(self.random.choice(mine))
        else:
            self.connect(machine, self.random.choice(known))

    def _make_network(self) -> None:
        machine = self.random.choice(self.up())
        self._networks += 1
        wish = WISHES[self._networks % len(WISHES)]
        wish = replace(wish, name=f"{wish.name}{self._networks}")
        self.command(machine, lambda a, now: a.create(now, wish), _forget)

    def up(self) -> list[Machine]:
        """Return the machines on which an agent runs."""
        return [one for one in self.machines if one.is_up]

    def remove_network(self, machine: Machine, known: KnownNetwork) -> None:
        """Let a network go, if nobody is in it."""
        self.command(machine, lambda a, now: a.remove(now, known.id), _forget)

    def connect(self, machine: Machine, known: KnownNetwork) -> None:
        """Connect a sandbox of a machine, one that is there or a new one."""
        sandbox = self._sandbox(machine, known)
        publish: tuple[str, ...] = ()
        if self.random.random() < PUBLISHED_SHARE:
            self._names += 1
            publish = (f"{PORT_FIRST + self._names}:80",)
        wish = EndpointWish(known.id, sandbox, sandbox, publish=publish)
        self._wanting[machine.index, sandbox] = None

        def intent(note: Done | Failed) -> None:
            self._wanting.pop((machine.index, sandbox), None)
            if isinstance(note, Done) and isinstance(note.result, KnownEndpoint):
                one = connected(machine, note.result, known)
                self.there[one.id] = one
                self.connected += 1
            else:
                self._tidy_soon(machine)

        self.command(machine, lambda a, now: a.connect(now, wish), intent)

    def _sandbox(self, machine: Machine, known: KnownNetwork) -> str:
        networks: dict[str, dict[Scope, None]] = {}
        for one in self.mine(machine):
            inside = networks.setdefault(one.endpoint.facts.sandbox, {})
            inside[one.endpoint.network] = None
        able = [
            name
            for name, inside in networks.items()
            if known.id not in inside and (machine.index, name) not in self._wanting
        ]
        if able and self.random.random() < AGAIN_SHARE:
            return self.random.choice(able)
        self._names += 1
        name = f"box{self._names}"
        is_ours = self.random.random() < OURS_SHARE
        is_full = not is_ours and self.random.random() < FOREIGN_SHARE
        machine.make_sandbox(name, is_ours=is_ours, holds=OCCUPIED if is_full else BARE)
        return name

    def _is_ending(self, machine: Machine, name: str) -> bool:
        """Say whether a sandbox is in no network, nor about to be, and so will go."""
        inside = [one.endpoint.facts.sandbox for one in self.mine(machine)]
        return name not in inside and (machine.index, name) not in self._wanting

    def disconnect(self, one: Connected) -> None:
        """Let an endpoint go, and its sandbox with the last one."""
        machine, name = one.machine, one.endpoint.facts.sandbox
        self.there.pop(one.id, None)
        is_last = self._is_ending(machine, name)
        if is_last and self.random.random() < DIES_SHARE:
            machine.end_sandbox(name)

        self.let_go(machine, one.id)

    def let_go(self, machine: Machine, endpoint: tuple[Scope, bytes]) -> None:
        """Disconnect what is in our books no more; again and again, if need be."""

        def intent(note: Done | Failed) -> None:
            if isinstance(note, Failed):
                self.world.after(AGAIN_S, self._let_go_again, machine, endpoint)
                return
            self.disconnected += 1
            self._tidy_soon(machine)

        self.command(machine, lambda a, now: a.disconnect(now, *endpoint), intent)

    def _let_go_again(self, machine: Machine, endpoint: tuple[Scope, bytes]) -> None:
        if machine.is_up:
            self.let_go(machine, endpoint)
        else:
            self.world.after(AGAIN_S, self._let_go_again, machine, endpoint)

    def _tidy_soon(self, machine: Machine) -> None:
        self.world.after(self.random.uniform(0.0, TIDY_S), self.tidy, machine)

    def tidy(self, machine: Machine) -> None:
        """Let the sandboxes of a machine go that are in no network."""
        if not machine.is_up:
            return
        for name in list(machine.sandboxes):
            if self._is_ending(machine, name):
                machine.end_sandbox(name)
                machine.drop_sandbox(name)

    def forget_waiting(self, machine: Machine) -> None:
        """Take note that commands of a node that was killed wait no more."""
        for name in list(machine.sandboxes):
            self._wanting.pop((machine.index, name), None)

    # What must be so when all is quiet

    def wrong(self) -> Iterator[tuple[str, int, str]]:
        """Yield the rules that are broken now, by which machine, and how."""
        for machine in self.up():
            for operation in unplanned(machine):
                yield "kernel_plan", machine.index, f"{operation}"
            for stray in strays(machine):
                yield "kernel_plan", machine.index, stray
            for foreign in machine.kernel.foreign_intact():
                yield "kernel_foreign", machine.index, foreign
        by_network: dict[Scope, list[Connected]] = {}
        for one in self.there.values():
            by_network.setdefault(one.endpoint.network, []).append(one)
        for network, there in by_network.items():
            yield from self._wrong_in(network, there)

    def _wrong_in(
        self, network: Scope, there: list[Connected]
    ) -> Iterator[tuple[str, int, str]]:
        inside = {one.machine.index: one.machine for one in there}
        for viewer in self.machines:
            if nobodys := entries_of_nobody(viewer, network, there):
                yield "kernel_flow", viewer.index, f"{network.hex()[:8]}: {nobodys}"
            for one in there if viewer.index in inside else ():
                if (lack := lacking(viewer, one)) is not None:
                    yield "kernel_flow", viewer.index, f"{one.show()}: no {lack}"

    def demand(self) -> None:
        """Demand that all is as it should be."""
        for checker, node, message in self.wrong():
            self.cluster.checkers.violate(checker, node, message)


def _forget(_note: Done | Failed) -> None:
    """Nothing follows."""


def check_kernel(profile: "Profile", setting: Setting, nodes: int) -> None:
    """Refuse a run in which nodes have no data plane.

    Raises:
        Refused: it is so.
    """
    check_tables(profile, setting, nodes)
    if not getattr(profile, "has_kernel", False):
        raise Refused("setting kernel='off': this scenario programs kernels; want on")
    if nodes > NODES_MAX:
        raise Refused(f"nodes {nodes}: want {NODES_MAX} at most, for one /24 underlay")


class _Ears:
    """Hears what each node is told (`checkers.Guard`)."""

    def __init__(self, scenario: Overlaid) -> None:
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
        """A node has taken an input."""
        self._scenario.heard(self._scenario.machines[host.index])
