"""What nodes must hold and show, said once more: slowly, from all rows at once."""

from collections.abc import Callable, Collection, Hashable, Iterable
from dataclasses import dataclass

from swarmnet.ids import CLUSTER, NodeId, Scope
from swarmnet.tables.facts import (
    NEVER,
    NodeFacts,
    attachment_since,
    mask_facts,
    node_facts,
    revocation_cut,
    supersedes,
)
from swarmnet.tables.row import ATTACHMENT, MASK, NODE, REVOCATION, Name, Row, Version

Shown = dict[tuple[Scope, Name], bytes]
NOTHING = NodeFacts()


def greatest(rows: Iterable[Row], about: Callable[[Row], Hashable]) -> list[Row]:
    """Return of all rows about the same the one that holds."""
    best: dict[Hashable, Row] = {}
    for row in rows:
        other = best.get(about(row))
        if other is None or supersedes(row, other):
            best[about(row)] = row
    return list(best.values())


def owner_and_name(row: Row) -> Hashable:
    return row.scope, row.owner, row.name


def is_own_node_row(row: Row) -> bool:
    return (row.scope, row.table, row.key) == (CLUSTER, NODE, row.owner)


@dataclass
class Model:
    """All rows that were ever written, and who may remove others."""

    rows: Collection[Row]
    managers: Collection[NodeId]

    def __post_init__(self) -> None:
        removals = [r for r in self.rows if r.table == REVOCATION]
        removals = [r for r in removals if r.owner in self.managers]
        self.cuts: dict[NodeId, Version | None] = {}
        for row in greatest(removals, owner_and_name):
            node, cut = NodeId(row.key), revocation_cut(row)
            cuts = [c for c in (self.cuts.get(node), cut) if c is not None]
            self.cuts[node] = max(cuts, default=None)
        speaking = [r for r in self.rows if is_own_node_row(r)]
        speaking = [r for r in speaking if r.owner not in self.cuts]
        said = {r.owner: node_facts(r) for r in greatest(speaking, owner_and_name)}
        self.facts = {node: facts or NOTHING for node, facts in said.items()}
        removed = [r for r in self.rows if is_own_node_row(r) and self.stands(r)]
        for row in greatest(removed, owner_and_name):
            self.facts.setdefault(row.owner, node_facts(row) or NOTHING)
        attached = [r for r in self.rows if r.table == ATTACHMENT]
        attached = [r for r in attached if not self.is_void(r)]
        self.attachments = greatest(attached, owner_and_name)

    def stands(self, row: Row) -> bool:
        """Return whether a row is not above the cut of its owner."""
        if row.owner not in self.cuts:
            return True
        acks = (facts.acks.get(row.owner, NEVER) for facts in self.facts.values())
        return row.version <= (self.cuts[row.owner] or max(acks, default=NEVER))

    def is_void(self, row: Row) -> bool:
        if is_own_node_row(row):
            return not self.stands(row)
        facts = self.facts.get(row.owner, NOTHING)
        if row.version <= facts.collected or not self.stands(row):
            return True
        since = NEVER
        if row.scope != CLUSTER:
            words = {r.owner: r for r in self.attachments if r.key == row.scope}
            word = words.get(row.owner)
            since = (attachment_since(word) if word else None) or NEVER
        is_over = row.version < max(facts.floor, since) or row.owner in self.cuts
        return is_over and not row.is_durable

    def held(self, scope: Scope) -> set[bytes]:
        """Return the bodies of the rows that are held of a scope."""
        rows = [r for r in self.rows if r.scope == scope and not self.is_void(r)]
        return {row.body for row in greatest(rows, owner_and_name)}

    def shown(self, scope: Scope) -> Shown:
        """Return the bodies of the rows that are shown, where all owners live."""
        held = [r for r in self.rows if r.body in self.held(scope)]
        words = [r for r in held if r.table == MASK and not r.is_deleted]
        members = {
            r.owner for r in self.attachments if r.key == scope and not r.is_deleted
        }
        # Who was removed takes part in no network, but of the cluster he was one.
        count = [r for r in words if scope == CLUSTER or r.owner not in self.cuts]
        masks = [m for m in map(mask_facts, count) if m is not None]
        best: dict[Name, Row] = {}
        for row in sorted(held, key=lambda one: (one.lamport, one.owner)):
            hidden = any(
                (row.owner, row.name) == (m.owner, m.name)
                and (row.version <= m.version or row.lamport == m.lamport)
                for m in masks
            )
            takes_part = scope == CLUSTER or row.owner in members or row.is_durable
            if takes_part and not row.is_deleted and not (hidden and row.is_durable):
                best[row.name] = row
        return {(scope, name): row.body for name, row in best.items()}
