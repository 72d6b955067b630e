"""Payloads spread from one node, or steadily from many; otherwise all is quiet."""

from math import ceil
from typing import TYPE_CHECKING, Final

from sim.application import PAYLOAD_BYTES_MIN
from sim.options import Curve, Figure
from sim.scenarios.scenario import Key, Scenario, ScenarioKind, Setting, since, worst

if TYPE_CHECKING:
    from sim.application import Published
    from sim.cluster import Cluster
    from sim.host import Host

PHASE_S: Final = 1.0


class Update(Scenario):
    """Ends `linger_s` after every live node holds every payload.

    The run goes on for a while so that repairs sent late are counted as copies.
    """

    def __init__(self, cluster: "Cluster", setting: Setting) -> None:
        super().__init__(cluster, setting)
        self._count = int(self.keys["count"])
        self._done = 0
        self._sent_before: int | None = None

    def begin(self) -> None:
        """Boot all, and plan each payload."""
        super().begin()
        at_s = self.keys["at_s"] + PHASE_S * self.cluster.random.random()
        for number in range(self._count):
            self.world.at(at_s + number / self.keys["rate_per_s"], self._publish)

    def _publish(self) -> None:
        if self._sent_before is None:
            self._sent_before = self._sent()
        origin = self.cluster.random.choice(self.cluster.live())
        size_bytes = int(self.keys["size_bytes"])
        self._arrived(self.cluster.publish(origin, size_bytes))

    def delivered(self, host: "Host", published: "Published") -> None:
        """Follow a payload to its holders."""
        self._arrived(published)

    def _arrived(self, published: "Published") -> None:
        if len(published.held) < self.cluster.nodes or published.done_s is not None:
            return
        published.done_s = self.world.now
        self._done += 1
        if self._done == self._count:
            self.world.after(self.keys["linger_s"], self.world.stop)

    def _sent(self) -> int:
        """Return how many datagrams and frames of streams were sent so far."""
        underlay = self.cluster.underlay
        return underlay.sent + underlay.coverage["stream_frames"]

    def figures(self) -> dict[str, Figure]:
        """Return the spread; of several payloads the worst of each."""
        published = self.cluster.application.published
        nodes = self.cluster.nodes
        up = {host.index for host in self.cluster.live()}
        figures: dict[str, Figure] = {
            "t50_s": worst([_reached_s(p, ceil(nodes / 2)) for p in published]),
            "t99_s": worst([_reached_s(p, ceil(nodes * 0.99)) for p in published]),
            "all_s": worst([_reached_s(p, nodes) for p in published]),
            "reached": min((len(up & p.held.keys()) for p in published), default=0),
            "copies_per_node": self._copies_per_node(),
            "packets": self._sent() - (self._sent_before or 0),
        }
        if self._count > 1:
            figures |= self._sustained(published)
        return figures

    def _copies_per_node(self) -> Figure:
        """Return the copies that were seen; in sealed packets nothing is."""
        if getattr(self.cluster.profile, "seals", False):
            return None
        return round(self.cluster.checkers.payload_copies / self.cluster.nodes, 4)

    def _sustained(self, published: list["Published"]) -> dict[str, Figure]:
        """Return the rate of payloads known to all, and the age of the slowest."""
        done = [p.done_s for p in published if p.done_s is not None]
        span_s = max(done) - published[0].at_s if done else 0.0
        return {
            "delivered_per_s": round(len(done) / span_s, 3) if span_s else None,
            "age_max_s": worst([since(p.at_s, p.done_s) for p in published]),
        }

    def curve(self) -> Curve | None:
        """Return the informed share of the nodes, after the first payload."""
        published = self.cluster.application.published
        if not published:
            return None
        first = published[0]
        times = sorted(at_s - first.at_s for at_s in first.held.values())
        nodes = self.cluster.nodes
        points = tuple((at_s, (i + 1) / nodes) for i, at_s in enumerate(times))
        return Curve(
            "update: nodes that hold the payload",
            "share of nodes",
            points,
            "seconds since it was published",
        )


def _reached_s(published: "Published", count: int) -> float | None:
    times = sorted(published.held.values())
    if len(times) < count:
        return None
    return round(times[count - 1] - published.at_s, 6)


KIND = ScenarioKind(
    name="update",
    summary="one 100-byte payload from one node, otherwise quiet",
    nodes=100,
    nodes_min=1,
    duration_s=30.0,
    figures={
        "t50_s": "from publishing until half of the nodes hold it",
        "t99_s": "until 99 % of the nodes hold it",
        "all_s": "until all hold it",
        "reached": "live holders at the end, the origin included",
        "copies_per_node": "copies of payloads sent, repairs included, over nodes;"
        " null where packets are sealed",
        "packets": "datagrams and stream frames of all kinds sent from publishing on",
        "delivered_per_s": "(count > 1) payloads known to all, per second",
        "age_max_s": "(count > 1) the longest time until a payload was known to all",
    },
    keys={
        "size_bytes": Key("of a payload", 100, PAYLOAD_BYTES_MIN, 60_000, whole=True),
        "count": Key("payloads, each from a random node", 1, 1, 100_000, whole=True),
        "rate_per_s": Key("payloads per second, if several", 10, 0.001, 100_000),
        "at_s": Key("the first falls in the second after this", 2, 0, 100_000),
        "linger_s": Key("what still runs after all hold all", 2, 0, 100_000),
    },
    build=Update,
)
