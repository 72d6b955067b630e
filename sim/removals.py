"""Removed nodes: their word stands up to one cut, the same for all, and no further.

Who is removed is not taken from the command alone, for a manager may die with it: it is
what any node that runs holds. What the cut is follows from the rows that a node holds,
worked out once more.
"""

from typing import TYPE_CHECKING

from sim.profiles.tabled import tabled
from sim.said import Said, Wrong, describe
from swarmnet.ids import CLUSTER, NodeId, Scope
from swarmnet.tables.facts import NEVER, node_facts, revocation_cut
from swarmnet.tables.row import NODE, REVOCATION, Row, Version
from swarmnet.tables.view import Change

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sim.cluster import Cluster
    from sim.host import Host


class Removals:
    """What becomes of nodes that a manager has removed; the rule `row_removed`."""

    def __init__(self, cluster: "Cluster", said: Said) -> None:
        self._cluster = cluster
        self._said = said
        # By whom each was removed, and in which life of his state.
        self.ordered: dict[int, tuple[int, int]] = {}
        self._losses: dict[int, int] = {}

    def order(self, manager: "Host", victim: "Host") -> None:
        """A manager has removed a node."""
        losses = self._losses.get(manager.index, 0)
        self.ordered.setdefault(victim.index, (manager.index, losses))

    def lose(self, host: "Host") -> None:
        """A node has lost its state: what nobody else has heard is forgotten."""
        self._losses[host.index] = self._losses.get(host.index, 0) + 1

    def knows(self, host: "Host", node: NodeId) -> bool:
        """Return whether a node holds that another, or itself, was removed."""
        if not self.ordered:
            return False
        tables = tabled(host.engine).tables
        return tables.shown(CLUSTER, (REVOCATION, bytes(node))) is not None

    def removed(self) -> dict[int, None]:
        """Return who was removed, as far as any node that runs knows."""
        hosts, live = self._cluster.hosts, self._cluster.live()
        return {
            index: None
            for index in self.ordered
            if any(self.knows(host, hosts[index].node) for host in live)
        }

    def changed(self, host: "Host", change: Change) -> str | None:
        """Return what is wrong with what a node shows now, or None."""
        if change.current is None or change.current.row.is_durable:
            return None
        row = change.current.row
        if not self.knows(host, row.owner):
            return None
        return f"shows {self._said.show(row)}, whom it knows to be removed"

    def errors(self, hosts: list["Host"]) -> "Iterator[Wrong]":
        """Yield what is wrong at the nodes that run and were not removed."""
        removed = self.removed()
        for victim in self.ordered:
            if victim not in removed:
                yield from self._forgotten(victim, hosts)
        for victim in removed:
            yield from self._errors_about(victim, hosts)

    def _forgotten(self, victim: int, hosts: list["Host"]) -> "Iterator[Wrong]":
        manager, losses = self.ordered[victim]
        for host in hosts:
            if host.index == manager and self._losses.get(manager, 0) == losses:
                yield Wrong("row_removed", host, f"no more knows {victim} as removed")

    def _errors_about(self, victim: int, hosts: list["Host"]) -> "Iterator[Wrong]":
        node = self._cluster.hosts[victim].node
        first: dict[Scope, tuple[int, dict[bytes, None]]] = {}
        for host in hosts:
            bound = self._bound(host, node)
            tables = tabled(host.engine).tables
            for scope in tables.scopes():
                rows = [r for r in tables.rows(scope).values() if r.owner == node]
                for row in rows:
                    yield from self._errors_of(host, row, bound)
                held = dict.fromkeys(sorted(row.body for row in rows))
                other, theirs = first.setdefault(scope, (host.index, held))
                if theirs != held:
                    where = f"rows of {victim}, who was removed, in {describe(scope)}"
                    message = f"holds other {where}, than {other}"
                    yield Wrong("row_removed", host, message)

    def _errors_of(
        self, host: "Host", row: Row, bound: Version | None
    ) -> "Iterator[Wrong]":
        what = f"{self._said.show(row)}, who was removed"
        is_self = row.table == NODE and row.key == row.owner
        if not (row.is_durable or is_self):
            yield Wrong("row_removed", host, f"holds {what}")
        elif bound is None or row.version > bound:
            yield Wrong("row_removed", host, f"holds {what} with the cut at {bound}")

    def _bound(self, host: "Host", node: NodeId) -> Version | None:
        """Return up to where a removed node's word stands, by what a node holds.

        None if it does not know of the removal.
        """
        tables = tabled(host.engine).tables
        removals = tables.claimants(CLUSTER, (REVOCATION, bytes(node)))
        if not removals:
            return None
        cuts = [revocation_cut(one.row) for one in removals]
        known = [cut for cut in cuts if cut is not None]
        return max(known) if known else self._acknowledged(host, node)

    def _acknowledged(self, host: "Host", node: NodeId) -> Version:
        acks = [NEVER]
        for row in tabled(host.engine).tables.rows(CLUSTER).values():
            facts = node_facts(row) if row.table == NODE else None
            if facts is not None and not self.knows(host, row.owner):
                acks.append(facts.acks.get(node, NEVER))
        return max(acks)
