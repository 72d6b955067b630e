"""Which rows count for nothing, and which are shown: the rules, and what they read.

Void is decided by rows alone, so it is the same for all who hold the same rows; what is
void is dropped and not taken. Shown is decided by who lives as well, as this node sees
it: that changes views, and never what is held.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from swarmnet.ids import CLUSTER, NODE_ID_BYTES, SCOPE_BYTES_MAX, NodeId, Scope
from swarmnet.tables.facts import (
    NEVER,
    MaskFacts,
    NodeFacts,
    attachment_since,
    mask_facts,
    node_facts,
    revocation_cut,
)
from swarmnet.tables.row import (
    ATTACHMENT,
    MASK,
    NODE,
    REVOCATION,
    Name,
    Row,
    TableName,
    Version,
)

_NOTHING = NodeFacts()
_FOREVER: Final[Version] = (1 << 64, 0)
_Whose = tuple[NodeId, Scope, Name]
"""Whose row about what, in which scope."""
_Mask = tuple[NodeId, Scope, bytes]
"""Whose mask, in which scope, under which key."""
_ROLES_MAX: Final = 64
"""Tables of one owner for which it is remembered whether he may write them."""


class Presence(IntEnum):
    """What membership says of an owner."""

    LIVE = 0
    DEAD = 1
    LEFT = 2


@dataclass(frozen=True, slots=True)
class _Removed:
    """What one manager's `revocation` row says: the cut, and in which version."""

    cut: Version | None
    version: Version


@dataclass(frozen=True, slots=True)
class Shown:
    """A row as it is to be seen.

    It is `dormant` while its owner is dead and it would not outlive him: nobody should
    be sent there any more, but what forwards to it stays, for he may be back.
    """

    row: Row
    dormant: bool


