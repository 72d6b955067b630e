"""Which cells an element belongs to: the one rule both peers must share bit for bit.

Cell i of a rateless IBLT holds an element with probability rho(i) = 1/(1 + i/2) (Yang,
Gilad, Alizadeh: "Practical Rateless Set Reconciliation", SIGCOMM 2024). So
each element is in cell 0, and in about 2·ln(m) of the first m cells; because rho falls
as 1/i, any prefix decodes the differences it has room for.
"""

from math import isqrt
from typing import Final

from swarmnet.ids import U64_MAX

CELLS_MAX: Final = 2048
"""No sketch is longer: it explains some 1,400 differences; ranges serve beyond that."""

# The multiplier of Steele and Vigna (2022), table for 64-bit generators with an
# increment; the increment is odd so that no element, not even 0, is a fixed point.
_MULTIPLIER: Final = 0xD1342543DE82EF95
_INCREMENT: Final = 0x9E3779B97F4A7C15


def indices(element: int, stop: int) -> list[int]:
    """Return the cells below `stop` that hold `element`, ascending, from 0 on.

    `element` is a u64, `stop` at least 1. The answer for a smaller `stop` is a prefix.
    """
    # From a hit at i, the chance that i+1 … m are all missed telescopes:
    #     prod k/(k+2) for k = i+1 … m  =  (i+1)(i+2) / ((m+1)(m+2)).
    # With u uniform in 1 … 2^32 the next hit is thus the least m with
    #     (m+1)(m+2) > (i+1)(i+2)·2^32/u = t,  that is  (2m+3)^2 > 4t + 1.
    # The published code takes a float approximation of this; integers give the exact
    # distribution and the same cells on every platform, at about the same cost.
    hits = [0]
    state = element
    index = 0
    while True:
        state = state * _MULTIPLIER + _INCREMENT & U64_MAX
        t = ((index + 1) * (index + 2) << 32) // ((state >> 32) + 1)
        index = (isqrt(4 * t + 1) - 1) // 2
        if index >= stop:
            return hits
        hits.append(index)
