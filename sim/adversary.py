"""An outsider on the wire: he reads everything, and sends whatever he likes.

He has no key of the cluster. Datagrams he sends from any address, his own or made up;
streams from his own alone, since those need answers. What is sent to his own addresses
he gets, so he may be given cookies there. What others send he can neither delay nor
drop, only send again.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Final

from sim.endpoint import Endpoint, place_of
from sim.trespass import OUTSIDER
from swarmnet.crypto.packets import Kind, kind_of
from swarmnet.ids import Address, NodeId
from swarmnet.swim.outputs import SendDatagram, SendStream

if TYPE_CHECKING:
    from sim.cluster import Cluster
    from sim.host import Host

FROM_INDEX: Final = 90_000
"""Above every node's, and within a trace's column."""
_NET: Final = 0xC6336401
"""198.51.100.1: a documentation network (RFC 5737), where no node is."""
_PORT: Final = 7946
_RECORDED: Final = 4096
_FIRSTS: Final = 1024

Inbox = Callable[["Seat", "Host", bytes, bool], None]


@dataclass(slots=True, eq=False)
class Seat:
    """An address from which the outsider sends: his own, or one that he makes up."""

    index: int
    address: Address
    inbox: Inbox | None = None
    node: NodeId = OUTSIDER
    up: bool = True
    reachable: bool = True
    life: int = 1
    hosts: list["Host"] = field(default_factory=list)

    def take_datagram(
        self,
        sender: NodeId,
        source: Address,
        source_index: int,
        peer: NodeId | None,
        data: bytes,
    ) -> None:
        """Receive what a node sends here."""
        del sender, source, peer
        self._take(source_index, data, streamed=False)

    def take_frame(
        self, sender: NodeId, source: Address, source_index: int, data: bytes
    ) -> None:
        """Receive a packet of a node's stream."""
        del sender, source
        self._take(source_index, data, streamed=True)

    def take_failure(self, peer: NodeId | None, address: Address) -> None:
        """Learn that a stream is broken, which the outsider does not mind."""

    def _take(self, source_index: int, data: bytes, *, streamed: bool) -> None:
        if self.inbox is not None and source_index < len(self.hosts):
            self.inbox(self, self.hosts[source_index], data, streamed)


@dataclass(frozen=True, slots=True)
class Seen:
    """A packet that a member sent, as the outsider saw it pass."""

    source: Address
    target: "Host"
    data: bytes
    streamed: bool


class Adversary:
    """The outsider's ears and mouth.

    `recorded` are the last packets of members; `firsts` those that began handshakes,
    which are rare and dearer. `witness` is told of each when it is sent.
    """

    def __init__(self, cluster: "Cluster", seats: int, random: Random) -> None:
        self._cluster = cluster
        self._random = random
        self._masks: dict[Address, Seat] = {}
        self.recorded: deque[Seen] = deque(maxlen=_RECORDED)
        self.firsts: deque[Seen] = deque(maxlen=_FIRSTS)
        self.witness: Callable[[Seen], None] | None = None
        self.datagrams = 0
        self.frames = 0
        self.seats = [self._seat(number) for number in range(seats)]
        cluster.underlay.taps.append(self._tap)

    def listen(self, inbox: Inbox) -> None:
        """Hand what is sent to the outsider's own addresses to `inbox`."""
        for seat in self.seats:
            seat.inbox = inbox

    def send(self, data: bytes, target: Address, source: Address) -> None:
        """Send a datagram that says that it comes from `source`."""
        self.datagrams += 1
        output = SendDatagram(None, target, data)
        self._cluster.underlay.send(self._mask(source), output)

    def send_on_stream(self, data: bytes, target: Address, seat: Seat) -> None:
        """Send a packet on a stream of the outsider's own."""
        self.frames += 1
        self._cluster.streams.send(seat, SendStream(None, target, data))

    def seat(self) -> Seat:
        """Return any address of the outsider's own."""
        return self._random.choice(self.seats)

    def pick(self) -> Seen | None:
        """Return a recorded packet; half of the time one that began a handshake."""
        if self.firsts and self._random.random() < 0.5:
            return self._random.choice(self.firsts)
        return self._random.choice(self.recorded) if self.recorded else None

    def _seat(self, number: int) -> Seat:
        address = Address((_NET + number).to_bytes(4, "big"), _PORT)
        hosts = self._cluster.hosts
        seat = Seat(FROM_INDEX + number, address, hosts=hosts)
        self._masks[address] = seat
        self._cluster.underlay.attach(seat)
        return seat

    def _mask(self, source: Address) -> Seat:
        """Return the outsider behind an address; one that he made up hears nothing."""
        mask = self._masks.get(source)
        if mask is None:
            mask = self._masks[source] = Seat(FROM_INDEX, source)
        return mask

    def _tap(self, source: Endpoint, output: SendDatagram | SendStream) -> None:
        """See a packet pass."""
        target = self._cluster.underlay.places.get(place_of(output.address))
        if source.node == OUTSIDER or target is None or target.node == OUTSIDER:
            return
        host = self._cluster.hosts[target.index]
        is_stream = isinstance(output, SendStream)
        seen = Seen(source.address, host, output.data, is_stream)
        self.recorded.append(seen)
        if kind_of(output.data) in (Kind.INITIATION, Kind.OPENING):
            self.firsts.append(seen)
        if self.witness is not None:
            self.witness(seen)
