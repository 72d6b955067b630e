"""Nodes leave gracefully: when does everybody know?"""

from typing import TYPE_CHECKING, Final

from sim.goals import GONE, PairGoal
from sim.options import Curve, Figure
from sim.scenarios.scenario import Key, Scenario, ScenarioKind, Setting, since
from swarmnet.swim.outputs import MemberChanged

if TYPE_CHECKING:
    from sim.cluster import Cluster
    from sim.host import Host

PHASE_S: Final = 1.0


class Leave(Scenario):
    """Ends when every node that stays holds every leaver gone."""

    def __init__(self, cluster: "Cluster", setting: Setting) -> None:
        super().__init__(cluster, setting)
        self._goal: PairGoal | None = None
        self._left_s: float | None = None

    def begin(self) -> None:
        """Boot all, and plan the leave."""
        super().begin()
        at_s = self.keys["at_s"] + PHASE_S * self.cluster.random.random()
        self.world.at(at_s, self._leave)

    def _leave(self) -> None:
        live = self.cluster.live()
        leavers = self.cluster.random.sample(
            live, min(int(self.keys["leavers"]), len(live) - 1)
        )
        stay = [host for host in live if host not in leavers]
        self._left_s = self.world.now
        self._goal = PairGoal(self.cluster, stay, leavers, GONE, self.world.stop)
        for host in leavers:
            self.cluster.leave(host)
        self._goal.check()

    def member_changed(self, host: "Host", event: MemberChanged) -> None:
        """Follow what is said of the leavers."""
        if self._goal is not None:
            self._goal.member_changed(host, event)

    def figures(self) -> dict[str, Figure]:
        """Return the time since the leave."""
        done_s = None if self._goal is None else self._goal.done_s
        return {"all_s": since(self._left_s, done_s)}

    def curve(self) -> Curve | None:
        """Return how many pairs know, over time."""
        if self._goal is None or self._left_s is None:
            return None
        return Curve(
            "leave: the leavers are known to be gone",
            "share of (observer, leaver) pairs",
            self._goal.shares(self._left_s),
            "seconds since the leave",
        )


KIND = ScenarioKind(
    name="leave",
    summary="a node leaves gracefully",
    nodes=100,
    nodes_min=2,
    duration_s=60.0,
    figures={"all_s": "from the leave until all that stay hold the leaver gone"},
    keys={
        "leavers": Key("nodes that leave at once", 1, 1, 10_000, whole=True),
        "at_s": Key("the leave falls in the second after this", 3, 0, 100_000),
    },
    build=Leave,
)
