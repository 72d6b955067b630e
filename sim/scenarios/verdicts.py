"""Who was declared dead by whom, and rightly? As Lifeguard's authors and Rapid's count.

Some nodes of a run are faulty (slow, or badly connected), others are killed, the rest
is healthy. A false dead is a transition to dead whose subject runs and is healthy: one
about a faulty node is counted apart, for a detector may be excused for it. Lifeguard,
arXiv 1707.00788, section V: "FP" and "FP-", the latter at healthy observers alone.
Rapid, ATC 2018, section 7: view changes that go on after the detector has had its time.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Final

from sim.goals import GONE, PairGoal
from sim.options import Curve, Figure
from sim.scenarios.scenario import Key, since
from swarmnet.swim.outputs import MemberChanged, State

if TYPE_CHECKING:
    from sim.cluster import Cluster
    from sim.host import Host

SETTLED_S: Final = 30.0
"""What a detector is given to make up its mind."""
PHASE_S: Final = 1.0
"""The crash is drawn from one second, so that no probe phase is preferred."""

FIGURES: Final[Mapping[str, str]] = {
    "false_dead": "transitions to dead of nodes that run and are healthy",
    "false_dead_at_healthy": "those of them at observers that are healthy themselves",
    "first_dead_s": "from the true crash until a first node declares a victim dead",
    "all_dead_s": "until all healthy nodes hold all victims dead",
    "view_changes_after_30_s": (
        "members that appeared, went or came back at healthy observers, victims apart,"
        " later than 30 s after the faults began"
    ),
}


def crash_keys(crashes: int, after_s: float, *, since_what: str) -> dict[str, Key]:
    """Return the keys by which a scenario's true crash is set."""
    after = f"the crash falls in the second after this, from {since_what}"
    return {
        "crashes": Key("healthy nodes truly killed", crashes, 0, 10_000, whole=True),
        "crash_after_s": Key(after, after_s, 0, 100_000),
    }


@dataclass(frozen=True, slots=True)
class Cast:
    """Which nodes are faulty in a run, and which are killed; disjoint indices."""

    faulty: tuple[int, ...]
    victims: tuple[int, ...]


def draw_cast(random: Random, nodes: int, *, faulty: int, crashes: int) -> Cast:
    """Draw a cast; one node at least stays healthy and alive.

    Victims come before faulty nodes where there are not enough for both. More faulty
    nodes with the same seed are the same ones and others, beside the same victims.
    """
    order = random.sample(range(nodes), nodes)
    killed = min(crashes, nodes - 1)
    ailing = min(faulty, nodes - 1 - killed)
    return Cast(tuple(order[killed : killed + ailing]), tuple(order[:killed]))


class Verdicts:
    """Follows one run with a cast; `began_s` is when its faults begin.

    Observers that are down report nothing, so they are in no figure.
    """

    def __init__(self, cluster: "Cluster", cast: Cast, began_s: float) -> None:
        self._cluster = cluster
        self._cast = cast
        self._faulty = frozenset(cast.faulty)
        self._settled_s = began_s + SETTLED_S
        self._counts: Counter[str] = Counter()
        self._goal: PairGoal | None = None
        self._crashed_s: float | None = None
        self._first_s: float | None = None

    def plan_crash(self, after_s: float) -> None:
        """Let the victims be killed in the second after `after_s` of the run."""
        if self._cast.victims:
            phase_s = PHASE_S * self._cluster.random.random()
            self._cluster.world.at(after_s + phase_s, self.crash)

    def crash(self) -> None:
        """Kill the victims, and begin to look who knows."""
        cluster = self._cluster
        victims = [cluster.hosts[index] for index in self._cast.victims]
        for host in victims:
            cluster.crash(host)
        healthy = [host for host in cluster.live() if host.index not in self._faulty]
        self._crashed_s = cluster.world.now
        self._goal = PairGoal(cluster, healthy, victims, GONE, lambda: None)
        self._goal.check()

    def member_changed(self, host: "Host", event: MemberChanged) -> None:
        """Count a transition at an observer."""
        index = self._cluster.index_of(event.member)
        if index < 0:
            return
        subject = self._cluster.hosts[index]
        died = event.current is State.DEAD and event.previous is not State.DEAD
        if not subject.up:
            if died and self._first_s is None:
                self._first_s = self._cluster.world.now
        else:
            self._count(host.index, index, event, died=died)
        if self._goal is not None:
            self._goal.member_changed(host, event)

    def _count(
        self, observer: int, subject: int, event: MemberChanged, *, died: bool
    ) -> None:
        """Count a transition of a node that runs: no verdict of dead is right."""
        is_healthy = observer not in self._faulty
        if died and subject in self._faulty:
            self._counts["faulty"] += 1
        elif died:
            self._counts["false"] += 1
            self._counts["at_healthy"] += is_healthy
        appeared = event.previous is None
        moved = appeared or (event.previous in GONE) != (event.current in GONE)
        if moved and is_healthy and self._cluster.world.now > self._settled_s:
            self._counts["late"] += 1

    @property
    def false_dead_faulty(self) -> int:
        """Return how often a faulty node that runs was declared dead, anywhere."""
        return self._counts["faulty"]

    def figures(self) -> dict[str, Figure]:
        """Return `FIGURES`; a victim held dead by all at its crash counts from then."""
        done_s = None if self._goal is None else self._goal.done_s
        first_s = done_s if self._first_s is None else self._first_s
        return {
            "false_dead": self._counts["false"],
            "false_dead_at_healthy": self._counts["at_healthy"],
            "first_dead_s": since(self._crashed_s, first_s),
            "all_dead_s": since(self._crashed_s, done_s),
            "view_changes_after_30_s": self._counts["late"],
        }

    def curve(self, scenario: str) -> Curve | None:
        """Return how many healthy observers know of the crash, if there was one."""
        if self._goal is None or self._crashed_s is None:
            return None
        return Curve(
            f"{scenario}: the victims are known to be dead",
            "share of (healthy observer, victim) pairs",
            self._goal.shares(self._crashed_s),
            "seconds since the crash",
        )
