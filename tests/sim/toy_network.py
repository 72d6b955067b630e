"""A network of engines with one fixed latency, for the tests of the profiles."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from random import Random

from sim.profiles.contract import Engine, Identity, Profile
from swarmnet.ids import Address, NodeId
from swarmnet.node.outputs import Output
from swarmnet.swim.outputs import (
    Deliver,
    MemberChanged,
    Payload,
    SendDatagram,
    SendStream,
    State,
)


def identity(index: int) -> Identity:
    """Return the identity of the node of that index."""
    host = (0x0A000001 + index).to_bytes(4, "big")
    node = NodeId(b"node-" + str(index).encode().rjust(11, b"0"))
    return Identity(index, node, Address(host, 7946))


@dataclass(frozen=True, slots=True)
class Seen:
    """An output that was not a message, with when and where."""

    time_s: float
    index: int
    output: Output


class ToyNetwork:
    """Engines by index, a heap of what happens next, and what was seen."""

    def __init__(self, profile: Profile, size: int, *, seed: int, joined: bool) -> None:
        self.now = 0.0
        self.profile = profile
        self.latency_s = 0.001
        self.identities = [identity(index) for index in range(size)]
        self.engines: dict[int, Engine] = {}
        self.seen: list[Seen] = []
        self.datagrams: list[bytes] = []
        self.bytes_received = 0
        self.refuse: Callable[[int, int, bool], bool] = lambda *_: False
        self._seed = seed
        self._by_address = {one.address: one.index for one in self.identities}
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0
        view = profile.full_view(self.identities) if joined else None
        for index in range(size):
            self.boot(index, view=view)

    def boot(self, index: int, *, view: object, boot_epoch: int = 1) -> None:
        """Start a node."""
        random = Random(f"{self._seed}/{index}/{boot_epoch}/{self.now}")
        who = self.identities[index]
        engine = self.profile.build(
            who, boot_epoch=boot_epoch, random=random, view=view
        )
        self.engines[index] = engine
        engine.start(self.now)
        self.drain(index)

    def crash(self, index: int) -> None:
        """Stop a node without a word."""
        del self.engines[index]

    def act(self, index: int, verb: Callable[[Engine], None]) -> None:
        """Give a node an input."""
        verb(self.engines[index])
        self.drain(index)

    def publish(self, index: int, payload: Payload) -> None:
        """Publish at a node."""
        self.act(index, lambda engine: engine.publish(self.now, payload))

    def known(self, state: State, member: int, observers: int) -> Callable[[], bool]:
        """Return whether that many have come to hold `member` in `state`, as a test."""
        return lambda: len(self.changes(state, member)) == observers

    def run(self, until_s: float, *, stop: Callable[[], bool] | None = None) -> bool:
        """Run until then, or until `stop`; return whether `stop` held."""
        while self._heap and self._heap[0][0] <= until_s:
            self.now, _, action = heappop(self._heap)
            action()
            if stop is not None and stop():
                return True
        self.now = until_s
        return False

    def drain(self, index: int) -> None:
        """Carry out what a node wants done, and note its next deadline."""
        engine = self.engines[index]
        while (output := engine.poll_output()) is not None:
            self._carry_out(index, output)
        due_s = engine.poll_timeout()
        if due_s is not None:
            self._later(max(due_s, self.now), lambda: self._wake(index, engine, due_s))

    def changes(self, state: State, member: int) -> list[Seen]:
        """Return every change of `member` to `state`."""
        node = self.identities[member].node
        return [
            one
            for one in self.seen
            if isinstance(one.output, MemberChanged)
            and one.output.member == node
            and one.output.current is state
        ]

    def holders(self, payload: Payload) -> list[int]:
        """Return the nodes to which `payload` was delivered, in order."""
        return [
            one.index
            for one in self.seen
            if isinstance(one.output, Deliver) and one.output.payload == payload
        ]

    def agree(self, alive: Sequence[int]) -> bool:
        """Return whether all of `alive` see each other alive, and nobody else."""
        nodes = {self.identities[index].node for index in alive}
        for index in alive:
            states = self.engines[index].states()
            seen = {node for node, state in states.items() if state is State.ALIVE}
            if seen != nodes - {self.identities[index].node}:
                return False
        return True

    def _later(self, time_s: float, action: Callable[[], None]) -> None:
        self._number += 1
        heappush(self._heap, (time_s, self._number, action))

    def _wake(self, index: int, engine: Engine, due_s: float) -> None:
        if self.engines.get(index) is engine and engine.poll_timeout() == due_s:
            engine.handle_timeout(self.now)
            self.drain(index)

    def _carry_out(self, index: int, output: Output) -> None:
        match output:
            case SendDatagram():
                self.datagrams.append(output.data)
                self._send(index, output, stream=False)
            case SendStream():
                self._send(index, output, stream=True)
            case Deliver():
                self.seen.append(Seen(self.now, index, output))
                self.engines[index].relay(self.now, output.payload)
            case _:
                self.seen.append(Seen(self.now, index, output))

    def _send(
        self, index: int, output: SendDatagram | SendStream, *, stream: bool
    ) -> None:
        there = self._by_address.get(output.address)
        reached = there is not None and not self.refuse(index, there, stream)

        def arrive() -> None:
            who = self.identities[index]
            target = self.engines.get(there) if there is not None else None
            if target is not None and there is not None and reached:
                take = target.receive_stream if stream else target.receive_datagram
                self.bytes_received += 0 if stream else len(output.data)
                take(self.now, who.node, who.address, output.data)
                self.drain(there)
            elif stream and index in self.engines:
                peer, address = output.peer, output.address
                self.engines[index].stream_failed(self.now, peer, address)
                self.drain(index)

        self._later(self.now + self.latency_s, arrive)
