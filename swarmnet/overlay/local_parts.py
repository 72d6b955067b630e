"""What one endpoint of this host calls for: its port on the bridge, and its sandbox.

That of the others does not change when one comes or goes, so it is planned once and
kept: an attachment costs the same whoever is there already.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from swarmnet.cnm.endpoint import Endpoint
from swarmnet.cnm.network import Network
from swarmnet.kernel.links import Kind, Link, Peer, Port
from swarmnet.kernel.state import Address, Namespace, Route
from swarmnet.overlay.naming import BRIDGE, alias_of, box_of, namespace_of, port_of


@dataclass(frozen=True, slots=True)
class Basis:
    """What an endpoint's part follows from. `interface` is its name in the sandbox."""

    network: Network
    endpoint: Endpoint
    interface: str
    mtu: int


@dataclass(frozen=True, slots=True)
class LocalPart:
    """An endpoint's part of the plan: `port` in the network's namespace, and `box`."""

    port: Link
    box: Namespace


class LocalParts:
    """The parts of one network's endpoints here, kept while their basis stays."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Basis, LocalPart]] = {}

    def keep(
        self, network: Network, mtu: int, named: Iterable[tuple[Endpoint, str]]
    ) -> list[LocalPart]:
        """Return the parts of these endpoints, in order; those of others go.

        Each comes with the name of its interface.
        """
        before, self._kept = self._kept, {}
        for endpoint, interface in named:
            kept = before.get(endpoint.id)
            if kept is None or not _is_same(kept[0], network, endpoint, interface, mtu):
                basis = Basis(network, endpoint, interface, mtu)
                kept = basis, plan_local(basis)
            self._kept[endpoint.id] = kept
        return [part for _, part in self._kept.values()]


def _is_same(
    basis: Basis, network: Network, endpoint: Endpoint, interface: str, mtu: int
) -> bool:
    # Values that are replaced as a whole: to compare what is in them costs as much.
    return (
        basis.network is network
        and basis.endpoint is endpoint
        and basis.interface == interface
        and basis.mtu == mtu
    )


def plan_local(basis: Basis) -> LocalPart:
    """Return what one endpoint calls for."""
    inside = [basis.network.subnet_of(one) for one in basis.endpoint.addresses]
    return LocalPart(_port(basis), _box(basis, inside))


def _port(basis: Basis) -> Link:
    network, endpoint = basis.network, basis.endpoint
    return Link(
        name=port_of(endpoint.id),
        kind=Kind.VETH,
        mtu=basis.mtu,
        alias=alias_of(network.id, endpoint.id),
        master=BRIDGE,
        port=Port(learning=False, flood=False),
        peer=Peer(box_of(endpoint.sandbox), basis.interface),
    )


def _box(basis: Basis, inside: list[int | None]) -> Namespace:
    """Return the sandbox; `inside` are the subnets of the endpoint's addresses."""
    network, endpoint, name = basis.network, basis.endpoint, basis.interface
    link = Link(
        name=name,
        kind=Kind.VETH,
        mtu=basis.mtu,
        alias=alias_of(network.id, endpoint.id),
        mac=endpoint.mac,
        peer=Peer(namespace_of(network.id), port_of(endpoint.id)),
    )
    has_ipv6 = any(one.version == 6 for one in endpoint.addresses)
    return Namespace(
        links={name: link},
        addresses=dict.fromkeys(_addresses(basis, inside)),
        routes=dict.fromkeys(_routes(basis, inside)),
        sysctls={f"net/ipv6/conf/{name}/disable_ipv6": "0"} if has_ipv6 else {},
    )


def _addresses(basis: Basis, inside: list[int | None]) -> Iterator[Address]:
    for address, index in zip(basis.endpoint.addresses, inside, strict=True):
        if index is not None:
            length = basis.network.subnets[index].prefix.prefixlen
            yield Address(basis.interface, address.packed, length)


def _routes(basis: Basis, inside: list[int | None]) -> Iterator[Route]:
    """Yield routes to the subnets in which an endpoint has no address itself.

    They are on the same wire: whoever is there is answered for like anybody else.
    """
    versions = [one.version for one in basis.endpoint.addresses]
    for index, one in enumerate(basis.network.subnets):
        if index not in inside and one.prefix.version in versions:
            packed = one.prefix.network_address.packed
            yield Route(packed, one.prefix.prefixlen, basis.interface)
