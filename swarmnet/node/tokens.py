"""Join tokens in rows: what managers know secrets by, agreed upon by all of them.

    token    key: the role, one byte    value: a `crypto.token.Verifier`

Each manager writes rows of its own. Of several for one role the greatest (Lamport
counter, owner) says which secret is the current one; what the others know is rotated
away, with whoever did it. No row holds a secret.
"""

from typing import Final

from swarmnet.crypto.certificate import Role
from swarmnet.crypto.token import (
    TokenBook,
    Verifier,
    decode_verifier_untrusted,
)
from swarmnet.errors import BadPacket, Refused
from swarmnet.ids import CLUSTER
from swarmnet.tables.engine import Tables
from swarmnet.tables.row import TOKEN, Name, Row

RETIRED_MAX: Final = 64
"""So many secrets of a role are known as rotated away, of all managers together."""


def write_verifier(tables: Tables, now: float, verifier: Verifier) -> Row:
    """Write by what a role's secret is known from now on.

    Raises:
        Refused: we are no manager, or were removed; nothing has changed.
    """
    if not tables.rules.may_write(tables.rules.me, TOKEN):
        raise Refused(
            f"{verifier.role.name.lower()} token: only a manager makes one: ask one"
        )
    name = _name(verifier.role)
    return tables.put(now, CLUSTER, name, verifier.encode(), durable=True)


def verifier_of(tables: Tables, role: Role) -> Verifier:
    """Return by what a role's secrets are known; nothing is, where no row says it."""
    shown = tables.claimants(CLUSTER, _name(role))
    rows = sorted((one.row for one in shown), key=lambda row: row.rank, reverse=True)
    read = [_verifier(row, role) for row in rows]
    hashes = dict.fromkeys(
        hashed for one in read if one is not None for hashed in one.hashes
    )
    return Verifier(role, tuple(hashes)[: RETIRED_MAX + 1])


class TokenRows:
    """Keeps a book for an `Admitter` that says what the rows say."""

    __slots__ = ("_marks", "_tables", "book")

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._marks = tables.mark(CLUSTER, TOKEN)
        self.book: Final = TokenBook(
            verifier_of(tables, Role.WORKER), verifier_of(tables, Role.MANAGER)
        )

    def follow(self) -> bool:
        """Take up what is new in the rows; return whether anything may be."""
        has_changed = False
        while self._marks.poll() is not None:
            has_changed = True
        if has_changed:
            for role in Role:
                self.book.replace(verifier_of(self._tables, role))
        return has_changed


def _name(role: Role) -> Name:
    return TOKEN, role.to_bytes(1, "big")


def _verifier(row: Row, role: Role) -> Verifier | None:
    try:
        verifier = decode_verifier_untrusted(row.value)
    except BadPacket:
        return None
    return verifier if verifier.role is role else None
