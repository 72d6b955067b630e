"""The one door: every row, however it came, is judged and applied here.

Merging keeps the greater of two rows by one owner about one name; what is void counts
for nothing, and is dropped as soon as that is known. So nodes that have been given the
same rows hold the same, whatever the order, the repetitions and the detours.
"""

from enum import Enum, auto
from typing import Final

from swarmnet.ids import CLUSTER, NodeId, Scope
from swarmnet.tables.core import Core
from swarmnet.tables.facts import attachment_since, mask_facts, node_facts, supersedes
from swarmnet.tables.outputs import RemovalChanged, ScopeChanged, Unsave
from swarmnet.tables.row import ATTACHMENT, MASK, NODE, REVOCATION, Name, Row
from swarmnet.tables.rules import Presence
from swarmnet.tables.shelf import Shelf

_CLOCK_STEP_MAX: Final = 1 << 40
"""One row moves our Lamport clock no further, so that none can wear it out."""


class Verdict(Enum):
    """What a row means to whoever is shown it."""

    NEWS = auto()
    """It changes what is held."""
    KNOWN = auto()
    """It is held already."""
    STALE = auto()
    """What its owner wrote later is held."""
    VOID = auto()
    """Its owner, or who removed him, has said that it counts for nothing."""
    OUT_OF_SCOPE = auto()
    """It is of a network that we take no part in."""
    OVER_QUOTA = auto()
    """Its owner has more rows than there may be, and this is of those left out."""


