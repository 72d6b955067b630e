"""Rows on their way: as payloads that membership relays, from the tables to them."""

from hashlib import blake2b
from typing import Final

from swarmnet.ids import NodeId
from swarmnet.swim.engine import Swim
from swarmnet.swim.outputs import Payload, PayloadClass
from swarmnet.tables.engine import Tables
from swarmnet.tables.row import Row

ROW: Final = b"\0"
"""The first byte of the key of a payload that is a row; no other payload has it."""
_DELIVERED_MAX: Final = 4096


class Spreading:
    """Gives rows to membership. What has come from it is relayed as it came."""

    __slots__ = ("_delivered", "_me", "_swim", "_tables")

    def __init__(self, me: NodeId, swim: Swim, tables: Tables) -> None:
        self._me = me
        self._swim = swim
        self._tables = tables
        self._delivered: dict[bytes, Payload] = {}

    def note_delivered(self, payload: Payload) -> None:
        """Keep a payload that was delivered until the tables have judged its row."""
        self._delivered[payload.data] = payload
        if len(self._delivered) > _DELIVERED_MAX:
            del self._delivered[next(iter(self._delivered))]

    def spread(self, now: float, row: Row) -> bool:
        """Give a row to all of its scope; return whether we are of it."""
        payload = self._delivered.pop(row.item, None)
        if payload is None or payload.scope != row.scope:
            payload = _payload_of(row)
        if not self._tables.rules.is_attached(self._me, row.scope):
            # We have left, and are in no network by our own word; digests find it.
            return False
        if row.owner == self._me:
            self._swim.publish(now, payload)
        else:
            self._swim.relay(now, payload)
        return True


def _payload_of(row: Row) -> Payload:
    about = b"%b/%b/%b" % (row.owner, row.table.encode(), row.key)
    key = ROW + blake2b(about, digest_size=16).digest()
    return Payload(key, row.scope, PayloadClass.NORMAL, row.item)
