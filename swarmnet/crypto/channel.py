"""What is held of one peer: its sessions, its handshakes under way, what waits.

A channel outlives its sessions. One session is *current*: what we send goes under it.
Those before it are *former*, and listened to for a while. Sessions that the peer began
are *unconfirmed* until something arrives under them, for the packet that began them may
have been a replay; nothing is sent under those.

Current is the session that was made last. Where both sides began at once both
handshakes succeed, and the two may differ about which was the last. Then the side with
the greater public key leads. It answers what comes under another session by an empty
packet under its own current one (`carrier.Carrier.settle`), and the other follows: no
clock decides, and what a side prefers only ever moves on to a later session.
"""

from collections import deque
from dataclasses import dataclass, field
from enum import IntEnum, auto
from typing import Final

from swarmnet.crypto.handshake import HandshakeState
from swarmnet.crypto.places import Places
from swarmnet.crypto.session import Session
from swarmnet.crypto.silence import Silence
from swarmnet.ids import Address, NodeId
from swarmnet.records import record

COPY_LAST: Final = 64
"""So many packets behind, a copy still says where its sender may be."""
PENDING_MAX: Final = 4
UNCONFIRMED_MAX: Final = 4
FORMER_MAX: Final = 4


class Due(IntEnum):
    """Why channels wake; with the peer's key or address, a timer's reason."""

    RETRY = auto()
    """Something waits, and the handshake was not answered: begin another."""
    GRACE = auto()
    """A session that had a successor is listened to no longer."""
    MEETING = auto()
    """An address has not answered our opening: begin another, or give up."""
    SWEEP = auto()
    """Keys may have grown too old to be kept; it is about no peer."""


Reason = tuple[Due, bytes | Address]


@record
class Parcel:
    """What is to be sent to a peer: bytes, where to, on which transport, since when.

    `replayable` is whether it does no harm if an observer sends it again, so that it
    may travel inside the first packet of a handshake. `claimed` is whether the peer is
    said to be at `address`, by itself or by whoever knows it. If it was only heard from
    there, a datagram goes to where the peer is known to be, which need not be there: a
    first packet may be a replay, and its source made up. `asks` is whether the peer may
    answer; if not, its silence is no sign that it lost our session.
    """

    data: bytes
    address: Address
    streamed: bool
    replayable: bool
    since: float
    claimed: bool = True
    asks: bool = True


@dataclass(slots=True)
class Pending:
    """A handshake that we began and that was not answered so far.

    A cookie is believed once: then `mac1` is empty and `parcel` travels in the next.
    """

    handshake: HandshakeState
    local: int
    mac1: bytes
    began: float
    parcel: Parcel | None = None


@dataclass(slots=True)
class Reply:
    """An initiation of the peer's that is to be answered before the input is over.

    `room` is how many bytes of ours its answer may carry without being longer than
    what it answers: an observer may have sent that again, from an address not his own.
    """

    handshake: HandshakeState
    remote: int
    source: Address
    streamed: bool
    room: int
    data: bytes = b""
    more: bool = False


@dataclass(slots=True)
class Channel:
    """Everything between us and one peer, whose X25519 key is `key`.

    `places` are where it may be. `tries` counts the handshakes begun in vain, `next_at`
    is when another may begin. `cookie` is what it asked us to show, from `cookie_at`
    on. `used` is when anything went either way; at `checked` its certificate was last
    asked for. `last` is what was sent last, under the session of serial `last_under`,
    and `lost` what the peer may have lost of it.
    """

    key: bytes
    node: NodeId
    leads: bool
    """Whether our key is the greater: then it is we who say which session holds."""
    met: bool = False
    """Whether there was a session with it since we began to know it."""
    current: Session | None = None
    former: list[tuple[float, Session]] = field(default_factory=list)
    """With the time until which each is listened to; the first ends first."""
    unconfirmed: list[Session] = field(default_factory=list)
    pending: list[Pending] = field(default_factory=list)
    waiting: deque[Parcel] | None = None
    reply: Reply | None = None
    places: Places = field(default_factory=Places)
    silence: Silence = field(default_factory=Silence)
    checked: float = float("-inf")
    used: float = float("-inf")
    tries: int = 0
    next_at: float = float("-inf")
    began: float = float("-inf")
    hinted: float = float("-inf")
    settled: float = float("-inf")
    cookie: bytes = b""
    cookie_at: float = float("-inf")
    last: Parcel | None = None
    last_under: int = 0
    lost: Parcel | None = None
    disowned: bool = False
    """Whether the peer has last said that it takes us for removed."""

    def usable(self, now: float, life_s: float) -> Session | None:
        """Return the session to send under, if there is one that is young enough."""
        session = self.current
        if session is None or now - session.began >= life_s:
            return None
        return session

    def adopt(self, session: Session) -> Session | None:
        """Take a session whose peer has shown that it holds the keys.

        Returns the one of two that is not to be the current one, if there were two.
        """
        if session in self.unconfirmed:
            self.unconfirmed.remove(session)
        self.met, self.disowned = True, False
        held = self.current
        if held is not None and held.serial > session.serial:
            return session
        self.current = session
        return held

    def forget(self, session: Session) -> None:
        """Give a session of ours no place any more."""
        if self.current is session:
            self.current = None
        self.former = [one for one in self.former if one[1] is not session]
        if session in self.unconfirmed:
            self.unconfirmed.remove(session)

    def sessions(self) -> list[Session]:
        """Return every session that is listened to."""
        kept = [] if self.current is None else [self.current]
        return [*kept, *(one for _, one in self.former), *self.unconfirmed]

    def is_superseded(self, session: Session) -> bool:
        """Return whether whoever leads has gone on from a session for good.

        So he has if he was heard under it before one was made here under which he was
        heard as well: then he made that later, too, and only goes on to later ones.
        """
        heard = session.heard_at
        return heard > 0 and any(
            other.heard_at > 0 and heard < other.serial for other in self.sessions()
        )

    @property
    def path(self) -> Address | None:
        """Where the peer's newest authentic datagram came from."""
        path = self.places.path
        return None if path is None else path.address

    @property
    def is_bare(self) -> bool:
        """Whether nothing is held or awaited of the peer."""
        waits = self.waiting or self.pending or self.reply
        return not waits and not self.sessions()
