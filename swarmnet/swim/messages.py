"""What members say to each other, as values. `codec` gives each its bytes.

A datagram or stream frame holds one or more messages, handled in order. Claims stand
before the message that they explain: an accusation before the ping of the accused.
"""

from swarmnet.ids import Address, NodeId
from swarmnet.records import record
from swarmnet.swim.claim import Claim
from swarmnet.swim.coordinates import Coordinate
from swarmnet.swim.outputs import Payload


@record
class Digest:
    """A set of claims in 16 bytes, and how many claims it has."""

    sum128: bytes
    count: int


@record
class Ping:
    """Are you there? Answered by an Ack with the same sequence number.

    `rider` is what the room above has to say to whoever is pinged: opaque here.
    """

    sequence: int
    digest: Digest
    rider: bytes = b""


@record
class Heartbeat:
    """I am there, and hear others. To whoever watches the sender, and never answered.

    `digest` and `rider` are those of a Ping.
    """

    digest: Digest
    rider: bytes = b""


@record
class Ack:
    """The pinged member is there.

    `coordinate` is where it is, from itself alone: a helper that passes the good news
    on says nothing of that.
    """

    sequence: int
    coordinate: Coordinate | None = None


@record
class Nack:
    """The helper is there, but the target has not answered it (Lifeguard IV-A)."""

    sequence: int


@record
class PingRequest:
    """Ping `target` for me (SWIM's ping-req), and say so if it is silent for `wait_s`.

    `wait_s` is counted in ms on the wire.
    """

    sequence: int
    target: NodeId
    address: Address
    wait_s: float


@record
class ClaimNews:
    """A claim, new to the sender a moment ago or asked for by the receiver."""

    claim: Claim


@record
class PayloadNews:
    """An application payload; `item` is the message's own bytes."""

    payload: Payload
    item: bytes


@record
class Have:
    """I hold the payloads with these 64-bit ids.

    `reminds` is whether the sender has not heard the same from the receiver, and would.
    A reminder is answered by a HAVE that is none, so no two nodes go on for ever.
    """

    payload_ids: tuple[int, ...]
    reminds: bool


@record
class Want:
    """Send me the payloads with these 64-bit ids."""

    payload_ids: tuple[int, ...]


@record
class Compare:
    """This is my digest; if yours differs, let us find out in what."""

    digest: Digest


@record
class SketchOffer:
    """The first cells of the sender's sketch of its claims, encoded by `sketch`."""

    cells: bytes


@record
class WantClaims:
    """Send me the claims whose 64-bit elements are these."""

    elements: tuple[int, ...]


@record
class Ranges:
    """A range-based reconciliation message, as `sketch` encodes it. Stream only."""

    ranges: bytes


@record
class Join:
    """Admit me; my alive claim stands before this. Stream only."""


@record
class Welcome:
    """Admitted; some members' claims stand before this. Stream only."""

    digest: Digest


Message = (
    Ping
    | Heartbeat
    | Ack
    | Nack
    | PingRequest
    | ClaimNews
    | PayloadNews
    | Have
    | Want
    | Compare
    | SketchOffer
    | WantClaims
    | Ranges
    | Join
    | Welcome
)
