"""LHA-Probe's counter: a node that is slow itself gives its peers more time.

Source: section IV-A of the Lifeguard paper. The counter saturates at S, 8 there, so
that a period of 1 s and a timeout of 0.5 s grow to 9 s and 4.5 s.
"""

from collections.abc import Mapping
from enum import Enum, auto
from typing import Final


class HealthEvent(Enum):
    """What moves the local health multiplier."""

    PROBE_SUCCEEDED = auto()
    PROBE_FAILED = auto()
    NACK_MISSED = auto()
    """A helper asked to ping sent neither ack nor nack: we may not hear."""
    REFUTED = auto()
    """We were suspected, or dead already: our answers came late."""


STEPS: Final[Mapping[HealthEvent, int]] = {
    HealthEvent.PROBE_SUCCEEDED: -1,
    HealthEvent.PROBE_FAILED: +1,
    HealthEvent.NACK_MISSED: +1,
    HealthEvent.REFUTED: +1,
}


class LocalHealth:
    """The local health multiplier of one node: 0 while all is well."""

    __slots__ = ("_health_max", "multiplier")

    def __init__(self, health_max: int) -> None:
        self._health_max = health_max
        self.multiplier = 0

    def note(self, event: HealthEvent) -> None:
        """Move the multiplier by the event's step, within 0 and S."""
        moved = self.multiplier + STEPS[event]
        self.multiplier = min(self._health_max, max(0, moved))

    def stretch(self, seconds: float) -> float:
        """Return an interval or a timeout as this node's health has it, in s."""
        return seconds * (self.multiplier + 1)
