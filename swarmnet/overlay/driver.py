"""The overlay driver: one namespace per network, with a bridge and a VXLAN device each.

    net/ID   br0 (the gateways' addresses), vxlan0 … one per subnet, a port per endpoint
    box/NAME eth0 …: the endpoint's MAC, addresses, and routes to the other subnets

As Docker's overlay, but nothing is learned and nothing floods: what is not known by
rows is not reached. A namespace is made at the first local endpoint and goes with the
last.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from swarmnet.cnm.driver import DriverScope, Option
from swarmnet.cnm.endpoint import IP, Endpoint
from swarmnet.cnm.host import HostFacts
from swarmnet.cnm.network import Attachment, Network, NetworkView
from swarmnet.cnm.options import MTU_IPV6_MIN, parse_mtu, parse_switch
from swarmnet.kernel.links import Kind, Link, Port, Vxlan
from swarmnet.kernel.state import Address, Namespace
from swarmnet.overlay.entries import ALL_HOSTS, EntryBook, book_of, bridge_mac
from swarmnet.overlay.local_parts import LocalParts
from swarmnet.overlay.mtu import network_mtu
from swarmnet.overlay.naming import (
    BRIDGE,
    alias_of,
    box_of,
    device_of,
    namespace_of,
)

OPTIONS: Final[Mapping[str, Option]] = {
    "mtu": Option("mtu", "the MTU of the network, in bytes", parse_mtu),
    ALL_HOSTS: Option(
        ALL_HOSTS,
        "whether broadcasts and multicasts reach the other hosts",
        lambda text: parse_switch(ALL_HOSTS, text),
    ),
}


@dataclass(frozen=True, slots=True)
class NetworkPlan:
    """What one network calls for on this host.

    `namespaces` by key; those of sandboxes hold this network's part alone. `vteps` are
    the packed addresses from which frames of each of its VNIs may come.
    """

    namespaces: Mapping[str, Namespace] = field(default_factory=dict)
    vteps: Mapping[int, Sequence[bytes]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Frame:
    """What a network's namespace holds whoever is in it; it follows from `basis`."""

    basis: tuple[Network, int, IP, int]
    links: Mapping[str, Link]
    addresses: Mapping[Address, None]
    sysctls: Mapping[str, str]


@dataclass(slots=True)
class Kept:
    """What is kept of a network between its plans."""

    book: EntryBook
    parts: LocalParts = field(default_factory=LocalParts)
    frame: _Frame | None = None


class Overlay:
    """The driver `overlay`."""

    __slots__ = ()

    name = "overlay"
    scope = DriverScope.GLOBAL
    options = OPTIONS

    def plan(self, view: NetworkView, host: HostFacts) -> NetworkPlan:
        """Return what a network calls for, from all that is known of it."""
        me = attachment_of(host)
        book = book_of(view.network, me, view.attachments, view.endpoints)
        local = [one for one in view.endpoints if one.node == host.node]
        return self.plan_with(view.network, local, Kept(book), host)

    def plan_with(
        self,
        network: Network,
        local: Sequence[Endpoint],
        kept: Kept,
        host: HostFacts,
    ) -> NetworkPlan:
        """Return the same, from what is kept up to date.

        The mappings of entries in it are the book's own, and change with it.
        """
        present = [one for one in local if one.sandbox in host.sandboxes]
        if not present:
            return NetworkPlan()
        return _Planning(network, present, kept, host).plan()


def attachment_of(host: HostFacts) -> Attachment:
    """Return this host's part in a network."""
    return Attachment(host.node, host.vtep, host.mtu)


