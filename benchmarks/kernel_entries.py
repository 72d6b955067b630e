"""How fast are FDB and neighbour entries written into a real kernel?

Expected: the kernel itself takes some 2 us an entry when 64 go in one send with one
answer, and a message is one call of `pack`; so some 4 us. `bridge -batch` waits for an
answer to each, 11 us, and pyroute2 builds each message attribute by attribute, 300 us.
That is 3 and more than 100 times the rate. The time of a batch has the start of its
process in it, for nobody gets one without.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from ipaddress import IPv4Address
from socket import if_nametoindex
from time import perf_counter
from typing import Any, Final

from benchmarks.bare import BARE, PYROUTE2, Bare, Pairs, said_missing, with_pyroute2
from benchmarks.hosts import VTEP_HERE, Ground, rate_row, run_inside
from benchmarks.lab import OURS, Lab
from benchmarks.values import Question, Row, question, spread
from swarmnet.cnm.endpoint import MAC_PREFIX
from swarmnet.kernel.entry_codec import FDB_STATE, NTF_SELF, NUD_PERMANENT
from swarmnet.kernel.links import Kind, Link, Port, Vxlan
from swarmnet.kernel.operations import (
    AddLink,
    AddNamespace,
    EntryOperation,
    Operation,
    PutFdb,
    PutNeighbour,
    RemoveLink,
)
from swarmnet.runtime.kernel import Kernel
from swarmnet.runtime.linux import run_in

NET: Final = "net/blue"
DEVICE: Final = "vxlan0"
SIZES: Final = (((1_000, 21), (10_000, 11), (50_000, 11)), ((1_000, 5),))
"""How many entries, in how many rounds: the few are soonest disturbed."""
ONE_BY_ONE: Final = 300
"""So many by pyroute2 a round; its rate does not depend on how many there are."""
BATCH_TIMES: Final = 3.0
PYROUTE2_TIMES: Final = 100.0
HOSTS: Final = 50

BRIDGE: Final = Link(
    "br0", Kind.BRIDGE, 1450, alias="swarmnet:blue", mac=MAC_PREFIX + bytes(4)
)
VXLAN: Final = Link(
    DEVICE,
    Kind.VXLAN,
    1450,
    alias="swarmnet:blue",
    master="br0",
    port=Port(flood=True),
    vxlan=Vxlan(4097, VTEP_HERE.packed, 4789),
)


def fdb_of(count: int) -> Pairs:
    """Return the MACs of endpoints on some hosts."""
    return [
        (
            MAC_PREFIX + (0x0A400001 + i).to_bytes(4, "big"),
            bytes((10, 99, 1, i % HOSTS)),
        )
        for i in range(count)
    ]


def neighbours_of(count: int) -> Pairs:
    """Return the addresses of the same endpoints."""
    return [(mac[2:], mac) for mac, _ in fdb_of(count)]


def fdb_line(mac: bytes, vtep: bytes) -> str:
    """Return what `bridge -batch` reads."""
    to = f"dst {IPv4Address(vtep)} self permanent"
    return f"fdb replace {mac.hex(':')} dev {DEVICE} {to}\n"


def neighbour_line(ip: bytes, mac: bytes) -> str:
    """Return what `ip -batch` reads."""
    to = f"lladdr {mac.hex(':')} dev {DEVICE} nud permanent"
    return f"neigh replace {IPv4Address(ip)} {to}\n"


class Device:
    """A VXLAN device in a network's namespace on a host of its own."""

    def __init__(self, ground: Ground) -> None:
        self.kernel = ground.kernel(Kernel)
        self._do(AddNamespace(NET), AddLink(NET, BRIDGE), AddLink(NET, VXLAN))
        self.fd = self.kernel.open(NET)
        self.bare = Bare(self.fd)

    def close(self) -> None:
        self.bare.close()
        os.close(self.fd)

    def _do(self, *operations: Operation) -> None:
        failures = self.kernel.apply(operations)
        assert not failures, failures

    def rate(self, count: int, function: Callable[[int], object]) -> float:
        """Return the entries a second of a function of a new device's index."""
        self._do(RemoveLink(NET, DEVICE), AddLink(NET, VXLAN))
        index = run_in(self.fd, lambda: if_nametoindex(DEVICE))
        began = perf_counter()
        function(index)
        return count / (perf_counter() - began)

    def ours(self, operations: Sequence[EntryOperation]) -> float:
        """Put entries by `Kernel.apply`, and see that all are there."""
        rate = self.rate(len(operations), lambda _: self._do(*operations))
        there = self.kernel.read(NET).entries[DEVICE]
        assert len(there.fdb) + len(there.neighbours) == len(operations)
        return rate

    def batch(self, tool: str, lines: Sequence[str]) -> float:
        """Put entries by iproute2, which reads them from a pipe."""
        text = "".join(lines)
        return self.rate(
            len(lines), lambda _: run_inside(self.fd, tool, "-batch", "-", text=text)
        )

    def pyroute2(self, count: int, put: Callable[[Any, int], object]) -> float:
        """Put entries by a library that is open already."""
        return with_pyroute2(
            self.fd,
            lambda routes: self.rate(count, lambda index: put(routes, index)),
        )


