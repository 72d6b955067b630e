"""Who serves the data planes of a run with their machines' kernels.

A look, or a portion of operations, takes some virtual time, in which others may act; an
agent that is killed leaves its work where it stands.
"""

from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import TYPE_CHECKING, Final, Protocol

from sim.kernel.faults import Faults
from sim.machine import Machine
from sim.profiles.contract import Engine
from sim.profiles.tabled import Tabled
from swarmnet.kernel.operations import Failure, Operation, RemoveNamespace
from swarmnet.kernel.state import Namespace
from swarmnet.node.dataplane import Dataplane
from swarmnet.node.kernel_news import (
    Apply,
    Drifted,
    Forget,
    KernelOutput,
    Look,
    OtherNews,
    Read,
)
from swarmnet.node.looking import look_at
from swarmnet.swim.outputs import MemberChanged, SendDatagram, SendStream

if TYPE_CHECKING:
    from sim.cluster import Cluster
    from sim.host import Host

DELAY_S: Final = (0.0002, 0.003)
"""How long a look takes, or a portion of operations."""
NEWS_S: Final = (0.0, 0.02)
"""How long an announcement is under way."""


class KernelWatch(Protocol):
    """Whoever follows what happens in kernels."""

    def operated(self, machine: Machine, operation: Operation) -> None:
        """An operation was done, in part maybe, or refused."""

    def answered(self, machine: Machine) -> None:
        """A data plane has got an answer, and done what follows at once."""


class Kernels:
    """Serves the data planes of a cluster (a `checkers.Guard`)."""

    def __init__(self, cluster: "Cluster", watch: KernelWatch) -> None:
        self._world = cluster.world
        self._counts = cluster.underlay.coverage
        self._watch = watch
        self._random = Random(f"{cluster.seed}/kernels")
        hosts = cluster.hosts[: cluster.nodes]
        self.machines = [Machine(host, cluster.seed) for host in hosts]
        self.drifted = 0
        """Operations by which data planes put right what they found changed."""
        cluster.checkers.guards.append(self)

    @property
    def refused(self) -> int:
        """How often something was refused, or could not be read."""
        return sum(machine.refused for machine in self.machines)

    def set_faults(self, faults: Faults) -> None:
        """Let all kernels fail so from now on."""
        for machine in self.machines:
            machine.kernel.faults = faults

    # The life of an agent

    def began(self, host: "Host", engine: Engine) -> None:
        """Tell a new process of all sandboxes, and of what is there; let it begin."""
        if not isinstance(engine, Tabled) or host.index >= len(self.machines):
            return
        machine = self.machines[host.index]
        engine.storage.wanted = lambda output: self._serve(machine, output)

        def begin(now: float) -> None:
            machine.plane = engine.program(now, lambda plane: plane)
            engine.program(now, lambda plane: _begin(machine, plane, now))

        host.command(begin)

    def ended(self, host: "Host") -> None:
        """Leave what a process had under way somewhere in its middle."""
        machine = self.machines[host.index]
        machine.plane = None
        left, machine.left = machine.left, ()
        count = self._random.randrange(len(left) + 1)
        self._operate(machine, left[:count])
        if count < len(left):
            self._counts["kernel_cut"] += 1
            machine.kernel.leave_half_done(left[count])
            self._watch.operated(machine, left[count])
        machine.kernel.forget_agent()
        machine.kernel.events.clear()

    # What a data plane wants

    def _serve(self, machine: Machine, output: KernelOutput) -> None:
        match output:
            case Read(number, looks):
                self._read(machine, number, looks)
            case Apply(number, operations):
                self._apply(machine, number, operations)
            case Forget(name):
                # The simulated kernel lets go so of what it did not make.
                forget = (RemoveNamespace(name),)
                machine.undisturbed(lambda kernel: kernel.apply(forget))
            case Drifted():
                self.drifted += output.count

    def _read(self, machine: Machine, number: int, looks: Sequence[Look]) -> None:
        found: dict[str, Namespace | None] = {}

        def answer() -> None:
            machine.refused += len(looks) - len(found)
            machine.tell(lambda plane, now: plane.receive_read(now, number, found))
            self._watch.answered(machine)

        self._counts["kernel_looks"] += len(looks)
        self._in_two(
            machine, lambda: found.update(look_at(machine.kernel, looks)), answer
        )

    def _apply(
        self, machine: Machine, number: int, operations: Sequence[Operation]
    ) -> None:
        failures: list[Failure] = []
        cut = self._random.randrange(len(operations) + 1)
        machine.left = operations

        def begin() -> None:
            machine.left = operations[cut:]
            failures.extend(self._operate(machine, operations[:cut]))

        def end() -> None:
            machine.left = ()
            failures.extend(self._operate(machine, operations[cut:]))
            machine.refused += len(failures)
            machine.tell(lambda plane, now: plane.receive_done(now, number, failures))
            self._watch.answered(machine)

        self._in_two(machine, begin, end)

    def _operate(
        self, machine: Machine, operations: Iterable[Operation]
    ) -> list[Failure]:
        failures: list[Failure] = []
        for operation in operations:
            self._counts["kernel_operations"] += 1
            failures += machine.kernel.apply([operation])
            self._watch.operated(machine, operation)
        # Of what we do ourselves there is no news: it is as it should be.
        machine.kernel.events.clear()
        return failures

    def _in_two(
        self,
        machine: Machine,
        begin: Callable[[], None],
        end: Callable[[], None],
    ) -> None:
        """Begin something after a while, and end it after another, if nobody dies."""
        delay_s = self._random.uniform(*DELAY_S)
        self._if_alive(machine, delay_s * self._random.random(), begin)
        self._if_alive(machine, delay_s, end)

    def _if_alive(
        self, machine: Machine, delay_s: float, verb: Callable[[], None]
    ) -> None:
        life = machine.host.life

        def act() -> None:
            if machine.is_up and machine.host.life == life:
                verb()

        self._world.after(delay_s, act)

    # What others do

    def tamper(self, machine: Machine, random: Random) -> tuple[str, list[str]]:
        """Let somebody change something; return what, and of where it is announced."""
        events = machine.kernel.events
        events.clear()
        done = machine.kernel.tamper(random)
        names = list(dict.fromkeys(event.namespace for event in events))
        events.clear()
        self._counts[f"tampered_{done.partition(':')[0].replace('-', '_')}"] += 1
        return done, names

    def announce(self, machine: Machine, name: str) -> None:
        """Tell a data plane soon that something has changed in a namespace."""
        delay_s = self._random.uniform(*NEWS_S)
        news = OtherNews(name)
        self._if_alive(
            machine,
            delay_s,
            lambda: machine.tell(lambda plane, now: plane.receive_news(now, news)),
        )

    # What is of no interest

    def member_changed(self, host: "Host", event: MemberChanged) -> None:
        """Nothing follows from it."""

    def delivered(self, host: "Host") -> None:
        """Nothing follows from it."""

    def sent(self, host: "Host", output: SendDatagram | SendStream) -> None:
        """Nothing follows from it."""

    def after_input(self, host: "Host", engine: Engine) -> None:
        """Nothing follows from it."""


def _begin(machine: Machine, plane: Dataplane, now: float) -> None:
    for sandbox in machine.sandboxes.values():
        plane.set_sandbox(now, sandbox)
    plane.start(now, machine.kernel.names())
