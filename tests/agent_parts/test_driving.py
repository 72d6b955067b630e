"""The driver: rows are on the disk before anything else goes out; lateness is told."""

from collections import deque
from collections.abc import Callable
from time import monotonic
from types import SimpleNamespace
from typing import Any, cast

import pytest
import trio
import trio.testing

from swarmnet.errors import Refused
from swarmnet.ids import Address, NodeId
from swarmnet.ipam.lives import Continuation
from swarmnet.node.commands import Done, Failed
from swarmnet.node.outputs import Output, Recertified
from swarmnet.runtime import driving
from swarmnet.runtime.driving import Driver
from swarmnet.runtime.store import MemberFacts
from swarmnet.swim.outputs import MemberChanged, SendDatagram, State
from swarmnet.tables.outputs import Outbid, Save
from swarmnet.tables.row import Row
from tests.agent_parts.test_store import ME, row

OTHER = NodeId(bytes(15) + b"\1")
LEFT = MemberChanged(OTHER, State.ALIVE, State.LEFT, 1, 2)
THERE = Address(bytes([192, 0, 2, 1]), 7946)
WAIT_S = 5.0


class Scripted:
    """A node that wants what a test says, and notes what it is told."""

    def __init__(self) -> None:
        self.outputs: deque[Output] = deque()
        self.deadline: float | None = None
        self.late: list[float] = []
        self.timeouts = 0
        self.stirs = 0
        self.tables = SimpleNamespace(scopes=lambda: (), digest=str, rows=dict)
        self.members: dict[NodeId, Any] = {}
        self.addressing = SimpleNamespace(
            continuation=lambda: Continuation((1,), is_sure=True)
        )

    def knows(self, head: bytes) -> bool:
        return not head

    def states(self) -> dict[NodeId, State]:
        return {node: one.state for node, one in self.members.items()}

    def save(self) -> Any:
        return SimpleNamespace(members=lambda: self.members)

    def poll_timeout(self) -> float | None:
        return self.deadline

    def note_late(self, now: float, seconds: float) -> None:
        assert now > 0
        self.late.append(seconds)

    def note_wall(self, now: float, wall: float) -> None:
        assert wall > now

    def handle_timeout(self, now: float) -> None:
        assert self.deadline is not None
        assert now >= self.deadline
        self.timeouts += 1
        self.deadline = None


class World:
    """A driver between a scripted node and sockets that only take note."""

    def __init__(self) -> None:
        self.node = Scripted()
        self.log: list[str] = []
        self.refusals = 0
        self.slow = trio.Event()
        self.slow.set()
        self.told: list[Output] = []
        self.troubles: list[str | None] = []
        datagrams = SimpleNamespace(send=self._send, run=self._rest)
        streams = SimpleNamespace(send=self._send, run=self._rest)
        self.written = 0
        store = SimpleNamespace(save=self._save, keep=self._keep, written=0)
        self.driver = Driver(
            ME,
            cast("Any", self.node),
            cast("Any", (datagrams, streams)),
            cast("Any", store),
            cast("Any", SimpleNamespace(note=self._note)),
            told=self.told.append,
            troubled=self.troubles.append,
        )

    async def _rest(self, *_: object) -> None:
        await trio.sleep_forever()

    def _send(self, to: Address, data: bytes) -> None:
        assert to == THERE
        self.log.append(f"sent {data.decode()}")

    def _save(self, changes: list[Save]) -> None:
        trio.from_thread.run(self.slow.wait)
        if self.refusals:
            self.refusals -= 1
            raise Refused("the disk is full")
        self.log.append("stored " + " ".join(one.row.key.decode() for one in changes))

    def _keep(self, rows: list[Row], members: list[MemberFacts]) -> None:
        assert rows == []
        trio.from_thread.run(self.slow.wait)
        if self.refusals:
            self.refusals -= 1
            raise Refused("the disk is full")
        states = [State(number).name.lower() for _, _, _, number in members]
        self.log.append("kept " + " ".join(states))

    def _note(self, now: Continuation, written: int) -> None:
        assert (now.lives, written) == ((1,), 0)
        if self.log[-1:] != ["noted"]:
            self.log.append("noted")

    def want(self, *outputs: Output) -> None:
        def act(*_: object) -> None:
            self.node.stirs += 1
            self.node.outputs.extend(outputs)

        self.driver.act(act)

    def run(self, act: Callable[[], Any]) -> None:
        async def main() -> None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.driver.run)
                with trio.fail_after(WAIT_S):
                    await act()
                nursery.cancel_scope.cancel()

        trio.run(main)


@pytest.fixture
def world() -> World:
    return World()


def datagram(text: str) -> SendDatagram:
    return SendDatagram(NodeId(bytes(16)), THERE, text.encode())


