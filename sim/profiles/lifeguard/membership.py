"""What one Lifeguard node believes: SWIM's beliefs, with accusers and local health.

It departs from `swim_paper` in three points: an accusation by somebody new confirms a
suspicion under way, shortens it and is told on, up to K of them; how long a suspect has
follows from that; and to refute is a sign that we are slow.
"""

from random import Random
from typing import ClassVar

from sim.profiles.lifeguard.codec import LIFEGUARD
from sim.profiles.lifeguard.formulas import LifeguardConfig
from sim.profiles.lifeguard.health import HealthEvent, LocalHealth
from sim.profiles.lifeguard.suspicion import Accusation, Suspicion, accuse
from sim.profiles.peer_roster import Member, View
from sim.profiles.swim_paper.codec import Wire
from sim.profiles.swim_paper.membership import Membership
from sim.profiles.swim_paper.rules import Update
from swarmnet.ids import Address, NodeId
from swarmnet.swim.outputs import State


class LifeguardMembership(Membership):
    """The members of one node; `health` is shared with its prober."""

    wire: ClassVar[Wire] = LIFEGUARD
    __slots__ = ("_rules", "_suspicions", "health")

    def __init__(
        self,
        node: NodeId,
        address: Address,
        config: LifeguardConfig,
        random: Random,
        view: View,
    ) -> None:
        super().__init__(node, address, config.swim, random, view)
        self.health = LocalHealth(config.health_max)
        self._rules = config
        self._suspicions: dict[NodeId, Suspicion] = {}

    def hear(self, now: float, update: Update) -> None:
        """Take an update from anyone; an accusation may confirm another."""
        held = self.roster.get(update.node)
        if (
            held is not None
            and isinstance(update, Accusation)
            and held.state is State.SUSPECT
            and (update.life, update.incarnation) == (held.life, held.incarnation)
        ):
            self._confirm(now, update)
        else:
            super().hear(now, update)

    def suspect(self, now: float, target: Member) -> None:
        """Accuse `target`, of whom no ack has come."""
        self.hear(now, accuse(target, self.roster.me))

    def accusation(self, member: NodeId) -> Accusation | None:
        """Return what a suspect is to be told, or None for who is no suspect."""
        held = self.roster.get(member)
        if held is None or held.state is not State.SUSPECT:
            return None
        return accuse(held, self._first_accuser(held.node))

    def _confirm(self, now: float, update: Accusation) -> None:
        suspicion = self._suspicions.get(update.node)
        if suspicion is None:
            # The suspect is from the view that we started with: no time runs yet.
            self._time_suspect(now, update)
        elif not suspicion.confirm(update.accuser):
            return
        else:
            self.counters["confirmations"] += 1
            self._expire_at(update.node, suspicion.started_s + suspicion.lasts_s())
        # It takes the place of the accusation before it in the queue, as in the
        # paper's implementation (memberlist), so that there is one for each member.
        self._spread(update)

    def _refute(self, now: float, *, life: int, incarnation: int) -> None:
        self.health.note(HealthEvent.REFUTED)
        super()._refute(now, life=life, incarnation=incarnation)

    def _update(self, held: Member, state: State) -> Update:
        if state is State.SUSPECT:
            return accuse(held, self._first_accuser(held.node))
        return super()._update(held, state)

    def _first_accuser(self, suspect: NodeId) -> NodeId:
        suspicion = self._suspicions.get(suspect)
        if suspicion is None:
            return self.roster.me
        return next(iter(suspicion.accusers))

    def _time_suspect(self, now: float, update: Update) -> None:
        self._suspicions.pop(update.node, None)
        if isinstance(update, Accusation):
            shortest_s = self._rules.suspicion_min_s(len(self.roster.order))
            self._suspicions[update.node] = Suspicion(
                started_s=now,
                wanted=self._rules.wanted,
                shortest_s=shortest_s,
                longest_s=self._rules.beta * shortest_s,
                accusers={update.accuser: None},
            )
        super()._time_suspect(now, update)

    def _suspicion_s(self, suspect: NodeId) -> float:
        return self._suspicions[suspect].lasts_s()
