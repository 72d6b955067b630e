"""What any kernel does, the simulated one and Linux: cases that both must pass.

Each gets a kernel that has nothing but its host's namespace, empty.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, Protocol

from swarmnet.kernel.links import Kind, Link, Peer, Port, Vxlan
from swarmnet.kernel.operations import (
    AddLink,
    AddNamespace,
    Failure,
    Operation,
    PutAddress,
    PutFdb,
    PutFlood,
    PutNeighbour,
    PutRoute,
    PutStation,
)
from swarmnet.kernel.state import Address, Entries, Namespace, Route

NET: Final = "net/n1"
BOX: Final = "box/a"
UNDERLAY: Final = bytes([10, 99, 0, 1])
UNDERLAY6: Final = b"\xfd".ljust(15, b"\0") + b"\1"


class KernelLike(Protocol):
    """The surface that the real and the simulated kernel share."""

    def names(self) -> Sequence[str]: ...

    def adopt(self, namespace: str, path: str) -> None: ...

    def read(self, namespace: str, desired: Namespace | None = None) -> Namespace: ...

    def apply(self, operations: Sequence[Operation]) -> list[Failure]: ...


Case = Callable[[KernelLike], None]


def ip(text: str) -> bytes:
    """Pack an IPv4 address."""
    return bytes(int(part) for part in text.split("."))


def ip6(last: int, prefix: int = 0xFD00) -> bytes:
    """Pack an IPv6 address: its first two bytes, zeros, its last byte."""
    return prefix.to_bytes(2, "big") + bytes(13) + bytes([last])


def mac(number: int) -> bytes:
    """Return a MAC."""
    return bytes([2, 0x42, 0, 0, 0, number])


def bridge(name: str = "br0", mtu: int = 1450) -> Link:
    return Link(name, Kind.BRIDGE, mtu, alias=f"swarmnet:{name}", mac=mac(0xB0))


def vxlan(name: str = "vxlan0", vni: int = 4097, local: bytes = UNDERLAY) -> Link:
    return Link(
        name,
        Kind.VXLAN,
        1450,
        alias=f"swarmnet:{name}",
        mac=mac(0xA0),
        master="br0",
        port=Port(flood=True),
        vxlan=Vxlan(vni, local, 4789),
    )


def port(number: int = 1, box: str = BOX) -> Link:
    """Return the end of a pair that is in a bridge."""
    return Link(
        f"v{number:012x}",
        Kind.VETH,
        1450,
        alias=f"swarmnet:n1/e{number}",
        mac=mac(0xC0 + number),
        master="br0",
        port=Port(),
        peer=Peer(box, f"eth{number}"),
    )


def inside(number: int = 1) -> Link:
    """Return the end of a pair that is in a sandbox."""
    alias = f"swarmnet:n1/e{number}"
    return Link(
        f"eth{number}",
        Kind.VETH,
        1450,
        alias=alias,
        mac=mac(number),
        peer=Peer(NET, f"v{number:012x}"),
    )


def network() -> list[Operation]:
    """Return what makes a network with a bridge, a VXLAN device and an endpoint."""
    return [
        AddNamespace(NET),
        AddNamespace(BOX),
        AddLink(NET, bridge()),
        AddLink(NET, vxlan()),
        AddLink(NET, port(), inside()),
    ]


def do(kernel: KernelLike, *operations: Operation) -> None:
    """Do what must succeed."""
    failures = kernel.apply(operations)
    assert failures == [], failures


def errors(kernel: KernelLike, *operations: Operation) -> list[str]:
    """Do what fails; return why. 95 has two names in errno.h."""
    found = [failure.error for failure in kernel.apply(operations)]
    return ["EOPNOTSUPP" if error == "ENOTSUP" else error for error in found]


def check_link(kernel: KernelLike, namespace: str, link: Link) -> None:
    """Check that a link is what a value says, its peer left out."""
    held = kernel.read(namespace).links[link.name]
    assert held == replace(link, peer=None, mac=link.mac or held.mac)


def check_empty(kernel: KernelLike, namespace: str) -> None:
    """Check that a namespace of ours holds nothing at all."""
    is_owned = namespace.startswith("net/")
    empty = Namespace(is_owned=is_owned, is_pinned=True)
    assert kernel.read(namespace) == empty


def fill(kernel: KernelLike) -> None:
    """Give the VXLAN device of `network` entries of every sort."""
    do(
        kernel,
        PutFdb(NET, "vxlan0", mac(9), ip("10.99.0.9")),
        PutFdb(NET, "vxlan0", mac(8), ip("10.99.0.8")),
        PutNeighbour(NET, "vxlan0", ip("10.0.1.9"), mac(9)),
        PutNeighbour(NET, "vxlan0", ip6(9), mac(9)),
        PutFlood(NET, "vxlan0", ip("10.99.0.9")),
        PutFlood(NET, "vxlan0", ip("10.99.0.8")),
    )


FILLED: Final = Entries(
    {mac(9): ip("10.99.0.9"), mac(8): ip("10.99.0.8")},
    {ip("10.0.1.9"): mac(9), ip6(9): mac(9)},
    (ip("10.99.0.8"), ip("10.99.0.9")),
)


def entries(kernel: KernelLike) -> Entries:
    """Return the entries of the VXLAN device, the flood in order."""
    held = kernel.read(NET).entries["vxlan0"]
    return replace(held, flood=tuple(sorted(held.flood)))


def place(kernel: KernelLike) -> None:
    """Give the endpoint of `network` addresses of both families, routes, a station."""
    do(
        kernel,
        PutAddress(BOX, Address("eth1", ip("10.0.1.2"), 24)),
        PutAddress(BOX, Address("eth1", ip6(2), 64)),
        PutRoute(BOX, Route(ip("10.0.2.0"), 24, "eth1", ip("10.0.1.1"))),
        PutRoute(BOX, Route(ip6(0, 0xFD02), 64, "eth1", ip6(1))),
        PutStation(NET, port().name, mac(1)),
    )


def routes(kernel: KernelLike, namespace: str = BOX) -> list[Route]:
    """Return the routes of a namespace in a fixed order."""
    held = kernel.read(namespace).routes
    return sorted(held, key=lambda r: (len(r.destination), r.destination, r.protocol))
