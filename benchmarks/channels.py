"""What do channels cost, beside the bare calls of the library that they stand on?

Expected: sealing 1,200 bytes is one AES-GCM call of 1 to 2 us, and packing a header and
counting one more; opening asks the replay window besides. A handshake is, on both
sides together, two key generations, eight X25519 and six AEAD calls, some 0.4 ms; Noise
hashes some forty times between them. A channel with one session holds two AEAD objects,
two windows and a few dozen fields: 4 KiB. What memberlist spends on an answered packet,
AES included, `agent_flood` measures.
"""

import gc
import resource
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from statistics import median
from time import perf_counter
from typing import Final, TypeVar

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from benchmarks.lab import Lab
from benchmarks.tables import crowd
from benchmarks.values import Clock, Of, Question, Row, Target, question, spread
from swarmnet.crypto.handshake import HandshakeState
from swarmnet.crypto.primitives import KeyPair
from swarmnet.crypto.session import Session
from swarmnet.crypto.settings import ChannelSettings
from swarmnet.crypto.switchboard import IK

DATA_BYTES: Final = 1200
REPEATS: Final = 5000
ROUNDS: Final = (41, 9)
CHANNELS: Final = 1000
MEMORY_MIB: Final = 8.0
AT_MOST: Final = 2.0
_ZERO: Final = bytes(12)
Task = TypeVar("Task")
Answer = TypeVar("Answer")


def timed(action: Callable[[], object], repeats: int) -> float:
    """Return microseconds per action."""
    began = perf_counter()
    for _ in range(repeats):
        action()
    return (perf_counter() - began) / repeats * 1e6


def each(
    action: Callable[[Task], Answer], tasks: Sequence[Task]
) -> tuple[float, list[Answer]]:
    """Return microseconds per task, and the answers, which are kept on both sides."""
    began = perf_counter()
    answers = [action(task) for task in tasks]
    return (perf_counter() - began) / len(tasks) * 1e6, answers


def beside(
    measure: str,
    ours: Callable[[], object],
    bare: Callable[[], object],
    rounds: int,
    repeats: int,
) -> Row:
    """Measure two actions in turn, so that what disturbs one disturbs the other."""
    pairs = [(timed(ours, repeats), timed(bare, repeats)) for _ in range(rounds)]
    return pair_row(measure, pairs)


def pair_row(measure: str, pairs: Sequence[tuple[float, float]]) -> Row:
    """Return the row of pairs of microseconds, ours and the bare calls'."""
    peer = spread("the bare calls", [one for _, one in pairs])
    rate = 1e6 / median(one for one, _ in pairs)
    return Row(
        measure=measure,
        unit="us",
        clock=Clock.WALL,
        ours=spread("swarmnet", [one for one, _ in pairs]),
        peer=peer,
        targets=(Target(Of.MEDIAN, AT_MOST * peer.median),),
        note=f"{rate:,.0f} a second and core",
    )


def sealing(rounds: int) -> list[Row]:
    """Measure seal and open, each beside one call of AES-GCM for the same bytes."""
    key, data = bytes(range(32)), Random(1).randbytes(DATA_BYTES)
    bare = AESGCM(key)
    sender = Session((key, key), 1, 2, 0.0, initiated=True)
    receiver = Session((key, key), 2, 1, 0.0, initiated=False)
    seals: list[tuple[float, float]] = []
    opens: list[tuple[float, float]] = []
    for _ in range(rounds):
        ours_us, packets = each(sender.seal, [data] * REPEATS)
        nonces = [bytes(4) + packet[8:16] for packet in packets]
        bare_us, sealed = each(lambda nonce: bare.encrypt(nonce, data, None), nonces)
        seals.append((ours_us, bare_us))
        ours_us, plain = each(receiver.open, packets)
        assert plain == [data] * REPEATS
        pairs = list(zip(nonces, sealed, strict=True))
        bare_us, _ = each(lambda pair: bare.decrypt(*pair, None), pairs)
        opens.append((ours_us, bare_us))
    size = f"{DATA_BYTES:,} bytes"
    return [pair_row(f"seal {size}", seals), pair_row(f"open {size}", opens)]


