"""The rows of the table `range`: deeds, wills, and what is cleared, by their keys."""

from collections.abc import Iterable
from typing import Final

from swarmnet.errors import BadPacket
from swarmnet.ids import NodeId
from swarmnet.ipam.deeds import Deed, decode_deed_untrusted
from swarmnet.node.network_facts import decode_will_untrusted
from swarmnet.tables.row import Row

DEED_KEY: Final = b"d"
WILL_KEY: Final = b"w"
DEEDS_MAX: Final = 128
"""So many deeds of one granter about one realm count, and are written."""
CLEARED_KEY: Final = b"c"
_NUMBER_BYTES: Final = 8


def deed_key(number: int) -> bytes:
    """Return the key under which a deed of that number stands."""
    return DEED_KEY + number.to_bytes(_NUMBER_BYTES, "big")


def that_count(deeds: Iterable[Deed]) -> list[Deed]:
    """Return of each granter's deeds about a realm those whose numbers are least."""
    found: dict[NodeId, list[Deed]] = {}
    for deed in sorted(deeds, key=lambda one: one.number):
        found.setdefault(deed.granter, []).append(deed)
    return [one for mine in found.values() for one in mine[:DEEDS_MAX]]


def deed_of(row: Row) -> Deed | None:
    """Return what a row grants; None if it is no deed, or not under its number."""
    try:
        deed = decode_deed_untrusted(row.owner, row.version, row.value)
    except BadPacket:
        return None
    key = deed_key(deed.number)
    return deed if row.key == key and row.is_durable else None


def heirs_of(row: Row) -> tuple[NodeId, ...] | None:
    """Return whom a row names as heirs; None if it is no will."""
    if row.is_deleted or not row.is_durable:
        return None
    try:
        return decode_will_untrusted(row.value)
    except BadPacket:
        return None
