"""The cable is cut for a while and comes back: when is there one view again?"""

from typing import TYPE_CHECKING

from sim.goals import ALIVE, PairGoal
from sim.impairments import partition
from sim.options import Curve, Figure
from sim.scenarios.scenario import Key, Scenario, ScenarioKind, Setting, since
from swarmnet.swim.outputs import MemberChanged

if TYPE_CHECKING:
    from sim.cluster import Cluster
    from sim.host import Host


class Partition(Scenario):
    """Ends when, after the cable is back, every node holds every other alive."""

    def __init__(self, cluster: "Cluster", setting: Setting) -> None:
        super().__init__(cluster, setting)
        self._healed_s: float | None = None
        self._goal: PairGoal | None = None

    def begin(self) -> None:
        """Boot all, and plan the cut and its end."""
        super().begin()
        hosts = self.cluster.hosts
        self._goal = PairGoal(self.cluster, hosts, hosts, ALIVE, self.world.stop)
        self._goal.armed = False
        self.world.at(self.keys["at_s"], self._cut)

    def _cut(self) -> None:
        nodes = self.cluster.nodes
        size = min(nodes - 1, max(1, round(self.keys["minority"] * nodes)))
        group = self.cluster.random.sample(range(nodes), size)
        rest = [index for index in range(nodes) if index not in group]
        self.world.after(
            self.keys["length_s"],
            self._heal,
            self.cluster.underlay.impair(*partition(group, rest)),
        )

    def _heal(self, keys: tuple[int, ...]) -> None:
        self.cluster.underlay.mend(*keys)
        self._healed_s = self.world.now
        assert self._goal is not None
        self._goal.armed = True
        self._goal.check()

    def member_changed(self, host: "Host", event: MemberChanged) -> None:
        """Follow who holds whom alive."""
        if self._goal is not None:
            self._goal.member_changed(host, event)

    def figures(self) -> dict[str, Figure]:
        """Return the time since the cable came back."""
        done_s = None if self._goal is None else self._goal.done_s
        return {"heal_s": since(self._healed_s, done_s)}

    def curve(self) -> Curve | None:
        """Return how many pairs hold each other alive, over time."""
        if self._goal is None:
            return None
        return Curve(
            "partition: pairs that hold each other alive",
            "share of ordered pairs",
            self._goal.shares(0.0),
            "seconds since the start",
        )


KIND = ScenarioKind(
    name="partition",
    summary="the underlay falls into two parts, and heals",
    nodes=100,
    nodes_min=2,
    duration_s=240.0,
    figures={"heal_s": "from the cable being back until all hold all alive"},
    keys={
        "minority": Key("share of the nodes that is cut off", 0.4, 0, 1, open=True),
        "length_s": Key("how long the cut lasts", 60, 0, 100_000),
        "at_s": Key("when the cut begins", 3, 0, 100_000),
    },
    build=Partition,
)
