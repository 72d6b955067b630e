"""How long a peer may take to answer: from measured round trips and coordinates.

RFC 6298 gives a peer `SRTT + 4 * RTTVAR`. In a cluster of thousands hardly any peer is
measured often enough for that, so the smoothed round trip is replaced by what Vivaldi
coordinates predict, and the variation by how far predictions have been off lately:

    timeout = distance + max(least, 4 * deviation)
    deviation <- 3/4 * deviation + 1/4 * |measured - predicted|

`least` keeps a machine that is busy for a moment from being suspected; the whole is
bounded as well.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from swarmnet.ids import NodeId
from swarmnet.swim.coordinates import Coordinate, Vivaldi

_DEVIATIONS: Final = 4.0
_GAIN: Final = 0.25
_STRANGER: Final = 8.0
_FORGET: Final = 0.98
"""How the farthest round trip fades with every sample: to a half after 34."""
BOUNDS_S: Final = (
    *(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05),
    *(0.1, 0.2, 0.5, 1.0, 2.0),
)
"""Round trips are counted between these, for people."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How measured round trips are spread.

    `counts[i]` are those of `BOUNDS_S[i]` at most and above the bound before; the last
    are above all. `total_s` is the sum of all.
    """

    counts: Sequence[int]
    total_s: float


class RoundTrips:
    """What one node knows of the time that answers take.

    `timeout_max_s` is what is given to a peer of which nothing is known, and the most.
    """

    __slots__ = (
        "_counts",
        "_deviation_s",
        "_farthest_s",
        "_peers",
        "_random",
        "_timeout_max_s",
        "_total_s",
        "_vivaldi",
        "samples",
    )

    def __init__(self, random: Random, timeout_max_s: float) -> None:
        self._random = random
        self._timeout_max_s = timeout_max_s
        self._vivaldi = Vivaldi()
        self._peers: dict[NodeId, Coordinate] = {}
        self._deviation_s = timeout_max_s / _DEVIATIONS
        self._farthest_s: float | None = None
        self.samples = 0
        self._counts = [0] * (len(BOUNDS_S) + 1)
        self._total_s = 0.0

    @property
    def coordinate(self) -> Coordinate:
        """Where this node is, as far as it can tell."""
        return self._vivaldi.coordinate

    def estimate(self, peer: NodeId) -> float | None:
        """Return the expected round trip to `peer` in seconds, or None.

        Who has never told us where it is may be farther than all who did: it counts as
        eight times as far as the farthest that was measured lately. Where it is farther
        still its late answers will say so.
        """
        theirs = self._peers.get(peer)
        if theirs is None:
            farthest_s = self._farthest_s
            return None if farthest_s is None else _STRANGER * farthest_s
        return self._vivaldi.coordinate.distance_to(theirs)

    def expect(self, peer: NodeId, least_s: float) -> tuple[float, float]:
        """Return what an answer of `peer` ought to take, and what more it may, in s."""
        most_s = self._timeout_max_s
        expected_s = self.estimate(peer)
        if expected_s is None:
            return 0.0, most_s
        least_s = min(least_s, most_s / 2)
        expected_s = min(most_s - least_s, expected_s)
        more_s = max(least_s, _DEVIATIONS * self._deviation_s)
        return expected_s, min(most_s - expected_s, more_s)

    def is_uncertain(self, least_s: float) -> bool:
        """Return whether predictions are so far off that more than `least_s` is given.

        Each further measurement then makes probes end sooner.
        """
        return _DEVIATIONS * self._deviation_s > least_s

    def note(self, peer: NodeId, theirs: Coordinate, rtt_s: float) -> bool:
        """Learn from an answer that took `rtt_s`; False if that cannot be true."""
        predicted_s = self._vivaldi.coordinate.distance_to(theirs)
        if not self._vivaldi.update(peer, theirs, rtt_s, self._random):
            return False
        self.samples += 1
        self._counts[bisect_left(BOUNDS_S, rtt_s)] += 1
        self._total_s += rtt_s
        self._peers[peer] = theirs
        # A peer that lies about where it is may cost others patience, but not more
        # than a peer of which nothing is known.
        off_s = min(abs(rtt_s - predicted_s), self._timeout_max_s / _DEVIATIONS)
        self._deviation_s += _GAIN * (off_s - self._deviation_s)
        farthest_s = self._farthest_s or 0.0
        self._farthest_s = max(rtt_s, farthest_s * _FORGET)
        return True

    def spread(self) -> Spread:
        """Return how all that was measured is spread."""
        return Spread(tuple(self._counts), self._total_s)

    def place(self, peer: NodeId, theirs: Coordinate) -> None:
        """Take where a peer says that it is, though nothing was measured."""
        self._peers[peer] = theirs

    def forget(self, peer: NodeId) -> None:
        """Keep nothing about a peer that is gone."""
        self._peers.pop(peer, None)
        self._vivaldi.forget(peer)
