"""What a node of ours may write: who, how much, how long. Users are told why not."""

from typing import Final

from swarmnet.errors import Refused
from swarmnet.ids import CLUSTER, Scope
from swarmnet.tables.codec import KEY_BYTES_MAX, TABLE_CHARACTERS_MAX, encode_body
from swarmnet.tables.config import ROW_BYTES_MAX
from swarmnet.tables.core import Core
from swarmnet.tables.row import (
    ATTACHMENT,
    NODE,
    PROOF_BYTES,
    REVOCATION,
    Flag,
    Name,
    Version,
)

_VERBS: Final = {
    NODE: "introduce and leave",
    ATTACHMENT: "attach and detach",
    REVOCATION: "revoke, for good,",
}


def check_free(scope: Scope, name: Name) -> None:
    """Refuse a table of which the tables themselves see to what is written.

    Raises:
        Refused: it is one.
    """
    verb = _VERBS.get(name[0]) if scope == CLUSTER else None
    if verb is not None:
        raise Refused(f"table {name[0]}: written by {verb} alone")


def check_membership(core: Core) -> None:
    """Refuse whatever we would write if we were removed, or are fenced.

    Raises:
        Refused: we were, or are.
    """
    if core.is_fenced:
        raise Refused(
            f"node {core.me.hex()}: an elder process runs under its key, as when a disk"
            " was cloned; stop one of them, and join again with a new key"
        )
    if core.rules.is_revoked(core.me):
        raise Refused(
            f"node {core.me.hex()}: it was removed, and no more of its rows count;"
            " join again with a new key"
        )


def check_fits(
    core: Core, place: tuple[Scope, Name], value: bytes, stamp: tuple[Version, int]
) -> None:
    """Refuse a row that is too long, or one too many; `stamp`: version and counter.

    Raises:
        Refused: it is, or we take no part in its scope.
    """
    check_membership(core)
    scope, (table, key) = place
    if not (1 <= len(table) <= TABLE_CHARACTERS_MAX and table.isascii()):
        raise Refused(f"table {table!r}: want 1 to {TABLE_CHARACTERS_MAX} letters")
    if not 1 <= len(key) <= KEY_BYTES_MAX:
        raise Refused(f"key of {len(key)} bytes: want 1 to {KEY_BYTES_MAX}")
    shelf = core.shelves.get(scope)
    if shelf is None or not core.rules.is_attached(core.me, scope):
        raise Refused(f"scope {scope.hex()}: attach to it first")
    size = PROOF_BYTES + len(encode_body(core.me, place, *stamp, (Flag(0), value)))
    if size > ROW_BYTES_MAX:
        fits = len(value) - (size - ROW_BYTES_MAX)
        raise Refused(
            f"value of {len(value)} bytes: want {fits} at most beside this key"
        )
    most = core.config.rows_per_owner
    count = shelf.counted(core.me)
    is_free = (scope, table) == (CLUSTER, NODE)
    is_new = shelf.get(core.me, (table, key)) is None and not is_free
    if is_new and count >= most:
        raise Refused(
            f"{count} rows of ours in this scope, tombstones included: want"
            f" {most} at most; delete some, and wait until they are collected"
        )
