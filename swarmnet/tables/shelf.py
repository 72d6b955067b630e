"""All rows of one scope that a node holds, with the orders and sums kept over them.

The shelf knows two rules alone: of one owner's rows about one name the one put last is
held, and what is too much is left out in such a way that everybody leaves out the same.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping
from hashlib import blake2b

from swarmnet.ids import CLUSTER, NodeId, Scope
from swarmnet.sketch import Digest, Sketch, element_of
from swarmnet.tables.row import NODE, Name, Row

Place = tuple[bytes, Name]
_EMPTY: Mapping[Name, Row] = {}


def place_of(name: Name) -> Place:
    """Return what orders an owner's names where there is no room for all of them."""
    return blake2b(name[1], digest_size=8).digest(), name


class Shelf:
    """The rows of one scope; `size` counts tombstones and what no view shows, too."""

    __slots__ = (
        "_digest",
        "_elements",
        "_names",
        "_owners",
        "_per_owner",
        "_places",
        "scope",
        "sketch",
    )

    def __init__(self, scope: Scope, rows_per_owner: int) -> None:
        self.scope = scope
        self.sketch = Sketch()
        self._per_owner = rows_per_owner
        self._digest = Digest()
        self._owners: dict[NodeId, dict[Name, Row]] = {}
        self._names: dict[Name, tuple[Row, ...]] = {}
        self._elements: dict[int, Row] = {}
        # The names of those owners that have as many as there may be, in order.
        self._places: dict[NodeId, list[Place]] = {}

    @property
    def size(self) -> int:
        """How many rows are held."""
        return len(self._elements)

    @property
    def digest(self) -> bytes:
        """16 bytes that are equal exactly where the same rows are held."""
        return self._digest.bytes16

    def get(self, owner: NodeId, name: Name) -> Row | None:
        """Return an owner's row about a name, or None."""
        return self._owners.get(owner, _EMPTY).get(name)

    def owners(self) -> Iterator[NodeId]:
        """Yield whoever owns a row."""
        yield from self._owners

    def rows_of(self, owner: NodeId) -> Mapping[Name, Row]:
        """Return an owner's rows by name; not to be kept while rows change."""
        return self._owners.get(owner, _EMPTY)

    def about(self, name: Name) -> tuple[Row, ...]:
        """Return all owners' rows about a name."""
        return self._names.get(name, ())

    def names(self) -> Iterator[Name]:
        """Yield every name that there is a row about."""
        yield from self._names

    def elements(self) -> Mapping[int, Row]:
        """Return all rows by their 64-bit elements; not to be changed."""
        return self._elements

    def excess(self, row: Row) -> list[Row]:
        """Return which rows have no place if `row` is put: it may be `row` itself.

        Who holds the same rows leaves out the same ones, whatever the order in which
        they came. What a node says of itself always has a place: by it the others are
        judged.
        """
        left_out: list[Row] = []
        twin = self._elements.get(element_of(row.hash128))
        if twin is not None and (twin.owner, twin.name) != (row.owner, row.name):
            # Two bodies of one hash: somebody has looked for them.
            left_out.append(max(twin, row, key=lambda one: one.body))
        rows = self._owners.get(row.owner, _EMPTY)
        if row.name in rows or self._is_free(row.owner, row.name):
            return left_out
        gone = sum(one.owner == row.owner and one is not row for one in left_out)
        if self.counted(row.owner) - gone >= self._per_owner:
            _, last = max(self._ordered(row.owner)[-1], place_of(row.name))
            left_out.append(row if last == row.name else rows[last])
        return left_out

    def counted(self, owner: NodeId) -> int:
        """Return how many of an owner's rows count against its quota."""
        rows = self._owners.get(owner, _EMPTY)
        is_free = self.scope == CLUSTER and (NODE, bytes(owner)) in rows
        return len(rows) - is_free

    def _is_free(self, owner: NodeId, name: Name) -> bool:
        return self.scope == CLUSTER and name == (NODE, owner)

    def _ordered(self, owner: NodeId) -> list[Place]:
        """Return where an owner's names stand; it is kept up while it is wanted."""
        places = self._places.get(owner)
        if places is None:
            names = [n for n in self._owners[owner] if not self._is_free(owner, n)]
            places = self._places[owner] = sorted(place_of(name) for name in names)
        return places

    def put(self, row: Row) -> Row | None:
        """Hold a row in place of its owner's other about that name; return that."""
        name = row.name
        rows = self._owners.setdefault(row.owner, {})
        held = rows.get(name)
        if held is not None:
            self._count_out(held)
        elif row.owner in self._places and not self._is_free(row.owner, name):
            insort(self._places[row.owner], place_of(name))
        rows[name] = row
        others = (one for one in self._names.get(name, ()) if one.owner != row.owner)
        self._names[name] = (*others, row)
        element = element_of(row.hash128)
        self._elements[element] = row
        self.sketch.add(element)
        self._digest.add(row.hash128)
        return held

    def remove(self, row: Row) -> None:
        """Hold a row no more."""
        self._count_out(row)
        name = row.name
        rows = self._owners[row.owner]
        del rows[name]
        places = self._places.get(row.owner)
        if places is not None and not self._is_free(row.owner, name):
            del places[bisect_left(places, place_of(name))]
        if 2 * len(rows) < self._per_owner:
            self._places.pop(row.owner, None)
        if not rows:
            del self._owners[row.owner]
        left = tuple(one for one in self._names[name] if one.owner != row.owner)
        if left:
            self._names[name] = left
        else:
            del self._names[name]

    def _count_out(self, row: Row) -> None:
        element = element_of(row.hash128)
        del self._elements[element]
        self.sketch.remove(element)
        self._digest.remove(row.hash128)
