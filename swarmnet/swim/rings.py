"""Who passes news to whom: K pseudo-random rings, computed locally, without messages.

Rapid (ATC 2018) section 4.1 watches members along K rings; here the same expander
carries news. Every node orders the members of a scope by K keyed hashes; a node's
neighbours are the one before and the one after it on each ring, so the union of the
rings is a graph of degree 2K whose diameter grows with log N. Views that differ give
rings that differ in a few edges only: each member that comes or goes moves 2K of them.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from hashlib import blake2b

from swarmnet.ids import NodeId

Seat = tuple[bytes, NodeId]
"""A member's place on a ring: 8 bytes, ordered as they compare, and who sits there."""


# Pure, and asked for at every step of a search: one process that simulates many nodes
# computes, and holds, each seat once.
@lru_cache(maxsize=1 << 16)
def ring_seat(ring: int, serial: bytes, member: NodeId) -> Seat:
    """Return where `member` sits on a ring, by a hash of `serial`."""
    position = blake2b(
        serial, digest_size=8, key=ring.to_bytes(2, "big"), person=b"swarmnet ring"
    ).digest()
    return (position, member)


class Rings:
    """The rings over one scope's members, seen from `me`.

    A ring's position hashes `serial(member)`: a number that whoever admitted the
    member chose, so that nobody chooses his neighbours. Members are those that news
    should go to; `me` may be one of them or not.
    """

    __slots__ = ("_me", "_neighbours", "_orders", "_serial")

    def __init__(
        self, me: NodeId, rings: int, serial: Callable[[NodeId], bytes]
    ) -> None:
        self._me = me
        self._serial = serial
        self._orders: list[list[Seat]] = [[] for _ in range(rings)]
        self._neighbours: dict[NodeId, int] | None = None

    def __len__(self) -> int:
        return len(self._orders[0])

    def __contains__(self, member: NodeId) -> bool:
        seat = self._seat(0, member)
        place = bisect_left(self._orders[0], seat)
        return place < len(self._orders[0]) and self._orders[0][place] == seat

    def empty(self) -> "Rings":
        """Return rings of the same make, seen from the same member, with nobody on."""
        return Rings(self._me, len(self._orders), self._serial)

    def copy(
        self, me: NodeId, serial: Callable[[NodeId], bytes] | None = None
    ) -> "Rings":
        """Return the same rings as seen from another of their members.

        `serial` is from where that one has the same numbers, if not from here.
        """
        twin = Rings(me, 0, self._serial if serial is None else serial)
        twin._orders = [order.copy() for order in self._orders]
        return twin

    def fill(self, members: Iterable[NodeId]) -> None:
        """Put all `members` on the rings; faster than adding one at a time."""
        everyone = list(members)
        for ring in range(len(self._orders)):
            self._orders[ring] = sorted(self._seat(ring, one) for one in everyone)
        self._neighbours = None

    def add(self, member: NodeId) -> None:
        """Put `member` on every ring; nothing happens if it is there."""
        for ring, order in enumerate(self._orders):
            seat = self._seat(ring, member)
            place = bisect_left(order, seat)
            if place < len(order) and order[place] == seat:
                return
            order.insert(place, seat)
        self._neighbours = None

    def remove(self, member: NodeId) -> None:
        """Take `member` off every ring; nothing happens if it is not there."""
        for ring, order in enumerate(self._orders):
            seat = self._seat(ring, member)
            place = bisect_left(order, seat)
            if place == len(order) or order[place] != seat:
                return
            del order[place]
        self._neighbours = None

    def neighbours(self) -> dict[NodeId, int]:
        """Return the members to relay to, each with the first ring it is found on.

        In order of rings; without `me`. Not to be changed by the caller.
        """
        if self._neighbours is None:
            self._neighbours = self.neighbours_of(self._me)
        return self._neighbours

    def successors(self) -> Iterator[NodeId]:
        """Yield the others in their order on the first ring, from `me` onwards."""
        order, place, after = self._place()
        for index in range(len(order) - (after - place)):
            yield order[(after + index) % len(order)][1]

    def predecessors(self) -> Iterator[NodeId]:
        """Yield the others against their order on the first ring, from `me` back."""
        order, place, after = self._place()
        for index in range(len(order) - (after - place)):
            yield order[place - 1 - index][1]

    def _place(self) -> tuple[list[Seat], int, int]:
        """Return the first ring, where `me` sits or would, and where who is next."""
        order = self._orders[0]
        seat = self._seat(0, self._me)
        place = bisect_left(order, seat)
        return order, place, place + (place < len(order) and order[place] == seat)

    def neighbours_of(self, member: NodeId) -> dict[NodeId, int]:
        """Return the members next to where `member` sits, or would sit."""
        found: dict[NodeId, int] = {}
        for ring, order in enumerate(self._orders):
            if not order:
                break
            seat = self._seat(ring, member)
            place = bisect_left(order, seat)
            after = place + (place < len(order) and order[place] == seat)
            for _, neighbour in (order[after % len(order)], order[place - 1]):
                if neighbour != member:
                    found.setdefault(neighbour, ring)
        return found

    def _seat(self, ring: int, member: NodeId) -> Seat:
        return ring_seat(ring, self._serial(member), member)
