"""A data plane served by a simulated kernel, on a clock that jumps.

`is_announcing`: the kernel tells of changes, though never what they are; else only the
turns of the data plane find what others did.
"""

from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import Final

from sim.kernel.cells import OVERRUN
from sim.kernel.fake import FakeKernel
from sim.kernel.faults import NO_FAULTS
from swarmnet.kernel.links import Kind, Link
from swarmnet.kernel.operations import Operation, RemoveNamespace
from swarmnet.kernel.state import HOST, Address, Host, Namespace
from swarmnet.node.dataplane import RESYNC_S, Dataplane
from swarmnet.node.desired import Place
from swarmnet.node.kernel_news import (
    Apply,
    Drifted,
    Forget,
    OtherNews,
    Overrun,
    Read,
)
from swarmnet.node.looking import look_at

UPLINK: Final = Link("uplink", Kind.OTHER, 1500, mac=bytes([6, 0, 0, 0, 0, 1]))
PLACE: Final = Place("a", ip_address("10.99.0.1"))
OUTSIDE: Final = Namespace(
    links={UPLINK.name: UPLINK},
    addresses={Address(UPLINK.name, bytes([10, 99, 0, 1]), 24): None},
)
"""What the host has that is not ours: a way to the underlay."""

Check = Callable[[Operation], None]


def host_kernel() -> FakeKernel:
    """Return the kernel of a host with an underlay, and nothing of ours."""
    return FakeKernel(host=OUTSIDE)


def ignore(_: Operation) -> None:
    """Look at no operation."""


class Served:
    """One life of a data plane on a kernel that outlives it.

    `log` gathers what was sent; `before` and `after` are called around each operation.
    """

    def __init__(
        self,
        kernel: FakeKernel,
        place: Place = PLACE,
        *,
        now: float = 0.0,
        is_announcing: bool = False,
    ) -> None:
        self.kernel = kernel
        self.plane = Dataplane(place)
        self.now = now
        self.is_announcing = is_announcing
        self.log: list[Operation] = []
        self.drifts: list[Drifted] = []
        self.before: Check = ignore
        self.after: Check = ignore
        self.killed_after: int | None = None

    def start(self, *, is_complete: bool = True) -> None:
        self.plane.start(self.now, self.kernel.names())
        if is_complete:
            self.plane.complete(self.now)
        self.serve()

    # Serving

    @property
    def is_killed(self) -> bool:
        return self.killed_after == 0

    def serve(self) -> None:
        """Do all that is wanted now."""
        while not self.is_killed and (output := self.plane.poll_output()) is not None:
            match output:
                case Read(number, looks):
                    found = look_at(self.kernel, looks)
                    self.plane.receive_read(self.now, number, found)
                case Apply(number, operations):
                    self._apply(number, operations)
                case Drifted():
                    self.drifts.append(output)
                case Forget(name):
                    self._forget(name)

    def _apply(self, number: int, operations: Iterable[Operation]) -> None:
        failures = []
        for operation in operations:
            if self.killed_after is not None:
                self.killed_after -= 1
                if self.killed_after == 0:
                    self.kernel.leave_half_done(operation)
                    return
            self.before(operation)
            self.log.append(operation)
            failures += self.kernel.apply([operation])
            self.after(operation)
        self.plane.receive_done(self.now, number, failures)

    def _forget(self, name: str) -> None:
        """The simulated kernel lets go so of what it did not make."""
        if name not in self.kernel.names():
            return
        faults, self.kernel.faults = self.kernel.faults, NO_FAULTS
        self.kernel.apply([RemoveNamespace(name)])
        self.kernel.faults = faults

    def announce(self) -> None:
        """Hand on what the kernel has told, or throw it away."""
        events = list(self.kernel.events)
        self.kernel.events.clear()
        names = [e.namespace for e in events if self.is_announcing]
        for name in dict.fromkeys(names):
            self.plane.receive_news(self.now, OtherNews(name))
            self.serve()
        if self.is_announcing and events and events[-1].what == OVERRUN:
            for name in self.plane.held().namespaces:
                self.plane.receive_news(self.now, Overrun(name))
                self.serve()

    # Time

    def step(self) -> None:
        """Go on to the next thing that is due."""
        at = self.plane.poll_timeout()
        assert at is not None, "it has been started"
        self.now = max(self.now, at)
        self.plane.handle_timeout(self.now)
        self.serve()

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now + seconds
        while not self.is_killed:
            at = self.plane.poll_timeout()
            if at is None or at > end:
                break
            self.step()
            self.announce()
        self.now = end

    def settle(self) -> None:
        """Let two rounds of looks pass: all that others did is found and mended."""
        self.announce()
        self.run(2.5 * RESYNC_S)
        assert self.plane.is_settled, list(self.plane.failures())

    def calm(self, seconds: float = 60.0) -> None:
        """Let what is under way come to its end; looks go on, and find nothing."""
        end = self.now + seconds
        self.serve()
        while not self.plane.is_settled and not self.is_killed:
            assert self.now < end, list(self.plane.failures())
            self.step()

    def actual(self) -> Host:
        """Read all that there is."""
        names = (HOST, *self.kernel.names())
        wanted = self.plane.desired.namespaces
        return Host({one: self.kernel.read(one, wanted.get(one)) for one in names})
