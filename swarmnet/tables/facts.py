"""What the tables themselves read in rows: up to where an owner's rows are void.

    node        [collected, floor, left, acks, about, vouched, life]
                                                        about: bytes for others
    attachment  [since, about]
    mask        [table, key, owner, version, lamport]   in the scope of what it masks
    revocation  [cut, issued]                           cut: nil until it is known
    version     [boot epoch, sequence]
    acks        [[node, version], ...]                  vouched alike

A value that is malformed says nothing; its row is carried like any other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from swarmnet.errors import BadPacket
from swarmnet.ids import CLUSTER, NODE_ID_BYTES, NodeId
from swarmnet.tables.codec import KEY_BYTES_MAX, TABLE_CHARACTERS_MAX, VERSION_MAX
from swarmnet.tables.config import ROW_BYTES_MAX
from swarmnet.tables.row import NODE, Name, Row, TableName, Version
from swarmnet.wire import array, blob, natural, pack, unpack_array_untrusted

NEVER: Final[Version] = (0, 0)
"""Before everything: no row has it, for sequences count from 1."""


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What a `node` row says of its owner.

    All rows of the owner up to `collected` are void: tombstones that are old enough,
    and what they stood for; what lives was written again before. Those that are not
    durable are void before `floor` as well: its state was lost there, or it left, as
    it still has if `left`. `acks` tell, of nodes that were removed, up to which version
    the owner holds their rows. `vouched` tells the same of managers that have removed
    other managers: whoever was told first that they are removed themselves takes their
    word up to there all the same. `about` is for the rooms above: certificates, the
    data path's address. `life` tells, after the owner was outbid, which life that was:
    its first epoch and a number drawn, so that of two the elder is known.
    """

    collected: Version = NEVER
    floor: Version = NEVER
    left: bool = False
    acks: Mapping[NodeId, Version] = field(default_factory=dict)
    about: bytes = b""
    vouched: Mapping[NodeId, Version] = field(default_factory=dict)
    life: Version = NEVER

    def encode(self) -> bytes:
        """Return the value of the row."""
        acks = [(node, version) for node, version in sorted(self.acks.items())]
        head = (self.collected, self.floor, self.left, acks, self.about)
        if not self.vouched and self.life == NEVER:
            return pack(head)
        vouched = [(node, version) for node, version in sorted(self.vouched.items())]
        return pack((*head, vouched, self.life))

    def holds_of(self, node: NodeId) -> Version:
        """Return up to which version the owner says to hold a removed node's rows."""
        return max(self.acks.get(node, NEVER), self.vouched.get(node, NEVER))


@dataclass(frozen=True, slots=True)
class MaskFacts:
    """Which row a `mask` row wants gone, in its versions up to `version`.

    And where its owner had to write that again as it was: it kept its counter then.
    """

    name: Name
    owner: NodeId
    version: Version
    lamport: int

    def encode(self) -> bytes:
        """Return the value of the row."""
        table, key = self.name
        return pack((table, key, self.owner, self.version, self.lamport))

    def covers(self, row: Row) -> bool:
        """Return whether a row of that owner about that name is to go."""
        return row.version <= self.version or row.lamport == self.lamport


def supersedes(row: Row, other: Row) -> bool:
    """Return whether a row holds, of two by one owner about one name.

    The later does, but a word by which rows are void is never lost: a life that knew
    nothing of it speaks later, and what it says is put right by the owner alone.
    """
    if is_own_word(row):
        voids, others = _voids(row), _voids(other)
        if voids != others:
            return voids > others
    return row.is_later(other)


def is_own_word(row: Row) -> bool:
    """Return whether a row is what a node says of itself."""
    return row.table == NODE and row.scope == CLUSTER and row.key == row.owner


def _voids(row: Row) -> tuple[Version, Version]:
    facts = node_facts(row)
    return (NEVER, NEVER) if facts is None else (facts.collected, facts.floor)


def encode_attachment(since: Version, about: bytes) -> bytes:
    """Return the value of an `attachment` row.

    What its owner wrote in that scope before `since`, and is not durable, is void.
    """
    return pack((since, about))


def node_facts(row: Row) -> NodeFacts | None:
    """Return what a `node` row says; None if it is no word of its owner's own."""
    if row.key != row.owner:
        return None
    try:
        fields = array(unpack_array_untrusted(row.value), 5)
        if type(fields[2]) is not bool:
            return None
        collected, floor = _version(fields[0]), _version(fields[1])
        if collected >= row.version or floor > row.version:
            # Nobody voids by a word what he has yet to write.
            return None
        return NodeFacts(
            collected=collected,
            floor=floor,
            left=fields[2],
            acks=dict(_ack(item) for item in array(fields[3], 0)),
            about=blob(fields[4], ROW_BYTES_MAX),
            vouched=dict(_ack(item) for item in array(_further(fields, 5, []), 0)),
            life=_version(_further(fields, 6, list(NEVER))),
        )
    except BadPacket:
        return None


def attachment_since(row: Row) -> Version | None:
    """Return before which version the owner's rows of that scope are void.

    A tombstone says it by its own version: what was written there before is over.
    """
    if row.is_deleted:
        return row.version
    try:
        return _version(array(unpack_array_untrusted(row.value), 2)[0])
    except BadPacket:
        return None


def attachment_about(row: Row) -> bytes:
    """Return what an `attachment` row carries for the rooms above."""
    try:
        return blob(array(unpack_array_untrusted(row.value), 2)[1], ROW_BYTES_MAX)
    except BadPacket:
        return b""


def encode_revocation(cut: Version | None, issued: int = 0) -> bytes:
    """Return the value of a `revocation` row.

    `cut` is up to where the removed node's durable rows stand, once every member has
    acknowledged its removal. `issued` is the last serial of the certificates that it
    has issued, and that stand: 0 if it has issued none.
    """
    return pack((cut, issued))


def revocation_issued(row: Row) -> int:
    """Return up to which serial the certificates stand that a removed node issued."""
    try:
        return natural(array(unpack_array_untrusted(row.value), 2)[1])
    except BadPacket:
        return 0


def revocation_cut(row: Row) -> Version | None:
    """Return up to where a removed node's durable rows stand; None if not known yet."""
    try:
        cut = array(unpack_array_untrusted(row.value), 1)[0]
        return None if cut is None else _version(cut)
    except BadPacket:
        return None


def mask_facts(row: Row) -> MaskFacts | None:
    """Return what a `mask` row wants gone, or None."""
    try:
        fields = array(unpack_array_untrusted(row.value), 5)
        table = fields[0]
        if type(table) is not str or not 1 <= len(table) <= TABLE_CHARACTERS_MAX:
            return None
        return MaskFacts(
            name=(TableName(table), blob(fields[1], KEY_BYTES_MAX, 1)),
            owner=NodeId(blob(fields[2], NODE_ID_BYTES, NODE_ID_BYTES)),
            version=_version(fields[3]),
            lamport=natural(fields[4]),
        )
    except BadPacket:
        return None


def _version(value: object) -> Version:
    fields = array(value, 2)
    return natural(fields[0], VERSION_MAX), natural(fields[1], VERSION_MAX)


def _further(fields: Sequence[object], place: int, absent: object) -> object:
    return fields[place] if len(fields) > place else absent


def _ack(value: object) -> tuple[NodeId, Version]:
    fields = array(value, 2)
    node = NodeId(blob(fields[0], NODE_ID_BYTES, NODE_ID_BYTES))
    return node, _version(fields[1])
