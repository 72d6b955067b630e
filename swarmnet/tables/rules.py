"""Which rows count for nothing, and which are shown: the rules, and what they read.

Void is decided by rows alone, so it is the same for all who hold the same rows; what is
void is dropped and not taken. Shown is decided by who lives as well, as this node sees
it: that changes views, and never what is held.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from swarmnet.ids import CLUSTER, SCOPE_BYTES_MAX, NodeId, Scope
from swarmnet.tables.facts import (
    NEVER,
    NodeFacts,
    attachment_since,
    is_own_word,
    node_facts,
)
from swarmnet.tables.masks import Masks
from swarmnet.tables.revocations import Revocations
from swarmnet.tables.row import (
    ATTACHMENT,
    CERTIFICATE,
    MASK,
    NODE,
    POOL,
    RANGE,
    REVOCATION,
    ROOT,
    Row,
    TableName,
    Version,
)

_UNMASKED: Final = frozenset({REVOCATION, RANGE, POOL, CERTIFICATE, ROOT})
"""By these a node gives away what is its own, or passes on a root's word: nobody else
takes that back."""
_NOTHING = NodeFacts()
_FOREVER: Final[Version] = (1 << 64, 0)
_ROLES_MAX: Final = 64
"""Tables of one owner for which it is remembered whether he may write them."""


class Presence(IntEnum):
    """What membership says of an owner."""

    LIVE = 0
    DEAD = 1
    LEFT = 2


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
        "_may_write",
        "_nodes",
        "_presence",
        "_roles",
        "_since",
        "_standing",
        "_stands",
        "attached",
        "is_revoked",
        "masks",
        "me",
        "revocations",
    )

    def __init__(
        self,
        me: NodeId,
        may_write: Callable[[NodeId, TableName], bool],
        stands: Callable[[NodeId, bytes], bool] = lambda _owner, _about: True,
    ) -> None:
        self.me = me
        self.attached: dict[Scope, dict[NodeId, None]] = {}
        self._may_write = may_write
        self._stands = stands
        self._standing: dict[NodeId, bool] = {}
        # What was answered, until it is told that another thing may be: what was shown
        # before can be said only as long as the answer of before is known.
        self._roles: dict[NodeId, dict[TableName, bool]] = {}
        self._presence: dict[NodeId, Presence] = {me: Presence.LIVE}
        self._nodes: dict[NodeId, NodeFacts] = {}
        self._since: dict[tuple[NodeId, Scope], Version] = {}
        self.masks = Masks()
        self.revocations = revocations = Revocations(self.may_write)
        self.is_revoked = revocations.is_revoked

    # What is read

    def note(self, row: Row) -> None:
        """Take note of a row that is held now; only some tables matter here."""
        if row.scope == CLUSTER:
            match row.table:
                case _ if is_own_word(row):
                    self._note_node(row)
                case t if t == ATTACHMENT:
                    self._note_attachment(row)
                case t if t == REVOCATION:
                    self.revocations.note(row)
        if row.table == MASK:
            self.masks.note(row)

    def drop(self, row: Row) -> None:
        """Take note that a row is held no more."""
        if is_own_word(row):
            self._nodes.pop(row.owner, None)
            self._standing.pop(row.owner, None)
        elif row.table == ATTACHMENT and row.scope == CLUSTER:
            self._forget_attachment(row)
        elif row.table == MASK:
            self.masks.drop(row)
        elif row.table == REVOCATION and row.scope == CLUSTER:
            self.revocations.drop(row)

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
        self._standing.pop(row.owner, None)

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

    # What follows

    def facts_of(self, node: NodeId) -> NodeFacts:
        """Return what a node's `node` row says; of a stranger, nothing."""
        return self._nodes.get(node, _NOTHING)

    def presence_of(self, node: NodeId) -> Presence:
        """Return what membership says of a node; a stranger is as good as dead."""
        return self._presence.get(node, Presence.DEAD)

    def live(self) -> list[NodeId]:
        """Return the members that live, ourselves included."""
        return [n for n, state in self._presence.items() if state is Presence.LIVE]

    def is_gone(self, node: NodeId, scope: Scope) -> bool:
        """Return whether a node is known to be dead, to have left, or detached."""
        known = self._presence.get(node, Presence.LIVE)
        is_out = node in self._nodes and not self.is_attached(node, scope)
        return known is not Presence.LIVE or is_out

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

    def stands(self, owner: NodeId) -> bool:
        """Return whether an owner is a member by a certificate that counts.

        By that in his own row as it is held, so that it does not matter what was
        learned before.
        """
        stands = self._standing.get(owner)
        if stands is None:
            about = self.facts_of(owner).about
            stands = self._standing[owner] = self._stands(owner, about)
        return stands

    def forget_roles(self, owner: NodeId) -> None:
        """What an owner may write may be another thing now."""
        self._roles.pop(owner, None)
        self._standing.pop(owner, None)

    def settler_of(self, node: NodeId) -> NodeId | None:
        """Return who is to write down a removed node's cut: a live manager.

        One that has removed it, or any other if of those none is left.
        """
        removers = [n for n in self.revocations.by(node) if self._is_active(n)]
        others = [one for one in self._nodes if self._is_active(one)]
        return min(removers or others, default=None)

    def first_manager(self) -> NodeId | None:
        """Return one manager that lives, the same for all who see the same."""
        active = (one for one in self._nodes if self._is_active(one))
        return min(active, default=None)

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
            for member in self.standing()
            if member != node and node not in self.facts_of(member).acks
        ]

    def standing(self) -> list[NodeId]:
        """Return the members that count, ourselves included: dead ones may be back.

        Not those that have left, or were removed.
        """
        return [
            member
            for member in {**self._nodes, **self._presence}
            if self.stands(member)
            and not self.facts_of(member).left
            and self._presence.get(member) is not Presence.LEFT
            and not self.is_revoked(member)
        ]

    def is_last(self) -> bool:
        """Return whether there were other members, and all of them are gone."""
        others = [one for one in self._nodes if one != self.me]
        return bool(others) and self.standing() == [self.me]

    def is_void(self, row: Row) -> bool:
        """Return whether a row counts for nothing, by what is known of its owner."""
        owner, version = row.owner, row.version
        if is_own_word(row):
            # By it the others are judged, and by it durable rows are verified.
            told = _NOTHING if row.is_deleted else node_facts(row) or _NOTHING
            if owner != self.me and not self._stands(owner, told.about):
                return True
            return self.is_revoked(owner) and version > self._bound(owner)
        if not self.stands(owner):
            return True
        facts = self.facts_of(owner)
        if version <= facts.collected:
            return True
        if row.is_durable:
            return self.is_revoked(owner) and version > self._bound(owner)
        since = self._since.get((owner, row.scope), NEVER)
        return version < max(facts.floor, since) or self.is_revoked(owner)

    def _bound(self, node: NodeId) -> Version:
        """Return up to which version a removed node's word still counts."""
        cut = self.revocations.cut_of(node)
        if cut is not None:
            return cut
        if node in self.facts_of(self.me).acks or self._is_told_of(node):
            return self.acknowledged(node)
        return _FOREVER

    def _is_told_of(self, node: NodeId) -> bool:
        """Return whether we were removed, and others have acknowledged a removal.

        Then we acknowledge nothing ourselves; but who removed us may be that node, and
        his word may not have counted any more.
        """
        return self.is_revoked(self.me) and any(
            node in facts.acks and not self.is_revoked(member)
            for member, facts in self._nodes.items()
            if member not in (self.me, node)
        )

    def since_of(self, node: NodeId, scope: Scope) -> Version:
        """Return before which version a node's rows of a scope are void."""
        return self._since.get((node, scope), NEVER)

    def is_masked(self, row: Row) -> bool:
        """Return whether another node has said that a durable row is to go.

        One that may write such rows itself. A removal is for good. The mask of a node
        that was removed stands as all that lasts of it does, up to the cut: what went
        by it may have been given to others since, and must not be there again.
        """
        return self.may_mask(row) and any(
            self.is_attached(node, row.scope) and self.may_write(node, row.table)
            for node in self.masks.over(row)
        )

    @staticmethod
    def may_mask(row: Row) -> bool:
        """Return whether a row is of a kind that others may want gone."""
        return row.is_durable and row.table not in _UNMASKED

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
