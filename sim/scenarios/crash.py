"""A process is killed: who notices when, and who is blamed by mistake.

With `paused`, some of the others are stopped now and then meanwhile, as a garbage
collection or a busy hypervisor stops them.
"""

from functools import partial
from random import Random
from typing import TYPE_CHECKING, Final

from sim.goals import GONE, PairGoal
from sim.options import Curve, Figure
from sim.scenarios.scenario import (
    FalseDeaths,
    Key,
    Scenario,
    ScenarioKind,
    Setting,
    since,
)
from sim.scenarios.spells import SPELL_S_MIN, stops
from swarmnet.errors import Refused
from swarmnet.swim.outputs import MemberChanged, State

if TYPE_CHECKING:
    from sim.cluster import Cluster
    from sim.host import Host
    from sim.profiles.contract import Profile

PHASE_S: Final = 1.0
"""The instant is drawn from one second, so that no probe phase is preferred."""


class Crash(Scenario):
    """Ends when every live node holds every victim dead."""

    def __init__(self, cluster: "Cluster", setting: Setting) -> None:
        super().__init__(cluster, setting)
        self._false = FalseDeaths(cluster)
        self._goal: PairGoal | None = None
        self._victims: dict[int, None] = {}
        self._crashed_s: float | None = None
        self._first_s: dict[State, float] = {}

    def begin(self) -> None:
        """Boot all, and plan the crash and the pauses."""
        super().begin()
        at_s = self.keys["at_s"] + PHASE_S * self.cluster.random.random()
        live = self.cluster.live()
        count = min(int(self.keys["victims"]), len(live) - 1)
        victims = self.cluster.random.sample(live, count)
        self.world.at(at_s, self._crash, victims)
        if self.keys["paused"]:
            self._plan_pauses([host for host in live if host not in victims])

    def _plan_pauses(self, others: list["Host"]) -> None:
        """Let a share of the nodes, all of `others` at most, pause out of step."""
        random = Random(f"{self.cluster.seed}/pauses")
        least_s, most_s = self.keys["pause_min_s"], self.keys["pause_max_s"]
        length_s = partial(random.uniform, least_s, most_s)
        wanted = max(1, round(self.keys["paused"] * self.cluster.nodes))
        for host in random.sample(others, min(wanted, len(others))):
            spells = stops(self.cluster, host, length_s, length_s)
            self.world.at(most_s * random.random(), spells.begin)

    def _crash(self, victims: list["Host"]) -> None:
        self._crashed_s = self.world.now
        self._victims = {host.index: None for host in victims}
        for host in victims:
            self.cluster.crash(host)
        self._goal = PairGoal(
            self.cluster, self.cluster.live(), victims, GONE, self.world.stop
        )
        self._goal.check()

    def member_changed(self, host: "Host", event: MemberChanged) -> None:
        """Follow what is said of the victims, and of the others."""
        self._false.member_changed(host, event)
        if self.cluster.index_of(event.member) in self._victims:
            self._first_s.setdefault(event.current, self.world.now)
        if self._goal is not None:
            self._goal.member_changed(host, event)

    def figures(self) -> dict[str, Figure]:
        """Return the times since the crash."""
        done_s = None if self._goal is None else self._goal.done_s
        return {
            "first_suspect_s": since(self._crashed_s, self._first_s.get(State.SUSPECT)),
            "first_dead_s": since(self._crashed_s, self._first_s.get(State.DEAD)),
            "all_dead_s": since(self._crashed_s, done_s),
            "false_dead": self._false.count,
        }

    def curve(self) -> Curve | None:
        """Return how many (observer, victim) pairs know, over time."""
        if self._goal is None:
            return None
        return Curve(
            "crash: the victims are known to be dead",
            "share of (observer, victim) pairs",
            self._goal.shares(self._crashed_s or 0.0),
            "seconds since the crash",
        )


def check_pauses(_profile: "Profile", setting: Setting, _nodes: int) -> None:
    """Refuse a range of pauses that is none.

    Raises:
        Refused: the longest is shorter than the shortest.
    """
    least_s, most_s = setting.keys["pause_min_s"], setting.keys["pause_max_s"]
    if most_s < least_s:
        raise Refused(
            f"--set pause_max_s={most_s:g}: want at least pause_min_s, {least_s:g}"
        )


KIND = ScenarioKind(
    name="crash",
    summary="a process is killed",
    nodes=100,
    nodes_min=2,
    duration_s=120.0,
    figures={
        "first_suspect_s": "from the crash until a first node suspects a victim",
        "first_dead_s": "until a first node holds a victim dead",
        "all_dead_s": "until all live nodes hold all victims dead",
        "false_dead": "(observer, victim) pairs in which a running node was dead",
    },
    keys={
        "victims": Key("nodes that crash at once", 1, 1, 10_000, whole=True),
        "at_s": Key("the crash falls in the second after this", 3, 0, 100_000),
        "paused": Key("share of nodes, victims apart, that pause", 0, 0, 1),
        "pause_min_s": Key(
            "the shortest pause, and the shortest time between two",
            1,
            SPELL_S_MIN,
            100_000,
        ),
        "pause_max_s": Key("the longest of both", 2, SPELL_S_MIN, 100_000),
    },
    build=Crash,
    check=check_pauses,
)
