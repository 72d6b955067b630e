"""What does a stranger's packet cost, and do true peers get through a flood of them?

Expected: what is no packet of ours falls at a look-up of its first four bytes, 1 us;
what looks like one at an index that nobody holds, or at mac1, one hash of 1 to 2 us
more. Who knows a node's key can make it compute: some 0.4 ms for each of the first 500
handshakes, then, asked for a cookie, some 10 us. So 100,000 datagrams of garbage take
a third of a core second. The peer is the cheapest thing that a program could do with a
datagram: to look at its first bytes in a dictionary of kinds.
"""

from collections.abc import Callable, Sequence
from random import Random
from time import perf_counter
from typing import Final

from benchmarks.lab import Lab
from benchmarks.tables import CLUSTER, Seat, acquaint
from benchmarks.values import Clock, Of, Question, Row, Target, question, spread
from swarmnet.crypto.handshake import HandshakeState
from swarmnet.crypto.packets import (
    HEADS,
    KINDS,
    Kind,
    encode_first,
    mac,
    mac_key,
)
from swarmnet.crypto.primitives import KeyPair
from swarmnet.crypto.switchboard import IK
from swarmnet.ids import Address

PACKETS: Final = 20_000
ROUNDS: Final = (21, 5)
DROP_US: Final = 3.0
FLOOD_PER_S: Final = 2000
FLOOD_S: Final = (10, 3)
PROBES_PER_S: Final = 10
STRANGER: Final = Address(bytes((192, 0, 2, 1)), 7946)

Packets = Sequence[bytes]


def garbage(random: Random) -> Packets:
    """Return random bytes of all lengths."""
    return [random.randbytes(random.randint(1, 1200)) for _ in range(PACKETS)]


def transports(random: Random) -> Packets:
    """Return transport packets of sessions that do not exist."""
    head = HEADS[Kind.TRANSPORT]
    return [head + random.randbytes(random.randint(28, 1100)) for _ in range(PACKETS)]


def initiations(random: Random) -> Packets:
    """Return handshakes of one who does not know whom he writes to."""
    head = HEADS[Kind.INITIATION]
    return [head + random.randbytes(164) for _ in range(PACKETS)]


def forged(target: Seat, count: int, random: Random) -> Packets:
    """Return handshakes of one who knows the target's key, and has no certificate."""
    label = mac_key(b"swarmmac", CLUSTER, target.keys.public)
    packets = []
    for _ in range(count):
        keys = KeyPair.from_private_bytes(random.randbytes(32))
        index = random.getrandbits(32)
        handshake = HandshakeState(
            IK,
            initiator=True,
            prologue=b"swarmnet channel 1\0" + CLUSTER + index.to_bytes(4, "big"),
            static=keys,
            remote_static=target.keys.public,
            random_bytes=random.randbytes,
        )
        message = handshake.write_message(b"")
        packet = encode_first(Kind.INITIATION, index, message)
        packet += mac(label, packet)
        packets.append(packet + bytes(16))
    return packets


def source_of(number: int) -> Address:
    """Return a made-up address."""
    return Address((0xC6120000 + number).to_bytes(4, "big"), 7946)


def drops(rounds: int) -> list[Row]:
    """Measure dropping one datagram, of three kinds, beside the look-up of a kind."""
    rows = []
    random = Random(3)
    kinds: dict[str, Callable[[Random], Packets]] = {
        "garbage": garbage,
        "transport of no session": transports,
        "handshake with a wrong mac1": initiations,
    }
    for name, make in kinds.items():
        seat = Seat(1)
        packets = make(random)
        ours, bare = [], []
        for number in range(rounds):
            # A second later each time, so that hints may be sent as they would be.
            began = perf_counter()
            for packet in packets:
                seat.channels.receive_datagram(float(number), STRANGER, packet)
            ours.append((perf_counter() - began) / PACKETS * 1e6)
            began = perf_counter()
            for packet in packets:
                KINDS.get(packet[:4])
            bare.append((perf_counter() - began) / PACKETS * 1e6)
            seat.drain(float(number))
        assert not seat.received
        rows.append(
            Row(
                measure=f"dropping {name}",
                unit="us",
                clock=Clock.WALL,
                ours=spread("swarmnet", ours),
                peer=spread("one look-up", bare),
                targets=(Target(Of.MEDIAN, DROP_US),),
            )
        )
    return rows


def siege(seconds: int) -> list[Row]:
    """Flood a node with forged handshakes while true peers, new ones, probe it.

    Time is the flood's own, not the wall's; the wall says what it cost.
    """
    random = Random(4)
    target = Seat(1)
    packets = forged(target, 500, random)
    answered = spent_s = 0.0
    flooded = 0
    for number in range(seconds * PROBES_PER_S):
        now = number / PROBES_PER_S
        began = perf_counter()
        for _ in range(FLOOD_PER_S // PROBES_PER_S):
            packet = packets[flooded % len(packets)]
            target.receive(now, source_of(flooded), packet)
            flooded += 1
        spent_s += perf_counter() - began
        answered += is_answered(now, target, Seat(1000 + number))
    probes = seconds * PROBES_PER_S
    return [
        Row(
            measure=f"{FLOOD_PER_S:,} forged handshakes a second: new peers answered",
            unit="",
            clock=Clock.WALL,
            ours=spread("swarmnet", [answered / probes], larger_is_better=True),
            targets=(Target(Of.WORST, 1.0, at_least=True),),
            note="within one round trip more than without a flood",
        ),
        Row(
            measure="the share of a core that this flood takes",
            unit="",
            clock=Clock.WALL,
            ours=spread("swarmnet", [spent_s / seconds]),
            note="each handshake answered would take a whole core",
        ),
    ]


def is_answered(now: float, target: Seat, peer: Seat) -> bool:
    """Let a peer probe the target for the first time; say whether it got through."""
    acquaint(peer, target)
    before = len(target.received)
    out = peer.send(now, target, b"probe")
    for _ in range(2):
        back = [
            packet
            for sent in out
            for packet in target.receive(now, peer.address, sent.data)
        ]
        out = [
            packet
            for sent in back
            for packet in peer.receive(now, target.address, sent.data)
        ]
    return len(target.received) > before and peer.channels.is_open(now, target.node)


def answer(lab: Lab) -> list[Row]:
    """Measure the drops and the siege, each in a process of its own."""
    rounds = len(lab.seeds(*ROUNDS))
    seconds = len(lab.seeds(*FLOOD_S))
    return [*lab.alone("drops", drops, rounds), *lab.alone("siege", siege, seconds)]


QUESTION: Final[Question] = question("flood", __doc__, answer)
