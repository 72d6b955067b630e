"""Nodes come and go all the time: how long until those that stay know of a change?

A share of the nodes is restless: every `period_s` one of them leaves, is killed, or
comes back. The others are stable; one of them publishes a payload every period.
Measured are payloads, leaves and returns, each from its start until every stable node
knows of it. A kill is not: until it is noticed is the failure detector's time, which
`crash` shows. A change that something newer took the place of is dropped.
"""

from math import ceil
from typing import TYPE_CHECKING, Final

from sim.claims import Change, News, own_claim
from sim.options import Figure
from sim.scenarios.scenario import Key, Scenario, ScenarioKind, Setting
from swarmnet.swim.outputs import MemberChanged

if TYPE_CHECKING:
    from sim.application import Published
    from sim.cluster import Cluster
    from sim.host import Host

PAYLOAD_BYTES: Final = 100
SETTLE_S: Final = 15.0
"""Nothing new begins in the last seconds, or it could not be known in time."""


class Churn(Scenario):
    """Runs its whole duration."""

    def __init__(self, cluster: "Cluster", setting: Setting) -> None:
        super().__init__(cluster, setting)
        count = min(cluster.nodes - 1, round(self.keys["restless"] * cluster.nodes))
        self._stable = cluster.hosts[: cluster.nodes - count]
        self._restless = cluster.hosts[cluster.nodes - count : cluster.nodes]
        self._stable_indices = {host.index for host in self._stable}
        self._open: dict[int, Change] = {}
        self._changes: list[Change] = []
        self._payload_s: list[float] = []
        self._until_s = max(setting.duration_s - SETTLE_S, setting.duration_s / 2)

    def begin(self) -> None:
        """Boot all, and begin the churn."""
        super().begin()
        self.world.at(self.keys["at_s"], self._tick)

    def _tick(self) -> None:
        if self.world.now >= self._until_s:
            return
        self.world.after(self.keys["period_s"], self._tick)
        random = self.cluster.random
        half_s = self.keys["period_s"] * random.random()
        self.world.after(half_s, self._publish, random.choice(self._stable))
        if self._restless:
            self._stir(random.choice(self._restless), random.random())

    def _stir(self, host: "Host", coin: float) -> None:
        """Let a restless node take its next step."""
        if host.up and host.leaving:
            return
        if not host.up:
            self.cluster.restart(host, with_state=True, random=self.cluster.random)
            self._begin(Change(News.BACK, host, self.world.now, own_claim(host)))
        elif coin < self.keys["kills"]:
            self._close(host)
            self.cluster.crash(host)
        else:
            self._begin(Change(News.GONE, host, self.world.now, (0, 0)))
            self.cluster.leave(host)

    def _begin(self, change: Change) -> None:
        self._close(change.subject)
        change.look(self._stable)
        self._changes.append(change)
        if change.missing:
            self._open[change.subject.index] = change
        else:
            change.done_s = self.world.now

    def _close(self, subject: "Host") -> None:
        change = self._open.pop(subject.index, None)
        if change is not None:
            change.void = True

    def _publish(self, host: "Host") -> None:
        published = self.cluster.publish(host, PAYLOAD_BYTES)
        self.delivered(host, published)

    def delivered(self, host: "Host", published: "Published") -> None:
        """Follow a payload to the stable nodes."""
        if host.index not in self._stable_indices:
            return
        if self._stable_indices <= published.held.keys():
            published.done_s = self.world.now
            self._payload_s.append(self.world.now - published.at_s)

    def member_changed(self, host: "Host", event: MemberChanged) -> None:
        """Follow the news of a restless node to the stable ones."""
        if host.index not in self._stable_indices:
            return
        subject = self.cluster.index_of(event.member)
        change = self._open.get(subject)
        if change is not None and change.follow(host, event, self.world.now):
            del self._open[subject]

    def figures(self) -> dict[str, Figure]:
        """Return the distribution of the times; never known counts as endless."""
        times = list(self._payload_s)
        times += [
            change.done_s - change.at_s
            for change in self._changes
            if change.done_s is not None
        ]
        times.sort()
        unknown = len(self.cluster.application.published) - len(self._payload_s)
        unknown += sum(
            change.done_s is None and not change.void for change in self._changes
        )
        return {
            "p50_s": _quantile(times, unknown, 0.5),
            "p90_s": _quantile(times, unknown, 0.9),
            "max_s": _quantile(times, unknown, 1.0),
            "changes": len(times) + unknown,
            "unknown": unknown,
        }


def _quantile(times: list[float], unknown: int, share: float) -> float | None:
    rank = ceil(share * (len(times) + unknown)) - 1
    return round(times[rank], 6) if 0 <= rank < len(times) else None


KIND = ScenarioKind(
    name="churn",
    summary="nodes leave, are killed and come back all the time",
    nodes=50,
    nodes_min=1,
    duration_s=120.0,
    figures={
        "p50_s": "half of the changes were known to all stable nodes within this",
        "p90_s": "nine tenths",
        "max_s": "all; never if one was not known at the end",
        "changes": "payloads, leaves and returns that were followed",
        "unknown": "those that were not known to all at the end",
    },
    keys={
        "restless": Key("share of the nodes that come and go", 0.3, 0, 1),
        "period_s": Key("between two steps of the churn", 1, 0.001, 100_000),
        "kills": Key("share of the departures that are kills", 0.5, 0, 1),
        "at_s": Key("when the churn begins", 3, 0, 100_000),
    },
    build=Churn,
)
