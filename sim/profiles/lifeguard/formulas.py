"""Lifeguard's constants and formulas; those of SWIM below it are in `swim_paper`.

Source: Dadgar, Phillips, Currey, "Lifeguard: Local Health Awareness for More Accurate
Failure Detection" (arXiv 1707.00788): section IV-A for the local health multiplier,
IV-B for the suspicion timeout, V-C for its bounds. The defaults are the paper's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import log, log10
from typing import Final

from sim.profiles.peer_settings import Setting, read_settings
from sim.profiles.swim_paper.formulas import SETTINGS as SWIM_SETTINGS
from sim.profiles.swim_paper.formulas import Config

NACK_FRACTION: Final = 0.8
"""When a helper says that it has no ack, as a part of the unscaled ping timeout: the
nack is to be there before the asker's period ends."""

SETTINGS: Final[Mapping[str, Setting]] = {
    **SWIM_SETTINGS,
    "multiplier": replace(
        SWIM_SETTINGS["multiplier"], meaning="lambda, of transmits alone"
    ),
    "rejoin": replace(SWIM_SETTINGS["rejoin"], default=1),
    "alpha": Setting(5.0, 0.1, 100.0, "shortest suspicion, in periods per log10"),
    "beta": Setting(6.0, 1.0, 100.0, "longest suspicion over shortest"),
    "k": Setting(
        3, 0, 100, "confirmations that bring a suspicion to its shortest", whole=True
    ),
    "health_max": Setting(
        8, 0, 100, "greatest local health multiplier, S; 0 is always well", whole=True
    ),
}


@dataclass(frozen=True, slots=True)
class LifeguardConfig:
    """The settings of one cluster; `wanted` is the paper's K."""

    swim: Config
    alpha: float
    beta: float
    wanted: int
    health_max: int

    @classmethod
    def read(cls, given: Mapping[str, str]) -> "LifeguardConfig":
        """Read `--set` pairs.

        Raises:
            Refused: an unknown key or a value out of bounds.
        """
        values = read_settings("lifeguard", SETTINGS, given)
        return cls(
            swim=Config.of(values),
            alpha=values["alpha"],
            beta=values["beta"],
            wanted=int(values["k"]),
            health_max=int(values["health_max"]),
        )

    def suspicion_min_s(self, members: int) -> float:
        """Return the shortest suspicion among `members`, in s."""
        return suspicion_min_s(self.alpha, members, self.swim.period_s)


def suspicion_min_s(alpha: float, members: int, period_s: float) -> float:
    """Return the shortest suspicion among `members` nodes, in s.

    Up to ten members it stays as it is for ten. Source: section V-C.
    """
    return alpha * max(1.0, log10(max(1, members))) * period_s


def suspicion_s(
    confirmations: int, wanted: int, shortest_s: float, longest_s: float
) -> float:
    """Return how long a suspicion lasts from its start, in s.

    Each independent confirmation takes off less than the one before, and `wanted` of
    them leave the shortest. Source: section IV-B.
    """
    if wanted < 1:
        return shortest_s
    fraction = log(confirmations + 1) / log(wanted + 1)
    return max(shortest_s, longest_s - fraction * (longest_s - shortest_s))


def recovery_periods(health_max: int) -> int:
    """Return in how many periods the worst health becomes the best, if all is well.

    A period of health_max + 1 may have just begun; the probe after each period lowers
    the multiplier by one, from there down to 0.
    """
    worst = health_max + 1
    return worst + worst * (worst + 1) // 2
