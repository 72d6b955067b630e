"""Which update overrides which: section 4.2 of the SWIM paper, word for word.

    Alive(i)    overrides Suspect(j) and Alive(j), i > j
    Suspect(i)  overrides Suspect(j), i > j, and Alive(j), i >= j
    Confirm     overrides Alive and Suspect of any incarnation

A voluntary leave counts as a confirm that the member has sent itself. Nothing overrides
a confirm; what is ours is that a member may come back as a new life, which overrides
every word about an older one.
"""

from dataclasses import dataclass

from sim.profiles.peer_roster import Member
from swarmnet.ids import Address, NodeId
from swarmnet.swim.outputs import State


@dataclass(frozen=True, slots=True)
class Update:
    """What is told of a member; `DEAD` is the paper's Confirm."""

    state: State
    node: NodeId
    life: int
    incarnation: int
    address: Address


def overrides(update: Update, held: Member | None) -> bool:
    """Return whether `update` takes the place of what is held."""
    if held is None:
        return update.state is State.ALIVE
    if update.life != held.life:
        return update.life > held.life
    if held.state in (State.DEAD, State.LEFT):
        return False
    match update.state:
        case State.ALIVE:
            return update.incarnation > held.incarnation
        case State.SUSPECT if held.state is State.ALIVE:
            return update.incarnation >= held.incarnation
        case State.SUSPECT:
            return update.incarnation > held.incarnation
        case State.DEAD | State.LEFT:
            return True
