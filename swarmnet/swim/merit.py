"""Figures of merit: what happens again and again to one member counts, and fades.

BGP route flap damping (RFC 2439, section 4.2): every flap adds a penalty, the sum of
penalties halves in a fixed time, and what has passed the cutoff is suppressed until the
sum has decayed below the reuse threshold. Two things here are judged so: members that
die and return (`damping`), and accusers that were wrong (`credit`).
"""

from dataclasses import dataclass
from math import log2

from swarmnet.ids import NodeId


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When a sum of penalties suppresses, when it no longer does, and its bound.

    `half_life_s` is in seconds; the others count penalties.
    """

    half_life_s: float
    cutoff: float
    reuse: float
    most: float

    @property
    def longest_s(self) -> float:
        """For how long at most somebody is suppressed after the last penalty."""
        return self.half_life_s * log2(self.most / self.reuse)


class Merit:
    """The penalties of some members, bounded in number by those that have any."""

    __slots__ = ("_sums", "_suppressed", "_thresholds")

    def __init__(self, thresholds: Thresholds) -> None:
        self._thresholds = thresholds
        self._sums: dict[NodeId, tuple[float, float]] = {}
        self._suppressed: dict[NodeId, None] = {}

    def penalty(self, now: float, node: NodeId) -> float:
        """Return the sum of `node`'s penalties, as far as they have not faded."""
        held = self._sums.get(node)
        if held is None:
            return 0.0
        penalty, since = held
        return float(penalty * 0.5 ** ((now - since) / self._thresholds.half_life_s))

    def add(self, now: float, node: NodeId, penalty: float) -> None:
        """Charge `node` with a penalty."""
        limits = self._thresholds
        total = min(limits.most, self.penalty(now, node) + penalty)
        self._sums[node] = (total, now)
        if total >= limits.cutoff:
            self._suppressed[node] = None

    def suppressed_s(self, now: float, node: NodeId) -> float:
        """Return for how many seconds `node` is still suppressed; 0 if it is not."""
        if node not in self._suppressed:
            return 0.0
        limits = self._thresholds
        ratio = self.penalty(now, node) / limits.reuse
        # Rounding must not leave a wait too short for the clock to see.
        if ratio <= 1 + 1e-9:
            del self._suppressed[node]
            return 0.0
        return limits.half_life_s * log2(ratio)

    def forgive(self, node: NodeId) -> None:
        """Forget all of `node`'s penalties."""
        self._sums.pop(node, None)
        self._suppressed.pop(node, None)
