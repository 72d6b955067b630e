"""The wire form of messages and claims: msgpack arrays, versioned, read totally.

    frame    [1, message, message, ...]
    message  [kind, field, ...]              kinds in `Kind`
    claim    [CLAIM, body, proof]            body is bytes: what was signed
    payload  [PAYLOAD, body]                 body is bytes: [scope, key, class, data]
    body     [1, state, subject, boot epoch, incarnation, address, meta]   ALIVE, LEFT
             [1, state, subject, boot epoch, incarnation, author]          SUSPECT

The leading 1 is the version. Versions and fields grow at the end only. A reader of an
older version takes what it knows. Further fields of the body of a claim or payload stay
in it, and are passed on as they came, for bodies are never packed again. Further fields
of a message, where anybody could put them, are passed over. A message of an unknown
kind is skipped and counted.

Functions with the suffix `_untrusted` take bytes from the network and raise nothing
but `BadPacket`.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from functools import lru_cache
from typing import Final

from swarmnet.errors import BadPacket
from swarmnet.ids import (
    NODE_ID_BYTES,
    SCOPE_BYTES_MAX,
    Address,
    NodeId,
    Scope,
    unpack_address_untrusted,
)
from swarmnet.records import record
from swarmnet.swim.claim import Claim
from swarmnet.swim.coordinates import (
    COORDINATE_BYTES,
    Coordinate,
    unpack_coordinate_untrusted,
)
from swarmnet.swim.messages import (
    Ack,
    ClaimNews,
    Compare,
    Digest,
    Have,
    Heartbeat,
    Join,
    Message,
    Nack,
    PayloadNews,
    Ping,
    PingRequest,
    Ranges,
    SketchOffer,
    Want,
    WantClaims,
    Welcome,
)
from swarmnet.swim.outputs import Payload, PayloadClass, State
from swarmnet.wire import (
    array,
    blob,
    join_u64,
    natural,
    pack,
    pack_bytes,
    pack_sequence,
    split_u64_untrusted,
    unpack_array_untrusted,
)

VERSION: Final = 1
PAYLOAD_KEY_BYTES_MAX: Final = 64
RIDER_BYTES_MAX: Final = 128
"""Of what the room above says to whoever is pinged."""
_BODY_BYTES_MAX: Final = 1024
_PAYLOAD_BODY_BYTES_MAX: Final = 1 << 16
_PROOF_BYTES_MAX: Final = 128
_META_BYTES_MAX: Final = 512
_DIGEST_BYTES: Final = 16
_WAIT_MS_MAX: Final = 60_000
_BODY_FIELDS: Final = {State.ALIVE: 7, State.LEFT: 7, State.SUSPECT: 6}


_ONE_MESSAGE: Final = pack_sequence(VERSION, (b"",))
"""What stands before the message of a frame that has one, as nearly all have."""


class Kind(IntEnum):
    """The first field of a message. Numbers are never used again."""

    PING = 1
    ACK = 2
    NACK = 3
    PING_REQUEST = 4
    CLAIM = 5
    PAYLOAD = 6
    HAVE = 7
    WANT = 8
    COMPARE = 9
    SKETCH_OFFER = 10
    WANT_CLAIMS = 11
    RANGES = 12
    JOIN = 13
    WELCOME = 14
    HEARTBEAT = 15


_PING: Final = int(Kind.PING)
"""Looked up once: members of enumerations are found slowly."""
_ACK: Final = int(Kind.ACK)


@record
class Frame:
    """A decoded datagram or stream frame; `unknown` counts the skipped messages."""

    messages: tuple[Message, ...]
    unknown: int


def encode_frame(items: Sequence[bytes]) -> bytes:
    """Return the frame of messages that are encoded already."""
    if len(items) == 1:
        return _ONE_MESSAGE + items[0]
    return pack_sequence(VERSION, items)


def encode_ack(sequence: int, coordinate: Coordinate) -> bytes:
    """Return the bytes of an `Ack` of our own, which says where we are."""
    return pack((_ACK, sequence, coordinate.pack()))


FRAME_OVERHEAD_BYTES: Final = 4
"""At most what `encode_frame` adds to its items."""


def encode_message(message: Message) -> bytes:
    """Return a message's bytes, to stand in a frame."""
    match message:
        case Ping():
            digest = message.digest
            fields = (_PING, message.sequence, digest.sum128, digest.count)
            return pack((*fields, message.rider) if message.rider else fields)
        case Heartbeat(Digest(sum128, count), rider):
            more = (rider,) if rider else ()
            return pack((Kind.HEARTBEAT, sum128, count, *more))
        case Ack():
            if message.coordinate is None:
                return pack((_ACK, message.sequence))
            return encode_ack(message.sequence, message.coordinate)
        case Nack(sequence):
            return pack((Kind.NACK, sequence))
        case PingRequest(sequence, target, address, wait_s):
            wait_ms = min(_WAIT_MS_MAX, max(1, round(1000 * wait_s)))
            return pack((Kind.PING_REQUEST, sequence, target, address.pack(), wait_ms))
        case ClaimNews(claim):
            return claim.item
        case PayloadNews(_, item):
            return item
        case Have(payload_ids, reminds):
            return pack((Kind.HAVE, join_u64(payload_ids), int(reminds)))
        case Want(payload_ids):
            return pack((Kind.WANT, join_u64(payload_ids)))
        case Compare(Digest(sum128, count)):
            return pack((Kind.COMPARE, sum128, count))
        case SketchOffer(cells):
            return pack((Kind.SKETCH_OFFER, cells))
        case WantClaims(elements):
            return pack((Kind.WANT_CLAIMS, join_u64(elements)))
        case Ranges(ranges):
            return pack((Kind.RANGES, ranges))
        case Join():
            return pack((Kind.JOIN,))
        case Welcome(Digest(sum128, count)):
            return pack((Kind.WELCOME, sum128, count))


