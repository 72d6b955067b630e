"""What is held of one member, and the rule that says which news changes it.

`admit` is the one door. It is a join of a semilattice: the greater own claim holds
(`Claim.precedence`); accusations hold only against that claim's very version, one of
each author, the K with the lowest authors of all that were ever admitted. So members
who have seen the same claims hold the same, whatever the order, the repetitions and the
detours.

Death is no claim. Each node concludes it for itself (see `suspicion`), and only a
greater (boot epoch, incarnation), signed by the subject, undoes it.
"""

from dataclasses import dataclass
from enum import Enum, auto

from swarmnet.swim.claim import Claim
from swarmnet.swim.outputs import State


@dataclass(frozen=True, slots=True)
class Member:
    """A member as held here.

    `claim` is its own greatest; `accusations` are sorted by author and all of the
    claim's version. `state` is what this node believes: LEFT if the claim says so or
    it was removed, DEAD if concluded here, SUSPECT while there are accusations, else
    ALIVE.
    """

    claim: Claim
    accusations: tuple[Claim, ...]
    state: State

    @property
    def is_live(self) -> bool:
        """Whether it takes part: alive, or suspect and not yet convicted."""
        return self.state is State.ALIVE or self.state is State.SUSPECT

    @property
    def claims(self) -> tuple[Claim, ...]:
        """Everything about this member that others should hold as well."""
        return (self.claim, *self.accusations)


class Verdict(Enum):
    """What a claim means to whoever holds a member."""

    NEWS = auto()
    """It changes what is held."""
    KNOWN = auto()
    """It is held already, or K accusations of lower authors are."""
    STALE = auto()
    """What is held supersedes it."""
    AHEAD = auto()
    """It accuses a version that the subject itself has not been heard to claim."""


def admit(
    member: Member | None, claim: Claim, accusations_max: int
) -> tuple[Verdict, Member | None]:
    """Return what `claim` means to the holder of `member`, and what is held after it.

    SWIM section 4.2, with these departures: an own claim replaces all accusations of
    lower versions at once; an accusation of an unknown version is refused (AHEAD)
    rather than believed, so nobody but the subject moves its incarnation.
    """
    if claim.state is State.SUSPECT:
        return _admit_accusation(member, claim, accusations_max)
    if member is not None:
        held = member.claim
        if claim == held:
            return Verdict.KNOWN, member
        if claim.precedence < held.precedence:
            return Verdict.STALE, member
        if claim.version == held.version and claim.state is held.state:
            # Two own claims of one version: the subject runs twice. The bytes decide,
            # and what was concluded about that version stands.
            return Verdict.NEWS, Member(claim, member.accusations, member.state)
    return Verdict.NEWS, Member(claim, (), claim.state)


def _admit_accusation(
    member: Member | None, claim: Claim, accusations_max: int
) -> tuple[Verdict, Member | None]:
    if member is None or claim.version > member.claim.version:
        return Verdict.AHEAD, member
    if claim.version < member.claim.version or member.state is State.LEFT:
        return Verdict.STALE, member
    held = {accusation.author: accusation for accusation in member.accusations}
    if claim.author in held:
        return Verdict.KNOWN, member
    held[claim.author] = claim
    lowest = sorted(held.values(), key=lambda accusation: accusation.author)
    kept = tuple(lowest[:accusations_max])
    if kept == member.accusations:
        return Verdict.KNOWN, member
    state = State.SUSPECT if member.state is State.ALIVE else member.state
    return Verdict.NEWS, Member(member.claim, kept, state)
