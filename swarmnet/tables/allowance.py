"""What each peer may have of us: so much a second, and so much at once.

A peer that asks without end, whatever for, costs a bounded share of time and bytes; and
what it has used up is its own share alone.
"""

from typing import Final

from swarmnet.ids import NodeId

_PEERS_MAX: Final = 1024
"""Of the others it is forgotten what they had."""


class Allowance:
    """A purse for each peer, filled with `per_s`, and `most` when full.

    A purse may run into debt by what was spent last: that is known only afterwards.
    """

    __slots__ = ("_most", "_per_s", "_purses")

    def __init__(self, per_s: float, most: float) -> None:
        self._per_s = per_s
        self._most = most
        self._purses: dict[NodeId, tuple[float, float]] = {}

    def allows(self, now: float, peer: NodeId) -> bool:
        """Return whether there is anything in a peer's purse."""
        held, since = self._purses.pop(peer, (self._most, now))
        held = min(self._most, held + (now - since) * self._per_s)
        self._purses[peer] = (held, now)
        if len(self._purses) > _PEERS_MAX:
            del self._purses[next(iter(self._purses))]
        return held > 0

    def spend(self, now: float, peer: NodeId, amount: float) -> None:
        """Take from a peer's purse, after `allows`."""
        held, _ = self._purses.get(peer, (self._most, now))
        self._purses[peer] = (held - amount, now)
