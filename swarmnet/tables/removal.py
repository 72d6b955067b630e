"""Removing a node: what it wrote stands up to a cut that all members agree about.

A removed node may be alive behind a partition, and go on writing. So every member says
in its `node` row up to where it holds the removed one's rows, and takes nothing newer
but what another member has said to hold. Once all have spoken, whoever removed the node
writes the greatest of these, the cut, into the revocation: then nobody need remember.

Managers may remove each other at once. Then who is told of the one removal first would
not take the other, and nodes would differ for ever. So members vouch for the word of a
manager that has removed a manager: each removal that a member took before it knew of
the other counts with all, and both managers are removed.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from swarmnet.errors import Refused
from swarmnet.ids import CLUSTER, NodeId
from swarmnet.tables.core import Core
from swarmnet.tables.door import Door
from swarmnet.tables.facts import (
    NEVER,
    NodeFacts,
    encode_revocation,
)
from swarmnet.tables.row import REVOCATION, Flag, Row, Version
from swarmnet.tables.writer import Writer

_ACKS_MAX: Final = 16
"""In one row; further removals wait until some of these are settled."""
_VOUCHED_MAX: Final = 8
"""In one row; with more managers at odds than that, nodes may differ about them."""


class Removal:
    """What one node does about nodes that were removed.

    `is_complete` is whether nothing of the cluster's rows is still to come.
    """

    __slots__ = ("_core", "_door", "_is_complete", "_waits", "_writer")

    def __init__(
        self, core: Core, door: Door, writer: Writer, is_complete: Callable[[], bool]
    ) -> None:
        self._core = core
        self._is_complete = is_complete
        self._door = door
        self._writer = writer
        self._waits = False

    def revoke(self, node: NodeId) -> Row:
        """Remove a node: its rows that are not durable are void from now on.

        Raises:
            Refused: it is ourselves, or we may not.
        """
        core = self._core
        if node == core.me:
            raise Refused(f"node {node.hex()}: a node does not remove itself; leave")
        if not core.seams.may_write(core.me, REVOCATION):
            raise Refused(f"node {node.hex()}: only a manager removes nodes")
        name = (REVOCATION, bytes(node))
        held = core.shelves[CLUSTER].get(core.me, name)
        if held is not None and not held.is_deleted:
            return held
        issued = core.seams.issued(node, core.rules.introduced())
        value = encode_revocation(None, issued)
        row = self._writer.put(CLUSTER, name, value, Flag.DURABLE)
        self.review()
        return row

    def review(self) -> None:
        """Acknowledge what was removed, and settle what all have acknowledged."""
        if not self._core.is_silent:
            self.acknowledge()
            self._settle()

    def follow(self) -> None:
        """Settle what waited until nothing was still to come, if that is so by now."""
        if self._waits and self._is_complete():
            self.review()

    def acknowledge(self) -> None:
        """Say of every removed node up to where we hold its rows."""
        core, said = self._core, self._writer.facts
        revocations = core.rules.revocations
        removed = sorted(revocations.revoked())
        open_ = [node for node in removed if revocations.cut_of(node) is None]
        # All take up the same ones first, or none would have been taken up by all.
        del open_[_ACKS_MAX:]
        acks = {n: v for n, v in said.acks.items() if n in open_}
        fresh = [node for node in open_ if node not in acks]
        disputes = sorted(revocations.disputes().items())
        vouched = dict([one for one in disputes if one[0] != core.me][:_VOUCHED_MAX])
        if not fresh and (acks, vouched) == (said.acks, said.vouched):
            return
        told = replace(said, acks=acks, vouched=vouched)
        for node in self._state(told, {node: self._newest_of(node) for node in fresh}):
            self._door.purge(node)

    def _state(self, told: NodeFacts, fresh: dict[NodeId, Version]) -> Iterable[NodeId]:
        """Write what we acknowledge; return which of the fresh found room."""
        while True:
            facts = replace(told, acks={**told.acks, **fresh})
            try:
                self._writer.state(facts)
            except Refused:
                # What we say of ourselves leaves too little room: some later.
                self._core.count("acknowledgements_late")
            else:
                return fresh
            if not fresh:
                return ()
            fresh.popitem()

    def _newest_of(self, node: NodeId) -> Version:
        shelves = self._core.shelves.values()
        rows = (row for shelf in shelves for row in shelf.rows_of(node).values())
        return max((row.version for row in rows), default=NEVER)

    def _settle(self) -> None:
        core = self._core
        revocations = core.rules.revocations
        # Among what is to come may be one who has not acknowledged.
        self._waits = bool(revocations.revoked()) and not self._is_complete()
        if self._waits:
            return
        for node in revocations.revoked():
            is_open = revocations.cut_of(node) is None and not core.rules.awaited(node)
            if not is_open or core.rules.settler_of(node) != core.me:
                continue
            name = (REVOCATION, bytes(node))
            issued = revocations.issued_by(node)
            assert issued is not None, "it was removed"
            cut = encode_revocation(core.rules.acknowledged(node), issued)
            self._writer.put(CLUSTER, name, cut, Flag.DURABLE)
            self._door.purge(node)
