"""Who owns what of one realm: read off the deeds, so that all who hold them agree.

The whole belongs to the root's owner. Out of what somebody holds by one grant he grants
parts on; the rest stays his. Nobody else can: a deed of whoever does not hold its
parent says nothing. So deeds form a tree, merging is the union of two sets of rows, and
no deed is ever in conflict with another's. Should one granter have given something
twice (his disk was cloned), what he said later holds, with all who see both alike.

A node that was removed falls out of the tree once the cut of its rows is known: what it
had not granted on is held by whom it had that from. What never left the root goes by
will: to the first of the heirs that its owner named and that did not fall themselves,
or, if all did, of the heirs whom those named.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from swarmnet.ids import NodeId
from swarmnet.ipam.deeds import ANY_LIFE, Deed, Grant, GrantId
from swarmnet.ipam.spans import Span, Spans


@dataclass(frozen=True, slots=True)
class Root:
    """What there is to own: all of `span`, at first `owner`'s.

    `life` is that life of his which made it (`lives`).
    """

    span: Span
    owner: NodeId
    life: int = ANY_LIFE


@dataclass(frozen=True, slots=True)
class Holding:
    """A span, who has it, and by which grant: None for what never left the root.

    `fallen` are the removed nodes by whose fall it came to its owner, first who had
    been granted it. If all who could have it have fallen, the last of them owns it.
    `life` is that of the grant, or of the root; `given` all of what was granted by it,
    None for the root.
    """

    span: Span
    owner: NodeId
    grant: GrantId | None
    fallen: tuple[NodeId, ...] = ()
    life: int = ANY_LIFE
    given: Span | None = field(default=None, compare=False)
    path: tuple[NodeId, ...] = field(default=(), compare=False)
    """Who was given it on its way: the root's owner first."""


@dataclass(frozen=True, slots=True)
class _Place:
    """A place in the tree: a grant, those who may grant out of it, and what is left.

    `holders` are in the order in which their word counts: first who was granted it,
    then, if he fell, whom he had it from, and so on.
    """

    grant: GrantId | None
    holders: tuple[NodeId, ...]
    spans: Spans
    life: int
    path: tuple[NodeId, ...]
    given: Span | None = None


