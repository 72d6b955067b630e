"""How long does it take to attach one endpoint: namespace, veth, addresses, routes?

Expected: the kernel alone wants some 2 ms, mostly for the namespace and the veth pair;
planning, comparing and entering the new namespace come on top. Eleven commands take 30
ms, for each is a process, and pyroute2 forks its way into a namespace. All of them put
the port into a bridge that has ten others, as ours do, with the same flags and queues.

pyroute2's fork leaves all memory of this process shared, and whoever writes to a page
next has it copied: some 270 pages for us, 1 ms. No agent forks, so after pyroute2 those
who run in this process too attach once unmeasured.
"""

import os
from collections.abc import Callable
from contextlib import ExitStack, closing
from importlib import import_module
from ipaddress import ip_address
from itertools import count
from time import monotonic, perf_counter
from typing import Any, Final

from benchmarks.bare import BARE, PYROUTE2, Bare, said_missing
from benchmarks.hosts import (
    BOTH,
    HERE,
    NAMED,
    PREFIX,
    Ground,
    endpoint_of,
    network_of,
    path_of,
    run,
    run_inside,
    serve,
    started,
)
from benchmarks.lab import OURS, Lab
from benchmarks.values import Clock, Of, Question, Row, Target, question, spread
from swarmnet.cnm.endpoint import Endpoint
from swarmnet.cnm.sandbox import Sandbox
from swarmnet.kernel.address_codec import put_address, put_route
from swarmnet.kernel.entry_codec import NTF_MASTER, NUD_NOARP, put_station
from swarmnet.kernel.link_codec import add_veth, set_link
from swarmnet.kernel.link_difference import is_like
from swarmnet.kernel.operations import RemoveLink
from swarmnet.kernel.state import PROTOCOL
from swarmnet.overlay.naming import BRIDGE, box_of, namespace_of, port_of
from swarmnet.runtime.kernel import Kernel
from swarmnet.runtime.linux import bind_mount, in_thread
from swarmnet.runtime.namespaces import make_namespace

ROUNDS: Final = (41, 5)
PRESENT: Final = 10
BOUND_MS: Final = 5.0
COMMANDS: Final = "ip and bridge, 11 processes"
BATCHES: Final = "their -batch, 4 processes"
QUEUES: Final = "numtxqueues 1 numrxqueues 1"
NODAD: Final = 0x02
NO_LINK_LOCAL: Final = {
    "attrs": [("AF_INET6", {"attrs": [("IFLA_INET6_ADDR_GEN_MODE", 1)]})]
}
ETH: Final = "eth0"
"""The first interface of a sandbox."""


class Bench:
    """A host with a network of four subnets and some endpoints, attached by us."""

    def __init__(self, ground: Ground) -> None:
        prefixes = ("10.64.0.0/16", "fd01::/64", "10.65.0.0/16", "fd02::/64")
        self.network = network_of(1, *prefixes)
        self.kernel = ground.kernel(Kernel)
        self.plane = started(self.kernel)
        self._numbers = count(1)
        self.plane.set_network(monotonic(), self.network, BOTH)
        for _ in range(PRESENT):
            self.attach(self.next())
        self.fd = self.kernel.open(namespace_of(self.network.id))

    def close(self) -> None:
        os.close(self.fd)

    def next(self) -> Endpoint:
        return endpoint_of(next(self._numbers), HERE, self.network)

    def attach(self, endpoint: Endpoint) -> None:
        self.plane.set_sandbox(monotonic(), Sandbox(endpoint.sandbox))
        self.plane.put_endpoint(monotonic(), self.network.id, endpoint)
        serve(self.plane, self.kernel)

    def detach(self, endpoint: Endpoint) -> None:
        self.plane.drop_endpoint(monotonic(), self.network.id, endpoint.id)
        self.plane.drop_sandbox(monotonic(), endpoint.sandbox)
        serve(self.plane, self.kernel)

    def attach_and_detach(self) -> float:
        """Return the ms to attach one more endpoint; it goes again."""
        endpoint = self.next()
        began = perf_counter()
        self.attach(endpoint)
        took = perf_counter() - began
        self.detach(endpoint)
        return took * 1e3


