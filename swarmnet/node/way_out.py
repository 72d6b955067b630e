"""What all networks of a host share: the gateway bridge, and one firewall table."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from swarmnet.cnm.endpoint import Endpoint
from swarmnet.cnm.host import HostFacts, SandboxFacts
from swarmnet.cnm.interfaces import GATEWAY
from swarmnet.cnm.network import Network
from swarmnet.kernel.firewall import OURS
from swarmnet.kernel.state import Namespace
from swarmnet.overlay.driver import NetworkPlan
from swarmnet.overlay.entries import EntryBook, Sort
from swarmnet.overlay.gateway import (
    GatewayPlan,
    GatewaySandbox,
    plan_gateway,
    table_of,
)
from swarmnet.overlay.mtu import UNDERLAY_MTU
from swarmnet.overlay.naming import device_of, namespace_of


@dataclass(slots=True)
class Followed:
    """A network as it is followed here. `local` are this host's endpoints, by id."""

    network: Network
    book: EntryBook
    local: dict[str, Endpoint] = field(default_factory=dict)
    plan: NetworkPlan = field(default_factory=NetworkPlan)

    def stations(self) -> dict[bytes, str]:
        """Return the plan's static entries of the bridge, to be kept up here."""
        space = self.plan.namespaces.get(namespace_of(self.network.id))
        if space is None:
            return {}
        assert isinstance(space.stations, dict)
        return space.stations

    def follow_stations(self) -> None:
        """Let the plan say what the changed keys of the book say of the bridge."""
        stations = self.stations()
        devices = [device_of(index) for index in range(len(self.network.subnets))]
        for mac in changed_stations(self.book):
            if stations.get(mac, devices[0]) not in devices:
                # A sandbox of ours has it.
                continue
            device = self._device_to(mac)
            if device is None:
                stations.pop(mac, None)
            else:
                stations[mac] = device

    def _device_to(self, mac: bytes) -> str | None:
        for index in reversed(range(len(self.network.subnets))):
            if self.book.value((Sort.STATION, index, mac)) is not None:
                return device_of(index)
        return None


def changed_stations(book: EntryBook) -> dict[bytes, None]:
    """Return the MACs of which a book came to say something else to the bridge."""
    return {mac: None for sort, _, mac in book.changed if sort is Sort.STATION}


@dataclass(frozen=True, slots=True)
class Inside:
    """The sandboxes of a host: what they hold, and their endpoints by any key."""

    facts: Mapping[str, SandboxFacts]
    endpoints: Mapping[str, Mapping[tuple[str, str], Endpoint]]

    def seats(self) -> Iterator[GatewaySandbox]:
        """Yield those that have an interface on the gateway bridge."""
        for name, facts in self.facts.items():
            if GATEWAY in facts.interfaces:
                yield self._seat(name, facts)

    def _seat(self, name: str, facts: SandboxFacts) -> GatewaySandbox:
        inside = self.endpoints.get(name, {})
        # Of two that publish one port the first has it, also in the next life.
        endpoints = [inside[key] for key in sorted(inside)]
        return GatewaySandbox(
            name=name,
            interface=facts.interfaces[GATEWAY],
            address=facts.gateway_address,
            has_default_route=facts.has_default_route,
            has_ipv6=any(ip.version == 6 for one in endpoints for ip in one.addresses),
            publish=tuple(port for one in endpoints for port in one.publish),
        )


def plan_way_out(
    networks: Iterable[Followed], inside: Inside, host: HostFacts
) -> GatewayPlan:
    """Return what the gateway calls for, in the host and in sandboxes.

    It is nothing without a firewall, which masquerades, and guards what is let through.
    """
    subnets = [subnet.prefix for one in networks for subnet in one.network.subnets]
    return plan_gateway(
        list(inside.seats()),
        held=host.gateway,
        avoid=[*host.routes, *subnets],
        mtu=host.mtu or UNDERLAY_MTU,
        # To lead VXLAN's own port away would cut all networks.
        reserved=[("udp", host.port)],
    )


def plan_table(
    networks: Iterable[Followed], gateway: GatewayPlan, port: int
) -> Namespace:
    """Return the part of the host's namespace that is our firewall table, if any."""
    vteps = {vni: some for one in networks for vni, some in one.plan.vteps.items()}
    table = table_of(vteps, port, gateway)
    return Namespace(tables={} if table is None else {OURS: table})
