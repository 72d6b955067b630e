"""Sets of integers as sorted disjoint spans: addresses, subnets or VNIs alike.

Ownership of a whole pool is one span, and one that was cut up is as many spans as cuts.
So all that is asked of such a set costs a bisection, however many integers it holds.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """The integers from `first` to `last`, both included; `0 <= first <= last`."""

    first: int
    last: int

    def __post_init__(self) -> None:
        assert 0 <= self.first <= self.last, f"span {self.first} to {self.last}"

    @property
    def size(self) -> int:
        """How many integers it holds; 1 or more."""
        return self.last - self.first + 1

    def covers(self, number: int) -> bool:
        """Say whether `number` lies in it."""
        return self.first <= number <= self.last

    def halves(self) -> tuple["Span", "Span"] | None:
        """Split at the border in it that the largest power of two divides.

        None if it is one integer. This is the split of a buddy allocator (Knowlton
        1965): what is given away half by half stays aligned and so merges again,
        instead of becoming splinters. An aligned span of 2^k is cut in the middle;
        of another one, the lower or the upper part may be the larger.
        """
        if self.first == self.last:
            return None
        # The highest bit in which the ends differ: between them lies exactly one
        # multiple of it, and none of a higher power.
        bit = (self.first ^ self.last).bit_length() - 1
        border = self.last >> bit << bit
        return Span(self.first, border - 1), Span(border, self.last)


class Spans:  # noqa: PLW1641 (mutable, so without a hash)
    """A set of integers, held as sorted spans that neither overlap nor touch.

    It is mutable: an allocator changes one span with every address, and to copy
    thousands of them would cost more than the rest of the allocation. So there is no
    hash, and whoever keeps a set that was handed in keeps a copy. `|`, `&` and `-`
    return new sets, in time linear in the spans of both; all else costs a bisection,
    and the spans that it returns, merges or removes.
    """

    __slots__ = ("_firsts", "_lasts", "_size")

    def __init__(self, spans: Iterable[Span] = ()) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        self._size = 0
        for first, last in sorted((span.first, span.last) for span in spans):
            self._append(first, last)

    @classmethod
    def of(cls, numbers: Iterable[int]) -> "Spans":
        """Return the set of these integers, which may come in any order and twice."""
        found = cls()
        for number in sorted(numbers):
            found._append(number, number)
        return found

    @property
    def size(self) -> int:
        """How many integers it holds; may exceed what `len` could return."""
        return self._size

    def __bool__(self) -> bool:
        return bool(self._firsts)

    def __iter__(self) -> Iterator[Span]:
        return map(Span, self._firsts, self._lasts)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Spans):
            return NotImplemented
        return self._firsts == other._firsts and self._lasts == other._lasts

    def __repr__(self) -> str:
        parts = [f"{span.first}-{span.last}" for span in self]
        return f"Spans({', '.join(parts)})"

    def copy(self) -> "Spans":
        """Return a set that from now on goes its own way."""
        twin = Spans()
        twin._firsts = self._firsts.copy()
        twin._lasts = self._lasts.copy()
        twin._size = self._size
        return twin

    def covers(self, number: int) -> bool:
        """Say whether `number` is in the set."""
        index = bisect_right(self._firsts, number) - 1
        return index >= 0 and number <= self._lasts[index]

    def covers_span(self, span: Span) -> bool:
        """Say whether every integer of `span` is in the set."""
        index = bisect_right(self._firsts, span.first) - 1
        return index >= 0 and span.last <= self._lasts[index]

    def span_at(self, number: int) -> Span | None:
        """Return the whole span in which `number` lies, or None."""
        index = bisect_right(self._firsts, number) - 1
        if index < 0 or self._lasts[index] < number:
            return None
        return Span(self._firsts[index], self._lasts[index])

    def since(self, start: int) -> Iterator[Span]:
        """Yield the spans in ascending order, cut to what is `start` or more.

        The set must not change meanwhile.
        """
        for index in range(bisect_left(self._lasts, start), len(self._firsts)):
            yield Span(max(start, self._firsts[index]), self._lasts[index])

    def at_or_after(self, start: int) -> int | None:
        """Return the least integer of the set that is `start` or more, or None."""
        index = bisect_left(self._lasts, start)
        return None if index == len(self._firsts) else max(start, self._firsts[index])

    def first_outside(self, other: "Spans", start: int = 0) -> int | None:
        """Return the least integer from `start` on that `other` lacks, or None.

        Costs a bisection for every span of `other` that has to be passed over.
        """
        found = self.at_or_after(start)
        while found is not None:
            blocked = other.span_at(found)
            if blocked is None:
                return found
            found = self.at_or_after(blocked.last + 1)
        return None

    def within(self, span: Span) -> "Spans":
        """Return what of the set lies in `span`: costs a bisection, and what it is."""
        found = Spans()
        index = bisect_left(self._lasts, span.first)
        while index < len(self._firsts) and self._firsts[index] <= span.last:
            first = max(self._firsts[index], span.first)
            found._append(first, min(self._lasts[index], span.last))
            index += 1
        return found

    def add(self, span: Span) -> None:
        """Put every integer of `span` into the set; those in it are no error."""
        # Spans that touch are merged too: hence the neighbours at a distance of one.
        low = bisect_left(self._lasts, span.first - 1)
        high = bisect_right(self._firsts, span.last + 1)
        first, last = span.first, span.last
        if low < high:
            first = min(first, self._firsts[low])
            last = max(last, self._lasts[high - 1])
        self._replace(low, high, [(first, last)])

    def remove(self, span: Span) -> None:
        """Take every integer of `span` out of the set; missing ones are no error."""
        low = bisect_left(self._lasts, span.first)
        high = bisect_right(self._firsts, span.last)
        if low >= high:
            return
        first, last = self._firsts[low], self._lasts[high - 1]
        kept = []
        if first < span.first:
            kept.append((first, span.first - 1))
        if last > span.last:
            kept.append((span.last + 1, last))
        self._replace(low, high, kept)

    def __or__(self, other: "Spans") -> "Spans":
        """Return what is in either set."""
        found = Spans()
        mine = zip(self._firsts, self._lasts, strict=True)
        theirs = zip(other._firsts, other._lasts, strict=True)
        # Two runs that are sorted already, so this is one merge (Timsort).
        for first, last in sorted([*mine, *theirs]):
            found._append(first, last)
        return found

    def __and__(self, other: "Spans") -> "Spans":
        """Return what is in both sets."""
        found = Spans()
        mine = theirs = 0
        while mine < len(self._firsts) and theirs < len(other._firsts):
            first = max(self._firsts[mine], other._firsts[theirs])
            last = min(self._lasts[mine], other._lasts[theirs])
            if first <= last:
                found._append(first, last)
            # Whichever ends first meets nothing further on the other side.
            if self._lasts[mine] < other._lasts[theirs]:
                mine += 1
            else:
                theirs += 1
        return found

    def __sub__(self, other: "Spans") -> "Spans":
        """Return what is in this set and not in the other."""
        found = Spans()
        theirs = 0
        for first, last in zip(self._firsts, self._lasts, strict=True):
            start = first
            while theirs < len(other._firsts) and other._firsts[theirs] <= last:
                if start < other._firsts[theirs]:
                    found._append(start, other._firsts[theirs] - 1)
                start = max(start, other._lasts[theirs] + 1)
                if other._lasts[theirs] > last:
                    break  # It may reach into our next span.
                theirs += 1
            if start <= last:
                found._append(start, last)
        return found

    def _append(self, first: int, last: int) -> None:
        """Add a span that begins at or after every span before it."""
        if self._lasts and first <= self._lasts[-1] + 1:
            grown = max(0, last - self._lasts[-1])
            self._lasts[-1] += grown
            self._size += grown
        else:
            self._firsts.append(first)
            self._lasts.append(last)
            self._size += last - first + 1

    def _replace(self, low: int, high: int, kept: list[tuple[int, int]]) -> None:
        """Put `kept` in the place of the spans from index `low` to before `high`."""
        for index in range(low, high):
            self._size -= self._lasts[index] - self._firsts[index] + 1
        self._firsts[low:high] = [first for first, _ in kept]
        self._lasts[low:high] = [last for _, last in kept]
        self._size += sum(last - first + 1 for first, last in kept)
