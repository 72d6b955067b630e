"""Removing nodes that have left, or stay dead: what an autoscaler took needs no hand.

Whoever has left gave back what it could. The rest comes back when all members have
acknowledged that it is gone, which is what a removal is.

Of the managers that live the first does it. The dead are removed only where the cluster
was told to (`PoolFacts`), and never from a side of a partition that is half of the
cluster or less: for the others, it is we who are dead.
"""

from typing import Final

from swarmnet.ids import NodeId
from swarmnet.node.network_facts import PoolFacts
from swarmnet.tables.engine import Tables
from swarmnet.tables.rules import Presence

LEFT_S: Final = 5.0
"""Who has left is removed so much later: by then all have heard what it gave back."""


class Forgetting:
    """Since when this node has seen whom dead, or gone."""

    __slots__ = ("_left", "_me", "_since", "_tables")

    def __init__(self, me: NodeId, tables: Tables) -> None:
        self._me = me
        self._tables = tables
        self._since: dict[NodeId, float] = {}
        self._left: dict[NodeId, float] = {}

    def begin(self, now: float) -> None:
        """Whoever is dead already is so from now on."""
        for node in self._tables.rules.standing():
            if self._tables.rules.presence_of(node) is Presence.DEAD:
                self._since.setdefault(node, now)

    def note_presence(self, now: float, node: NodeId, presence: Presence) -> None:
        """Take note of a member's state."""
        if presence is Presence.DEAD:
            self._since.setdefault(node, now)
        else:
            self._since.pop(node, None)

    def review(self, now: float, pool: PoolFacts) -> None:
        """Remove whom it is time to remove.

        Raises:
            Refused: the tables take no row of ours.
        """
        rules, after_s = self._tables.rules, pool.forget_dead_after_s
        if rules.first_manager() != self._me:
            return
        for node in [one for one in self._left if not rules.facts_of(one).left]:
            del self._left[node]
        for node in rules.introduced():
            is_out = rules.facts_of(node).left and not rules.is_revoked(node)
            if is_out and now - self._left.setdefault(node, now) >= LEFT_S:
                self._tables.revoke(now, node)
        standing = rules.standing() if after_s is not None else []
        live = [n for n in standing if rules.presence_of(n) is Presence.LIVE]
        for node in standing:
            since = self._since.get(node)
            is_due = since is not None and now - since >= (after_s or 0)
            if is_due and node not in live and 2 * len(live) > len(standing):
                self._tables.revoke(now, node)
