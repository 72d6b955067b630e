"""Who owns what of one realm: read off the deeds, so that all who hold them agree.

The whole belongs to the root's owner. Out of what somebody holds by one grant he grants
parts on; the rest stays his. Nobody else can: a deed of whoever does not hold its
parent says nothing. So deeds form a tree, merging is the union of two sets of rows, and
no deed is ever in conflict with another's. Should one granter have given something
twice (his disk was cloned), what he said later holds, with all who see both alike.

A node that was removed falls out of the tree once the cut of its rows is known: what it
had not granted on is held by whom it had that from, and for the root by the heir.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from swarmnet.ids import NodeId
from swarmnet.ipam.deeds import Deed, Grant, GrantId
from swarmnet.ipam.spans import Span, Spans


@dataclass(frozen=True, slots=True)
class Root:
    """What there is to own: all of `span`, at first `owner`'s.

    `heir` has what the owner held of it should he be removed; None is nobody.
    """

    span: Span
    owner: NodeId
    heir: NodeId | None = None


@dataclass(frozen=True, slots=True)
class Holding:
    """A span, who has it, and by which grant: None for what never left the root.

    `fallen` are the removed nodes by whose fall it came to its owner, first who had
    been granted it.
    """

    span: Span
    owner: NodeId
    grant: GrantId | None
    fallen: tuple[NodeId, ...] = ()


@dataclass(frozen=True, slots=True)
class _Place:
    """A place in the tree: a grant, those who may grant out of it, and what is left.

    `holders` are in the order in which their word counts: first who was granted it,
    then, if he fell, whom he had it from, and so on.
    """

    grant: GrantId | None
    holders: tuple[NodeId, ...]
    spans: Spans


class Ownership:
    """The ownership of one realm, by the deeds that are held."""

    __slots__ = ("_above", "_deeds", "_fallen", "_firsts", "_holdings", "_root")

    def __init__(self, root: Root) -> None:
        self._root = root
        self._deeds: dict[GrantId, Deed] = {}
        self._fallen: frozenset[NodeId] = frozenset()
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

    def note_fallen(self, nodes: Iterable[NodeId]) -> None:
        """Take note of all nodes that were removed, and whose cut is known."""
        fallen = frozenset(nodes)
        if fallen != self._fallen:
            self._fallen = fallen
            self._holdings = None

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
        from who gave it back. For what was never another's that is the heir, or None.
        """
        giver = self._root.heir
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

    def _root_owners(self) -> tuple[NodeId, ...]:
        root = self._root
        if root.owner in self._fallen and root.heir is not None:
            return (root.owner, root.heir)
        return (root.owner,)

    def _walk(self) -> Iterator[Holding]:
        """Yield all holdings, by going through the tree from its root."""
        children = self._children()
        places = [_Place(None, self._root_owners(), Spans([self._root.span]))]
        while places:
            place = places.pop()
            left = place.spans.copy()
            for granter, grant in _in_order(place, children.get(place.grant, ())):
                taken = left & Spans([grant.span])
                if taken:
                    left.remove(grant.span)
                    places.append(self._follow(place, granter, grant, taken))
            for span in left:
                *fallen, owner = place.holders
                yield Holding(span, owner, place.grant, tuple(fallen))

    def _follow(
        self, place: _Place, granter: NodeId, grant: Grant, taken: Spans
    ) -> _Place:
        """Return where what was taken out of a place is now."""
        holders: tuple[NodeId, ...] = (grant.grantee,)
        if grant.grantee in self._fallen:
            holders += place.holders[place.holders.index(granter) :]
        found = _Place((granter, grant.number), holders, taken)
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
