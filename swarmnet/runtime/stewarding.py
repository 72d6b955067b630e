"""The driver of a data plane that stands alone: a hand at the kernel, and time."""

from collections.abc import Callable
from math import inf
from time import monotonic

import trio

from swarmnet.kernel.operations import Failure
from swarmnet.node.dataplane import Dataplane
from swarmnet.node.kernel_news import Drifted
from swarmnet.runtime.hand import Hand, Verb
from swarmnet.runtime.kernel import Kernel


class Steward:
    """Serves one data plane until cancelled.

    Whoever tells the plane something calls `wake` after it. `told` hears of drift, and
    `refused` of what the kernel would not do.
    """

    def __init__(
        self,
        plane: Dataplane,
        kernel: Kernel,
        *,
        told: Callable[[Drifted], object],
        refused: Callable[[Failure], object],
    ) -> None:
        self._plane = plane
        self._hand = Hand(kernel, self._tell, told=told, refused=refused)
        self._woken = trio.Event()

    def wake(self) -> None:
        """Look whether the data plane wants something."""
        self._woken.set()

    async def run(self) -> None:
        """Serve the data plane; raises what the system refuses."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._hand.run)
            while True:
                self._woken = trio.Event()
                while (output := self._plane.poll_output()) is not None:
                    self._hand.take(output)
                deadline = self._plane.poll_timeout()
                wait_s = inf if deadline is None else max(0.0, deadline - monotonic())
                with trio.move_on_after(wait_s):
                    await self._woken.wait()
                self._plane.handle_timeout(monotonic())

    def _tell(self, verb: Verb) -> None:
        verb(self._plane, monotonic())
        self.wake()
