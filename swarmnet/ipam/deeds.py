"""Deeds: by them a range changes hands, and their wire form.

A deed is one row of whoever grants: parts of what he holds are others' from now on. It
says by which grant he holds it (`parent`; none for the root), so deeds form a tree, and
a place in it has one writer.

    deed    [realm, parent, number, [grant, ...]]    parent: nil, or [node, number]
    grant   [place, first, last, grantee, life]      its number: the deed's, and place

Fields are only ever appended. What is given back is granted to whom it was held from.
"""

from dataclasses import dataclass
from typing import Final

from swarmnet.errors import BadPacket
from swarmnet.ids import NODE_ID_BYTES, NodeId
from swarmnet.ipam.spans import Span
from swarmnet.wire import array, blob, natural, pack, unpack_array_untrusted

REALM_BYTES_MAX: Final = 32
GRANTS_MAX: Final = 24
"""In one deed, so that its row is no longer than a row may be."""
STEP: Final = 32
"""Deeds are numbered in steps of so many, for each numbers its grants."""
_NUMBER_MAX: Final = (1 << 62) - GRANTS_MAX
ANY_LIFE: Final = 0
"""A grant that nobody has asked for."""

GrantId = tuple[NodeId, int]
"""Whose grant it is, and its number, which he never uses again."""
Version = tuple[int, int]
"""When a granter wrote: what he says later holds, where he says two things."""


@dataclass(frozen=True, slots=True)
class Grant:
    """The integers of `span` are `grantee`'s.

    `life` is that life of his which asked for it (`lives`), or `ANY_LIFE`.
    """

    number: int
    span: Span
    grantee: NodeId
    life: int = ANY_LIFE


@dataclass(frozen=True, slots=True)
class Deed:
    """What one row grants, out of what its granter holds by `parent`.

    `number` is that of its first place; its grants are numbered from there.
    """

    realm: bytes
    granter: NodeId
    version: Version
    parent: GrantId | None
    number: int
    grants: tuple[Grant, ...]

    def encode(self) -> bytes:
        """Return the value of the row."""
        grants = [_fields(one, self.number) for one in self.grants]
        return pack((self.realm, self.parent, self.number, grants))


def decode_deed_untrusted(granter: NodeId, version: Version, value: bytes) -> Deed:
    """Read what a row of the granter's, of that version, says.

    Raises:
        BadPacket: it is no deed.
    """
    realm, parent, number, grants = array(unpack_array_untrusted(value), 4)[:4]
    first = natural(number, _NUMBER_MAX)
    if first % STEP:
        # Else two deeds could say one grant's number, and one be the other's parent.
        raise BadPacket(f"deed {first}, want a multiple of {STEP}")
    listed = array(grants, 0)
    if len(listed) > GRANTS_MAX:
        raise BadPacket(f"{len(listed)} grants, want {GRANTS_MAX} at most")
    read = tuple(_grant(first, one) for one in listed)
    if len({one.number for one in read}) < len(read):
        raise BadPacket("two grants of one number")
    held_by = None if parent is None else _grant_id(parent)
    return Deed(blob(realm, REALM_BYTES_MAX, 1), granter, version, held_by, first, read)


def _fields(grant: Grant, number: int) -> tuple[int | bytes, ...]:
    span = grant.span
    fields = (grant.number - number, span.first, span.last, grant.grantee)
    return fields if grant.life == ANY_LIFE else (*fields, grant.life)


def _grant(number: int, value: object) -> Grant:
    fields = array(value, 4)
    place, first, last, grantee = fields[:4]
    low, high = natural(first), natural(last)
    if low > high:
        raise BadPacket(f"a span from {low} to {high}")
    life = natural(fields[4]) if len(fields) > 4 else ANY_LIFE
    where = number + natural(place, GRANTS_MAX - 1)
    return Grant(where, Span(low, high), _node(grantee), life)


def _grant_id(value: object) -> GrantId:
    node, number = array(value, 2)[:2]
    return _node(node), natural(number, _NUMBER_MAX + GRANTS_MAX)


def _node(value: object) -> NodeId:
    return NodeId(blob(value, NODE_ID_BYTES, NODE_ID_BYTES))
