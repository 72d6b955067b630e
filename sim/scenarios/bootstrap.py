"""Everybody joins through one node: when does every pair know each other?"""

from typing import TYPE_CHECKING, Final

from sim.goals import ALIVE, PairGoal
from sim.options import Curve, Figure
from sim.scenarios.scenario import Key, Scenario, ScenarioKind, Setting, since
from swarmnet.swim.outputs import MemberChanged, State

if TYPE_CHECKING:
    from sim.cluster import Cluster
    from sim.host import Host

FIRST_S: Final = 1.0
"""How long the first node has been up when the others come."""
_COUNTED: Final = frozenset({State.ALIVE, State.SUSPECT})


class Bootstrap(Scenario):
    """Ends when every pair of nodes holds each other alive."""

    def __init__(self, cluster: "Cluster", setting: Setting) -> None:
        super().__init__(cluster, setting)
        self._goal: PairGoal | None = None
        self._sizes = dict.fromkeys(range(cluster.nodes), 1)
        self._changed_s = dict.fromkeys(range(cluster.nodes), -1.0)
        self._seen: set[int] = set()
        self._last_join_s: float | None = None

    def begin(self) -> None:
        """Start the first node; the others come one after the other."""
        first, *others = self.cluster.hosts
        self.cluster.start_alone(first)
        hosts = self.cluster.hosts
        self._goal = PairGoal(self.cluster, hosts, hosts, ALIVE, self.world.stop)
        step_s = self.keys["spread_s"] / max(1, len(others) - 1)
        for number, host in enumerate(others):
            self._last_join_s = FIRST_S + number * step_s
            self.world.at(self._last_join_s, self._come, host)
        if not others:
            self._last_join_s = 0.0
            self._goal.check()

    def _come(self, host: "Host") -> None:
        self.cluster.start_alone(host)
        self.cluster.join(host, self.cluster.hosts[:1])

    def member_changed(self, host: "Host", event: MemberChanged) -> None:
        """Follow the growth of the views.

        A size counts once the input that made it is over: what passes between two
        changes of one instant nobody could have seen.
        """
        index = host.index
        if self._changed_s[index] != self.world.now:
            self._changed_s[index] = self.world.now
            self._seen.add(self._sizes[index])
        before = event.previous in _COUNTED
        self._sizes[index] += (event.current in _COUNTED) - before
        if self._goal is not None:
            self._goal.member_changed(host, event)

    def figures(self) -> dict[str, Figure]:
        """Return the time since the last join, and what sizes nodes believed in."""
        done_s = None if self._goal is None else self._goal.done_s
        sizes = self._seen | set(self._sizes.values())
        return {
            "all_s": since(self._last_join_s, done_s),
            "distinct_sizes_seen": len(sizes),
        }

    def curve(self) -> Curve | None:
        """Return how many pairs know each other, over time."""
        if self._goal is None:
            return None
        return Curve(
            "bootstrap: pairs that know each other",
            "share of ordered pairs",
            self._goal.shares(FIRST_S),
            "seconds since the others began to join",
        )


KIND = ScenarioKind(
    name="bootstrap",
    summary="all join through one node, as fast as they come",
    nodes=64,
    nodes_min=1,
    duration_s=180.0,
    figures={
        "all_s": "from the last join's start until every pair holds each other alive",
        "distinct_sizes_seen": "distinct cluster sizes that any node believed in",
    },
    keys={"spread_s": Key("joins are spread evenly over this", 0, 0, 100_000)},
    build=Bootstrap,
)
