"""A network's rows stay inside the network: who is outside never holds or is sent any.

Nodes come and go in several networks, write and delete. Those that are outside, one of
them always, ask for rows all the same. Each network's rows hold bytes that stand
nowhere else, and every packet is searched for them, and for whatever else tells of
rows.
"""

from random import Random
from typing import TYPE_CHECKING, Final

from sim.asker import Asker, given
from sim.endpoint import Endpoint, place_of
from sim.options import Figure
from sim.rows import Rows, scope_of
from sim.scenarios.scenario import (
    Key,
    Scenario,
    ScenarioKind,
    Setting,
    check_tables,
)
from sim.scenarios.table_update import SETTLED_S
from swarmnet.ids import Address, Scope
from swarmnet.swim.outputs import SendDatagram, SendStream

if TYPE_CHECKING:
    from sim.cluster import Cluster
    from sim.host import Host

CALM_S: Final = 15.0
TAG_BYTES: Final = 16
GRACE_S: Final = 2.0
"""Who has just left may still be sent what was on its way to him."""


class ScopeScenario(Scenario):
    """Runs its whole duration, of which the last part is calm."""

    def __init__(self, cluster: "Cluster", setting: Setting) -> None:
        super().__init__(cluster, setting)
        self._rows = Rows(cluster)
        self._random = Random(f"{cluster.seed}/scope")
        count = int(self.keys["networks"])
        tags = Random(f"{cluster.seed}/tags")
        self._tags = {scope_of(n): tags.randbytes(TAG_BYTES) for n in range(count)}
        self._left: dict[tuple[int, Scope], float] = {}
        self._sent_out = 0
        self._writes = 0
        self._sealed = bool(getattr(cluster.profile, "seals", False))
        self._asker = Asker(cluster)
        self._asks = Random(f"{cluster.seed}/asks")

    def begin(self) -> None:
        """Boot all, and let things happen until the calm."""
        super().begin()
        self.cluster.underlay.taps.append(self._search)
        self.world.at(1.0, self._act)
        if self.keys["asks_per_s"] and not self._sealed:
            self.world.at(SETTLED_S, self._ask)

    def _ask(self) -> None:
        """Let somebody outside of a network ask somebody inside."""
        if self.world.now >= self.setting.duration_s - CALM_S:
            return
        self.world.after(1 / self.keys["asks_per_s"], self._ask)
        scope = self._asks.choice(list(self._tags))
        live = self.cluster.live()
        outside = [host for host in live if self._is_outside(host, scope)]
        inside = self._rows.members(scope)
        if outside and inside:
            asker, target = self._asks.choice(outside), self._asks.choice(inside)
            self._asker.ask(asker, scope, target)

    def _is_outside(self, host: "Host", scope: Scope) -> bool:
        left_s = self._left.get((host.index, scope), float("-inf"))
        is_inside = scope in self._rows.attached(host)
        return not is_inside and self.world.now - left_s >= GRACE_S

    def _act(self) -> None:
        if self.world.now >= self.setting.duration_s - CALM_S:
            return
        self.world.after(1 / self.keys["acts_per_s"], self._act)
        random = self._random
        host = random.choice(self.cluster.live()[:-1])
        scope = random.choice(list(self._tags))
        draw = random.random()
        if scope not in self._rows.attached(host):
            if draw < self.keys["share"]:
                self._rows.attach(host, scope)
        elif draw < 0.1:
            self._rows.detach(host, scope)
            self._left[host.index, scope] = self.world.now
        elif draw < 0.3 and (mine := self._rows.keys_of(host, scope)):
            self._rows.delete(host, scope, random.choice(mine))
        else:
            self._writes += 1
            key = b"endpoint/%d" % random.randrange(1000)
            self._rows.put(host, scope, key, self._tags[scope] + random.randbytes(8))

    def _search(self, source: Endpoint, output: SendDatagram | SendStream) -> None:
        """Look for a network's rows in what goes to somebody outside."""
        if self._sealed or not isinstance(output.address, Address):
            return
        endpoint = self.cluster.underlay.places.get(place_of(output.address))
        if endpoint is None or endpoint.index >= self.cluster.nodes:
            return
        target = self.cluster.hosts[endpoint.index]
        told = given(output.data)
        for scope, tag in self._tags.items():
            if not self._is_outside(target, scope):
                continue
            found = output.data.count(tag)
            if told is not None and told[0] == scope:
                found = max(found, told[1])
            if found:
                self._sent_out += found
                message = f"was sent {found} rows of {scope.hex()}, and is not in it"
                self.cluster.checkers.violate("row_scope", target.index, message)

    def finish(self) -> None:
        """Demand that all nodes show all rows of their networks."""
        self._rows.check_all()

    def figures(self) -> dict[str, Figure]:
        """Return how many rows were where they should not be."""
        return {
            "foreign_rows": self._rows.foreign + self._sent_out,
            "held_outside": self._rows.foreign,
            "sent_outside": None if self._sealed else self._sent_out,
            "asked": self._asker.asked,
            "writes": self._writes,
        }


KIND = ScenarioKind(
    name="scope",
    summary="nodes come and go in networks and write: no row leaves its network",
    nodes=12,
    nodes_min=2,
    duration_s=SETTLED_S + 42.0,
    figures={
        "foreign_rows": "rows held by or sent to nodes outside of their network",
        "held_outside": "of these, those held at the end of some input",
        "sent_outside": "of these, those found in packets, and one for each that tells"
        " of rows; null where they are sealed",
        "asked": "questions for rows by nodes outside of their network",
        "writes": "rows written",
    },
    keys={
        "networks": Key("how many there are", 4, 1, 64, whole=True),
        "share": Key("how likely a node attaches when it could", 0.3, 0.001, 1),
        "asks_per_s": Key(
            "how often a node outside of a network asks, in every way", 10, 0, 10_000
        ),
        "acts_per_s": Key("things done per second, each by some node", 40, 0.1, 10_000),
    },
    build=ScopeScenario,
    check=check_tables,
    settings={"tables": "on"},
)
