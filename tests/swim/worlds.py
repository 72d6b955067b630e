"""Tiny literal worlds for the tests of membership: members are 1, 2, 3.

A proof here is a short keyed hash that anybody could make: the fake of a signature. A
`Network` drives several engines over one heap in virtual time, with one fixed latency
and a function that may drop what is sent.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from heapq import heappop, heappush
from random import Random
from typing import Final

from hypothesis import settings

from swarmnet.ids import Address, NodeId
from swarmnet.swim.claim import SIGN_DOMAIN, Claim
from swarmnet.swim.codec import (
    claim_of,
    decode_frame_untrusted,
    encode_accusation_body,
    encode_frame,
    encode_message,
    encode_own_body,
)
from swarmnet.swim.config import SwimConfig
from swarmnet.swim.core import Route, Seams
from swarmnet.swim.engine import Swim
from swarmnet.swim.member import Member
from swarmnet.swim.messages import ClaimNews, Message, Ping
from swarmnet.swim.outputs import (
    Deliver,
    MemberChanged,
    Output,
    SendDatagram,
    SendStream,
    State,
)
from swarmnet.swim.roster import Roster

Send = SendDatagram | SendStream
Drop = Callable[[int, int, Send], bool]

KEY: Final = SwimConfig().cluster_key
LATENCY_S: Final = 0.001
UNWATCHED: Final = SwimConfig(watch_nodes_max=0)
"""Nobody sends heartbeats: there is one probe in each period, as in a large cluster."""
SPACED: Final = replace(UNWATCHED, probe_interval_min_s=1.0)
"""A period as long, too: one probe is over before the next begins."""
SILENT_S: Final = 2.5 * 0.1 * SwimConfig().probe_interval_min_s
"""For so long at least an accused member was silent before anybody could accuse it: a
probe that followed a missed heartbeat gave it two timeouts and a half."""
IDLE: Final = {"coordinate_samples": 0, "health_score": 0}
"""The counters of an engine to which nothing has happened."""


def fewer(ways: int) -> settings:
    """Return the current profile with so many times fewer examples, for dear tests."""
    current = settings()
    return settings(current, max_examples=max(1, current.max_examples // ways))


def node(number: int) -> NodeId:
    """Return the id of member `number`."""
    return NodeId(number.to_bytes(16, "big"))


def number_of(member: NodeId) -> int:
    """Return the member's number."""
    return int.from_bytes(member, "big")


def address(number: int) -> Address:
    """Return where member `number` is: 10.0.x.y:7946."""
    return Address(bytes((10, 0, number >> 8, number & 0xFF)), 7946)


def route(number: int) -> Route:
    """Return the way to member `number`."""
    return Route(node(number), address(number))


def proof_of(author: NodeId, message: bytes) -> bytes:
    """Return what stands for `author`'s signature."""
    return blake2b(message, digest_size=8, key=author).digest()


def serial(member: NodeId) -> bytes:
    """Return the number that places a member on the rings."""
    return member


def seams(number: int) -> Seams:
    """Return what member `number` is handed in place of keys."""
    me = node(number)
    return Seams(
        lambda message: proof_of(me, message),
        lambda author, message, proof: proof == proof_of(author, message),
        serial,
    )


def _signed(author: int, body: bytes) -> Claim:
    return claim_of(body, proof_of(node(author), SIGN_DOMAIN + body))


def alive(
    subject: int,
    epoch: int = 1,
    incarnation: int = 0,
    *,
    meta: bytes = b"",
    at: Address | None = None,
) -> Claim:
    """Return the subject's own claim to be alive."""
    about = (at or address(subject), meta)
    version = (epoch, incarnation)
    return _signed(subject, encode_own_body(node(subject), version, State.ALIVE, about))


def left(subject: int, epoch: int = 1, incarnation: int = 1) -> Claim:
    """Return the subject's own claim to have left."""
    about = (address(subject), b"")
    version = (epoch, incarnation)
    return _signed(subject, encode_own_body(node(subject), version, State.LEFT, about))


