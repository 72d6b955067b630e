"""Everything that can go wrong, drawn from the seed; then calm, and one view.

Faults strike until the calm phase begins. Then all of them end, and within a bound
that follows from the configuration every live node must hold exactly the truth.
"""

from typing import TYPE_CHECKING, Final

from sim.convergence import LOSS_MAX, calm_s, disagreement, errors
from sim.faults import OF_ADDRESSES, OF_TABLES, Fault, draw_plan
from sim.injector import Injector
from sim.options import Figure
from sim.scenarios.scenario import (
    FalseDeaths,
    Key,
    Scenario,
    ScenarioKind,
    Setting,
    since,
)
from swarmnet.errors import Refused
from swarmnet.swim.outputs import MemberChanged

if TYPE_CHECKING:
    from sim.cluster import Cluster
    from sim.host import Host
    from sim.profiles.contract import Profile

FAULTS_S: Final = 75.0
LOOK_S: Final = 0.25
PAYLOAD_BYTES: Final = 100
RESEEDED: Final = frozenset({"memberlist", "swim", "lifeguard"})
"""Profiles that never heal a partition by themselves: their nodes rejoin once."""


def check_duration(profile: "Profile", setting: Setting, nodes: int) -> None:
    """Refuse a run that leaves no time for faults.

    Raises:
        Refused: the duration is not above the calm phase's.
    """
    bound_s = calm_s(profile, nodes, setting.loss)
    if setting.duration_s <= bound_s:
        raise Refused(
            f"duration {setting.duration_s:g}: the calm phase alone takes {bound_s:g} s"
            f" with {nodes} nodes; want more"
        )


def plan_of(
    profile: "Profile", setting: Setting, nodes: int, seed: int
) -> tuple[Fault, ...]:
    """Return the faults of a run; all begin before the calm phase."""
    return draw_plan(
        seed,
        nodes,
        setting.duration_s - calm_s(profile, nodes, setting.loss),
        intensity=setting.keys["intensity"],
        without=setting.without | OF_TABLES | OF_ADDRESSES,
    )


class Chaos(Scenario):
    """Runs its whole duration; the calm phase is its last part."""

    def __init__(self, cluster: "Cluster", setting: Setting) -> None:
        super().__init__(cluster, setting)
        self._false = FalseDeaths(cluster)
        self._calm_s = calm_s(cluster.profile, cluster.nodes, setting.loss)
        self._chaos_s = setting.duration_s - self._calm_s
        self._injector = Injector(cluster, cluster.seed)
        self._agreed_s: float | None = None
        self._lasting: dict[tuple[int, int], str] | None = None

    def begin(self) -> None:
        """Boot all, draw the faults and plan the calm."""
        if self.keys["raw_corruption"] and self.cluster.outfit is None:
            self.cluster.underlay.raw_corruption = True
            # A payload's key has no proof of its own: flipped, it is another payload.
            self.cluster.checkers.waive("delivery")
            if self.cluster.profile.name != "swarmnet":
                self.cluster.checkers.waive(*FORGEABLE)
        super().begin()
        cluster = self.cluster
        self._injector.play(
            plan_of(cluster.profile, self.setting, cluster.nodes, cluster.seed)
        )
        self.world.at(1 / self.keys["payloads_per_s"], self._publish)
        self.world.at(self._chaos_s, self._calm)

    def _publish(self) -> None:
        if self.world.now >= self._chaos_s:
            return
        self.world.after(1 / self.keys["payloads_per_s"], self._publish)
        # One number each, whoever is awake: no fault shifts the draws that follow.
        draw = self.cluster.random.random()
        awake = [host for host in self.cluster.live() if not host.paused]
        if awake:
            self.cluster.publish(awake[int(draw * len(awake))], PAYLOAD_BYTES)

    def _calm(self) -> None:
        self._injector.heal()
        if self.cluster.profile.name in RESEEDED:
            seed, *others = self.cluster.live()
            for host in others:
                self.cluster.join(host, [seed])
        self._look()

    def _look(self) -> None:
        """Note since when all views have been right, and what never was."""
        if self.setting.loss and self._lasting != {}:
            wrong = {(node, about): how for node, about, how in errors(self.cluster)}
            before = wrong if self._lasting is None else self._lasting
            self._lasting = {pair: wrong[pair] for pair in before if pair in wrong}
        if disagreement(self.cluster) is not None:
            self._agreed_s = None
        elif self._agreed_s is None:
            self._agreed_s = self.world.now
        self.world.after(LOOK_S, self._look)

    def member_changed(self, host: "Host", event: MemberChanged) -> None:
        """Count false alarms."""
        self._false.member_changed(host, event)

    def finish(self) -> None:
        """Demand that all views are right.

        While datagrams are being lost somebody is suspected at almost any instant. So
        there it is demanded that every pair was right once; beyond a bound, nothing.
        """
        wrong = disagreement(self.cluster)
        if self.setting.loss > LOSS_MAX:
            return
        if self.setting.loss:
            lasting = self._lasting or {}
            wrong = next(((*pair, how) for pair, how in lasting.items()), None)
        if wrong is not None:
            node, _, message = wrong
            bound = f"{self._calm_s:g} s after the last fault"
            self.cluster.checkers.violate("convergence", node, f"{message}, {bound}")

    def figures(self) -> dict[str, Figure]:
        """Return when the views became equal for good."""
        payloads = self.cluster.application.published
        return {
            "converged_s": since(self._chaos_s, self._agreed_s),
            "calm_s": round(self._calm_s, 3),
            "live": len(self.cluster.live()),
            "false_dead": self._false.count,
            "payloads": len(payloads),
        }


FORGEABLE: Final = (
    "own_incarnation",
    "incarnation",
    "resurrection",
    "precedence",
    "self",
    "unknown",
    "foreign",
    "convergence",
)
"""Rules that broken bytes can break where claims carry no proof: not in swarmnet."""

KIND = ScenarioKind(
    name="chaos",
    summary="every kind of fault, drawn from the seed; then calm",
    nodes=16,
    nodes_min=1,
    duration_s=FAULTS_S,
    figures={
        "converged_s": "from the calm's start until all views were right for good",
        "calm_s": "the bound for that; with --loss, for every pair to be right once",
        "live": "live nodes at the end",
        "false_dead": "(observer, victim) pairs in which a running node was dead",
        "payloads": "payloads published meanwhile",
    },
    keys={
        "intensity": Key("scales how many faults there are", 1, 0.001, 100),
        "payloads_per_s": Key("published while faults strike", 1, 0.001, 1000),
        "raw_corruption": Key(
            "1: feed flipped bytes to the engines instead of dropping them, as is done"
            " with channels=on in any case",
            0,
            0,
            1,
            whole=True,
        ),
    },
    build=Chaos,
    calm_of=calm_s,
    plan_of=plan_of,
    check=check_duration,
)
