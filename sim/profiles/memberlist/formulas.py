"""memberlist's arithmetic: how often, how long, how healthy.

Sources: util.go (retransmitLimit, suspicionTimeout, pushPullScale), suspicion.go,
awareness.go and config.go of hashicorp/memberlist.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, floor, log, log2, log10
from typing import Final

from sim.profiles.peer_settings import Setting, read_settings

PUSH_PULL_SCALE_THRESHOLD: Final = 32
AWARENESS_MAX_MULTIPLIER: Final = 8
TCP_TIMEOUT_S: Final = 10.0
LEAVE_TIMEOUT_S: Final = 5.0
"""serf's BroadcastTimeout: how long a leaving process waits for its own broadcast."""

SETTINGS: Final[Mapping[str, Setting]] = {
    "probe_interval_s": Setting(1.0, 0.01, 3600.0, "seconds between probes"),
    "probe_timeout_s": Setting(0.5, 0.001, 3600.0, "wait for a direct ack, unscaled"),
    "indirect_checks": Setting(3, 0, 100, "members asked to probe", whole=True),
    "tcp_pings": Setting(1, 0, 1, "fall back to a ping by stream", whole=True),
    "gossip_interval_s": Setting(0.2, 0.001, 3600.0, "seconds between gossip ticks"),
    "gossip_nodes": Setting(3, 1, 100, "members told at each tick", whole=True),
    "gossip_to_the_dead_s": Setting(30.0, 0.0, 86400.0, "how long the dead are told"),
    "retransmit_mult": Setting(4, 1, 100, "transmits per log10 of size", whole=True),
    "suspicion_mult": Setting(4, 1, 100, "probe intervals per log10", whole=True),
    "suspicion_max_mult": Setting(6, 1, 100, "longest over shortest", whole=True),
    "push_pull_interval_s": Setting(30.0, 0.1, 86400.0, "seconds between full syncs"),
    "join_retry_s": Setting(30.0, 0.1, 3600.0, "serf's and Consul's retry of a join"),
    "reconnect_interval_s": Setting(
        0.0, 0.0, 86400.0, "serf's attempts to rejoin a failed member (30); 0 is off"
    ),
}


@dataclass(frozen=True, slots=True)
class Config:
    """memberlist's configuration; DefaultLANConfig unless set otherwise."""

    probe_interval_s: float
    probe_timeout_s: float
    indirect_checks: int
    tcp_pings: bool
    gossip_interval_s: float
    gossip_nodes: int
    gossip_to_the_dead_s: float
    retransmit_mult: int
    suspicion_mult: int
    suspicion_max_mult: int
    push_pull_interval_s: float
    join_retry_s: float
    reconnect_interval_s: float

    @classmethod
    def read(cls, given: Mapping[str, str]) -> "Config":
        """Read `--set` pairs.

        Raises:
            Refused: an unknown key or a value out of bounds.
        """
        values = read_settings("memberlist", SETTINGS, given)
        return cls(
            probe_interval_s=values["probe_interval_s"],
            probe_timeout_s=values["probe_timeout_s"],
            indirect_checks=int(values["indirect_checks"]),
            tcp_pings=bool(values["tcp_pings"]),
            gossip_interval_s=values["gossip_interval_s"],
            gossip_nodes=int(values["gossip_nodes"]),
            gossip_to_the_dead_s=values["gossip_to_the_dead_s"],
            retransmit_mult=int(values["retransmit_mult"]),
            suspicion_mult=int(values["suspicion_mult"]),
            suspicion_max_mult=int(values["suspicion_max_mult"]),
            push_pull_interval_s=values["push_pull_interval_s"],
            join_retry_s=values["join_retry_s"],
            reconnect_interval_s=values["reconnect_interval_s"],
        )


def retransmit_limit(mult: int, members: int) -> int:
    """Return how many times a broadcast is sent by each of `members` nodes."""
    return mult * ceil(log10(members + 1))


def suspicion_min_s(mult: int, members: int, probe_interval_s: float) -> float:
    """Return the shortest suspicion among `members` nodes, in seconds.

    The logarithm is cut to three decimals, as Go's integer durations do.
    """
    scale = max(1.0, log10(max(1, members)))
    return mult * floor(scale * 1000) / 1000 * probe_interval_s


def confirmations_wanted(mult: int, members: int) -> int:
    """Return how many confirmations bring a suspicion to its minimum.

    None are awaited where there are too few others to give them.
    """
    wanted = max(0, mult - 2)
    return 0 if members - 2 < wanted else wanted


def suspicion_timeout_s(
    confirmations: int, wanted: int, shortest_s: float, longest_s: float
) -> float:
    """Return how long a suspicion lasts from its start, in seconds.

    Source: remainingSuspicionTime; Lifeguard section IV-B.
    """
    if wanted < 1:
        return shortest_s
    fraction = log(confirmations + 1) / log(wanted + 1)
    raw = longest_s - fraction * (longest_s - shortest_s)
    return max(shortest_s, floor(1000 * raw) / 1000)


def push_pull_interval_s(base_s: float, members: int) -> float:
    """Return the seconds between full syncs of a node that knows `members`."""
    if members <= PUSH_PULL_SCALE_THRESHOLD:
        return base_s
    return base_s * (ceil(log2(members) - log2(PUSH_PULL_SCALE_THRESHOLD)) + 1)


def awareness_after(score: int, delta: int) -> int:
    """Return the health score, 0 (well) to 7, after a change by `delta`."""
    return min(max(score + delta, 0), AWARENESS_MAX_MULTIPLIER - 1)
