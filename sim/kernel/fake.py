"""The kernel of one simulated host, with the surface of the real one."""

from collections import deque
from collections.abc import Iterable
from random import Random

from sim.kernel import halves, linking, reading, tampering
from sim.kernel.cells import KernelEvent, Machine, NamespaceCell, Refusal
from sim.kernel.dispatch import execute
from sim.kernel.faults import NO_FAULTS, Faults, is_interrupted, refuse_at_random
from sim.kernel.foreign import Foreign
from sim.kernel.ours import OWNED
from swarmnet.errors import Refused
from swarmnet.kernel.operations import Failure, Operation
from swarmnet.kernel.state import HOST, Namespace, Unreadable

EMPTY = Namespace()


class FakeKernel:
    """A kernel that outlives its agent, with others at work in it.

    `faults` may be set at any time. `host` is what others made in the host's own
    namespace; all that others make is watched: `foreign_intact`.
    """

    __slots__ = ("_foreign", "_machine", "_random", "faults")

    def __init__(
        self,
        random: Random | None = None,
        *,
        faults: Faults = NO_FAULTS,
        host: Namespace = EMPTY,
    ) -> None:
        self._random = Random(0) if random is None else random
        self._machine = Machine()
        self._foreign = Foreign()
        self.faults = faults
        self._foreign.add_all(self._machine, self._machine.namespaces[HOST], host)
        self.events.clear()

    @property
    def events(self) -> deque[KernelEvent]:
        """What was announced and not yet taken."""
        return self._machine.events

    def names(self) -> tuple[str, ...]:
        """Return the keys of all namespaces but the host's, pinned and adopted."""
        return tuple(sorted(key for key in self._machine.namespaces if key != HOST))

    def adopt(self, namespace: str, path: str) -> None:
        """Take note of a namespace that others made, by its path.

        Raises:
            Refused: there is none at that path.
        """
        cell = self._machine.sandboxes.get(path)
        if cell is None:
            raise Refused(f"{path!r} is no network namespace; name one that is")
        cell.label = namespace
        self._machine.namespaces[namespace] = cell

    def has(self, namespace: str) -> bool:
        """Return whether there is such a namespace."""
        cell = self._machine.namespaces.get(namespace)
        return cell is not None and cell.is_alive

    def read(self, namespace: str, desired: Namespace | None = None) -> Namespace:
        """Return what a namespace holds.

        Raises:
            Unreadable: it is not there, or was disturbed all the time.
        """
        if is_interrupted(self.faults, self._random):
            raise Unreadable(f"{namespace!r} changed while it was read")
        cell = self._machine.namespaces.get(namespace)
        if cell is None or not cell.is_alive:
            raise Unreadable(f"no namespace {namespace!r}")
        return reading.read(
            cell,
            desired or EMPTY,
            is_owned=namespace.startswith(OWNED),
            is_host=namespace == HOST,
        )

    def apply(self, operations: Iterable[Operation]) -> list[Failure]:
        """Carry operations out in order, each whole or not at all."""
        self._machine.table_limit = self.faults.table_limit
        failures = []
        for operation in operations:
            try:
                refuse_at_random(self.faults, self._random)
                execute(self._machine, operation)
            except Refusal as refusal:
                failure = Failure(operation, refusal.error, refusal.message)
                failures.append(failure)
        return failures

    def make_sandbox(self, path: str, holds: Namespace = EMPTY) -> None:
        """Make a namespace as a container's runtime does, at a path."""
        cell = NamespaceCell(path, is_pinned=False)
        self._machine.sandboxes[path] = cell
        self._foreign.add_all(self._machine, cell, holds)

    def end_sandbox(self, path: str) -> None:
        """End a container's namespace; whoever adopted it is not told."""
        cell = self._machine.sandboxes.pop(path)
        linking.end_namespace(self._machine, cell)

    def forget_agent(self) -> None:
        """Let go of what only a living agent holds: the adopted namespaces."""
        spaces = self._machine.namespaces
        for key in list(spaces):
            if key != HOST and not spaces[key].is_pinned:
                del spaces[key]

    def leave_half_done(self, operation: Operation) -> None:
        """Carry out what an agent has done of an operation when it is killed in it."""
        try:
            halves.execute_half(self._machine, operation)
        except Refusal:
            return

    def tamper(self, random: Random, kind: str | None = None) -> str:
        """Let somebody change something of ours, or add something foreign.

        Returns:
            What was done; "" when there was nothing to do it to.
        """
        return tampering.tamper(self._machine, self._foreign, random, kind)

    def foreign_intact(self) -> list[str]:
        """Say which foreign objects outside of ours were touched: none should be."""
        return self._foreign.lost()
