"""Nothing happens: what the protocol costs at rest, and whether it keeps its calm.

With `crashes` something does happen, once, and to nodes that are truly killed.
"""

from typing import TYPE_CHECKING

from sim.options import Curve, Figure
from sim.scenarios.scenario import Scenario, ScenarioKind, Setting
from sim.scenarios.verdicts import FIGURES, Verdicts, crash_keys, draw_cast
from swarmnet.swim.outputs import MemberChanged, State

if TYPE_CHECKING:
    from sim.cluster import Cluster
    from sim.host import Host


class Idle(Scenario):
    """Runs its whole duration; every node that runs is healthy."""

    def __init__(self, cluster: "Cluster", setting: Setting) -> None:
        super().__init__(cluster, setting)
        crashes = int(self.keys["crashes"])
        cast = draw_cast(cluster.random, cluster.nodes, faulty=0, crashes=crashes)
        self._verdicts = Verdicts(cluster, cast, 0.0)
        self._suspicions = 0

    def begin(self) -> None:
        """Boot all, and plan the crash."""
        super().begin()
        self._verdicts.plan_crash(self.keys["crash_after_s"])

    def member_changed(self, host: "Host", event: MemberChanged) -> None:
        """Count what no quiet cluster should do."""
        self._verdicts.member_changed(host, event)
        self._suspicions += event.current is State.SUSPECT

    def figures(self) -> dict[str, Figure]:
        """Return the false alarms, and how long the true ones took."""
        return {"suspicions": self._suspicions, **self._verdicts.figures()}

    def curve(self) -> Curve | None:
        """Return how many know of the crash, over time, if there was one."""
        return self._verdicts.curve("idle")


KIND = ScenarioKind(
    name="idle",
    summary="nothing happens: the cost at rest",
    nodes=100,
    nodes_min=1,
    duration_s=60.0,
    figures={
        "suspicions": "transitions to suspect, over all observers",
        **FIGURES,
    },
    keys=crash_keys(0, 30, since_what="the start"),
    build=Idle,
)
