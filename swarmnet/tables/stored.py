"""What a node's storage gives back at its start."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from swarmnet.tables.codec import decode_row_untrusted
from swarmnet.tables.row import Row


@dataclass(frozen=True, slots=True)
class StoredRows:
    """What a node's storage holds: rows as they travel (`Row.item`).

    `own` are those that `Save` gave out. `known` are others' that were held once, and
    so were verified; they may be out of date, and need not be there.
    """

    own: Sequence[bytes] = ()
    known: Sequence[bytes] = ()


def stored_rows(items: Iterable[bytes], hash_key: bytes) -> list[Row]:
    """Return rows as storage holds them."""
    return [decode_row_untrusted(item, hash_key) for item in items]
