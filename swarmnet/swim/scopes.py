"""Who is in which scope, and the rings over those of them that live."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from swarmnet.ids import CLUSTER, NodeId, Scope
from swarmnet.swim.outputs import State
from swarmnet.swim.rings import Rings
from swarmnet.swim.roster import Roster


@dataclass(frozen=True, slots=True)
class _Attached:
    rings: Rings
    members: dict[NodeId, None] = field(default_factory=dict)


class Scopes:
    """The scopes known to one node; the cluster's is the roster's own.

    Members of a network's scope are told from above (attachments are rows, and none of
    this engine's business). On its rings are those of them that live.
    """

    __slots__ = ("_attached", "_roster")

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        self._attached: dict[Scope, _Attached] = {}

    def rings(self, scope: Scope) -> Rings | None:
        """Return the rings over a scope's live members; None for an unknown scope."""
        if scope == CLUSTER:
            return self._roster.rings
        attached = self._attached.get(scope)
        return None if attached is None else attached.rings

    def attach(self, scope: Scope, members: Iterable[NodeId]) -> None:
        """Count `members` in; the scope is made on first use."""
        assert scope != CLUSTER, "everyone is in the cluster's scope"
        attached = self._attached.get(scope)
        if attached is None:
            attached = _Attached(self._roster.rings.empty())
            self._attached[scope] = attached
        for node in members:
            attached.members[node] = None
            if self._lives(node):
                attached.rings.add(node)

    def detach(self, scope: Scope, members: Iterable[NodeId]) -> None:
        """Count `members` out; nothing happens if they, or the scope, are unknown."""
        attached = self._attached.get(scope)
        if attached is None:
            return
        for node in members:
            attached.members.pop(node, None)
            attached.rings.remove(node)

    def forget(self, scope: Scope) -> None:
        """Know nothing of a scope any more."""
        self._attached.pop(scope, None)

    def note_state(self, node: NodeId) -> None:
        """Follow a member's state, as the roster has it now."""
        for attached in self._attached.values():
            if node in attached.members:
                if self._lives(node):
                    attached.rings.add(node)
                else:
                    attached.rings.remove(node)

    def _lives(self, node: NodeId) -> bool:
        member = self._roster.get(node)
        return member is not None and member.state in (State.ALIVE, State.SUSPECT)
