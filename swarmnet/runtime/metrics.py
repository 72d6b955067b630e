"""What is measured: names, kinds and words of every metric, as Prometheus has them.

Names end in the base unit, those of counters in `_total`. A label has few values, all
known beforehand, but for `network` and `subnet`: of these there are `NETWORKS_MAX` at
most, of networks that this node takes part in. Sources: prometheus.io, "Metric and
label naming" and "Writing exporters".
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

NETWORKS_MAX: Final = 100
"""Of so many networks the addresses are shown; the oldest come first."""


class Kind(StrEnum):
    """What a metric is."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric, and the names of its labels."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()


def _gauge(name: str, text: str, *labels: str) -> Metric:
    return Metric(f"swarmnet_{name}", Kind.GAUGE, text, labels)


def _counter(name: str, text: str, *labels: str) -> Metric:
    return Metric(f"swarmnet_{name}_total", Kind.COUNTER, text, labels)


BUILD: Final = _gauge("build_info", "The version that runs.", "version", "python")
NODE: Final = _gauge("node_info", "Who this is.", "node", "name", "cluster", "role")
READY: Final = _gauge(
    "ready",
    "1 in a cluster, in sync and with the kernel programmed, as /readyz says.",
)
IN_SYNC: Final = _gauge("in_sync", "1 if no rows are known to be still to come.")
LAST_CONVERGENCE: Final = _gauge(
    "last_convergence_seconds", "How long the last news took to be with all."
)
MEMBERS: Final = _gauge("members", "Members as this node sees them.", "state")
HEALTH: Final = _gauge(
    "health_score", "How slow this node thinks that it is itself: 0 is well."
)
ROUND_TRIP: Final = Metric(
    "swarmnet_probe_round_trip_seconds",
    Kind.HISTOGRAM,
    "Round trips of answered probes of members in turn.",
)
PROBES_FAILED: Final = _counter("probe_failures", "Probes that nothing answered.")
ACCUSATIONS: Final = _counter("accusations", "Members that this node has accused.")
SUSPICIONS: Final = _counter(
    "suspicions", "Members that came to be suspected, whoever accused them."
)
REFUTATIONS: Final = _counter("refutations", "Accusations of us that we answered.")
DEATHS: Final = _counter("deaths", "Members that this node concluded to be dead.")
BACKLOG: Final = _gauge(
    "relay_backlog_bytes", "News that waits to be passed on to ring neighbours."
)
BACKLOG_AGE: Final = _gauge(
    "relay_backlog_age_seconds", "For how long some news has waited without a break."
)
TRAFFIC: Final = _counter(
    "control_bytes",
    "Bytes to and from peers, before sealing; `sync` repairs and copies tables.",
    *("part", "direction"),
)
ROWS: Final = _gauge("rows", "Rows that are held, all owners' of all scopes.")
DROPS: Final = _counter(
    "drops", "What was received and not taken, or could not be sent.", "reason"
)
EVENTS: Final = _counter("events", "How often other things happened.", "event")
NETWORKS: Final = _gauge("networks", "Networks of the cluster.")
ATTACHED: Final = _gauge("networks_attached", "Networks that this node takes part in.")
ENDPOINTS: Final = _gauge(
    "endpoints", "Endpoints of the attached networks, by whose they are.", "owner"
)
SANDBOXES: Final = _gauge("sandboxes", "Sandboxes of this host.")
VNIS: Final = _gauge("vnis", "VNIs that this node owns.", "use")
POOL: Final = _gauge(
    "pool_subnets", "Subnets of the pools that this node owns.", *("pool", "use")
)
ADDRESSES: Final = _gauge(
    "network_addresses",
    "Addresses that this node owns; resting ones were given back of late.",
    *("network", "subnet", "use"),
)
WAITING: Final = _gauge(
    "range_waiting_numbers",
    "VNIs, subnets and addresses that nobody can use until all members have spoken.",
    "cause",
)
DRIFT: Final = _counter(
    "kernel_drift", "Changes behind our back to the kernel that were put right."
)
REFUSALS: Final = _counter("kernel_refusals", "Operations that the kernel refused.")
REFUSED: Final = _gauge(
    "kernel_refused_operations", "Operations that the kernel refuses now."
)
MISSES: Final = _counter(
    "kernel_misses", "Addresses that the kernel asked for though it should know them."
)
OVERRUNS: Final = _counter(
    "kernel_overruns", "Times that the kernel announced more than we took."
)
SETTLED: Final = _gauge(
    "kernel_settled", "1 if the kernel holds what it should, as far as is known."
)
CERTIFICATE: Final = _gauge(
    "certificate_expiry_timestamp_seconds", "When this node's certificate expires."
)
LAG: Final = _gauge(
    "event_loop_lag_seconds", "The longest that the loop was late in the last 5 s."
)
LATE: Final = _counter("event_loop_late_seconds", "All time that the loop was late.")
SCRAPE: Final = _gauge(
    "scrape_loop_seconds", "The longest that this scrape has held up the loop."
)

ALL: Final = (
    *(BUILD, NODE, READY, IN_SYNC, LAST_CONVERGENCE, MEMBERS, HEALTH, ROUND_TRIP),
    *(PROBES_FAILED, ACCUSATIONS, SUSPICIONS, REFUTATIONS, DEATHS, BACKLOG),
    *(BACKLOG_AGE, TRAFFIC, ROWS, DROPS, EVENTS, NETWORKS, ATTACHED, ENDPOINTS),
    *(SANDBOXES, VNIS, POOL, ADDRESSES, WAITING, DRIFT, REFUSALS, REFUSED, MISSES),
    *(OVERRUNS, SETTLED, CERTIFICATE, LAG, LATE, SCRAPE),
)


@dataclass(frozen=True, slots=True)
class Buckets:
    """A histogram: counts up to each bound and above the one before, and the sum."""

    bounds: Sequence[float]
    counts: Sequence[int]
    total: float


Value = float | Buckets
Labels = tuple[str, ...]


class Sheet:
    """What was read at one moment, metric by metric."""

    __slots__ = ("_values",)

    def __init__(self) -> None:
        self._values: dict[str, dict[Labels, Value]] = {}

    def put(self, metric: Metric, value: Value, *labels: str) -> None:
        """Take note of a value. Labels are in the order of the metric's."""
        assert len(labels) == len(metric.labels), (metric.name, labels)
        self._values.setdefault(metric.name, {})[labels] = value

    def put_all(self, metric: Metric, values: Mapping[str, int]) -> None:
        """Take note of the values of a metric with one label."""
        for label, value in values.items():
            self.put(metric, value, label)

    def rows(self) -> Iterator[tuple[Metric, Iterable[tuple[Labels, Value]]]]:
        """Yield the metrics of which something is known, in the order of `ALL`."""
        for metric in ALL:
            found = self._values.get(metric.name)
            if found:
                yield metric, found.items()
