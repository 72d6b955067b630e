"""What does a stranger's packet cost, and do true peers get through a flood of them?

Expected: what is no packet of ours falls at a look-up of its first four bytes, 1 us;
what looks like one at an index that nobody holds, or at mac1, one hash of 1 to 2 us
more. Who knows a node's key can make it compute: some 0.4 ms for each of the first 500
handshakes, then, asked for a cookie, some 10 us. So 100,000 datagrams of garbage take
a third of a core second. Whoever shows the cookies costs a handshake each, but one host
gets twenty a second, from however many ports, and 250 are answered in all. Who has seen
the index of a session makes the node try its key: one call of AES-GCM, 6 to 15 us. The
peer is the cheapest thing that a program could do with a datagram: to look at its first
bytes in a dictionary of kinds.
"""

from collections.abc import Callable, Sequence
from random import Random
from time import perf_counter
from typing import Final

from benchmarks.lab import Lab
from benchmarks.tables import CLUSTER, Seat, acquaint
from benchmarks.values import Clock, Of, Question, Row, Target, question, spread
from swarmnet.crypto.cookies import open_cookie
from swarmnet.crypto.handshake import HandshakeState
from swarmnet.crypto.packets import (
    HEADS,
    KINDS,
    MAC_BYTES,
    Kind,
    decode_cookie_untrusted,
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
PORTS: Final = 4000
WARM_S: Final = 4
"""Until then the flood has had its cookies, and has used up half of the burst."""
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


class Flood:
    """Handshakes of one without a certificate, thousands a second, at one node.

    From made-up addresses; or, if he `hears`, from many ports of his own host, where he
    gets cookies and shows them.
    """

    def __init__(self, target: Seat, random: Random, *, hears: bool) -> None:
        self._target = target
        self._label = mac_key(b"swarmmac", CLUSTER, target.keys.public)
        self._packets = forged(target, 500, random)
        self._hears = hears
        self._cookies: dict[Address, bytes] = {}
        self._sent = 0

    def pour(self, now: float, count: int) -> float:
        """Send so many; return the seconds that they cost the target."""
        spent_s = 0.0
        for _ in range(count):
            source = self._source()
            packet = self._packets[self._sent % len(self._packets)]
            cookie = self._cookies.get(source, b"")
            if cookie:
                packet = packet[:-MAC_BYTES] + mac(cookie, packet[:-MAC_BYTES])
            self._sent += 1
            began = perf_counter()
            answers = self._target.receive(now, source, packet)
            spent_s += perf_counter() - began
            if self._hears:
                for answer in answers:
                    self._take(packet, answer.address, answer.data)
        return spent_s

    def _source(self) -> Address:
        if self._hears:
            return Address(STRANGER.host, 1024 + self._sent % PORTS)
        return source_of(self._sent)

    def _take(self, packet: bytes, source: Address, answer: bytes) -> None:
        if answer[:4] == HEADS[Kind.COOKIE]:
            _, nonce, sealed = decode_cookie_untrusted(answer)
            mac1 = packet[-2 * MAC_BYTES : -MAC_BYTES]
            cookie = open_cookie(self._label, nonce, sealed, mac1)
            assert cookie is not None, "the answer to this very packet"
            self._cookies[source] = cookie


def siege(seconds: int) -> list[Row]:
    """Flood a node with forged handshakes while true peers, new ones, probe it.

    Time is the flood's own, not the wall's; the wall says what it cost.
    """
    return [
        *_siege(seconds, hears=False, what="forged handshakes a second"),
        *_siege(seconds, hears=True, what=f"from {PORTS:,} ports, cookies shown"),
    ]


def _siege(seconds: int, *, hears: bool, what: str) -> list[Row]:
    target = Seat(1)
    flood = Flood(target, Random(4), hears=hears)
    answered = spent_s = 0.0
    warm_s = WARM_S if hears else 0
    each = FLOOD_PER_S // PROBES_PER_S
    for number in range((warm_s + seconds) * PROBES_PER_S):
        now = number / PROBES_PER_S
        cost_s = flood.pour(now, each)
        if now >= warm_s:
            spent_s += cost_s
            answered += is_answered(now, target, Seat(1000 + number))
    return [
        Row(
            measure=f"{FLOOD_PER_S:,} {what}: new peers answered",
            unit="",
            clock=Clock.WALL,
            ours=spread(
                "swarmnet",
                [answered / (seconds * PROBES_PER_S)],
                larger_is_better=True,
            ),
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


def known_index(rounds: int) -> list[Row]:
    """Measure dropping what names a session whose index was seen, of three kinds."""
    target, peer = Seat(1), Seat(2)
    acquaint(peer, target)
    assert is_answered(0.0, target, peer)
    (seen,) = (sent.data for sent in peer.send(0.0, target, bytes(1000)))
    target.receive(0.0, peer.address, seen)
    head, random = seen[:8], Random(5)
    made_up = {
        size: [
            head + (2**60 + number).to_bytes(8, "big") + random.randbytes(size - 16)
            for number in range(PACKETS)
        ]
        for size in (60, 1200)
    }
    kinds = {
        "60 bytes under a session's index": made_up[60],
        "1,200 bytes under a session's index": made_up[1200],
        "a copy of 1,032 bytes from elsewhere": [seen] * PACKETS,
    }
    rows = []
    for name, packets in kinds.items():
        costs = []
        for _ in range(rounds):
            began = perf_counter()
            for packet in packets:
                target.channels.receive_datagram(0.5, STRANGER, packet)
            costs.append((perf_counter() - began) / PACKETS * 1e6)
        assert not target.drain(0.5)
        rows.append(
            Row(
                measure=f"dropping {name}",
                unit="us",
                clock=Clock.WALL,
                ours=spread("swarmnet", costs),
            )
        )
    return rows


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
    """Measure the drops and the sieges, each in a process of its own."""
    rounds = len(lab.seeds(*ROUNDS))
    seconds = len(lab.seeds(*FLOOD_S))
    return [
        *lab.alone("drops", drops, rounds),
        *lab.alone("known index", known_index, rounds),
        *lab.alone("siege", siege, seconds),
    ]


QUESTION: Final[Question] = question("flood", __doc__, answer)
