"""A few nodes with channels on a table: every packet is moved by hand."""

from collections.abc import Callable, Iterable, Sequence, Sized
from dataclasses import dataclass, field
from heapq import heappop, heappush
from random import Random

from swarmnet.crypto.certificate import Verdict
from swarmnet.crypto.channel import Channel, Parcel
from swarmnet.crypto.channels import Channels
from swarmnet.crypto.packets import Kind
from swarmnet.crypto.primitives import KeyPair
from swarmnet.crypto.session import Session
from swarmnet.crypto.settings import ChannelSettings
from swarmnet.crypto.switchboard import Disowned, Received, Switchboard, Transmit
from swarmnet.ids import Address, NodeId

CLUSTER = b"cluster of the tests".ljust(32, b".")
Mail = tuple[int, Transmit]
"""A packet on its way, with its sender's number."""
Fate = Callable[[int, Transmit], bool]
"""Whether a packet, of which the sender's number is given, arrives."""
PATIENT = ChannelSettings(unanswered_s=1e6)
"""Of whoever begins no handshake because nothing came back: tests of other rules."""


class Book:
    """Who may talk: node ids by key. A chain is b"chain" and the node's key."""

    def __init__(self, own: bytes) -> None:
        self.chain = b"chain" + own
        self.nodes: dict[bytes, NodeId] = {}
        self.believed: set[bytes] = set()
        self.removed: set[bytes] = set()

    def exchange_of(self, node: NodeId) -> bytes | None:
        return next((key for key, held in self.nodes.items() if held == node), None)

    def node_of(self, exchange_public: bytes) -> NodeId | None:
        return self.nodes.get(exchange_public)

    def is_removed(self, exchange_public: bytes) -> bool:
        return exchange_public in self.removed

    def introduce(self, chain: bytes) -> Verdict | None:
        key = chain.removeprefix(b"chain")
        if key in self.believed:
            self.nodes[key] = node_id(key)
        return None


def node_id(key: bytes) -> NodeId:
    return NodeId(key[:16])


def address_of(number: int) -> Address:
    return Address(bytes((10, 0, 0, number)), 7946)


@dataclass
class Peer:
    """One node: its channels, where it is, and what it was handed."""

    number: int
    settings: ChannelSettings = field(default_factory=ChannelSettings)
    life: int = 0
    fast_s: float = 0.0
    """How far this peer's own clock is before the table's."""
    received: list[Received] = field(default_factory=list)
    sent: list[Transmit] = field(default_factory=list)
    disowned: list[NodeId] = field(default_factory=list)
    """Who has said that he takes this peer for removed."""

    def __post_init__(self) -> None:
        keys = Random(f"keys of {self.number}")
        self.keys = KeyPair.from_private_bytes(keys.randbytes(32))
        self.node = node_id(self.keys.public)
        self.book = Book(self.keys.public)
        self.address = address_of(self.number)
        self.start()

    def start(self) -> None:
        """Begin a new life, with no sessions."""
        self.life += 1
        random = Random(f"{self.number} in life {self.life}")
        self.channels = Channels(
            self.keys, CLUSTER, self.book, random.randbytes, self.settings
        )

    def knows(self, *others: "Peer") -> None:
        for other in others:
            self.book.nodes[other.keys.public] = other.node

    def send(
        self,
        now: float,
        to: "Peer",
        data: bytes,
        *,
        streamed: bool = False,
        replayable: bool = True,
    ) -> None:
        parcel = Parcel(
            data, to.address, streamed=streamed, replayable=replayable, since=now
        )
        self.channels.send(now, to.node, parcel)

    def take(self, now: float) -> list[Transmit]:
        """Drain: keep what was received, flush, and return what is to be sent."""
        out: list[Transmit] = []
        for _ in range(2):
            while (output := self.channels.poll_output()) is not None:
                if isinstance(output, Transmit):
                    out.append(output)
                elif isinstance(output, Disowned):
                    self.disowned.append(output.peer)
                else:
                    self.received.append(output)
            self.channels.flush(now)
        self.sent += out
        return out

    @property
    def data(self) -> list[bytes]:
        return [one.data for one in self.received]

    @property
    def board(self) -> Switchboard:
        return self.channels._board

    def channel(self, other: "Peer") -> Channel:
        return self.board.channels[other.keys.public]

    def current(self, other: "Peer") -> Session | None:
        """Return the session under which we send to `other`."""
        channel = self.board.channels.get(other.keys.public)
        return None if channel is None else channel.current

    def count(self, name: str) -> int:
        return self.channels.counters().get(name, 0)

    def sizes(self) -> dict[str, int]:
        """Return how much is held of everything that is held by others' doing."""
        board = self.board
        seen = self.channels._responder
        tables: dict[str, Sized] = {
            "channels": board.channels,
            "meetings": board.meetings,
            "half_open": board.half_open,
            "by_index": board.by_index,
            "sessions": board.sessions,
            "unconfirmed": board.unconfirmed,
            "by_remote": board.by_remote,
            "replying": board.replying,
            "timers": board.timers,
            "outputs": board.outputs,
            "sources": board.gate._sources,
            "seen": [*seen._seen, *seen._seen_before],
        }
        return {name: len(table) for name, table in tables.items()}


