"""Agents are killed at any instant, and started again: no packet may be lost by it.

Also in the middle of attaching and detaching, and together with their machines. While
an agent is down its kernel stays as it is, and others go on.
"""

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Final

from sim.flows import lacking
from sim.machine import Machine
from sim.options import Figure
from sim.profiles.channeled import Acquaintance
from sim.profiles.planed import Memory
from sim.scenarios.overlaid import BARE, SETTLED_S, Overlaid, check_kernel
from sim.scenarios.scenario import Key, ScenarioKind, Setting, since
from swarmnet.errors import Refused
from swarmnet.ids import Scope
from swarmnet.kernel.operations import Operation
from swarmnet.overlay.naming import namespace_of

if TYPE_CHECKING:
    from sim.cluster import Cluster
    from sim.profiles.contract import Profile

FILLED_S: Final = 8.0
"""From then on agents are killed."""
CALM_S: Final = 40.0
LINGER_S: Final = 6.0
"""What is well must stay so: by then each network's rows were compared."""
LOOK_S: Final = 0.5
"""How often it is asked in the calm whether all is well."""
LIVE_MIN: Final = 2
BUSY_SHARE: Final = 0.7
"""Of agents that are killed: those that were just told to do something."""
BUSY_S: Final = 0.006
"""Within so long after that they are killed."""
DOWN_S: Final = (0.02, 1.5)
"""How long an agent is down: at least, and beyond that on average."""
REBOOT_SHARE: Final = 0.25
AGAIN_SHARE: Final = 0.5
"""Of machines that were started again: those on which the containers are too."""
KNOWN_SHARE: Final = 0.3
"""Of agents: those that had stored what they knew of others, too."""

Pair = tuple[Scope, bytes]


class AgentRestart(Overlaid):
    """Ends in calm, `LINGER_S` after all is well."""

    def __init__(self, cluster: "Cluster", setting: Setting) -> None:
        super().__init__(cluster, setting)
        self._killer = Random(f"{cluster.seed}/killer")
        self._calm_from_s = setting.duration_s - CALM_S
        self._whole: dict[int, dict[Pair, None]] = {}
        """By machine, the endpoints that packets flow to."""
        self._gone: dict[int, list[Pair]] = {}
        self._began_s: dict[int, float] = {}
        self._complete_s: list[float] = []
        self._restarts = self._reboots = self._lost = self._orphans = 0
        self._settled_s: float | None = None

    def begin(self) -> None:
        """Boot all; plan acts, kills, and calm."""
        super().begin()
        self.world.at(SETTLED_S + 1.0, self._go_on)
        self.world.at(FILLED_S, self._strike)
        self.world.at(self._calm_from_s, self._calm)

    @property
    def _is_calm(self) -> bool:
        return self.world.now >= self._calm_from_s

    def _go_on(self) -> None:
        """Let some node do something that is up."""
        if not self._is_calm:
            delay_s = self.random.expovariate(self.keys["acts_per_s"])
            self.world.after(delay_s, self._go_on)
            self.act(self.random.choice(self.up()))

    # Agents are killed

    def _strike(self) -> None:
        """Have some agent killed, most likely in the middle of something."""
        if self._is_calm:
            return
        random = self._killer
        self.world.after(random.expovariate(self.keys["kills_per_s"]), self._strike)
        able = self.up()
        if len(able) <= LIVE_MIN:
            return
        machine = random.choice(able)
        if random.random() < BUSY_SHARE:
            self.act(machine)
        self.world.after(random.uniform(0.0, BUSY_S), self._kill, machine)

    def _kill(self, machine: Machine) -> None:
        if not machine.is_up:
            return
        random = self._killer
        is_reboot = random.random() < REBOOT_SHARE
        self.cluster.crash(machine.host, machine=is_reboot)
        self.forget_waiting(machine)
        self._restarts += 1
        if is_reboot:
            self._reboot(machine)
        if random.random() >= KNOWN_SHARE:
            saved = machine.host.saved
            assert isinstance(saved, Memory | Acquaintance), "it has tables"
            machine.host.saved = replace(saved, known=())
        down_s = DOWN_S[0] + random.expovariate(1 / DOWN_S[1])
        self.world.after(down_s, self._come_back, machine)
        self._remove_what_nobody_is_in(machine)

    def _reboot(self, machine: Machine) -> None:
        """Begin with an empty kernel; what ran here runs again, or no more."""
        self._reboots += 1
        names = list(machine.sandboxes.items())
        machine.reboot()
        self._whole[machine.index] = {}
        if self._killer.random() < AGAIN_SHARE:
            for name, sandbox in names:
                machine.make_sandbox(name, is_ours=sandbox.netns is None, holds=BARE)
        else:
            gone = self._gone.setdefault(machine.index, [])
            for one in self.mine(machine):
                gone.append(one.id)
                del self.there[one.id]

    def _remove_what_nobody_is_in(self, down: Machine) -> None:
        """Let others remove what the one that is down has left in its kernel alone."""
        inside = {one.endpoint.network: None for one in self.there.values()}
        machine = self._killer.choice(self.up())
        for known in self.networks_at(machine):
            is_left = namespace_of(known.id.hex()) in down.kernel.names()
            if known.id not in inside and is_left:
                self._orphans += 1
                self.remove_network(machine, known)

    def _come_back(self, machine: Machine) -> None:
        if machine.is_up:
            return
        self._began_s[machine.index] = self.world.now
        self.cluster.restart(machine.host, with_state=True, random=self._killer)
        for one in self._gone.pop(machine.index, []):
            self.let_go(machine, one)
        self.tidy(machine)

    # What must not be lost

    def operated(self, machine: Machine, operation: Operation) -> None:
        """See that what packets flowed to they still flow to."""
        whole = self._whole.setdefault(machine.index, {})
        inside = {pair[0]: None for pair in whole if self._is_mine(machine, pair)}
        place = operation.namespace
        for pair in list(whole):
            one = self.there.get(pair)
            if place.startswith("net/") and place != namespace_of(pair[0].hex()):
                # It is about another network.
                continue
            if one is None or pair[0] not in inside:
                # It need not be reached from here any more.
                del whole[pair]
            elif (lack := lacking(machine, one)) is not None:
                del whole[pair]
                self._lost += 1
                message = f"{one.show()}: no {lack}, after {operation}"
                self.cluster.checkers.violate("kernel_lost", machine.index, message)

    def _is_mine(self, machine: Machine, pair: Pair) -> bool:
        one = self.there.get(pair)
        return one is not None and one.machine is machine

    def answered(self, machine: Machine) -> None:
        """Note what packets flow to by now, and who knows all again."""
        whole = self._whole.setdefault(machine.index, {})
        inside = {one.endpoint.network: None for one in self.mine(machine)}
        for pair, one in self.there.items():
            is_new = pair[0] in inside and pair not in whole
            if is_new and lacking(machine, one) is None:
                whole[pair] = None

    def heard(self, machine: Machine) -> None:
        """Note who knows again all that is wanted."""
        began_s = self._began_s.get(machine.index)
        plane = machine.plane
        if began_s is not None and plane is not None and plane.is_complete:
            del self._began_s[machine.index]
            self._complete_s.append(self.world.now - began_s)

    # Calm

    def _calm(self) -> None:
        for machine in self.machines:
            self._come_back(machine)
        self._look()

    def _look(self) -> None:
        """Note when all is well for the first time."""
        if next(self.wrong(), None) is None:
            self._settled_s = self.world.now
            self.world.after(LINGER_S, self.world.stop)
        else:
            self.world.after(LOOK_S, self._look)

    def finish(self) -> None:
        """Demand that all is as it should be."""
        self.demand()

    def figures(self) -> dict[str, Figure]:
        """Return how often agents were killed, and what came of it."""
        coverage = self.cluster.underlay.coverage
        return {
            "restarts": self._restarts,
            "reboots": self._reboots,
            "cut_mid_apply": coverage["kernel_cut"],
            "lost": self._lost,
            "settled_s": since(self._calm_from_s, self._settled_s),
            "complete_s": round(max(self._complete_s, default=0.0), 6),
            "orphans": self._orphans,
            "drifted": self.kernels.drifted,
            "connected": self.connected,
            "disconnected": self.disconnected,
            "refused": self.refused,
            "endpoints": len(self.there),
        }