def decode_frame_untrusted(data: bytes) -> Frame:
    """Read a datagram or a stream frame.

    Raises:
        BadPacket: the frame, or any message of a known kind in it, is malformed.
    """
    fields = unpack_array_untrusted(data)
    if not fields:
        raise BadPacket("an empty frame")
    version = fields[0]
    if type(version) is not int or version < VERSION:
        raise BadPacket(f"a frame of no version from {VERSION}")
    messages: list[Message] = []
    unknown = 0
    for field in fields[1:]:
        if type(field) is not list or not field:
            raise BadPacket("a message that is no array, or empty")
        kind = field[0]
        read = _READERS.get(kind) if type(kind) is int else None
        if read is None:
            natural(kind)
            unknown += 1
        else:
            messages.append(read(field))
    return Frame(tuple(messages), unknown)


def _digest(sum128: object, count: object) -> Digest:
    try:
        return _read_digest(sum128, count)
    except TypeError:
        raise BadPacket("an array where bytes should stand") from None


# Members that agree say the same. By type, for 1.0 is no count though it equals one.
@lru_cache(maxsize=1 << 6, typed=True)
def _read_digest(sum128: object, count: object) -> Digest:
    return Digest(blob(sum128, _DIGEST_BYTES, _DIGEST_BYTES), natural(count))


def _ping(fields: list[object]) -> Ping:
    array(fields, 4)
    rider = blob(fields[4], RIDER_BYTES_MAX) if len(fields) > 4 else b""
    return Ping(natural(fields[1]), _digest(fields[2], fields[3]), rider)


def _heartbeat(fields: list[object]) -> Heartbeat:
    array(fields, 3)
    rider = blob(fields[3], RIDER_BYTES_MAX) if len(fields) > 3 else b""
    return Heartbeat(_digest(fields[1], fields[2]), rider)


def _ack(fields: list[object]) -> Ack:
    sequence = natural(array(fields, 2)[1])
    if len(fields) == 2:
        return Ack(sequence)
    packed = blob(fields[2], COORDINATE_BYTES, COORDINATE_BYTES)
    return Ack(sequence, unpack_coordinate_untrusted(packed))


def _nack(fields: list[object]) -> Nack:
    return Nack(natural(array(fields, 2)[1]))


def _ping_request(fields: list[object]) -> PingRequest:
    _, sequence, target, address, wait_ms = array(fields, 5)[:5]
    wait_s = natural(wait_ms, _WAIT_MS_MAX) / 1000
    return PingRequest(natural(sequence), _node(target), _address(address), wait_s)


def _claim(fields: list[object]) -> ClaimNews:
    array(fields, 3)
    try:
        return _claim_news(fields[1], fields[2])
    except TypeError:
        raise BadPacket("an array where bytes should stand") from None


def _payload(fields: list[object]) -> PayloadNews:
    body = blob(array(fields, 2)[1], _PAYLOAD_BODY_BYTES_MAX)
    scope, key, payload_class, data = array(unpack_array_untrusted(body), 4)[:4]
    payload = Payload(
        blob(key, PAYLOAD_KEY_BYTES_MAX, 1),
        Scope(blob(scope, SCOPE_BYTES_MAX)),
        PayloadClass(natural(payload_class, max(PayloadClass))),
        blob(data, _PAYLOAD_BODY_BYTES_MAX),
        body,
    )
    return payload_news(payload)


def _have(fields: list[object]) -> Have:
    _, payload_ids, reminds = array(fields, 3)[:3]
    numbers = split_u64_untrusted(blob(payload_ids, 1 << 16))
    return Have(numbers, natural(reminds, 1) == 1)