def test_what_goes_with_a_row_waits_until_that_is_stored(world: World) -> None:
    async def act() -> None:
        world.slow = trio.Event()
        world.want(datagram("early"))
        world.want(datagram("a"), Save(row(b"x", b"1")), datagram("b"))
        world.want(Save(row(b"y", b"2")), datagram("c"))
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert world.log == ["noted", "sent early"]
        world.slow.set()
        while "sent c" not in world.log:
            await trio.lowlevel.checkpoint()

    world.run(act)
    stored = [line for line in world.log if line.startswith("stored")]
    assert " ".join(stored).replace("stored ", "") == "x y"
    rest = world.log[world.log.index(stored[-1]) :]
    assert rest == [stored[-1], "noted", "sent a", "sent b", "sent c"]


def test_rows_that_cannot_be_written_hold_everything_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driving, "STORE_AGAIN_S", 0.01)

    async def act() -> None:
        world.refusals = 3
        world.want(Save(row(b"x", b"1")), datagram("a"))
        while "sent a" not in world.log:
            await trio.lowlevel.checkpoint()

    world.run(act)
    assert world.log == ["stored x", "noted", "sent a"]
    assert world.troubles == ["the disk is full"] * 3 + [None]


def left(world: World) -> MemberChanged:
    """Return what is told once a member has left, which the node then knows."""
    claim = SimpleNamespace(body=b"body", proof=b"proof")
    world.node.members[OTHER] = SimpleNamespace(claim=claim, state=State.LEFT)
    return LEFT


def test_a_leave_is_on_the_disk_before_it_is_acknowledged(world: World) -> None:
    async def act() -> None:
        world.slow = trio.Event()
        world.want(left(world), datagram("ack"))
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert world.log == []
        world.slow.set()
        while "sent ack" not in world.log:
            await trio.lowlevel.checkpoint()

    world.run(act)
    assert world.log[:3] == ["kept left", "noted", "sent ack"]
    assert world.told == [LEFT]


def test_a_leave_that_cannot_be_kept_silences_nobody(world: World) -> None:
    async def act() -> None:
        world.refusals = 1
        world.want(left(world), datagram("ack"))
        while "sent ack" not in world.log:
            await trio.lowlevel.checkpoint()
        assert world.troubles == ["the disk is full"]
        # It is tried again until it is kept.
        while "kept left" not in world.log:
            await trio.lowlevel.checkpoint()

    world.run(act)
    assert world.troubles == ["the disk is full", None]


def test_a_certificate_is_told_before_the_row_that_speaks_of_it(world: World) -> None:
    async def act() -> None:
        world.slow = trio.Event()
        world.want(Save(row(b"node", b"1")), Recertified(b"chain"))
        assert world.told == [Recertified(b"chain")]
        world.slow.set()

    world.run(act)


def test_what_is_written_while_something_is_carried_out_holds_back_the_rest(
    world: World,
) -> None:
    async def act() -> None:
        def write(output: Output) -> None:
            world.want(Save(row(b"x", b"1")), datagram("of it"))

        world.driver._told = write
        world.want(datagram("before"), Outbid(2), datagram("after"))
        assert world.log == ["noted", "sent before"]
        await world.driver.stored()
        while "sent of it" not in world.log:
            await trio.lowlevel.checkpoint()

    world.run(act)
    assert world.log[2:] == ["stored x", "noted", "sent after", "sent of it"]


def test_a_command_returns_once_all_is_stored(world: World) -> None:
    async def act() -> None:
        def submit(*_: object) -> int:
            world.node.outputs += [Save(row(b"x", b"1")), Done(7, "result")]
            return 7

        assert await world.driver.command(submit) == "result"
        assert world.log == ["stored x", "noted"]

        def refuse(*_: object) -> int:
            world.node.outputs.append(Failed(8, "in use"))
            return 8

        with pytest.raises(Refused, match="in use"):
            await world.driver.command(refuse)

    world.run(act)


def test_timeouts_come_when_they_are_due_and_lateness_is_told_first(
    world: World,
) -> None:
    async def act() -> None:
        world.node.deadline = monotonic() + 0.02
        world.want()
        while not world.node.timeouts:
            await trio.lowlevel.checkpoint()
        world.node.deadline = monotonic() - 2.0
        world.driver._deadline = world.driver._acted = world.node.deadline
        world.node.late.clear()
        world.want()
        assert world.node.late[0] == pytest.approx(2.0, abs=0.5)

    world.run(act)


def test_a_stall_is_told_of_once_though_what_was_due_still_waits(
    world: World,
) -> None:
    async def act() -> None:
        world.node.deadline = monotonic() - 2.0
        world.driver._deadline = world.driver._acted = world.node.deadline
        world.node.late.clear()
        for _ in range(3):
            world.driver.act(lambda node, now: None)
        assert sum(world.node.late) == pytest.approx(2.0, abs=0.5)

    world.run(act)


def test_after_a_probe_that_found_all_as_it_was_nobody_is_asked(world: World) -> None:
    calls: list[int] = []

    async def act() -> None:
        world.driver.after = lambda: calls.append(world.node.stirs)
        world.want(datagram("news"))
        world.driver.act(lambda node, now: None)
        world.node.outputs.append(datagram("answer"))
        world.driver.act(lambda node, now: None)

    world.run(act)
    assert calls == [1]
    assert world.log == ["noted", "sent news", "sent answer"]
