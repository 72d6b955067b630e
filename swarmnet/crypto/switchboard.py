"""What all parts of one node's channels share: who is who, by key and by index."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final, Protocol

from swarmnet.crypto.certificate import Verdict
from swarmnet.crypto.channel import Channel, Due, Parcel, Pending, Reason
from swarmnet.crypto.cookies import CookieJar, RandomBytes
from swarmnet.crypto.handshake import HandshakeState
from swarmnet.crypto.limits import Bucket, Gate
from swarmnet.crypto.packets import mac_key
from swarmnet.crypto.primitives import KeyPair
from swarmnet.crypto.session import Session
from swarmnet.crypto.settings import ChannelSettings
from swarmnet.ids import Address, NodeId
from swarmnet.records import record
from swarmnet.timers import Timers

IK: Final = b"Noise_IK_25519_AESGCM_BLAKE2s"
XX: Final = b"Noise_XX_25519_AESGCM_BLAKE2s"
"""AES-GCM takes half the time of ChaCha20-Poly1305 where the processor knows AES
(`benchmarks/channels.py`)."""
_PROLOGUE: Final = b"swarmnet channel 1\0"
_EVICTED_SHARE: Final = 16
CHECK_INTERVAL_S: Final = 1.0
"""Whether a peer's certificate still counts is asked so often at most."""
SWEEP_INTERVAL_S: Final = 60.0
SWEEP: Final = (Due.SWEEP, b"")


class Peers(Protocol):
    """Who may talk to us, and under which key: the directory of certificates."""

    @property
    def chain(self) -> bytes:
        """Our own certificate and its issuer's, to introduce ourselves with."""

    def exchange_of(self, node: NodeId) -> bytes | None:
        """Return the X25519 key of a node that may talk now, or None."""

    def node_of(self, exchange_public: bytes) -> NodeId | None:
        """Return whose X25519 key that is, if he may talk now, or None."""

    def is_removed(self, exchange_public: bytes) -> bool:
        """Return whether that is the X25519 key of a node that was removed."""

    def introduce(self, chain: bytes) -> Verdict | None:
        """Take a stranger's certificates, which may be any bytes.

        Returns what is to be thought of them, for people; None for nothing.
        """


@record
class Transmit:
    """Send `data` once to `address`, by datagram or as one packet of a stream."""

    address: Address
    data: bytes
    streamed: bool


@record
class Received:
    """What `peer` has sent. `early` says that an observer may have sent it again."""

    peer: NodeId
    source: Address
    data: bytes
    streamed: bool
    early: bool


@dataclass(frozen=True, slots=True)
class Disowned:
    """`peer` says that it takes us for removed, and said otherwise before."""

    peer: NodeId


Output = Transmit | Received | Disowned


@dataclass(slots=True)
class Meeting:
    """An opening to `address`, of which we do not know who is there.

    `cookie` is what we were asked there to show, at the latest at try `asked`.
    """

    address: Address
    pending: Pending
    waiting: deque[Parcel]
    tries: int = 1
    cookie: bytes = b""
    asked: int = 0


@dataclass(frozen=True, slots=True)
class HalfOpen:
    """An opening of a stranger's that we answered; he has not closed it yet."""

    handshake: HandshakeState
    local: int
    remote: int
    began: float


Owner = Channel | Meeting | HalfOpen


