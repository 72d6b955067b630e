"""Processes of control planes with cheap proofs, and the virtual wire between them.

Every packet takes a millisecond. Hosts are numbered from 1. What must always hold
(`soundness`) is looked at after every input. `hosts` adds commands and views.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from random import Random
from typing import ClassVar, Final

from sim.profiles.contract import Identity
from sim.profiles.planed import Memory, PlanedNode
from sim.profiles.swarmnet import SwarmnetProfile
from sim.profiles.tabled import Note, rebooted
from swarmnet.ids import Address, NodeId
from swarmnet.node.addressing import Addressing
from swarmnet.node.outputs import Output, Removed, VerifySignatures
from swarmnet.swim.outputs import Deliver, Departed, SendDatagram, SendStream
from tests.node.soundness import Soundness

LATENCY_S: Final = 0.001

Send = SendDatagram | SendStream


@dataclass(frozen=True, slots=True)
class Saved:
    """What a process leaves behind: in which boot epoch, and what it stored."""

    epoch: int
    memory: Memory


@dataclass(slots=True)
class Host:
    """One process, or the place of one that is down."""

    identity: Identity
    engine: PlanedNode | None = None
    epoch: int = 1
    lives: int = 0
    left: bool = False
    deadline: float | None = None


class Machines:
    """Hosts 1 to `count`, all started in one cluster."""

    settings: ClassVar[Mapping[str, str]] = {"tables": "on"}
    """Of the simulator's profile."""

    def __init__(self, count: int, seed: int = 1) -> None:
        self.now = 100.0
        self.seed = seed
        self.soundness = Soundness()
        self.notes: dict[int, list[Note]] = {}
        self.removed: set[int] = set()
        self.departed: dict[int, Saved] = {}
        """What those have left behind that have left the cluster."""
        self._profile = SwarmnetProfile(self.settings)
        self._hosts: dict[int, Host] = {}
        self._groups: Sequence[Iterable[int]] = ()
        self._heap: list[tuple[float, int, int, int, Send]] = []
        self._sequence = 0
        for number in range(1, count + 1):
            self._place(number, number)
        everybody = [host.identity for host in self._hosts.values()]
        view = self._profile.full_view(everybody)
        assert isinstance(view, Memory)
        for number in self._hosts:
            self._boot(number, view)

    # Who there is

    def _place(self, number: int, identity: int) -> Host:
        node = NodeId(bytes(14) + b"%02d" % identity)
        address = Address(bytes((10, 255, 0, number)), 7946)
        host = Host(Identity(number, node, address))
        self._hosts[number] = host
        self.notes[number] = []
        return host

    def id(self, number: int) -> NodeId:
        """Return a host's node."""
        return self._hosts[number].identity.node

    def address(self, number: int) -> Address:
        """Return where a host is."""
        return self._hosts[number].identity.address

    def engine(self, number: int) -> PlanedNode:
        """Return the process of a host that is up."""
        engine = self._hosts[number].engine
        assert engine is not None, f"{number} is down"
        return engine

    def addressing(self, number: int) -> Addressing:
        """Return what a host knows of addresses."""
        return self.engine(number).addressing

    def live(self) -> list[int]:
        """Return the hosts that are up and stay, and were not removed."""
        return [
            number
            for number, host in self._hosts.items()
            if host.engine is not None and not host.left and number not in self.removed
        ]

    def gone(self) -> list[int]:
        """Return the hosts that are down, or leave, and were not removed."""
        live = self.live()
        return [n for n in self._hosts if n not in live and n not in self.removed]

    def is_up(self, number: int) -> bool:
        """Return whether a host's process runs."""
        return self._hosts[number].engine is not None

    # Lives

    def add(self, through: int = 1) -> int:
        """Let a host with a new key join; return its number."""
        number = max(self._hosts) + 1
        self._place(number, number)
        nobody = self._profile.full_view(())
        assert isinstance(nobody, Memory)
        self._boot(number, nobody)
        self._join(number, (through,))
        return number

    def save(self, number: int) -> Saved:
        """Return what a process would leave behind now; also for a backup."""
        host = self._hosts[number]
        return Saved(host.epoch, self.engine(number).save())

    def crash(self, number: int) -> Saved:
        """End a process; return what it leaves behind."""
        saved = self.save(number)
        self._hosts[number].engine = None
        return saved

    def restart(
        self,
        number: int,
        *,
        continued: Saved | None = None,
        rebooted_from: Saved | None = None,
        lost: bool = False,
        backup: Saved | None = None,
    ) -> None:
        """Start a process again, in one of these ways, and let it join those it hears.

        Continued on the running machine; after a restart of the machine; without
        anything; or from a backup.
        """
        told = continued or rebooted_from or backup
        assert lost is (told is None), "start it in one way"
        host = self._hosts[number]
        host.epoch = 1 if told is None else told.epoch + 1
        host.left = False
        view: object = None if told is None else told.memory
        view = view if continued is not None else rebooted(view)
        assert view is None or isinstance(view, Memory)
        self._boot(number, view)
        others = [one for one in self.live() if one != number]
        self._join(number, [one for one in others if self.hears(number, one)][:3])

    def clone(self, number: int) -> int:
        """Start a second process from a copy of a host's disk; return its number."""
        saved = self.save(number)
        twin = max(self._hosts) + 1
        identity = int(self.id(number)[-2:])
        self._place(twin, identity).epoch = saved.epoch + 1
        memory = rebooted(saved.memory)
        assert isinstance(memory, Memory)
        self._boot(twin, memory)
        return twin

    def begin_to_leave(self, number: int) -> None:
        """Let a host leave gracefully; its process ends when it has."""
        self._note_out(number)
        self._hosts[number].left = True
        self.engine(number).leave(self.now)
        self._drain(number)

    def leave(self, number: int) -> None:
        """Do the same, and wait for it."""
        self.begin_to_leave(number)
        self._run(self.now + 10.0, lambda: not self.is_up(number))
        assert not self.is_up(number), f"{number} does not depart"

    def remove_node(self, by: int, number: int) -> None:
        """Let one host remove another for good."""
        self._note_out(number)
        engine, node = self.engine(by), self.id(number)
        engine.command(self.now, lambda tables: tables.revoke(self.now, node))
        self.removed.add(number)
        self._drain(by)

    def _note_out(self, number: int) -> None:
        self.soundness.note_out(self.id(number))

    def _boot(self, number: int, view: Memory | None) -> None:
        host = self._hosts[number]
        host.lives += 1
        engine = self._profile.build(
            host.identity,
            boot_epoch=host.epoch,
            random=Random(f"{self.seed}/{number}/{host.lives}"),
            view=view,
        )
        assert isinstance(engine, PlanedNode)
        host.engine = engine
        engine.storage.told = self.notes[number].append
        if number not in self.removed:
            self.soundness.began(number, host.identity.node)
        engine.start(self.now)
        self._drain(number)

    def _join(self, number: int, through: Sequence[int]) -> None:
        addresses = [self._hosts[one].identity.address for one in through]
        if addresses:
            self.engine(number).join(self.now, addresses)
            self._drain(number)

    # The wire

    def partition(self, *groups: Iterable[int]) -> None:
        """Let only those of one group hear each other, from now on."""
        self._groups = [frozenset(group) for group in groups]

    def heal(self) -> None:
        """Let all hear each other."""
        self._groups = ()

    def hears(self, source: int, target: int) -> bool:
        """Return whether what one sends reaches another."""
        if not self._groups:
            return True
        return any(source in group and target in group for group in self._groups)

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self._run(self.now + seconds, lambda: False)

    def run_until(self, holds: Callable[[], bool], seconds: float) -> None:
        """Let time pass until something holds, to a tenth of a second."""
        end = self.now + seconds
        while not holds():
            assert self.now < end, f"not within {seconds:g} s"
            self.run(0.1)

    def _run(self, end: float, is_over: Callable[[], bool]) -> None:
        while not is_over():
            timers = [
                (host.deadline, number)
                for number, host in self._hosts.items()
                if host.engine is not None and host.deadline is not None
            ]
            due = min(timers, default=(end + 1, 0))
            arrival = self._heap[0][0] if self._heap else end + 1
            if min(due[0], arrival) > end:
                self.now = end
                return
            self.now = max(self.now, min(due[0], arrival))
            if arrival <= due[0]:
                _, _, source, target, send = heappop(self._heap)
                self._arrive(source, target, send)
            else:
                self.engine(due[1]).handle_timeout(self.now)
                self._drain(due[1])

    def _arrive(self, source: int, target: int, send: Send) -> None:
        host, sender = self._hosts[target], self._hosts[source].identity
        is_right = send.peer in (None, host.identity.node)
        engine, is_stream = host.engine, isinstance(send, SendStream)
        if engine is None or not is_right or not self.hears(source, target):
            failed = self._hosts[source].engine if is_stream else None
            if failed is not None:
                failed.stream_failed(self.now, send.peer, send.address)
                self._drain(source)
            return
        receive = engine.receive_stream if is_stream else engine.receive_datagram
        receive(self.now, sender.node, sender.address, send.data)
        self._drain(target)

    def _drain(self, number: int) -> None:
        host = self._hosts[number]
        engine = self.engine(number)
        while (output := engine.poll_output()) is not None:
            self._react(number, engine, output)
        if host.engine is None:
            return
        host.deadline = engine.poll_timeout()
        if not host.left:
            self.soundness.check(number, engine.addressing)

    def _react(self, number: int, engine: PlanedNode, output: Output) -> None:
        match output:
            case SendDatagram() | SendStream():
                target = output.address.host[-1]
                if target in self._hosts:
                    self._sequence += 1
                    at = (self.now + LATENCY_S, self._sequence)
                    heappush(self._heap, (*at, number, target, output))
            case VerifySignatures():
                engine.verify(self.now, output)
            case Deliver(payload, _):
                engine.relay(self.now, payload)
            case Removed(node, _):
                self.removed |= {n for n in self._hosts if self.id(n) == node}
                self.soundness.note_out(node)
            case Departed():
                self.departed[number] = self.crash(number)
            case _:
                pass
