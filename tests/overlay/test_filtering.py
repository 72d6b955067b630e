"""Which elements and chains let in the frames of our VNIs from their VTEPs alone."""

from ipaddress import ip_address

from swarmnet.kernel.firewall import OURS, Table
from swarmnet.overlay.filtering import SETS, filter_chains, filter_elements
from swarmnet.overlay.gateway import GatewayPlan, table_of

NETWORKS = {
    4097: [ip_address("10.0.0.1").packed, ip_address("fd00::1").packed],
    4098: [ip_address("10.0.0.1").packed],
    4099: [],
}
ELEMENTS = {
    "vnis": {"4097": None, "4098": None, "4099": None},
    "vteps4": {"4097 . 10.0.0.1": None, "4098 . 10.0.0.1": None},
    "vteps6": {"4097 . fd00::1": None},
}


def test_each_vni_has_its_own_vteps() -> None:
    assert filter_elements(NETWORKS) == ELEMENTS


def test_no_network_has_no_elements() -> None:
    assert filter_elements({}) == {"vnis": {}, "vteps4": {}, "vteps6": {}}


def test_the_chains_look_at_the_port_of_vxlan_alone() -> None:
    assert (
        filter_chains(8472)
        == """\
counter vxlan_refused {
}
chain vxlan {
type filter hook input priority -300; policy accept;
udp dport 8472 jump vxlan_sources
}
chain vxlan_sources {
@th,96,24 . ip saddr @vteps4 return
@th,96,24 . ip6 saddr @vteps6 return
@th,96,24 != @vnis return
counter name vxlan_refused drop
}
"""
    )


def test_without_a_gateway_the_table_is_the_filter() -> None:
    expected = Table(*OURS, SETS, filter_chains(4789), ELEMENTS)
    assert table_of(NETWORKS, 4789, GatewayPlan()) == expected


def test_without_networks_there_is_no_table() -> None:
    assert table_of({}, 4789, GatewayPlan()) is None
