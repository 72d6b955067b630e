"""The codec against the kernel itself, and against what iproute2 makes and tells."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import pytest

from swarmnet.kernel.address_codec import (
    IFA_F_PERMANENT,
    FoundAddress,
    FoundRoute,
    decode_address_untrusted,
    decode_nsid_untrusted,
    decode_route_untrusted,
    dump_addresses,
    dump_routes,
    get_nsid,
    put_address,
    put_route,
    remove_address,
    remove_route,
    set_nsid,
)
from swarmnet.kernel.link_codec import (
    add_bridge,
    add_veth,
    add_vxlan,
    decode_link_untrusted,
    dump_links,
    get_link,
    link_up,
    release_link,
    remove_link,
    set_link,
)
from swarmnet.kernel.links import Kind, Link, Port, Vxlan
from swarmnet.kernel.netlink import (
    AF_INET,
    AF_INET6,
)
from swarmnet.kernel.state import Address, Route
from tests.kernel.networks import BRIDGE, MAC, VXLAN, find, make_network
from tests.kernel.real import RealNamespace, needs_root

pytestmark = needs_root

VETH: Final = Link("v1", Kind.VETH, 1450, "swarmnet:v", port=Port(isolated=True))
ETH: Final = Link("eth0", Kind.VETH, 1450, "swarmnet:e", mac=MAC)


@pytest.fixture
def bridge(host: RealNamespace, inside: RealNamespace) -> int:
    """The index of a bridge that vxlan0 is a port of."""
    return make_network(host, inside)[0]


def add_pair(host: RealNamespace, inside: RealNamespace, bridge: int) -> None:
    """Make a veth pair: v1 in the bridge, eth0 in the host's namespace."""
    born = replace(ETH, name="v1")
    inside.do(add_veth(VETH, master_index=bridge, other=born, other_fd=host.fd))
    host.do(*set_link(find(host, "v1").index, ETH, master_index=None, rename="eth0"))
    inside.do(*set_link(0, VETH, master_index=None, rename=None))


def test_a_network_is_read_as_it_was_made(
    host: RealNamespace, inside: RealNamespace
) -> None:
    bridge, vxlan = make_network(host, inside)
    found = find(inside, "vxlan0")
    assert found.link == replace(VXLAN, mac=found.link.mac)
    assert (found.index, found.master_index, found.netns_id) == (vxlan, bridge, 0)
    assert find(inside, "br0").link == BRIDGE


def test_iproute2_tells_the_same_of_a_network(
    host: RealNamespace, inside: RealNamespace, bridge: int
) -> None:
    add_pair(host, inside, bridge)
    told = {link["ifname"]: link for link in inside.json("ip", "-d", "link", "show")}
    vxlan = told["vxlan0"]["linkinfo"]["info_data"]
    assert (vxlan["id"], vxlan["local"], vxlan["port"]) == (4097, "10.99.0.1", 4789)
    assert [vxlan[key] for key in ("learning", "proxy", "l2miss", "l3miss")] == [
        *(False, True, True, True)
    ]
    names = ("learning", "flood", "isolated", "hairpin")
    flags = {
        name: [told[name]["linkinfo"]["info_slave_data"][key] for key in names]
        for name in ("vxlan0", "v1")
    }
    assert flags == {
        "vxlan0": [False, True, False, False],
        "v1": [False, False, True, False],
    }
    keys = ("ifalias", "mtu", "inet6_addr_gen_mode")
    assert [[told[name][key] for key in keys] for name in ("br0", "vxlan0", "v1")] == [
        ["swarmnet:b", 1450, "none"],
        ["swarmnet:x", 1450, "none"],
        ["swarmnet:v", 1450, "none"],
    ]
    assert inside.json("ip", "-6", "addr", "show") == []


