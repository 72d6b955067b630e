"""Carries out what the data plane wants of a kernel; blocks while it does."""

from ipaddress import IPv4Address
from time import monotonic, sleep
from typing import Final

from swarmnet.kernel.operations import Operation
from swarmnet.node.dataplane import Dataplane
from swarmnet.node.desired import Place
from swarmnet.node.kernel_news import Apply, Forget, Read
from swarmnet.node.looking import look_at
from swarmnet.runtime.kernel import Kernel

RETRIES_MAX: Final = 4
"""So often what is refused is tried again before it is told."""
NOBODY: Final = Place("", IPv4Address("127.0.0.1"))
"""Who is in no network."""


def settle(plane: Dataplane, kernel: Kernel, retries_max: int) -> None:
    """Serve a data plane until all is as it should be, or was refused often enough.

    What was refused is told by `plane.failures` afterwards.
    """
    retries = 0
    while not plane.is_settled and retries <= retries_max:
        output = plane.poll_output()
        match output:
            case Read(number, looks):
                found = look_at(kernel, looks)
                retries += len(found) < len(looks)
                plane.receive_read(monotonic(), number, found)
            case Apply(number, operations):
                failures = kernel.apply(operations)
                retries += bool(failures)
                plane.receive_done(monotonic(), number, failures)
            case Forget(name):
                kernel.forget(name)
            case None:
                _wait(plane)
            case _:
                continue


def clear(kernel: Kernel) -> Dataplane:
    """Remove all that is ours from a kernel; return who knows what it refused."""
    plane = Dataplane(NOBODY)
    plane.start(monotonic(), kernel.names())
    plane.complete(monotonic())
    settle(plane, kernel, RETRIES_MAX)
    kernel.clean()
    return plane


def _wait(plane: Dataplane) -> None:
    """Let time pass until the data plane wants something, or give up on it."""
    at = plane.poll_timeout()
    assert at is not None, "it has been started"
    sleep(max(0.0, at - monotonic()))
    plane.handle_timeout(monotonic())


class Recorder:
    """A kernel that is read, and on which nothing is done: what would be is noted."""

    __slots__ = ("operations",)

    def __init__(self) -> None:
        self.operations: list[Operation] = []

    def serve(self, plane: Dataplane, kernel: Kernel) -> None:
        """Let a data plane believe that all it wants is done."""
        while (output := plane.poll_output()) is not None:
            match output:
                case Read(number, looks) if self.operations:
                    # What was noted counts as done, so the kernel is asked no more.
                    held = plane.held().namespaces
                    found = {one.namespace: held.get(one.namespace) for one in looks}
                    plane.receive_read(monotonic(), number, found)
                case Read(number, looks):
                    plane.receive_read(monotonic(), number, look_at(kernel, looks))
                case Apply(number, operations):
                    self.operations += operations
                    plane.receive_done(monotonic(), number, [])
                case _:
                    continue
