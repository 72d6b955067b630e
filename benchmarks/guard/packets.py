"""Paths of single packets: sealed, opened, shaken hands over, and thrown away."""

from collections.abc import Callable
from random import Random
from typing import Final

from benchmarks.channels import shake_hands
from benchmarks.tables import Seat, acquaint
from swarmnet.crypto.packets import HEADS, Kind
from swarmnet.crypto.primitives import KeyPair
from swarmnet.crypto.session import Session
from swarmnet.crypto.switchboard import Transmit
from swarmnet.ids import Address

TIMES: Final = 50
HANDSHAKES: Final = 5
DATA: Final = bytes(1000)
STRANGER: Final = Address(bytes((192, 0, 2, 1)), 7946)

Action = Callable[[], None]


def sealed_and_opened() -> Action:
    """1,000 bytes are sealed under a session, and opened at its other end."""
    key = bytes(range(32))
    one = Session((key, key), 1, 2, 0.0, initiated=True)
    other = Session((key, key), 2, 1, 0.0, initiated=False)

    def act() -> None:
        for _ in range(TIMES):
            assert other.open(one.seal(DATA)) == DATA

    return act


def carried() -> Action:
    """A datagram goes from one node's channels through those of another."""
    one, other = Seat(1), Seat(2)
    acquaint(one, other)

    def carry(sender: Seat, receiver: Seat, packets: list[Transmit]) -> None:
        for sent in packets:
            carry(receiver, sender, receiver.receive(0.0, sender.address, sent.data))

    carry(one, other, one.send(0.0, other, b"hello"))
    carry(one, other, one.send(0.0, other, b"hello"))

    def act() -> None:
        before = len(other.received)
        for _ in range(TIMES):
            carry(one, other, one.send(0.0, other, DATA))
        assert len(other.received) == before + TIMES

    return act


def hands_shaken() -> Action:
    """A handshake is made, both sides of it."""
    random = Random(2)
    one, other = (KeyPair.from_private_bytes(random.randbytes(32)) for _ in "12")

    def act() -> None:
        for _ in range(HANDSHAKES):
            shake_hands(one, other, random)

    return act


def dropped() -> Action:
    """A stranger's packets are dropped: garbage, and such as look like ours."""
    seat, random = Seat(1), Random(3)
    heads = (b"", HEADS[Kind.TRANSPORT], HEADS[Kind.INITIATION])
    packets = [head + random.randbytes(164) for _ in range(TIMES) for head in heads]

    def act() -> None:
        for packet in packets:
            seat.channels.receive_datagram(0.0, STRANGER, packet)
        assert not seat.received

    return act


PATHS: Final = {
    "1,000 bytes sealed and opened": sealed_and_opened,
    "datagram carried by channels": carried,
    "handshake, both sides": hands_shaken,
    "stranger's packets dropped": dropped,
}
