"""What one node has of one realm, what of it may be used, and what deeds it writes.

A deed names the one grant by which its granter holds what he gives, so what lies in
two holdings takes two deeds. Whoever leaves gives each holding back to whom he had it
from.

What fell to a node with another's removal is held back until every member has shown the
deeds of the removed one that it knows, and all of these are known here: before that the
removed one may have granted on what seems to be left. And what an earlier life had is
held back until this one is sure (`lives`). Until then space leaks rather than doubles.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from swarmnet.ids import NodeId
from swarmnet.ipam.deeds import (
    ANY_LIFE,
    GRANTS_MAX,
    STEP,
    Deed,
    Grant,
    GrantId,
    Version,
)
from swarmnet.ipam.lives import Lives, kept_of
from swarmnet.ipam.ownership import Holding, Ownership
from swarmnet.ipam.spans import Span, Spans

_NUMBER_BITS: Final = 62


@dataclass(frozen=True, slots=True)
class Proposal:
    """A deed that is to be written: all of it but its version."""

    realm: bytes
    granter: NodeId
    parent: GrantId | None
    number: int
    grants: tuple[Grant, ...]

    def signed(self, version: Version) -> Deed:
        """Return the deed that a row of that version is."""
        return Deed(
            *(self.realm, self.granter, version),
            *(self.parent, self.number, self.grants),
        )


class Estate:
    """One node's part in the ownership of a realm; `random` numbers its deeds.

    `confirmed` are those among the fallen of whom all deeds are known here; it may be
    shared by many estates. Where what was given out outlives its life, as a network
    does, nothing `keeps`.
    """

    __slots__ = (
        "_confirmed",
        "_keeps",
        "_lives",
        "_me",
        "_ownership",
        "_random",
        "realm",
    )

    def __init__(
        self,
        me: NodeId,
        realm: bytes,
        ownership: Ownership,
        random: Random,
        *,
        lives: Lives,
        confirmed: dict[NodeId, None] | None = None,
        keeps: bool = True,
    ) -> None:
        assert GRANTS_MAX <= STEP, "the numbers of two deeds must not meet"
        self.realm = realm
        self._me = me
        self._ownership = ownership
        self._random = random
        self._lives = lives
        self._keeps = keeps
        self._confirmed = {} if confirmed is None else confirmed

    def confirm(self, fallen: NodeId) -> None:
        """All deeds of a removed node are known here, up to its cut."""
        self._confirmed[fallen] = None

    def usable(self) -> Spans:
        """Return what this node owns, and knows that nobody else does."""
        found = Spans(one.span for one in self._holdings())
        return found | self._kept() if self._lives.is_met else found

    def kept(self) -> Spans:
        """Return what of `usable` is never granted on."""
        return self._kept() & self.usable()

    def grantable(self) -> Spans:
        """Return what of `usable` may be granted on."""
        return Spans(one.span for one in self._holdings()) - self._kept()

    def stands(self, number: int) -> bool:
        """Return whether what an earlier life of this node gave out is still its own.

        So it is as far as nobody can have been granted it since.
        """
        holding = self._ownership.holding_at(number)
        if holding is None or holding.owner != self._me:
            return False
        return self._kept().covers(number) or self._may_use(holding)

    def has_strange(self) -> bool:
        """Return whether this node owns what another life of it has asked for."""
        mine = (one for one in self._mine() if not one.fallen)
        return any(not self._lives.may_use(one) for one in mine)

    def held_back(self) -> Spans:
        """Return what is this node's and is not to be used yet."""
        return self._ownership.owned_by(self._me) - self.usable()

    def awaited(self) -> list[NodeId]:
        """Return the removed nodes of whom all deeds must be known, for `held_back`."""
        found = dict.fromkeys(node for one in self._mine() for node in one.fallen)
        return [node for node in found if node not in self._confirmed]

    def waits_for(self, node: NodeId) -> int:
        """Return how many numbers wait for what is known of a node's deeds.

        Of this node itself: those that wait until this life is sure.
        """
        return sum(
            one.span.size
            for one in self._mine()
            if not self._may_use(one) and (node == self._me or node in one.fallen)
        )

    def lives(self) -> Iterable[int]:
        """Return the lives of this node for which its holdings were asked."""
        return (one.life for one in self._mine())

    def grant(
        self, shares: Iterable[tuple[Span, NodeId]], life: int = ANY_LIFE
    ) -> list[Proposal]:
        """Return the deeds by which parts are others' from now on.

        What of it may be granted: the rest stays where it is. The parts of a share that
        lie in several holdings are granted one by one. `life` is that which has asked.
        """
        pieces: dict[GrantId | None, list[tuple[Span, NodeId]]] = {}
        holdings, kept = self._holdings(), self._kept()
        for span, grantee in shares:
            given = Spans([span]) - kept
            for holding in holdings:
                parts = [(one, grantee) for one in given & Spans([holding.span])]
                if parts:
                    pieces.setdefault(holding.grant, []).extend(parts)
        return [
            self._propose(parent, some[start : start + GRANTS_MAX], life)
            for parent, some in pieces.items()
            for start in range(0, len(some), GRANTS_MAX)
        ]

    def give_back(
        self, free: Spans, choose: Callable[[NodeId | None], NodeId | None]
    ) -> list[Proposal]:
        """Return the deeds by which what is free goes back to whom it was had from.

        Or to whom `choose` names instead, given that one; None for what never left the
        root. Where it names nobody, that part stays. So does what is kept: a backup of
        this node would give that out, as long as not all know that it has left.
        """
        shares: list[tuple[Span, NodeId]] = []
        given = free - self._kept()
        for holding in self._holdings():
            taker = choose(self._ownership.giver_of(holding))
            if taker is not None and taker != self._me:
                shares += [(span, taker) for span in given & Spans([holding.span])]
        return self.grant(shares)

    def _holdings(self) -> Sequence[Holding]:
        """Return what may be used wholly."""
        return [one for one in self._mine() if self._may_use(one)]

    def _mine(self) -> Iterator[Holding]:
        me = self._me
        return (one for one in self._ownership.holdings() if one.owner == me)

    def _may_use(self, holding: Holding) -> bool:
        is_known = all(node in self._confirmed for node in holding.fallen)
        return is_known and self._lives.may_use(holding)

    def _kept(self) -> Spans:
        """Return what is never granted on, of all that this node owns."""
        if not self._keeps:
            return Spans()
        mine = (one for one in self._mine() if self._lives.may_keep(one))
        kept = (kept_of(one) for one in mine)
        return Spans(span for span in kept if span is not None)

    def _propose(
        self,
        parent: GrantId | None,
        shares: Sequence[tuple[Span, NodeId]],
        life: int,
    ) -> Proposal:
        number = self._random.getrandbits(_NUMBER_BITS - 1) // STEP * STEP
        grants = tuple(
            Grant(number + place, span, grantee, life)
            for place, (span, grantee) in enumerate(shares)
        )
        return Proposal(self.realm, self._me, parent, number, grants)
