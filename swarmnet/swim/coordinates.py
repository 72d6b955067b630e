"""Network coordinates: what a round trip to any member ought to take.

Vivaldi (Dabek et al., SIGCOMM 2004): each node is a point, each measured round trip a
spring between two points, and the distance of two points an estimate of the round trip
between two nodes that may never have met. As in serf, refined by

- a height above the space, for the access link that every path shares (Vivaldi 5.4);
- a median per peer, and gravity towards the origin, against outliers and drift (Ledlie
  et al., "Network Coordinates in the Wild", NSDI 2007);
- an adjustment, the mean error of late samples, for what no point can express (Lee et
  al., "On Suitability of Euclidean Embedding", ToN 2010).

A peer may lie about where it is, and may hold its answers back; it cannot hasten them.
So one sample moves a node (vector and height together) by no more than its span: the
longest round trip that it measured lately. The span, not this one round trip, because
of the way back: one who holds back his answers for a second pushes us off by parts of
it, and peers at 1 ms, each held to its 1 ms, would never bring us home. To push us by x
a liar must thus show a round trip of x, and honest peers then undo it as fast.
"""

from array import array
from dataclasses import field
from functools import lru_cache
from math import dist, fsum, hypot
from random import Random
from struct import Struct
from typing import Final

from swarmnet.errors import BadPacket
from swarmnet.ids import NodeId
from swarmnet.records import record

DIMENSIONS: Final = 8
"""Ledlie et al. saw no gain beyond 7; serf uses 8."""
RTT_S_MAX: Final = 10.0
"""A longer round trip is no measure of a network."""
VECTOR_S_MAX: Final = 10.0
"""How long a vector may be; in what others say, and a millionth for their rounding."""
HEIGHT_S_MAX: Final = 10.0
HEIGHT_S_MIN: Final = 9.999999747378752e-06
"""10 us, as a float32 has it: heights must be positive, and survive the wire."""
ADJUSTMENT_S_MAX: Final = RTT_S_MAX / 2
"""Half of the mean of errors, none of which exceeds a round trip."""
ERROR_MAX: Final = 1.5
"""The error of a node that has measured nothing."""

_ERROR_GAIN: Final = 0.25
"""Vivaldi's c_e: how much one sample may tell of our error."""
_FORCE_GAIN: Final = 0.25
"""Vivaldi's c_c: how far towards the measured distance one sample may move us."""
_WINDOW: Final = 20
"""Samples that the adjustment is the mean of."""
_GRAVITY_RHO_S: Final = 150.0
"""Ledlie's rho: gravity grows with the square of distance over this. Weak: 0.04 ms
per sample to one that is 1 s from the origin."""
_SPAN_DECAY: Final = 0.95
"""Per sample. After the adjustment's window a third is left of a span."""
_TINY: Final = 1e-6
"""Nearer than so many seconds, two points coincide and have no direction; and nothing
smaller is divided by."""

_LAYOUT: Final = Struct(f">{DIMENSIONS}f3f")
"""The vector, then error, adjustment and height."""
COORDINATE_BYTES: Final = _LAYOUT.size
_LENGTH_S_ACCEPTED: Final = VECTOR_S_MAX * (1 + 1e-6)
_UNPACKED_MAX: Final = 1 << 14


@record
class Coordinate:
    """Where a node is in the space of round trips.

    `vector` has 8 components in seconds and is no longer than 10 s; `error` is
    relative, 0 to 1.5; `adjustment` is -5 to 5 s, `height` 10 us to 10 s.
    """

    vector: tuple[float, ...]
    error: float
    adjustment: float
    height: float
    _packed: bytes = field(default=b"", init=False, repr=False, compare=False)

    def distance_to(self, other: "Coordinate") -> float:
        """Return the estimated round trip to `other` in seconds; above 0."""
        raw_s = dist(self.vector, other.vector) + self.height + other.height
        adjusted_s = raw_s + self.adjustment + other.adjustment
        return adjusted_s if adjusted_s > 0.0 else raw_s

    def pack(self) -> bytes:
        """Return 44 bytes: eleven float32, big-endian; the vector, then the rest.

        Packed at the first call and kept, for a coordinate is sent many times.
        """
        if not self._packed:
            packed = _LAYOUT.pack(
                *self.vector, self.error, self.adjustment, self.height
            )
            object.__setattr__(self, "_packed", packed)
        return self._packed


ORIGIN: Final = Coordinate((0.0,) * DIMENSIONS, ERROR_MAX, 0.0, HEIGHT_S_MIN)
"""Where every node begins."""


# Pure; and where one process simulates many nodes, each coordinate is read by many.
@lru_cache(maxsize=_UNPACKED_MAX)
def unpack_coordinate_untrusted(data: bytes) -> Coordinate:
    """Read `Coordinate.pack`'s form.

    Raises:
        BadPacket: not 44 bytes, or a number is not finite or out of its bounds.
    """
    if len(data) != COORDINATE_BYTES:
        raise BadPacket(f"coordinate of {len(data)} bytes, want {COORDINATE_BYTES}")
    *vector, error, adjustment, height = _LAYOUT.unpack(data)
    # Not finite fails one of these, for NaN compares with nothing.
    if not (
        hypot(*vector) <= _LENGTH_S_ACCEPTED
        and 0.0 <= error <= ERROR_MAX
        and -ADJUSTMENT_S_MAX <= adjustment <= ADJUSTMENT_S_MAX
        and HEIGHT_S_MIN <= height <= HEIGHT_S_MAX
    ):
        raise BadPacket(f"coordinate out of bounds: {data.hex()}")
    return Coordinate(tuple(vector), error, adjustment, height)


