"""What the gateway bridge calls for: on the host, in sandboxes, in the firewall."""

from ipaddress import IPv4Address, IPv4Network, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.cnm.endpoint import parse_publish
from swarmnet.cnm.network import Prefix
from swarmnet.kernel.firewall import OURS
from swarmnet.kernel.links import Kind, Link, Peer, Port
from swarmnet.kernel.state import HOST, Address, Namespace, Route
from swarmnet.overlay import filtering, gateway_chains, publishing
from swarmnet.overlay.gateway import (
    POOL,
    GatewayPlan,
    GatewaySandbox,
    choose_subnet,
    plan_gateway,
    table_of,
)

MAC_HOST, MAC_A = b"\x02\x42\xac\x12\x00\x01", b"\x02\x42\xac\x12\x00\x02"
PORT_A = "g433911c6eb0d"
BRIDGE = IPv4Address("172.18.0.1").packed
A = IPv4Address("172.18.0.2").packed
ULA = "fd73:7761:726d:6e74::"
HELD = IPv4Network("172.19.0.0/16")


def plan(
    *sandboxes: GatewaySandbox, held: Prefix | None = None, avoid: tuple[str, ...] = ()
) -> GatewayPlan:
    prefixes = [ip_network(text) for text in avoid]
    return plan_gateway(sandboxes, held=held, avoid=prefixes, mtu=1500)


def addresses(result: GatewayPlan) -> dict[str, str]:
    """The IPv4 address of each sandbox."""
    return {
        key.removeprefix("box/"): str(ip_address(next(iter(part.addresses)).ip))
        for key, part in result.namespaces.items()
        if key != HOST
    }


def test_no_sandbox_needs_no_gateway() -> None:
    assert plan() == GatewayPlan()


def test_one_sandbox_calls_for_a_bridge_a_link_and_a_route() -> None:
    result = plan(GatewaySandbox("a", "eth1"))
    bridge = Link("swarmnet_gw", Kind.BRIDGE, 1500, "swarmnet:gateway", MAC_HOST)
    port = Link(
        PORT_A,
        Kind.VETH,
        1500,
        "swarmnet:gateway/a",
        master="swarmnet_gw",
        port=Port(isolated=True),
        peer=Peer("box/a", "eth1"),
    )
    inside = Link(
        "eth1",
        Kind.VETH,
        1500,
        "swarmnet:gateway/a",
        MAC_A,
        peer=Peer(HOST, PORT_A),
    )
    assert result.namespaces == {
        HOST: Namespace(
            links={"swarmnet_gw": bridge, PORT_A: port},
            addresses={Address("swarmnet_gw", BRIDGE, 16): None},
            stations={MAC_A: PORT_A},
            sysctls={"net/ipv4/ip_forward": "1"},
        ),
        "box/a": Namespace(
            links={"eth1": inside},
            addresses={Address("eth1", A, 16): None},
            routes={Route(bytes(4), 0, "eth1", BRIDGE): None},
        ),
    }
    assert result.warnings == ()


def test_a_sandbox_with_ipv6_has_an_address_that_follows_from_the_other() -> None:
    result = plan(GatewaySandbox("a", "eth1", has_ipv6=True), GatewaySandbox("b", "c"))
    own, gateway = (ip_address(f"{ULA}ac12:{last}").packed for last in (2, 1))
    host, box = result.namespaces[HOST], result.namespaces["box/a"]
    assert list(box.addresses) == [Address("eth1", A, 16), Address("eth1", own, 64)]
    assert list(box.routes)[1] == Route(bytes(16), 0, "eth1", gateway)
    assert box.sysctls == {"net/ipv6/conf/eth1/disable_ipv6": "0"}
    assert list(host.addresses)[1:] == [
        Address("swarmnet_gw", gateway, 64),
        Address("swarmnet_gw", ip_address("fe80::1").packed, 64),
    ]
    assert host.sysctls["net/ipv6/conf/all/forwarding"] == "1"
    assert len(result.namespaces["box/b"].addresses) == 1


def test_the_loopback_leads_to_the_bridge_only_where_a_port_is_published() -> None:
    result = plan(GatewaySandbox("a", "eth1", publish=(parse_publish("80:80"),)))
    sysctls = result.namespaces[HOST].sysctls
    assert sysctls["net/ipv4/conf/swarmnet_gw/route_localnet"] == "1"


def test_a_sandbox_with_its_own_default_route_gets_none_and_is_masqueraded() -> None:
    box = GatewaySandbox("a", "eth1", has_default_route=True, has_ipv6=True)
    result = plan(box)
    assert result.namespaces["box/a"].routes == {}
    assert result.elements["other_way4"] == {"172.18.0.2": None}
    assert result.elements["other_way6"] == {f"{ULA}ac12:2": None}


def test_who_has_an_address_keeps_it_and_newcomers_get_the_lowest() -> None:
    result = plan(
        GatewaySandbox("c", "eth0"),
        GatewaySandbox("b", "eth0", IPv4Address("172.18.0.2")),
        GatewaySandbox("a", "eth0"),
        GatewaySandbox("d", "eth0", IPv4Address("172.18.0.9")),
    )
    assert addresses(result) == {
        "a": "172.18.0.3",
        "b": "172.18.0.2",
        "c": "172.18.0.4",
        "d": "172.18.0.9",
    }


@pytest.mark.parametrize(
    "address", ["172.18.0.0", "172.18.0.1", "172.18.255.255", "10.0.0.1", "fd00::1"]
)
def test_an_address_that_is_no_sandboxs_is_not_kept(address: str) -> None:
    box = GatewaySandbox("a", "eth0", ip_address(address))
    good = GatewaySandbox("b", "eth0", IPv4Address("172.18.0.7"))
    assert addresses(plan(box, good)) == {"a": "172.18.0.2", "b": "172.18.0.7"}


