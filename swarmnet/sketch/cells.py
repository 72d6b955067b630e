"""The rateless IBLT of a set: an endless row of cells of which a prefix is kept.

A cell sums up the elements that `swarmnet.sketch.mapping` sends to it. The sketch is
linear: the cells of two sets, subtracted, are the cells of what the sets do not share,
which `swarmnet.sketch.peeling` reads. Yang, Gilad, Alizadeh (SIGCOMM 2024).
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from swarmnet.records import record
from swarmnet.sketch.hashing import checksum
from swarmnet.sketch.mapping import CELLS_MAX, indices

PREFIX_CELLS_MAX: Final = 512
"""Each change rewrites the kept prefix, 16 bytes a cell; beyond this it would hurt."""

CHECKSUM_BITS: Final = 32
_CHECKSUM_MASK: Final = 2**CHECKSUM_BITS - 1
_WORD_BITS: Final = 64 + CHECKSUM_BITS
_WORD_MASK: Final = 2**_WORD_BITS - 1
_COUNT_BITS: Final = 32
_COUNT_MASK: Final = 2**_COUNT_BITS - 1
_COUNT_ZERO: Final = 2 ** (_COUNT_BITS - 1)

# One column is about 1 KB, so this is some 2 MB at most, once per process. An agent
# needs each twice, to add and to remove it; a simulation's nodes within moments.
_COLUMNS_KEPT: Final = 2**11


@record
class Cell:
    """The sum of some elements: how many, their XOR and the XOR of their checksums.

    Of one set the count is 0 or more; of a difference it may be negative. The XORs have
    64 and 32 bits.
    """

    count: int
    element_xor: int
    checksum_xor: int


@lru_cache(maxsize=_COLUMNS_KEPT)
def _column(element: int, cells: int) -> tuple[int, int]:
    """Return what one element contributes to a prefix: its words and its counts.

    Remembered, because in a simulation a thousand nodes add the same element.
    """
    word = element << CHECKSUM_BITS | checksum(element)
    words = 0
    counts = 0
    for index in indices(element, cells):
        words |= word << index * _WORD_BITS
        counts |= 1 << index * _COUNT_BITS
    return words, counts


@lru_cache(maxsize=8)
def _zero_counts(cells: int) -> int:
    """Return the counts of an empty prefix.

    Every field starts in the middle of its range, so that no subtraction ever borrows
    from the neighbour.
    """
    return sum(_COUNT_ZERO << index * _COUNT_BITS for index in range(cells))


class Sketch:
    """The cells of one set; `prefix_cells` of them are kept up to date by each change.

    The sketch does not hold the elements: the caller does, and lends them for cells
    beyond the prefix. He adds each element once and removes only what he added.

    The prefix is two integers, every cell a field of each, so a change is one XOR and
    one addition over all cells at once, and a copy shares both until it changes.
    """

    __slots__ = ("_counts", "_words", "prefix_cells")

    def __init__(self, prefix_cells: int = 64) -> None:
        assert 1 <= prefix_cells <= PREFIX_CELLS_MAX, f"prefix of {prefix_cells} cells"
        self.prefix_cells = prefix_cells
        self._words = 0
        self._counts = _zero_counts(prefix_cells)

    @property
    def size(self) -> int:
        """How many elements the set has; cell 0 holds them all."""
        return (self._counts & _COUNT_MASK) - _COUNT_ZERO

    def add(self, element: int) -> None:
        """Count in a u64 that the set did not hold."""
        words, counts = _column(element, self.prefix_cells)
        self._words ^= words
        self._counts += counts

    def remove(self, element: int) -> None:
        """Count out a u64 that the set holds."""
        words, counts = _column(element, self.prefix_cells)
        self._words ^= words
        self._counts -= counts

    def copy(self) -> "Sketch":
        """Return a sketch of the same set that from now on goes its own way."""
        twin = Sketch.__new__(Sketch)
        twin.prefix_cells = self.prefix_cells
        twin._words = self._words
        twin._counts = self._counts
        return twin

    def cells(
        self, start: int, stop: int, elements: Iterable[int] = ()
    ) -> tuple[Cell, ...]:
        """Return the cells `start` to `stop`, the last one excluded.

        0 <= start <= stop <= `CELLS_MAX`. If `stop` is beyond the prefix, `elements`
        must be the whole set, in any order; that walk takes some 5 µs per element.
        """
        assert 0 <= start <= stop <= CELLS_MAX, f"cells {start} to {stop}"
        prefix_stop = min(stop, self.prefix_cells)
        kept = tuple(self._kept(index) for index in range(start, prefix_stop))
        if stop <= self.prefix_cells:
            return kept
        return kept + self._beyond(max(start, self.prefix_cells), stop, elements)

    def _kept(self, index: int) -> Cell:
        word = self._words >> index * _WORD_BITS & _WORD_MASK
        count = self._counts >> index * _COUNT_BITS & _COUNT_MASK
        return Cell(count - _COUNT_ZERO, word >> CHECKSUM_BITS, word & _CHECKSUM_MASK)

    def _beyond(
        self, start: int, stop: int, elements: Iterable[int]
    ) -> tuple[Cell, ...]:
        words = [0] * stop
        counts = [0] * stop
        for element in elements:
            word = element << CHECKSUM_BITS | checksum(element)
            for index in indices(element, stop):
                words[index] ^= word
                counts[index] += 1
        assert counts[0] == self.size, f"{counts[0]} elements lent, set has {self.size}"
        return tuple(
            Cell(
                counts[index],
                words[index] >> CHECKSUM_BITS,
                words[index] & _CHECKSUM_MASK,
            )
            for index in range(start, stop)
        )
