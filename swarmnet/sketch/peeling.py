"""Reading from two sketches what their sets do not share, by peeling.

The cells of the peer minus ours sum up only the differences. Where a cell holds a
single one, that one is read off and taken out of its other cells, and so on (Yang,
Gilad, Alizadeh, SIGCOMM 2024). Cells from the network may be anything: the
work is bounded by their number, and what contradicts itself just never decodes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from swarmnet.sketch.cells import Cell
from swarmnet.sketch.hashing import checksum
from swarmnet.sketch.mapping import CELLS_MAX, indices


@dataclass(frozen=True, slots=True)
class Difference:
    """What two sets do not share; both tuples ascend.

    Hostile cells can name elements that nobody has: ask for them, never trust them.
    """

    remote_only: tuple[int, ...]
    local_only: tuple[int, ...]


def cells_for(size_difference: int) -> int:
    """Return how many cells to send first, given how far the sizes are apart.

    The answer is 32 at least and `CELLS_MAX` at most. Where the sets differ only by
    what one has and the other lacks, or by up to 4 updates, one message suffices 99
    times in 100, and 995 times in 1,000 up to 10 differences. Near `CELLS_MAX` prefer
    ranges.
    """
    # Equal sizes say little: an update is one element lost and one gained, so the floor
    # leaves room for a few. At large d some 1.4 cells per difference are needed on
    # average (Yang, Gilad, Alizadeh); the rest pays for the spread around it.
    return min(CELLS_MAX, max(32, 28 + 17 * abs(size_difference) // 10))


class Decoder:
    """One attempt to explain a difference, fed with ever more cells.

    It holds at most `CELLS_MAX` cells and finds at most one element per cell. A caller
    that gets no answer within the cells it will pay for falls back to ranges.
    """

    __slots__ = ("_checksums", "_counts", "_elements", "_found")

    def __init__(self) -> None:
        self._counts: list[int] = []
        self._elements: list[int] = []
        self._checksums: list[int] = []
        # Element to its sign: 1 where only the remote set has it, -1 where only ours.
        self._found: dict[int, int] = {}

    @property
    def cells(self) -> int:
        """How many cells were taken in: the index at which to continue."""
        return len(self._counts)

    def receive_cells(
        self, remote: Sequence[Cell], local: Sequence[Cell]
    ) -> Difference | None:
        """Take in the next cells of both sets; return the difference once it is known.

        Both start at `cells`; where one is longer, its tail is ignored, as is what lies
        beyond `CELLS_MAX`. None means that more cells are wanted.
        """
        start = len(self._counts)
        for theirs, ours in zip(remote[: CELLS_MAX - start], local, strict=False):
            self._counts.append(theirs.count - ours.count)
            self._elements.append(theirs.element_xor ^ ours.element_xor)
            self._checksums.append(theirs.checksum_xor ^ ours.checksum_xor)
        for element, sign in self._found.items():
            self._take_out(element, sign, start)
        self._peel(start)
        return self._difference()

    def _peel(self, start: int) -> None:
        """Find what the cells from `start` on give away, and what follows from it."""
        waiting = list(range(start, len(self._counts)))
        while waiting:
            index = waiting.pop()
            if not self._is_single(index):
                continue
            element = self._elements[index]
            # Every honest difference has a cell of its own in the end, so more finds
            # than cells, or one find twice, mean that the cells are no set's.
            if element in self._found or len(self._found) >= len(self._counts):
                continue
            sign = self._counts[index]
            self._found[element] = sign
            waiting += self._take_out(element, sign, 0)

    def _is_single(self, index: int) -> bool:
        element = self._elements[index]
        return (
            self._counts[index] in (1, -1)
            and self._checksums[index] == checksum(element)
            and index in indices(element, index + 1)
        )

    def _take_out(self, element: int, sign: int, start: int) -> list[int]:
        """Remove a find from the cells at `start` and beyond; return which changed."""
        touched = [i for i in indices(element, len(self._counts)) if i >= start]
        element_checksum = checksum(element)
        for index in touched:
            self._counts[index] -= sign
            self._elements[index] ^= element
            self._checksums[index] ^= element_checksum
        return touched

    def _difference(self) -> Difference | None:
        explained = not (
            any(self._counts) or any(self._elements) or any(self._checksums)
        )
        if not self._counts or not explained:
            return None
        found = sorted(self._found.items())
        return Difference(
            remote_only=tuple(element for element, sign in found if sign > 0),
            local_only=tuple(element for element, sign in found if sign < 0),
        )


def decode(remote: Sequence[Cell], local: Sequence[Cell]) -> Difference | None:
    """Return what two sets do not share, from their cells 0 and following.

    None means that more cells are wanted (or that they are no cells of sets).
    """
    return Decoder().receive_cells(remote, local)
