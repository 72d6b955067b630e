"""What removals mean for membership: whoever is a member no more is counted out."""

from typing import Final

from swarmnet.ids import NodeId
from swarmnet.node.outputs import Removed, Restored
from swarmnet.swim.engine import Swim
from swarmnet.swim.outputs import State
from swarmnet.tables.engine import Tables
from swarmnet.tables.rules import Presence

PRESENCE: Final = {
    State.ALIVE: Presence.LIVE,
    State.SUSPECT: Presence.LIVE,
    State.DEAD: Presence.DEAD,
    State.LEFT: Presence.LEFT,
}
"""What a member's state means to the tables."""


class Membership:
    """Lets membership follow the rows that say who was removed."""

    __slots__ = ("_doubtful", "_me", "_removed", "_swim", "_tables")

    def __init__(self, me: NodeId, swim: Swim, tables: Tables) -> None:
        self._me = me
        self._swim = swim
        self._tables = tables
        self._removed: dict[NodeId, int] = {}
        self._doubtful: dict[NodeId, None] = {}

    def note_doubt(self, node: NodeId) -> None:
        """A node may have been removed, or may be no more."""
        self._doubtful[node] = None

    @property
    def is_due(self) -> bool:
        """Whether `follow_next` has something to look at."""
        return bool(self._doubtful)

    def follow(self, now: float, node: NodeId) -> None:
        """Count out whoever is a member no more, and nobody else."""
        if node != self._me:
            rules = self._tables.rules
            is_out = rules.is_revoked(node) or not rules.stands(node)
            self._swim.note_removal(now, node, stands=is_out)

    def follow_next(self, now: float) -> Removed | Restored | None:
        """Look at the next node in doubt; return what is to be told to those above."""
        node, _ = self._doubtful.popitem()
        issued = self._tables.rules.revocations.issued_by(node)
        if issued == self._removed.get(node):
            return None
        self.follow(now, node)
        if issued is None:
            del self._removed[node]
            return Restored(node)
        self._removed[node] = issued
        return Removed(node, issued)
