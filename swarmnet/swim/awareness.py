"""Local health: a node that is slow itself should not blame its peers.

Lifeguard (arXiv 1707.00788) section IV-A, "Local Health Aware Probe": a saturating
counter from 0 to S - 1. Unlike memberlist, which scales the interval alone, both the
interval and the timeout of a probe are stretched by the score plus one, as the paper
has it.
"""

from enum import IntEnum


class HealthEvent(IntEnum):
    """What moves the local health score, and by how much (Lifeguard table I)."""

    PROBE_SUCCEEDED = -1
    PROBE_FAILED = 1
    NACK_MISSED = 2
    REFUTED = 3
    LATE = 4


class Awareness:
    """The local health multiplier; 1 while all is well, at most `health_max`."""

    __slots__ = ("_health_max", "score")

    def __init__(self, health_max: int) -> None:
        self._health_max = health_max
        self.score = 0

    @property
    def multiplier(self) -> int:
        """By how much probe interval and timeout are stretched: 1 to S."""
        return self.score + 1

    def note(self, event: HealthEvent) -> None:
        """Move the score by one: down for a success, up for everything else."""
        step = -1 if event is HealthEvent.PROBE_SUCCEEDED else 1
        self.score = min(self._health_max - 1, max(0, self.score + step))
