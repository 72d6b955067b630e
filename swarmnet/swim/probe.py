"""One probe of one member, as a value (SWIM section 3.1, Lifeguard section IV-A)."""

from dataclasses import dataclass
from enum import Enum, auto

from swarmnet.ids import NodeId


class Stage(Enum):
    """How far a probe has come."""

    DIRECT = auto()
    """Pinged, and within the timeout."""
    INDIRECT = auto()
    """Unanswered: others were asked to ping, and a stream was tried."""


@dataclass(slots=True)
class Probe:
    """A probe in progress.

    `ends` is when the target will have failed it, on the engine's clock. `helpers` are
    those asked to ping who owe an ack or a nack; `nacks` is how many nacks came.
    """

    target: NodeId
    version: tuple[int, int]
    ends: float
    stage: Stage = Stage.DIRECT
    helpers: tuple[NodeId, ...] = ()
    nacks: int = 0

    def missed_nacks(self) -> int:
        """Return how many helpers said nothing at all: a sign that we are at fault."""
        return max(0, len(self.helpers) - self.nacks)


@dataclass(frozen=True, slots=True)
class Help:
    """A ping that we sent for somebody else; `sequence` is his."""

    asker: NodeId
    sequence: int