def check(profile: "Profile", setting: Setting, nodes: int) -> None:
    """Refuse a run without data planes, or that leaves no time to kill.

    Raises:
        Refused: one of these.
    """
    check_kernel(profile, setting, nodes)
    if setting.duration_s <= FILLED_S + CALM_S:
        raise Refused(
            f"duration {setting.duration_s:g}: the calm phase alone takes {CALM_S:g} s;"
            f" want more than {FILLED_S + CALM_S:g}"
        )


KIND = ScenarioKind(
    name="agent-restart",
    summary="agents are killed in the middle of their work and come back; none is lost",
    nodes=5,
    nodes_min=3,
    duration_s=FILLED_S + 30.0 + CALM_S,
    figures={
        "restarts": "agents that were killed and started again",
        "reboots": "of these, together with their machines",
        "cut_mid_apply": "those that left an operation half done",
        "lost": "endpoints that packets flowed to, and then did not",
        "settled_s": "from the calm on, until every kernel is as it should be",
        "complete_s": "from a start until all is known that is wanted, at worst",
        "orphans": "networks removed of which a killed agent left something",
        "drifted": "operations that put right what was found changed",
        "connected": "endpoints connected",
        "disconnected": "endpoints disconnected",
        "refused": "commands that were refused",
        "endpoints": "endpoints in the end",
    },
    keys={
        "kills_per_s": Key("agents killed per second", 0.5, 0.001, 100),
        "acts_per_s": Key("commands per second, each to some node", 4, 0.01, 1000),
        "networks": Key("how many there are at most", 4, 1, 64, whole=True),
        "endpoints": Key("of one node, about", 4, 1, 1000),
    },
    build=AgentRestart,
    check=check,
    settings={"tables": "on", "kernel": "on", "manager_nodes": "1"},
)
