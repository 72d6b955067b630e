"""Who sends what nobody signed is not read for a while.

Whoever passes a claim or a certificate on has verified it, so one that is false comes
from a liar, or from one who does not know yet that its signer was revoked. To find it
false takes a verification of some 150 us, several times what the rest of a datagram
costs, and nothing is remembered of it: a member that sends forgeries could take all of
a node's time. So each may send a few a second; after those its claims wait for the next
second, when digests or a repetition bring what was true among them.
"""

from typing import Final

from swarmnet.ids import NodeId

WINDOW_S: Final = 1.0
FORGERIES_MAX: Final = 8
"""What one member may have us find false per window: 1.2 ms."""


class Doubt:
    """How many forgeries each member has sent in the present window."""

    __slots__ = ("_forged", "_since")

    def __init__(self) -> None:
        self._since = float("-inf")
        self._forged: dict[NodeId, int] = {}

    def note(self, now: float, sender: NodeId) -> None:
        """Something from `sender` was found to be false."""
        if now >= self._since + WINDOW_S:
            self._since = now
            self._forged.clear()
        self._forged[sender] = self._forged.get(sender, 0) + 1

    def doubts(self, now: float, sender: NodeId) -> bool:
        """Return whether what `sender` sends is not to be verified now."""
        if now >= self._since + WINDOW_S:
            return False
        return self._forged.get(sender, 0) >= FORGERIES_MAX
