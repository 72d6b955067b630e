"""What one node has of one realm, what of it may be used, and what deeds it writes.

A deed names the one grant by which its granter holds what he gives, so what lies in
two holdings takes two deeds. Whoever leaves gives each holding back to whom he had it
from.

What fell to a node with another's removal is held back until every member has shown the
deeds of the removed one that it knows, and all of these are known here: before that the
removed one may have granted on what seems to be left. Until then space leaks rather
than doubles.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from swarmnet.ids import NodeId
from swarmnet.ipam.deeds import GRANTS_MAX, Deed, Grant, GrantId, Version
from swarmnet.ipam.ownership import Holding, Ownership
from swarmnet.ipam.spans import Span, Spans

_NUMBER_BITS: Final = 62
_STEP: Final = 32
"""Numbers are drawn in steps of so many, for each deed numbers its grants."""


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
    """One node's part in the ownership of a realm; `random` numbers its deeds."""

    __slots__ = ("_confirmed", "_me", "_ownership", "_random", "realm")

    def __init__(
        self, me: NodeId, realm: bytes, ownership: Ownership, random: Random
    ) -> None:
        assert GRANTS_MAX <= _STEP, "the numbers of two deeds must not meet"
        self.realm = realm
        self._me = me
        self._ownership = ownership
        self._random = random
        # Of whom among the fallen all deeds are known here.
        self._confirmed: dict[NodeId, None] = {}

    def confirm(self, fallen: NodeId) -> None:
        """All deeds of a removed node are known here, up to its cut."""
        self._confirmed[fallen] = None

    def usable(self) -> Spans:
        """Return what this node owns, and knows that nobody else does."""
        return Spans(one.span for one in self._holdings())

    def held_back(self) -> Spans:
        """Return what fell to this node and is not to be used yet."""
        return self._ownership.owned_by(self._me) - self.usable()

    def awaited(self) -> list[NodeId]:
        """Return the removed nodes of whom all deeds must be known, for `held_back`."""
        mine = [one for one in self._ownership.holdings() if one.owner == self._me]
        found = dict.fromkeys(node for one in mine for node in one.fallen)
        return [node for node in found if node not in self._confirmed]

    def grant(self, shares: Iterable[tuple[Span, NodeId]]) -> list[Proposal]:
        """Return the deeds by which parts are others' from now on.

        All of it must be usable. The parts of a share that lie in several holdings are
        granted one by one.
        """
        pieces: dict[GrantId | None, list[tuple[Span, NodeId]]] = {}
        holdings = self._holdings()
        for span, grantee in shares:
            for holding in holdings:
                first = max(span.first, holding.span.first)
                last = min(span.last, holding.span.last)
                if first <= last:
                    piece = (Span(first, last), grantee)
                    pieces.setdefault(holding.grant, []).append(piece)
        return [
            self._propose(parent, some[start : start + GRANTS_MAX])
            for parent, some in pieces.items()
            for start in range(0, len(some), GRANTS_MAX)
        ]

    def give_back(self, free: Spans) -> list[Proposal]:
        """Return the deeds by which what is free goes back to whom it was had from.

        What never left the root goes to the heir; without one it stays.
        """
        shares: list[tuple[Span, NodeId]] = []
        for holding in self._holdings():
            giver = self._ownership.giver_of(holding)
            if giver is not None and giver != self._me:
                shares += [(span, giver) for span in free & Spans([holding.span])]
        return self.grant(shares)

    def _holdings(self) -> Sequence[Holding]:
        return [
            one
            for one in self._ownership.holdings()
            if one.owner == self._me
            and all(node in self._confirmed for node in one.fallen)
        ]

    def _propose(
        self, parent: GrantId | None, shares: Sequence[tuple[Span, NodeId]]
    ) -> Proposal:
        number = self._random.getrandbits(_NUMBER_BITS - 1) // _STEP * _STEP
        grants = tuple(
            Grant(number + place, span, grantee)
            for place, (span, grantee) in enumerate(shares)
        )
        return Proposal(self.realm, self._me, parent, number, grants)
