"""The data plane on a real kernel: what others do is put right; the loop runs on."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Awaitable, Callable
from dataclasses import replace
from ipaddress import ip_address, ip_network
from time import monotonic

import pytest
import trio

from swarmnet.cnm.endpoint import Endpoint, mac_of
from swarmnet.cnm.network import Attachment, Network, Subnet
from swarmnet.cnm.sandbox import Sandbox
from swarmnet.kernel.operations import (
    Failure,
    Operation,
    PutFdb,
    PutNeighbour,
    RemoveAddress,
    RemoveFdb,
    RemoveLink,
    RemoveNeighbour,
    RemoveStation,
    SetLink,
)
from swarmnet.kernel.reconcile import reconcile
from swarmnet.kernel.state import HOST, Host
from swarmnet.node.dataplane import Dataplane
from swarmnet.node.desired import Place
from swarmnet.node.kernel_news import Drifted, OtherNews
from swarmnet.overlay.naming import box_of, namespace_of
from swarmnet.runtime.kernel import Kernel
from swarmnet.runtime.linux import run_in
from swarmnet.runtime.stewarding import Steward
from tests.runtime.conftest import printed

LIMIT_S = 20.0
RIGHT_S = 1.0
"""So soon others' changes are to be put right once they are announced."""
NETWORK = Network(
    "ab" * 16,
    "red",
    (Subnet(ip_network("10.0.1.0/24"), ip_address("10.0.1.1"), 1_048_577),),
)
NET = namespace_of(NETWORK.id)
BOX = box_of("s1")
VTEP = ip_address("10.99.0.2")


def endpoint(number: int, node: str, sandbox: str) -> Endpoint:
    address = ip_address(f"10.0.1.{number}")
    return Endpoint(
        f"{number:032x}", sandbox, node, sandbox, (address,), mac_of([address])
    )


class Served:
    """A data plane with one network, and its steward."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        place = Place("a", ip_address("10.99.0.1"), mtu=1500, has_firewall=False)
        self.plane = Dataplane(place)
        self.drifts: list[Drifted] = []
        self.failures: list[Failure] = []
        self.steward = Steward(
            self.plane, kernel, told=self.drifts.append, refused=self.failures.append
        )

    def begin(self) -> None:
        now = monotonic()
        self.plane.set_sandbox(now, Sandbox("s1"))
        endpoints = [endpoint(2, "a", "s1"), endpoint(3, "b", "t1")]
        self.plane.set_network(now, NETWORK, [Attachment("b", VTEP, 1500)], endpoints)
        self.plane.start(now, self.kernel.names())
        self.plane.complete(now)

    def is_right(self) -> bool:
        """Return whether the kernel itself holds what it should."""
        wanted = Host(self.plane.desired.namespaces)
        names = [name for name in wanted.namespaces if name in (NET, BOX)]
        held = {name: self.kernel.read(name, wanted.namespaces[name]) for name in names}
        whole = {name: wanted.namespaces[name] for name in names}
        return reconcile(Host(whole), Host(held)) == []

    def interface(self) -> bytes | None:
        """Return the MAC of the sandbox's interface under its name."""
        return self.kernel.read(BOX).links["eth0"].mac

    async def until(self, condition: Callable[[], bool]) -> None:
        with trio.fail_after(LIMIT_S):
            while not condition():
                await trio.sleep(0.005)

    async def settle(self) -> None:
        await self.until(lambda: self.plane.is_settled)


def run(kernel: Kernel, test: Callable[[Served], Awaitable[None]]) -> None:
    async def main() -> None:
        served = Served(kernel)
        served.begin()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(served.steward.run)
            await served.settle()
            await test(served)
            nursery.cancel_scope.cancel()

    trio.run(main)


REMOTE = endpoint(3, "b", "t1")
LOCAL = endpoint(2, "a", "s1")
IP = REMOTE.addresses[0].packed
STRANGER = b"\x02\x00\x00\x00\x00\x09"


def acts(plane: Dataplane) -> dict[str, Operation]:
    """Return what others may do, by name."""
    spaces = plane.desired.namespaces
    port = next(name for name in spaces[NET].links if name.startswith("v0"))
    (address,) = spaces[BOX].addresses
    device = spaces[NET].links["vxlan0"]
    down = replace(device, is_up=False)
    return {
        "an FDB entry deleted": RemoveFdb(NET, "vxlan0", REMOTE.mac),
        "a neighbour deleted": RemoveNeighbour(NET, "vxlan0", IP),
        "an FDB entry turned": PutFdb(NET, "vxlan0", REMOTE.mac, bytes((10, 9, 9, 9))),
        "a neighbour turned": PutNeighbour(NET, "vxlan0", IP, STRANGER),
        "a foreign entry": PutFdb(NET, "vxlan0", STRANGER, VTEP.packed),
        "a port deleted": RemoveLink(NET, port),
        "an interface deleted": RemoveLink(BOX, "eth0"),
        "an address deleted": RemoveAddress(BOX, address),
        "a station deleted": RemoveStation(NET, port, LOCAL.mac),
        "the device down": SetLink(NET, down),
        "the device deleted": RemoveLink(NET, "vxlan0"),
        "the bridge deleted": RemoveLink(NET, "br0"),
    }


