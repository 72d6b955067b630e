"""A small world for the data plane: one host `a`, networks, and others' endpoints."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Final

from sim.kernel.fake import FakeKernel
from swarmnet.cnm.endpoint import Endpoint, mac_of
from swarmnet.cnm.network import Attachment, Network, Subnet
from swarmnet.cnm.sandbox import Sandbox
from swarmnet.kernel.reconcile import reconcile
from swarmnet.kernel.state import Host
from tests.node.served import Served, host_kernel

RED: Final = Network(
    "red",
    "red",
    (
        Subnet(ip_network("10.0.1.0/24"), ip_address("10.0.1.1"), 101),
        Subnet(ip_network("fd01::/64"), ip_address("fd01::1"), 102),
    ),
)
BLUE: Final = Network(
    "blue", "blue", (Subnet(ip_network("10.0.2.0/24"), None, 201),), is_internal=True
)
B: Final = Attachment("b", ip_address("10.99.0.2"))
C: Final = Attachment("c", ip_address("10.99.0.3"))
BOX: Final = Sandbox("s1")
ADOPTED: Final = Sandbox("d1", "/ns/d1")


def endpoint(
    number: int, node: str = "b", sandbox: str = "far", v6: bool = True
) -> Endpoint:
    """Return an endpoint in RED with the addresses of its number."""
    texts = [f"10.0.1.{10 + number}", f"fd01::{10 + number:x}"]
    addresses = tuple(ip_address(one) for one in texts[: 1 + v6])
    return Endpoint(
        id=f"{number:012x}red",
        name=f"e{number}",
        node=node,
        sandbox=sandbox,
        addresses=addresses,
        mac=mac_of(addresses),
    )


def blue(one: Endpoint) -> Endpoint:
    """Return an endpoint of RED as it would be in BLUE."""
    number = int(one.addresses[0].packed[3])
    addresses = (ip_address(f"10.0.2.{number}"),)
    return replace(
        one, id=f"{one.id[:12]}blue", addresses=addresses, mac=mac_of(addresses)
    )


LOCAL: Final = endpoint(0, "a", "s1")
REMOTE: Final = (endpoint(1), endpoint(2), endpoint(3, "c"))


def tell(life: Served, endpoints: Sequence[Endpoint] = (LOCAL, *REMOTE)) -> None:
    """Tell of the sandbox s1, and of RED with some endpoints."""
    life.plane.set_sandbox(life.now, BOX)
    life.plane.set_network(life.now, RED, (B, C), endpoints)


Change = Callable[[Served], object]
CHANGES: dict[str, Change] = {
    "an endpoint comes": lambda s: s.plane.put_endpoint(s.now, "red", endpoint(5)),
    "an endpoint goes": lambda s: s.plane.drop_endpoint(s.now, "red", REMOTE[0].id),
    "a MAC changes": lambda s: s.plane.put_endpoint(
        s.now, "red", replace(REMOTE[0], mac=bytes([2, 0, 0, 0, 0, 9]))
    ),
    "a MAC is claimed twice": lambda s: s.plane.put_endpoint(
        s.now, "red", replace(endpoint(4, "c"), mac=REMOTE[0].mac)
    ),
    "an endpoint moves": lambda s: s.plane.put_endpoint(
        s.now, "red", replace(REMOTE[0], node="c")
    ),
    "an endpoint comes here": lambda s: s.plane.put_endpoint(
        s.now, "red", replace(REMOTE[0], node="a", sandbox="s2")
    ),
    "a node moves": lambda s: s.plane.attach(
        s.now, "red", replace(B, vtep=ip_address("10.99.0.9"))
    ),
    "a node goes": lambda s: s.plane.detach(s.now, "red", "b"),
    "a node is of the other family": lambda s: s.plane.attach(
        s.now, "red", replace(B, vtep=ip_address("fd99::2"))
    ),
    "the MTU changes": lambda s: s.plane.attach(s.now, "red", replace(C, mtu=1400)),
    "a sandbox is in one more network": lambda s: s.plane.set_network(
        s.now, BLUE, (B,), [blue(LOCAL), blue(REMOTE[0])]
    ),
    "the network is internal": lambda s: s.plane.set_network(
        s.now, replace(RED, is_internal=True)
    ),
    "multicasts go to all": lambda s: s.plane.set_network(
        s.now, replace(RED, options={"multicast": "true"})
    ),
    "the network goes": lambda s: s.plane.drop_network(s.now, "red"),
    "the sandbox goes": lambda s: s.plane.drop_sandbox(s.now, "s1"),
}


def born(kernel: FakeKernel | None = None) -> Served:
    """Return a life that has reached what `tell` says."""
    life = Served(host_kernel() if kernel is None else kernel)
    tell(life)
    life.start()
    life.calm()
    return life


def is_planned(life: Served) -> bool:
    """Say whether the kernel holds what is desired, as a look at it tells."""
    return not reconcile(Host(life.plane.desired.namespaces), life.actual())
