"""The wire form of rows and of what synchronisation says: msgpack arrays, read totally.

    row      body, then 64 bytes of proof
    body     [1, table, scope, key, owner, epoch, sequence, lamport, flags, value]
    message  [kind, scope, field, ...]            kinds in `Kind`

The leading 1 is the version. Fields are only ever appended. Further fields of a row's
body stay in it, for it is stored and passed on as it was signed; a table or a flag that
is unknown here is carried like any other.

Functions with the suffix `_untrusted` take bytes from the network and raise nothing
but `BadPacket`.
"""

from collections.abc import Sequence
from enum import IntEnum
from functools import lru_cache
from typing import Final, cast

from swarmnet.errors import BadPacket
from swarmnet.ids import NODE_ID_BYTES, SCOPE_BYTES_MAX, NodeId, Scope
from swarmnet.sketch import hash_item
from swarmnet.tables.config import ROW_BYTES_MAX
from swarmnet.tables.messages import (
    Compare,
    Message,
    Offer,
    Page,
    Ranges,
    Rows,
    Want,
    WantPage,
)
from swarmnet.tables.row import (
    PROOF_BYTES,
    TABLES,
    Flag,
    Name,
    Row,
    TableName,
    Version,
)
from swarmnet.wire import (
    Value,
    array,
    blob,
    join_u64,
    natural,
    pack,
    split_u64_untrusted,
    unpack_array_untrusted,
)

VERSION: Final = 1
KEY_BYTES_MAX: Final = 64
TABLE_CHARACTERS_MAX: Final = 32
LAMPORT_MAX: Final = 2**62
VERSION_MAX: Final = 2**62
"""Of an epoch and of a sequence: there is always a greater one left."""
_KNOWN_TABLES: Final = {str(table): table for table in TABLES}
"""So that a hundred thousand rows share these names."""
_BODY_FIELDS: Final = 10
_FLAGS_MAX: Final = 0xFFFF_FFFF
_DIGEST_BYTES: Final = 16
_ITEMS_MAX: Final = 4096
_ELEMENTS_BYTES_MAX: Final = 8 * 4096
_SYNC_BYTES_MAX: Final = 1 << 17


class Kind(IntEnum):
    """The first field of a message. Numbers are never used again."""

    COMPARE = 1
    OFFER = 2
    WANT = 3
    ROWS = 4
    RANGES = 5
    WANT_PAGE = 6
    PAGE = 7


def encode_body(
    owner: NodeId,
    place: tuple[Scope, Name],
    version: Version,
    lamport: int,
    content: tuple[Flag, bytes],
) -> bytes:
    """Return what the owner signs; `place` is scope, table and key."""
    scope, (table, key) = place
    flags, value = content
    head = (VERSION, table, scope, key, owner, *version, lamport)
    return pack((*head, int(flags), value))


def encode_again(row: Row, version: Version) -> bytes:
    """Return a body by which the owner says what he has said, under a new version.

    Fields that only a later version of this program knows are kept.
    """
    fields = unpack_array_untrusted(row.body)
    head = (VERSION, row.table, row.scope, row.key, row.owner, *version)
    return pack((*head, *cast(list[Value], fields[len(head) :])))


def decode_row_untrusted(item: bytes, hash_key: bytes) -> Row:
    """Read a row; its proof is looked at by nobody here.

    Raises:
        BadPacket: it is malformed, too large, or of a version that this cannot read.
    """
    if not PROOF_BYTES < len(item) <= ROW_BYTES_MAX:
        raise BadPacket(f"row of {len(item)} bytes, want up to {ROW_BYTES_MAX}")
    body = item[:-PROOF_BYTES]
    fields = array(unpack_array_untrusted(body), _BODY_FIELDS)
    if fields[0] != VERSION or type(fields[0]) is not int:
        raise BadPacket("row of an unknown version")
    return Row(
        table=_table(fields[1]),
        scope=Scope(_shared(blob(fields[2], SCOPE_BYTES_MAX))),
        key=blob(fields[3], KEY_BYTES_MAX, 1),
        owner=NodeId(_shared(blob(fields[4], NODE_ID_BYTES, NODE_ID_BYTES))),
        epoch=natural(fields[5], VERSION_MAX),
        sequence=natural(fields[6], VERSION_MAX),
        lamport=natural(fields[7], LAMPORT_MAX),
        flags=Flag(natural(fields[8], _FLAGS_MAX)),
        value=blob(fields[9], ROW_BYTES_MAX),
        item=item,
        hash128=hash_item(hash_key, body),
    )


@lru_cache(maxsize=4096)
def _shared(value: bytes) -> bytes:
    """Return bytes equal to `value`, the same ones for many rows: it saves memory."""
    return value


def _table(value: object) -> TableName:
    if type(value) is not str or not 1 <= len(value) <= TABLE_CHARACTERS_MAX:
        raise BadPacket(f"want a table's name of 1 to {TABLE_CHARACTERS_MAX}")
    return _KNOWN_TABLES.get(value, TableName(value))


def encode_message(message: Message) -> bytes:
    """Return a message's bytes."""
    scope = message.scope
    match message:
        case Compare(_, digest, count):
            return pack((Kind.COMPARE, scope, digest, count))
        case Offer(_, cells):
            return pack((Kind.OFFER, scope, cells))
        case Want(_, elements):
            return pack((Kind.WANT, scope, join_u64(elements)))
        case Rows(_, items):
            return pack((Kind.ROWS, scope, items))
        case Ranges(_, ranges):
            return pack((Kind.RANGES, scope, ranges))
        case WantPage(_, first, last, room):
            return pack((Kind.WANT_PAGE, scope, first, last, room))
        case Page(_, first, last, items):
            return pack((Kind.PAGE, scope, first, last, items))
    raise AssertionError(f"no encoding of {message}")


def decode_message_untrusted(data: bytes) -> Message | None:
    """Read a message; None is one of a kind that a later version may know.

    Raises:
        BadPacket: it is malformed.
    """
    fields = array(unpack_array_untrusted(data), 3)
    kind = natural(fields[0])
    scope = Scope(blob(fields[1], SCOPE_BYTES_MAX))
    match kind:
        case Kind.COMPARE:
            array(fields, 4)
            digest = blob(fields[2], _DIGEST_BYTES, _DIGEST_BYTES)
            return Compare(scope, digest, natural(fields[3]))
        case Kind.OFFER:
            return Offer(scope, blob(fields[2], _SYNC_BYTES_MAX))
        case Kind.WANT:
            elements = blob(fields[2], _ELEMENTS_BYTES_MAX)
            return Want(scope, split_u64_untrusted(elements))
        case Kind.ROWS:
            return Rows(scope, _items(fields[2]))
        case Kind.RANGES:
            return Ranges(scope, blob(fields[2], _SYNC_BYTES_MAX))
        case Kind.WANT_PAGE:
            array(fields, 5)
            return WantPage(scope, *_part(fields[2:4]), natural(fields[4]))
        case Kind.PAGE:
            array(fields, 5)
            return Page(scope, *_part(fields[2:4]), _items(fields[4]))
    return None


def _items(value: object) -> tuple[bytes, ...]:
    items = array(value, 0)
    if len(items) > _ITEMS_MAX:
        raise BadPacket(f"{len(items)} rows, want up to {_ITEMS_MAX}")
    return tuple(blob(item, ROW_BYTES_MAX) for item in items)


def _part(values: Sequence[object]) -> tuple[int, int]:
    """Read a part of the space of elements: its first and its last."""
    first, last = natural(values[0]), natural(values[1])
    if first > last:
        raise BadPacket("a part that ends before it begins")
    return first, last
