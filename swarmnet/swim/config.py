"""The knobs of the membership engine, each with its meaning, unit, bound and cost."""

from dataclasses import dataclass, fields
from typing import Final

from swarmnet.errors import Refused
from swarmnet.sketch import MESSAGE_BYTES_MAX

_SECONDS_MIN: Final = 0.001
_LARGE: Final = 1e12
_ZERO_TOO: Final = ("watch_nodes_max", "channel_bytes", "meta_bytes_max", "cluster_key")


@dataclass(frozen=True, slots=True)
class SwimConfig:
    """How one node takes part in membership.

    One configuration is meant to fit every size of cluster. All nodes of a cluster
    should agree on `rings` and `cluster_key`; the rest may differ between nodes.

    Raises:
        Refused: a value is out of its bounds.
    """

    probe_interval_s: float = 1.0
    """Between two probes by one node (SWIM's protocol period T') in a large cluster.
    Lower finds a crash sooner and costs traffic in proportion."""

    probe_interval_min_s: float = 0.25
    """The same up to 32 members; in between it grows with their number (`cadence`)."""

    watch_nodes_max: int = 32
    """Up to so many members each also watches the next on the first ring, by heartbeats
    (`watch`); 0 for none. A crash is then first looked at within one period, not within
    1.6 on average; larger clusters would pay for it with half as many messages
    again."""

    probe_timeout_s: float = 0.5
    """From a ping to asking others to ping, at most: what is given to a peer of which
    nothing is known. Others get what their distance calls for (`roundtrips`). Below
    the interval."""

    indirect_probes: int = 3
    """Members asked to ping for us (SWIM's k). Each costs four datagrams, and only
    after a ping went unanswered."""

    suspicion_min_s: float = 2.0
    """What a pause of a healthy process may last: nobody is declared dead sooner after
    the first accusation, or our own first ping, that it did not answer. Whom a member
    accuses without end answers each half second, so that its pauses may last that much
    less (`refutation`)."""

    suspicion_max_s: float = 6.0
    """A suspicion's life while nobody else confirms it (Lifeguard section IV-B)."""

    confirmations: int = 3
    """Lifeguard's K: distinct accusers at which a suspicion's life is at its minimum;
    also how many accusations of one member are kept and passed on."""

    health_max: int = 8
    """Lifeguard's S: our own slowness stretches interval and timeout by 1 to S."""

    dead_contact_interval_s: float = 1.0
    """Between two pings to members held dead, one at a time, for ever: what lets a
    healed partition merge by itself."""

    left_retention_s: float = 86_400.0
    """How long a leave is remembered, lest an old claim bring the member back."""

    left_max: int = 4096
    """How many leaves are remembered; beyond, the oldest is forgotten."""

    rings: int = 3
    """K: relaying goes to 2K neighbours. A node costs 2K - 1 copies of every news."""

    coalesce_s: float = 0.005
    """While news comes thick, it is gathered for so long before it is sent on."""

    rate_bytes_s: float = 21_000.0
    """Long-run bound of the bytes that a node sends. memberlist's gossip is bounded
    by the same figure: 3 packets of 1,400 bytes each 200 ms."""

    burst_bytes: float = 1_048_576.0
    """What may be sent beyond the rate after a quiet time. A thousand nodes joining
    at once cost each about three quarters of it."""

    eager_bytes: float = 524_288.0
    """While less than this is left of the burst, the node saves: news goes whole over
    all rings but the last, which learns by ids and digests, and whatever gathers or
    repairs waits `saving_factor` times as long."""

    saving_factor: float = 10.0
    """How much longer things wait while the node saves. Higher fills datagrams better
    and delays news by as much at each of its hops."""

    datagram_bytes: int = 1200
    """The largest datagram to a peer of which nothing better is known."""

    channel_bytes: int = 48
    """Of these, what the channel keeps for itself."""

    stream_bytes: int = 16_384
    """The largest frame sent on a stream."""

    repair_delay_s: float = 0.05
    """From news to the digest that finds out who missed it."""

    repair_interval_s: float = 0.1
    """Within so long this node begins two repairs at most, with different members."""

    sync_relay_max: int = 16
    """News learned in one repair message is relayed if it is no more than this; more
    spreads by digests, which cost what differs."""

    payload_life_s: float = 30.0
    """How long a payload is kept for members who missed it."""

    payloads_max: int = 4096
    """How many payloads are kept; beyond, the oldest is dropped."""

    join_timeout_s: float = 1.0
    """Between two attempts to join; doubles up to 16 times this."""

    leave_timeout_s: float = 2.0
    """After so long a leaving node departs, acknowledged or not."""

    meta_bytes_max: int = 256
    """The largest metadata in an alive claim."""

    cluster_key: bytes = b"swarmnet"
    """Keys the hashes that digests and sketches are made of. Up to 64 bytes, the same
    on all nodes; a secret one keeps outsiders from grinding collisions."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name.endswith("_s"):
                self._check(value, field.name, _SECONDS_MIN, _LARGE)
            elif field.name not in _ZERO_TOO:
                self._check(value, field.name, 1, _LARGE)
        self._check(self.eager_bytes, "eager_bytes", 1, self.burst_bytes)
        interval_s = self.probe_interval_s
        self._check(self.probe_timeout_s, "probe_timeout_s", 0, interval_s)
        self._check(self.probe_interval_min_s, "probe_interval_min_s", 0, interval_s)
        self._check(
            self.suspicion_max_s, "suspicion_max_s", self.suspicion_min_s, 86_400
        )
        self._check(self.confirmations, "confirmations", 1, 16)
        self._check(self.rings, "rings", 1, 8)
        self._check(self.watch_nodes_max, "watch_nodes_max", 0, 4096)
        self._check(self.channel_bytes, "channel_bytes", 0, 256)
        self._check(self.datagram_bytes, "datagram_bytes", 1024, 65_507)
        self._check(self.meta_bytes_max, "meta_bytes_max", 0, 512)
        self._check(self.stream_bytes, "stream_bytes", 2048, MESSAGE_BYTES_MAX)
        self._check(self.burst_bytes, "burst_bytes", 4 * self.datagram_bytes, 1 << 40)
        self._check(len(self.cluster_key), "length of cluster_key", 1, 64)

    @staticmethod
    def _check(value: float, name: str, low: float, high: float) -> None:
        if not low <= value <= high:
            raise Refused(f"{name}={value}: want {low} to {high}")
