"""Cases of namespaces and links."""

from dataclasses import replace

import pytest

from swarmnet.kernel.firewall import OURS
from swarmnet.kernel.links import Peer, Port
from swarmnet.kernel.operations import (
    AddLink,
    AddNamespace,
    PutNeighbour,
    PutStation,
    ReleaseLink,
    RemoveAddress,
    RemoveFdb,
    RemoveFlood,
    RemoveLink,
    RemoveNamespace,
    RemoveNeighbour,
    RemoveRoute,
    RemoveStation,
    RemoveTable,
    SetLink,
)
from swarmnet.kernel.state import HOST, Address, Route, Unreadable
from tests.kernel.kernel_cases import (
    BOX,
    FILLED,
    NET,
    UNDERLAY6,
    KernelLike,
    bridge,
    check_empty,
    check_link,
    do,
    entries,
    errors,
    fill,
    inside,
    ip,
    ip6,
    mac,
    network,
    place,
    port,
    vxlan,
)


def case_a_namespace_comes_and_goes(kernel: KernelLike) -> None:
    do(kernel, AddNamespace(NET), AddNamespace(BOX), AddNamespace(NET))
    assert list(kernel.names()) == [BOX, NET]
    check_empty(kernel, NET)
    check_empty(kernel, BOX)
    do(kernel, RemoveNamespace(NET), RemoveNamespace(NET), RemoveNamespace(BOX))
    assert list(kernel.names()) == []
    with pytest.raises(Unreadable):
        kernel.read(NET)


def case_what_is_not_there_can_be_removed(kernel: KernelLike) -> None:
    do(kernel, *network())
    for link in ("nosuch", "vxlan0"):
        do(
            kernel,
            RemoveFdb(NET, link, mac(9)),
            RemoveNeighbour(NET, link, ip("10.0.1.9")),
            RemoveNeighbour(NET, link, ip6(9)),
            RemoveFlood(NET, link, ip("10.99.0.9")),
            RemoveStation(NET, link, mac(9)),
            RemoveAddress(NET, Address(link, ip("10.0.1.9"), 24)),
            RemoveAddress(NET, Address(link, ip6(9), 64)),
            RemoveRoute(NET, Route(ip("10.0.2.0"), 24, link)),
            RemoveRoute(NET, Route(ip6(0), 64, link)),
        )
    do(kernel, RemoveLink(NET, "nosuch"), ReleaseLink(NET, "nosuch"))
    assert entries(kernel).fdb == {}


def case_what_was_in_a_namespace_that_is_gone_can_be_removed(
    kernel: KernelLike,
) -> None:
    do(
        kernel,
        RemoveLink(NET, "vxlan0"),
        ReleaseLink(NET, "vxlan0"),
        RemoveFdb(NET, "vxlan0", mac(9)),
        RemoveStation(NET, "vxlan0", mac(9)),
        RemoveAddress(NET, Address("br0", ip("10.0.1.9"), 24)),
        RemoveRoute(NET, Route(ip("10.0.2.0"), 24, "br0")),
        RemoveTable(NET, *OURS),
    )
    assert list(kernel.names()) == []


def case_nothing_can_be_put_where_nothing_is(kernel: KernelLike) -> None:
    put = PutNeighbour(NET, "vxlan0", ip("10.0.1.9"), mac(9))
    assert errors(kernel, put) == ["ENOENT"]
    do(kernel, AddNamespace(NET))
    assert errors(kernel, put, SetLink(NET, bridge())) == ["ENODEV", "ENODEV"]


def case_links_are_what_was_asked_for(kernel: KernelLike) -> None:
    do(kernel, *network())
    for link in (bridge(), vxlan(), port()):
        check_link(kernel, NET, link)
    check_link(kernel, BOX, inside())
    assert list(kernel.read(HOST).links) == []


def case_making_a_link_again_changes_nothing(kernel: KernelLike) -> None:
    do(kernel, *network())
    fill(kernel)
    place(kernel)
    before = kernel.read(NET), kernel.read(BOX)
    do(kernel, *network())
    assert (kernel.read(NET), kernel.read(BOX)) == before


