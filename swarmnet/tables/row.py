"""A row: one replicated fact, which only its owner may change.

Precedence is a total order over all rows of one (owner, table, scope, key): boot epoch,
sequence, and the bytes themselves as the last word. So the merge of two is the greater,
which is commutative, associative and idempotent.
"""

from dataclasses import dataclass
from enum import IntFlag
from typing import Final, NewType

from swarmnet.ids import NodeId, Scope

SIGN_DOMAIN: Final = b"swarmnet table row 1\0"
"""Stands before a row's body when it is signed, so that a signature made here can never
pass for one made elsewhere."""
PROOF_BYTES: Final = 64

TableName = NewType("TableName", str)
NODE: Final = TableName("node")
"""Who a node is, and up to where its rows are void; key: the owner's id."""
NETWORK: Final = TableName("network")
ATTACHMENT: Final = TableName("attachment")
"""The owner takes part in a network; key: the network's scope."""
RANGE: Final = TableName("range")
POOL: Final = TableName("pool")
"""What subnets are taken from, and whose all of it was at first. Managers' alone."""
ROUTE: Final = TableName("route")
"""What a host reaches beside its networks; key: the owner's id."""
REVOCATION: Final = TableName("revocation")
"""A node is one no more; key: its id. Only managers' count."""
TOKEN: Final = TableName("token")
"""By what join tokens are known; key: the role. Only managers' count."""
CERTIFICATE: Final = TableName("certificate")
"""What a root has said of a node; its signature counts, whoever writes the row."""
ROOT: Final = TableName("root")
"""A further root, or one's end; key: its key id. Its signatures count, alike."""
MASK: Final = TableName("mask")
"""Another owner's durable row is to go."""
ENDPOINT: Final = TableName("endpoint")
SERVICE: Final = TableName("service")
TABLES: Final = (
    *(NODE, NETWORK, ATTACHMENT, RANGE, POOL, ROUTE, REVOCATION, TOKEN, MASK),
    *(ENDPOINT, SERVICE, CERTIFICATE, ROOT),
)
"""Those that this version knows; it carries any other as well."""

Version = tuple[int, int]
"""(boot epoch, sequence): all that one owner has ever written is ordered by it."""
Name = tuple[TableName, bytes]
"""(table, key): what a row is about; several owners may have one each."""


class Flag(IntFlag):
    """What holds of a row whatever its table, known to this version or not."""

    DELETED = 1
    """A tombstone: the owner's word that the row is gone."""
    DURABLE = 2
    """It outlives its owner. Other rows are void once the owner has left."""


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """A row as it was signed; what it is compared and hashed by is its body.

    `item` is the signed body and 64 bytes of proof, as they travel, fields of later
    versions included. `hash128` is the keyed hash of the body. `lamport` orders rows of
    several owners about one name.
    """

    table: TableName
    scope: Scope
    key: bytes
    owner: NodeId
    epoch: int
    sequence: int
    lamport: int
    flags: Flag
    value: bytes
    item: bytes
    hash128: int

    @property
    def body(self) -> bytes:
        """What was signed."""
        return self.item[:-PROOF_BYTES]

    @property
    def proof(self) -> bytes:
        """The owner's signature."""
        return self.item[-PROOF_BYTES:]

    @property
    def name(self) -> Name:
        """What the row is about."""
        return (self.table, self.key)

    @property
    def version(self) -> Version:
        """When its owner wrote it."""
        return (self.epoch, self.sequence)

    @property
    def is_deleted(self) -> bool:
        """Whether this is a tombstone."""
        return Flag.DELETED in self.flags

    @property
    def is_durable(self) -> bool:
        """Whether it outlives its owner."""
        return Flag.DURABLE in self.flags

    @property
    def rank(self) -> tuple[int, NodeId]:
        """Orders the rows of several owners about one name; the greatest is shown."""
        return (self.lamport, self.owner)

    def is_later(self, other: "Row") -> bool:
        """Return whether the owner wrote this after `other`, which is about the same.

        Of two rows of one version the bytes decide. See `facts.supersedes`.
        """
        if self.version != other.version:
            return self.version > other.version
        return self.body > other.body

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return isinstance(other, Row) and self.body == other.body

    def __hash__(self) -> int:
        return hash(self.hash128)
