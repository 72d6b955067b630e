"""The masks that are held: which rows other nodes want gone."""

from collections.abc import Iterable

from swarmnet.ids import NodeId, Scope
from swarmnet.tables.facts import MaskFacts, mask_facts
from swarmnet.tables.row import Name, Row

_Whose = tuple[NodeId, Scope, Name]
"""Whose row about what, in which scope."""
_Mask = tuple[NodeId, Scope, bytes]
"""Whose mask, in which scope, under which key."""


class Masks:
    """Every `mask` row, by who wrote it and by what it is about."""

    __slots__ = ("_about", "_masks")

    def __init__(self) -> None:
        self._masks: dict[_Whose, dict[_Mask, MaskFacts]] = {}
        self._about: dict[_Mask, _Whose] = {}

    def note(self, row: Row) -> None:
        """Take note of a `mask` row, in place of what it said before."""
        self.drop(row)
        facts = mask_facts(row)
        if facts is not None and not row.is_deleted:
            mask = (row.owner, row.scope, row.key)
            whose = (facts.owner, row.scope, facts.name)
            self._masks.setdefault(whose, {})[mask] = facts
            self._about[mask] = whose

    def drop(self, row: Row) -> None:
        """Take note that a `mask` row is held no more."""
        mask = (row.owner, row.scope, row.key)
        whose = self._about.pop(mask, None)
        if whose is not None:
            masks = self._masks[whose]
            del masks[mask]
            if not masks:
                del self._masks[whose]

    def by(self, node: NodeId) -> list[tuple[Scope, bytes, MaskFacts]]:
        """Return a node's masks: scope, key, and what each wants gone."""
        return [
            (mask[1], mask[2], self._masks[whose][mask])
            for mask, whose in self._about.items()
            if mask[0] == node
        ]

    def about(self, row: Row) -> tuple[Scope, Name] | None:
        """Return what is masked by the mask that a row is, or stands in place of."""
        whose = self._about.get((row.owner, row.scope, row.key))
        return None if whose is None else (whose[1], whose[2])

    def over(self, row: Row) -> Iterable[NodeId]:
        """Yield who wants a row gone, whether that counts or not."""
        masks = self._masks.get((row.owner, row.scope, row.name))
        for mask, facts in () if masks is None else masks.items():
            if facts.covers(row):
                yield mask[0]
