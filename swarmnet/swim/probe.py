"""One probe of one member, as a value (SWIM section 3.1, Lifeguard section IV-A)."""

from dataclasses import dataclass, field
from enum import Enum, auto

from swarmnet.ids import NodeId


class Stage(Enum):
    """How far a probe has come."""

    DIRECT = auto()
    """Pinged, and within half of the timeout."""
    REPEATED = auto()
    """Pinged twice, and within the timeout: one datagram may get lost."""
    INDIRECT = auto()
    """Unanswered: others were asked to ping, and a stream was tried."""


@dataclass(slots=True)
class Probe:
    """A probe in progress.

    `ends` is when the target will have failed it, on the engine's clock. `helpers` are
    those asked to ping who owe an ack or a nack; `nacked` are those whose nack came.
    """

    target: NodeId
    version: tuple[int, int]
    ends: float
    stage: Stage = Stage.DIRECT
    helpers: tuple[NodeId, ...] = ()
    nacked: dict[NodeId, None] = field(default_factory=dict)

    def missed_nacks(self) -> int:
        """Return how many helpers said nothing at all: a sign that we are at fault."""
        return len(self.helpers) - len(self.nacked)


@dataclass(frozen=True, slots=True)
class Help:
    """A ping to `target` that we sent for somebody else; `sequence` is his."""

    asker: NodeId
    target: NodeId
    sequence: int
