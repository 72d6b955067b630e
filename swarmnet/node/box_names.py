"""What the interfaces of a sandbox are called, also of one that lost its alias.

Whose an interface is, its alias says. One without (somebody changed it, or an agent was
killed before it had one) is known by its MAC, if its other end stands where it should;
then it keeps its name, and gets its alias back.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from swarmnet.cnm.endpoint import Endpoint
from swarmnet.cnm.host import SandboxFacts
from swarmnet.cnm.interfaces import GATEWAY, name_interfaces
from swarmnet.kernel.links import Kind
from swarmnet.kernel.state import Host, Namespace
from swarmnet.overlay.facts import names_kept, recognised
from swarmnet.overlay.naming import namespace_of, port_of


@dataclass(frozen=True, slots=True)
class Box:
    """A sandbox whose interfaces want names.

    `given` is how they were named last, `gateway` what the gateway called for in there;
    either may be None. `endpoints` are by network and id.
    """

    facts: SandboxFacts
    given: SandboxFacts | None
    endpoints: Mapping[tuple[str, str], Endpoint]
    gateway: Namespace | None
    needs_gateway: bool


def name_box(box: Box, held: Host, *, is_complete: bool) -> SandboxFacts:
    """Return what a sandbox holds, and a name for each interface that it should have.

    Unless all `is_complete`, whose an interface is may not be known yet: its name is
    nobody else's. `held` is what the kernel holds, as far as we know.
    """
    facts, given = box.facts, box.given
    if facts.unmarked:
        facts = recognised(facts, dict(_macs(box, held)), given)
    wanted = [endpoint for _, endpoint in box.endpoints]
    if box.needs_gateway:
        wanted.append(GATEWAY)
    others = [] if is_complete else facts.interfaces.values()
    taken = [*facts.foreign, *others]
    names = name_interfaces(wanted, names_kept(facts, given), taken)
    return replace(facts, interfaces=names)


def _macs(box: Box, held: Host) -> Iterator[tuple[str, bytes]]:
    """Yield the MACs of interfaces whose other end stands, by endpoint."""
    for (network, number), endpoint in box.endpoints.items():
        if _has_port(held, namespace_of(network), port_of(number)):
            yield number, endpoint.mac
    links = {} if box.gateway is None else box.gateway.links
    for link in links.values():
        assert link.mac is not None, link
        assert link.peer is not None, link
        if _has_port(held, link.peer.namespace, link.peer.name):
            yield GATEWAY, link.mac


def _has_port(held: Host, namespace: str, name: str) -> bool:
    found = held.namespaces.get(namespace, Namespace()).links.get(name)
    return found is not None and found.kind is Kind.VETH