def snapshot(peer: Peer) -> tuple[object, ...]:
    """Return all that matters of a peer's state, to be compared."""
    channels = [
        (
            channel.key,
            channel.current and id(channel.current),
            [id(session) for session in channel.sessions()],
            [_windows(session) for session in channel.sessions()],
            [(pending.local, pending.parcel) for pending in channel.pending],
            list(channel.waiting or ()),
            (places(channel), channel.used),
            (channel.cookie, channel.tries, channel.next_at, channel.reply),
        )
        for channel in peer.board.channels.values()
    ]
    meetings = [
        (address, meeting.pending.local, meeting.tries, len(meeting.waiting))
        for address, meeting in peer.board.meetings.items()
    ]
    return (peer.sizes(), channels, meetings, list(peer.board.by_index))


def places(channel: Channel) -> tuple[object, ...]:
    """Return where a peer may be, and how much may be sent where it need not be."""
    held = channel.places
    seen = [
        None if place is None else (place.address, place.heard, place.credit)
        for place in (held.path, held.other)
    ]
    return (held.home, held.home_until, *seen)


def heard_at(peer: Peer, other: Peer) -> float:
    """Return when the newest datagram of `other` came."""
    path = peer.channel(other).places.path
    return float("-inf") if path is None else path.heard


def _windows(session: Session) -> list[tuple[int, int, int]]:
    """Return what was opened and sealed so far, on datagrams and on streams."""
    ways = [way for way in (session.datagrams, session._streams) if way is not None]
    return [(way._window.top, way._window._missing, way.sent) for way in ways]


def agree(one: Peer, other: Peer) -> bool:
    """Return whether two send to each other under one and the same session."""
    here, there = one.current(other), other.current(one)
    if here is None or there is None:
        return False
    return (here.local, here.remote) == (there.remote, there.local)


Delays = Callable[[Random, Transmit], Sequence[float]]
"""How late each copy of a packet arrives, in s; none if it is lost."""


class Weather:
    """Moves a table's packets as badly as `delays` says, all from one seed.

    A stream keeps its order and loses nothing.
    """

    def __init__(self, table: "Table", seed: object, delays: Delays) -> None:
        self.table = table
        self.random = Random(f"weather {seed}")
        self.delays = delays
        self._air: list[tuple[float, int, Mail]] = []
        self._sent = 0

    def run(self, seconds: float) -> None:
        """Let time pass; packets and timers come in their turn."""
        table = self.table
        end = table.now + seconds
        while True:
            self._take_off()
            due = table.deadlines()
            due += [arrival for arrival, _, _ in self._air[:1]]
            if not due or min(due) > end:
                break
            table.now = max(table.now, min(due))
            while self._air and self._air[0][0] <= table.now:
                table.deliver(heappop(self._air)[2])
            table.handle_timeouts()
        table.now = end

    def _take_off(self) -> None:
        for number, packet in self.table.collect():
            delays = (0.05,) if packet.streamed else self.delays(self.random, packet)
            for delay in delays:
                self._sent += 1
                entry = (self.table.now + delay, self._sent, (number, packet))
                heappush(self._air, entry)