def case_setting_a_link_to_what_it_is_loses_nothing(kernel: KernelLike) -> None:
    do(kernel, *network())
    fill(kernel)
    place(kernel)
    before = kernel.read(NET), kernel.read(BOX)
    for link in (bridge(), vxlan(), replace(port(), peer=None)):
        do(kernel, SetLink(NET, link))
    do(kernel, SetLink(BOX, inside()))
    assert (kernel.read(NET), kernel.read(BOX)) == before


def case_a_name_is_given_once(kernel: KernelLike) -> None:
    do(kernel, *network())
    again = replace(bridge("vxlan0"), alias="swarmnet:other")
    other_end = replace(inside(), name="eth9", alias=port(2).alias)
    taken = replace(port(2), peer=Peer(BOX, "eth1"))
    other = replace(port(), alias="swarmnet:n1/e9", peer=Peer(BOX, "eth9"))
    assert errors(
        kernel,
        AddLink(NET, again),
        AddLink(NET, taken, replace(inside(), alias=taken.alias)),
        AddLink(NET, other, replace(other_end, alias=other.alias)),
    ) == ["EEXIST", "EEXIST", "EEXIST"]
    assert sorted(kernel.read(NET).links) == ["br0", port().name, "vxlan0"]
    assert list(kernel.read(BOX).links) == ["eth1"]


def case_a_vni_is_given_once_a_host_port_and_family(kernel: KernelLike) -> None:
    do(kernel, *network(), AddNamespace("net/n2"), AddLink("net/n2", bridge()))
    again = vxlan("vxlan9", local=ip("10.99.0.7"))
    assert errors(kernel, AddLink("net/n2", again)) == ["EEXIST"]
    do(kernel, AddLink("net/n2", vxlan("vxlan1", vni=4098)))
    do(kernel, AddLink("net/n2", vxlan("vxlan2", local=UNDERLAY6)))
    assert sorted(kernel.read("net/n2").links) == ["br0", "vxlan1", "vxlan2"]
    do(kernel, RemoveLink(NET, "vxlan0"), AddLink("net/n2", again))
    check_link(kernel, "net/n2", again)


def case_a_link_that_cannot_be_is_refused(kernel: KernelLike) -> None:
    do(kernel, *network())
    wrong = {
        "ERANGE": replace(bridge(), name="a" * 16),
        "EINVAL": replace(bridge(), name="br1", mtu=67),
        "EADDRNOTAVAIL": replace(bridge(), name="br1", mac=b"\3\0\0\0\0\1"),
        "ENODEV": replace(vxlan("vxlan1", 4098), master="nosuch"),
        "EOPNOTSUPP": replace(vxlan("vxlan1", 4098), master="vxlan0"),
        "ELOOP": replace(bridge(), name="br1", master="br0"),
    }
    for error, link in wrong.items():
        assert errors(kernel, AddLink(NET, link)) == [error], error
    big = replace(bridge(), mtu=65536)
    assert errors(kernel, SetLink(NET, big)) == ["EINVAL"]
    assert sorted(kernel.read(NET).links) == ["br0", port().name, "vxlan0"]


def case_a_pair_goes_with_either_end(kernel: KernelLike) -> None:
    do(kernel, *network())
    do(kernel, RemoveLink(NET, port().name))
    check_empty(kernel, BOX)
    do(kernel, AddLink(NET, port(), inside()))
    do(kernel, RemoveLink(BOX, "eth1"))
    assert sorted(kernel.read(NET).links) == ["br0", "vxlan0"]
    do(kernel, AddLink(NET, port(), inside()), RemoveNamespace(NET))


def case_a_bridge_that_goes_releases_its_ports(kernel: KernelLike) -> None:
    do(kernel, *network(), RemoveLink(NET, "br0"))
    held = kernel.read(NET).links
    assert [held["vxlan0"].master, held[port().name].master] == [None, None]
    assert [held["vxlan0"].port, held[port().name].port] == [None, None]


