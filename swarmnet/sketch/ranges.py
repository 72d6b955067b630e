"""Range-based reconciliation: the fallback when a sketch does not explain a difference.

Meyer: "Range-Based Set Reconciliation" (SRDS 2023). Both sides hold a sorted set. A
message tells the whole space range by range; whoever reads it answers each range:

1. Skipped, or its fingerprint is that of our own range: agreed, skipped in the answer.
2. Another fingerprint, and we hold few elements there: we list them.
3. Another fingerprint, and we hold many: we split them into ranges with fingerprints.
4. Elements listed: now *we* know both sides of this range. We report it, and skip it.

So each range is settled by the side that reads a list; it pushes what the other lacks
(`have`) and asks for what it lacks itself (`need`), while the other learns nothing by
these messages. While the sets stand still, each difference is reported once, by one
side. No state is kept between messages, the key travels with them.

A message that is full ends in one fingerprint over all that it had no room for, which
opens that part anew. So n elements need some log16(n) + 1 messages, and as many more as
what is split and listed fills. The first range that differs always gets an answer, so
honest peers finish; a caller bounds the messages he will spend on any other. One
message costs time in proportion to our set and its own length, never more.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from struct import pack
from typing import Final

from swarmnet.sketch.codec import (
    FINGERPRINT_BYTES,
    SPACE_END,
    Fingerprint,
    Ids,
    RangeWriter,
    Skip,
    decode_ranges_untrusted,
)

LIMIT_BYTES_MIN: Final = 256
"""Room for the key, one list of `_LISTED_MAX`, a skip and the tail: 192 bytes."""

_LISTED_MAX: Final = 16
_SPLIT_MAX: Final = 16
# Half of what may be listed: a part that the peer finds twice as full still is a list.
_SPLIT_ELEMENTS: Final = 8
_PERSON: Final = b"swarmnet.ranges"


@dataclass(frozen=True, slots=True)
class RangeAnswer:
    """What a message taught us, and what to send back.

    `have` are elements that the peer lacks, `need` those that we lack; both ascend.
    `reply` is None when there is nothing left to ask: this side has the last word.
    """

    reply: bytes | None
    have: tuple[int, ...]
    need: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Part:
    """Our elements from position `start` to `stop`, which end before `upper`."""

    start: int
    stop: int
    upper: int


def open_ranges(elements: Sequence[int], key: bytes, limit_bytes: int) -> bytes:
    """Return the first message about a set known to differ from the peer's.

    `elements` are u64, ascending, without repetition; `key` is 16 fresh random bytes,
    so that nobody could prepare elements whose fingerprints collide. `limit_bytes` is
    `LIMIT_BYTES_MIN` or more and bounds the message.
    """
    assert limit_bytes >= LIMIT_BYTES_MIN, f"limit of {limit_bytes} bytes"
    writer = RangeWriter(key, limit_bytes)
    _dispute(writer, elements, key, _Part(0, len(elements), SPACE_END))
    message = writer.finish()
    assert message is not None
    return message


def answer_ranges(
    elements: Sequence[int], message: bytes, limit_bytes: int
) -> RangeAnswer:
    """Answer one message of a peer about our set; arguments as in `open_ranges`.

    Raises:
        BadPacket: `message` is no range message.
    """
    assert limit_bytes >= LIMIT_BYTES_MIN, f"limit of {limit_bytes} bytes"
    read = decode_ranges_untrusted(message)
    writer = RangeWriter(read.key, limit_bytes)
    have: list[int] = []
    need: list[int] = []
    start = 0
    for item in read.ranges:
        stop = bisect_left(elements, item.upper, lo=start)
        match item:
            case Skip():
                writer.skip(item.upper)
            case Ids():
                have += _missing(elements[start:stop], item.elements)
                need += _missing(item.elements, elements[start:stop])
                writer.skip(item.upper)
            case Fingerprint():
                mine = _fingerprint(elements, start, stop, read.key)
                part = _Part(start, stop, item.upper)
                if (item.count, item.value) == (stop - start, mine):
                    writer.skip(item.upper)
                elif not _dispute(writer, elements, read.key, part):
                    break
        start = stop
    return RangeAnswer(writer.finish(), tuple(have), tuple(need))


def _missing(held: Sequence[int], other: Sequence[int]) -> list[int]:
    lookup = frozenset(other)
    return [element for element in held if element not in lookup]


def _dispute(
    writer: RangeWriter, elements: Sequence[int], key: bytes, whole: _Part
) -> bool:
    """Answer a range that differs; return False if the message is full and closed.

    What did not fit, in this range and all that follow, is then in its last range.
    """
    if whole.stop - whole.start <= _LISTED_MAX:
        listed = Ids(whole.upper, tuple(elements[whole.start : whole.stop]))
        fits = writer.put(listed)
        if not fits:
            _put_tail(writer, elements, key, whole.start)
        return fits
    for part in _split(elements, whole):
        value = _fingerprint(elements, part.start, part.stop, key)
        if not writer.put(Fingerprint(part.upper, part.stop - part.start, value)):
            _put_tail(writer, elements, key, part.start)
            return False
    return True


def _put_tail(
    writer: RangeWriter, elements: Sequence[int], key: bytes, start: int
) -> None:
    stop = len(elements)
    writer.put_tail(stop - start, _fingerprint(elements, start, stop, key))


def _split(elements: Sequence[int], whole: _Part) -> list[_Part]:
    """Cut a part into at most `_SPLIT_MAX` parts of equal size, to within one."""
    size = whole.stop - whole.start
    ways = min(_SPLIT_MAX, -(-size // _SPLIT_ELEMENTS))
    cuts = [whole.start + size * way // ways for way in range(ways + 1)]
    uppers = [_bound_between(elements[cut - 1], elements[cut]) for cut in cuts[1:-1]]
    return [
        _Part(start, stop, upper)
        for start, stop, upper in zip(
            cuts[:-1], cuts[1:], [*uppers, whole.upper], strict=True
        )
    ]


def _bound_between(below: int, above: int) -> int:
    """Return the bound with the fewest bytes above `below` and up to `above`."""
    for zero_bits in range(56, 0, -8):
        bound = above >> zero_bits << zero_bits
        if bound > below:
            return bound
    return above


def _fingerprint(elements: Sequence[int], start: int, stop: int, key: bytes) -> bytes:
    """Hash a part of the set under the key of this exchange.

    A plain hash of the elements in order rather than Meyer's tree of sums: it costs 20
    ns an element, this being the rare path, and has no algebra to be turned against it.
    """
    packed = pack(f"<{stop - start}Q", *elements[start:stop])
    digest = blake2b(packed, digest_size=FINGERPRINT_BYTES, key=key, person=_PERSON)
    return digest.digest()
