"""What one SWIM node believes of the others, the updates it spreads, its suspicions.

Everything heard enters by `hear`. A confirmed or departed member leaves the list that
is probed, and is remembered, for no word about that life may revive it.
"""

from collections import Counter, deque
from dataclasses import replace
from random import Random
from typing import ClassVar, Final

from sim.profiles.peer_queue import TransmitQueue
from sim.profiles.peer_roster import Member, Roster, View
from sim.profiles.swim_paper.codec import SWIM, Wire
from sim.profiles.swim_paper.formulas import Config, spread_limit
from sim.profiles.swim_paper.rules import Update, overrides
from swarmnet.ids import Address, NodeId
from swarmnet.swim.outputs import IdentityConflict, MemberChanged, Output, State

MEMBERS_MAX: Final = 2**17


def _name(node: NodeId) -> bytes:
    return b"m" + node


class Membership:
    """The members of one node; `queue` holds what it still has to tell."""

    wire: ClassVar[Wire] = SWIM
    __slots__ = (
        "_config",
        "_earliest_s",
        "_known",
        "_random",
        "_suspects",
        "address",
        "counters",
        "outputs",
        "queue",
        "roster",
    )

    def __init__(
        self, node: NodeId, address: Address, config: Config, random: Random, view: View
    ) -> None:
        self.address = address
        self.roster = Roster(node, view)
        self.queue = TransmitQueue()
        self.outputs: deque[Output] = deque()
        self.counters: Counter[str] = Counter()
        self._config = config
        self._random = random
        self._known = len(view.members)
        self._suspects: dict[NodeId, float] = {}
        self._earliest_s: float | None = None

    def begin(self, now: float, *, restarted: bool) -> None:
        """Be alive: in the first life, or in the one after that of the first view."""
        held = self.roster.get(self.roster.me)
        if held is None:
            self._live(now, life=1, incarnation=0)
        elif restarted:
            self._live(now, life=held.life + 1, incarnation=0)

    def myself(self) -> Update:
        """Return what we tell of ourselves."""
        held = self.roster.get(self.roster.me)
        assert held is not None
        return self._update(held, held.state)

    def limit(self) -> int:
        """Return how often an update is sent, and how many periods a suspect has."""
        return spread_limit(
            self._config.multiplier, self._config.log_base, len(self.roster.order)
        )

    def listed(self) -> list[bytes]:
        """Return what we hold of every member, packed."""
        return [
            self.wire.encode_update(self._update(held, held.state))
            for held in self.roster.known()
        ]

    def hear(self, now: float, update: Update) -> None:
        """Take an update from anyone."""
        if update.node == self.roster.me:
            self._hear_of_myself(now, update)
            return
        held = self.roster.get(update.node)
        if not overrides(update, held):
            return
        if held is None:
            if self._known >= MEMBERS_MAX:
                self.counters["drop_members_full"] += 1
                return
            self._known += 1
        self._hold(now, held, update)
        self._spread(update)

    def suspect(self, now: float, target: Member) -> None:
        """Suspect `target`, of whom no ack has come."""
        self.hear(now, self._update(target, State.SUSPECT))

    def expire(self, now: float) -> None:
        """Confirm the failure of suspects whose time is up."""
        if self._earliest_s is None or self._earliest_s > now:
            return
        due = [node for node, due_s in self._suspects.items() if due_s <= now]
        for node in due:
            held = self.roster.get(node)
            assert held is not None
            self.hear(now, self._update(held, State.DEAD))

    def expires_s(self) -> float | None:
        """Return when the next suspect's time is up, or None."""
        return self._earliest_s

    def leave(self, now: float) -> None:
        """Tell that we leave."""
        held = self.roster.get(self.roster.me)
        assert held is not None
        self.roster.put(replace(held, state=State.LEFT, changed_s=now))
        self._spread(self.myself())

    def has_told_of_myself(self) -> bool:
        """Return whether the last word about us was sent as often as it may be."""
        return _name(self.roster.me) not in self.queue

    def rejoin(self, now: float, listed: list[Update]) -> None:
        """Take the list that answered our join.

        Who is still listed himself was here before: he takes the life after that.
        """
        mine = [one.life for one in listed if one.node == self.roster.me]
        own = self.myself()
        if mine and max(mine) >= own.life:
            self._live(now, life=max(mine) + 1, incarnation=0)
        else:
            self._spread(own)
        for update in listed:
            if update.node != self.roster.me:
                self.hear(now, update)

    def _hear_of_myself(self, now: float, update: Update) -> None:
        own = self.myself()
        if own.state is State.LEFT or update.life < own.life:
            return
        if update.life > own.life:
            self.counters["later_lives"] += 1
            conflict = IdentityConflict(update.life, update.address)
            self.outputs.append(conflict)
            return
        match update.state:
            case State.SUSPECT if update.incarnation >= own.incarnation:
                self.counters["refutations"] += 1
                self._refute(now, life=own.life, incarnation=update.incarnation + 1)
            case State.DEAD | State.LEFT:
                self.counters["heard_own_death"] += 1
                if self._config.rejoin:
                    self._refute(now, life=own.life + 1, incarnation=0)
            case _:
                pass

    def _refute(self, now: float, *, life: int, incarnation: int) -> None:
        self._live(now, life=life, incarnation=incarnation)

    def _live(self, now: float, *, life: int, incarnation: int) -> None:
        me = self.roster.me
        known = self.roster.get(me) is not None
        self.roster.put(Member(me, self.address, life, incarnation, State.ALIVE, now))
        if not known:
            self._known += 1
            self.roster.enlist(me, self._random)
        self._spread(self.myself())

    def _spread(self, update: Update) -> None:
        self.queue.add(_name(update.node), self.wire.encode_update(update))

    def _update(self, held: Member, state: State) -> Update:
        return Update(state, held.node, held.life, held.incarnation, held.address)

    def _hold(self, now: float, held: Member | None, update: Update) -> None:
        gone = update.state in (State.DEAD, State.LEFT)
        was_gone = held is not None and held.state in (State.DEAD, State.LEFT)
        self.roster.put(
            Member(
                update.node,
                update.address,
                update.life,
                update.incarnation,
                update.state,
                now,
            )
        )
        if gone and not was_gone:
            self.roster.dismiss({update.node: None})
        elif not gone and (held is None or was_gone):
            self.roster.enlist(update.node, self._random)
        self._time_suspect(now, update)
        self.outputs.append(
            MemberChanged(
                member=update.node,
                previous=held.state if held is not None else None,
                current=update.state,
                boot_epoch=update.life,
                incarnation=update.incarnation,
            )
        )

    def _time_suspect(self, now: float, update: Update) -> None:
        was_suspect = self._suspects.pop(update.node, None) is not None
        if update.state is State.SUSPECT:
            self._expire_at(update.node, now + self._suspicion_s(update.node))
        elif was_suspect:
            self._earliest_s = min(self._suspects.values(), default=None)

    def _expire_at(self, suspect: NodeId, due_s: float) -> None:
        self._suspects[suspect] = due_s
        self._earliest_s = min(self._suspects.values())

    def _suspicion_s(self, _suspect: NodeId) -> float:
        return self.limit() * self._config.period_s
