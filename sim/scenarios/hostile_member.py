"""One member lies, or its key was stolen: whom does it harm?

It has a true certificate and channels to all (`sim.liar`). Meanwhile one node leaves,
one restarts and is new, and one is truly killed: of all three there are rows to be
repeated when they are past. When the lies end, some time is left for views to become
equal; the liar's own entry is not demanded to be right anywhere.
"""

from random import Random
from typing import TYPE_CHECKING, Final

from sim.claims import Change, News, own_claim
from sim.convergence import errors
from sim.liar import Liar
from sim.lies import Lie, Lies
from sim.options import Curve, Figure
from sim.scenarios.scenario import (
    Key,
    Scenario,
    ScenarioKind,
    Setting,
    check_channels,
    note_attack,
    since,
)
from sim.scenarios.verdicts import FIGURES, Verdicts, crash_keys, draw_cast
from swarmnet.swim.outputs import MemberChanged, State

if TYPE_CHECKING:
    from sim.cluster import Cluster
    from sim.host import Host
    from sim.profiles.contract import Profile

DRAWN: Final = 0
CALM_S: Final = 15.0
"""Left at the end: the longest suspicion twice, and a last word about who is who."""
DOWN_S: Final = 0.5
LOSS_MAX: Final = 0.2
"""Above this the failure detector may be wrong without any liar."""


class HostileMember(Scenario):
    """Runs its whole duration; the lies end before that."""

    def __init__(self, cluster: "Cluster", setting: Setting) -> None:
        super().__init__(cluster, setting)
        # Drawn in any case: a kind that is set shifts nothing else.
        drawn = cluster.random.choice(list(Lie))
        kind = int(self.keys["kind"])
        self._kind = drawn if kind == DRAWN else Lie(kind)
        # The liar is one, and somebody must be left to be lied to.
        crashes = min(int(self.keys["crashes"]), cluster.nodes - 2)
        self._cast = draw_cast(cluster.random, cluster.nodes, faulty=1, crashes=crashes)
        self._verdicts = Verdicts(cluster, self._cast, self.keys["at_s"])
        self._liar = cluster.hosts[self._cast.faulty[0]]
        others = [
            host
            for host in cluster.random.sample(cluster.hosts, cluster.nodes)
            if host.index not in (*self._cast.faulty, *self._cast.victims)
        ]
        self._leaver = others[0] if len(others) > 2 else None
        self._returner = others[1] if len(others) > 1 else None
        self._voices: list[Liar] = []
        self._lies: list[Lies] = []
        self._suspicions = 0
        self._left_again = 0
        self._back: Change | None = None
        self._converged = False

    def begin(self) -> None:
        """Boot all, and plan the lies, the leave, the restart and the crash."""
        if self.setting.loss > LOSS_MAX:
            self.cluster.checkers.waive("liar")
        self.cluster.checkers.hostile[self._liar.node] = None
        self.cluster.perjury.liars[self._liar.node] = None
        super().begin()
        at_s = self.keys["at_s"]
        self._verdicts.plan_crash(at_s + self.keys["crash_after_s"])
        self.world.at(at_s, self._lie)
        for key, action in (
            ("leave_after_s", self._leave),
            ("restart_after_s", self._stop),
        ):
            if self.keys[key]:
                self.world.at(at_s + self.keys[key], action)

    def _lie(self) -> None:
        cluster, until_s = self.cluster, self._until_s
        note_attack(cluster, self._kind.name)
        speakers = [] if self._kind is Lie.THIEF else [self._liar]
        if self._kind in (Lie.THIEF, Lie.ALL):
            twin = cluster.clone(self._liar)
            speakers.append(twin)
            self.world.at(until_s, cluster.crash, twin)
        assert cluster.outfit is not None, "channels are on"
        keys = cluster.outfit.pki.identity(self._liar.index)
        pause_s = len(speakers) / self.keys["rate_per_s"]
        for host in speakers:
            random = Random(f"{cluster.seed}/liar/{host.index}")
            voice = Liar(host, keys, random)
            lies = Lies(cluster, voice)
            for one in cluster.hosts[: cluster.nodes]:
                lies.note(one.node)
            self._voices.append(voice)
            self._lies.append(lies)
            lies.begin(self._kind, pause_s, until_s)

    @property
    def _until_s(self) -> float:
        return max(self.world.now, self.setting.duration_s - CALM_S)

    def _leave(self) -> None:
        if self._leaver is not None:
            self.cluster.leave(self._leaver)

    def _stop(self) -> None:
        if self._returner is not None:
            self.cluster.crash(self._returner)
            self.world.after(DOWN_S, self._return, self._returner)

    def _return(self, host: "Host") -> None:
        honest = [one for one in self.cluster.live() if one is not self._liar]
        random = Random(f"{self.cluster.seed}/restart")
        self.cluster.restart(host, with_state=random.random() < 0.5, random=random)
        self._back = Change(News.BACK, host, self.world.now, own_claim(host))
        self._back.look(honest)

    def member_changed(self, host: "Host", event: MemberChanged) -> None:
        """Follow who is suspected, declared dead, or held alive after it left."""
        if host.index < self.cluster.nodes:
            self._verdicts.member_changed(host, event)
        if self._back is not None:
            self._back.follow(host, event, self.world.now)
        for voice, lies in zip(self._voices, self._lies, strict=True):
            if voice.host is host:
                lies.note(event.member)
        subject = self.cluster.hosts[self.cluster.index_of(event.member)]
        self._suspicions += event.current is State.SUSPECT and subject.up
        gone = subject is self._leaver and not subject.up
        self._left_again += gone and event.current is State.ALIVE

    def finish(self) -> None:
        """Look at all that is held, and whether the honest agree on each other."""
        liar = self._liar.index
        wrong = (one for one in errors(self.cluster) if liar not in one[:2])
        self._converged = next(wrong, None) is None
        self.cluster.perjury.check_all()

    def figures(self) -> dict[str, Figure]:
        """Return the verdicts, what was said, and what came of it."""
        breaches, back = self.cluster.perjury.breaches, self._back
        coverage = self.cluster.coverage()
        return {
            **self._verdicts.figures(),
            "false_dead_liar": self._verdicts.false_dead_faulty,
            "suspicions": self._suspicions,
            "refutations": coverage.get("engine_refutations", 0),
            "unbelieved": coverage.get("engine_accusations_unbelieved", 0),
            "back_s": None if back is None else since(back.at_s, back.done_s),
            "left_again": self._left_again,
            "converged": int(self._converged),
            "forged_accepted": breaches["signed"],
            "neighbours_chosen": breaches["ring"],
            "lies": sum(voice.told for voice in self._voices),
            "kind": int(self._kind),
        }

    def curve(self) -> Curve | None:
        """Return how many know of the crash, over time."""
        return self._verdicts.curve("hostile-member")


