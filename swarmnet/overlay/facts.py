"""What a kernel's actual state tells that planning must know."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from ipaddress import ip_address, ip_network

from swarmnet.cnm.endpoint import IP
from swarmnet.cnm.host import SandboxFacts
from swarmnet.cnm.interfaces import GATEWAY
from swarmnet.cnm.network import Prefix
from swarmnet.kernel.link_difference import may_remove
from swarmnet.kernel.links import Kind, is_ours
from swarmnet.kernel.state import PROTOCOL, Namespace
from swarmnet.overlay.naming import GATEWAY_ALIAS, GATEWAY_BRIDGE, endpoint_of


def sandbox_facts(space: Namespace) -> SandboxFacts:
    """Return what stands in a sandbox: which links are ours, and what is not."""
    interfaces: dict[str, str] = {}
    foreign: list[str] = []
    unmarked: dict[str, bytes] = {}
    for name, link in space.links.items():
        endpoint = endpoint_of(link.alias)
        if link.alias.startswith(GATEWAY_ALIAS):
            interfaces[GATEWAY] = name
        elif endpoint is not None:
            interfaces[endpoint] = name
        elif not may_remove(link, space):
            foreign.append(name)
            if link.kind is Kind.VETH:
                unmarked[name] = link.mac or b""
    return SandboxFacts(
        interfaces=interfaces,
        foreign=tuple(foreign),
        unmarked=unmarked,
        has_default_route=any(
            one.length == 0 and one.protocol != PROTOCOL and len(one.destination) == 4
            for one in space.routes
        ),
        gateway_address=_first_address(space, interfaces.get(GATEWAY)),
    )


def recognised(
    facts: SandboxFacts, macs: Mapping[str, bytes], given: SandboxFacts | None
) -> SandboxFacts:
    """Return the same, with links that are ours though no alias says so.

    `macs` are those of interfaces that must be there, by endpoint. One that has been
    given a name is known under that name alone; of several that are alike, none is.
    """
    names = {} if given is None else given.interfaces
    found: dict[str, str] = {}
    for endpoint, mac in macs.items():
        alike = [
            name
            for name, one in facts.unmarked.items()
            if one == mac and names.get(endpoint, name) == name
        ]
        if endpoint not in facts.interfaces and len(alike) == 1:
            found[endpoint] = alike[0]
    if not found:
        return facts
    ours = dict.fromkeys(found.values())
    address = facts.gateway_address
    if GATEWAY in found and given is not None:
        address = given.gateway_address
    return replace(
        facts,
        interfaces={**facts.interfaces, **found},
        foreign=tuple(name for name in facts.foreign if name not in ours),
        gateway_address=address,
    )


def names_kept(facts: SandboxFacts, given: SandboxFacts | None) -> dict[str, str]:
    """Return the names that interfaces keep: those that they have, or were given.

    Others may have taken one that was given, before it was there; and one that was
    seen may have been given to another since.
    """
    kept = dict(facts.interfaces if given is None else given.interfaces)
    taken = dict.fromkeys(kept.values())
    for one, name in facts.interfaces.items():
        if one not in kept and name not in taken:
            kept[one] = name
            taken[name] = None
    return {one: name for one, name in kept.items() if name not in facts.foreign}


def _first_address(space: Namespace, link: str | None) -> IP | None:
    for one in space.addresses:
        if one.link == link and len(one.ip) == 4:
            return ip_address(one.ip)
    return None


def foreign_prefixes(host: Namespace) -> Iterator[Prefix]:
    """Yield what the host reaches by others' links, but for default routes."""
    for address in host.addresses:
        link = host.links.get(address.link)
        if link is None or not is_ours(link):
            yield ip_network((address.ip, address.length), strict=False)
    for route in host.routes:
        link = host.links.get(route.link)
        is_foreign = link is None or not is_ours(link)
        if route.length and route.protocol != PROTOCOL and is_foreign:
            yield ip_network((route.destination, route.length), strict=False)


def gateway_prefix(host: Namespace) -> Prefix | None:
    """Return the subnet that the gateway bridge has, or None."""
    for address in host.addresses:
        if address.link == GATEWAY_BRIDGE and len(address.ip) == 4:
            return ip_network((address.ip, address.length), strict=False)
    return None


def mtu_towards(host: Namespace, vtep: IP) -> int | None:
    """Return the MTU of the link that has an address, or None if none has it."""
    for address in host.addresses:
        if address.ip == vtep.packed and address.link in host.links:
            return host.links[address.link].mtu
    return None