NAMES = [
    "an FDB entry deleted",
    "a neighbour deleted",
    "an FDB entry turned",
    "a neighbour turned",
    "a foreign entry",
    "a port deleted",
    "an interface deleted",
    "an address deleted",
    "a station deleted",
    "the device down",
    "the device deleted",
    "the bridge deleted",
]


@pytest.mark.parametrize("name", NAMES)
def test_what_others_do_is_put_right_within_a_second(kernel: Kernel, name: str) -> None:
    async def test(served: Served) -> None:
        assert served.is_right()
        drifts = len(served.drifts)
        operation = acts(served.plane)[name]
        assert await trio.to_thread.run_sync(kernel.apply, [operation]) == []
        start = trio.current_time()
        await served.until(lambda: len(served.drifts) > drifts)
        await served.settle()
        took_s = trio.current_time() - start
        assert served.is_right(), served.failures
        assert took_s < RIGHT_S, f"{name}: {took_s:.2f} s"

    run(kernel, test)


COMMANDS = {
    "a foreign link added": (NET, "ip link add alien type bridge"),
    "a foreign pair added": (NET, "ip link add alien type veth peer name alien2"),
    "a foreign link in the bridge": (
        NET,
        "ip link add alien master br0 type veth peer name alien2",
    ),
    "a firewall table added": (NET, "nft add table inet alien"),
    "a routing rule added": (NET, "ip rule add from 10.0.1.0/24 prohibit"),
    "a routing rule of IPv6 added": (NET, "ip -6 rule add to fd00::/8 lookup 7"),
    "a routing rule deleted": (NET, "ip rule delete pref 32766"),
    "a queueing discipline added": (
        NET,
        "tc qdisc add dev vxlan0 root tbf rate 1mbit burst 10k latency 9ms",
    ),
    "an ingress added": (NET, "tc qdisc add dev br0 clsact"),
    "the device taken away": (NET, "ip link set vxlan0 netns HOST name away"),
    "the device renamed": (NET, "ip link set vxlan0 name away"),
    "an alias changed": (BOX, "ip link set eth0 alias mine"),
    "an alias deleted": (BOX, "ip link set eth0 alias ''"),
}


@pytest.mark.parametrize("name", list(COMMANDS))
def test_what_others_command_is_put_right_within_a_second(
    kernel: Kernel, host: int, name: str
) -> None:
    place, command = COMMANDS[name]
    words = shlex.split(command.replace("HOST", f"/proc/{os.getpid()}/fd/{host}"))
    if shutil.which(words[0]) is None:
        pytest.skip(f"no {words[0]} here")

    async def test(served: Served) -> None:
        before = served.interface()
        drifts = len(served.drifts)
        start = trio.current_time()
        await trio.to_thread.run_sync(printed, kernel, place, *words)
        await served.until(lambda: len(served.drifts) > drifts)
        await served.settle()
        took_s = trio.current_time() - start
        assert served.is_right(), served.failures
        assert took_s < RIGHT_S, f"{name}: {took_s:.2f} s"
        assert served.interface() == before
        assert kernel.read(HOST).links == {}

    run(kernel, test)


def test_what_others_do_in_a_sandbox_is_their_own(kernel: Kernel) -> None:
    commands = [
        "ip link add alien type bridge",
        "ip rule add from 10.9.0.0/16 prohibit",
    ]

    async def test(served: Served) -> None:
        for command in commands:
            await trio.to_thread.run_sync(printed, kernel, BOX, *command.split())
        served.plane.receive_news(monotonic(), OtherNews(BOX))
        served.steward.wake()
        await served.settle()
        assert served.drifts == []
        assert "alien" in kernel.read(BOX).links
        assert "10.9.0.0/16" in printed(kernel, BOX, "ip", "rule")

    run(kernel, test)


def test_a_row_reaches_the_kernel_while_the_loop_runs_on(kernel: Kernel) -> None:
    async def test(served: Served) -> None:
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await trio.lowlevel.checkpoint()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(count)
            for number in range(4, 200):
                one = endpoint(number, "b", f"t{number}")
                served.plane.put_endpoint(monotonic(), NETWORK.id, one)
            served.steward.wake()
            await served.settle()
            nursery.cancel_scope.cancel()
        assert turns > 1
        assert len(kernel.read(NET).entries["vxlan0"].fdb) == 197
        assert served.drifts == []

    run(kernel, test)


def test_who_nobody_knows_is_missed_and_who_is_here_is_not(kernel: Kernel) -> None:
    async def test(served: Served) -> None:
        def ping(address: str) -> None:
            fd = kernel.open(BOX)
            try:
                command = ["ping", "-c1", "-W0.2", address]
                run_in(fd, lambda: subprocess.run(command, check=False))
            finally:
                os.close(fd)

        await trio.to_thread.run_sync(ping, "10.0.1.1")
        assert served.plane.counters["misses"] == 0
        await trio.to_thread.run_sync(ping, "10.0.1.77")
        await served.until(lambda: served.plane.counters["misses"] > 0)
        assert served.plane.counters["drifted"] == 0

    run(kernel, test)