def check(profile: "Profile", _setting: Setting, _nodes: int) -> None:
    """Refuse a profile in which nobody signs anything.

    Raises:
        Refused: with the one that has keys.
    """
    check_channels(profile, "hostile-member")


KIND: Final = ScenarioKind(
    name="hostile-member",
    summary="one member lies, or somebody has its key",
    nodes=16,
    nodes_min=3,
    duration_s=60.0,
    figures={
        **FIGURES,
        "false_dead_liar": "transitions to dead of the liar, that runs",
        "suspicions": "transitions to suspect of nodes that run",
        "refutations": "times that a node answered an accusation",
        "unbelieved": "accusations passed over, for their author was wrong before",
        "back_s": "from the restart until the honest hold a claim of the new life",
        "left_again": "times that the node that left was held alive once more",
        "converged": "1 if the honest were right about each other at the end, else 0",
        "forged_accepted": "claims held that their author never signed",
        "neighbours_chosen": "times that a node stood next to one whom the issuer's"
        " numbers put elsewhere",
        "lies": "messages that the liar sent beside its engine's",
        "kind": "what it did, as the key says",
    },
    keys={
        "kind": Key(
            "1: accuse, 2: rows, 3: flood, 4: forge, 5: restless, 6: thief, 7: all,"
            " 0: drawn",
            DRAWN,
            DRAWN,
            max(Lie),
            whole=True,
        ),
        "rate_per_s": Key("messages of the liar, to one node each", 100, 0.1, 5000),
        "at_s": Key("when the lies begin; they end 15 s before the run", 3, 0, 100_000),
        "leave_after_s": Key(
            "when a node leaves, from the lies' beginning; 0: never", 5, 0, 100_000
        ),
        "restart_after_s": Key("when one restarts; 0: never", 8, 0, 100_000),
        **crash_keys(1, 15, since_what="the lies' beginning"),
    },
    build=HostileMember,
    check=check,
    settings={"channels": "on"},
)
