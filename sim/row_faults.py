"""Faults that strike rows: masks of others' rows, and removals of nodes.

They are commands that a node is given. What makes them faults is when they come: while
nodes are cut off, are down, or have lost their state.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from sim.faults import Fault
from sim.impairments import partition
from sim.profiles.tabled import tabled
from sim.rows import Rows
from sim.said import LASTING
from swarmnet.ids import CLUSTER
from swarmnet.tables.row import Row

if TYPE_CHECKING:
    from sim.cluster import Cluster
    from sim.host import Host

STANDING_MIN: Final = 2
"""So many live nodes are left that were not removed."""
APART: Final = 0.8
"""The share of removals that strike a node behind a partition, which writes on."""
ALONE: Final = 0.4
"""The share of removals that strike one which nobody else can hear meanwhile."""
WRITES: Final = 4


class RowFaults:
    """Lets nodes mask and remove; those of the first `managers` indices may remove.

    None of them is removed, so that no two remove each other. `in_networks` is whether
    what outlives its owner is written in networks, too.
    """

    def __init__(
        self, cluster: "Cluster", rows: Rows, managers: int, *, in_networks: bool
    ) -> None:
        self._cluster = cluster
        self._rows = rows
        self._managers = managers
        self._in_networks = in_networks

    def verbs(self) -> Mapping[str, Callable[[Fault], bool]]:
        """Return what makes each kind happen, and says whether it did."""
        return {"mask": self._mask, "remove": self._remove}

    def _mask(self, fault: Fault) -> bool:
        host = next(iter(self._awake(fault)), None)
        rows = [] if host is None else self._strange(host)
        if host is None or not rows:
            return False
        self._rows.mask(host, rows[int(fault.coin * len(rows))])
        return True

    def _strange(self, host: "Host") -> list[Row]:
        """Return the lasting rows of others that a node shows."""
        tables = tabled(host.engine).tables
        shown = [
            one.row
            for scope in tables.scopes()
            for one in tables.table(scope, LASTING).values()
        ]
        return [row for row in shown if row.owner != host.node]

    def _remove(self, fault: Fault) -> bool:
        managers = [h for h in self._awake(fault) if h.index < self._managers]
        if self._cluster.outfit is not None:
            # With channels, who is a manager is what certificates say: nobody is.
            managers = []
        hosts = [self._cluster.hosts[index] for index in fault.order]
        victims = [host for host in hosts if self._is_removable(host)]
        is_spare = len(self._rows.standing()) > STANDING_MIN
        if not managers or not victims or not is_spare:
            return False
        victim = victims[0]
        self._rows.remove(managers[0], victim)
        if fault.coin < APART:
            self._cut_off(fault, victim)
        return True

    def _is_removable(self, host: "Host") -> bool:
        is_there = host.up and not host.leaving and host.index >= self._managers
        return is_there and host.index not in self._rows.removals.ordered

    def _cut_off(self, fault: Fault, victim: "Host") -> None:
        group = frozenset({victim.index})
        if fault.coin >= ALONE:
            group |= fault.nodes
        rest = [index for index in fault.order if index not in group]
        underlay = self._cluster.underlay
        keys = underlay.impair(*partition(group, rest))
        self._cluster.world.after(fault.length_s, underlay.mend, *keys)
        for number in range(WRITES):
            when_s = fault.length_s * (number + 0.5) / WRITES
            self._cluster.world.after(when_s, self._write_on, victim, number)

    def _write_on(self, host: "Host", number: int) -> None:
        """Let a removed node write what counts no more, as long as it can."""
        if not is_awake(self._rows, host):
            return
        for scope in (CLUSTER, *self._rows.attached(host)):
            value = b"late %d" % number
            if scope == CLUSTER or self._in_networks:
                self._rows.put_lasting(host, scope, b"late/%d" % number, value)
            if scope != CLUSTER:
                self._rows.put(host, scope, b"late/%d" % number, value)

    def _awake(self, fault: Fault) -> list["Host"]:
        """Return who can be given a command, the likeliest first."""
        hosts = [self._cluster.hosts[index] for index in fault.order]
        return [host for host in hosts if is_awake(self._rows, host)]


def is_awake(rows: Rows, host: "Host") -> bool:
    """Return whether a node can be told to write: it runs, and may."""
    runs = host.up and not host.leaving and not host.paused
    return runs and not rows.removals.knows(host, host.node)
