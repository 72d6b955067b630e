"""Somebody without a certificate attacks: does he change anything?

He reads the wire, and sends what he likes from where he likes (`sim.adversary`). Mean-
while one node is truly killed, and another, the one that he attacks most, restarts and
has lost all its sessions. When he stops, some time is left for views to become equal.
"""

from random import Random
from typing import TYPE_CHECKING, Final

from sim.adversary import Adversary
from sim.attacks import Attack, Attacks
from sim.claims import Change, News, own_claim
from sim.convergence import disagreement
from sim.forgery import Forger
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
from sim.trespass import Trespass
from swarmnet.errors import Refused
from swarmnet.swim.outputs import MemberChanged, State

if TYPE_CHECKING:
    from sim.cluster import Cluster
    from sim.host import Host
    from sim.profiles.contract import Profile

DRAWN: Final = 0
CALM_S: Final = 12.0
"""Left at the end: the longest suspicion, twice."""
DOWN_S: Final = 0.5
PACKETS_PER_S_MAX: Final = 20_000
"""More would keep the simulator busy, and are nothing new to a node."""


class HostileOutsider(Scenario):
    """Runs its whole duration; the attack ends before that."""

    def __init__(self, cluster: "Cluster", setting: Setting) -> None:
        super().__init__(cluster, setting)
        # Drawn in any case: a kind that is set shifts nothing else.
        drawn = cluster.random.choice(list(Attack))
        kind = int(self.keys["kind"])
        self._kind = drawn if kind == DRAWN else Attack(kind)
        crashes = int(self.keys["crashes"])
        self._cast = draw_cast(cluster.random, cluster.nodes, faulty=0, crashes=crashes)
        self._verdicts = Verdicts(cluster, self._cast, self.keys["at_s"])
        self._trespass = Trespass(cluster)
        seats = int(self.keys["addresses"])
        random = Random(f"{cluster.seed}/adversary")
        self._adversary = Adversary(cluster, seats, random)
        self._targets = self._draw_targets()
        self._suspicions = 0
        self._back: Change | None = None
        self._converged = False

    def _draw_targets(self) -> list["Host"]:
        """Return the nodes under attack; the first, which lives, is flooded."""
        cluster, victims = self.cluster, self._cast.victims
        order = cluster.random.sample(cluster.hosts, cluster.nodes)
        order.sort(key=lambda host: host.index in victims)
        return order[: int(self.keys["targets"])]

    def begin(self) -> None:
        """Boot all, and plan the attack, the crash and the restart."""
        super().begin()
        at_s = self.keys["at_s"]
        self._verdicts.plan_crash(at_s + self.keys["crash_after_s"])
        self.world.at(at_s, self._attack)
        if self.keys["restart_after_s"]:
            self.world.at(at_s + self.keys["restart_after_s"], self._stop)

    def _attack(self) -> None:
        cluster = self.cluster
        assert cluster.outfit is not None, "channels are on"
        forger = Forger(cluster.outfit, cluster.nodes, Random(f"{cluster.seed}/forger"))
        attacks = Attacks(cluster, self._adversary, forger, self._targets)
        until_s = max(self.world.now, self.setting.duration_s - CALM_S)
        rates = (self.keys["rate_per_s"], self.keys["flood_per_s"])
        note_attack(cluster, self._kind.name)
        attacks.begin(self._kind, rates, until_s)

    def _stop(self) -> None:
        host = self._targets[0]
        self.cluster.crash(host)
        self.world.after(DOWN_S, self._return, host)

    def _return(self, host: "Host") -> None:
        others = self.cluster.live()
        random = Random(f"{self.cluster.seed}/restart")
        with_state = random.random() < 0.5
        self.cluster.restart(host, with_state=with_state, random=random)
        self._back = Change(News.BACK, host, self.world.now, own_claim(host))
        self._back.look(others)

    def member_changed(self, host: "Host", event: MemberChanged) -> None:
        """Follow who is suspected, and declared dead."""
        self._verdicts.member_changed(host, event)
        if self._back is not None:
            self._back.follow(host, event, self.world.now)
        subject = self.cluster.hosts[self.cluster.index_of(event.member)]
        self._suspicions += event.current is State.SUSPECT and subject.up

    def finish(self) -> None:
        """Look at all that is held, and whether it is the same everywhere."""
        self._converged = disagreement(self.cluster) is None
        self.cluster.perjury.check_all()

    def figures(self) -> dict[str, Figure]:
        """Return the verdicts, what the outsider sent, and what came of it."""
        counts, back = self._trespass.counts, self._back
        coverage = self.cluster.coverage()
        measured = coverage.get("engine_coordinate_samples", 0)
        helped = coverage.get("engine_indirect_probes", 0)
        received = counts["arrived_bytes"] or 1
        return {
            **self._verdicts.figures(),
            "suspicions": self._suspicions,
            "answered_share": round(measured / (measured + helped or 1), 6),
            "back_s": None if back is None else since(back.at_s, back.done_s),
            "converged": int(self._converged),
            "state_changes_by_outsider": counts["breaches"],
            "forged_accepted": self.cluster.perjury.breaches["signed"],
            "attacker_datagrams": self._adversary.datagrams,
            "attacker_frames": self._adversary.frames,
            "late_copies": counts["late"],
            "diverted": counts["diverted"],
            "prompted": counts["prompted"],
            "echo": round(counts["answered_bytes"] / received, 6),
            "kind": int(self._kind),
        }

    def curve(self) -> Curve | None:
        """Return how many know of the crash, over time."""
        return self._verdicts.curve("hostile-outsider")


