"""What a host's kernel should hold, worked out anew from all that is known at once.

Nothing here is kept up: what the data plane reached change by change must equal it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sim.kernel.fake import FakeKernel
from swarmnet.cnm.endpoint import Endpoint
from swarmnet.cnm.host import HostFacts, SandboxFacts
from swarmnet.cnm.interfaces import GATEWAY
from swarmnet.cnm.network import Attachment, Network, NetworkView
from swarmnet.cnm.sandbox import Sandbox
from swarmnet.kernel.firewall import OURS
from swarmnet.kernel.state import HOST, Host, Namespace, Unreadable
from swarmnet.node.desired import Place
from swarmnet.overlay.driver import NetworkPlan, Overlay
from swarmnet.overlay.facts import (
    foreign_prefixes,
    gateway_prefix,
    mtu_towards,
    sandbox_facts,
)
from swarmnet.overlay.gateway import (
    GatewayPlan,
    GatewaySandbox,
    plan_gateway,
    table_of,
)
from swarmnet.overlay.mtu import UNDERLAY_MTU
from swarmnet.overlay.naming import box_of
from swarmnet.overlay.parts import join


@dataclass(slots=True)
class Known:
    """All that was ever told and not taken back."""

    place: Place
    sandboxes: dict[str, Sandbox] = field(default_factory=dict)
    networks: dict[str, Network] = field(default_factory=dict)
    attachments: dict[str, dict[str, Attachment]] = field(default_factory=dict)
    endpoints: dict[str, dict[str, Endpoint]] = field(default_factory=dict)

    def views(self) -> Iterator[NetworkView]:
        for key in sorted(self.networks):
            attachments = self.attachments.get(key, {})
            endpoints = self.endpoints.get(key, {})
            yield NetworkView(
                self.networks[key],
                [attachments[one] for one in sorted(attachments)],
                [endpoints[one] for one in sorted(endpoints)],
            )


def plan_all(known: Known, kernel: FakeKernel) -> Host:
    """Return the plan; what sandboxes hold is read from the kernel."""
    facts = _host_facts(known, kernel)
    driver = Overlay()
    views = list(known.views())
    plans = [driver.plan(view, facts) for view in views]
    way_out = _way_out(views, facts)
    spaces: dict[str, list[Namespace]] = {HOST: []}
    for name in facts.sandboxes:
        is_pinned = known.sandboxes[name].netns is None
        spaces[box_of(name)] = [Namespace(is_pinned=is_pinned)]
    for some in (*(plan.namespaces for plan in plans), way_out.namespaces):
        for key, part in some.items():
            spaces.setdefault(key, []).append(part)
    spaces[HOST].append(_table(known, plans, way_out))
    return Host(
        {
            key: parts[0] if key.startswith("net/") else join(_base(parts), parts)
            for key, parts in spaces.items()
        }
    )


def _base(parts: Sequence[Namespace]) -> Namespace:
    return Namespace(is_pinned=any(one.is_pinned for one in parts))


def _host_facts(known: Known, kernel: FakeKernel) -> HostFacts:
    place = known.place
    host = kernel.read(HOST)
    return HostFacts(
        node=place.node,
        vtep=place.vtep,
        mtu=place.mtu or mtu_towards(host, place.vtep),
        port=place.port,
        sandboxes=dict(_sandboxes(known, kernel)),
        routes=tuple(foreign_prefixes(host)),
        gateway=gateway_prefix(host),
    )


def _sandboxes(known: Known, kernel: FakeKernel) -> Iterator[tuple[str, SandboxFacts]]:
    for name in known.sandboxes:
        try:
            yield name, sandbox_facts(kernel.read(box_of(name)))
        except Unreadable:
            assert known.sandboxes[name].netns is not None, "we would have made it"


def _way_out(views: Sequence[NetworkView], facts: HostFacts) -> GatewayPlan:
    inside: dict[str, list[Endpoint]] = {}
    wanting: dict[str, None] = {}
    for view in views:
        for one in view.endpoints:
            if one.node != facts.node or one.sandbox not in facts.sandboxes:
                continue
            inside.setdefault(one.sandbox, []).append(one)
            if not view.network.is_internal:
                wanting[one.sandbox] = None
    return plan_gateway(
        [_seat(one, facts.sandboxes, inside[one]) for one in wanting],
        held=facts.gateway,
        avoid=[
            *facts.routes,
            *(subnet.prefix for one in views for subnet in one.network.subnets),
        ],
        mtu=facts.mtu or UNDERLAY_MTU,
    )


def _seat(
    name: str, facts: Mapping[str, SandboxFacts], endpoints: Sequence[Endpoint]
) -> GatewaySandbox:
    addresses = [ip for one in endpoints for ip in one.addresses]
    return GatewaySandbox(
        name=name,
        interface=facts[name].interfaces[GATEWAY],
        address=facts[name].gateway_address,
        has_default_route=facts[name].has_default_route,
        has_ipv6=any(one.version == 6 for one in addresses),
        publish=tuple(port for one in endpoints for port in one.publish),
    )


def _table(
    known: Known, plans: Sequence[NetworkPlan], way_out: GatewayPlan
) -> Namespace:
    vteps = {vni: some for one in plans for vni, some in one.vteps.items()}
    table = table_of(vteps, known.place.port, way_out)
    is_wanted = table is not None and known.place.has_firewall
    return Namespace(tables={OURS: table} if is_wanted and table is not None else {})
