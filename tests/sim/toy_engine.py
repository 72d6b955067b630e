"""A toy protocol for the simulator's own tests: it floods, pings and little more.

Every claim and payload is sent on to all known members on first receipt, so that small
clusters converge in one hop or two. It holds the simulator's rules; a test that wants
one broken derives from it.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

import msgpack

from sim.profiles.contract import Engine, Identity
from sim.run import Registry
from swarmnet.ids import Address, NodeId, Scope
from swarmnet.swim.outputs import (
    Deliver,
    Departed,
    Joined,
    MemberChanged,
    Output,
    Payload,
    PayloadClass,
    SendDatagram,
    SendStream,
    State,
)

PERIOD_S = 1.0
ACK_S = 0.3
DEAD_S = 2.0


@dataclass(slots=True)
class Entry:
    """What is held of one member."""

    address: Address
    epoch: int
    incarnation: int
    state: State

    def rank(self) -> tuple[int, int, int]:
        """Return its precedence."""
        return (self.epoch, self.incarnation, self.state)


class ToyEngine:
    """See the module."""

    def __init__(
        self, identity: Identity, boot_epoch: int, random: Random, view: object
    ) -> None:
        self.node = identity.node
        self.address = identity.address
        self.epoch = boot_epoch
        self.own_incarnation = 0
        self.random = random
        self.entries: dict[NodeId, Entry] = {}
        if isinstance(view, dict):
            self.entries = {
                node: Entry(e.address, e.epoch, e.incarnation, e.state)
                for node, e in view.items()
                if node != self.node
            }
        self.outputs: deque[Output] = deque()
        self.next_ping_s = 0.0
        self.awaited: tuple[NodeId, float] | None = None
        self.deadlines: dict[NodeId, float] = {}
        self.seen: set[bytes] = set()
        self.counts: dict[str, int] = {"pings": 0, "late": 0}
        self.join_through: list[Address] = []

    def start(self, now: float) -> None:
        self.next_ping_s = now + PERIOD_S * self.random.random()

    def join(self, now: float, addresses: Sequence[Address]) -> None:
        self.join_through = list(addresses)
        self.outputs.append(SendStream(None, addresses[0], b"J" + self._view()))

    def leave(self, now: float) -> None:
        self._flood(b"C" + self._claim(self.node, State.LEFT))
        self.outputs.append(Departed(0))

    def publish(self, now: float, payload: Payload) -> None:
        self.seen.add(payload.key)
        self._flood(b"U" + msgpack.packb([payload.key, payload.data]))

    def relay(self, now: float, payload: Payload) -> None:
        """Nothing: the origin has told all that it knows."""

    def receive_datagram(
        self, now: float, sender: NodeId, source: Address, data: bytes
    ) -> None:
        kind, body = data[:1], data[1:]
        if kind == b"P":
            self.outputs.append(SendDatagram(sender, source, b"A" + body))
        elif kind == b"A" and self.awaited and self.awaited[0] == sender:
            self.awaited = None
        elif kind == b"C":
            self._take(now, body)
        elif kind == b"U":
            self._take_payload(sender, body)

    def receive_stream(
        self, now: float, sender: NodeId, source: Address, data: bytes
    ) -> None:
        kind, body = data[:1], data[1:]
        for claim in msgpack.unpackb(body):
            self._take(now, msgpack.packb(claim))
        if kind == b"J":
            self.outputs.append(SendStream(sender, source, b"V" + self._view()))
        else:
            self.outputs.append(Joined(sender))

    def stream_failed(self, now: float, peer: NodeId | None, address: Address) -> None:
        self.counts["stream_failed"] = self.counts.get("stream_failed", 0) + 1

    def note_late(self, now: float, seconds: float) -> None:
        self.counts["late"] += 1

    def handle_timeout(self, now: float) -> None:
        if self.awaited is not None and self.awaited[1] <= now:
            node = self.awaited[0]
            self.awaited = None
            if self.entries[node].state is State.ALIVE:
                self._take(now, self._claim(node, State.SUSPECT))
        for node in [n for n, at_s in self.deadlines.items() if at_s <= now]:
            del self.deadlines[node]
            self._take(now, self._claim(node, State.DEAD))
        if self.next_ping_s <= now:
            self.next_ping_s = now + PERIOD_S
            self._ping(now)

    def poll_output(self) -> Output | None:
        return self.outputs.popleft() if self.outputs else None

    def poll_timeout(self) -> float | None:
        times = [self.next_ping_s, *self.deadlines.values()]
        if self.awaited is not None:
            times.append(self.awaited[1])
        return min(times)

    def states(self) -> Mapping[NodeId, State]:
        return {node: entry.state for node, entry in self.entries.items()}

    def incarnation(self, member: NodeId) -> tuple[int, int] | None:
        if member == self.node:
            return (self.epoch, self.own_incarnation)
        entry = self.entries.get(member)
        return None if entry is None else (entry.epoch, entry.incarnation)

    def counters(self) -> Mapping[str, int]:
        return self.counts

    def save(self) -> object:
        return dict(self.entries)

    def _ping(self, now: float) -> None:
        alive = [n for n, e in self.entries.items() if e.state is not State.LEFT]
        if not alive:
            return
        node = self.random.choice(alive)
        self.counts["pings"] += 1
        self.awaited = (node, now + ACK_S)
        self.outputs.append(
            SendDatagram(node, self.entries[node].address, b"P" + bytes(60))
        )

    def _claim(self, node: NodeId, state: State) -> bytes:
        if node == self.node:
            entry = Entry(self.address, self.epoch, self.own_incarnation, state)
        else:
            entry = self.entries[node]
        host, port = entry.address.host, entry.address.port
        packed: bytes = msgpack.packb(
            [node, host, port, entry.epoch, entry.incarnation, int(state)]
        )
        return packed

    def _view(self) -> bytes:
        claims = [self._claim(self.node, State.ALIVE)]
        claims += [self._claim(node, e.state) for node, e in self.entries.items()]
        packed: bytes = msgpack.packb([msgpack.unpackb(claim) for claim in claims])
        return packed

    def _take(self, now: float, body: bytes) -> None:
        node, host, port, epoch, incarnation, state = msgpack.unpackb(body)
        entry = Entry(Address(host, port), epoch, incarnation, State(state))
        if node == self.node:
            own = (self.epoch, self.own_incarnation)
            if (epoch, incarnation) > own or (
                (epoch, incarnation) == own and state != State.ALIVE
            ):
                self.epoch = max(self.epoch, epoch)
                self.own_incarnation = incarnation + 1
                self._flood(b"C" + self._claim(node, State.ALIVE))
            return
        old = self.entries.get(node)
        if old is not None and entry.rank() <= old.rank():
            return
        self.entries[node] = entry
        self.deadlines.pop(node, None)
        if entry.state is State.SUSPECT:
            self.deadlines[node] = now + DEAD_S
        previous = None if old is None else old.state
        self.outputs.append(
            MemberChanged(node, previous, entry.state, epoch, incarnation)
        )
        self._flood(b"C" + body)

    def _take_payload(self, sender: NodeId, body: bytes) -> None:
        key, data = msgpack.unpackb(body)
        if key not in self.seen:
            self.seen.add(key)
            payload = Payload(key, Scope(b""), PayloadClass.NORMAL, data)
            self.outputs.append(Deliver(payload, sender))

    def _flood(self, data: bytes) -> None:
        for node, entry in self.entries.items():
            if entry.state is not State.LEFT:
                self.outputs.append(SendDatagram(node, entry.address, data))


class ToyProfile:
    """Makes toy engines, or those of a class derived from them."""

    name = "toy"
    overhead_bytes = 10

    def __init__(self, engine: type[ToyEngine] = ToyEngine) -> None:
        self.engine = engine

    def calm_s(self, nodes: int) -> float:
        """Return the time that a toy cluster is given to agree, in s."""
        return 15.0 + nodes / 100

    def full_view(self, identities: Sequence[Identity]) -> object:
        return {i.node: Entry(i.address, 1, 0, State.ALIVE) for i in identities}

    def build(
        self, identity: Identity, *, boot_epoch: int, random: Random, view: object
    ) -> Engine:
        return self.engine(identity, boot_epoch, random, view)


def toy_registry(engine: type[ToyEngine] = ToyEngine) -> Registry:
    """Return a registry that holds the toy alone, under its own name."""
    return Registry(
        {"toy": lambda _settings: ToyProfile(engine)},
        {"toy": {"speed": "a setting of the profile"}},
    )
