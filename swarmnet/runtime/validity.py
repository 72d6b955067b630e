"""Why an endpoint has its address, or has it not: by whose range that is in."""

from collections.abc import Iterator
from ipaddress import ip_address

from swarmnet.cnm.endpoint import IP
from swarmnet.ids import NodeId
from swarmnet.node.books import subnet_realm
from swarmnet.node.endpoints import KnownEndpoint
from swarmnet.runtime.life import Life
from swarmnet.runtime.views import Json


def validity(life: Life, one: KnownEndpoint) -> Json:
    """Return whether an endpoint's addresses are its own, and by what."""
    return {"valid": one.is_effective, "detail": "; ".join(_reasons(life, one))}


def _reasons(life: Life, one: KnownEndpoint) -> Iterator[str]:
    networks = life.node.addressing.networks
    known = networks.get(one.network)
    if known is None:
        yield "its network is not known here"
        return
    if not networks.is_sound(known):
        yield "a VNI of its network is another's: remove the network"
        return
    for index, address in one.facts.addresses:
        yield f"{address}: {_reason(life, one, index, address)}"
    if one.is_dormant:
        yield "its owner is dead: names lead nobody there"


def _reason(life: Life, one: KnownEndpoint, index: int, address: IP) -> str:
    """Say who may use an address, and who does."""
    addressing = life.node.addressing
    holder = addressing.endpoints.effective_at(one.network, index, address)
    if holder is not None and holder != (one.network, one.owner, one.id):
        facts = addressing.endpoints.facts_of(holder)
        sandbox = "another endpoint" if facts is None else f"sandbox {facts.sandbox}"
        return f"{sandbox} on {_name(life, holder[1])} has it, by a later row"
    known = addressing.networks.get(one.network)
    assert known is not None, "it was looked up before"
    realm = addressing.realms.get(subnet_realm(one.network, index))
    subnet = known.facts.subnets[index].subnet.prefix
    first = int(subnet.network_address)
    held = None
    if realm is not None and address in subnet:
        held = realm.ownership.holding_at(int(address) - first)
    if held is None:
        return f"in nobody's range of {subnet}" if holder is None else "hashed to it"
    low, high = (
        ip_address(first + number) for number in (held.span.first, held.span.last)
    )
    whose = f"in {low} to {high}, which is {_name(life, held.owner)}'s"
    if holder is None and held.owner == one.owner:
        return f"{whose}, but it is not yet sure that nobody was given it since"
    return whose


def _name(life: Life, node: bytes) -> str:
    return life.name_of(NodeId(node)) or node.hex()