class Wanted:
    """An endpoint that others attach, exactly as our plan has it."""

    def __init__(self, bench: Bench) -> None:
        endpoint = bench.next()
        bench.attach(endpoint)
        desired = bench.plane.desired.namespaces
        self.key, self.net = namespace_of(bench.network.id), bench.fd
        self.box = desired[box_of(endpoint.sandbox)]
        self.port = desired[self.key].links[port_of(endpoint.id)]
        self.inner = self.box.links[ETH]
        self.mac = endpoint.mac
        bench.detach(endpoint)
        self._kernel = bench.kernel

    def took(self, attach: Callable[["Wanted", str], object], name: str) -> float:
        """Return the ms of somebody's attaching; see that it is right, and undo it.

        `name` is that of a namespace which `ip netns` finds.
        """
        began = perf_counter()
        attach(self, name)
        took = perf_counter() - began
        self._kernel.adopt("box/other", str(NAMED / name))
        box = self._kernel.read("box/other", self.box)
        net = self._kernel.read(self.key)
        self._kernel.forget("box/other")
        for wanted, found in (
            (self.box.addresses, box.addresses),
            (self.box.routes, box.routes),
            ({self.mac: self.port.name}, net.stations),
        ):
            assert found.items() >= wanted.items(), (attach, wanted, found)
        found_port = net.links[self.port.name]
        assert is_like(self.port, found_port), (attach, self.port, found_port)
        assert is_like(self.inner, box.links[ETH]), (attach, box.links[ETH])
        failures = self._kernel.apply([RemoveLink(self.key, self.port.name)])
        assert not failures, failures
        run("ip", "netns", "delete", name)
        return took * 1e3

    def port_lines(self) -> tuple[list[str], list[str]]:
        """Return what `ip` and `bridge` do in the network's namespace: NAME is left."""
        port, inner = self.port, self.inner
        far = f"netns NAME mtu {inner.mtu} address {self.mac.hex(':')} {QUEUES}"
        peer = f"peer name {ETH} {far}"
        kind = f"mtu {port.mtu} {QUEUES} master {BRIDGE} type veth {peer}"
        ip = [
            f"link add {port.name} {kind}",
            f"link set {port.name} addrgenmode none alias {port.alias} up",
        ]
        bridge = [
            f"link set dev {port.name} learning off flood off",
            f"fdb replace {self.mac.hex(':')} dev {port.name} master static",
        ]
        return ip, bridge

    def box_lines(self) -> list[str]:
        """Return what `ip` does in the sandbox."""
        lines = [
            "link set lo up",
            f"link set {ETH} addrgenmode none alias {self.inner.alias} up",
        ]
        for one in self.box.addresses:
            nodad = " nodad" if len(one.ip) == 16 else ""
            lines.append(
                f"address add {ip_address(one.ip)}/{one.length} dev {ETH}{nodad}"
            )
        for route in self.box.routes:
            to = f"{ip_address(route.destination)}/{route.length}"
            lines.append(f"route add {to} dev {ETH} proto {PROTOCOL}")
        return lines


def by_commands(wanted: Wanted, name: str) -> None:
    """Attach by a process for each step."""
    ip, bridge = wanted.port_lines()
    run("ip", "netns", "add", name)
    for line in ip:
        run_inside(wanted.net, "ip", *line.replace("NAME", name).split())
    for line in bridge:
        run_inside(wanted.net, "bridge", *line.split())
    for line in wanted.box_lines():
        run("ip", "-n", name, *line.split())


def by_batches(wanted: Wanted, name: str) -> None:
    """Attach by a process for each tool and namespace."""
    ip, bridge = ("\n".join(lines) for lines in wanted.port_lines())
    run("ip", "netns", "add", name)
    run_inside(wanted.net, "ip", "-batch", "-", text=ip.replace("NAME", name))
    run_inside(wanted.net, "bridge", "-batch", "-", text=bridge)
    run("ip", "-n", name, "-batch", "-", text="\n".join(wanted.box_lines()))


def by_messages(wanted: Wanted, name: str) -> None:
    """Attach by as few messages as the kernel allows, planned by nobody."""
    place = NAMED / name
    place.touch(0o444)

    def make() -> tuple[int, Bare]:
        fd = make_namespace()
        bind_mount(f"/proc/self/fd/{fd}", str(place))
        return fd, Bare(None)

    box_fd, inside = in_thread(make)
    port, inner = wanted.port, wanted.inner
    with closing(Bare(wanted.net)) as net, closing(inside):
        bridge = net.index(BRIDGE)
        born = add_veth(port, master_index=bridge, other=inner, other_fd=box_fd)
        net.ask(born)
        index, inner_index = net.index(port.name), inside.index(ETH)
        inside.ask(
            *set_link(inner_index, inner, master_index=None, rename=None),
            *(put_address(inner_index, one) for one in wanted.box.addresses),
            *(put_route(inner_index, one) for one in wanted.box.routes),
        )
        net.ask(
            *set_link(index, port, master_index=bridge, rename=None),
            put_station(index, wanted.mac),
        )
    os.close(box_fd)