class Door:
    """Judges rows, and puts on the shelves what is news."""

    __slots__ = ("_core", "clock")

    def __init__(self, core: Core) -> None:
        self._core = core
        self.clock = 0
        """The Lamport clock: the greatest counter seen."""

    def judge(self, row: Row) -> Verdict:
        """Return what a row means here, and change nothing."""
        shelf = self._core.shelves.get(row.scope)
        if shelf is None:
            return Verdict.OUT_OF_SCOPE
        held = shelf.get(row.owner, row.name)
        if held is not None and not supersedes(row, held):
            return Verdict.KNOWN if row == held else Verdict.STALE
        if self._core.rules.is_void(row):
            return Verdict.VOID
        if row in shelf.excess(row):
            return Verdict.OVER_QUOTA
        return Verdict.NEWS

    def apply(self, row: Row) -> Verdict:
        """Take a row whose owner has signed it."""
        verdict = self.judge(row)
        if verdict is not Verdict.NEWS:
            return verdict
        shelf = self._core.shelves[row.scope]
        for excess in shelf.excess(row):
            self._core.count("rows_over_quota")
            self._drop(shelf, excess)
        self.clock = max(self.clock, min(row.lamport, self.clock + _CLOCK_STEP_MAX))
        self._core.views.before(row)
        shelf.put(row)
        self._follow(row)
        return verdict

    def note_presence(self, node: NodeId, presence: Presence) -> None:
        """Take note of what membership says of a node: views follow, rows do not."""
        self._touch_all(node)
        self._core.rules.note_presence(node, presence)

    def note_roles(self, node: NodeId) -> None:
        """A node may write other tables now than before."""
        core = self._core
        self._touch_all(node)
        self._touch_masks_of(node)
        core.rules.forget_roles(node)
        for row in list(core.shelves[CLUSTER].rows_of(node).values()):
            if row.table == REVOCATION:
                self._note_removal(row)
        self.purge(node)

    def open(self, scope: Scope) -> None:
        """Begin to hold a network's rows."""
        core = self._core
        core.shelves[scope] = Shelf(scope, core.config.rows_per_owner)
        members = tuple(core.rules.attached.get(scope, ()))
        core.outputs.append(ScopeChanged(scope, members, ()))

    def close(self, scope: Scope) -> list[Row]:
        """Hold a network's rows no more; return those of ours that others keep."""
        core = self._core
        shelf = core.shelves[scope]
        lasting = [row for row in shelf.rows_of(core.me).values() if row.is_durable]
        for row in list(shelf.elements().values()):
            self._drop(shelf, row, is_void=not row.is_durable)
        del core.shelves[scope]
        core.outputs.append(ScopeChanged(scope, (), (core.me,)))
        return lasting

    def purge(self, owner: NodeId, scope: Scope | None = None) -> None:
        """Drop whatever of an owner's rows is void now, in one scope or in all."""
        shelves = self._core.shelves
        chosen = shelves if scope is None else {scope} & shelves.keys()
        for shelf in [shelves[one] for one in chosen]:
            for row in list(shelf.rows_of(owner).values()):
                if self._core.rules.is_void(row):
                    self._drop(shelf, row)

    def _follow(self, row: Row) -> None:
        """Let a row have its consequences for others."""
        rules = self._core.rules
        if row.table == MASK:
            self._touch_masked(row)
            rules.note(row)
        elif row.scope != CLUSTER:
            pass
        elif row.table == ATTACHMENT:
            self._note_attachment(row)
        elif row.table == NODE:
            self._note_node(row)
        elif row.table == REVOCATION:
            self._touch_masks_of(NodeId(row.key))
            rules.note(row)
            self._note_removal(row)
            self._purge_removed()

    def _note_removal(self, row: Row) -> None:
        """Follow a removal that may count now, or no more."""
        node = NodeId(row.key)
        self._core.outputs.append(RemovalChanged(node))
        self.purge(node)

    def _note_node(self, row: Row) -> None:
        """Follow what a node says of itself, as far as that is new: it may say much."""
        rules, owner = self._core.rules, row.owner
        before = rules.facts_of(owner)
        told = node_facts(row)
        if told is None or told.about != before.about:
            # What proves his role may have come with it.
            self.note_roles(owner)
        rules.note(row)
        after = rules.facts_of(owner)
        if (before.collected, before.floor) != (after.collected, after.floor):
            self.purge(owner)
        if (before.acks, before.vouched) != (after.acks, after.vouched):
            self._purge_removed()

    def _purge_removed(self) -> None:
        """Follow acknowledgements: by them, more or less of a removed node's counts."""
        for node in self._core.rules.revocations.revoked():
            if self._core.rules.revocations.cut_of(node) is None:
                self.purge(node)

    def _note_attachment(self, row: Row) -> None:
        scope = Scope(row.key)
        rules = self._core.rules
        held = (rules.is_attached(row.owner, scope), rules.since_of(row.owner, scope))
        if held == (not row.is_deleted, attachment_since(row)):
            rules.note(row)
            return
        before = self._begin_attachment(scope, row.owner)
        rules.note(row)
        self.purge(row.owner, scope)
        self._end_attachment(scope, row.owner, before=before)

    def _drop(self, shelf: Shelf, row: Row, *, is_void: bool = True) -> None:
        core = self._core
        core.views.before(row)
        scope = Scope(row.key)
        is_attachment = row.table == ATTACHMENT and row.scope == CLUSTER
        before = is_attachment and self._begin_attachment(scope, row.owner)
        if row.table == MASK:
            self._touch_masked(row)
        shelf.remove(row)
        core.rules.drop(row)
        if is_attachment:
            self._end_attachment(scope, row.owner, before=before)
        if row.table == REVOCATION and row.scope == CLUSTER:
            core.outputs.append(RemovalChanged(NodeId(row.key)))
        if row.owner == core.me and is_void:
            core.outputs.append(Unsave(row))

    def _begin_attachment(self, scope: Scope, node: NodeId) -> bool:
        """Note what is shown of a node's in a scope; return whether it is attached."""
        shelf = self._core.shelves.get(scope)
        for name in () if shelf is None else shelf.rows_of(node):
            self._touch(scope, name)
        self._touch_masks_of(node)
        return self._core.rules.is_attached(node, scope)

    def _touch_masks_of(self, node: NodeId) -> None:
        """Note what is shown of what a node's masks hide: they may count no more."""
        for scope, _, mask in self._core.rules.masks.by(node):
            self._touch(scope, mask.name)

    def _end_attachment(self, scope: Scope, node: NodeId, *, before: bool) -> None:
        core = self._core
        after = core.rules.is_attached(node, scope)
        if before == after or scope not in core.shelves or scope == CLUSTER:
            return
        joined = (node,) if after else ()
        core.outputs.append(ScopeChanged(scope, joined, () if after else (node,)))

    def _touch_masked(self, row: Row) -> None:
        """Note what is shown of what a mask hides, and of what it will hide."""
        before, facts = self._core.rules.masks.about(row), mask_facts(row)
        if before is not None:
            self._touch(*before)
        if facts is not None:
            self._touch(row.scope, facts.name)

    def _touch_all(self, owner: NodeId) -> None:
        if self._core.views.is_read:
            for scope, shelf in self._core.shelves.items():
                for name in shelf.rows_of(owner):
                    self._touch(scope, name)

    def _touch(self, scope: Scope, name: Name) -> None:
        self._core.views.touch((scope, name))