def test_of_two_with_one_address_the_first_keeps_it() -> None:
    same = IPv4Address("172.18.0.2")
    result = plan(GatewaySandbox("b", "x", same), GatewaySandbox("a", "x", same))
    assert addresses(result) == {"a": "172.18.0.2", "b": "172.18.0.3"}


@pytest.mark.parametrize(
    ("held", "kept", "avoid", "expected"),
    [
        (None, None, [], "172.18.0.0/16"),
        (None, None, ["172.16.0.0/14"], "172.20.0.0/16"),
        (None, None, ["172.18.5.0/24", "172.19.0.0/28"], "172.20.0.0/16"),
        (None, None, ["172.16.0.0/12"], "192.168.0.0/20"),
        (None, None, ["172.16.0.0/12", "192.168.1.0/24"], "192.168.16.0/20"),
        (None, None, ["172.16.0.0/12", "192.168.0.0/16"], None),
        # A default route is behind every subnet, and so are its halves.
        (None, None, ["0.0.0.0/0", "128.0.0.0/1", "::/0"], "172.18.0.0/16"),
        # The bridge keeps what it has, though it is in somebody's way.
        ("172.19.0.0/16", None, ["172.19.0.0/24"], "172.19.0.0/16"),
        # What somebody else gave to the bridge is not what it has.
        ("10.1.0.0/16", None, [], "172.18.0.0/16"),
        ("172.19.0.0/24", None, [], "172.18.0.0/16"),
        ("172.19.0.0/16", "172.20.0.2", [], "172.20.0.0/16"),
        (None, "172.20.0.2", ["172.20.0.0/24"], "172.20.0.0/16"),
        ("172.19.0.0/16", "172.19.0.2", [], "172.19.0.0/16"),
        (None, "10.0.0.2", [], "172.18.0.0/16"),
    ],
)
def test_the_subnet_is_one_that_is_kept_or_in_nobodys_way(
    held: str | None, kept: str | None, avoid: list[str], expected: str | None
) -> None:
    box = GatewaySandbox("a", "eth0", ip_address(kept) if kept else None)
    had = ip_network(held) if held else None
    chosen = choose_subnet([box], had, [ip_network(one) for one in avoid])
    assert (str(chosen) if chosen else None) == expected


def test_without_a_free_subnet_there_is_no_gateway_but_a_warning() -> None:
    avoid = ("172.16.0.0/12", "192.168.0.0/16")
    result = plan(GatewaySandbox("a", "eth0"), avoid=avoid)
    assert (result.namespaces, result.chains) == ({}, "")
    assert len(result.warnings) == 1
    assert table_of({}, 4789, result) is None


def test_a_subnet_that_is_in_somebodys_way_is_told() -> None:
    result = plan(GatewaySandbox("a", "eth0"), held=HELD, avoid=("172.19.3.0/24",))
    assert addresses(result) == {"a": "172.19.0.2"}
    assert "172.19.0.0/16 overlaps" in result.warnings[0]


def test_where_the_ipv6_prefix_is_taken_it_goes_without_ipv6() -> None:
    box = GatewaySandbox("a", "eth0", has_ipv6=True)
    result = plan(box, avoid=("fd73::/16",))
    assert len(result.namespaces["box/a"].addresses) == 1
    assert "no IPv6" in result.warnings[0]


@pytest.mark.slow
def test_a_full_subnet_is_told() -> None:
    held = IPv4Network("192.168.0.0/20")
    boxes = [GatewaySandbox(f"{number:04}", "eth0") for number in range(4094)]
    result = plan(*boxes, held=held)
    assert len(addresses(result)) == 4093
    assert result.warnings == (
        "gateway: no address is free in 192.168.0.0/20 for sandbox 4093",
    )


def test_the_table_holds_the_filter_and_the_gateway() -> None:
    result = plan(GatewaySandbox("a", "eth1", publish=(parse_publish("80:80"),)))
    table = table_of({4097: [A]}, 4789, result)
    assert table is not None
    assert (table.family, table.name) == OURS
    assert table.sets == filtering.SETS + publishing.SETS + gateway_chains.SETS
    assert list(table.elements) == [one.name for one in table.sets]
    assert table.elements["any4"] == {"tcp . 80 : 172.18.0.2 . 80": None}
    assert table.elements["vteps4"] == {"4097 . 172.18.0.2": None}
    assert "ip saddr != 172.18.0.0/16 drop" in table.chains


names = st.text("abcd", min_size=1, max_size=2)
boxes = st.builds(
    GatewaySandbox,
    names,
    st.just("eth1"),
    st.one_of(
        st.none(),
        st.integers(0, 9).map(lambda last: IPv4Address("172.18.0.0") + last),
        st.just(IPv4Address("172.19.0.4")),
    ),
)


@given(st.lists(boxes, min_size=1, max_size=8, unique_by=lambda one: one.name))
def test_a_plan_carried_out_plans_the_same_again(some: list[GatewaySandbox]) -> None:
    first = plan(*some)
    given_out = addresses(first)
    assert len(dict.fromkeys(given_out.values())) == len(some)
    again = [
        GatewaySandbox(one.name, "eth1", IPv4Address(given_out[one.name]))
        for one in reversed(some)
    ]
    (subnet,) = [one for one in POOL if IPv4Address(given_out[some[0].name]) in one]
    assert plan(*again, held=subnet) == first