def ciphers(rounds: int) -> list[Row]:
    """Measure both ciphers that Noise knows: which one channels should use."""
    data = Random(1).randbytes(DATA_BYTES)
    aes, chacha = AESGCM(bytes(32)), ChaCha20Poly1305(bytes(32))
    pairs = [
        (
            timed(lambda: aes.encrypt(_ZERO, data, None), REPEATS),
            timed(lambda: chacha.encrypt(_ZERO, data, None), REPEATS),
        )
        for _ in range(rounds)
    ]
    return [
        Row(
            measure=f"bare AES-256-GCM, {DATA_BYTES:,} bytes",
            unit="us",
            clock=Clock.WALL,
            ours=spread("AES-GCM", [one for one, _ in pairs]),
            peer=spread("ChaCha20-Poly1305", [one for _, one in pairs]),
        )
    ]


def shake_hands(initiator: KeyPair, responder: KeyPair, random: Random) -> None:
    """Make one Noise IK handshake, both sides."""
    first = HandshakeState(
        IK,
        initiator=True,
        prologue=b"benchmark",
        static=initiator,
        remote_static=responder.public,
        random_bytes=random.randbytes,
    )
    second = HandshakeState(
        IK,
        initiator=False,
        prologue=b"benchmark",
        static=responder,
        random_bytes=random.randbytes,
    )
    second.read_message(first.write_message(b""))
    first.read_message(second.write_message(b""))
    first.split()
    second.split()


def bare_handshake(mine: X25519PrivateKey, aead: type[AESGCM]) -> None:
    """Make the calls that one handshake is bound to make, and nothing else."""
    theirs = mine.public_key()
    for _ in range(2):
        fresh = X25519PrivateKey.generate()
        fresh.public_key().public_bytes_raw()
    for _ in range(8):
        mine.exchange(theirs)
    for number in range(3):
        cipher = aead(bytes(32))
        plain = bytes(32 if number == 0 else 0)
        cipher.decrypt(_ZERO, cipher.encrypt(_ZERO, plain, bytes(32)), bytes(32))


def handshakes(rounds: int) -> list[Row]:
    """Measure both sides of a handshake beside its X25519 and AEAD calls."""
    random = Random(2)
    one, other = (KeyPair.from_private_bytes(random.randbytes(32)) for _ in "12")
    mine = X25519PrivateKey.from_private_bytes(random.randbytes(32))
    return [
        beside(
            "IK handshake, both sides",
            lambda: shake_hands(one, other, random),
            lambda: bare_handshake(mine, AESGCM),
            rounds,
            50,
        )
    ]


def resident_bytes() -> int:
    """Return how much memory this process holds."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * resource.getpagesize()


def memory(_: int) -> list[Row]:
    """Measure what 1,000 channels hold at one node, used in both directions.

    The others' packets are made beforehand, so that what grows is the one's alone.
    """
    settings = ChannelSettings(handshakes_burst=4.0 * CHANNELS)
    hub, others = crowd(CHANNELS, settings)
    firsts = [other.send(0.0, hub, b"hello")[0].data for other in others]
    gc.collect()
    before = resident_bytes()
    answers = [
        hub.receive(0.0, other.address, first)[0].data
        for other, first in zip(others, firsts, strict=True)
    ]
    at_hub = resident_bytes() - before
    packets = []
    for other, reply in zip(others, answers, strict=True):
        other.receive(0.0, hub.address, reply)
        packets.append(other.send(0.0, hub, b"confirmed")[0].data)
    gc.collect()
    before = resident_bytes()
    for other, packet in zip(others, packets, strict=True):
        hub.receive(0.0, other.address, packet)
        hub.send(0.0, other, b"back")
    gc.collect()
    at_hub += resident_bytes() - before
    assert hub.channels.count_sessions() == (CHANNELS, CHANNELS, 0)
    return [
        Row(
            measure=f"{CHANNELS:,} channels, each with a session in use",
            unit="MiB",
            clock=Clock.WALL,
            ours=spread("swarmnet", [at_hub / 2**20]),
            targets=(Target(Of.WORST, MEMORY_MIB),),
            note="growth of the resident set",
        )
    ]


def answer(lab: Lab) -> list[Row]:
    """Measure all four, each in a process of its own."""
    rounds = len(lab.seeds(*ROUNDS))
    rows: list[Row] = []
    for label, action in (
        ("seal and open", sealing),
        ("ciphers", ciphers),
        ("handshakes", handshakes),
        ("memory", memory),
    ):
        rows += lab.alone(label, action, rounds)
    return rows


QUESTION: Final[Question] = question("channels", __doc__, answer)
