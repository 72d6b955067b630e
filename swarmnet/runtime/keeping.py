"""What is known of others, kept for the next start: their rows and their states.

Nothing of it is ours to lose: others have it all. But a process that starts alone goes
on from it. A leave alone must be kept before it is acknowledged (`driving`).
"""

from collections.abc import Callable
from time import monotonic
from typing import Final

import trio

from swarmnet.errors import Refused
from swarmnet.ids import NodeId
from swarmnet.node.engine import Node
from swarmnet.runtime.store import MemberFacts, Store
from swarmnet.tables.row import Row

KEEP_EVERY_S: Final = 0.5
KEEP_REST: Final = 10.0
"""So many times as long as it took to keep what is known it is not kept again."""


class Keeping:
    """Keeps what one node knows. `wrote` hears of each try: why not, or None."""

    def __init__(
        self,
        me: NodeId,
        node: Node,
        store: Store,
        wrote: Callable[[Refused | None], object],
    ) -> None:
        self._me = me
        self._node = node
        self._store = store
        self._wrote = wrote
        self._writing = trio.Lock()
        self._look_at = monotonic() + KEEP_EVERY_S
        self._kept: object = None
        self._changed = trio.Event()

    def look(self, now: float) -> None:
        """See now and then whether something has changed; call it after every input.

        Only an input changes it, so that it needs no timer.
        """
        if now >= self._look_at:
            self._look_at = now + KEEP_EVERY_S
            if self._known() != self._kept:
                self._changed.set()

    async def run(self) -> None:
        """Keep it soon after it changes, until cancelled; try again what failed."""
        while True:
            await self._changed.wait()
            self._changed = trio.Event()
            began = monotonic()
            await self.keep()
            await trio.sleep(max(KEEP_EVERY_S, KEEP_REST * (monotonic() - began)))

    async def keep(self) -> None:
        """Keep it now; the last word holds."""
        async with self._writing:
            known = self._known()
            rows, members = self._facts()
            try:
                await trio.to_thread.run_sync(self._store.keep, rows, members)
            except Refused as refused:
                self._wrote(refused)
                self._changed.set()
            else:
                self._wrote(None)
                self._kept = known

    def _known(self) -> object:
        """Return what differs whenever others' rows or states do."""
        tables = self._node.tables
        digests = [tables.digest(scope) for scope in tables.scopes()]
        return digests, dict(self._node.states())

    def _facts(self) -> tuple[list[Row], list[MemberFacts]]:
        tables, me = self._node.tables, self._me
        rows = [
            row
            for scope in tables.scopes()
            for row in tables.rows(scope).values()
            if row.owner != me
        ]
        members = [
            (bytes(node), one.claim.body, one.claim.proof, int(one.state))
            for node, one in self._node.save().members().items()
            if node != me
        ]
        return rows, members
