"""What interfaces are called, also those that lost their alias."""

from dataclasses import replace
from ipaddress import ip_address

from swarmnet.cnm.endpoint import Endpoint, mac_of
from swarmnet.cnm.host import SandboxFacts
from swarmnet.cnm.interfaces import GATEWAY
from swarmnet.kernel.links import Kind, Link, Peer
from swarmnet.kernel.state import HOST, Host, Namespace
from swarmnet.node.box_names import Box, name_box
from swarmnet.overlay.naming import port_of

ADDRESS = ip_address("10.0.1.2")
ENDPOINT = Endpoint("e" * 32, "web", "a", "s1", (ADDRESS,), mac_of([ADDRESS]))
OTHER_MAC = bytes([6, 0, 0, 0, 0, 1])
PORT = Link(port_of(ENDPOINT.id), Kind.VETH, 1450)
GATE_MAC = bytes([2, 0x42, 172, 18, 0, 2])
GATE = Link("eth1", Kind.VETH, 1500, mac=GATE_MAC, peer=Peer(HOST, "g1"))
HELD = Host(
    {
        "net/n": Namespace(links={PORT.name: PORT}),
        HOST: Namespace(links={"g1": Link("g1", Kind.VETH, 1500)}),
    }
)
BARE = SandboxFacts(foreign=("eth0",), unmarked={"eth0": ENDPOINT.mac})


def box(
    facts: SandboxFacts,
    given: SandboxFacts | None = None,
    gateway: Namespace | None = None,
) -> Box:
    endpoints = {("n", ENDPOINT.id): ENDPOINT}
    needs = gateway is not None
    return Box(facts, given, endpoints, gateway, needs_gateway=needs)


def names(one: Box, held: Host = HELD) -> dict[str, str]:
    return dict(name_box(one, held, is_complete=True).interfaces)


def test_an_interface_without_its_alias_keeps_its_name() -> None:
    assert names(box(BARE)) == {ENDPOINT.id: "eth0"}
    named = name_box(box(BARE), HELD, is_complete=True)
    assert named.foreign == ()


def test_one_whose_port_is_gone_is_somebody_elses() -> None:
    assert names(box(BARE), Host()) == {ENDPOINT.id: "eth1"}


def test_one_with_another_mac_is_somebody_elses() -> None:
    facts = replace(BARE, unmarked={"eth0": OTHER_MAC})
    assert names(box(facts)) == {ENDPOINT.id: "eth1"}


def test_of_two_alike_that_counts_whose_name_was_given() -> None:
    both = {"eth0": ENDPOINT.mac, "eth5": ENDPOINT.mac}
    facts = SandboxFacts(foreign=("eth0", "eth5"), unmarked=both)
    assert names(box(facts)) == {ENDPOINT.id: "eth1"}
    given = SandboxFacts(interfaces={ENDPOINT.id: "eth5"})
    assert names(box(facts, given)) == {ENDPOINT.id: "eth5"}


def test_the_gateways_is_known_as_long_as_somebody_planned_it() -> None:
    unmarked = {"eth0": ENDPOINT.mac, "eth1": GATE_MAC}
    facts = SandboxFacts(foreign=("eth0", "eth1"), unmarked=unmarked)
    interfaces = {ENDPOINT.id: "eth0", GATEWAY: "eth1"}
    address = ip_address("172.18.0.2")
    given = SandboxFacts(interfaces=interfaces, gateway_address=address)
    planned = Namespace(links={"eth1": GATE})
    found = name_box(box(facts, given, planned), HELD, is_complete=True)
    assert found.interfaces == interfaces
    assert found.gateway_address == address
    lost = name_box(box(facts, gateway=Namespace()), HELD, is_complete=True)
    assert lost.interfaces == {ENDPOINT.id: "eth0", GATEWAY: "eth2"}