def suspect(subject: int, author: int, epoch: int = 1, incarnation: int = 0) -> Claim:
    """Return the accusation of `subject` by `author`."""
    version = (epoch, incarnation)
    return _signed(author, encode_accusation_body(node(subject), version, node(author)))


def roster(me: int, members: Iterable[Member]) -> Roster:
    """Return a roster of `me` that holds `members`."""
    held = Roster(node(me), KEY, 3, serial)
    held.fill(members)
    return held


def living(*numbers: int) -> list[Member]:
    """Return these members, alive in their first life."""
    return [Member(alive(number), (), State.ALIVE) for number in numbers]


def swim(
    me: int,
    knows: Iterable[int] = (),
    config: SwimConfig | None = None,
    seed: int = 1,
    epoch: int = 1,
) -> Swim:
    """Return the engine of `me`, to whom `knows` (and itself) are alive."""
    known = tuple(knows)
    view = roster(me, living(*sorted({me, *known}))) if known else None
    return Swim(
        route(me),
        config or SwimConfig(),
        Random(seed),
        seams(me),
        boot_epoch=epoch,
        view=view,
    )


def probing(numbers: Iterable[int] = (2, 3, 4, 5)) -> tuple[Swim, float, int, int]:
    """Return an engine that has just begun a probe: (engine, when, whom, sequence)."""
    engine = swim(1, numbers, SPACED)
    engine.start(0.0)
    at = engine.poll_timeout()
    assert at is not None
    engine.handle_timeout(at)
    ((target, ping),) = messages(drain(engine))
    assert isinstance(ping, Ping)
    return engine, at, target, ping.sequence


def drain(engine: Swim) -> list[Output]:
    """Return everything that the engine wants done, in order."""
    outputs: list[Output] = []
    while (output := engine.poll_output()) is not None:
        outputs.append(output)
    return outputs


def frame(*messages: Message | Claim) -> bytes:
    """Return the frame of these messages."""
    items = [
        one.item if isinstance(one, Claim) else encode_message(one) for one in messages
    ]
    return encode_frame(items)


def tell(
    engine: Swim, sender: int, *messages: Message | Claim, now: float = 0.0
) -> list[Output]:
    """Hand the engine a datagram; return what it wants done."""
    engine.receive_datagram(now, node(sender), address(sender), frame(*messages))
    return drain(engine)


def stream(
    engine: Swim, sender: int, *messages: Message | Claim, now: float = 0.0
) -> list[Output]:
    """Hand the engine a stream frame; return what it wants done."""
    engine.receive_stream(now, node(sender), address(sender), frame(*messages))
    return drain(engine)


def messages(outputs: Iterable[Output]) -> list[tuple[int, Message]]:
    """Return what is sent, as (to whom, message), in order; 0 for nobody known."""
    found: list[tuple[int, Message]] = []
    for output in outputs:
        if isinstance(output, (SendDatagram, SendStream)):
            to = 0 if output.peer is None else number_of(output.peer)
            sent = decode_frame_untrusted(output.data).messages
            found += [(to, message) for message in sent]
    return found


def claims(outputs: Iterable[Output]) -> list[tuple[int, Claim]]:
    """Return the claims that are sent, as (to whom, claim), in order."""
    return [
        (to, message.claim)
        for to, message in messages(outputs)
        if isinstance(message, ClaimNews)
    ]


def notes(outputs: Iterable[Output]) -> list[Output]:
    """Return what is told to the caller rather than sent."""
    return [one for one in outputs if not isinstance(one, (SendDatagram, SendStream))]


def changed(
    member: int, previous: State | None, current: State, *version: int
) -> MemberChanged:
    """Return a transition; the version is (1, 0) unless given."""
    epoch, incarnation = version or (1, 0)
    return MemberChanged(node(member), previous, current, epoch, incarnation)


