"""What an outsider does, kind by kind; each kind draws from a source of its own."""

from collections import deque
from enum import IntEnum
from random import Random
from typing import TYPE_CHECKING, Final

from sim.adversary import Adversary, Seat, Seen
from sim.forgery import Forger, with_cookie
from swarmnet.crypto.limits import Bucket
from swarmnet.crypto.packets import Kind, kind_of
from swarmnet.ids import Address

if TYPE_CHECKING:
    from sim.cluster import Cluster
    from sim.host import Host


class Attack(IntEnum):
    """The kinds: the values of the key `kind`."""

    REPLAY = 1
    """What others sent comes again: later, to anybody, from anywhere."""
    MIRROR = 2
    """What others send comes twice, at once, and the copy from another address."""
    BEND = 3
    """What others sent comes again: flipped, cut, extended, spliced; or at once."""
    GARBAGE = 4
    """Random bytes, half of them with the head of a packet."""
    HANDSHAKE = 5
    """Handshakes by keys that nobody certified, and meetings, finished or not."""
    ANSWER = 6
    """False answers to what others send: hints, cookies, responses."""
    FLOOD = 7
    """Handshakes at one node, so many that it asks for cookies, which are shown."""
    ALL = 8
    """All of these at once."""


PACED: Final = (Attack.REPLAY, Attack.BEND, Attack.GARBAGE, Attack.HANDSHAKE)
PROMPT: Final = (Attack.MIRROR, Attack.BEND, Attack.ANSWER)
"""Done the moment that a packet is seen."""
_POOL: Final = 256
"""Handshakes of a flood, sent again and again: to know them again is no cheaper."""
_FRESH: Final = 0.02
"""The share of a flood that takes one of the pool's places."""


class Attacks:
    """Carries attacks out on some nodes; `rate_per_s` is at each of them."""

    def __init__(
        self,
        cluster: "Cluster",
        adversary: Adversary,
        forger: Forger,
        targets: list["Host"],
    ) -> None:
        self._world = cluster.world
        self._hosts = cluster.hosts
        self._adversary = adversary
        self._forger = forger
        self._targets = targets
        self._random = Random(f"{cluster.seed}/attacks")
        self._prompt = Random(f"{cluster.seed}/attacks/prompt")
        self._flood = Random(f"{cluster.seed}/attacks/flood")
        self._cookies: dict[tuple[Address, int], bytes] = {}
        self._pool: deque[bytes] = deque(maxlen=_POOL)
        self._until_s = 0.0
        self._bucket: Bucket | None = None
        adversary.listen(self._hear)

    def begin(self, kind: Attack, rates: tuple[float, float], until_s: float) -> None:
        """Attack until then; `rates` are a second: at each node, and of a flood."""
        self._until_s = until_s
        total = rates[0] * len(self._targets)
        paced = [one for one in PACED if kind in (one, Attack.ALL)]
        if paced:
            self._strike(paced, 1 / total)
        prompt = [one for one in PROMPT if kind in (one, Attack.ALL)]
        if prompt:
            self._bucket = Bucket(total, max(1.0, total / 10))
            self._adversary.witness = lambda seen: self._react(prompt, seen)
        if kind in (Attack.FLOOD, Attack.ALL):
            self._pour(1 / rates[1])

    def _is_over(self) -> bool:
        return self._world.now >= self._until_s

    # At a pace.

    def _strike(self, kinds: list[Attack], pause_s: float) -> None:
        if self._is_over():
            return
        self._world.after(pause_s, self._strike, kinds, pause_s)
        target = self._random.choice(self._targets)
        match self._random.choice(kinds):
            case Attack.REPLAY:
                self._replay(target)
            case Attack.BEND:
                seen = self._adversary.pick()
                if seen is not None:
                    self._bend(seen, self._random)
            case Attack.GARBAGE:
                self._garble(target)
            case _:
                self._shake_hands(target)

    def _replay(self, target: "Host") -> None:
        """Send again what was recorded: mostly to whom it was for, and as from whom."""
        random, seen = self._random, self._adversary.pick()
        if seen is None:
            return
        if random.random() < 0.75 and seen.target in self._targets:
            target = seen.target
        if seen.streamed:
            seat = self._adversary.seat()
            self._adversary.send_on_stream(seen.data, target.address, seat)
            return
        other = random.choice(self._hosts).address
        own = self._adversary.seat().address
        source = random.choice((seen.source, seen.source, own, other))
        self._adversary.send(seen.data, target.address, source)

    def _garble(self, target: "Host") -> None:
        data = self._forger.garbage()
        if self._random.random() < 0.1:
            seat = self._adversary.seat()
            self._adversary.send_on_stream(data, target.address, seat)
        else:
            self._adversary.send(data, target.address, self._anywhere())

    def _shake_hands(self, target: "Host") -> None:
        seat = self._adversary.seat()
        cookie = self._cookies.get((seat.address, target.index), b"")
        if self._random.random() < 0.2:
            data = self._forger.opening(cookie)
            self._adversary.send_on_stream(data, target.address, seat)
        else:
            data = self._forger.initiation(target.node, cookie)
            self._adversary.send(data, target.address, seat.address)

    def _anywhere(self) -> Address:
        """Return an address of the outsider's, a node's, or nobody's."""
        random = self._random
        own = self._adversary.seat().address
        member = random.choice(self._hosts).address
        return random.choice((own, member, Address(random.randbytes(4), 7946)))

    # At once.

    def _react(self, kinds: list[Attack], seen: Seen) -> None:
        now, bucket = self._world.now, self._bucket
        if self._is_over() or seen.target not in self._targets or seen.streamed:
            return
        if bucket is None or not bucket.take(now):
            return
        match self._prompt.choice(kinds):
            case Attack.MIRROR:
                own = self._prompt.choice(self._adversary.seats).address
                self._adversary.send(seen.data, seen.target.address, own)
            case Attack.BEND:
                self._bend(seen, self._prompt)
            case _:
                data = self._forger.answer(seen.data, seen.target.node, now)
                if data is not None:
                    self._adversary.send(data, seen.source, seen.target.address)

    def _bend(self, seen: Seen, random: Random) -> None:
        other = self._adversary.pick() or seen
        data = self._forger.bent(seen.data, other.data, seen.target.node)
        own = self._adversary.seat()
        if data == seen.data:
            return
        if seen.streamed:
            self._adversary.send_on_stream(data, seen.target.address, own)
        else:
            source = random.choice((seen.source, own.address))
            self._adversary.send(data, seen.target.address, source)

    # Very often.

    def _pour(self, pause_s: float) -> None:
        if self._is_over():
            return
        self._world.after(pause_s, self._pour, pause_s)
        target = self._targets[0]
        if len(self._pool) < _POOL or self._flood.random() < _FRESH:
            self._pool.append(self._forger.initiation(target.node))
        packet = self._flood.choice(self._pool)
        seat = self._flood.choice(self._adversary.seats)
        cookie = self._cookies.get((seat.address, target.index), b"")
        packet = with_cookie(packet, cookie)
        self._adversary.send(packet, target.address, seat.address)

    # What comes back.

    def _hear(self, seat: Seat, host: "Host", data: bytes, streamed: bool) -> None:  # noqa: FBT001 - as `Inbox` has it
        kind = kind_of(data)
        if kind is Kind.COOKIE:
            cookie = self._forger.cookie(data, host.node)
            if cookie is not None:
                self._cookies[seat.address, host.index] = cookie
        elif kind is Kind.ANSWER and streamed and not self._is_over():
            closing = self._forger.closing(data)
            if closing is not None:
                self._adversary.send_on_stream(closing, host.address, seat)
