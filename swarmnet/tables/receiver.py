"""Rows from others: judged first, then verified, many at once, then applied.

A signature costs a hundred times what the rest does. So a row is verified only if it
would be news, and once, however many copies come while that goes on; and verification
is an output, so that a driver can have it done by another thread.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from swarmnet.errors import BadPacket
from swarmnet.ids import CLUSTER, NodeId, Scope
from swarmnet.sketch import element_of, hash_item
from swarmnet.tables.codec import decode_row_untrusted
from swarmnet.tables.core import Core
from swarmnet.tables.door import Door, Verdict
from swarmnet.tables.outputs import Spread, Verify
from swarmnet.tables.recovery import Recovery
from swarmnet.tables.removal import Removal
from swarmnet.tables.row import ATTACHMENT, NODE, PROOF_BYTES, REVOCATION, Row
from swarmnet.tables.writer import Writer

_FIRST: Final = {NODE: 0, ATTACHMENT: 1}
"""What others depend on is applied before them, so that they need not be parked."""
_RECENT_MAX: Final = 4096


@dataclass(frozen=True, slots=True)
class _Batch:
    sender: NodeId
    rows: tuple[Row, ...]
    relays: bool


class Receiver:
    """Takes rows in, from whomever they come."""

    __slots__ = (
        "_batches",
        "_core",
        "_door",
        "_is_due",
        "_number",
        "_recent",
        "_recovery",
        "_removal",
        "_waiting",
        "_writer",
        "news",
    )

    def __init__(
        self,
        core: Core,
        door: Door,
        writer: Writer,
        recovery: Recovery,
        removal: Removal,
    ) -> None:
        self._core = core
        self._door = door
        self._writer = writer
        self._recovery = recovery
        self._removal = removal
        self._batches: dict[int, _Batch] = {}
        # Whole, with their proofs: a forged copy keeps no true one away.
        self._waiting: dict[bytes, None] = {}
        self._recent: dict[bytes, Row] = {}
        self._number = 0
        # Whether something has come that removals depend on.
        self._is_due = False
        self.news: dict[Scope, None] = {}
        """The scopes in which something is new since this was last cleared."""

    def receive(self, sender: NodeId, items: Sequence[bytes], *, relays: bool) -> None:
        """Take rows as they travel; `relays` is whether news among them goes on."""
        read = (self._read(sender, item) for item in items)
        rows = [row for row in read if row is not None]
        if not rows:
            return
        rows.sort(key=lambda row: _FIRST.get(row.table, 2))
        self._number += 1
        self._batches[self._number] = _Batch(sender, tuple(rows), relays)
        self._core.outputs.append(Verify(self._number, sender, tuple(rows)))

    def verified(
        self, now: float, number: int, verdicts: Iterable[bool | None]
    ) -> None:
        """Take the answer to a `Verify`: True, False, or None for a stranger's word."""
        batch = self._batches.pop(number, None)
        assert batch is not None, f"nothing is to be verified under {number}"
        for row, verdict in zip(batch.rows, verdicts, strict=True):
            del self._waiting[row.item]
            if verdict:
                self._take(now, row, relays=batch.relays)
            else:
                name = "rows_forged" if verdict is False else "rows_of_strangers"
                self._core.count(name)
        if self._is_due:
            self._is_due = self.is_busy()
            self._removal.review()

    def forget(self, scope: Scope) -> None:
        """Hold nothing of a network that we take part in no more."""
        recent = self._recent
        self._recent = {k: row for k, row in recent.items() if row.scope != scope}

    def is_busy(self) -> bool:
        """Return whether rows wait to be verified."""
        return bool(self._batches)

    def _read(self, sender: NodeId, item: bytes) -> Row | None:
        """Return a row that is worth verifying, or None."""
        core = self._core
        if len(item) <= PROOF_BYTES:
            core.count("bad_rows")
            return None
        if self._holds(item):
            core.count("rows_known")
            return None
        try:
            row = decode_row_untrusted(item, core.config.cluster_key)
        except BadPacket:
            core.count("bad_rows")
            return None
        verdict = self._door.judge(row)
        if self._is_late(sender, row):
            core.count("rows_late")
        elif verdict is not Verdict.NEWS:
            core.count(f"rows_{verdict.name.lower()}")
        elif row.item in self._waiting:
            core.count("rows_known")
        elif len(self._waiting) >= core.config.verifying_max:
            core.count("rows_put_off")
        else:
            self._waiting[row.item] = None
            return row
        return None

    def _is_late(self, sender: NodeId, row: Row) -> bool:
        """Return whether a removed node's row comes from who is no member himself.

        Once its removal is acknowledged, only what members hold of it counts: they have
        said what that is, and somebody may rely on it.
        """
        rules, me = self._core.rules, self._core.me
        if row.owner == me or not rules.is_revoked(row.owner):
            return False
        is_settled = rules.revocations.cut_of(row.owner) is not None
        is_told = is_settled or row.owner in rules.facts_of(me).acks
        is_out = rules.is_revoked(sender) or rules.facts_of(sender).left
        return is_told and is_out and not rules.is_revoked(me)

    def _holds(self, item: bytes) -> bool:
        """Return whether that very row is held: most that come are copies.

        And most copies come soon after the first, so those cost no hash.
        """
        core = self._core
        recent = self._recent.get(item)
        if recent is not None:
            at = core.shelves.get(recent.scope)
            if at is not None and at.get(recent.owner, recent.name) is recent:
                return True
        body = item[:-PROOF_BYTES]
        element = element_of(hash_item(core.config.cluster_key, body))
        for shelf in core.shelves.values():
            row = shelf.elements().get(element)
            if row is not None and row.item == item:
                return True
        return False

    def _take(self, now: float, row: Row, *, relays: bool) -> None:
        core = self._core
        if row.owner == core.me:
            self._recovery.recover(now, row)
            self.news[row.scope] = None
            return
        # Much may have come since it was judged.
        if self._door.apply(row) is not Verdict.NEWS:
            return
        self.news[row.scope] = None
        self._recent[row.item] = row
        if len(self._recent) > _RECENT_MAX:
            del self._recent[next(iter(self._recent))]
        if relays:
            core.outputs.append(Spread(row))
        self._writer.attend(row)
        if row.scope == CLUSTER and row.table in (NODE, REVOCATION):
            self._is_due = True
