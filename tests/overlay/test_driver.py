"""What the overlay calls for: a namespace a network, an interface an endpoint."""

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from swarmnet.cnm.driver import Driver, DriverScope, check_options
from swarmnet.cnm.endpoint import Endpoint, mac_of
from swarmnet.cnm.host import HostFacts, SandboxFacts
from swarmnet.cnm.network import Attachment, Network, NetworkView, Subnet
from swarmnet.errors import Refused
from swarmnet.kernel.links import Kind, Link, Peer, Port, Vxlan
from swarmnet.kernel.state import Address, Entries, Namespace, Route
from swarmnet.overlay.driver import NetworkPlan, Overlay

ID, PORT = "aabbccddeeff" + "0" * 20, "v112233445566"
E_ID = "112233445566" + "0" * 20
TEN = Subnet(ip_network("10.0.1.0/24"), ip_address("10.0.1.1"), 101)
SIX = Subnet(ip_network("fd00::/64"), ip_address("fd00::1"), 102)
NINE = Subnet(ip_network("10.0.9.0/24"), None, 103)
NETWORK = Network(ID, "red", (TEN,))
VTEP = ip_address("10.99.0.1")
B = Attachment("b", ip_address("10.99.0.2"), 1500)
LOCAL_IP = ip_address("10.0.1.2")
LOCAL = Endpoint(E_ID, "e", "a", "s1", (LOCAL_IP,), mac_of([LOCAL_IP]))
REMOTE_IP = ip_address("10.0.1.3")
REMOTE = Endpoint("e2", "f", "b", "t1", (REMOTE_IP,), mac_of([REMOTE_IP]))
INSIDE = SandboxFacts(interfaces={E_ID: "eth0"})
HOST = HostFacts("a", VTEP, 1500, sandboxes={"s1": INSIDE})
ALIAS = f"swarmnet:{ID}"


def plan(*subnets: Subnet, local: Endpoint = LOCAL, **changes: object) -> NetworkPlan:
    """Return the plan of a network with these subnets, by default one."""
    network = replace(NETWORK, subnets=subnets or (TEN,), **changes)  # type: ignore[arg-type]
    return Overlay().plan(NetworkView(network, (B,), (local, REMOTE)), HOST)


def inside(found: NetworkPlan) -> Namespace:
    return found.namespaces[f"net/{ID}"]


def box(found: NetworkPlan) -> Namespace:
    return found.namespaces["box/s1"]


def test_a_network_with_an_endpoint_here_calls_for_all_of_it() -> None:
    assert plan() == NetworkPlan(
        namespaces={
            f"net/{ID}": Namespace(
                links={
                    "br0": Link(
                        "br0", Kind.BRIDGE, 1450, ALIAS, bytes.fromhex("02420a000101")
                    ),
                    "vxlan0": Link(
                        *("vxlan0", Kind.VXLAN, 1450, ALIAS),
                        master="br0",
                        port=Port(learning=False, flood=True, isolated=True),
                        vxlan=Vxlan(101, VTEP.packed, 4789),
                    ),
                    PORT: Link(
                        *(PORT, Kind.VETH, 1450, f"{ALIAS}/{E_ID}"),
                        master="br0",
                        port=Port(learning=False, flood=False),
                        peer=Peer("box/s1", "eth0"),
                    ),
                },
                addresses={Address("br0", TEN.gateway.packed, 24): None},  # type: ignore[union-attr]
                entries={
                    "vxlan0": Entries(
                        {REMOTE.mac: B.vtep.packed}, {REMOTE_IP.packed: REMOTE.mac}
                    )
                },
                stations={LOCAL.mac: PORT},
                sysctls={"net/ipv4/ip_forward": "0"},
                is_owned=True,
                is_pinned=True,
            ),
            "box/s1": Namespace(
                links={
                    "eth0": Link(
                        *("eth0", Kind.VETH, 1450, f"{ALIAS}/{E_ID}", LOCAL.mac),
                        peer=Peer(f"net/{ID}", PORT),
                    )
                },
                addresses={Address("eth0", LOCAL_IP.packed, 24): None},
            ),
        },
        vteps={101: (B.vtep.packed,)},
    )


@pytest.mark.parametrize(
    "local",
    [
        replace(LOCAL, node="c"),
        replace(LOCAL, sandbox="s2"),
    ],
)
def test_without_an_endpoint_in_a_sandbox_here_nothing_is_called_for(
    local: Endpoint,
) -> None:
    assert plan(local=local) == NetworkPlan()


