"""Claims whose author is unknown here: kept a while, and his certificate asked for.

Whoever relays a claim has verified it, so he has its author's certificate: he is asked
for it, and the claim is taken up when it comes. Should it get lost, nothing is: digests
go on differing, and the claim comes again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from swarmnet.ids import Address, NodeId
from swarmnet.node.envelope import WANTED_MAX
from swarmnet.swim.doubt import Doubt
from swarmnet.swim.outputs import SignerUnknown

ASK_AGAIN_S: Final = 0.25
"""Within so long one author's certificate is asked for once."""
KEPT_S: Final = 5.0
AUTHORS_MAX: Final = 4096
CLAIMS_MAX: Final = 8
"""Claims kept for one author: his own, and what he says of some others."""
ANSWERS_PER_S: Final = 128
"""Certificates that one peer is given each second."""


@dataclass(slots=True)
class _Stranger:
    """An author whose certificate was asked for, and what he is said to have said."""

    since: float
    asked: float
    claims: list[SignerUnknown]


class Introductions:
    """What waits for certificates, and who was given how many."""

    __slots__ = ("_doubt", "_given", "_strangers", "_to_ask", "_window")

    def __init__(self) -> None:
        self._doubt = Doubt()
        self._strangers: dict[NodeId, _Stranger] = {}
        self._to_ask: dict[tuple[NodeId, Address], list[NodeId]] = {}
        self._given: dict[NodeId, int] = {}
        self._window = float("-inf")

    def __len__(self) -> int:
        return len(self._strangers)

    def park(self, now: float, unknown: SignerUnknown) -> None:
        """Keep a claim until its author is known, and ask for him."""
        stranger = self._strangers.get(unknown.author)
        if stranger is None:
            self._make_room(now)
            stranger = _Stranger(now, float("-inf"), [])
            self._strangers[unknown.author] = stranger
        if len(stranger.claims) < CLAIMS_MAX and unknown not in stranger.claims:
            stranger.claims.append(unknown)
        if now - stranger.asked >= ASK_AGAIN_S:
            stranger.asked = now
            who = (unknown.sender, unknown.source)
            self._to_ask.setdefault(who, []).append(unknown.author)

    def questions(self) -> Iterator[tuple[NodeId, Address, Sequence[NodeId]]]:
        """Yield whom to ask, where he is, and for whose certificates; each once."""
        while self._to_ask:
            who = next(iter(self._to_ask))
            authors = self._to_ask.pop(who)
            for start in range(0, len(authors), WANTED_MAX):
                yield (*who, authors[start : start + WANTED_MAX])

    def awaits(self, now: float, peer: NodeId, author: NodeId | None) -> bool:
        """Return whether a certificate that `peer` sends is worth verifying.

        It is if a claim waits for it, and as long as few of his were false.
        """
        return author in self._strangers and not self._doubt.doubts(now, peer)

    def note_false(self, now: float, peer: NodeId) -> None:
        """A certificate that `peer` sent was false."""
        self._doubt.note(now, peer)

    def release(self, author: NodeId) -> list[SignerUnknown]:
        """Return what waited for `author`, who is known now."""
        stranger = self._strangers.pop(author, None)
        return [] if stranger is None else stranger.claims

    def may_give(self, now: float, asker: NodeId, count: int) -> int:
        """Return how many of `count` certificates a peer may be given now."""
        if now >= self._window + 1.0:
            self._window = now
            self._given.clear()
        given = self._given.get(asker, 0)
        granted = min(count, max(0, ANSWERS_PER_S - given))
        self._given[asker] = given + granted
        return granted

    def _make_room(self, now: float) -> None:
        """Drop what nobody vouched for in time, and the oldest beyond the bound."""
        while self._strangers:
            author, stranger = next(iter(self._strangers.items()))
            young = now - stranger.since < KEPT_S
            if young and len(self._strangers) < AUTHORS_MAX:
                return
            del self._strangers[author]
