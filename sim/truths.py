"""Matrices of true round trips, on which network coordinates are judged.

They are those of serf's tests (hashicorp/serf, `coordinate/phantom.go`), so that its
published errors are the bounds. Each is symmetric, in seconds, with zeros on the
diagonal.
"""

from collections.abc import Callable
from math import cos, dist, isqrt, pi, sin
from random import Random
from typing import Final

Matrix = list[list[float]]
"""Round trips in seconds, from row to column."""

LINE_SPACING_S: Final = 0.010
GRID_SPACING_S: Final = 0.010
SPLIT_LAN_S: Final = 0.001
SPLIT_WAN_S: Final = 0.010
CIRCLE_RADIUS_S: Final = 0.100
RANDOM_MEAN_S: Final = 0.100
RANDOM_DEVIATION_S: Final = 0.010
RANDOM_S_MIN: Final = 0.001
"""No draw among a million falls so low; a round trip must be positive all the same."""


def line(nodes: int) -> Matrix:
    """Return nodes on a straight line, 10 ms apart."""
    return _symmetric(nodes, lambda i, j: (j - i) * LINE_SPACING_S)


def grid(nodes: int) -> Matrix:
    """Return nodes on a square grid, 10 ms apart; what is over makes further rows."""
    side = isqrt(nodes)

    def rtt_s(i: int, j: int) -> float:
        return GRID_SPACING_S * dist(divmod(i, side), divmod(j, side))

    return _symmetric(nodes, rtt_s)


def split(nodes: int) -> Matrix:
    """Return two sites, 1 ms inside each and 11 ms across; the first has one more."""
    last = nodes // 2

    def rtt_s(i: int, j: int) -> float:
        return SPLIT_LAN_S + (SPLIT_WAN_S if i <= last < j else 0.0)

    return _symmetric(nodes, rtt_s)


def circle(nodes: int) -> Matrix:
    """Return nodes on a circle of 100 ms, and node 0 at 200 ms from all of them.

    In the plane it can only be at the centre, 100 ms above it.
    """

    def rtt_s(i: int, j: int) -> float:
        if i == 0:
            return 2 * CIRCLE_RADIUS_S
        return CIRCLE_RADIUS_S * dist(_on_circle(i / nodes), _on_circle(j / nodes))

    return _symmetric(nodes, rtt_s)


def random(nodes: int) -> Matrix:
    """Return round trips drawn from a normal distribution, 100 +- 10 ms.

    No space embeds them. Always the same matrix for a number of nodes.
    """
    draw = Random(1)

    def rtt_s(_i: int, _j: int) -> float:
        return max(RANDOM_S_MIN, draw.gauss(RANDOM_MEAN_S, RANDOM_DEVIATION_S))

    return _symmetric(nodes, rtt_s)


TRUTHS: Final = (line, grid, split, circle, random)
"""The five, in serf's order."""


def relative_errors(
    truth: Matrix, estimate_s: Callable[[int, int], float]
) -> list[float]:
    """Return |estimate - truth| / truth of every pair (i, j), i < j, row by row."""
    nodes = len(truth)
    return [
        abs(estimate_s(i, j) - truth[i][j]) / truth[i][j]
        for i in range(nodes)
        for j in range(i + 1, nodes)
    ]


def _symmetric(nodes: int, rtt_s: Callable[[int, int], float]) -> Matrix:
    truth = [[0.0] * nodes for _ in range(nodes)]
    for i in range(nodes):
        for j in range(i + 1, nodes):
            truth[i][j] = truth[j][i] = rtt_s(i, j)
    return truth


def _on_circle(turn: float) -> tuple[float, float]:
    return cos(2 * pi * turn), sin(2 * pi * turn)
