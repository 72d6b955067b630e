"""Others tamper with kernels while endpoints come and go: what is put right, and when.

Rounds of tampering end in calm, in which every kernel must come to equal its plan.
"""

from dataclasses import dataclass
from random import Random
from statistics import median
from typing import TYPE_CHECKING, Final

from sim.kernel.faults import NO_FAULTS, Faults
from sim.machine import Machine
from sim.options import Figure
from sim.scenarios.overlaid import SETTLED_S, Overlaid, check_kernel
from sim.scenarios.scenario import Key, ScenarioKind, Setting
from sim.trace import Kind
from swarmnet.errors import Refused
from swarmnet.kernel.operations import Operation
from swarmnet.kernel.reconcile import reconcile
from swarmnet.kernel.state import Host
from swarmnet.node.dataplane import RESYNC_S, places_of

if TYPE_CHECKING:
    from sim.cluster import Cluster
    from sim.profiles.contract import Profile

FILLED_S: Final = 8.0
"""From then on others tamper: there is something to tamper with."""
CALM_S: Final = RESYNC_S + 6.0
"""A look at everything, and what may have to be tried again."""
LATE_S: Final = 1.0
"""Within so long of its news, or else of the next look, all is put right again."""


@dataclass(slots=True)
class _Wound:
    """Something that others did, until none of what it calls for is called for."""

    at_s: float
    operations: list[Operation]
    is_announced: bool
    refused: int
    """How often the machine had refused something by then."""


class Drift(Overlaid):
    """Runs its whole duration: rounds of `round_s`, each with a calm end."""

    def __init__(self, cluster: "Cluster", setting: Setting) -> None:
        super().__init__(cluster, setting)
        self._others = Random(f"{cluster.seed}/others")
        self._wounds: dict[int, list[_Wound]] = {}
        self._tampered = self._harmless = 0
        self._right_s: list[float] = []
        self._retried_s: list[float] = []
        self._resynced_s: list[float] = []

    def begin(self) -> None:
        """Boot all; plan acts, tampering, and calm."""
        super().begin()
        self.world.at(SETTLED_S + 1.0, self._go_on)
        for number in range(int(self.keys["rounds"])):
            start_s = FILLED_S + number * self._length_s
            self.world.at(start_s, self._break)
            self.world.at(start_s + self.keys["round_s"], self._calm)
            self.world.at(start_s + self._length_s, self._demand, number + 1)

    @property
    def _length_s(self) -> float:
        return self.keys["round_s"] + CALM_S

    @property
    def _is_calm(self) -> bool:
        since_s = (self.world.now - FILLED_S) % self._length_s
        return self.world.now >= FILLED_S and since_s >= self.keys["round_s"]

    def _go_on(self) -> None:
        """Let some node do something."""
        self.world.after(self.random.expovariate(self.keys["acts_per_s"]), self._go_on)
        if not self._is_calm:
            self.act(self.random.choice(self.machines))

    def _break(self) -> None:
        """Let kernels fail, and others begin."""
        faults = Faults(self.keys["refusal"], self.keys["interruption"])
        self.kernels.set_faults(faults)
        self._tamper()

    def _calm(self) -> None:
        self.kernels.set_faults(NO_FAULTS)

    def _demand(self, number: int) -> None:
        self.demand()
        if number == self.keys["rounds"]:
            self.world.stop()

    # What others do

    def _tamper(self) -> None:
        if self._is_calm:
            return
        random = self._others
        self.world.after(random.expovariate(self.keys["tampers_per_s"]), self._tamper)
        machine = random.choice(self.machines)
        before = self._difference(machine)
        done, names = self.kernels.tamper(machine, random)
        is_heard = random.random() >= self.keys["unheard"]
        wounded = [one for one in self._difference(machine) if one not in before]
        self._note(machine, done)
        if not wounded:
            self._harmless += 1
        else:
            places = [place for one in wounded for place in places_of(one)]
            is_announced = is_heard and all(place in names for place in places)
            self._open(machine, wounded, is_announced=is_announced)
        for name in names if is_heard else ():
            self.kernels.announce(machine, name)

    def _open(
        self, machine: Machine, wounded: list[Operation], *, is_announced: bool
    ) -> None:
        wounds = self._wounds.setdefault(machine.index, [])
        for wound in wounds:
            if not is_announced and any(one in wounded for one in wound.operations):
                # The news of the first time may be over.
                wound.is_announced = False
        now, refused = self.world.now, machine.refused
        wounds.append(_Wound(now, wounded, is_announced, refused))

    def _note(self, machine: Machine, done: str) -> None:
        self._tampered += 1
        detail = f"tamper {done}"
        now, index = self.world.now, machine.index
        self.cluster.trace.note(now, index, Kind.FAULT, -1, 0, detail=detail)

    @staticmethod
    def _difference(machine: Machine) -> list[Operation]:
        """Return what a data plane would do if it looked at everything now."""
        assert machine.plane is not None, "nobody is killed here"
        desired = Host(machine.plane.desired.namespaces)
        return reconcile(desired, machine.actual(desired))

    def answered(self, machine: Machine) -> None:
        """See what is put right by now."""
        wounds = self._wounds.get(machine.index)
        if not wounds:
            return
        wrong = self._difference(machine)
        open_ones = [w for w in wounds if any(one in wrong for one in w.operations)]
        for wound in wounds:
            if wound not in open_ones:
                self._close(machine, wound)
        self._wounds[machine.index] = open_ones

    def _close(self, machine: Machine, wound: _Wound) -> None:
        took_s = self.world.now - wound.at_s
        was_refused = machine.refused > wound.refused
        bound_s = LATE_S
        if not wound.is_announced:
            self._resynced_s.append(took_s)
            bound_s += RESYNC_S
        elif was_refused:
            self._retried_s.append(took_s)
        else:
            self._right_s.append(took_s)
        if took_s > bound_s and not was_refused:
            message = f"{wound.operations[0]} done after {took_s:.3f} s"
            self.cluster.checkers.violate("kernel_late", machine.index, message)

    def figures(self) -> dict[str, Figure]:
        """Return what was done, and how soon it was undone."""
        return {
            "tampered": self._tampered,
            "harmless": self._harmless,
            "put_right_s": _worst(self._right_s),
            "put_right_median_s": _median(self._right_s),
            "retried_s": _worst(self._retried_s),
            "resynced_s": _worst(self._resynced_s),
            "resynced": len(self._resynced_s),
            "unhealed": sum(map(len, self._wounds.values())),
            "drifted": self.kernels.drifted,
            "refused": self.kernels.refused,
            "connected": self.connected,
            "endpoints": len(self.there),
        }


