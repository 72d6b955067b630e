"""What do frames between sandboxes on two hosts lose by being ours?

Expected: nothing. The same devices carry them as when VXLAN is set up by hand; ours has
a filter in the host's namespace besides, two look-ups for each datagram. Both worlds
stand on hosts of their own, and run in turn, for the machine is never quite quiet.
"""

import json
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from re import compile as pattern
from time import monotonic
from typing import Final

from benchmarks.debian import said_missing
from benchmarks.hosts import (
    BOTH,
    HERE,
    THERE,
    VTEP_HERE,
    VTEP_THERE,
    Ground,
    endpoint_of,
    network_of,
    path_of,
    run_inside,
    serve,
    started,
    underlay,
)
from benchmarks.lab import OURS, Lab
from benchmarks.lifelines import bound_to_us
from benchmarks.values import Clock, Of, Question, Row, Target, question, spread
from swarmnet.cnm.sandbox import Sandbox
from swarmnet.overlay.naming import box_of
from swarmnet.runtime.kernel import Kernel

ROUNDS: Final = (11, 3)
SECONDS: Final = (3, 1)
PINGS: Final = (1000, 200)
SHARE: Final = 0.97
BY_HAND: Final = "VXLAN by ip and bridge"
PORT: Final = 5201
VNI: Final = 9
_AVERAGE: Final = pattern(r"= [0-9.]+/([0-9.]+)/")


@dataclass(frozen=True, slots=True)
class Pair:
    """Two sandboxes on two hosts: their namespaces, and the address of the second."""

    first: int
    second: int
    address: str


def ours(ground: Ground) -> Pair:
    """Build two hosts by two data planes."""
    hosts = (ground.host(), ground.host())
    underlay(*hosts)
    network = network_of(1, "10.64.0.0/16")
    ends = [endpoint_of(1, HERE, network), endpoint_of(2, THERE, network)]
    boxes: list[int] = []
    for host, node, end in zip(hosts, (HERE, THERE), ends, strict=True):
        kernel = ground.kernel(Kernel, host)
        plane = started(kernel, node)
        plane.set_sandbox(monotonic(), Sandbox(end.sandbox))
        plane.set_network(monotonic(), network, BOTH, ends)
        serve(plane, kernel)
        boxes.append(ground.keep(kernel.open(box_of(end.sandbox))))
    return Pair(boxes[0], boxes[1], str(ends[1].addresses[0]))


def by_hand(ground: Ground) -> Pair:
    """Build the same by commands."""
    hosts = (ground.host(), ground.host())
    underlay(*hosts)
    boxes = (ground.host(), ground.host())
    for me, vteps in enumerate(((VTEP_HERE, VTEP_THERE), (VTEP_THERE, VTEP_HERE))):
        net = ground.host()
        mine, others = _mac(me), _mac(1 - me)
        far = ("netns", path_of(net))
        vxlan = ("type", "vxlan", "id", str(VNI), "dstport", "4789")
        flags = ("proxy", "l2miss", "l3miss", "nolearning")
        own = ("local", str(vteps[0]))
        run_inside(hosts[me], "ip", "link", "add", "vxlan0", *far, *vxlan, *own, *flags)
        for line in (
            "ip link add br0 mtu 1450 type bridge",
            "ip link set br0 addrgenmode none up",
            "ip link set vxlan0 mtu 1450 master br0 addrgenmode none up",
            "bridge link set dev vxlan0 learning off",
            f"ip link add port mtu 1450 type veth peer name eth0 address {mine}"
            f" mtu 1450 netns {path_of(boxes[me])}",
            "ip link set port master br0 addrgenmode none up",
            "bridge link set dev port learning off flood off",
            f"bridge fdb replace {mine} dev port master static",
            f"bridge fdb replace {others} dev vxlan0 dst {vteps[1]} self permanent",
            f"ip neigh replace {_ip(1 - me)} lladdr {others} dev vxlan0 nud permanent",
        ):
            run_inside(net, *line.split())
        run_inside(boxes[me], "ip", "address", "add", f"{_ip(me)}/16", "dev", "eth0")
        run_inside(boxes[me], "ip", "link", "set", "eth0", "addrgenmode", "none", "up")
    return Pair(*boxes, _ip(1))


def _ip(number: int) -> str:
    return f"10.64.0.{1 + number}"


def _mac(number: int) -> str:
    return f"02:42:0a:40:00:0{1 + number}"


@contextmanager
def serving(namespace: int) -> Iterator[None]:
    """Run a server for one test, heard to be ready; it ends with the test."""
    command = ("iperf3", "--server", "--one-off", "--port", str(PORT), "--forceflush")
    enter = ("nsenter", f"--net={path_of(namespace)}")
    server = subprocess.Popen(
        bound_to_us(*enter, *command), stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        for line in server.stdout:
            if "listening" in line:
                break
        yield
        server.communicate(timeout=30)
    finally:
        if server.poll() is None:
            server.kill()
            server.wait()
        assert server.stdout is not None
        server.stdout.close()


def mbit_s(pair: Pair, seconds: int) -> float:
    """Return the TCP throughput of one run, as the receiver saw it."""
    command = ("iperf3", "--client", pair.address, "--port", str(PORT))
    with serving(pair.second):
        text = run_inside(pair.first, *command, "--time", str(seconds), "--json")
    return float(json.loads(text)["end"]["sum_received"]["bits_per_second"]) / 1e6


def round_trip_us(pair: Pair, pings: int) -> float:
    """Return the mean round trip of some pings, one after another."""
    flood = ("-q", "-n", "-i", "0.002", "-c", str(pings))
    text = run_inside(pair.first, "ping", *flood, pair.address)
    found = _AVERAGE.search(text)
    assert found is not None, text
    return float(found[1]) * 1e3


def in_turn(
    measure: Callable[[Pair, int], float], pairs: Sequence[Pair], rounds: int, size: int
) -> tuple[list[float], ...]:
    """Return what each pair measured, first one first, then the other."""
    found: tuple[list[float], ...] = tuple([] for _ in pairs)
    for turn in range(rounds):
        order = range(len(pairs)) if turn % 2 else reversed(range(len(pairs)))
        for place in order:
            found[place].append(measure(pairs[place], size))
    return found


def measured(task: tuple[int, int, int]) -> list[Row]:
    """Measure both worlds."""
    rounds, seconds, pings = task
    with Ground() as ground:
        pairs = (ours(ground), by_hand(ground))
        rates = in_turn(mbit_s, pairs, rounds, seconds)
        trips = in_turn(round_trip_us, pairs, rounds, pings)
    peer = spread(BY_HAND, rates[1], larger_is_better=True)
    least = Target(Of.MEDIAN, SHARE * peer.median, at_least=True)
    peer_trips = spread(BY_HAND, trips[1])
    most = Target(Of.MEDIAN, peer_trips.median / SHARE)
    return [
        Row(
            "TCP between sandboxes on two hosts",
            "Mbit/s",
            Clock.WALL,
            spread(OURS, rates[0], larger_is_better=True),
            peer,
            (least,),
        ),
        Row(
            "round trip between them",
            "us",
            Clock.WALL,
            spread(OURS, trips[0]),
            peer_trips,
            (most,),
        ),
    ]


def answer(lab: Lab) -> list[Row]:
    """Measure it in a process of its own."""
    if said_missing("throughput", "iperf3", "ping"):
        return []
    quick = lab.quick
    task = (ROUNDS[quick], SECONDS[quick], PINGS[quick])
    return lab.alone("throughput", measured, task)


QUESTION: Final[Question] = question("throughput", __doc__, answer, needs_root=True)
