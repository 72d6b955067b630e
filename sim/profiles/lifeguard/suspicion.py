"""LHA-Suspicion: a suspicion that shortens as others come to it by themselves.

An accusation names its accuser, so that one who accuses twice, or one accusation that
comes by many ways, counts once. Source: section IV-B of the Lifeguard paper.
"""

from dataclasses import dataclass, field

from sim.profiles.lifeguard.formulas import suspicion_s
from sim.profiles.peer_roster import Member
from sim.profiles.swim_paper.rules import Update
from swarmnet.ids import NodeId
from swarmnet.swim.outputs import State


@dataclass(frozen=True, slots=True)
class Accusation(Update):
    """A suspicion as it is told: `state` is SUSPECT, found out by `accuser`."""

    accuser: NodeId


def accuse(member: Member, accuser: NodeId) -> Accusation:
    """Return the accusation of `member`, as it is held, by `accuser`."""
    return Accusation(
        State.SUSPECT,
        member.node,
        member.life,
        member.incarnation,
        member.address,
        accuser,
    )


@dataclass(slots=True)
class Suspicion:
    """One suspect at one node, since `started_s` of the node's clock.

    `accusers` holds the first accuser and those who confirmed, in the order heard:
    `wanted` + 1 at most.
    """

    started_s: float
    wanted: int
    shortest_s: float
    longest_s: float
    accusers: dict[NodeId, None] = field(default_factory=dict)

    def confirm(self, accuser: NodeId) -> bool:
        """Count `accuser`; return whether it was an independent one still wanted."""
        if len(self.accusers) > self.wanted or accuser in self.accusers:
            return False
        self.accusers[accuser] = None
        return True

    def lasts_s(self) -> float:
        """Return how long it lasts from its start, in s, by what is heard so far."""
        return suspicion_s(
            len(self.accusers) - 1, self.wanted, self.shortest_s, self.longest_s
        )
