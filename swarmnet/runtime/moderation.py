"""Interrupt moderation, as network cards do it: who is flooded wakes less often.

To wake costs a process more than a datagram does, for all that it touches has left the
caches meanwhile. So while datagrams come fast they are let gather until some are there,
and are taken together. How long that takes counts from the last time.
"""

from typing import Final

FLOOD_PER_S: Final = 600.0
"""What comes no faster than this is taken as it comes.

A node at rest hears some 10 datagrams a second, whatever the size of its cluster; a
hundred rows that change in a second are 500.
"""
BURST: Final = 200
"""So many above that are no flood yet: what gossip brings of one event."""
FLOOD_S: Final = 0.25
"""What has been a flood is one for at most so much longer."""
GATHER: Final = 12
"""So many are to be taken together, if they come within `INTERVAL_S_MAX`.

Fewer where they come faster, down to none at one in `ANSWER_S`: whoever waits for
answers before it asks on would wait as well, and node and asker work by turns.
"""
ANSWER_S: Final = 1e-4
"""About what an answer takes. A node that is asked as often has no time to spare, and
what comes while it answers gathers by itself."""
INTERVAL_S_MAX: Final = 0.01
"""Well below any timeout; what comes in so long fits the buffer of an agent's socket,
which is enlarged beyond what others may have."""
_SMOOTHING_S: Final = 0.1
_SHORTEST_S: Final = 1e-6


class Moderation:
    """Says how long the next datagrams may gather.

    A leaky bucket says whether they are a flood, a mean over 0.1 s how fast they come.
    """

    __slots__ = ("_level", "_rate_per_s", "_seen_s")

    def __init__(self) -> None:
        self._level = 0.0
        self._rate_per_s = 0.0
        self._seen_s = 0.0

    def interval_s(self, now: float, count: int) -> float:
        """Return how long after `now` to look again, where `count` were there; or 0.

        `now` is in seconds and rises.
        """
        passed_s = max(now - self._seen_s, _SHORTEST_S)
        self._seen_s = now
        share = min(passed_s / _SMOOTHING_S, 1.0)
        self._rate_per_s += share * (count / passed_s - self._rate_per_s)
        level = max(self._level - passed_s * FLOOD_PER_S, 0.0) + count
        self._level = min(level, BURST + FLOOD_S * FLOOD_PER_S)
        if self._level <= BURST:
            return 0.0
        spare_s = 1 / max(self._rate_per_s, FLOOD_PER_S) - ANSWER_S
        return max(0.0, min(INTERVAL_S_MAX, GATHER * spare_s))