class Ownership:
    """The ownership of one realm, by the deeds that are held."""

    __slots__ = (
        "_above",
        "_deeds",
        "_fallen",
        "_firsts",
        "_holdings",
        "_root",
        "_wills",
    )

    def __init__(self, root: Root) -> None:
        self._root = root
        self._deeds: dict[GrantId, Deed] = {}
        self._fallen: frozenset[NodeId] = frozenset()
        self._wills: Mapping[NodeId, Sequence[NodeId]] = {}
        self._holdings: list[Holding] | None = None
        self._firsts: list[int] = []
        # Of each grant: its parent, who holds it now, and who held what it is of.
        self._above: dict[GrantId, tuple[GrantId | None, NodeId, NodeId]] = {}

    @property
    def root(self) -> Root:
        """What there is to own, and who did so first."""
        return self._root

    # What is known

    def put(self, deed: Deed) -> None:
        """Hold a deed, in place of what the same row said before."""
        self._deeds[deed.granter, deed.number] = deed
        self._holdings = None

    def drop(self, granter: NodeId, number: int) -> None:
        """Hold a deed no more: its granter has deleted it, or it is void."""
        if self._deeds.pop((granter, number), None) is not None:
            self._holdings = None

    def note_fallen(self, nodes: Iterable[NodeId]) -> bool:
        """Take note of all nodes that were removed, and whose cut is known.

        Returns whether it matters here.
        """
        fallen, owners = frozenset(nodes), self._root_owners()
        changed = fallen ^ self._fallen
        self._fallen = fallen
        matters = self._root_owners() != owners or any(
            grant.grantee in changed
            for deed in (self._deeds.values() if changed else ())
            for grant in deed.grants
        )
        if matters:
            self._holdings = None
        return matters

    def note_wills(self, wills: Mapping[NodeId, Sequence[NodeId]]) -> bool:
        """Take note of whom each node has named as its heirs, the first first.

        Returns whether it matters here. The mapping is not to be changed any more.
        """
        owners = self._root_owners()
        self._wills = wills
        matters = self._root_owners() != owners
        if matters:
            self._holdings = None
        return matters

    # What follows

    def deeds(self) -> Mapping[GrantId, Deed]:
        """Return all deeds that are held, by granter and first number."""
        return self._deeds

    def holdings(self) -> list[Holding]:
        """Return who has what, in the order of numbers: all of the root's span."""
        if self._holdings is None:
            self._above.clear()
            self._holdings = sorted(self._walk(), key=lambda one: one.span)
            self._firsts = [one.span.first for one in self._holdings]
        return self._holdings

    def holding_at(self, number: int) -> Holding | None:
        """Return who has a number, and by which grant; None outside the realm."""
        if not self._root.span.covers(number):
            return None
        holdings = self.holdings()
        return holdings[bisect_right(self._firsts, number) - 1]

    def owner_of(self, number: int) -> NodeId | None:
        """Return whose a number is; None outside the realm."""
        holding = self.holding_at(number)
        return None if holding is None else holding.owner

    def giver_of(self, holding: Holding) -> NodeId | None:
        """Return from whom a holding was had, or who has now what that one had.

        What came back to its owner was had from whoever first gave it to him, and not
        from who gave it back. None for what was never another's.
        """
        giver: NodeId | None = None
        if holding.owner != self._root_owners()[-1]:
            for holder, before in self._path(holding.grant):
                giver = before if holder == holding.owner else giver
        return giver

    def _path(self, grant: GrantId | None) -> Iterator[tuple[NodeId, NodeId]]:
        """Yield who holds each grant on the way to the root, and who held it before."""
        while grant is not None:
            parent, holder, before = self._above[grant]
            yield holder, before
            grant = parent

    def owned_by(self, node: NodeId) -> Spans:
        """Return all that a node owns."""
        return Spans(one.span for one in self.holdings() if one.owner == node)

    @property
    def fallen(self) -> frozenset[NodeId]:
        """The removed nodes whose cut is known."""
        return self._fallen

    @property
    def root_holders(self) -> Sequence[NodeId]:
        """Who has had what never left the root, and last who has it."""
        return self._root_owners()

    @property
    def root_holder(self) -> NodeId:
        """Who has what never left the root."""
        return self._root_owners()[-1]

    def _root_owners(self) -> tuple[NodeId, ...]:
        """Return who has had what never left the root, and last who has it now."""
        owners = [self._root.owner]
        for testator in owners:
            if owners[-1] not in self._fallen:
                break
            for heir in self._wills.get(testator, ()):
                if heir not in owners:
                    owners.append(heir)
                if heir not in self._fallen:
                    return tuple(owners)
        return tuple(owners)

    def _walk(self) -> Iterator[Holding]:
        """Yield all holdings, by going through the tree from its root."""
        children = self._children()
        root = self._root
        whole = Spans([root.span])
        places = [_Place(None, self._root_owners(), whole, root.life, (root.owner,))]
        while places:
            place = places.pop()
            left = place.spans.copy()
            for granter, grant in _in_order(place, children.get(place.grant, ())):
                taken = left.within(grant.span)
                # Each grant has one place, whatever deeds say.
                if taken and (granter, grant.number) not in self._above:
                    left.remove(grant.span)
                    places.append(self._follow(place, granter, grant, taken))
            for span in left:
                *fallen, owner = place.holders
                yield Holding(
                    *(span, owner, place.grant, tuple(fallen)),
                    life=place.life,
                    given=place.given,
                    path=place.path,
                )

    def _follow(
        self, place: _Place, granter: NodeId, grant: Grant, taken: Spans
    ) -> _Place:
        """Return where what was taken out of a place is now."""
        holders: tuple[NodeId, ...] = (grant.grantee,)
        if grant.grantee in self._fallen:
            holders += place.holders[place.holders.index(granter) :]
        path = (*place.path, grant.grantee)
        found = _Place(
            (granter, grant.number), holders, taken, grant.life, path, grant.span
        )
        self._above[granter, grant.number] = (
            place.grant,
            holders[-1],
            place.holders[-1],
        )
        return found

    def _children(self) -> dict[GrantId | None, list[tuple[NodeId, Grant]]]:
        """Return the grants out of each, what was said last first."""
        ordered = sorted(
            self._deeds.values(), key=lambda one: one.version, reverse=True
        )
        found: dict[GrantId | None, list[tuple[NodeId, Grant]]] = {}
        for deed in ordered:
            grants = found.setdefault(deed.parent, [])
            grants += [(deed.granter, one) for one in deed.grants]
        return found


def _in_order(
    place: _Place, grants: Iterable[tuple[NodeId, Grant]]
) -> Iterator[tuple[NodeId, Grant]]:
    """Yield what is granted out of a place by those who may, the weightiest first."""
    for holder in place.holders:
        yield from (one for one in grants if one[0] == holder)
