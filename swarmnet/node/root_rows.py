"""Roots in rows: one that succeeds another, and one that has ended.

    root    key: the root's key id    value: [certificate, withdrawal or empty, ...]

Both prove themselves by a root's signature (`Trust.add_root`, `crypto.withdrawal`), so
they count whoever writes the row. Both roots are believed until the older has ended.
"""

from swarmnet.crypto.certificate import (
    CERTIFICATE_BYTES_MAX,
    RootCertificate,
    Verdict,
    decode_root_untrusted,
)
from swarmnet.crypto.trust import Trust
from swarmnet.crypto.withdrawal import (
    WITHDRAWAL_BYTES_MAX,
    Withdrawal,
    decode_withdrawal_untrusted,
)
from swarmnet.errors import BadPacket, Refused
from swarmnet.ids import CLUSTER
from swarmnet.tables.engine import Tables
from swarmnet.tables.row import ROOT, Name, Row
from swarmnet.wire import array, blob, pack, unpack_array_untrusted


class RootRows:
    """Lets one node's trust follow the rows that say which roots there are."""

    __slots__ = ("_followed", "_marks", "_names", "_tables", "_trust")

    def __init__(self, tables: Tables, trust: Trust) -> None:
        self._tables = tables
        self._trust = trust
        self._marks = tables.mark(CLUSTER, ROOT)
        self._names: dict[Name, None] = {}
        self._followed = self._held()

    def add(self, now: float, root: RootCertificate) -> None:
        """Let everybody believe a further root.

        Raises:
            Refused: no root that is held vouches for it, or it was withdrawn.
        """
        verdict = self._trust.add_root(root)
        if verdict is not Verdict.GOOD:
            what = verdict.name.lower().replace("_", " ")
            raise Refused(
                f"root {root.key_id.hex()}: {what}: make it as the successor of one of "
                f"the {len(self._trust.roots())} that are held"
            )
        value = pack((root.encode(), b""))
        self._tables.put(now, CLUSTER, (ROOT, root.key_id), value, durable=True)

    def withdraw(self, now: float, withdrawal: Withdrawal) -> None:
        """Let nobody believe a root any more, nor what goes back to it.

        Raises:
            Refused: it is not held, or no root that came after it says so.
        """
        held = {root.key_id: root for root in self._trust.roots()}
        root = held.get(withdrawal.ended)
        if root is None or not self._trust.is_ended_by(withdrawal):
            raise Refused(
                f"root {withdrawal.ended.hex()}: not held, or not ended by one that "
                "succeeds it: have the newest root withdraw it"
            )
        value = pack((root.encode(), withdrawal.encode()))
        self._tables.put(now, CLUSTER, (ROOT, root.key_id), value, durable=True)

    def follow(self) -> bool:
        """Take up what is new in the rows; return whether other roots are held now."""
        is_news = False
        while (about := self._marks.poll()) is not None:
            self._names[about[1]] = None
            is_news = True
        # A root's row may be read before that of the one that vouches for it.
        for _ in range(Trust.ROOTS_MAX if is_news else 0):
            for name in self._names:
                for row in self._tables.held(CLUSTER, name):
                    self._read(row)
        before, self._followed = self._followed, self._held()
        return self._followed != before

    def _held(self) -> tuple[object, object]:
        return self._trust.roots(), self._trust.withdrawn_ids()

    def _read(self, row: Row) -> None:
        if row.is_deleted:
            return
        try:
            fields = array(unpack_array_untrusted(row.value), 2)
            root = decode_root_untrusted(blob(fields[0], CERTIFICATE_BYTES_MAX))
            encoded = blob(fields[1], WITHDRAWAL_BYTES_MAX)
            ended = decode_withdrawal_untrusted(encoded) if encoded else None
        except BadPacket:
            return
        if root.key_id == row.key:
            self._trust.add_root(root)
        if ended is not None and ended.ended == row.key:
            self._trust.end_root(ended)
