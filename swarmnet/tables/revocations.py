"""The removals that are held: who was removed, by whom, and what of his word counts.

Whether a manager's word counts at all is asked each time, for he may be one no more.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from swarmnet.ids import NODE_ID_BYTES, NodeId
from swarmnet.tables.facts import NEVER, revocation_cut, revocation_issued
from swarmnet.tables.row import REVOCATION, Row, TableName, Version


@dataclass(frozen=True, slots=True)
class _Removed:
    """What one manager's `revocation` row says, and in which version."""

    cut: Version | None
    issued: int
    version: Version


class Revocations:
    """Every `revocation` row, by who was removed and by who did it."""

    __slots__ = ("_may_write", "_revoked")

    def __init__(self, may_write: Callable[[NodeId, TableName], bool]) -> None:
        self._may_write = may_write
        self._revoked: dict[NodeId, dict[NodeId, _Removed]] = {}

    def note(self, row: Row) -> None:
        """Take note of a `revocation` row, in place of what it said before."""
        if len(row.key) != NODE_ID_BYTES:
            return
        if row.is_deleted:
            self.drop(row)
        else:
            cut, issued = revocation_cut(row), revocation_issued(row)
            removed = _Removed(cut, issued, row.version)
            self._revoked.setdefault(NodeId(row.key), {})[row.owner] = removed

    def drop(self, row: Row) -> None:
        """Take note that a `revocation` row is held no more."""
        node = NodeId(row.key)
        managers = self._revoked.get(node, {})
        managers.pop(row.owner, None)
        if not managers:
            self._revoked.pop(node, None)

    def is_revoked(self, node: NodeId) -> bool:
        """Return whether somebody who may has removed a node."""
        return any(
            self._may_write(manager, REVOCATION)
            for manager in self._revoked.get(node, ())
        )

    def revoked(self) -> Sequence[NodeId]:
        """Return every node that was removed."""
        return [node for node in self._revoked if self.is_revoked(node)]

    def by(self, node: NodeId) -> Iterable[NodeId]:
        """Return who has removed a node, whether that counts or not."""
        return self._revoked.get(node, {}).keys()

    def cut_of(self, node: NodeId) -> Version | None:
        """Return up to where a removed node's durable rows stand; None: not yet known.

        Of several managers' words the greatest counts, for one may have known more.
        """
        cuts = (one.cut for one in self._that_count(node) if one.cut is not None)
        return max(cuts, default=None)

    def issued_by(self, node: NodeId) -> int | None:
        """Return the last serial that stands of what a removed node issued.

        None if it was not removed. Of several managers' words the greatest counts.
        """
        return max((one.issued for one in self._that_count(node)), default=None)

    def disputes(self) -> dict[NodeId, Version]:
        """Return the managers that have removed managers, and when they last did so.

        Only where the cut is not known yet: of what they wrote before that, nothing is
        judged by who was told what first (`NodeFacts.vouched`).
        """
        found: dict[NodeId, Version] = {}
        for node, managers in self._revoked.items():
            if not self._may_write(node, REVOCATION) or self.cut_of(node) is not None:
                continue
            for manager, removed in managers.items():
                found[manager] = max(found.get(manager, NEVER), removed.version)
        return found

    def _that_count(self, node: NodeId) -> Iterable[_Removed]:
        for manager, removed in self._revoked.get(node, {}).items():
            if self._may_write(manager, REVOCATION):
                yield removed
