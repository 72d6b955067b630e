"""Which news changes what is held: memberlist's order of alive, suspect, dead and left.

Each rule judges one claim against what is held and changes nothing. Source: aliveNode,
suspectNode, deadNode and mergeState in state.go of hashicorp/memberlist, order of the
checks included. Two of its known weaknesses are in that order, and kept: a suspicion
already under way does not note a higher incarnation, and a dead member of the same
incarnation never comes back by gossip.
"""

from enum import Enum, auto

from sim.profiles.memberlist.codec import Alive, Claim, Dead, Suspect
from sim.profiles.memberlist.push_pull import PushState
from sim.profiles.peer_roster import Member
from swarmnet.ids import NodeId
from swarmnet.swim.outputs import State


class Verdict(Enum):
    """What to do about a claim."""

    IGNORE = auto()
    ACCEPT = auto()
    """Hold it and pass it on."""
    CONFIRM = auto()
    """It may be another accusation of one who is suspect already."""
    REFUTE = auto()
    """It is about me, and I know better."""
    CONFLICT = auto()
    """Someone of that name is elsewhere."""


def judge_alive(
    held: Member | None, claim: Alive, *, about_me: bool, leaving: bool
) -> Verdict:
    """Judge an alive claim."""
    if held is None:
        return Verdict.ACCEPT
    if about_me and leaving:
        return Verdict.IGNORE
    moved = held.address != claim.address
    if moved and held.state is not State.LEFT:
        return Verdict.CONFLICT
    if about_me:
        # Equal incarnations call for a refutation only if metadata differs; nothing
        # here ever changes its metadata.
        newer = claim.incarnation > held.incarnation
        return Verdict.REFUTE if newer else Verdict.IGNORE
    if claim.incarnation <= held.incarnation and not moved:
        return Verdict.IGNORE
    return Verdict.ACCEPT


def judge_suspect(held: Member | None, claim: Suspect, *, about_me: bool) -> Verdict:
    """Judge a suspicion."""
    if held is None or claim.incarnation < held.incarnation:
        return Verdict.IGNORE
    if held.state is State.SUSPECT:
        return Verdict.CONFIRM
    if held.state is not State.ALIVE:
        return Verdict.IGNORE
    return Verdict.REFUTE if about_me else Verdict.ACCEPT


def judge_dead(
    held: Member | None, claim: Dead, *, about_me: bool, leaving: bool
) -> Verdict:
    """Judge a death or a leave."""
    if held is None or claim.incarnation < held.incarnation:
        return Verdict.IGNORE
    if held.state in (State.DEAD, State.LEFT):
        return Verdict.IGNORE
    return Verdict.REFUTE if about_me and not leaving else Verdict.ACCEPT


def claim_of(pushed: PushState, me: NodeId) -> Claim:
    """Return the claim that a member's state in a push/pull amounts to.

    The dead are merely suspected, by the reader himself; a leave counts as the
    subject's own word, whoever reports it.
    """
    match pushed.state:
        case State.ALIVE:
            return Alive(pushed.incarnation, pushed.node, pushed.address)
        case State.LEFT:
            return Dead(pushed.incarnation, pushed.node, pushed.node)
        case State.DEAD | State.SUSPECT:
            return Suspect(pushed.incarnation, pushed.node, me)