class _Planning:
    """One network's plan in the making."""

    __slots__ = ("_book", "_frame", "_host", "_local", "_mtu", "_network", "_parts")

    def __init__(
        self,
        network: Network,
        local: Sequence[Endpoint],
        kept: Kept,
        host: HostFacts,
    ) -> None:
        self._network = network
        self._local = local
        self._book = kept.book
        self._host = host
        attachments = kept.book.attachments().values()
        self._mtu = network_mtu(network.options, attachments)
        named = ((one, self._interface(one)) for one in local)
        self._parts = kept.parts.keep(network, self._mtu, named)
        if kept.frame is None or not self._is_basis(kept.frame.basis):
            kept.frame = self._make_frame()
        self._frame = kept.frame

    def plan(self) -> NetworkPlan:
        namespaces = {namespace_of(self._network.id): self._inside()}
        for endpoint, part in zip(self._local, self._parts, strict=True):
            # A sandbox is in a network once (CLI contract), so its key is free.
            namespaces[box_of(endpoint.sandbox)] = part.box
        return NetworkPlan(
            namespaces=namespaces,
            vteps=dict.fromkeys(
                (one.vni for one in self._network.subnets), self._book.vteps()
            ),
            warnings=tuple(self._warnings()),
        )

    def _interface(self, endpoint: Endpoint) -> str:
        return self._host.sandboxes[endpoint.sandbox].interfaces[endpoint.id]

    def _has_ipv6(self) -> bool:
        return any(one.prefix.version == 6 for one in self._network.subnets)

    def _warnings(self) -> Iterator[str]:
        name = self._network.name
        if self._has_ipv6() and self._mtu < MTU_IPV6_MIN:
            yield (
                f"network {name}: MTU {self._mtu}, but IPv6 wants {MTU_IPV6_MIN}: its"
                " IPv6 addresses do not work; raise the MTU of the underlay"
            )
        for one in self._book.attachments().values():
            if one.vtep.version != self._host.vtep.version:
                yield (
                    f"network {name}: node {one.node} has the data-path address"
                    f" {one.vtep}, this host {self._host.vtep}: no frames pass between"
                    " IPv4 and IPv6; give both an address of one family"
                )

    # The network's namespace

    def _inside(self) -> Namespace:
        links = dict(self._frame.links)
        stations = self._book.stations()
        for endpoint, part in zip(self._local, self._parts, strict=True):
            links[part.port.name] = part.port
            stations[endpoint.mac] = part.port.name
        return Namespace(
            links=links,
            addresses=self._frame.addresses,
            entries={
                device_of(index): self._book.entries(index)
                for index in range(len(self._network.subnets))
            },
            stations=stations,
            sysctls=self._frame.sysctls,
            is_owned=True,
            is_pinned=True,
        )

    def _is_basis(self, basis: tuple[Network, int, IP, int]) -> bool:
        network, *rest = basis
        # A network is replaced as a whole.
        return network is self._network and rest == [
            self._mtu,
            self._host.vtep,
            self._host.port,
        ]

    def _make_frame(self) -> _Frame:
        devices = [self._device(i) for i in range(len(self._network.subnets))]
        return _Frame(
            basis=(self._network, self._mtu, self._host.vtep, self._host.port),
            links={one.name: one for one in (self._bridge(), *devices)},
            addresses=dict.fromkeys(self._gateways()),
            sysctls=dict(self._sysctls()),
        )

    def _bridge(self) -> Link:
        return Link(
            name=BRIDGE,
            kind=Kind.BRIDGE,
            mtu=self._mtu,
            alias=alias_of(self._network.id),
            mac=bridge_mac(self._network),
        )

    def _device(self, index: int) -> Link:
        host = self._host
        vni = self._network.subnets[index].vni
        return Link(
            name=device_of(index),
            kind=Kind.VXLAN,
            mtu=self._mtu,
            alias=alias_of(self._network.id),
            master=BRIDGE,
            # What comes in by one device must not leave by another: it would circle.
            port=Port(learning=False, flood=True, isolated=True),
            vxlan=Vxlan(vni=vni, local=host.vtep.packed, port=host.port),
        )

    def _gateways(self) -> Iterator[Address]:
        for one in self._network.subnets:
            if one.gateway is not None:
                yield Address(BRIDGE, one.gateway.packed, one.prefix.prefixlen)

    def _sysctls(self) -> Iterator[tuple[str, str]]:
        # A new namespace inherits the host's setting, which may be to forward.
        yield "net/ipv4/ip_forward", "0"
        if self._has_ipv6():
            # A VXLAN device answers for IPv6 neighbours only where IPv6 is on.
            for index in range(len(self._network.subnets)):
                yield f"net/ipv6/conf/{device_of(index)}/disable_ipv6", "0"
            yield f"net/ipv6/conf/{BRIDGE}/disable_ipv6", "0"
