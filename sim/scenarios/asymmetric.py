"""A few nodes are badly connected, one way: does the view settle, and rightly?

Rapid's experiments (Suresh et al., ATC 2018, section 7): 1 % of the nodes lose 80 % of
what they send, or are cut off in one direction, for good or by turns of 20 s.
"""

from enum import IntEnum
from typing import TYPE_CHECKING, Final, assert_never

from sim.impairments import Effect, Impairment
from sim.options import Curve, Figure
from sim.scenarios.scenario import Key, Scenario, ScenarioKind, Setting
from sim.scenarios.spells import SPELL_S_MIN, Spells, WireFaults
from sim.scenarios.verdicts import FIGURES, Verdicts, crash_keys, draw_cast
from swarmnet.swim.outputs import MemberChanged

if TYPE_CHECKING:
    from sim.cluster import Cluster
    from sim.host import Host


class Way(IntEnum):
    """What is wrong with the faulty nodes: the values of the key `kind`."""

    EGRESS_LOSS = 1
    """A share of what they send is lost."""
    LOSS = 2
    """A share of what they send, and of what is sent to them."""
    DEAF = 3
    """Nothing reaches them."""
    MUTE = 4
    """Nothing leaves them."""
    FLIP_FLOP = 5
    """Deaf and whole by turns."""


DRAWN: Final = 0


def impairments_of(
    way: Way, faulty: frozenset[int], amount: float
) -> tuple[Impairment, ...]:
    """Return what a bad spell brings; `amount` is a loss of 0 to 1."""
    match way:
        case Way.EGRESS_LOSS:
            return (Impairment(Effect.LOSS, faulty, None, amount),)
        case Way.LOSS:
            return (
                Impairment(Effect.LOSS, faulty, None, amount),
                Impairment(Effect.LOSS, None, faulty, amount),
            )
        case Way.DEAF | Way.FLIP_FLOP:
            return (Impairment(Effect.CUT, None, faulty),)
        case Way.MUTE:
            return (Impairment(Effect.CUT, faulty, None),)
        case _:
            assert_never(way)


class Asymmetric(Scenario):
    """Runs its whole duration; the faulty nodes never recover."""

    def __init__(self, cluster: "Cluster", setting: Setting) -> None:
        super().__init__(cluster, setting)
        # Drawn in any case: a kind that is set shifts nothing else.
        drawn = cluster.random.choice(list(Way))
        kind = int(self.keys["kind"])
        self._way = drawn if kind == DRAWN else Way(kind)
        self._cast = draw_cast(
            cluster.random,
            cluster.nodes,
            faulty=max(1, round(self.keys["share"] * cluster.nodes)),
            crashes=int(self.keys["crashes"]),
        )
        self._verdicts = Verdicts(cluster, self._cast, self.keys["at_s"])
        self._wire = WireFaults(cluster)

    def begin(self) -> None:
        """Boot all, and plan the faults and the crash."""
        super().begin()
        at_s = self.keys["at_s"]
        self._verdicts.plan_crash(at_s + self.keys["crash_after_s"])
        if not self._cast.faulty:
            return
        if self._way is Way.FLIP_FLOP:
            spells = Spells(
                self.world,
                lambda _until_s: self._strike(),
                self._wire.mend,
                lambda: self.keys["flip_s"],
                lambda: self.keys["flip_s"],
            )
            self.world.at(at_s, spells.begin)
        else:
            self.world.at(at_s, self._strike)

    def _strike(self) -> None:
        faulty = frozenset(self._cast.faulty)
        self._wire.impair(*impairments_of(self._way, faulty, self.keys["amount"]))

    def member_changed(self, host: "Host", event: MemberChanged) -> None:
        """Follow who is declared dead."""
        self._verdicts.member_changed(host, event)

    def figures(self) -> dict[str, Figure]:
        """Return the verdicts, and what was drawn."""
        return {
            **self._verdicts.figures(),
            "false_dead_faulty": self._verdicts.false_dead_faulty,
            "faulty": len(self._cast.faulty),
            "kind": int(self._way),
        }

    def curve(self) -> Curve | None:
        """Return how many know of the crash, over time."""
        return self._verdicts.curve("asymmetric")


KIND = ScenarioKind(
    name="asymmetric",
    summary="a few nodes are badly connected, one way",
    nodes=200,
    nodes_min=2,
    duration_s=185.0,
    figures={
        **FIGURES,
        "false_dead_faulty": "transitions to dead of faulty nodes that run",
        "faulty": "faulty nodes that there were",
        "kind": "what was wrong with them, as the key says",
    },
    keys={
        "share": Key("share of nodes that are faulty, one at least", 0.01, 0, 1),
        "kind": Key(
            "1: loss of what they send, 2: loss both ways, 3: deaf, 4: mute,"
            " 5: deaf by turns, 0: drawn",
            DRAWN,
            DRAWN,
            max(Way),
            whole=True,
        ),
        "amount": Key("the loss of kinds 1 and 2", 0.8, 0, 1),
        "flip_s": Key("how long a turn of kind 5 lasts", 20, SPELL_S_MIN, 100_000),
        "at_s": Key("when the faults begin", 5, 0, 100_000),
        **crash_keys(1, 60, since_what="the faults' beginning"),
    },
    build=Asymmetric,
)