def test_the_other_end_of_a_pair_is_renamed_tagged_and_up(
    host: RealNamespace, inside: RealNamespace, bridge: int
) -> None:
    add_pair(host, inside, bridge)
    found = find(host, "eth0")
    assert found.link == ETH
    assert found.peer_index == find(inside, "v1").index
    assert find(inside, "v1").link == replace(VETH, mac=find(inside, "v1").link.mac)


def test_a_dump_tells_of_all_links(
    host: RealNamespace, inside: RealNamespace, bridge: int
) -> None:
    found = [decode_link_untrusted(body) for body in inside.bodies(dump_links())]
    named = {each.link.name: each for each in found if each}
    assert sorted(named) == ["br0", "lo", "vxlan0"]
    assert named["lo"].link.kind is Kind.OTHER
    assert named["vxlan0"] == find(inside, "vxlan0")


def test_a_link_that_others_made_is_read(inside: RealNamespace) -> None:
    make = "ip link add vx9 type vxlan id 9 local fd00::1 dstport 8472 learning"
    inside.run(*make.split())
    found = find(inside, "vx9").link
    vxlan = Vxlan(9, bytes((0xFD, *[0] * 14, 1)), 8472, learning=True, proxy=False)
    assert found.vxlan == replace(vxlan, l2miss=False, l3miss=False)
    assert (found.alias, found.is_up, found.has_link_local) == ("", False, True)


def test_a_link_is_set_as_often_as_one_likes(
    host: RealNamespace, inside: RealNamespace, bridge: int
) -> None:
    changed = replace(VXLAN, mtu=1400, alias="swarmnet:y", port=Port(learning=True))
    index = find(inside, "vxlan0").index
    for _ in range(2):
        inside.do(*set_link(index, changed, master_index=bridge, rename=None))
        found = find(inside, "vxlan0")
        assert found.link == replace(changed, mac=found.link.mac)


def test_a_bridge_keeps_its_mtu_when_a_port_has_less(
    inside: RealNamespace, bridge: int
) -> None:
    narrow = replace(VXLAN, mtu=1300)
    inside.do(*set_link(0, narrow, master_index=bridge, rename=None))
    assert find(inside, "br0").link.mtu == BRIDGE.mtu


def test_an_alias_is_taken_away(inside: RealNamespace) -> None:
    inside.do(add_bridge(BRIDGE))
    for alias in ("swarmnet:b", ""):
        link = replace(BRIDGE, alias=alias, has_link_local=True)
        inside.do(*set_link(0, link, master_index=None, rename=None))
        assert find(inside, "br0").link == link


def test_only_the_second_step_fails_where_a_link_has_no_ipv6(
    inside: RealNamespace,
) -> None:
    inside.do(add_bridge(replace(BRIDGE, mtu=1000)))
    steps = set_link(0, replace(BRIDGE, mtu=1200), master_index=None, rename=None)
    assert [inside.ask(each) for each in steps] == ["", ""]
    _, mode, _ = set_link(0, BRIDGE, master_index=None, rename=None)
    assert inside.ask(mode) == "EAFNOSUPPORT"


def test_a_port_is_released_and_links_are_removed(
    inside: RealNamespace, bridge: int
) -> None:
    index = find(inside, "vxlan0").index
    inside.do(release_link(index), link_up(index))
    found = find(inside, "vxlan0")
    assert (found.master_index, found.link.port) == (None, None)
    inside.do(remove_link(index), remove_link(bridge))
    assert inside.answer(get_link("vxlan0"))[0] == "ENODEV"
    assert inside.ask(remove_link(bridge)) == "ENODEV"


def test_a_kernels_own_words_come_with_its_refusal(
    host: RealNamespace, inside: RealNamespace, bridge: int
) -> None:
    twin = replace(VXLAN, name="vxlan1")
    request = add_vxlan(twin, namespace_fd=inside.fd, master_index=bridge)
    error, words, _ = host.answer(request)
    assert error == "EEXIST"
    assert words == "A VXLAN device with the specified VNI already exists"


