"""The paper's constants and its one formula.

Section 4.1 sends an update at most lambda * log(n) times, section 5 sets both that and
the suspicion timeout, in periods, to 3 * ceil(log(N + 1)). The logarithm is the natural
one, as in the analysis of the epidemic; `log_base=2` makes both half as long again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, e, log
from typing import Final

from sim.profiles.peer_settings import Setting, read_settings

SETTINGS: Final[Mapping[str, Setting]] = {
    "period_s": Setting(1.0, 0.01, 3600.0, "protocol period T' in seconds (paper: 2)"),
    "ping_timeout_s": Setting(0.5, 0.001, 3600.0, "wait for an ack before ping-req"),
    "ping_req": Setting(3, 0, 100, "members asked to ping, k (paper: 1)", whole=True),
    "multiplier": Setting(3, 1, 100, "lambda, of transmits and periods", whole=True),
    "log_base": Setting(e, 1.1, 100.0, "base of the logarithm"),
    "updates_max": Setting(
        0, 0, 255, "updates in a packet (paper: 6); 0 is as many as fit", whole=True
    ),
    "rejoin": Setting(
        0, 0, 1, "a member that hears of its own death starts a new life", whole=True
    ),
    "join_retry_s": Setting(2.0, 0.1, 3600.0, "seconds between attempts to join"),
}


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of one cluster."""

    period_s: float
    ping_timeout_s: float
    ping_req: int
    multiplier: int
    log_base: float
    updates_max: int
    rejoin: bool
    join_retry_s: float

    @classmethod
    def read(cls, given: Mapping[str, str]) -> "Config":
        """Read `--set` pairs.

        Raises:
            Refused: an unknown key or a value out of bounds.
        """
        return cls.of(read_settings("swim", SETTINGS, given))

    @classmethod
    def of(cls, values: Mapping[str, float]) -> "Config":
        """Take these settings out of `values`, whatever else is there."""
        return cls(
            period_s=values["period_s"],
            ping_timeout_s=values["ping_timeout_s"],
            ping_req=int(values["ping_req"]),
            multiplier=int(values["multiplier"]),
            log_base=values["log_base"],
            updates_max=int(values["updates_max"]),
            rejoin=bool(values["rejoin"]),
            join_retry_s=values["join_retry_s"],
        )


def spread_limit(multiplier: int, log_base: float, members: int) -> int:
    """Return transmits of an update, and periods of a suspicion, among `members`."""
    # Rounding keeps exact powers exact: log(8, 2) is a hair above 3.
    return multiplier * ceil(round(log(members + 1, log_base), 9))
