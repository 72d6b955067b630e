"""Some nodes are slow: who is declared dead for it, and by whom?

Lifeguard's interval experiment (arXiv 1707.00788, section V): some nodes of a hundred
are blocked for a while, then run for a while, all in step, again and again. A blocked
node is blocked "immediately before sending and after receiving": its timers run, so
it waits for answers that it cannot read, and does not know that it is slow.
"""

from typing import TYPE_CHECKING, Final

from sim.impairments import Effect, Impairment
from sim.options import Curve, Figure
from sim.scenarios.scenario import Key, Scenario, ScenarioKind, Setting
from sim.scenarios.spells import Spells, WireFaults, check_spell, stops
from sim.scenarios.verdicts import FIGURES, Verdicts, crash_keys, draw_cast
from swarmnet.swim.outputs import MemberChanged

if TYPE_CHECKING:
    from sim.cluster import Cluster
    from sim.host import Host
    from sim.profiles.contract import Profile

BLOCKS_S: Final = (0.128, 0.512, 2.048, 8.192, 16.384, 32.768)
RUNS_S: Final = (0.001, 0.004, 0.016, 0.064, 0.256, 1.024, 4.096, 16.384)


class Pause(Scenario):
    """Runs its whole duration; the slow nodes never recover."""

    def __init__(self, cluster: "Cluster", setting: Setting) -> None:
        super().__init__(cluster, setting)
        random = cluster.random
        # Both are drawn in any case: a key that is set shifts nothing else.
        block_s, run_s = random.choice(BLOCKS_S), random.choice(RUNS_S)
        self._block_s = self.keys["block_s"] or block_s
        self._run_s = self.keys["run_s"] or run_s
        self._cast = draw_cast(
            random,
            cluster.nodes,
            faulty=int(self.keys["slow"]),
            crashes=int(self.keys["crashes"]),
        )
        self._verdicts = Verdicts(cluster, self._cast, self.keys["at_s"])
        self._wire = WireFaults(cluster)

    def begin(self) -> None:
        """Boot all, and plan the blocks and the crash."""
        super().begin()
        at_s = self.keys["at_s"]
        self._verdicts.plan_crash(at_s + self.keys["crash_after_s"])
        for spells in self._spells():
            self.world.at(at_s, spells.begin)

    def _spells(self) -> list[Spells]:
        block_s, run_s = (lambda: self._block_s), (lambda: self._run_s)
        if self.keys["stop"]:
            hosts = [self.cluster.hosts[index] for index in self._cast.faulty]
            return [stops(self.cluster, host, block_s, run_s) for host in hosts]
        if not self._cast.faulty:
            return []
        mend = self._wire.mend
        return [Spells(self.world, self._block, mend, block_s, run_s)]

    def _block(self, until_s: float) -> None:
        slow = frozenset(self._cast.faulty)
        self._wire.impair(
            Impairment(Effect.CLOG, slow, None, until_s=until_s),
            Impairment(Effect.CLOG, None, slow, until_s=until_s),
        )

    def member_changed(self, host: "Host", event: MemberChanged) -> None:
        """Follow who is declared dead."""
        self._verdicts.member_changed(host, event)

    def figures(self) -> dict[str, Figure]:
        """Return the verdicts, and what was drawn."""
        return {
            **self._verdicts.figures(),
            "false_dead_slow": self._verdicts.false_dead_faulty,
            "slow": len(self._cast.faulty),
            "block_s": self._block_s,
            "run_s": self._run_s,
        }

    def curve(self) -> Curve | None:
        """Return how many know of the crash, over time."""
        return self._verdicts.curve("pause")


def check_lengths(_profile: "Profile", setting: Setting, _nodes: int) -> None:
    """Refuse spells that are too short.

    Raises:
        Refused: by key, value and bound.
    """
    check_spell(setting, "block_s", "run_s")


KIND = ScenarioKind(
    name="pause",
    summary="some nodes are slow: blocked, then running, in step",
    nodes=100,
    nodes_min=2,
    duration_s=125.0,
    figures={
        **FIGURES,
        "false_dead_slow": "transitions to dead of slow nodes, that run all the same",
        "slow": "slow nodes that there were",
        "block_s": "how long they were blocked each time",
        "run_s": "how long they ran in between",
    },
    keys={
        "slow": Key(
            "slow nodes; at most all but the victims and one", 4, 0, 10_000, whole=True
        ),
        "block_s": Key("how long each block lasts; 0: drawn", 0, 0, 100_000),
        "run_s": Key("how long they run in between; 0: drawn", 0, 0, 100_000),
        "at_s": Key("when the first block begins", 5, 0, 100_000),
        "stop": Key(
            "1: stop the process instead, so that it knows itself late",
            0,
            0,
            1,
            whole=True,
        ),
        **crash_keys(1, 30, since_what="the first block"),
    },
    build=Pause,
    check=check_lengths,
)
