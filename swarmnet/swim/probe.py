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
    """A probe in progress; times are on the engine's clock.

    `number` is that of its first ping, which was sent at `began`; `pings` holds when
    each of its pings was sent, by number. `expected_s` is what a round trip ought to
    take and `step_s` what passes between two pings, while our health is perfect; `ends`
    is when the target will have failed the probe. `helpers` are those asked to ping who
    owe an ack or a nack; `nacked` are those whose nack came. `heard` is whether
    anything else came from the target meanwhile; `late` is whether we did not run for a
    while, so that times tell nothing; `in_turn` is whether the target was next in the
    round.
    """

    target: NodeId
    version: tuple[int, int]
    number: int
    began: float
    expected_s: float
    step_s: float
    in_turn: bool
    pings: dict[int, float] = field(default_factory=dict)
    ends: float = float("inf")
    stage: Stage = Stage.DIRECT
    helpers: tuple[NodeId, ...] = ()
    nacked: dict[NodeId, None] = field(default_factory=dict)
    heard: bool = False
    late: bool = False

    @property
    def timeout_s(self) -> float:
        """How long a direct answer may take while our health is perfect."""
        return self.expected_s + 2 * self.step_s

    def missed_nacks(self) -> int:
        """Return how many helpers said nothing at all: a sign that we are at fault."""
        return len(self.helpers) - len(self.nacked)


@dataclass(frozen=True, slots=True)
class Help:
    """A ping to `target` that we sent for somebody else; `sequence` is his."""

    asker: NodeId
    target: NodeId
    sequence: int
