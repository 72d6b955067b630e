"""Nothing happens: what the protocol costs at rest, and whether it keeps its calm."""

from typing import TYPE_CHECKING

from sim.options import Figure
from sim.scenarios.scenario import FalseDeaths, Scenario, ScenarioKind, Setting
from swarmnet.swim.outputs import MemberChanged, State

if TYPE_CHECKING:
    from sim.cluster import Cluster
    from sim.host import Host


class Idle(Scenario):
    """Runs its whole duration."""

    def __init__(self, cluster: "Cluster", setting: Setting) -> None:
        super().__init__(cluster, setting)
        self._false = FalseDeaths(cluster)
        self._suspicions = 0

    def member_changed(self, host: "Host", event: MemberChanged) -> None:
        """Count what no quiet cluster should do."""
        self._false.member_changed(host, event)
        self._suspicions += event.current is State.SUSPECT

    def figures(self) -> dict[str, Figure]:
        """Return the false alarms."""
        return {"suspicions": self._suspicions, "false_dead": self._false.count}


KIND = ScenarioKind(
    name="idle",
    summary="nothing happens: the cost at rest",
    nodes=100,
    nodes_min=1,
    duration_s=60.0,
    figures={
        "suspicions": "transitions to suspect, over all observers",
        "false_dead": "(observer, victim) pairs in which a running node was dead",
    },
    keys={},
    build=Idle,
)