V4: Final = Address("br0", bytes((10, 0, 1, 2)), 24)
V6: Final = Address("br0", bytes((0xFD, *[0] * 14, 2)), 64)


def addresses(inside: RealNamespace, index: int) -> list[FoundAddress | None]:
    bodies = inside.bodies(dump_addresses(0, index))
    return [decode_address_untrusted(body) for body in bodies]


@pytest.mark.parametrize("address", [V4, V6])
def test_an_address_is_put_twice_and_removed(
    inside: RealNamespace, bridge: int, address: Address
) -> None:
    for _ in range(2):
        inside.do(put_address(bridge, address))
        (found,) = addresses(inside, bridge)
        assert found is not None
        assert (found.ip, found.length, found.scope) == (address.ip, address.length, 0)
        assert found.flags & IFA_F_PERMANENT
    (told,) = inside.json("ip", "addr", "show", "dev", "br0")
    assert "tentative" not in told["addr_info"][0]
    inside.do(remove_address(bridge, address))
    assert addresses(inside, bridge) == []
    assert inside.ask(remove_address(bridge, address)) == "EADDRNOTAVAIL"


def test_an_ipv6_address_keeps_the_prefix_length_that_it_has(
    inside: RealNamespace, bridge: int
) -> None:
    inside.do(put_address(bridge, V6), put_address(bridge, replace(V6, length=80)))
    found = addresses(inside, bridge)
    assert [each.length if each else 0 for each in found] == [64]


def routes(inside: RealNamespace, family: int) -> Iterator[FoundRoute]:
    for body in inside.bodies(dump_routes(family)):
        found = decode_route_untrusted(body)
        if found and found.protocol != 2:
            yield found


ROUTES: Final = [
    Route(bytes(4), 0, "br0", bytes((10, 0, 1, 1))),
    Route(bytes((10, 7, 0, 0)), 16, "br0"),
    Route(bytes(16), 0, "br0", bytes((0xFD, *[0] * 14, 1))),
    Route(bytes((0xFD, 7, *[0] * 14)), 32, "br0"),
]


@pytest.mark.parametrize("route", ROUTES)
def test_a_route_is_put_twice_replaced_and_removed(
    inside: RealNamespace, bridge: int, route: Route
) -> None:
    inside.do(put_address(bridge, V4), put_address(bridge, V6))
    family = AF_INET if len(route.destination) == 4 else AF_INET6
    metric = 0 if family == AF_INET else 1024
    found = FoundRoute(bridge, route.destination, route.length, route.via, 77, metric)
    for _ in range(2):
        inside.do(put_route(bridge, route))
        assert list(routes(inside, family)) == [found]
    foreign = replace(route, protocol=4)
    assert inside.ask(remove_route(bridge, foreign)) == "ESRCH"
    inside.do(remove_route(bridge, route))
    assert list(routes(inside, family)) == []
    assert inside.ask(remove_route(bridge, route)) == "ESRCH"


def test_a_route_by_another_gateway_takes_the_place_of_the_first(
    inside: RealNamespace, bridge: int
) -> None:
    inside.do(put_address(bridge, V4), put_address(bridge, V6))
    for first in (ROUTES[0], ROUTES[2]):
        assert first.via is not None
        other = replace(first, via=first.via[:-1] + b"\x09")
        inside.do(put_route(bridge, first), put_route(bridge, other))
        family = AF_INET if len(first.destination) == 4 else AF_INET6
        assert [found.via for found in routes(inside, family)] == [other.via]


def test_a_namespace_gets_an_id(host: RealNamespace, inside: RealNamespace) -> None:
    def told() -> int:
        return decode_nsid_untrusted(host.answer(get_nsid(inside.fd))[2][0])

    assert told() == -1
    host.do(set_nsid(inside.fd, 6))
    assert told() == 6
    assert host.ask(set_nsid(inside.fd)) == "EEXIST"