def put_fdb(routes: Any, index: int, pairs: Pairs) -> None:
    """Put FDB entries by pyroute2; only `add` would set the flags itself."""
    for mac, vtep in pairs:
        routes.fdb(
            "replace",
            ifindex=index,
            lladdr=mac.hex(":"),
            dst=str(IPv4Address(vtep)),
            flags=NTF_SELF,
            state=FDB_STATE,
        )


def put_neighbours(routes: Any, index: int, pairs: Pairs) -> None:
    """Put neighbours by pyroute2."""
    for ip, mac in pairs:
        routes.neigh(
            "replace",
            ifindex=index,
            dst=str(IPv4Address(ip)),
            lladdr=mac.hex(":"),
            state=NUD_PERMANENT,
        )


def fdb_rates(device: Device, count: int) -> dict[str, float]:
    """Return the FDB entries a second that everybody puts, once."""
    pairs = fdb_of(count)
    few = pairs[:ONE_BY_ONE]
    return {
        OURS: device.ours([PutFdb(NET, DEVICE, *pair) for pair in pairs]),
        "bridge -batch": device.batch("bridge", [fdb_line(*pair) for pair in pairs]),
        BARE: device.rate(count, lambda index: device.bare.put_fdb(index, pairs)),
        PYROUTE2: device.pyroute2(
            len(few), lambda routes, index: put_fdb(routes, index, few)
        ),
    }


def neighbour_rates(device: Device, count: int) -> dict[str, float]:
    """Return the neighbours a second that everybody puts, once."""
    pairs = neighbours_of(count)
    few = pairs[:ONE_BY_ONE]
    lines = [neighbour_line(*pair) for pair in pairs]
    return {
        OURS: device.ours([PutNeighbour(NET, DEVICE, *pair) for pair in pairs]),
        "ip -batch": device.batch("ip", lines),
        BARE: device.rate(
            count, lambda index: device.bare.put_neighbours(index, pairs)
        ),
        PYROUTE2: device.pyroute2(
            len(few), lambda routes, index: put_neighbours(routes, index, few)
        ),
    }


def measured(task: tuple[int, int]) -> list[Row]:
    """Measure one size in rounds, everybody in turn in each."""
    count, rounds = task
    rows: list[Row] = []
    with Ground() as ground, closing(Device(ground)) as device:
        for sort, rates_of in (("FDB", fdb_rates), ("neighbour", neighbour_rates)):
            rates = [rates_of(device, count) for _ in range(rounds)]
            rows += rows_of(f"{count:,} {sort} entries", rates)
    return rows


def rows_of(what: str, rates: Sequence[Mapping[str, float]]) -> list[Row]:
    """Return our rate beside each other's."""
    spreads = {
        name: spread(name, [one[name] for one in rates], larger_is_better=True)
        for name in rates[0]
    }
    ours = spreads.pop(OURS)
    wanted = {BARE: None, PYROUTE2: PYROUTE2_TIMES}
    return [
        rate_row(what, ours, peer, wanted.get(name, BATCH_TIMES))
        for name, peer in spreads.items()
    ]


def answer(lab: Lab) -> list[Row]:
    """Measure each size in a process of its own."""
    if said_missing("kernel_entries"):
        return []
    return [
        row
        for task in SIZES[lab.quick]
        for row in lab.alone(f"{task[0]:,} entries", measured, task)
    ]


QUESTION: Final[Question] = question("kernel_entries", __doc__, answer, needs_root=True)
