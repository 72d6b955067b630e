"""Members of ours in real time, over loopback: the whole node, and the sockets' code.

    python -m benchmarks.real_members SEED MEMBERS PORT...

Each of MEMBERS (numbers with commas) is a `swarmnet.node` with keys, a certificate,
channels, tables and failure detector at their defaults, at its port of all PORTs, and
driven as an agent drives it: datagrams and streams are `swarmnet.runtime`'s own. What
an agent has besides is left out: no rows are put on a disk, no kernel is programmed, no
API is served. Keys and certificates come from SEED, so that several processes agree on
them; who is whose and what is genuine each member finds out for itself.

What it reads and says is `benchmarks.crowd`'s. All in one process share one core.
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Address
from random import Random
from secrets import token_bytes
from time import monotonic
from typing import Final

import trio

from benchmarks.telling import PAYLOAD_BYTES, tell
from sim.pki import WALL_S, Pki
from swarmnet.crypto.directory import Directory
from swarmnet.crypto.identity import Signatures
from swarmnet.crypto.trust import Trust
from swarmnet.ids import CLUSTER, Address, NodeId
from swarmnet.node.credentials import Credentials
from swarmnet.node.engine import Node
from swarmnet.node.outputs import Output, VerifySignatures
from swarmnet.node.settings import NodeSettings
from swarmnet.runtime.datagrams import Datagrams
from swarmnet.runtime.driving import LATE_S_MIN
from swarmnet.runtime.streams import Streams
from swarmnet.swim.outputs import (
    Deliver,
    Joined,
    MemberChanged,
    Payload,
    PayloadClass,
    SendDatagram,
    SendStream,
    State,
)
from swarmnet.tables.stored import StoredRows

HOST: Final = IPv4Address("127.0.0.1").packed
KEY: Final = b"hello/"
READ_BYTES: Final = 65_536
SAID: Final = {State.SUSPECT: "suspect", State.DEAD: "dead"}


class World:
    """What all members of a process know: who is who, and how much is lost."""

    def __init__(self, seed: int, ports: Sequence[int]) -> None:
        self.pki = Pki(seed)
        self.addresses = [Address(HOST, port) for port in ports]
        self.number_of = {
            self.pki.identity(number).node: number for number in range(len(ports))
        }
        self.random = Random()
        self.loss = 0.0

    def node(self, number: int, life: int) -> Node:
        """Return a node that knows nobody; of a later life, without its rows."""
        chain = self.pki.chain(number)
        directory = Directory(Trust(self.pki.root, Signatures()))
        directory.learn(chain, WALL_S)
        rows = StoredRows() if life == 1 else None
        own = self.pki.identity(number)
        return Node(
            Credentials(own, chain.encoded, directory, WALL_S, rows),
            self.addresses[number],
            NodeSettings(),
            self.random,
            random_bytes=token_bytes,
            boot_epoch=life,
        )


class RealMember:
    """One life of a member; `run` it until it is cancelled."""

    def __init__(self, world: World, number: int, life: int) -> None:
        self.number = number
        self.joined = trio.Event()
        self._world = world
        self._node = world.node(number, life)
        port = world.addresses[number].port
        self._datagrams, self._streams = Datagrams(port), Streams(port)
        self._streams.is_known = self._node.knows
        self._alive: dict[NodeId, None] = {}
        self._deadline: float | None = None
        self._sleep = trio.CancelScope()
        self.scope = trio.CancelScope()

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        """Take part until `scope` is cancelled; then there is nobody at the port."""
        try:
            with self.scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._datagrams.run, self._take)
                    nursery.start_soon(self._streams.run, self._take_packet, self._miss)
                    nursery.start_soon(self._keep_time)
                    await trio.lowlevel.checkpoint()
                    self.act(lambda node, now: node.start(now))
                    task_status.started()
        finally:
            self._datagrams.close()
            self._streams.close()

    def act(self, verb: Callable[[Node, float], object]) -> None:
        """Let `verb` do something with the node, and carry out what it wants."""
        now, node = monotonic(), self._node
        if self._deadline is not None and now - self._deadline > LATE_S_MIN:
            node.note_late(now, now - self._deadline)
        verb(node, now)
        while (output := node.poll_output()) is not None:
            self._carry(now, output)
        deadline = node.poll_timeout()
        if deadline != self._deadline:
            self._deadline = deadline
            self._wake_at_deadline()

    def join(self, through: int) -> None:
        """Join through another member; `joined` says when he has answered."""
        there = self._world.addresses[through]
        self.act(lambda node, now: node.join(now, (there,)))

    def say(self, name: str) -> None:
        """Broadcast a payload that bears a name."""
        data = name.encode().ljust(PAYLOAD_BYTES)
        payload = Payload(KEY + name.encode(), CLUSTER, PayloadClass.NORMAL, data)
        tell(self.number, "said", name)
        self.act(lambda node, now: node.publish(now, payload))
        tell(self.number, "heard", name)

    # Inputs

    def _take(self, batch: Sequence[tuple[Address, bytes]]) -> None:
        self.act(lambda node, now: node.receive_datagrams(now, batch))

    def _take_packet(self, source: Address, data: bytes) -> bool:
        verdicts: list[bool] = []
        self.act(
            lambda node, now: verdicts.append(node.receive_stream(now, source, data))
        )
        return verdicts[0]

    def _miss(self, address: Address) -> None:
        self.act(lambda node, now: node.stream_failed(now, address))

    async def _keep_time(self) -> None:
        while True:
            self._sleep = trio.CancelScope()
            self._wake_at_deadline()
            with self._sleep:
                await trio.sleep_forever()
            if self._deadline is not None and monotonic() >= self._deadline:
                self.act(lambda node, now: node.handle_timeout(now))

    def _wake_at_deadline(self) -> None:
        if self._deadline is not None:
            ahead_s = self._deadline - monotonic()
            self._sleep.deadline = trio.current_time() + ahead_s

    # Outputs

    def _carry(self, now: float, output: Output) -> None:
        world = self._world
        match output:
            case SendDatagram(_, address, data):
                if not world.loss or world.random.random() >= world.loss:
                    self._datagrams.send(address, data)
            case SendStream(_, address, data):
                self._streams.send(address, data)
            case VerifySignatures():
                verify = Signatures().verify
                verdicts = [verify(*claim) for claim in output.claims]
                self._node.verified(now, output.number, verdicts)
            case Deliver(payload):
                tell(self.number, "heard", payload.data.decode().strip())
                self._node.relay(now, payload)
            case Joined():
                self.joined.set()
            case MemberChanged():
                self._note(output)

    def _note(self, change: MemberChanged) -> None:
        """Say what has become of another, and when all are alive."""
        number = self._world.number_of[change.member]
        if change.current in (State.ALIVE, State.SUSPECT):
            was, self._alive[change.member] = len(self._alive), None
            others = len(self._world.addresses) - 1
            if number != self.number and was < len(self._alive) == others:
                tell(self.number, "whole")
        else:
            self._alive.pop(change.member, None)
        if change.current in SAID and change.current is not change.previous:
            tell(self.number, SAID[change.current], number)


class Members:
    """The members of this process, and what they are told."""

    def __init__(self, world: World, mine: Sequence[int]) -> None:
        self._world, self._mine = world, mine
        self._members: dict[int, RealMember] = {}
        self._lives = dict.fromkeys(mine, 0)

    async def run(self) -> None:
        """Serve until the input ends."""
        async with trio.open_nursery() as nursery:
            for number in self._mine:
                await self._begin(nursery, number)
                tell(number, "ready")
            unread = b""
            while True:
                await trio.lowlevel.wait_readable(sys.stdin)
                data = os.read(sys.stdin.fileno(), READ_BYTES)
                if not data:
                    nursery.cancel_scope.cancel()
                    return
                *lines, unread = (unread + data).split(b"\n")
                for line in lines:
                    await self._do(nursery, line.decode().split())

    async def _begin(self, nursery: trio.Nursery, number: int) -> None:
        self._lives[number] += 1
        member = RealMember(self._world, number, self._lives[number])
        self._members[number] = member
        await nursery.start(member.run)

    async def _do(self, nursery: trio.Nursery, words: Sequence[str]) -> None:
        match words:
            case ["join"]:
                for number in self._mine:
                    if number:
                        await self._join(number, 0)
            case ["say", who, name]:
                self._members[int(who)].say(name)
            case ["kill", who]:
                tell(int(who), "killed", who)
                self._members[int(who)].scope.cancel()
            case ["revive", who]:
                number = int(who)
                await self._begin(nursery, number)
                await self._join(number, (number + 1) % len(self._world.addresses))
            case ["lose", share]:
                self._world.loss = float(share)
            case _:
                raise SystemExit(f"unknown: {words}")

    async def _join(self, number: int, through: int) -> None:
        self._members[number].join(through)
        await self._members[number].joined.wait()


def commands(
    seed: int, count: int, *, each: int
) -> Callable[[Sequence[int]], Mapping[tuple[int, ...], Sequence[str]]]:
    """Return what starts `count` members, `each` to a process."""

    def started(ports: Sequence[int]) -> Mapping[tuple[int, ...], Sequence[str]]:
        told = [str(port) for port in ports]
        parts = [
            tuple(range(first, min(count, first + each)))
            for first in range(0, count, each)
        ]
        module = (sys.executable, "-m", "benchmarks.real_members", str(seed))
        return {mine: (*module, ",".join(map(str, mine)), *told) for mine in parts}

    return started


def main(words: Sequence[str]) -> None:
    seed, mine, *ports = words
    world = World(int(seed), [int(port) for port in ports])
    trio.run(Members(world, [int(one) for one in mine.split(",")]).run)


if __name__ == "__main__":
    main(sys.argv[1:])