def case_a_link_that_goes_takes_all_that_stands_on_it(kernel: KernelLike) -> None:
    do(kernel, *network())
    fill(kernel)
    place(kernel)
    do(kernel, RemoveLink(NET, "vxlan0"), RemoveLink(NET, port().name))
    held = kernel.read(NET)
    assert (held.entries, held.stations) == ({}, {})
    check_empty(kernel, BOX)
    do(kernel, *network())
    assert entries(kernel).fdb == {}
    assert kernel.read(BOX).addresses == {}


def case_a_bridge_keeps_its_mtu_when_a_port_has_less(kernel: KernelLike) -> None:
    small = replace(port(), mtu=1400)
    do(kernel, *network()[:4], AddLink(NET, small, replace(inside(), mtu=1400)))
    check_link(kernel, NET, bridge())
    do(kernel, SetLink(NET, replace(small, peer=None, mtu=1300)))
    check_link(kernel, NET, bridge())
    do(kernel, SetLink(NET, bridge(mtu=1300)))
    check_link(kernel, NET, bridge(mtu=1300))


def case_a_port_that_returns_is_as_asked_for(kernel: KernelLike) -> None:
    do(kernel, *network(), PutStation(NET, port().name, mac(1)))
    do(kernel, ReleaseLink(NET, port().name))
    held = kernel.read(NET)
    assert (held.links[port().name].master, held.stations) == (None, {})
    do(kernel, SetLink(NET, port()))
    check_link(kernel, NET, port())
    changed = replace(port(), port=Port(learning=True, isolated=True, hairpin=True))
    do(kernel, SetLink(NET, changed))
    check_link(kernel, NET, changed)


def case_another_mac_loses_the_neighbours(kernel: KernelLike) -> None:
    do(kernel, *network())
    fill(kernel)
    do(kernel, SetLink(NET, replace(vxlan(), mac=mac(0xAA))))
    check_link(kernel, NET, replace(vxlan(), mac=mac(0xAA)))
    assert entries(kernel) == replace(FILLED, neighbours={})


def case_a_small_mtu_loses_ipv6(kernel: KernelLike) -> None:
    do(kernel, *network())
    fill(kernel)
    do(kernel, SetLink(NET, replace(vxlan(), mtu=1200)))
    left = replace(FILLED, neighbours={ip("10.0.1.9"): mac(9)})
    assert entries(kernel) == left
    put = PutNeighbour(NET, "vxlan0", ip6(9), mac(9))
    assert errors(kernel, put) == ["EINVAL"]
    do(kernel, SetLink(NET, vxlan()))
    assert entries(kernel) == left
    do(kernel, put)
    assert entries(kernel) == FILLED


def case_links_without_a_mac_get_one(kernel: KernelLike) -> None:
    do(kernel, AddNamespace(NET), AddLink(NET, replace(bridge(), mac=None)))
    do(kernel, AddLink(NET, replace(vxlan(), mac=None)))
    held = kernel.read(NET).links
    assert all(link.mac and len(link.mac) == 6 for link in held.values())


def case_an_operation_that_fails_stops_no_other(kernel: KernelLike) -> None:
    do(kernel, *network())
    failures = kernel.apply(
        [
            PutNeighbour(NET, "nosuch", ip("10.0.1.7"), mac(7)),
            PutNeighbour(NET, "vxlan0", ip("10.0.1.8"), mac(8)),
            SetLink(NET, bridge("nosuch")),
            PutNeighbour("net/nosuch", "vxlan0", ip("10.0.1.7"), mac(7)),
            PutNeighbour(NET, "vxlan0", ip("10.0.1.9"), mac(9)),
        ]
    )
    assert [failure.error for failure in failures] == ["ENODEV", "ENODEV", "ENOENT"]
    neighbours = {ip("10.0.1.8"): mac(8), ip("10.0.1.9"): mac(9)}
    assert entries(kernel).neighbours == neighbours
