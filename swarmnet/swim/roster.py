"""Everything held of the members, with the orders and sums that are kept over it.

The roster knows no rule: `member.admit` decides, the engine puts the outcome here, and
here the digest, the sketch, the rings and the probe order follow. Members that have
left are remembered apart and belong to no sum: they are not repaired, only answered
when somebody speaks of them, so that forgetting them disturbs nobody.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from random import Random

from swarmnet.ids import NodeId
from swarmnet.sketch import Digest as SetDigest
from swarmnet.sketch import Sketch, element_of, hash_item
from swarmnet.swim.claim import Claim
from swarmnet.swim.member import Member
from swarmnet.swim.messages import Digest
from swarmnet.swim.outputs import State
from swarmnet.swim.rings import Rings


# Pure; a process that simulates many nodes hashes each claim once.
@lru_cache(maxsize=1 << 15)
def claim_hash(key: bytes, identity: bytes) -> int:
    """Return the 128-bit keyed hash of a claim's identity."""
    return hash_item(key, identity)


class Roster:
    """The members known to `me`, itself included."""

    __slots__ = (
        "_counts",
        "_dead",
        "_digest",
        "_digest_value",
        "_key",
        "_members",
        "_order",
        "_probed",
        "me",
        "rings",
        "sketch",
    )

    def __init__(
        self, me: NodeId, key: bytes, rings: int, serial: Callable[[NodeId], bytes]
    ) -> None:
        self.me = me
        self.rings = Rings(me, rings, serial)
        self.sketch = Sketch()
        self._key = key
        self._digest = SetDigest()
        self._digest_value: Digest | None = None
        self._members: dict[NodeId, Member] = {}
        self._counts = [0] * len(State)
        self._dead: dict[NodeId, None] = {}
        # A permutation drawn as it is walked: places before `_probed` were visited in
        # this round, the rest is in any order until drawn (`next_probe_target`).
        self._order: list[NodeId] = []
        self._probed = 0

    def copy(
        self, me: NodeId, serial: Callable[[NodeId], bytes] | None = None
    ) -> "Roster":
        """Return an equal roster, held by another node: costs three list copies.

        `serial` is from where that node has the numbers of ring places, if not from
        where this one has them.
        """
        twin = Roster.__new__(Roster)
        twin.me = me
        twin.rings = self.rings.copy(me, serial)
        twin.sketch = self.sketch.copy()
        twin._key = self._key
        twin._digest = self._digest.copy()
        twin._digest_value = self._digest_value
        twin._members = self._members.copy()
        twin._counts = self._counts.copy()
        twin._dead = self._dead.copy()
        twin._order = self._order.copy()
        twin._probed = 0
        return twin

    def fill(self, members: Iterable[Member]) -> None:
        """Put many members into an empty roster."""
        assert not self._members, "the roster is not empty"
        for member in members:
            self._members[member.claim.subject] = member
            self._counts[member.state] += 1
            self._count_in(member)
            if member.state is State.DEAD:
                self._dead[member.claim.subject] = None
        live = [node for node, member in self._members.items() if member.is_live]
        self.rings.fill(live)
        self._order = live

    def get(self, node: NodeId) -> Member | None:
        """Return what is held of `node`, or None."""
        return self._members.get(node)

    def members(self) -> Mapping[NodeId, Member]:
        """Return all that is held, `me` included; not to be changed."""
        return self._members

    def put(self, member: Member) -> None:
        """Hold `member` in place of what was held of it."""
        node = member.claim.subject
        held = self._members.get(node)
        if held is not None:
            self._counts[held.state] -= 1
            self._count_out(held)
        self._members[node] = member
        self._counts[member.state] += 1
        self._count_in(member)
        self._dead.pop(node, None)
        if member.state is State.DEAD:
            self._dead[node] = None
        was_live = held is not None and held.is_live
        if member.is_live and not was_live:
            self.rings.add(node)
            self._add_to_order(node)
        elif was_live and not member.is_live:
            self.rings.remove(node)
            self._drop_from_order(node)

    def forget(self, node: NodeId) -> None:
        """Hold nothing of `node` any more."""
        member = self._members.pop(node)
        self._counts[member.state] -= 1
        self._count_out(member)
        self._dead.pop(node, None)
        if member.is_live:
            self.rings.remove(node)
            self._drop_from_order(node)

    def count(self, state: State) -> int:
        """Return how many members are in that state, `me` included."""
        return self._counts[state]

    @property
    def live_count(self) -> int:
        """How many members are alive or suspect, `me` included: SWIM's n."""
        return self._counts[State.ALIVE] + self._counts[State.SUSPECT]

    def next_dead(self, turn: int) -> NodeId | None:
        """Return whom of the dead to try at the `turn`-th attempt, from 0.

        Every other attempt goes round all of them. The rest go to those who died last,
        the last of all at every fourth, the one before at every eighth, and so on: a
        partition's other side must not wait behind a thousand who are gone for good.
        """
        if not self._dead:
            return None
        dead = list(self._dead)
        half, recent = divmod(turn, 2)
        if not recent:
            return dead[half % len(dead)]
        half += 1
        trailing_zeros = (half & -half).bit_length() - 1
        return dead[-1 - trailing_zeros % len(dead)]

    def next_probe_target(self, random: Random) -> NodeId | None:
        """Return the next live member in a round-robin over a random order.

        SWIM section 4.3: each member is visited once before any is visited again, so
        it is probed at least once in 2n - 1 probes.
        """
        order = self._order
        # `me` may come up last in one round and first in the next.
        for _ in range(3):
            if not order:
                break
            if self._probed >= len(order):
                self._probed = 0
            drawn = random.randrange(self._probed, len(order))
            node = order[drawn]
            order[drawn] = order[self._probed]
            order[self._probed] = node
            self._probed += 1
            if node != self.me:
                return node
        return None

    def sample(self, random: Random, count: int, exclude: NodeId) -> list[NodeId]:
        """Return up to `count` distinct live members, neither `me` nor `exclude`."""
        others = len(self._order)
        if others <= 3 * count:
            candidates = random.sample(self._order, others)
        else:
            candidates = random.sample(self._order, count + 2)
        found = [node for node in candidates if node not in (self.me, exclude)]
        return found[:count]

    def digest(self) -> Digest:
        """Return the digest of all claims about members that have not left."""
        if self._digest_value is None:
            self._digest_value = Digest(self._digest.bytes16, self.sketch.size)
        return self._digest_value

    def elements(self) -> Iterator[tuple[int, Claim]]:
        """Yield every claim that the digest covers, with its 64-bit element."""
        for member in self._members.values():
            if member.state is not State.LEFT:
                for claim in member.claims:
                    yield element_of(claim_hash(self._key, claim.identity)), claim

    def _add_to_order(self, node: NodeId) -> None:
        # Among those visited: newcomers must not put off those who wait for their turn.
        order = self._order
        if self._probed < len(order):
            order.append(order[self._probed])
            order[self._probed] = node
        else:
            order.append(node)
        self._probed += 1

    def _drop_from_order(self, node: NodeId) -> None:
        order = self._order
        place = order.index(node)
        if place < self._probed:
            self._probed -= 1
            order[place] = order[self._probed]
            place = self._probed
        order[place] = order[-1]
        order.pop()

    def _count_in(self, member: Member) -> None:
        if member.state is State.LEFT:
            return
        self._digest_value = None
        for claim in member.claims:
            number = claim_hash(self._key, claim.identity)
            self._digest.add(number)
            self.sketch.add(element_of(number))

    def _count_out(self, member: Member) -> None:
        if member.state is State.LEFT:
            return
        self._digest_value = None
        for claim in member.claims:
            number = claim_hash(self._key, claim.identity)
            self._digest.remove(number)
            self.sketch.remove(element_of(number))
