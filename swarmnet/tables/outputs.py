"""What the tables want done, one small value at a time (`poll_output`)."""

from collections.abc import Sequence
from dataclasses import dataclass

from swarmnet.ids import NodeId, Scope
from swarmnet.records import record
from swarmnet.tables.row import SIGN_DOMAIN, Row, Version


@record
class Save:
    """Write a row of our own to storage, before anything that follows is sent."""

    row: Row


@dataclass(frozen=True, slots=True)
class Unsave:
    """A row of our own is void: storage need keep it no longer."""

    row: Row


@record
class Spread:
    """Pass a row on to all nodes of its scope: our own, or news found good."""

    row: Row


@record
class Send:
    """Send a message to a peer.

    What is answered soon enough, or said again anyhow, goes as a datagram.
    """

    peer: NodeId
    data: bytes
    streamed: bool


@record
class Verify:
    """Find out whose rows these are, all at once, and tell it: `verified`.

    They came from `sender`.
    """

    number: int
    sender: NodeId
    rows: Sequence[Row]

    @property
    def claims(self) -> list[tuple[NodeId, bytes, bytes]]:
        """What is to be verified of each: owner, message, proof."""
        return [(row.owner, SIGN_DOMAIN + row.body, row.proof) for row in self.rows]


@dataclass(frozen=True, slots=True)
class ScopeChanged:
    """Nodes now take part in a network that we take part in, or no more.

    If we are among those `gone`, the whole scope is no more our business.
    """

    scope: Scope
    joined: tuple[NodeId, ...]
    gone: tuple[NodeId, ...]


@dataclass(frozen=True, slots=True)
class RemovalChanged:
    """Whether a node was removed, or what of its certificates stands, may have changed.

    See `Revocations.issued_by`.
    """

    node: NodeId


@dataclass(frozen=True, slots=True)
class Completed:
    """What others held of a scope when we asked for it has come."""

    scope: Scope


@dataclass(frozen=True, slots=True)
class Recovered:
    """A row of our own, of a life that we know nothing of, has come from others."""

    row: Row


@dataclass(frozen=True, slots=True)
class Outbid:
    """Rows of our own of a later epoch are about; ours counts on from `epoch` now."""

    epoch: int


@dataclass(frozen=True, slots=True)
class Fenced:
    """An elder process lives under our key: a disk was cloned. We write nothing now.

    `elder` is its first epoch and a number drawn. One of the two is to be stopped; we
    go on by ourselves, with an `Outbid`, when the other was not heard for a while.
    """

    elder: Version


@dataclass(frozen=True, slots=True)
class MaskWanted:
    """Another node wants our durable row gone, up to `version`: delete it, if it may.

    It is not shown any more. Once it is deleted, the mask goes as well.
    """

    row: Row
    version: Version


Output = (
    Save
    | Unsave
    | Spread
    | Send
    | Verify
    | ScopeChanged
    | RemovalChanged
    | Completed
    | Recovered
    | Outbid
    | Fenced
    | MaskWanted
)
