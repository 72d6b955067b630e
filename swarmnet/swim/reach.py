"""How a peer answers us: what is degraded is seen and shown here, and never gossiped.

A member that answers others but not us, or us by detours alone, is neither dead nor
well. Declaring it dead would be wrong, and telling others what is true of one path only
would make them oscillate (Rapid, ATC 2018, figures 9 and 10). So each node keeps to
itself, for each peer, by which way the last probes were answered.
"""

from enum import Enum, auto
from typing import Final

from swarmnet.ids import NodeId

_PROBES: Final = 3
"""So many probes in a row must have ended alike: one may lose its datagrams."""


class Reach(Enum):
    """By which way a peer answers our probes."""

    DIRECT = auto()
    """It answers our datagrams."""
    INDIRECT = auto()
    """Only others get answers from it: the path between us is broken."""
    STREAM_ONLY = auto()
    """It answers on streams, not on datagrams: UDP is blocked between us."""
    ONE_WAY = auto()
    """It is heard, but answers no probe: it does not hear us."""


class Reaches:
    """The peers that are not reached directly, and why."""

    __slots__ = ("_degraded", "_streaks")

    def __init__(self) -> None:
        self._streaks: dict[NodeId, tuple[Reach, int]] = {}
        self._degraded: dict[NodeId, Reach] = {}

    def note(self, peer: NodeId, reach: Reach) -> bool:
        """Take the outcome of a probe; return whether the peer's reach has changed."""
        before = self.reach(peer)
        if reach is Reach.DIRECT:
            self.forget(peer)
            return before is not reach
        last, count = self._streaks.get(peer, (reach, 0))
        count = count + 1 if last is reach else 1
        self._streaks[peer] = (reach, count)
        if count < _PROBES:
            return False
        self._degraded[peer] = reach
        return before is not reach

    def forget(self, peer: NodeId) -> None:
        """Think nothing ill of a peer any more."""
        if self._streaks:
            self._streaks.pop(peer, None)
            self._degraded.pop(peer, None)

    def reach(self, peer: NodeId) -> Reach:
        """Return how `peer` answers; DIRECT if nothing else is known."""
        return self._degraded.get(peer, Reach.DIRECT)

    def degraded(self) -> dict[NodeId, Reach]:
        """Return every peer that is not reached directly."""
        return dict(self._degraded)