class Vivaldi:
    """One node's estimate of where it is.

    `coordinate` is within the bounds of `Coordinate` whatever the samples: the mean,
    the clamp and the projection that make it are; so it never has to be reset.
    `start` is where it begins: the origin, or where a former life had got to.
    """

    __slots__ = ("_filters", "_misses", "_next_miss", "_span_s", "coordinate")

    def __init__(self, start: Coordinate = ORIGIN) -> None:
        self.coordinate = start
        self._filters: dict[NodeId, tuple[float, ...]] = {}
        self._misses = array("d", [0.0] * _WINDOW)
        self._next_miss = 0
        self._span_s = 0.0

    def update(
        self, peer: NodeId, theirs: Coordinate, rtt_s: float, random: Random
    ) -> bool:
        """Move a little, to where a measured round trip agrees better.

        `theirs` is what `peer` says of itself, within the bounds of `Coordinate`.
        Returns False, with nothing changed, unless 0 < `rtt_s` <= 10.
        """
        if not 0.0 < rtt_s <= RTT_S_MAX:
            return False
        mine = self.coordinate
        rtt_s = self._median_s(peer, rtt_s)
        if rtt_s < _TINY:
            rtt_s = _TINY
        self._span_s *= _SPAN_DECAY
        if self._span_s < rtt_s:
            self._span_s = rtt_s
        estimate_s = mine.distance_to(theirs)
        weight = mine.error / max(mine.error + theirs.error, _TINY)
        # What is capped at 1.5 as error is so as evidence: one absurd sample shall not
        # make us forget all that we know.
        wrongness = min(abs(estimate_s - rtt_s) / rtt_s, ERROR_MAX)
        error = mine.error + _ERROR_GAIN * weight * (wrongness - mine.error)
        force_s = _FORCE_GAIN * weight * (rtt_s - estimate_s)
        vector, height = self._push(theirs, force_s, random)
        vector, height = _settle(vector, height)
        miss_s = rtt_s - dist(vector, theirs.vector) - height - theirs.height
        self._misses[self._next_miss] = _clamp(miss_s, self._span_s)
        self._next_miss = (self._next_miss + 1) % _WINDOW
        adjustment = fsum(self._misses) / (2 * _WINDOW)
        self.coordinate = Coordinate(vector, error, adjustment, height)
        return True

    def forget(self, peer: NodeId) -> None:
        """Drop what is kept of a peer; it need not have been sampled."""
        self._filters.pop(peer, None)

    def _median_s(self, peer: NodeId, rtt_s: float) -> float:
        """Return the median of this and the last two samples, as far as there are.

        Of two the greater, as in serf.
        """
        former = self._filters.get(peer)
        if former is None:
            self._filters[peer] = (rtt_s,)
            return rtt_s
        low = high = former[-1]
        self._filters[peer] = (high, rtt_s)
        if len(former) == 1:
            return max(high, rtt_s)
        if former[0] < low:
            low = former[0]
        else:
            high = former[0]
        if rtt_s < low:
            return low
        return rtt_s if rtt_s < high else high

    def _push(
        self, theirs: Coordinate, force_s: float, random: Random
    ) -> tuple[tuple[float, ...], float]:
        """Return vector and height, pushed from `theirs` (or pulled, below 0)."""
        mine = self.coordinate
        gap_s = dist(mine.vector, theirs.vector)
        if gap_s <= _TINY:
            force_s = _clamp(force_s, self._span_s)
            unit = _random_unit(len(mine.vector), random)
            pairs = zip(mine.vector, unit, strict=True)
            return tuple([a + force_s * u for a, u in pairs]), mine.height
        # The height takes its share of the force (Vivaldi 5.4), which is many times
        # the force where vectors are close: so both together are held to the span.
        share = (mine.height + theirs.height) / gap_s
        force_s = _clamp(force_s, self._span_s / (1.0 + share))
        step = force_s / gap_s
        pairs = zip(mine.vector, theirs.vector, strict=True)
        vector = tuple([a + (a - b) * step for a, b in pairs])
        return vector, mine.height + force_s * share


def _settle(
    vector: tuple[float, ...], height: float
) -> tuple[tuple[float, ...], float]:
    """Return both after gravity and within their bounds; the origin does not move.

    Both only lead back towards the origin, so that no lie gains by them.
    """
    length_s = hypot(*vector)
    if length_s > _TINY:
        pull = ((length_s + height) / _GRAVITY_RHO_S) ** 2 / length_s
        keep = 1.0 - min(pull, 1.0)
        height *= keep
        if length_s > VECTOR_S_MAX:
            keep = min(keep, VECTOR_S_MAX / length_s)
        vector = tuple([component * keep for component in vector])
    return vector, min(max(height, HEIGHT_S_MIN), HEIGHT_S_MAX)


def _random_unit(dimensions: int, random: Random) -> list[float]:
    """Return a vector of length 1 in a random direction."""
    draws = [random.random() - 0.5 for _ in range(dimensions)]
    length = hypot(*draws)
    return [draw / length for draw in draws] if length > _TINY else [1.0, *draws[1:]]


def _clamp(value: float, bound: float) -> float:
    if value > bound:
        return bound
    return value if value > -bound else -bound
