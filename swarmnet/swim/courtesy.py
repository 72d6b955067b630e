"""How much of our time one member may take: what is answered costs, and is bounded.

Whoever asks is a member, and most that ask much have a reason; but one that lies, or
is broken, must not make a node answer until it has no bytes and no time for others.
"""

from typing import Final

from swarmnet.ids import NodeId
from swarmnet.swim.messages import (
    Compare,
    Have,
    Heartbeat,
    Join,
    Message,
    Ping,
    PingRequest,
    Ranges,
    SketchOffer,
    Want,
    WantClaims,
)

WINDOW_S: Final = 0.1
ALLOWANCE: Final = 32
"""What one member may use up per window. A repair by ranges takes some 16."""
LONG_WINDOW_S: Final = 1.0
LONG_ALLOWANCE: Final = 128
"""The same per second: some 110 bytes each, so less than a node may send in all."""
_COSTS: Final[dict[type[Message], int]] = {
    Ping: 1,
    Heartbeat: 1,
    # A ping, its answer's way on, and an answer to who asked.
    PingRequest: 3,
    Have: 1,
    Want: 1,
    Compare: 1,
    # These walk through all that is held.
    SketchOffer: 4,
    WantClaims: 4,
    Ranges: 4,
    Join: 4,
}
CORRECTION: Final = 8
"""Telling who speaks of what is past how it stands now: some 200 bytes."""


def cost_of(message: Message) -> int:
    """Return what answering `message` costs; 0 for what calls for no answer."""
    return _COSTS.get(type(message), 0)


class Courtesy:
    """What each member has used up in the present windows, short and long."""

    __slots__ = ("_long_since", "_long_used", "_since", "_used")

    def __init__(self) -> None:
        self._since = float("-inf")
        self._used: dict[NodeId, int] = {}
        self._long_since = float("-inf")
        self._long_used: dict[NodeId, int] = {}

    def allows(self, now: float, member: NodeId, cost: int) -> bool:
        """Charge `member`; return False if that is more than it may use up."""
        if not cost:
            return True
        if now >= self._since + WINDOW_S:
            self._since = now
            self._used.clear()
        if now >= self._long_since + LONG_WINDOW_S:
            self._long_since = now
            self._long_used.clear()
        used = self._used.get(member, 0) + cost
        long_used = self._long_used.get(member, 0) + cost
        if used > ALLOWANCE or long_used > LONG_ALLOWANCE:
            return False
        self._used[member] = used
        self._long_used[member] = long_used
        return True
