"""What one memberlist node believes of the others, and how news changes it.

Everything heard, by gossip, by push/pull or from the own prober, enters by `hear`.
memberlist knows no boot epochs: a life of a member is always 1 here, and a restarted
node learns from its peers which incarnation it has to beat.
"""

from collections import Counter
from dataclasses import dataclass, replace
from random import Random
from typing import Final

from sim.profiles.memberlist.codec import Alive, Claim, Dead, Suspect, encode_claim
from sim.profiles.memberlist.formulas import (
    Config,
    awareness_after,
    confirmations_wanted,
    suspicion_min_s,
)
from sim.profiles.memberlist.outbox import Outbox
from sim.profiles.memberlist.push_pull import PushState
from sim.profiles.memberlist.rules import (
    Verdict,
    claim_of,
    judge_alive,
    judge_dead,
    judge_suspect,
)
from sim.profiles.memberlist.suspicion import Suspicion, Suspicions
from sim.profiles.peer_roster import Member, Roster
from sim.profiles.peer_wire import U32_MAX
from swarmnet.ids import Address, NodeId
from swarmnet.swim.outputs import IdentityConflict, MemberChanged, State

LIFE: Final = 1
MEMBERS_MAX: Final = 2**17
"""Names beyond this are dropped and counted; the real one has no such bound."""


@dataclass(frozen=True, slots=True)
class Me:
    """The node itself: its name and where it is."""

    node: NodeId
    address: Address