class Library:
    """pyroute2, which has a socket in the network's namespace open."""

    def __init__(self, wanted: Wanted) -> None:
        self._library = import_module("pyroute2")
        # Opened on another thread it would lead this one to where this one is.
        self._net = self._library.IPRoute(netns=path_of(wanted.net), flags=0)
        assert self._net.link_lookup(ifname=BRIDGE), "it is not in the namespace"

    def close(self) -> None:
        self._net.close()

    def attach(self, wanted: Wanted, name: str) -> None:
        """Attach as its manual says."""
        port, net = wanted.port, self._net
        in_thread(lambda: self._library.netns.create(name))
        inner = {"ifname": ETH, "mtu": wanted.inner.mtu, "address": wanted.mac.hex(":")}
        bridge = net.link_lookup(ifname=BRIDGE)[0]
        queues = {"num_tx_queues": 1, "num_rx_queues": 1}
        peer = {**inner, **queues, "net_ns_fd": name}
        pair = {"kind": "veth", "mtu": port.mtu, "peer": peer, **queues}
        net.link("add", ifname=port.name, **pair)
        index = net.link_lookup(ifname=port.name)[0]
        net.link("set", index=index, master=bridge, ifalias=port.alias)
        net.link("set", index=index, IFLA_AF_SPEC=NO_LINK_LOCAL)
        flags = {"learning": 0, "unicast_flood": 0}
        net.brport("set", index=index, **flags)
        net.link("set", index=index, state="up")
        station = {"flags": NTF_MASTER, "state": NUD_NOARP}
        net.fdb("replace", ifindex=index, lladdr=wanted.mac.hex(":"), **station)
        with self._library.IPRoute(netns=name) as box:
            self._fill(wanted, box)

    def _fill(self, wanted: Wanted, box: Any) -> None:
        box.link("set", index=box.link_lookup(ifname="lo")[0], state="up")
        index = box.link_lookup(ifname=ETH)[0]
        box.link("set", index=index, ifalias=wanted.inner.alias)
        box.link("set", index=index, IFLA_AF_SPEC=NO_LINK_LOCAL)
        box.link("set", index=index, state="up")
        for one in wanted.box.addresses:
            ip = str(ip_address(one.ip))
            box.addr("add", index=index, address=ip, prefixlen=one.length, flags=NODAD)
        for route in wanted.box.routes:
            to = f"{ip_address(route.destination)}/{route.length}"
            box.route("add", dst=to, oif=index, proto=PROTOCOL)


def measured(rounds: int) -> list[Row]:
    """Measure everybody in turn, the others on a host of their own."""
    times: dict[str, list[float]] = {}
    with Ground() as ground, ExitStack() as stack:
        ours = stack.enter_context(closing(Bench(ground)))
        wanted = Wanted(stack.enter_context(closing(Bench(ground))))
        library = stack.enter_context(closing(Library(wanted)))
        ways: dict[str, Callable[[Wanted, str], object]] = {
            COMMANDS: by_commands,
            BATCHES: by_batches,
            BARE: by_messages,
            PYROUTE2: library.attach,
        }
        for turn in range(rounds):
            times.setdefault(OURS, []).append(ours.attach_and_detach())
            for who, attach in ways.items():
                took = wanted.took(attach, f"{PREFIX}{os.getpid()}-{turn}")
                times.setdefault(who, []).append(took)
            wanted.took(by_messages, f"{PREFIX}{os.getpid()}-unmeasured")
            ours.attach_and_detach()
    mine = spread(OURS, times.pop(OURS))
    what = f"one endpoint attached, {PRESENT} there already"
    limits = (Target(Of.MEDIAN, BOUND_MS),)
    return [
        Row(what, "ms", Clock.WALL, mine, spread(who, some), limits)
        for who, some in times.items()
    ]


def answer(lab: Lab) -> list[Row]:
    """Measure it in a process of its own."""
    if said_missing("attach"):
        return []
    return lab.alone("attach", measured, ROUNDS[lab.quick])


QUESTION: Final[Question] = question("attach", __doc__, answer, needs_root=True)