class Rules:
    """What the rows of the cluster's scope say about all rows, by owner."""

    __slots__ = (
        "_masked",
        "_masks",
        "_may_write",
        "_nodes",
        "_presence",
        "_revoked",
        "_roles",
        "_since",
        "attached",
        "me",
    )

    def __init__(
        self, me: NodeId, may_write: Callable[[NodeId, TableName], bool]
    ) -> None:
        self.me = me
        self.attached: dict[Scope, dict[NodeId, None]] = {}
        self._may_write = may_write
        # What was answered, until it is told that another thing may be: what was shown
        # before can be said only as long as the answer of before is known.
        self._roles: dict[NodeId, dict[TableName, bool]] = {}
        self._presence: dict[NodeId, Presence] = {me: Presence.LIVE}
        self._nodes: dict[NodeId, NodeFacts] = {}
        self._since: dict[tuple[NodeId, Scope], Version] = {}
        self._revoked: dict[NodeId, dict[NodeId, _Removed]] = {}
        self._masks: dict[_Whose, dict[_Mask, MaskFacts]] = {}
        self._masked: dict[_Mask, _Whose] = {}

    # What is read

    def note(self, row: Row) -> None:
        """Take note of a row that is held now; only some tables matter here."""
        if row.scope == CLUSTER:
            match row.table:
                case t if t == NODE and row.key == row.owner:
                    self._note_node(row)
                case t if t == ATTACHMENT:
                    self._note_attachment(row)
                case t if t == REVOCATION:
                    self._note_revocation(row)
        if row.table == MASK:
            self._note_mask(row)

    def drop(self, row: Row) -> None:
        """Take note that a row is held no more."""
        if row.table == NODE and row.scope == CLUSTER and row.key == row.owner:
            self._nodes.pop(row.owner, None)
        elif row.table == ATTACHMENT and row.scope == CLUSTER:
            self._forget_attachment(row)
        elif row.table == MASK:
            self._unmask(row)
        elif row.table == REVOCATION and row.scope == CLUSTER:
            self._unrevoke(row)

    def note_presence(self, node: NodeId, presence: Presence) -> bool:
        """Take note of a member's state; return whether it is another than before."""
        if node == self.me or self._presence.get(node) is presence:
            return False
        self._presence[node] = presence
        return True

    def _note_node(self, row: Row) -> None:
        # What an earlier row said does not outlive it, even if this one says nothing:
        # else it would matter which of the two had come.
        facts = None if row.is_deleted else node_facts(row)
        self._nodes[row.owner] = _NOTHING if facts is None else facts

    def _note_attachment(self, row: Row) -> None:
        self._forget_attachment(row)
        scope, since = Scope(row.key), attachment_since(row)
        if since is None or len(scope) > SCOPE_BYTES_MAX:
            return
        self._since[row.owner, scope] = since
        if not row.is_deleted:
            self.attached.setdefault(scope, {})[row.owner] = None

    def _forget_attachment(self, row: Row) -> None:
        scope = Scope(row.key)
        self._since.pop((row.owner, scope), None)
        nodes = self.attached.get(scope, {})
        nodes.pop(row.owner, None)
        if not nodes:
            self.attached.pop(scope, None)

    def _note_revocation(self, row: Row) -> None:
        if len(row.key) != NODE_ID_BYTES:
            return
        if row.is_deleted:
            self._unrevoke(row)
        else:
            removed = _Removed(revocation_cut(row), row.version)
            self._revoked.setdefault(NodeId(row.key), {})[row.owner] = removed

    def _unrevoke(self, row: Row) -> None:
        node = NodeId(row.key)
        managers = self._revoked.get(node, {})
        managers.pop(row.owner, None)
        if not managers:
            self._revoked.pop(node, None)

    def _note_mask(self, row: Row) -> None:
        self._unmask(row)
        facts = mask_facts(row)
        if facts is not None and not row.is_deleted:
            mask = (row.owner, row.scope, row.key)
            whose = (facts.owner, row.scope, facts.name)
            self._masks.setdefault(whose, {})[mask] = facts
            self._masked[mask] = whose

    def _unmask(self, row: Row) -> None:
        mask = (row.owner, row.scope, row.key)
        whose = self._masked.pop(mask, None)
        if whose is not None:
            masks = self._masks[whose]
            del masks[mask]
            if not masks:
                del self._masks[whose]

    # What follows

    def facts_of(self, node: NodeId) -> NodeFacts:
        """Return what a node's `node` row says; of a stranger, nothing."""
        return self._nodes.get(node, _NOTHING)

    def presence_of(self, node: NodeId) -> Presence:
        """Return what membership says of a node; a stranger is as good as dead."""
        return self._presence.get(node, Presence.DEAD)

    def introduced(self) -> list[NodeId]:
        """Return the nodes whose own row is held."""
        return list(self._nodes)

    def is_attached(self, node: NodeId, scope: Scope) -> bool:
        """Return whether a node may hold a scope's rows."""
        return scope == CLUSTER or node in self.attached.get(scope, ())

    def may_write(self, owner: NodeId, table: TableName) -> bool:
        """Return whether an owner's rows of a table count."""
        roles = self._roles.setdefault(owner, {})
        may = roles.get(table)
        if may is None:
            may = self._may_write(owner, table)
            if len(roles) < _ROLES_MAX:
                roles[table] = may
        return may

    def forget_roles(self, owner: NodeId) -> None:
        """What an owner may write may be another thing now."""
        self._roles.pop(owner, None)

    def is_revoked(self, node: NodeId) -> bool:
        """Return whether somebody who may has removed a node."""
        return any(
            self.may_write(manager, REVOCATION)
            for manager in self._revoked.get(node, ())
        )

    def revoked(self) -> Iterable[NodeId]:
        """Return every node that was removed."""
        return [node for node in self._revoked if self.is_revoked(node)]

    def cut_of(self, node: NodeId) -> Version | None:
        """Return up to where a removed node's durable rows stand; None: not yet known.

        Of several managers' words the greatest counts, for one may have known more.
        """
        cuts = (
            removed.cut
            for manager, removed in self._revoked.get(node, {}).items()
            if removed.cut is not None and self.may_write(manager, REVOCATION)
        )
        return max(cuts, default=None)

    def disputes(self) -> dict[NodeId, Version]:
        """Return the managers that have removed managers, and when they last did so.

        Only where the cut is not known yet: of what they wrote before that, nothing is
        judged by who was told what first (`NodeFacts.vouched`).
        """
        found: dict[NodeId, Version] = {}
        for node, managers in self._revoked.items():
            if not self.may_write(node, REVOCATION) or self.cut_of(node) is not None:
                continue
            for manager, removed in managers.items():
                found[manager] = max(found.get(manager, NEVER), removed.version)
        found.pop(self.me, None)
        return found

    def settler_of(self, node: NodeId) -> NodeId | None:
        """Return who is to write down a removed node's cut: a live manager.

        One that has removed it, or any other if of those none is left.
        """
        removers = [one for one in self._revoked.get(node, ()) if self._is_active(one)]
        others = [one for one in self._nodes if self._is_active(one)]
        return min(removers or others, default=None)

    def _is_active(self, manager: NodeId) -> bool:
        return (
            self.may_write(manager, REVOCATION)
            and self.presence_of(manager) is Presence.LIVE
            and not self.facts_of(manager).left
            and not self.is_revoked(manager)
        )

    def acknowledged(self, node: NodeId) -> Version:
        """Return the greatest version of a removed node's that a member holds.

        Each member says what it holds (`NodeFacts`) and takes nothing newer but what
        another holds. The removed one does not speak for itself.
        """
        return max(
            (
                facts.holds_of(node)
                for member, facts in self._nodes.items()
                if member != node and not self.is_revoked(member)
            ),
            default=NEVER,
        )

    def awaited(self, node: NodeId) -> list[NodeId]:
        """Return the members that have not acknowledged a node's removal so far.

        Whom membership knows is awaited even if his `node` row has not come: a manager
        that has just been started again has none but its own.
        """
        return [
            member
            for member in {**self._nodes, **self._presence}
            if member != node
            and node not in self.facts_of(member).acks
            and not self.facts_of(member).left
            and self._presence.get(member) is not Presence.LEFT
            and not self.is_revoked(member)
        ]

    def is_void(self, row: Row) -> bool:
        """Return whether a row counts for nothing, by what is known of its owner."""
        owner, version = row.owner, row.version
        if row.table == NODE and row.scope == CLUSTER and row.key == owner:
            # By it the others are judged, and by it durable rows are verified.
            return self.is_revoked(owner) and version > self._bound(owner)
        facts = self.facts_of(owner)
        if version <= facts.collected:
            return True
        if row.is_durable:
            return self.is_revoked(owner) and version > self._bound(owner)
        since = self._since.get((owner, row.scope), NEVER)
        return version < max(facts.floor, since) or self.is_revoked(owner)

    def _bound(self, node: NodeId) -> Version:
        """Return up to which version a removed node's word still counts."""
        cut = self.cut_of(node)
        if cut is not None:
            return cut
        if node in self.facts_of(self.me).acks:
            return self.acknowledged(node)
        return _FOREVER

    def since_of(self, node: NodeId, scope: Scope) -> Version:
        """Return before which version a node's rows of a scope are void."""
        return self._since.get((node, scope), NEVER)

    def masks_by(self, node: NodeId) -> list[tuple[Scope, bytes, MaskFacts]]:
        """Return a node's masks: scope, key, and what each wants gone."""
        return [
            (mask[1], mask[2], self._masks[whose][mask])
            for mask, whose in self._masked.items()
            if mask[0] == node
        ]

    def masked_by(self, row: Row) -> tuple[Scope, Name] | None:
        """Return what is masked by the mask that a row is, or stands in place of."""
        whose = self._masked.get((row.owner, row.scope, row.key))
        return None if whose is None else (whose[1], whose[2])

    def is_masked(self, row: Row) -> bool:
        """Return whether another node has said that a durable row is to go.

        One that may write such rows itself. A removal is for good.
        """
        masks = self._masks.get((row.owner, row.scope, row.name), {})
        return (
            bool(masks)
            and self.may_mask(row)
            and any(
                facts.covers(row)
                and self.is_attached(mask[0], row.scope)
                and self.may_write(mask[0], row.table)
                and not self.is_revoked(mask[0])
                for mask, facts in masks.items()
            )
        )

    @staticmethod
    def may_mask(row: Row) -> bool:
        """Return whether a row is of a kind that others may want gone."""
        return row.is_durable and row.table != REVOCATION

    def is_past(self, owner: NodeId, version: Version) -> bool:
        """Return whether a durable row of that version is void, held or not."""
        is_over = self.is_revoked(owner) and version > self._bound(owner)
        return is_over or version <= self.facts_of(owner).collected

    def show(self, row: Row) -> Shown | None:
        """Return a row as it is to be seen, or None where it is not.

        It is parked, kept and not shown, as long as its owner is not known to take part
        in its scope, or may not write such rows.
        """
        owner = row.owner
        if row.is_deleted or not self.may_write(owner, row.table):
            return None
        if row.table == NODE and row.scope == CLUSTER and row.key != owner:
            return None
        if row.is_durable:
            return None if self.is_masked(row) else Shown(row, dormant=False)
        presence = self.presence_of(owner)
        if presence is Presence.LEFT or not self.is_attached(owner, row.scope):
            return None
        return Shown(row, dormant=presence is not Presence.LIVE)
