"""Whom one node of a peer profile knows: shared until it differs, in probing order.

A cluster of N nodes holds N views of N members. Nodes that start with a full view share
one immutable `View`; each keeps only the members in which it differs from it, and the
order in which it walks them. That is what lets thousands of nodes fit in memory.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from random import Random

from swarmnet.ids import Address, NodeId
from swarmnet.swim.outputs import State


@dataclass(frozen=True, slots=True)
class Member:
    """What one node holds about another.

    `life` counts the lives of a member, where a protocol knows of them; `changed_s` is
    when its state changed here, on the observer's clock.
    """

    node: NodeId
    address: Address
    life: int
    incarnation: int
    state: State
    changed_s: float


@dataclass(frozen=True, slots=True)
class View:
    """Members that any number of nodes start with; never changed."""

    members: Mapping[NodeId, Member]
    order: tuple[NodeId, ...]


EMPTY_VIEW = View({}, ())


class Roster:
    """The members that `me` knows, itself included, and a shuffled round over them.

    `order` holds whom a round visits. The shuffle is Fisher and Yates's, done one step
    for each visit, so that a round costs nothing until it is walked.
    """

    __slots__ = ("_base", "_cursor", "_own", "_removed", "me", "order")

    def __init__(self, me: NodeId, view: View) -> None:
        self.me = me
        self.order = list(view.order)
        self._base = view.members
        self._own: dict[NodeId, Member] = {}
        self._removed: dict[NodeId, None] = {}
        self._cursor = 0

    def __len__(self) -> int:
        return (
            len(self._base)
            + sum(1 for node in self._own if node not in self._base)
            - sum(1 for node in self._removed if node in self._base)
        )

    def get(self, node: NodeId) -> Member | None:
        """Return what is held about `node`, or None."""
        found = self._own.get(node)
        if found is not None:
            return found
        if node in self._removed:
            return None
        return self._base.get(node)

    def put(self, member: Member) -> None:
        """Hold `member`; it enters the round only by `enlist`."""
        self._removed.pop(member.node, None)
        self._own[member.node] = member

    def enlist(self, node: NodeId, random: Random) -> None:
        """Give `node` a random place in the round, so that its first probe is near.

        It is put at the end and exchanged with a random place, whoever was there.
        """
        last = len(self.order)
        self.order.append(node)
        if last:
            place = int(random.random() * last)
            self.order[place], self.order[last] = node, self.order[place]

    def forget(self, nodes: Mapping[NodeId, object]) -> None:
        """Forget `nodes` altogether."""
        self.dismiss(nodes)
        for node in nodes:
            self._own.pop(node, None)
            if node in self._base:
                self._removed[node] = None

    def dismiss(self, nodes: Mapping[NodeId, object]) -> None:
        """Take `nodes` out of the round; what is held about them stays."""
        before = sum(1 for node in self.order[: self._cursor] if node in nodes)
        self.order = [node for node in self.order if node not in nodes]
        self._cursor -= before

    def next_in_round(self, random: Random) -> NodeId | None:
        """Return the next of this round, or None when it is over: then `new_round`."""
        left = len(self.order) - self._cursor
        if left <= 0:
            return None
        here, there = self._cursor, self._cursor + int(random.random() * left)
        self.order[here], self.order[there] = self.order[there], self.order[here]
        self._cursor += 1
        return self.order[here]

    def new_round(self) -> None:
        """Begin a new round."""
        self._cursor = 0

    def differing(self) -> Mapping[NodeId, Member]:
        """Return the members in which this node differs from its first view."""
        return self._own

    def known(self) -> Iterator[Member]:
        """Return every member held, itself included, in a fixed order."""
        for node, member in self._base.items():
            if node in self._own:
                yield self._own[node]
            elif node not in self._removed:
                yield member
        for node, member in self._own.items():
            if node not in self._base:
                yield member

    def sample(
        self, count: int, random: Random, accept: Callable[[Member], bool]
    ) -> list[Member]:
        """Return up to `count` distinct random members of the round, `me` excepted.

        memberlist's kRandomNodes: exhaustive while the round is shorter than three
        times `count`, else three draws for each of the round, so it may return less.
        """
        size = len(self.order)
        if size < 3 * count:
            shuffled = self.order.copy()
            random.shuffle(shuffled)
            held = [self.get(node) for node in shuffled if node != self.me]
            return [one for one in held if one is not None and accept(one)][:count]
        picked: dict[NodeId, Member] = {}
        for _ in range(3 * size):
            if len(picked) == count:
                break
            node = self.order[int(random.random() * size)]
            member = self.get(node)
            if node == self.me or node in picked or member is None:
                continue
            if accept(member):
                picked[node] = member
        return list(picked.values())

    def states(self) -> "States":
        """Return the state of every *other* member, as a live read-only mapping."""
        return States(self)


class States(Mapping[NodeId, State]):
    """A roster seen as the states of the others."""

    __slots__ = ("_roster",)

    def __init__(self, roster: Roster) -> None:
        self._roster = roster

    def __getitem__(self, node: NodeId) -> State:
        member = None if node == self._roster.me else self._roster.get(node)
        if member is None:
            raise KeyError(node)
        return member.state

    def __iter__(self) -> Iterator[NodeId]:
        me = self._roster.me
        return (member.node for member in self._roster.known() if member.node != me)

    def __len__(self) -> int:
        return len(self._roster) - (self._roster.get(self._roster.me) is not None)
