"""One simulated machine below its agent: a kernel, and sandboxes; both outlive it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from ipaddress import ip_address
from random import Random
from typing import TYPE_CHECKING, Final, TypeVar

from sim.kernel import reading
from sim.kernel.fake import FakeKernel
from sim.kernel.faults import NO_FAULTS
from sim.profiles.tabled import tabled
from swarmnet.cnm.sandbox import Sandbox
from swarmnet.kernel.links import Kind, Link
from swarmnet.kernel.operations import Operation
from swarmnet.kernel.state import HOST, Address, Host, Namespace, Unreadable
from swarmnet.node.dataplane import Dataplane

if TYPE_CHECKING:
    from sim.host import Host as SimHost

UPLINK_MTU: Final = 1500
UPLINK_LENGTH: Final = 24
"""Of the prefix that the underlay is in: room for 250 nodes."""
Result = TypeVar("Result")


class Machine:
    """One machine: its kernel, and the sandboxes that stand on it.

    `sandboxes` are what whoever runs containers has told of, by name: an agent that
    starts is told all of them. `plane` is the data plane of the process that runs.
    """

    def __init__(self, host: "SimHost", seed: int) -> None:
        self.host = host
        self.index = host.index
        self.vtep = ip_address(host.address.host)
        self.sandboxes: dict[str, Sandbox] = {}
        self.plane: Dataplane | None = None
        self.left: Sequence[Operation] = ()
        """Operations of a portion that is under way."""
        self.refused = 0
        """How often something was refused, or could not be read."""
        self._seed = seed
        self._boots = 0
        self.kernel = self._new_kernel()

    def _new_kernel(self) -> FakeKernel:
        self._boots += 1
        mac = bytes([6, 0, *self.index.to_bytes(4, "big")])
        uplink = Link("uplink", Kind.OTHER, UPLINK_MTU, mac=mac)
        outside = Namespace(
            links={uplink.name: uplink},
            addresses={Address(uplink.name, self.vtep.packed, UPLINK_LENGTH): None},
        )
        random = Random(f"{self._seed}/kernel/{self.index}/{self._boots}")
        return FakeKernel(random, host=outside)

    @property
    def is_up(self) -> bool:
        """Whether an agent runs here."""
        return self.host.up

    def reboot(self) -> None:
        """Begin with an empty kernel; sandboxes are gone with the old one."""
        faults = self.kernel.faults
        self.kernel = self._new_kernel()
        self.kernel.faults = faults
        self.sandboxes = {}

    def make_sandbox(self, name: str, *, is_ours: bool, holds: Namespace) -> None:
        """Let there be a sandbox: one that we shall make, or a container's with links.

        The agent is told of it.
        """
        sandbox = Sandbox(name, None if is_ours else f"/run/netns/{name}")
        if sandbox.netns is not None:
            self.kernel.make_sandbox(sandbox.netns, holds)
        self.sandboxes[name] = sandbox
        self.tell(lambda plane, now: plane.set_sandbox(now, sandbox))

    def end_sandbox(self, name: str) -> None:
        """End a container's namespace, if it has not ended; nobody is told."""
        path = self.sandboxes[name].netns
        if path is not None and path in self.kernel._machine.sandboxes:
            self.kernel.end_sandbox(path)
            self.kernel.events.clear()

    def drop_sandbox(self, name: str) -> None:
        """Tell the agent that a sandbox is no more its concern."""
        del self.sandboxes[name]
        self.tell(lambda plane, now: plane.drop_sandbox(now, name))

    def tell(self, verb: Callable[[Dataplane, float], object]) -> None:
        """Let `verb` tell the data plane something, if there is one."""
        if not self.is_up or self.plane is None:
            return
        engine = tabled(self.host.engine)

        def act(now: float) -> None:
            engine.program(now, lambda plane: verb(plane, now))

        self.host.command(act)

    # What there is

    def undisturbed(self, verb: Callable[[FakeKernel], Result]) -> Result:
        """Let `verb` act on a kernel that refuses nothing meanwhile."""
        faults, self.kernel.faults = self.kernel.faults, NO_FAULTS
        try:
            return verb(self.kernel)
        finally:
            self.kernel.faults = faults

    def look_into(self, path: str) -> Namespace:
        """Return what a namespace of others holds, known to the agent or not."""
        cell = self.kernel._machine.sandboxes[path]
        return reading.read(cell, Namespace(), is_owned=False, is_host=False)

    def actual(self, desired: Host) -> Host:
        """Return what all namespaces hold that are known to the agent, or desired."""
        return self.undisturbed(lambda kernel: _actual(kernel, desired))


def _actual(kernel: FakeKernel, desired: Host) -> Host:
    names = dict.fromkeys([HOST, *kernel.names(), *desired.namespaces])
    wanted = desired.namespaces
    return Host(dict(_read(kernel, ((one, wanted.get(one)) for one in names))))


def _read(
    kernel: FakeKernel, looks: Iterable[tuple[str, Namespace | None]]
) -> Iterator[tuple[str, Namespace]]:
    for name, desired in looks:
        try:
            yield name, kernel.read(name, desired)
        except Unreadable:
            continue