def advance(engine: Swim, until: float) -> list[tuple[float, Output]]:
    """Let an engine that nobody answers run; return its outputs with their times."""
    found: list[tuple[float, Output]] = []
    while (due := engine.poll_timeout()) is not None and due <= until:
        engine.handle_timeout(due)
        found += [(due, output) for output in drain(engine)]
    return found


@dataclass(slots=True)
class Network:
    """Engines by number, and what is under way between them.

    `log` holds (time, number, output) for all that engines told their callers, `sent`
    for all that they sent. Delivered payloads are relayed while `relays` says so.
    """

    engines: dict[int, Swim]
    drop: Drop = field(default=lambda source, target, sent: False)
    relays: bool = True
    latency_s: Callable[[int, int], float] = lambda source, target: LATENCY_S
    now: float = 0.0
    log: list[tuple[float, int, Output]] = field(default_factory=list)
    sent: list[tuple[float, int, Send]] = field(default_factory=list)
    _mail: list[tuple[float, int, int, int, Send]] = field(default_factory=list)
    _sequence: int = 0

    def settle(self, number: int) -> None:
        """Take an engine's outputs, after an input or a command."""
        engine = self.engines[number]
        while (output := engine.poll_output()) is not None:
            if isinstance(output, (SendDatagram, SendStream)):
                self._post(number, output)
                continue
            self.log.append((self.now, number, output))
            if isinstance(output, Deliver) and self.relays:
                engine.relay(self.now, output.payload)

    def start(self) -> None:
        """Start every engine."""
        for number, engine in self.engines.items():
            engine.start(self.now)
            self.settle(number)

    def run(self, seconds: float) -> None:
        """Let virtual time pass."""
        until = self.now + seconds
        while (due := self._next()) is not None and due <= until:
            self.now = max(self.now, due)
            self._step()
        self.now = until

    def changes(self, observer: int) -> list[MemberChanged]:
        """Return the transitions at one observer, in order."""
        return [
            output
            for _, number, output in self.log
            if number == observer and isinstance(output, MemberChanged)
        ]

    def digests(self) -> list[bytes]:
        """Return the roster digest of every engine."""
        return [one.save().digest().sum128 for one in self.engines.values()]

    def states(self, observer: int) -> dict[int, State]:
        """Return what an observer believes of the others, in order of number."""
        states = self.engines[observer].states()
        return {number_of(one): states[one] for one in sorted(states)}

    def _post(self, source: int, sent: Send) -> None:
        self.sent.append((self.now, source, sent))
        target = int.from_bytes(sent.address.host[2:], "big")
        if target not in self.engines or self.drop(source, target, sent):
            return
        self._sequence += 1
        arrival = self.now + self.latency_s(source, target)
        heappush(self._mail, (arrival, self._sequence, source, target, sent))

    def _next(self) -> float | None:
        return min(self._deadlines(), default=None)

    def _deadlines(self) -> Iterator[float]:
        if self._mail:
            yield self._mail[0][0]
        for engine in self.engines.values():
            due = engine.poll_timeout()
            if due is not None:
                yield due

    def _step(self) -> None:
        if self._mail and self._mail[0][0] <= self.now:
            _, _, source, target, sent = heappop(self._mail)
            engine = self.engines.get(target)
            if engine is None:
                return
            take = engine.receive_datagram
            if isinstance(sent, SendStream):
                take = engine.receive_stream
            take(self.now, node(source), address(source), sent.data)
            self.settle(target)
            return
        for number, engine in self.engines.items():
            due = engine.poll_timeout()
            if due is not None and due <= self.now:
                engine.handle_timeout(self.now)
                self.settle(number)
                return


def network(
    numbers: Sequence[int],
    config: SwimConfig | None = None,
    seed: int = 1,
    *,
    drop: Drop | None = None,
    relays: bool = True,
) -> Network:
    """Return a started network of members who know each other."""
    engines = {n: swim(n, numbers, config, seed * 1000 + n) for n in numbers}
    built = Network(engines, relays=relays)
    if drop is not None:
        built.drop = drop
    built.start()
    return built
