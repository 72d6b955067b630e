"""How long does one changed row take to reach the kernel, 10,000 endpoints present?

Expected: a row changes two keys of a book, and those are all that is looked at, so some
0.2 ms, most of it two requests; a worker thread and the event loop's turn come on top.
Where a network has several subnets the bridge is told of the row too. Docker's way
there is measured by `docker_entries`.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from itertools import count, islice
from time import monotonic, perf_counter
from typing import Final

import trio

from benchmarks.hosts import (
    BOTH,
    HERE,
    THERE,
    VTEP_THERE,
    Ground,
    endpoint_of,
    network_of,
    opened,
    run_inside,
    serve,
    started,
)
from benchmarks.lab import OURS, Lab
from benchmarks.values import Clock, Of, Question, Row, Spread, Target, question, spread
from swarmnet.cnm.endpoint import Endpoint
from swarmnet.cnm.sandbox import Sandbox
from swarmnet.kernel.operations import Failure, Operation
from swarmnet.overlay.naming import device_of, namespace_of
from swarmnet.runtime.kernel import Kernel
from swarmnet.runtime.stewarding import Steward

PRESENT: Final = (10_000, 1_000)
ROWS: Final = (200, 40)
BOUND_MS: Final = 2.0
COMMANDS: Final = "bridge and ip, a process each"
QUIET_S: Final = 0.005
POLL_S: Final = 0.001
SHAPES: Final = (
    ("one subnet", ("10.64.0.0/16",)),
    ("IPv4 and IPv6", ("10.64.0.0/16", "fd01::/64")),
)


class Timed(Kernel):
    """A kernel that notes when it was last changed."""

    changed_at = 0.0

    def apply(self, operations: Sequence[Operation]) -> list[Failure]:
        failures = super().apply(operations)
        self.changed_at = perf_counter()
        assert not failures, failures[:3]
        return failures


class Full:
    """A host that takes part in a network with many endpoints elsewhere."""

    def __init__(self, ground: Ground, present: int, prefixes: Sequence[str]) -> None:
        self.kernel = ground.kernel(Timed)
        self.network = network_of(1, *prefixes)
        numbers = count(2)
        self._fresh = (endpoint_of(n, THERE, self.network) for n in numbers)
        others = list(islice(self._fresh, present))
        self.put: list[Endpoint] = []
        self.plane = started(self.kernel)
        self.plane.set_sandbox(monotonic(), Sandbox("s1"))
        mine = endpoint_of(1, HERE, self.network, sandbox="s1")
        self.plane.set_network(monotonic(), self.network, BOTH, [mine, *others])
        serve(self.plane, self.kernel)

    def put_one(self) -> float:
        """Tell the plane of one more endpoint elsewhere; return when."""
        endpoint = next(self._fresh)
        self.put.append(endpoint)
        began = perf_counter()
        self.plane.put_endpoint(monotonic(), self.network.id, endpoint)
        return began

    def serve_one(self) -> float:
        """Return the ms from one row to its entries, served in this thread."""
        began = self.put_one()
        serve(self.plane, self.kernel)
        return (self.kernel.changed_at - began) * 1e3

    def command_one(self) -> float:
        """Return the ms that commands take to put the same two entries."""
        endpoint = next(self._fresh)
        mac, device = endpoint.mac.hex(":"), ("dev", device_of(0))
        to = ("dst", str(VTEP_THERE), "self", "permanent")
        ip = str(endpoint.addresses[0])
        began = perf_counter()
        with self.kernel_fd() as fd:
            run_inside(fd, "bridge", "fdb", "replace", mac, *device, *to)
            neighbour = ("lladdr", mac, *device, "nud", "permanent")
            run_inside(fd, "ip", "neigh", "replace", ip, *neighbour)
        return (perf_counter() - began) * 1e3

    def kernel_fd(self) -> AbstractContextManager[int]:
        return opened(self.kernel, namespace_of(self.network.id))

    def check(self) -> None:
        """See that the kernel has the entries of all that were put."""
        entries = self.kernel.read(namespace_of(self.network.id)).entries
        neighbours = {
            ip: mac for one in entries.values() for ip, mac in one.neighbours.items()
        }
        for one in self.put:
            assert entries[device_of(0)].fdb[one.mac] == VTEP_THERE.packed
            assert all(neighbours[ip.packed] == one.mac for ip in one.addresses)


async def stewarded(full: Full, rows: int) -> list[float]:
    """Return the ms from each of some rows to its entries, with the loop running."""
    times: list[float] = []
    steward = Steward(
        full.plane, full.kernel, told=lambda drift: None, refused=lambda failure: None
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(steward.run)
        for _ in range(rows):
            # The kernel's own word on the row before is over by then.
            await trio.sleep(QUIET_S)
            began = full.put_one()
            steward.wake()
            while not full.plane.is_settled:
                await trio.sleep(POLL_S)
            times.append((full.kernel.changed_at - began) * 1e3)
        nursery.cancel_scope.cancel()
    return times


def measured(task: tuple[str, tuple[str, ...], int, int]) -> list[Row]:
    """Measure one shape of network."""
    what, prefixes, present, rows = task
    with Ground() as ground:
        full = Full(ground, present, prefixes)
        pairs = [(full.serve_one(), full.command_one()) for _ in range(rows)]
        ours, commands = (list(column) for column in zip(*pairs, strict=True))
        looped = trio.run(stewarded, full, rows)
        full.check()
    measure = f"{present:,} endpoints, {what}: one row"
    return [
        _row(f"{measure}, plane and kernel", ours, spread(COMMANDS, commands)),
        _row(f"{measure}, with the event loop", looped, spread(COMMANDS, commands)),
    ]


def _row(measure: str, ours: Sequence[float], peer: Spread) -> Row:
    limits = (Target(Of.MEDIAN, BOUND_MS),)
    return Row(measure, "ms", Clock.WALL, spread(OURS, ours), peer, limits)


def answer(lab: Lab) -> list[Row]:
    """Measure each shape in a process of its own."""
    sizes = (PRESENT[lab.quick], ROWS[lab.quick])
    tasks = [(what, prefixes, *sizes) for what, prefixes in SHAPES]
    return [row for task in tasks for row in lab.alone("one row", measured, task)]


QUESTION: Final[Question] = question("one_row", __doc__, answer, needs_root=True)
