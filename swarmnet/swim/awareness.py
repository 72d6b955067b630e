"""Local health: a node that is slow itself should not blame its peers.

Lifeguard (arXiv 1707.00788) section IV-A, "Local Health Aware Probe": a saturating
counter from 0 to S - 1. Unlike memberlist, which scales the interval alone, both the
interval and the timeout of a probe are stretched by the score plus one, as the paper
has it.
"""

from enum import Enum, auto


class HealthEvent(Enum):
    """What moves the local health score (Lifeguard section IV-A).

    The first lowers it by one, each other raises it by one.
    """

    PROBE_SUCCEEDED = auto()
    PROBE_FAILED = auto()
    NACK_MISSED = auto()
    """A helper asked to ping has sent neither ack nor nack: we hear badly."""
    REFUTED = auto()
    """We were suspected, so our answers came late."""
    LATE = auto()
    """The driver says that it ran late. Not in the paper, which cannot see it."""


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
        """Move the score by one, within its bounds."""
        step = -1 if event is HealthEvent.PROBE_SUCCEEDED else 1
        self.score = min(self._health_max - 1, max(0, self.score + step))
