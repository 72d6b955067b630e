"""How long does it take to see that 50,000 entries are as they should be?

Expected: the kernel writes an entry in some 1 us and a bare loop reads one in as much;
we compare each with the one before it in C, and two dictionaries with each other. So no
more than twice the bare loop's 0.1 s; pyroute2 takes 6 s to read them.
"""

import os
from contextlib import closing
from socket import if_nametoindex
from time import monotonic, perf_counter
from typing import Any, Final

from benchmarks.bare import BARE, PYROUTE2, Bare, said_missing, with_pyroute2
from benchmarks.hosts import (
    BOTH,
    HERE,
    THERE,
    Ground,
    endpoint_of,
    network_of,
    serve,
    started,
)
from benchmarks.lab import OURS, Lab
from benchmarks.values import Clock, Of, Question, Row, Target, question, spread
from swarmnet.cnm.sandbox import Sandbox
from swarmnet.kernel.netlink import AF_BRIDGE, AF_INET
from swarmnet.kernel.reconcile import reconcile
from swarmnet.kernel.state import Host
from swarmnet.overlay.naming import box_of, device_of, namespace_of
from swarmnet.runtime.kernel import Kernel
from swarmnet.runtime.linux import run_in

ENTRIES: Final = (50_000, 10_000)
ROUNDS: Final = (11, 3)
LIBRARY_ROUNDS: Final = (3, 1)
"""It takes longest."""
BOUND_S: Final = 1.0
BARE_TIMES: Final = 2.0
NSID_BYTES: Final = 8
"""An entry names the namespace of its device's socket."""


class Full:
    """A host with one endpoint of its own, and all that it is told of the others'."""

    def __init__(self, ground: Ground, entries: int) -> None:
        self.kernel = ground.kernel(Kernel)
        network = network_of(1, "10.64.0.0/16")
        self.key, box = namespace_of(network.id), box_of("s1")
        # Each has two entries.
        others = [endpoint_of(2 + i, THERE, network) for i in range(entries // 2)]
        plane = started(self.kernel)
        plane.set_sandbox(monotonic(), Sandbox("s1"))
        mine = endpoint_of(1, HERE, network, sandbox="s1")
        plane.set_network(monotonic(), network, BOTH, [mine, *others])
        serve(plane, self.kernel)
        self.desired = {key: plane.desired.namespaces[key] for key in (self.key, box)}
        self.fd = self.kernel.open(self.key)
        self.index = run_in(self.fd, lambda: if_nametoindex(device_of(0)))
        self.bare = Bare(self.fd)

    def close(self) -> None:
        self.bare.close()
        os.close(self.fd)

    def read_and_compare(self) -> float:
        """Return the seconds to read the namespaces and find nothing to do."""
        began = perf_counter()
        found = Host(
            {key: self.kernel.read(key, one) for key, one in self.desired.items()}
        )
        operations = reconcile(Host(self.desired), found)
        took = perf_counter() - began
        assert operations == [], operations[:3]
        return took

    def dump(self) -> float:
        """Return the seconds of a bare dump of the same entries."""
        began = perf_counter()
        fdb = self.bare.dump_fdb(self.index, NSID_BYTES)
        neighbours = self.bare.dump_neighbours(self.index)
        took = perf_counter() - began
        entries = self.desired[self.key].entries[device_of(0)]
        assert fdb.items() >= entries.fdb.items()
        assert neighbours == entries.neighbours
        return took

    def dump_by_library(self) -> float:
        """Return the seconds of pyroute2's dump."""
        return with_pyroute2(self.fd, self._dump_by_library)

    def _dump_by_library(self, routes: Any) -> float:
        began = perf_counter()
        for family in (AF_BRIDGE, AF_INET):
            found = list(routes.get_neighbours(family=family, ifindex=self.index))
            assert len(found) >= len(self.desired[self.key].entries[device_of(0)].fdb)
        return perf_counter() - began


def measured(task: tuple[int, int, int]) -> list[Row]:
    """Measure all three, in turn."""
    entries, rounds, library_rounds = task
    ours: list[float] = []
    bare: list[float] = []
    library: list[float] = []
    with Ground() as ground, closing(Full(ground, entries)) as full:
        for turn in range(rounds):
            ours.append(full.read_and_compare())
            bare.append(full.dump())
            if turn < library_rounds:
                library.append(full.dump_by_library())
    least = spread(BARE, bare)
    measure = f"{entries:,} entries read and compared"
    mine = spread(OURS, ours)
    limits = (
        Target(Of.MEDIAN, BOUND_S * entries / ENTRIES[0]),
        Target(Of.MEDIAN, BARE_TIMES * least.median),
    )
    return [
        Row(measure, "s", Clock.WALL, mine, least, limits),
        Row(measure, "s", Clock.WALL, mine, spread(PYROUTE2, library)),
    ]


def answer(lab: Lab) -> list[Row]:
    """Measure it in a process of its own."""
    if said_missing("kernel_dump"):
        return []
    quick = lab.quick
    task = (ENTRIES[quick], ROUNDS[quick], LIBRARY_ROUNDS[quick])
    return lab.alone("dump", measured, task)


QUESTION: Final[Question] = question("kernel_dump", __doc__, answer, needs_root=True)
