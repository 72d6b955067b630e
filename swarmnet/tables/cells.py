"""How many cells of a sketch to offer: before anything is known, and after a failure.

A first offer that is too short costs half a round trip and the cells that are kept
anyhow, 64 of 13 bytes. So it is cheapest to begin with fewer than explain a difference
for sure.
"""

from collections.abc import Sequence
from typing import Final

from swarmnet.sketch import Cell, cells_for

OFFERED_MAX: Final = 512
"""Where more cells are wanted, ranges cost less time."""
_LEAST: Final = 26
_FEW: Final = 10
_WHERE_PEER_LACKS: Final = 4
_WHERE_WE_LACK: Final = 12
_MARGIN: Final = 1.25
_MOST: Final = 1e6


def cells_before(theirs: int, ours: int) -> int:
    """Return how many cells to begin with, given the sizes of both sets.

    They explain 98 of 100 differences of 10 rows, and nearly all of up to 4. Where we
    are those who lack them it is 99, for then nobody need spend 8 bytes on asking.
    """
    apart = abs(theirs - ours)
    if apart > _FEW:
        return cells_for(apart)
    more = _WHERE_WE_LACK if theirs > ours else _WHERE_PEER_LACKS
    return _LEAST + more * apart // _FEW


def cells_after(theirs: Sequence[Cell], ours: Sequence[Cell]) -> int:
    """Return how many cells should explain what as many of each could not.

    Cell i holds each difference with probability p = 2 / (i + 2). So its count strays
    from that share of the first, in which all are, and the square of this is p·(1 - p)
    for each on average.
    """
    counts = [one.count - other.count for one, other in zip(theirs, ours, strict=True)]
    strays, expected = 0.0, 0.0
    for index, count in enumerate(counts[1:], 1):
        chance = 2 / (index + 2)
        strays += (count - counts[0] * chance) ** 2
        expected += chance * (1 - chance)
    # Where all are of one sign, the first cell counts them exactly.
    guess = max(abs(counts[0]), strays / expected if expected else 0.0)
    count = cells_for(int(min(_MARGIN * guess, _MOST)))
    may_do = cells_for(int(min(guess, _MOST))) <= OFFERED_MAX
    return min(count, OFFERED_MAX) if may_do else count