def _want(fields: list[object]) -> Want:
    return Want(split_u64_untrusted(blob(array(fields, 2)[1], 1 << 16)))


def _compare(fields: list[object]) -> Compare:
    _, sum128, count = array(fields, 3)[:3]
    return Compare(_digest(sum128, count))


def _sketch_offer(fields: list[object]) -> SketchOffer:
    return SketchOffer(blob(array(fields, 2)[1], 1 << 16, 1))


def _want_claims(fields: list[object]) -> WantClaims:
    return WantClaims(split_u64_untrusted(blob(array(fields, 2)[1], 1 << 16, 8)))


def _ranges(fields: list[object]) -> Ranges:
    return Ranges(blob(array(fields, 2)[1], 1 << 20))


def _join(fields: list[object]) -> Join:
    array(fields, 1)
    return Join()


def _welcome(fields: list[object]) -> Welcome:
    _, sum128, count = array(fields, 3)[:3]
    return Welcome(_digest(sum128, count))


_READERS: Final[Mapping[int, Callable[[list[object]], Message]]] = {
    Kind.PING: _ping,
    Kind.ACK: _ack,
    Kind.NACK: _nack,
    Kind.PING_REQUEST: _ping_request,
    Kind.CLAIM: _claim,
    Kind.PAYLOAD: _payload,
    Kind.HAVE: _have,
    Kind.WANT: _want,
    Kind.COMPARE: _compare,
    Kind.SKETCH_OFFER: _sketch_offer,
    Kind.WANT_CLAIMS: _want_claims,
    Kind.RANGES: _ranges,
    Kind.JOIN: _join,
    Kind.WELCOME: _welcome,
    Kind.HEARTBEAT: _heartbeat,
}


def payload_news(payload: Payload) -> PayloadNews:
    """Return the message that carries `payload`, by the bytes in which it came."""
    body = payload.body or pack(
        (payload.scope, payload.key, payload.payload_class, payload.data)
    )
    return PayloadNews(payload, pack((Kind.PAYLOAD, body)))


def encode_own_body(
    subject: NodeId,
    version: tuple[int, int],
    state: State,
    about: tuple[Address, bytes],
) -> bytes:
    """Return what a member signs of itself: ALIVE or LEFT, its address and metadata."""
    address, meta = about
    return pack((VERSION, state, subject, *version, address.pack(), meta))


def encode_accusation_body(
    subject: NodeId, version: tuple[int, int], author: NodeId
) -> bytes:
    """Return what an accuser signs: SUSPECT, and the subject's version that it saw."""
    return pack((VERSION, State.SUSPECT, subject, *version, author))


def claim_of(body: bytes, proof: bytes) -> Claim:
    """Return the claim of a body of ours and its signature."""
    return _claim_news(body, proof).claim


# Deduplication comes before everything else in gossip: each claim arrives several
# times at each node, and reading is a pure function of its bytes. One process that
# simulates many nodes reads, and holds, each claim once. What is kept here is not
# verified yet, so it is bounded by what a node may waste on it: some 25 MiB.
@lru_cache(maxsize=1 << 13)
def _claim_news(untyped_body: object, untyped_proof: object) -> ClaimNews:
    body = blob(untyped_body, _BODY_BYTES_MAX)
    proof = blob(untyped_proof, _PROOF_BYTES_MAX)
    item = pack_sequence(Kind.CLAIM, (pack_bytes(body), pack_bytes(proof)))
    fields = array(unpack_array_untrusted(body), 6)
    if natural(fields[0]) < VERSION:
        raise BadPacket("a claim of version 0")
    state = State(natural(fields[1], max(State)))
    if len(fields) < _BODY_FIELDS.get(state, len(fields) + 1):
        raise BadPacket(f"a claim of {state.name} with {len(fields)} fields")
    subject = _node(fields[2])
    own = state is not State.SUSPECT
    author = subject if own else _node(fields[5])
    version = (natural(fields[3]), natural(fields[4]))
    claim = Claim(
        subject=subject,
        boot_epoch=version[0],
        incarnation=version[1],
        state=state,
        author=author,
        address=_address(fields[5]) if own else None,
        meta=blob(fields[6], _META_BYTES_MAX) if own else b"",
        identity=body if own else encode_accusation_body(subject, version, author),
        body=body,
        proof=proof,
        item=item,
    )
    if claim.author == subject and not own:
        raise BadPacket("a member that accuses itself")
    return ClaimNews(claim)


def _node(value: object) -> NodeId:
    return NodeId(blob(value, NODE_ID_BYTES, NODE_ID_BYTES))


def _address(value: object) -> Address:
    return unpack_address_untrusted(blob(value, 18))
