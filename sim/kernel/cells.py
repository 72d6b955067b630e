"""What a simulated kernel holds: cells that change, ordered as they were made.

A link stands in the namespace `home`; its value names its bridge, and has a MAC.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from swarmnet.kernel.firewall import Table
from swarmnet.kernel.intruders import Intruder
from swarmnet.kernel.links import Kind, Link
from swarmnet.kernel.state import HOST, Address, Route

EVENTS_MAX: Final = 2520
"""What a receive buffer of 1 MiB holds; a listener that lags is told of an overrun."""
OVERRUN: Final = "overrun"
KERNEL: Final = 2
"""Whoever set a route up was the kernel (RTPROT_KERNEL)."""
IPV6_MTU_MIN: Final = 1280
"""A link of less has no IPv6 (RFC 8200 §5)."""


class Refusal(Exception):
    """An operation that the kernel refuses, by a name in errno.h."""

    def __init__(self, error: str, message: str = "") -> None:
        super().__init__(error, message)
        self.error = error
        self.message = message


@dataclass(frozen=True, slots=True)
class KernelEvent:
    """What rtnetlink tells a listener: in which namespace, and what kind of thing.

    `what` is link, address, route, neighbour (of a link or a bridge's FDB too),
    intruder, or `OVERRUN`: some were lost, anywhere. Our firewall, sysctls and pins are
    not told of.
    """

    namespace: str
    what: str


@dataclass(slots=True, eq=False)
class LinkCell:
    """A link, and what the kernel keeps for it alone.

    `stations` are a bridge's, MAC -> port; `is_mtu_fixed`: a bridge keeps its MTU when
    its ports have less.
    """

    home: "NamespaceCell"
    link: Link
    other: "LinkCell | None" = None
    is_mtu_fixed: bool = False
    fdb: dict[bytes, bytes] = field(default_factory=dict)
    flood: dict[bytes, None] = field(default_factory=dict)
    neighbours: dict[bytes, bytes] = field(default_factory=dict)
    stations: dict[bytes, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.link.name

    @property
    def is_bridge(self) -> bool:
        return self.link.kind is Kind.BRIDGE

    @property
    def bridge(self) -> "LinkCell | None":
        """The bridge that it is a port of."""
        master = self.link.master
        return None if master is None else self.home.links[master]

    @property
    def has_ipv6(self) -> bool:
        path = f"net/ipv6/conf/{self.name}/disable_ipv6"
        is_off = self.home.sysctls.get(path, "0") != "0"
        return self.link.mtu >= IPV6_MTU_MIN and not is_off

    def ports(self) -> list["LinkCell"]:
        """Return the links that this one is the bridge of."""
        return [c for c in self.home.links.values() if c.link.master == self.name]

    def change(self, **changes: object) -> None:
        """Change the value of the link."""
        self.link = replace(self.link, **changes)  # type: ignore[arg-type]


@dataclass(slots=True, eq=False)
class NamespaceCell:
    """A network namespace. `label` is how events call it.

    `sysctls` are those that were ever written.
    """

    label: str
    is_pinned: bool
    is_alive: bool = True
    links: dict[str, LinkCell] = field(default_factory=dict)
    addresses: dict[Address, None] = field(default_factory=dict)
    routes: dict[Route, None] = field(default_factory=dict)
    sysctls: dict[str, str] = field(default_factory=dict)
    tables: dict[tuple[str, str], Table] = field(default_factory=dict)
    intruders: dict[Intruder, None] = field(default_factory=dict)

    def get(self, name: str) -> LinkCell:
        """Return a link.

        Raises:
            Refusal: there is none of that name.
        """
        cell = self.links.get(name)
        if cell is None:
            raise Refusal("ENODEV")
        return cell


@dataclass(slots=True, eq=False)
class Machine:
    """The kernel of one host.

    `namespaces` are by the agent's keys; `sandboxes` by path: they were made by others
    and become known to the agent when it adopts them.
    """

    namespaces: dict[str, NamespaceCell] = field(default_factory=dict)
    sandboxes: dict[str, NamespaceCell] = field(default_factory=dict)
    events: deque[KernelEvent] = field(default_factory=deque)
    table_limit: int | None = None
    links_made: int = 0

    def __post_init__(self) -> None:
        self.namespaces[HOST] = NamespaceCell(HOST, is_pinned=False)

    def get(self, namespace: str) -> NamespaceCell:
        """Return a namespace.

        Raises:
            Refusal: there is none of that name.
        """
        cell = self.namespaces.get(namespace)
        if cell is None:
            raise Refusal("ENOENT", f"no namespace {namespace!r}")
        return cell

    def find(self, namespace: str, name: str) -> LinkCell | None:
        """Return a link, if it is there."""
        cell = self.namespaces.get(namespace)
        return None if cell is None else cell.links.get(name)

    def all_namespaces(self) -> Iterator[NamespaceCell]:
        """Yield every namespace once, the adopted and the not yet adopted."""
        adopted = list(self.namespaces.values())
        yield from adopted
        for cell in self.sandboxes.values():
            if cell not in adopted:
                yield cell

    def new_mac(self) -> bytes:
        """Return the MAC of a link that was not given one; no other has it."""
        self.links_made += 1
        return bytes([0xBE]) + self.links_made.to_bytes(5, "big")

    def announce(self, home: NamespaceCell, what: str) -> None:
        """Tell the listener that something changed."""
        if len(self.events) < EVENTS_MAX:
            self.events.append(KernelEvent(home.label, what))
        elif self.events[-1].what != OVERRUN:
            self.events.append(KernelEvent(home.label, OVERRUN))
