"""What a kernel's state tells that planning must know."""

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from swarmnet.cnm.host import SandboxFacts
from swarmnet.kernel.links import Kind, Link
from swarmnet.kernel.state import KERNEL, Address, Namespace, Route
from swarmnet.overlay.facts import (
    foreign_prefixes,
    gateway_prefix,
    mtu_towards,
    names_kept,
    sandbox_facts,
)


def space(
    *links: Link, addresses: tuple[Address, ...] = (), routes: tuple[Route, ...] = ()
) -> Namespace:
    return Namespace(
        links={one.name: one for one in links},
        addresses=dict.fromkeys(addresses),
        routes=dict.fromkeys(routes),
    )


def link(name: str, alias: str = "", kind: Kind = Kind.VETH, mtu: int = 1500) -> Link:
    return Link(name, kind, mtu, alias)


def address(name: str, text: str, length: int) -> Address:
    return Address(name, ip_address(text).packed, length)


def route(text: str, name: str, protocol: int = KERNEL) -> Route:
    prefix = ip_network(text)
    packed = prefix.network_address.packed
    return Route(packed, prefix.prefixlen, name, protocol=protocol)


ETH0 = link("eth0", kind=Kind.OTHER)
OURS = link("eth1", "swarmnet:n1/e1")
GATEWAY = link("eth2", "swarmnet:gateway/box")
HALF = link("v0123456789ab")
BRIDGE = link("swarmnet_gw", "swarmnet:gateway", Kind.BRIDGE)


def test_an_empty_sandbox_has_nothing() -> None:
    assert sandbox_facts(Namespace()) == SandboxFacts()


def test_links_are_ours_by_their_alias_and_others_are_foreign() -> None:
    found = sandbox_facts(
        space(
            *(ETH0, OURS, GATEWAY, HALF),
            addresses=(
                address("eth0", "172.17.0.2", 16),
                address("eth2", "fd73::3", 64),
                address("eth2", "172.18.0.3", 16),
            ),
        )
    )
    assert found == SandboxFacts(
        interfaces={"e1": "eth1", "": "eth2"},
        foreign=("eth0",),
        gateway_address=ip_address("172.18.0.3"),
    )


@pytest.mark.parametrize(
    ("text", "protocol", "is_foreign"),
    [
        ("0.0.0.0/0", 3, True),
        ("0.0.0.0/0", 77, False),
        ("10.0.0.0/8", 3, False),
        ("::/0", 3, False),
    ],
)
def test_a_default_route_is_foreign_if_we_did_not_make_it(
    text: str, protocol: int, is_foreign: bool
) -> None:
    found = sandbox_facts(space(ETH0, routes=(route(text, "eth0", protocol),)))
    assert found.has_default_route is is_foreign


def test_the_host_reaches_what_its_own_links_and_routes_lead_to() -> None:
    host = space(
        ETH0,
        BRIDGE,
        addresses=(
            address("eth0", "10.99.0.1", 24),
            address("swarmnet_gw", "172.18.0.1", 16),
        ),
        routes=(
            route("0.0.0.0/0", "eth0", 3),
            route("192.168.0.0/20", "eth0", 4),
            route("172.18.0.0/16", "swarmnet_gw"),
            route("10.5.0.0/16", "eth0", 77),
        ),
    )
    found = [str(one) for one in foreign_prefixes(host)]
    assert found == ["10.99.0.0/24", "192.168.0.0/20"]
    assert gateway_prefix(host) == ip_network("172.18.0.0/16")
    assert gateway_prefix(space(ETH0)) is None


def test_the_mtu_is_that_of_the_link_with_the_address() -> None:
    host = space(
        *(replace(ETH0, mtu=9000), link("eth9")),
        addresses=(address("eth0", "10.99.0.1", 24), address("eth9", "fd99::1", 64)),
    )
    assert mtu_towards(host, ip_address("10.99.0.1")) == 9000
    assert mtu_towards(host, ip_address("fd99::1")) == 1500
    assert mtu_towards(host, ip_address("10.99.0.2")) is None


def test_a_name_that_was_given_to_another_since_it_was_seen_is_kept_by_that_one() -> (
    None
):
    seen = SandboxFacts(interfaces={"": "eth1", "a": "eth0"})
    given = SandboxFacts(interfaces={"a": "eth0", "b": "eth1"})
    assert names_kept(seen, given) == {"a": "eth0", "b": "eth1"}
    assert names_kept(seen, None) == {"": "eth1", "a": "eth0"}
