"""A process is killed and comes back: when is it known by its new life?"""

from typing import TYPE_CHECKING, Final

from sim.claims import Change, News, own_claim
from sim.goals import ALIVE, PairGoal
from sim.options import Figure
from sim.scenarios.scenario import (
    FalseDeaths,
    Key,
    Scenario,
    ScenarioKind,
    Setting,
    since,
)
from swarmnet.swim.outputs import MemberChanged

if TYPE_CHECKING:
    from sim.cluster import Cluster
    from sim.host import Host

PHASE_S: Final = 1.0


class Restart(Scenario):
    """Ends when all know the new life and it knows all."""

    def __init__(self, cluster: "Cluster", setting: Setting) -> None:
        super().__init__(cluster, setting)
        self._false = FalseDeaths(cluster)
        self._change: Change | None = None
        self._own_view: PairGoal | None = None

    def begin(self) -> None:
        """Boot all, and plan the crash."""
        super().begin()
        at_s = self.keys["at_s"] + PHASE_S * self.cluster.random.random()
        self.world.at(at_s, self._crash)

    def _crash(self) -> None:
        host = self.cluster.random.choice(self.cluster.live())
        self.cluster.crash(host)
        self.world.after(self.keys["down_s"], self._return, host)

    def _return(self, host: "Host") -> None:
        others = self.cluster.live()
        with_state = bool(self.keys["with_state"])
        began_s = self.world.now
        self.cluster.restart(host, with_state=with_state, random=self.cluster.random)
        self._change = Change(News.BACK, host, began_s, own_claim(host))
        self._change.look(others)
        if not self._change.missing:
            self._change.done_s = began_s
        self._own_view = PairGoal(self.cluster, [host], others, ALIVE, self._done)
        self._own_view.check()

    def _done(self) -> None:
        if self._change is None or self._change.done_s is None:
            return
        if self._own_view is not None and self._own_view.done_s is not None:
            self.world.stop()

    def member_changed(self, host: "Host", event: MemberChanged) -> None:
        """Follow the news of the new life, and its own view."""
        self._false.member_changed(host, event)
        if self._change is not None and self._own_view is not None:
            self._change.follow(host, event, self.world.now)
            self._own_view.member_changed(host, event)
            self._done()

    def figures(self) -> dict[str, Figure]:
        """Return the times since the return."""
        change, view = self._change, self._own_view
        began_s = None if change is None else change.at_s
        figures = {"known_s": since(began_s, None if change is None else change.done_s)}
        if not self.keys["with_state"]:
            # What it found on its disk would be "back" at once, and tell nothing.
            figures["back_s"] = since(began_s, None if view is None else view.done_s)
        return figures | {"false_dead": self._false.count}


KIND = ScenarioKind(
    name="restart",
    summary="a process is killed and comes back at once",
    nodes=50,
    nodes_min=2,
    duration_s=120.0,
    figures={
        "known_s": "from the return until all others hold a claim of its new life",
        "back_s": "(with_state=0) from the return until it holds all others alive",
        "false_dead": "(observer, victim) pairs in which a running node was dead",
    },
    keys={
        "down_s": Key("how long it is down", 0.5, 0, 100_000),
        "with_state": Key("1: it finds its state, 0: it lost it", 1, 0, 1, whole=True),
        "at_s": Key("the crash falls in the second after this", 3, 0, 100_000),
    },
    build=Restart,
)
