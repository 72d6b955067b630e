"""What a control plane is handed by what is above it, and hands to its rooms."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from swarmnet.ids import NodeId
from swarmnet.node.envelope import SWIM
from swarmnet.swim import core as swim_core
from swarmnet.swim.engine import Swim
from swarmnet.tables import core as tables_core
from swarmnet.tables.facts import is_own_word, node_facts
from swarmnet.tables.row import CERTIFICATE, TableName
from swarmnet.tables.stored import StoredRows, stored_rows


@dataclass(frozen=True, slots=True)
class PlaneSeams:
    """What a control plane is handed: who can sign, and who may say what.

    `sign`, `verify` and `serial` as in `swim.core.Seams`. `signer(node)` is the key
    under which a node's rows are verified, or None if it is unknown, and
    `check(key, message, proof)` does it. `may_write` and `issued` are as in the seams
    of the tables.
    `introduce(about)` is given what a `node` row says of its owner before its signature
    is looked at: it may hold the certificate that tells the key; it returns False if
    that is a forgery. `stands` as in the seams of the tables.
    """

    sign: Callable[[bytes], bytes]
    verify: Callable[[NodeId, bytes, bytes], bool | None]
    serial: Callable[[NodeId], bytes]
    signer: Callable[[NodeId], bytes | None]
    check: Callable[[bytes, bytes, bytes], bool]
    may_write: Callable[[NodeId, TableName], bool]
    introduce: Callable[[bytes], bool]
    issued: Callable[[NodeId, Iterable[NodeId]], int] = lambda _manager, _nodes: 0
    stands: Callable[[NodeId, bytes], bool] = lambda _owner, _about: True


def known_of(rows: StoredRows, seams: PlaneSeams) -> StoredRows:
    """Return stored rows without those of others whose key is not known.

    Certificates travel with `node` rows, so those are read first, and before them who
    is a manager no more. What is left out comes again from those who know its owner.
    """
    known = stored_rows(rows.known, b"")
    for row in (*known, *stored_rows(rows.own, b"")):
        if row.table == CERTIFICATE and not row.is_deleted:
            seams.introduce(row.value)
    for row in known:
        facts = node_facts(row) if is_own_word(row) else None
        if facts is not None and facts.about:
            seams.introduce(facts.about)
    good = [row.item for row in known if seams.signer(row.owner) is not None]
    return StoredRows(rows.own, good)


def swim_seams(seams: PlaneSeams, rider: Callable[[NodeId], bytes]) -> swim_core.Seams:
    """Return what membership is handed; `rider` is what rides on a ping to a node."""
    return swim_core.Seams(seams.sign, seams.verify, seams.serial, rider, SWIM)


def tables_seams(swim: Swim, seams: PlaneSeams) -> tables_core.Seams:
    """Return what the tables are handed, of membership and of the rooms above."""
    return tables_core.Seams(
        sign=seams.sign,
        may_write=seams.may_write,
        tokens=swim.budget.tokens,
        charge=swim.budget.charge,
        neighbours=swim.neighbours,
        distance=swim.distance,
        issued=seams.issued,
        stands=seams.stands,
    )