def test_each_subnet_has_a_device_and_its_vni_the_same_vteps() -> None:
    found = plan(TEN, SIX, NINE)
    devices = [one for one in inside(found).links.values() if one.vxlan]
    assert [(one.name, one.vxlan and one.vxlan.vni) for one in devices] == [
        *(("vxlan0", 101), ("vxlan1", 102), ("vxlan2", 103)),
    ]
    assert list(inside(found).entries) == ["vxlan0", "vxlan1", "vxlan2"]
    assert found.vteps == dict.fromkeys((101, 102, 103), (B.vtep.packed,))
    assert [one.length for one in inside(found).addresses] == [24, 64]


def test_a_sandbox_has_routes_to_the_subnets_where_it_has_no_address() -> None:
    six = ip_address("fd00::2")
    v4 = Route(NINE.prefix.network_address.packed, 24, "eth0")
    v6 = Route(SIX.prefix.network_address.packed, 64, "eth0")
    both = replace(LOCAL, addresses=(LOCAL_IP, six))
    other = Subnet(ip_network("fd09::/64"), None, 104)
    v6_other = replace(v6, destination=other.prefix.network_address.packed)
    assert list(box(plan(TEN, SIX, NINE)).routes) == [v4]
    found = box(plan(TEN, SIX, NINE, other, local=both))
    assert list(found.routes) == [v4, v6_other]
    assert [(one.ip, one.length) for one in found.addresses] == [
        *((LOCAL_IP.packed, 24), (six.packed, 64))
    ]


def test_ipv6_is_switched_on_where_it_is_needed_alone() -> None:
    off = "net/ipv6/conf/{}/disable_ipv6"
    dual = replace(LOCAL, addresses=(LOCAL_IP, ip_address("fd00::2")))
    assert box(plan(TEN, SIX)).sysctls == {}
    assert box(plan(TEN, SIX, local=dual)).sysctls == {off.format("eth0"): "0"}
    assert inside(plan(TEN, SIX)).sysctls == {
        "net/ipv4/ip_forward": "0",
        **{off.format(name): "0" for name in ("vxlan0", "vxlan1", "br0")},
    }


def test_the_bridge_without_a_gateway_has_a_mac_of_its_own_all_the_same() -> None:
    links = inside(plan(NINE, local=LOCAL)).links
    assert links["br0"].mac == mac_of([NINE.prefix.network_address])
    assert links["vxlan0"].mac is None


def test_multicasts_go_to_the_nodes_of_a_network_that_wants_it() -> None:
    found = plan(options={"multicast": "true"})
    assert inside(found).entries["vxlan0"].flood == (B.vtep.packed,)


def test_an_mtu_that_was_asked_for_is_everywhere() -> None:
    found = plan(options={"mtu": "1300"})
    spaces = (inside(found), box(found))
    mtus = [one.mtu for space in spaces for one in space.links.values()]
    assert mtus == [1300] * 4


def test_who_cannot_be_reached_and_what_does_not_fit_is_warned_of() -> None:
    far = replace(B, vtep=ip_address("fd99::2"))
    view = NetworkView(replace(NETWORK, subnets=(TEN, SIX)), (far,), (LOCAL, REMOTE))
    small = replace(HOST, mtu=1300)
    found = Overlay().plan(view, small)
    assert len(found.warnings) == 2
    assert "MTU 1250, but IPv6 wants 1280" in found.warnings[0]
    assert "node b has the data-path address fd99::2" in found.warnings[1]
    assert inside(found).entries == {"vxlan0": Entries(), "vxlan1": Entries()}
    assert found.vteps == {101: (), 102: ()}
    assert plan(TEN, SIX).warnings == ()


def test_the_order_of_what_is_known_makes_no_difference() -> None:
    more = replace(REMOTE, id="e3", mac=LOCAL.mac)
    view = NetworkView(NETWORK, (B,), (LOCAL, REMOTE, more))
    back = replace(view, endpoints=view.endpoints[::-1])
    assert Overlay().plan(view, HOST) == Overlay().plan(back, HOST)
    assert inside(Overlay().plan(view, HOST)).stations[LOCAL.mac] == PORT


def test_the_overlay_is_a_driver_with_options() -> None:
    driver: Driver[NetworkPlan] = Overlay()
    assert (driver.name, driver.scope) == ("overlay", DriverScope.GLOBAL)
    check_options(driver.name, driver.options, {"mtu": "1400", "multicast": "true"})
    for key, value in (("mtu", "1"), ("multicast", "maybe"), ("encrypted", "")):
        with pytest.raises(Refused, match=key):
            check_options(driver.name, driver.options, {key: value})