class Membership:
    """The members, the suspicions and the health score of one node."""

    __slots__ = (
        "_config",
        "_outbox",
        "_random",
        "awareness",
        "counters",
        "failed",
        "leaving",
        "me",
        "roster",
        "suspicions",
    )

    def __init__(
        self, me: Me, config: Config, roster: Roster, outbox: Outbox, random: Random
    ) -> None:
        self.me = me
        self.roster = roster
        self.suspicions = Suspicions()
        self.awareness = 0
        self.leaving = False
        self.counters: Counter[str] = Counter()
        self.failed: dict[NodeId, Address] = {}
        """Who has failed and not come back: what serf's reconnect chooses from."""
        self._config = config
        self._outbox = outbox
        self._random = random

    def begin(self, now: float) -> None:
        """Be alive ourselves: announced, unless the first view says so already."""
        if self.roster.get(self.me.node) is None:
            self._accept_alive(now, Alive(1, self.me.node, self.me.address))

    def own_incarnation(self) -> int:
        """Return our own incarnation."""
        held = self.roster.get(self.me.node)
        return held.incarnation if held is not None else 0

    def note_health(self, delta: int) -> None:
        """Change the health score: up is worse."""
        self.awareness = awareness_after(self.awareness, delta)

    def probe_interval_s(self) -> float:
        """Return the seconds that a probe may take at our present health."""
        return self._config.probe_interval_s * (self.awareness + 1)

    def leave(self, now: float) -> None:
        """Say that we leave."""
        self.leaving = True
        self.hear(now, Dead(self.own_incarnation(), self.me.node, self.me.node))

    def merge(self, now: float, states: list[PushState]) -> None:
        """Take the full state of another node."""
        for pushed in states:
            held = self.roster.get(pushed.node)
            # Nearly all are this: what `judge_alive` ignores, without making a claim.
            if (
                pushed.state is State.ALIVE
                and held is not None
                and pushed.incarnation <= held.incarnation
                and pushed.address == held.address
            ):
                continue
            self.hear(now, claim_of(pushed, self.me.node))

    def hear(self, now: float, claim: Claim) -> None:
        """Judge one claim and act on it."""
        held = self.roster.get(claim.node)
        about_me = claim.node == self.me.node
        match claim:
            case Alive():
                verdict = judge_alive(
                    held, claim, about_me=about_me, leaving=self.leaving
                )
            case Suspect():
                verdict = judge_suspect(held, claim, about_me=about_me)
            case Dead():
                verdict = judge_dead(
                    held, claim, about_me=about_me, leaving=self.leaving
                )
        if verdict is not Verdict.IGNORE:
            self._act(now, claim, verdict)

    def expire(self, now: float) -> None:
        """Declare dead whose suspicion has run out."""
        while (node := self.suspicions.pop_due(now)) is not None:
            held = self.roster.get(node)
            if held is not None:
                self.hear(now, Dead(held.incarnation, node, self.me.node))

    def new_round(self, now: float) -> None:
        """Begin a new round of probes; the long dead and the left are forgotten."""
        limit_s = self._config.gossip_to_the_dead_s
        gone = {
            node: member
            for node, member in self.roster.differing().items()
            if node != self.me.node
            and member.state in (State.DEAD, State.LEFT)
            and now - member.changed_s > limit_s
        }
        if gone:
            self.roster.forget(gone)
            self.counters["forgotten"] += len(gone)
        self.roster.new_round()

    def _act(self, now: float, claim: Claim, verdict: Verdict) -> None:
        match claim, verdict:
            case Alive(), Verdict.CONFLICT:
                self.counters["address_conflicts"] += 1
                if claim.node == self.me.node:
                    conflict = IdentityConflict(LIFE, claim.address)
                    self._outbox.outputs.append(conflict)
            case _, Verdict.REFUTE:
                self._refute(now, claim.incarnation)
            case Suspect(), Verdict.CONFIRM:
                if self.suspicions.confirm(claim.node, claim.accuser):
                    self._spread(claim)
            case Alive(), _:
                self._accept_alive(now, claim)
            case Suspect(), _:
                self._accept_suspect(now, claim)
            case Dead(), _:
                self._accept_dead(now, claim)

    def _refute(self, now: float, accused: int) -> None:
        held = self.roster.get(self.me.node)
        assert held is not None
        # 32 bits, and they wrap: a node accused at the very last of them is lost.
        incarnation = (max(accused, held.incarnation) + 1) & U32_MAX
        self.roster.put(replace(held, incarnation=incarnation, changed_s=now))
        self.note_health(1)
        self.counters["refutations"] += 1
        # Queued under the address, not the name: the accusation is not pushed out.
        message = encode_claim(Alive(incarnation, self.me.node, self.me.address))
        self._outbox.members.add(self.me.address.pack(), message)

    def _accept_alive(self, now: float, claim: Alive) -> None:
        held = self.roster.get(claim.node)
        if held is None and len(self.roster.order) >= MEMBERS_MAX:
            self.counters["drop_members_full"] += 1
            return
        self.suspicions.stop(claim.node)
        self._spread(claim)
        self._put(now, held, claim, State.ALIVE)

    def _accept_suspect(self, now: float, claim: Suspect) -> None:
        held = self.roster.get(claim.node)
        self._spread(claim)
        self._put(now, held, claim, State.SUSPECT)
        self.counters["suspicions"] += 1
        config, members = self._config, len(self.roster.order)
        shortest_s = suspicion_min_s(
            config.suspicion_mult, members, config.probe_interval_s
        )
        suspicion = Suspicion(
            started_s=now,
            wanted=confirmations_wanted(config.suspicion_mult, members),
            shortest_s=shortest_s,
            longest_s=shortest_s * config.suspicion_max_mult,
            accusers={claim.accuser: None},
        )
        self.suspicions.start(claim.node, suspicion)

    def _accept_dead(self, now: float, claim: Dead) -> None:
        held = self.roster.get(claim.node)
        self.suspicions.stop(claim.node)
        self._spread(claim)
        by_itself = claim.node == claim.accuser
        self._put(now, held, claim, State.LEFT if by_itself else State.DEAD)
        self.counters["leaves" if by_itself else "deaths"] += 1

    def _spread(self, claim: Claim) -> None:
        self._outbox.members.add(claim.node, encode_claim(claim))

    def _put(self, now: float, held: Member | None, claim: Claim, state: State) -> None:
        if held is not None and held.state is state:
            changed_s = held.changed_s
        else:
            changed_s = now
        address = claim.address if isinstance(claim, Alive) else None
        if address is None:
            assert held is not None
            address = held.address
        self.roster.put(
            Member(claim.node, address, LIFE, claim.incarnation, state, changed_s)
        )
        if held is None:
            self.roster.enlist(claim.node, self._random)
        if claim.node == self.me.node:
            return
        if self._config.reconnect_interval_s:
            self._note_failed(claim.node, address, state)
        self._outbox.outputs.append(
            MemberChanged(
                member=claim.node,
                previous=held.state if held is not None else None,
                current=state,
                boot_epoch=LIFE,
                incarnation=claim.incarnation,
            )
        )

    def _note_failed(self, node: NodeId, address: Address, state: State) -> None:
        if state is State.DEAD:
            self.failed[node] = address
        elif state is not State.SUSPECT:
            self.failed.pop(node, None)