def _worst(times_s: list[float]) -> float | None:
    return round(max(times_s), 6) if times_s else None


def _median(times_s: list[float]) -> float | None:
    return round(median(times_s), 6) if times_s else None


def check(profile: "Profile", setting: Setting, nodes: int) -> None:
    """Refuse a run without data planes, or too short for its rounds.

    Raises:
        Refused: one of these.
    """
    check_kernel(profile, setting, nodes)
    length_s = setting.keys["round_s"] + CALM_S
    wanted_s = FILLED_S + setting.keys["rounds"] * length_s
    if setting.duration_s < wanted_s:
        raise Refused(
            f"duration {setting.duration_s:g}: {setting.keys['rounds']:g} rounds take"
            f" {wanted_s:g} s; want that or more"
        )


KIND = ScenarioKind(
    name="drift",
    summary="others tamper with kernels while endpoints come and go; all is put right",
    nodes=5,
    nodes_min=2,
    duration_s=FILLED_S + 2 * (12 + CALM_S) + 1.0,
    figures={
        "tampered": "how often others changed or added something",
        "harmless": "of that, what was no concern of ours",
        "put_right_s": "until what was announced is right again, at worst",
        "put_right_median_s": "the median of the same",
        "retried_s": "the worst where the kernel refused something meanwhile",
        "resynced_s": "until what was not announced is right again, at worst",
        "resynced": "how often that was",
        "unhealed": "what was not right in the end",
        "drifted": "operations that put right what was found changed",
        "refused": "operations and looks that a kernel refused",
        "connected": "endpoints connected",
        "endpoints": "endpoints in the end",
    },
    keys={
        "tampers_per_s": Key("what others do per second, somewhere", 4, 0.01, 1000),
        "unheard": Key("the share of it of which news is lost", 0.1, 0, 1),
        "refusal": Key("the share of operations that kernels refuse", 0.01, 0, 0.5),
        "interruption": Key("the share of looks that fail", 0.05, 0, 0.9),
        "acts_per_s": Key("commands per second, each to some node", 2, 0.01, 1000),
        "networks": Key("how many there are at most", 4, 1, 64, whole=True),
        "endpoints": Key("of one node, about", 4, 1, 1000),
        "rounds": Key("how often there is calm", 2, 1, 1000, whole=True),
        "round_s": Key("how long others tamper before it", 12, 1, 10_000),
    },
    build=Drift,
    check=check,
    settings={"tables": "on", "kernel": "on", "manager_nodes": "1"},
)
