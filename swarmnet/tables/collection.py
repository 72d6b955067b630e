"""Collecting tombstones: their owner says when they are old enough, and nobody else.

One horizon says it: every row of the owner up to `NodeFacts.collected` is void, so that
whoever applies it holds the same, and digests never flap. A node that was away and
still has what a tombstone deleted drops that as well. So before the horizon moves past
what lives, the owner writes that again, and everybody has had time to hear of it.

The price is one row written again for each that lives below the horizon. It is paid
once there are as many tombstones to be had for it, or they have become very old.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from swarmnet.ids import CLUSTER
from swarmnet.tables.core import Core, Due
from swarmnet.tables.row import NODE, Row, Version
from swarmnet.tables.writer import Writer

_DEAR_LIVES: Final = 6.0
"""So many lifetimes a tombstone waits until its collection is worth its price."""
_REWRITTEN_MAX: Final = 64
"""Rows written again at once; the next so many after `_REWRITE_S`."""
_REWRITE_S: Final = 2.0
_SETTLE_S: Final = 30.0
"""Between the last row that was written again and the horizon above it."""
_COLLECT: Final = (Due.COLLECT, None)


class Collection:
    """Collects the tombstones of this node.

    `is_whole` is whether nothing that we wrote ourselves is still to come.
    """

    __slots__ = ("_ages", "_core", "_horizon", "_is_whole", "_settled", "_writer")

    def __init__(
        self, core: Core, writer: Writer, is_whole: Callable[[], bool]
    ) -> None:
        self._core = core
        self._writer = writer
        self._is_whole = is_whole
        # When each tombstone was first seen here: a restart makes them young again.
        self._ages: dict[Version, float] = {}
        self._horizon: Version | None = None
        self._settled = 0.0

    def start(self, now: float) -> None:
        """Begin to look after tombstones."""
        self._core.timers.set(_COLLECT, now + self._core.config.collect_interval_s)

    def handle_timeout(self, now: float) -> None:
        """Take the next step of a collection, or begin one if it is worth it."""
        core = self._core
        if core.is_silent or self._writer.facts.left:
            self.start(now)
            return
        if self._horizon is None:
            self._horizon = self._worthwhile(now)
            self._settled = now + _SETTLE_S
        wait_s = self._core.config.collect_interval_s
        if self._horizon is not None:
            wait_s = self._advance(now, self._horizon)
        self._core.timers.set(_COLLECT, now + wait_s)

    def _advance(self, now: float, horizon: Version) -> float:
        """Write again what lives below the horizon, or move it; return the pause."""
        living = [row for row in self._own() if row.version <= horizon]
        living = [row for row in living if not row.is_deleted]
        for row in living[:_REWRITTEN_MAX]:
            self._writer.rewrite(row)
        if living:
            self._core.count("rows_rewritten", len(living[:_REWRITTEN_MAX]))
            self._settled = now + _SETTLE_S
            return _REWRITE_S
        if now < self._settled or self._is_blind():
            return max(self._settled - now, _REWRITE_S)
        self._core.count("collections")
        self._writer.state(replace(self._writer.facts, collected=horizon))
        self._horizon = None
        return self._core.config.collect_interval_s

    def _worthwhile(self, now: float) -> Version | None:
        """Return up to where tombstones are old, if enough is gained by it."""
        held = [*self._own(), *self._writer.set_aside()]
        deleted = [row.version for row in held if row.is_deleted]
        self._ages = {version: self._ages.get(version, now) for version in deleted}
        life_s = self._core.config.tombstone_life_s
        old = [v for v, since in self._ages.items() if now - since >= life_s]
        if not old or self._is_blind():
            return None
        horizon = max(old)
        living = sum(r.version <= horizon and not r.is_deleted for r in self._own())
        oldest_s = now - min(self._ages[version] for version in old)
        is_due = len(old) >= living or oldest_s >= _DEAR_LIVES * life_s
        return horizon if is_due else None

    def _is_blind(self) -> bool:
        """Return whether something of ours lives where we cannot write it again.

        Or may live: what an earlier life wrote may still be on its way to us.
        """
        set_aside = self._writer.set_aside()
        return not self._is_whole() or any(not row.is_deleted for row in set_aside)

    def _own(self) -> list[Row]:
        """Return all our own rows, but for the one that speaks of them all."""
        me = self._core.me
        return [
            row
            for shelf in self._core.shelves.values()
            for row in shelf.rows_of(me).values()
            if row.scope != CLUSTER or row.table != NODE
        ]
