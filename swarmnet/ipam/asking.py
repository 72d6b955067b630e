"""Asking others for numbers: one after another, until one has some to spare.

A node that runs short asks whoever owns most for half of what that one has free, and
for a number that a user named it asks its owner. The answer that helps is a deed, which
comes with the rows; what comes back to the asker is only a refusal. So nothing is
promised, and nothing is held while an answer is on its way.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from swarmnet.ids import NodeId
from swarmnet.ipam.ownership import Ownership

NAMED_MAX: Final = 3
"""So many nodes are named that refuse for one reason."""
LATER_S: Final = 0.2
_PUT_OFF_MAX: Final = 40
ANSWER_S: Final = 1.0
"""So long an answer, or the deed, is waited for; then the next is asked."""


class Reason(IntEnum):
    """Why somebody gives nothing. Numbers are never used again."""

    NONE_FREE = 1
    """All that he owns is in use, or rests."""
    IN_USE = 2
    """The number that was named is in use."""
    NOT_MINE = 3
    """The number that was named is another's by now."""
    RESTORING = 4
    """He does not know yet what he owns."""
    KEPT = 6
    """He never gives that away."""
    LATER = 7
    """He was asked too often just now."""
    SILENT = 5
    """He did not answer. Nobody says that of himself."""


_WORDS: Final[Mapping[Reason, str]] = {
    Reason.NONE_FREE: "none free",
    Reason.IN_USE: "in use there",
    Reason.NOT_MINE: "not its own",
    Reason.RESTORING: "not sure yet what it owns",
    Reason.KEPT: "kept for what it connects itself",
    Reason.LATER: "asked too often",
    Reason.SILENT: "no answer",
}


@dataclass(frozen=True, slots=True)
class Ask:
    """To be sent to `peer`: give me some of what you own; or `number`, if any.

    `ahead` is whether nobody waits for it yet: whoever is asked keeps enough for what
    he may be asked for himself.
    """

    peer: NodeId
    realm: bytes
    number: int | None
    ahead: bool = False


@dataclass(frozen=True, slots=True)
class GivenUp:
    """Nobody gave anything: who was asked, and why not."""

    realm: bytes
    number: int | None
    refusals: tuple[tuple[NodeId, Reason], ...]
    ahead: bool = False

    @property
    def reason(self) -> str:
        """What each of them said, to be read."""
        said: list[str] = []
        for why in dict.fromkeys(why for _, why in self.refusals):
            nodes = [node.hex() for node, one in self.refusals if one is why]
            more = f" and {len(nodes) - NAMED_MAX} more" if nodes[NAMED_MAX:] else ""
            named = ", ".join(nodes[:NAMED_MAX])
            said.append(f"node {named}{more}: {_WORDS[why]}")
        return "; ".join(said) or "no other member that lives owns any"


Output = Ask | GivenUp


@dataclass(slots=True)
class _Request:
    """One want: who is still to be asked, who is being asked, and since when."""

    number: int | None
    ahead: bool
    left: deque[NodeId]
    peer: NodeId | None
    due: float
    refusals: list[tuple[NodeId, Reason]]
    put_off: int = 0


class Asking:
    """What one node asks for, of one realm; each number, and some, once at a time.

    `outputs` may be shared with the asking of other realms; then it is read there.
    """

    __slots__ = ("_me", "_outputs", "_requests", "realm")

    def __init__(
        self, me: NodeId, realm: bytes, outputs: deque[Output] | None = None
    ) -> None:
        self.realm = realm
        self._me = me
        self._outputs: deque[Output] = deque() if outputs is None else outputs
        # By number; some, and some ahead, are two requests.
        self._requests: dict[tuple[int | None, bool], _Request] = {}

    def want(
        self,
        now: float,
        ownership: Ownership,
        live: Iterable[NodeId],
        number: int | None = None,
        *,
        ahead: bool = False,
    ) -> None:
        """Ask for some, or for one number, unless that goes on already."""
        if (number, ahead) in self._requests:
            return
        owners = deque(donors_of(ownership, self._me, frozenset(live), number))
        request = _Request(number, ahead, owners, None, now, [])
        self._requests[number, ahead] = request
        self._ask_next(now, request)

    def is_asking(self, number: int | None) -> bool:
        """Return whether a number, or some, is being asked for, and not just ahead."""
        return (number, False) in self._requests

    def note_refused(
        self, now: float, peer: NodeId, number: int | None, reason: Reason
    ) -> None:
        """Somebody who was asked gives nothing."""
        for ahead in (False, True):
            request = self._requests.get((number, ahead))
            if request is not None and request.peer == peer:
                self._turn(now, request, peer, reason)

    def _turn(
        self, now: float, request: "_Request", peer: NodeId, reason: Reason
    ) -> None:
        """Turn to the next, or to the same one once more if he says that."""
        if reason is Reason.LATER and request.put_off < _PUT_OFF_MAX:
            request.put_off += 1
            request.left.appendleft(peer)
            request.peer, request.due = None, now + LATER_S
        else:
            request.refusals.append((peer, reason))
            self._ask_next(now, request)

    def note_owned(self, ownership: Ownership) -> None:
        """Ask no more for what is owned here by now."""
        for number, ahead in list(self._requests):
            if number is not None and ownership.owner_of(number) == self._me:
                del self._requests[number, ahead]

    def note_grown(self) -> None:
        """Something was granted to this node: ask for no more than that."""
        self._requests.pop((None, False), None)
        self._requests.pop((None, True), None)

    def handle_timeout(self, now: float) -> None:
        """Turn to others where somebody is silent."""
        for request in list(self._requests.values()):
            if now >= request.due:
                if request.peer is not None:
                    request.refusals.append((request.peer, Reason.SILENT))
                self._ask_next(now, request)

    def poll_timeout(self) -> float | None:
        """Return when `handle_timeout` is wanted next."""
        return min((one.due for one in self._requests.values()), default=None)

    def poll_output(self) -> Output | None:
        """Return the next thing to be sent or told, or None."""
        return self._outputs.popleft() if self._outputs else None

    def _ask_next(self, now: float, request: _Request) -> None:
        number, ahead = request.number, request.ahead
        if not request.left:
            del self._requests[number, ahead]
            refusals = tuple(request.refusals)
            self._outputs.append(GivenUp(self.realm, number, refusals, ahead))
            return
        request.peer, request.due = request.left.popleft(), now + ANSWER_S
        self._outputs.append(Ask(request.peer, self.realm, number, ahead))


def donors_of(
    ownership: Ownership, me: NodeId, live: frozenset[NodeId], number: int | None
) -> list[NodeId]:
    """Return whom to ask: a number's owner, or all who live, who owns most first."""
    if number is not None:
        owner = ownership.owner_of(number)
        return [] if owner is None or owner == me or owner not in live else [owner]
    sizes = sizes_of(ownership)
    owners = [node for node in sizes if node != me and node in live]
    return sorted(owners, key=lambda node: (-sizes[node], node))


def sizes_of(ownership: Ownership) -> Mapping[NodeId, int]:
    """Return how many numbers each owns, used or not."""
    sizes: dict[NodeId, int] = {}
    for holding in ownership.holdings():
        sizes[holding.owner] = sizes.get(holding.owner, 0) + holding.span.size
    return sizes