@dataclass(slots=True)
class Switchboard:
    """The shared state of one node's channels.

    `by_index` says whose handshake under way a local index names, `sessions` whose
    session; `unconfirmed` are those of them that a peer began and has not used yet,
    the oldest first; `by_remote` finds sessions by the peer's index, which several
    peers may choose alike.
    `replying` are the channels with a reply to be sent. `heard` counts packets that
    none but a peer can have made. `counters` are for people.
    """

    keys: KeyPair
    cluster: bytes
    settings: ChannelSettings
    peers: Peers
    random_bytes: RandomBytes

    gate: Gate = field(init=False)
    jar: CookieJar = field(init=False)
    hints: Bucket = field(init=False)
    own_label: bytes = field(init=False)
    open_label: bytes = field(init=False)
    prologue: bytes = field(init=False)
    channels: dict[bytes, Channel] = field(default_factory=dict)
    meetings: dict[Address, Meeting] = field(default_factory=dict)
    half_open: dict[int, HalfOpen] = field(default_factory=dict)
    by_index: dict[int, Owner] = field(default_factory=dict)
    sessions: dict[int, tuple[Channel, Session]] = field(default_factory=dict)
    unconfirmed: dict[int, Channel] = field(default_factory=dict)
    replying: list[Channel] = field(default_factory=list)
    by_remote: dict[int, list[Session]] = field(default_factory=dict)
    made: int = 0
    heard: int = 0
    timers: Timers[Reason] = field(default_factory=Timers)
    outputs: deque[Output] = field(default_factory=deque)
    counters: dict[str, int] = field(default_factory=dict)
    limits: dict[NodeId, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        settings = self.settings
        self.gate = Gate(settings.handshakes_per_s, settings.handshakes_burst)
        self.jar = CookieJar(self.random_bytes)
        self.hints = Bucket(settings.hints_per_s, settings.hints_per_s)
        self.own_label = self.label_of(self.keys.public)
        self.open_label = mac_key(b"swarmopn", self.cluster)
        self.prologue = _PROLOGUE + self.cluster

    def label_of(self, public: bytes) -> bytes:
        """Return the key of mac1 for packets to whom this X25519 key belongs to."""
        return mac_key(b"swarmmac", self.cluster, public)

    def count(self, name: str) -> None:
        """Count something that happened."""
        self.counters[name] = self.counters.get(name, 0) + 1

    def transmit(self, address: Address, data: bytes, *, streamed: bool) -> None:
        """Put a packet out."""
        self.outputs.append(Transmit(address, data, streamed))

    def spread(
        self, now: float, channel: Channel, data: bytes, stream: Address | None
    ) -> None:
        """Put a packet out: on a stream to `stream`, else to wherever the peer may be.

        A stream's two ends cannot be taken for others by a faster copy.
        """
        if stream is not None:
            self.transmit(stream, data, streamed=True)
            return
        places = channel.places.where(now, len(data))
        for place in places:
            self.outputs.append(Transmit(place, data, streamed=False))
        if not places:
            self.count("placeless")

    def may_talk(self, now: float, channel: Channel) -> bool:
        """Return whether a peer may still talk; forget the channel if it may not.

        Its certificate may have expired. That is not asked for every packet.
        """
        if now - channel.checked < CHECK_INTERVAL_S:
            return True
        channel.checked = now
        if self.peers.node_of(channel.key) is not None:
            return True
        self.count("uncertified")
        self.drop_channel(channel.key)
        return False

    def handshake(
        self,
        pattern: bytes,
        index: int,
        *,
        initiator: bool,
        remote: bytes | None = None,
    ) -> HandshakeState:
        """Return the beginning of a handshake, bound to this cluster.

        `index` is the initiator's. It stands in clear before the first message, and
        only so is it certain that nobody has changed it there.
        """
        return HandshakeState(
            pattern,
            initiator=initiator,
            prologue=self.prologue + index.to_bytes(4, "big"),
            static=self.keys,
            remote_static=remote,
            random_bytes=self.random_bytes,
        )

    def free_index(self) -> int:
        """Return a random local index that names nothing yet."""
        while True:
            index = int.from_bytes(self.random_bytes(4), "big")
            if index not in self.by_index and index not in self.sessions:
                return index

    def channel(self, now: float, key: bytes, node: NodeId) -> Channel:
        """Return the channel to a peer, made if need be."""
        channel = self.channels.get(key)
        if channel is None:
            if len(self.channels) >= self.settings.channels_max:
                self._evict()
            channel = Channel(key, node, leads=self.keys.public > key)
            self.channels[key] = channel
            self.timers.set_earlier(SWEEP, now + SWEEP_INTERVAL_S)
        channel.used = now
        return channel

    def limit_of(self, channel: Channel) -> float:
        """Return how large a datagram to a peer may be."""
        return self.limits.get(channel.node, self.settings.datagram_bytes)

    def enlist(self, channel: Channel, session: Session) -> None:
        """Listen to a session from now on."""
        self.made += 1
        session.serial = self.made
        self.sessions[session.local] = (channel, session)

    def release(self, session: Session) -> None:
        """Listen to a session no longer."""
        self.sessions.pop(session.local, None)
        self.unconfirmed.pop(session.local, None)
        named = self.by_remote.get(session.remote, [])
        if session in named:
            named.remove(session)
            if not named:
                del self.by_remote[session.remote]

    def drop_pending(self, channel: Channel) -> None:
        """Give up all handshakes that we began with a peer."""
        for pending in channel.pending:
            del self.by_index[pending.local]
        channel.pending.clear()

    def drop_channel(self, key: bytes) -> None:
        """Forget a peer with all that waits for it."""
        channel = self.channels.pop(key, None)
        if channel is None:
            return
        for session in channel.sessions():
            self.release(session)
        self.drop_pending(channel)
        channel.reply = None
        for due in (Due.RETRY, Due.GRACE):
            self.timers.cancel((due, key))

    def sweep(self, now: float) -> None:
        """Forget the keys that are too old to open anything more, or expired.

        No session is secret backwards before its keys are gone, so those of idle
        peers must go as well.
        """
        settings = self.settings
        oldest = now - settings.life_s - settings.grace_s
        for channel, session in tuple(self.sessions.values()):
            if session.began <= oldest:
                channel.forget(session)
                self.release(session)
        for held in tuple(self.half_open.values()):
            if held.began <= now - settings.pending_s:
                del self.half_open[held.local], self.by_index[held.local]
        for channel in tuple(self.channels.values()):
            if not self.may_talk(now, channel):
                continue
            if channel.pending and channel.began <= now - settings.pending_s:
                self.drop_pending(channel)
            if channel.is_bare and channel.used <= oldest:
                self.drop_channel(channel.key)
        if self.channels or self.half_open:
            self.timers.set_earlier(SWEEP, now + SWEEP_INTERVAL_S)

    def _evict(self) -> None:
        """Forget those idle for longest, several at once, for looking is dear."""
        oldest = sorted(self.channels.values(), key=_used)
        for channel in oldest[: 1 + len(oldest) // _EVICTED_SHARE]:
            self.count("channels_evicted")
            self.drop_channel(channel.key)


def _used(channel: Channel) -> float:
    return channel.used
