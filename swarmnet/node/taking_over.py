"""What a manager has said as such is said by another, before he is one no more.

His rows of the managers' tables then count nowhere, and the cluster must not lose by it
whom it removed, of what its subnets are made, nor by what it knows its tokens.
"""

from swarmnet.crypto.certificate import Role
from swarmnet.crypto.token import Verifier
from swarmnet.ids import CLUSTER, NodeId
from swarmnet.node.tokens import verifier_of
from swarmnet.tables.engine import Tables
from swarmnet.tables.facts import encode_revocation
from swarmnet.tables.row import POOL, REVOCATION, TOKEN, Name, Row


def take_over(tables: Tables, now: float, manager: NodeId) -> None:
    """Write as our own what a manager has said as such, as far as it counts.

    Raises:
        Refused: the tables take no row of ours. Some may be written.
    """
    for name, row in list(tables.rows_of(CLUSTER, manager).items()):
        value = None if row.is_deleted else _value(tables, name, row)
        if value is not None:
            tables.inherit(now, name, value)


def _value(tables: Tables, name: Name, row: Row) -> bytes | None:
    """Return what is to be said in place of a row, or None."""
    table, key = name
    if table == POOL:
        return row.value
    if table == REVOCATION:
        revocations, node = tables.rules.revocations, NodeId(key)
        issued = revocations.issued_by(node)
        cut = revocations.cut_of(node)
        return None if issued is None else encode_revocation(cut, issued)
    if table == TOKEN and key in {role.to_bytes(1, "big") for role in Role}:
        verifier = verifier_of(tables, Role(key[0]))
        return Verifier(
            verifier.role, verifier.hashes[: Verifier.RETIRED_MAX + 1]
        ).encode()
    return None