class Table:
    """Peers that know each other; `run` moves packets until nothing moves."""

    def __init__(
        self, count: int, settings: ChannelSettings | None = None, *, known: bool = True
    ) -> None:
        settings = settings or ChannelSettings()
        self.peers = [Peer(number, settings) for number in range(1, count + 1)]
        self.now = 100.0
        self.passed: list[Mail] = []
        self.fate: Fate = lambda _number, _packet: True
        for one in self.peers:
            for other in self.peers:
                if known and other is not one:
                    one.knows(other)

    def peer_at(self, address: Address) -> Peer | None:
        return next((one for one in self.peers if one.address == address), None)

    def give(self, source: Address, packet: Transmit) -> None:
        """Let a packet arrive where it is addressed to."""
        peer = self.peer_at(packet.address)
        if peer is None:
            return
        now = self.now + peer.fast_s
        if packet.streamed:
            peer.channels.receive_stream(now, source, packet.data)
        else:
            peer.channels.receive_datagram(now, source, packet.data)

    def collect(self) -> list[Mail]:
        """Take every peer's packets, and let none arrive."""
        mail = [
            (peer.number, packet)
            for peer in self.peers
            for packet in peer.take(self.now + peer.fast_s)
        ]
        self.passed += mail
        return mail

    def deliver(self, mail: Mail, source: Address | None = None) -> None:
        """Let one packet arrive, from where its sender is unless told otherwise."""
        number, packet = mail
        sender = next(one for one in self.peers if one.number == number)
        self.give(source or sender.address, packet)

    def step(self) -> bool:
        """Take every peer's packets, and let those arrive that may."""
        moved = self.collect()
        for mail in moved:
            if self.fate(*mail):
                self.deliver(mail)
        return bool(moved)

    def run(self) -> None:
        for _ in range(50):
            if not self.step():
                return
        raise AssertionError("packets go round for ever")

    def wait(self, seconds: float) -> None:
        """Let time pass; every timer that comes due is handled in its turn."""
        end = self.now + seconds
        while True:
            self.run()
            due = self.deadlines()
            if not due or min(due) > end:
                break
            self.now = max(self.now, min(due))
            self.handle_timeouts()
        self.now = end

    def deadlines(self) -> list[float]:
        """Return when each peer wants to wake, on the table's clock."""
        polled = [(peer, peer.channels.poll_timeout()) for peer in self.peers]
        return [due - peer.fast_s for peer, due in polled if due is not None]

    def handle_timeouts(self) -> None:
        for peer in self.peers:
            # A clock that is ahead may round to a moment before what is due.
            peer.channels.handle_timeout(self.now + peer.fast_s + 1e-9)


def kinds(packets: Iterable[Mail]) -> list[tuple[int, Kind]]:
    """Return (sender's number, kind) of each packet."""
    return [(number, Kind(packet.data[0])) for number, packet in packets]


def pair(settings: ChannelSettings | None = None) -> tuple[Table, Peer, Peer]:
    """Return a table with two peers; the second one's key is the greater: it leads."""
    table = Table(2, settings)
    one, other = table.peers
    assert one.keys.public < other.keys.public, "numbers 1 and 2 have such keys"
    return table, one, other


def connected(settings: ChannelSettings | None = None) -> tuple[Table, Peer, Peer]:
    """Return two peers that have a session, which the first began."""
    table, one, other = pair(settings)
    for sender, receiver in ((one, other), (one, other), (other, one)):
        sender.send(table.now, receiver, b"hello")
        table.run()
    assert agree(one, other)
    for peer in (one, other):
        peer.received.clear()
        peer.sent.clear()
    table.passed.clear()
    return table, one, other
