"""What do 1,000 networks with an endpoint each cost one host, and what stays of them?

Expected: two namespaces, a bridge, a VXLAN device and a veth pair each, some 8 ms of
the kernel's, so well within 20 s; the firewall has one element for each. To remove
them takes longer, for the kernel waits some 17 ms at each bridge and each VXLAN device.
Nothing may stay: no descriptor, no pin, no rule; and no memory, once caches are full.
"""

import gc
import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count, islice
from statistics import median
from time import monotonic, perf_counter
from typing import Final

from benchmarks.channels import resident_bytes
from benchmarks.hosts import (
    BOTH,
    HERE,
    THERE,
    Ground,
    endpoint_of,
    network_of,
    run_inside,
    serve,
    started,
)
from benchmarks.lab import OURS, Lab
from benchmarks.values import Clock, Of, Question, Row, Target, question, spread
from swarmnet.cnm.network import Network
from swarmnet.cnm.sandbox import Sandbox
from swarmnet.node.dataplane import Dataplane
from swarmnet.overlay.naming import namespace_of
from swarmnet.runtime.kernel import Kernel

NETWORKS: Final = (1_000, 100)
ROUNDS: Final = (2, 1)
FEW: Final = (30, 10)
"""Networks in each of the rounds that look for a leak, which take new names."""
LEAK_ROUNDS: Final = (24, 9)
WARM_ROUNDS: Final = 3
"""A third of them: until then caches and the allocator's pools fill."""
CREATED_S: Final = 20.0
"""For 1,000 of them."""
LEAKED_KIB: Final = 1.0
"""A network and its sandbox: less than the least that is kept of either."""
MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Round:
    """One round: seconds to create and remove, memory held and left in bytes."""

    created_s: float
    removed_s: float
    held_bytes: int
    left_bytes: int
    descriptors: int


class Host:
    """A host that is told of networks, and then that they are gone."""

    def __init__(self, ground: Ground) -> None:
        self._host = ground.host()
        self.kernel = ground.kernel(Kernel, self._host)
        self.plane: Dataplane = started(self.kernel)
        self._numbers = count(1)
        self._networks: list[Network] = []
        self._bare = resident_bytes()

    def round(self, networks: int) -> Round:
        """Create networks that never were, and remove them."""
        numbers = list(islice(self._numbers, networks))
        self._networks = [
            network_of(n, f"10.{64 + n // 256 % 64}.{n % 256}.0/24") for n in numbers
        ]
        created_s = self._create()
        held = resident_bytes() - self._bare
        removed_s = self._remove()
        gc.collect()
        left = resident_bytes() - self._bare
        return Round(created_s, removed_s, held, left, len(os.listdir("/proc/self/fd")))

    def _create(self) -> float:
        began = perf_counter()
        for network in self._networks:
            sandbox = f"s-{network.name}"
            self.plane.set_sandbox(monotonic(), Sandbox(sandbox))
            mine = endpoint_of(1, HERE, network, sandbox=sandbox)
            other = endpoint_of(2, THERE, network)
            self.plane.set_network(monotonic(), network, BOTH, [mine, other])
        serve(self.plane, self.kernel)
        took = perf_counter() - began
        assert len(self.kernel.names()) == 2 * len(self._networks)
        last = self.kernel.read(namespace_of(self._networks[-1].id))
        assert len(last.links) == 3, last
        return took

    def _remove(self) -> float:
        began = perf_counter()
        for network in self._networks:
            self.plane.drop_network(monotonic(), network.id)
            self.plane.drop_sandbox(monotonic(), f"s-{network.name}")
        serve(self.plane, self.kernel)
        took = perf_counter() - began
        assert self.kernel.names() == ()
        assert "swarmnet" not in run_inside(self._host, "nft", "list", "tables")
        return took


def measured(task: tuple[int, int]) -> list[Row]:
    """Create and remove many networks, once or more often."""
    networks, rounds = task
    with Ground() as ground:
        host = Host(ground)
        before = len(os.listdir("/proc/self/fd"))
        found = [host.round(networks) for _ in range(rounds)]
    limit = Target(Of.WORST, CREATED_S * networks / NETWORKS[0])
    none = Target(Of.WORST, 0.0)
    what = f"{networks:,} networks"
    return [
        _row(f"{what} created", "s", [one.created_s for one in found], limit),
        _row(f"{what} removed", "s", [one.removed_s for one in found]),
        _row(f"{what}: memory held", "MiB", [one.held_bytes / MIB for one in found]),
        _row(
            f"{what} removed: descriptors left",
            "",
            [float(one.descriptors - before) for one in found],
            none,
        ),
    ]


def leaking(task: tuple[int, int]) -> list[Row]:
    """Create and remove a few networks often; see whether memory grows in the end."""
    networks, rounds = task
    with Ground() as ground:
        host = Host(ground)
        found = [host.round(networks) for _ in range(rounds)]
    warm = rounds // WARM_ROUNDS
    left = [one.left_bytes for one in found]
    # Half a megabyte comes and goes at once, as the allocator takes pools.
    grown = median(left[2 * warm :]) - median(left[warm : 2 * warm])
    each = grown / 1024 / networks / warm
    what = (
        f"{networks} networks, {rounds} times: memory left by each after the {warm}th"
    )
    return [_row(what, "KiB", [each], Target(Of.WORST, LEAKED_KIB))]


def _row(what: str, unit: str, values: Sequence[float], *targets: Target) -> Row:
    return Row(what, unit, Clock.WALL, spread(OURS, values), targets=targets)


def answer(lab: Lab) -> list[Row]:
    """Measure both, each in a process of its own."""
    quick = lab.quick
    many, few = (NETWORKS[quick], ROUNDS[quick]), (FEW[quick], LEAK_ROUNDS[quick])
    return [
        *lab.alone("many networks", measured, many),
        *lab.alone("often", leaking, few),
    ]


QUESTION: Final[Question] = question(
    "thousand_networks", __doc__, answer, needs_root=True
)
