"""Two nodes, or a crowd around one, with channels between them and nothing else."""

from dataclasses import dataclass, field
from random import Random

from swarmnet.crypto.channel import Parcel
from swarmnet.crypto.channels import Channels
from swarmnet.crypto.primitives import KeyPair
from swarmnet.crypto.settings import ChannelSettings
from swarmnet.crypto.switchboard import Received, Transmit
from swarmnet.ids import Address, NodeId

CLUSTER = b"benchmark".ljust(32, b".")


@dataclass
class Book:
    """Who may talk, and under which key."""

    chain: bytes = b""
    keys: dict[NodeId, bytes] = field(default_factory=dict)
    nodes: dict[bytes, NodeId] = field(default_factory=dict)

    def know(self, other: "Seat") -> None:
        """Let `other` be somebody who may talk."""
        self.keys[other.node] = other.keys.public
        self.nodes[other.keys.public] = other.node

    def exchange_of(self, node: NodeId) -> bytes | None:
        """Return a node's key, or None."""
        return self.keys.get(node)

    def node_of(self, exchange_public: bytes) -> NodeId | None:
        """Return whose key that is, or None."""
        return self.nodes.get(exchange_public)

    def is_removed(self, exchange_public: bytes) -> bool:
        """Return that nobody was."""
        del exchange_public
        return False

    def introduce(self, chain: bytes) -> None:
        """Learn nothing."""


class Seat:
    """One node: its channels, and where it sits."""

    def __init__(self, number: int, settings: ChannelSettings | None = None) -> None:
        random = Random(f"seat {number}")
        self.keys = KeyPair.from_private_bytes(random.randbytes(32))
        self.node = NodeId(self.keys.public[:16])
        self.address = Address((0x0A000000 + number).to_bytes(4, "big"), 7946)
        self.book = Book()
        self.received: list[Received] = []
        self.channels = Channels(
            self.keys, CLUSTER, self.book, random.randbytes, settings
        )

    def send(self, now: float, to: "Seat", data: bytes) -> list[Transmit]:
        """Send a datagram that may be replayed; return what goes out."""
        parcel = Parcel(data, to.address, streamed=False, replayable=True, since=now)
        self.channels.send(now, to.node, parcel)
        return self.drain(now)

    def receive(self, now: float, source: Address, data: bytes) -> list[Transmit]:
        """Take a datagram; return what goes out."""
        self.channels.receive_datagram(now, source, data)
        return self.drain(now)

    def drain(self, now: float) -> list[Transmit]:
        """Flush, keep what was received, and return what goes out."""
        out: list[Transmit] = []
        self.channels.flush(now)
        while (output := self.channels.poll_output()) is not None:
            if isinstance(output, Transmit):
                out.append(output)
            elif isinstance(output, Received):
                self.received.append(output)
        return out


def acquaint(one: Seat, other: Seat) -> None:
    """Let two know each other's keys."""
    one.book.know(other)
    other.book.know(one)


def crowd(count: int, settings: ChannelSettings) -> tuple[Seat, list[Seat]]:
    """Return a node and `count` others that know it, and it them."""
    hub = Seat(0, settings)
    others = [Seat(number, settings) for number in range(1, count + 1)]
    for other in others:
        acquaint(hub, other)
    return hub, others
