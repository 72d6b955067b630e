"""What a membership engine wants done, one small value at a time (`poll_output`)."""

from dataclasses import dataclass, field
from enum import IntEnum

from swarmnet.ids import Address, NodeId, Scope
from swarmnet.records import record
from swarmnet.swim.reach import Reach


class State(IntEnum):
    """What a node believes of a member; the values are SWIM's override ranks."""

    ALIVE = 0
    SUSPECT = 1
    DEAD = 2
    LEFT = 3


class PayloadClass(IntEnum):
    """How urgent an application payload is beside others; lower goes first."""

    URGENT = 0
    NORMAL = 1


@record
class SendDatagram:
    """Send `data` once, unreliably.

    `peer` is whom the channel must reach; None while only the address is known. `asks`
    is whether it may be answered: of what is not, the peer's silence says nothing.
    """

    peer: NodeId | None
    address: Address
    data: bytes
    asks: bool = True


@record
class SendStream:
    """Send `data` as one frame, reliably and in order, over the stream to `peer`.

    A failure comes back as `stream_failed(now, peer, address)`.
    """

    peer: NodeId | None
    address: Address
    data: bytes


@dataclass(frozen=True, slots=True)
class MemberChanged:
    """A member's state, epoch, incarnation, address or metadata changed here.

    `previous` is None for a member heard of for the first time.
    """

    member: NodeId
    previous: State | None
    current: State
    boot_epoch: int
    incarnation: int


@dataclass(frozen=True, slots=True)
class ReachChanged:
    """A member answers our probes by another way than before, as this node sees it."""

    member: NodeId
    reach: Reach


@record
class Payload:
    """An application's news: opaque bytes, and how they travel.

    `key` names what the bytes are about: a newer payload of the same key takes an
    older one's place in every queue. 1 to 64 bytes. `body` is the whole as it came
    from the wire, fields of later versions included; empty for a payload of our own.
    """

    key: bytes
    scope: Scope
    payload_class: PayloadClass
    data: bytes
    body: bytes = field(default=b"", compare=False)


@record
class Deliver:
    """A payload that is new here; it travels on only after `relay(now, payload)`.

    It is delivered once, as long as it is among the last 8,192 that were seen.
    """

    payload: Payload
    sender: NodeId


@dataclass(frozen=True, slots=True)
class Joined:
    """The join exchange is done: a member of the cluster has answered."""

    through: NodeId


@dataclass(frozen=True, slots=True)
class JoinFailed:
    """No given address has answered, however often it was tried."""

    addresses: tuple[Address, ...]


@dataclass(frozen=True, slots=True)
class Departed:
    """The leave was sent; `acknowledged` members have said that they hold it."""

    acknowledged: int


@dataclass(frozen=True, slots=True)
class IdentityConflict:
    """Another life of this identity speaks, now: a cloned disk, or our own past.

    `boot_epoch` is the other's; `address` is where it says that it is.
    """

    boot_epoch: int
    address: Address


@record
class Rode:
    """A ping has brought what the room above has to say at `sender` (`Seams.rider`)."""

    sender: NodeId
    rider: bytes


@dataclass(frozen=True, slots=True)
class SignerUnknown:
    """A claim whose author's key is not known here: nothing was made of it.

    Whoever sent it knows the key, for he has verified it. Once it is known here as
    well, `item` may be received again, in a frame from `sender` at `source`.
    """

    author: NodeId
    item: bytes
    sender: NodeId
    source: Address


Output = (
    SendDatagram
    | SendStream
    | MemberChanged
    | ReachChanged
    | Deliver
    | Joined
    | JoinFailed
    | Departed
    | IdentityConflict
    | SignerUnknown
    | Rode
)
