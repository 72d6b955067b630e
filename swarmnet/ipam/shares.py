"""How much is given to whom: slices for all when a network is made, and later a half.

Every member has a slice from the beginning, so that a host that is cut off later still
allocates. Whoever makes the network keeps most of it for those who will come, as long
as there is enough. Who runs short asks another for half of what that one has free.
"""

from collections.abc import Sequence
from typing import Final

from swarmnet.ids import NodeId
from swarmnet.ipam.spans import Span, Spans

SLICE_MIN: Final = 16
"""So many numbers a member is given as long as there are as many for each."""
_KEPT: Final = 4
"""One part in so many is shared out at once, the rest is kept for those who come."""


def slice_size(free: int, members: int) -> int:
    """Return how many numbers each of `members` gets of `free`; 0 if there are none.

    A power of two, so that slices can be halved again and again: of all that there is
    a quarter is shared out, or more if that would be under `SLICE_MIN` for each.
    """
    if members == 0 or free < members + 1:
        return min(free, 1) if members else 0
    fair = free // (members + 1)
    plenty = free // (_KEPT * (members + 1))
    wanted = max(plenty, min(fair, SLICE_MIN))
    return 1 << (wanted.bit_length() - 1)


def share_out(
    free: Spans, members: Sequence[NodeId], *, among: int = 0
) -> list[tuple[Span, NodeId]]:
    """Return a slice for each member, in their order, while there are any left.

    It is as large as if there were `among` members, if those are more. Each is aligned
    to its size if that loses nothing. `free` is not changed.
    """
    left = free.copy()
    size = slice_size(free.size, max(len(members), among))
    found: list[tuple[Span, NodeId]] = []
    for member in members:
        span = _first_slice(left, size) if size else None
        if span is None:
            break
        left.remove(span)
        found.append((span, member))
    return found


def half_of(free: Spans) -> Span | None:
    """Return what is given to one who asks: about half of the last free span.

    The tail, for numbers are given out from the front, and the very last one as well;
    None if there is none.
    """
    spans = list(free)
    if not spans:
        return None
    largest = max(spans, key=lambda one: (one.size, one.first))
    halves = largest.halves()
    if halves is not None:
        return halves[1]
    return largest


def _first_slice(free: Spans, size: int) -> Span | None:
    """Return the first aligned span of that size, else any, else what is there."""
    unaligned: Span | None = None
    for span in free:
        first = -(-span.first // size) * size
        if first + size - 1 <= span.last:
            return Span(first, first + size - 1)
        if unaligned is None and span.size >= size:
            unaligned = Span(span.first, span.first + size - 1)
    return unaligned
