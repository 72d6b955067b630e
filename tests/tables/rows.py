"""Rows made by hand, as any owner might have signed them."""

from typing import Final

from swarmnet.ids import CLUSTER, Scope
from swarmnet.tables.codec import decode_row_untrusted, encode_body
from swarmnet.tables.config import TableConfig
from swarmnet.tables.facts import (
    NEVER,
    MaskFacts,
    NodeFacts,
    encode_attachment,
    encode_revocation,
)
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
    ATTACHMENT,
    ENDPOINT,
    MASK,
    NETWORK,
    NODE,
    REVOCATION,
    SIGN_DOMAIN,
    Flag,
    Name,
    Row,
    Version,
)
from tests.tables.wire import Wire, node_id, proof

NET: Final = Scope(b"net1" * 4)
OTHER: Final = Scope(b"net2" * 4)
E1: Final[Name] = (ENDPOINT, b"e1")
E2: Final[Name] = (ENDPOINT, b"e2")
BLUE: Final[Name] = (NETWORK, b"blue")
NONE: Final = Flag(0)
DELETED: Final = Flag.DELETED
DURABLE: Final = Flag.DURABLE


def signed(owner: int, body: bytes) -> Row:
    """Return a row of which its owner has signed the body."""
    item = body + proof(node_id(owner), SIGN_DOMAIN + body)
    return decode_row_untrusted(item, b"")


def row(
    owner: int,
    version: Version,
    name: Name = E1,
    value: bytes = b"",
    *,
    scope: Scope = NET,
    lamport: int = 1,
    flags: Flag = NONE,
) -> Row:
    """Return a row of node `owner`."""
    place, content = (scope, name), (flags, value)
    return signed(owner, encode_body(node_id(owner), place, version, lamport, content))


def node_row(owner: int, version: Version, facts: NodeFacts | None = None) -> Row:
    """Return what a node says of itself."""
    value = (NodeFacts() if facts is None else facts).encode()
    return row(owner, version, (NODE, node_id(owner)), value, scope=CLUSTER)


def attachment(
    owner: int, version: Version, since: Version = NEVER, scope: Scope = NET
) -> Row:
    """Return a node's word that it takes part in a network."""
    value = encode_attachment(since, b"")
    return row(owner, version, (ATTACHMENT, scope), value, scope=CLUSTER)


def detachment(owner: int, version: Version, scope: Scope = NET) -> Row:
    """Return a node's word that it takes part no more."""
    name = (ATTACHMENT, bytes(scope))
    return row(owner, version, name, scope=CLUSTER, flags=DELETED)


def revocation(
    owner: int, version: Version, node: int, cut: Version | None = None
) -> Row:
    """Return a manager's word that a node is removed."""
    name, value = (REVOCATION, bytes(node_id(node))), encode_revocation(cut)
    return row(owner, version, name, value, scope=CLUSTER, flags=DURABLE)


def mask_of(owner: int, version: Version, masked: Row) -> Row:
    """Return a node's word that another's durable row is to go."""
    facts = MaskFacts(masked.name, masked.owner, masked.version, masked.lamport)
    name = (MASK, masked.hash128.to_bytes(16, "big"))
    return row(owner, version, name, facts.encode(), scope=masked.scope, flags=DURABLE)


def held(wire: Wire, number: int, scope: Scope = NET) -> set[bytes]:
    """Return the bodies of all rows that a node holds of a scope."""
    return {one.body for one in wire[number].rows(scope).values()}


def bodies(*rows: Row) -> set[bytes]:
    """Return what those rows say."""
    return {one.body for one in rows}


def values(wire: Wire, number: int, scope: Scope = NET) -> dict[bytes, bytes]:
    """Return what a node shows of a scope's endpoints, by key."""
    shown = wire[number].table(scope, ENDPOINT)
    return {key: one.row.value for key, one in shown.items()}


def awake(wire: Wire, number: int, scope: Scope = NET) -> dict[bytes, bytes]:
    """Return as `values`, but for what is dormant."""
    shown = wire[number].table(scope, ENDPOINT)
    return {key: one.row.value for key, one in shown.items() if not one.dormant}


def attached_wire(
    count: int = 3, scope: Scope = NET, config: TableConfig | None = None
) -> Wire:
    """Return nodes that are introduced, and all take part in one network."""
    wire = Wire(count, config=config)
    for number in range(1, count + 1):
        wire[number].introduce(wire.now, b"node%d" % number)
        wire[number].attach(wire.now, scope)
    wire.settle()
    assert wire.agree()
    return wire


def true_rows() -> list[Row]:
    """Return a row of each kind that the tables read, and of others."""
    blue = row(4, (1, 3), BLUE, b"10.0.0.0/24", scope=CLUSTER, flags=DURABLE)
    return [
        node_row(4, (1, 1), NodeFacts((1, 0), (1, 0), False, {node_id(5): (1, 2)})),
        attachment(4, (1, 2), (1, 2)),
        detachment(4, (2, 7)),
        revocation(1, (3, 1), 5, (1, 4)),
        mask_of(2, (1, 1), blue),
        blue,
        row(4, (1, 4), E1, b"10.0.0.1"),
    ]


def true_messages() -> tuple[Message, ...]:
    """Return a message of each kind."""
    last = 2**64 - 1
    return (
        Compare(NET, bytes(16), 7),
        Offer(NET, b"cells"),
        Want(NET, (1, last)),
        Rows(NET, (row(4, (1, 1)).item, b"x")),
        Ranges(CLUSTER, b"ranges"),
        WantPage(NET, 0, last),
        Page(NET, 5, 6, (b"row",)),
    )