def check(profile: "Profile", setting: Setting, nodes: int) -> None:
    """Refuse what cannot be attacked, and attacks that no simulator can carry.

    Raises:
        Refused: one of these.
    """
    check_channels(profile, "hostile-outsider")
    targets = min(nodes, setting.keys["targets"])
    total = setting.keys["rate_per_s"] * targets + setting.keys["flood_per_s"]
    if total > PACKETS_PER_S_MAX:
        raise Refused(
            f"--set rate_per_s={setting.keys['rate_per_s']:g}: with {targets:g} targets"
            f" and the flood {total:g} packets a second; want {PACKETS_PER_S_MAX} at"
            " most"
        )


KIND: Final = ScenarioKind(
    name="hostile-outsider",
    summary="somebody without a certificate replays, bends, forges and floods",
    nodes=16,
    nodes_min=2,
    duration_s=60.0,
    figures={
        **FIGURES,
        "suspicions": "transitions to suspect of nodes that run",
        "answered_share": "round trips measured, over these and the probes that needed"
        " helpers",
        "back_s": "from the restart until all others hold a claim of the new life",
        "converged": "1 if all views were right at the end, else 0",
        "state_changes_by_outsider": "packets of his that changed a node, or brought"
        " more than they may",
        "forged_accepted": "claims held that their author never signed",
        "attacker_datagrams": "datagrams that he sent",
        "attacker_frames": "packets that he sent on streams",
        "late_copies": "copies of his that came where the original had not",
        "diverted": "times that such a copy made a node write to his address",
        "prompted": "packets to others that nodes sent upon his",
        "echo": "bytes that nodes answered him at once, over the bytes that he sent",
        "kind": "what he did, as the key says",
    },
    keys={
        "kind": Key(
            "1: replay, 2: mirror, 3: bend, 4: garbage, 5: handshake, 6: answer,"
            " 7: flood, 8: all at once, 0: drawn",
            DRAWN,
            DRAWN,
            max(Attack),
            whole=True,
        ),
        "rate_per_s": Key("packets at each attacked node", 20, 0.1, 10_000),
        "flood_per_s": Key("handshakes of a flood, at one node", 500, 1, 20_000),
        "targets": Key("attacked nodes", 10_000, 1, 10_000, whole=True),
        "addresses": Key("addresses of the outsider's own", 8, 1, 4096, whole=True),
        "at_s": Key(
            "when the attack begins; it ends 12 s before the run", 3, 0, 100_000
        ),
        "restart_after_s": Key(
            "when the first attacked node restarts, from the attack's beginning; 0:"
            " never",
            8,
            0,
            100_000,
        ),
        **crash_keys(1, 15, since_what="the attack's beginning"),
    },
    build=HostileOutsider,
    check=check,
    settings={"channels": "on"},
)
