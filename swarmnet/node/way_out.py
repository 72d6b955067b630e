"""What all networks of a host share: the gateway bridge, and one firewall table."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from swarmnet.cnm.endpoint import Endpoint
from swarmnet.cnm.host import HostFacts, SandboxFacts
from swarmnet.cnm.interfaces import GATEWAY
from swarmnet.kernel.firewall import OURS
from swarmnet.kernel.state import Namespace
from swarmnet.node.followed import Followed
from swarmnet.overlay.gateway import (
    GatewayPlan,
    GatewaySandbox,
    plan_gateway,
    table_of,
)
from swarmnet.overlay.mtu import UNDERLAY_MTU


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
