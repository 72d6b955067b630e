"""What one life of a node may use of what its earlier lives were given.

A life that was just started may be a restored backup, or a clone: what it seems to own,
a later life has granted on; or the elder twin, who lives, gives it out. So it is *sure*
only when every member has shown that it knows no more of this node's deeds than this
node does. Before that it uses what it has asked for itself, for that was granted after
it began; and, once all members that live have shown the same, what no life ever grants
on: a part of each grant is kept.

And it uses nothing at all before more than half of the members have answered it, itself
counted if it was one before: it is *known*. A node that joined behind a cut is unknown
on the other side, where what it was given may fall to somebody, for all members that
are known there agree. That is all that the first life of a key waits for.

A later life uses nothing that others grant it before the managers have shown the same,
a manager's not before all have: the life before it may have agreed to remove who grants
it something now, and what he has be another's.

A process that goes on where the one before it stopped, on the same running machine, is
as sure as that one was (`Continuation`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from swarmnet.ipam.deeds import ANY_LIFE
from swarmnet.ipam.ownership import Holding
from swarmnet.ipam.spans import Span

KEPT_MAX: Final = 64
"""More is of no use to most hosts, and others could not be given it."""
_CONTINUED_MAX: Final = 64
"""So many processes before this one are counted as one life with it."""


@dataclass(frozen=True, slots=True)
class Continuation:
    """What the process before this one knew of itself, as it ended.

    Only for a process that is known to be the next on the same machine, which has not
    been started again since, and to find all that the last one stored: something that
    no backup and no copy of a disk brings along.
    """

    lives: tuple[int, ...]
    is_sure: bool
    is_known: bool = True
    is_trusting: bool = True
    made: tuple[int, ...] = ()
    """Those whose endpoints run on, though what they asked for is in doubt."""


class Lives:
    """This life, and whether it is sure of what came before it.

    `current` is a number that it has drawn, 1 to 2^62 - 1: epochs would do if a clone
    did not count on from the same one. The first life of a key has nothing before it,
    and is sure as soon as it is known.
    """

    __slots__ = (
        "_lives",
        "_made",
        "_proved",
        "current",
        "is_first",
        "is_known",
        "is_met",
        "is_sure",
        "is_trusting",
    )

    def __init__(
        self,
        current: int,
        *,
        is_first: bool,
        is_known: bool = True,
        before: Continuation | None = None,
    ) -> None:
        earlier = () if before is None else before.lives[-_CONTINUED_MAX:]
        self.current = current
        self._lives = dict.fromkeys((*earlier, current))
        # All that this process has been, whatever it may be taken for since.
        made = () if before is None else before.made[-_CONTINUED_MAX:]
        self._made = dict.fromkeys((*made, *self._lives))
        # Earlier lives of which it is known what they were given; None: of all.
        self._proved: frozenset[int] | None = None
        self.is_first = is_first
        self.is_known = is_known if before is None else before.is_known
        """Whether more than half of the other members have answered this life."""
        self.is_sure = (is_first and is_known) if before is None else before.is_sure
        self.is_trusting = is_first if before is None else before.is_trusting
        """Whether no earlier life can have agreed to a removal unknown to this one."""
        self.is_met = self.is_sure
        """Whether these, and all that live, have shown what they know."""

    def continuation(self) -> Continuation:
        """Return what the next process on this machine may go on from."""
        lives, made = tuple(self._lives), tuple(self._made)
        return Continuation(
            *(lives, self.is_sure, self.is_known, self.is_trusting), made
        )

    def is_ours(self, life: int) -> bool:
        """Return whether a life is this process, or one that it goes on from.

        Or was, before it may have been copied: what it runs it runs on.
        """
        return life in self._made

    def note_doubt(self, current: int) -> None:
        """Be sure no more: another life may be about, or have been meanwhile.

        It may be a copy of this very process, which has all that we asked for. So from
        now on this life is another one, `current`.
        """
        self.is_sure = self.is_met = self.is_first = False
        self.current = current
        self._lives = {current: None}
        self._made[current] = None

    def note_sure(self, lives: Iterable[int]) -> None:
        """All members have shown all; `lives` are those that own what is held now."""
        self._proved = frozenset(lives)
        self.is_sure = self.is_met = self.is_known = self.is_trusting = True

    def may_use(self, holding: Holding) -> bool:
        """Return whether nobody else can use what this node owns by that grant.

        What a life unknown here has asked for is that one's, whoever it is.
        """
        if holding.fallen or not self.is_known:
            return self.is_sure
        if holding.life in self._lives:
            return self.is_trusting or holding.given is None
        if not self.is_sure:
            return False
        is_any = holding.life == ANY_LIFE or self._proved is None
        return is_any or holding.life in (self._proved or ())

    def may_keep(self, holding: Holding) -> bool:
        """Return whether no other life of this node has asked for that grant."""
        return holding.life == ANY_LIFE or self.may_use(holding)


def kept_of(holding: Holding) -> Span | None:
    """Return which part of a holding its owner never grants on, or None.

    The lowest quarter of what he was granted, up to `KEPT_MAX`, and one at least.
    """
    given = holding.given
    if given is None or holding.fallen:
        return None
    last = given.first + min(max(given.size // 4, 1), KEPT_MAX) - 1
    if holding.span.first > last:
        return None
    return Span(holding.span.first, min(holding.span.last, last))
