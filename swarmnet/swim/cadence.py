"""How often a node probes, by the size of the cluster.

SWIM (DSN 2002, section 3.1) probes once a period whatever the size, so that a member is
probed once a period by somebody: it takes e/(e-1) periods on average until a crash is
first looked at, for three members as for three thousand. A small cluster can afford to
look sooner, for its members are few; a large one must leave time for what every false
alarm costs it.
"""

from typing import Final

SMALL_NODES: Final = 32
"""Up to so many members the period is the shortest."""
TURN_PERIODS: Final = 4
"""Where members are watched (`watch`) each probes the next in turn in every so-manieth
period: that is for what heartbeats do not show, a path on which nothing is answered."""
FLOOR_SHARE: Final = 0.1
"""No probe is given less than this share of a period: a process that is held up by its
own machine for so long is common, and suspecting it helps nobody."""


def probe_interval(nodes: int, minimum_s: float, maximum_s: float) -> float:
    """Return the protocol period in seconds for `nodes` live members, ourselves too.

    min(maximum, minimum * max(1, n / 32))
    """
    return min(maximum_s, minimum_s * max(1.0, nodes / SMALL_NODES))
