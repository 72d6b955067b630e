"""Cases of addresses, routes, entries, stations and sysctls."""

from dataclasses import replace

from swarmnet.kernel.intruders import AlienTable, Qdisc, Rule
from swarmnet.kernel.operations import (
    AddLink,
    AddNamespace,
    MendIntruder,
    PutAddress,
    PutFdb,
    PutFlood,
    PutNeighbour,
    PutRoute,
    PutStation,
    RemoveAddress,
    RemoveFdb,
    RemoveFlood,
    RemoveNeighbour,
    RemoveRoute,
    RemoveStation,
    SetLink,
    SetSysctl,
)
from swarmnet.kernel.state import Address, Entries, Namespace, Route
from tests.kernel.kernel_cases import (
    BOX,
    FILLED,
    NET,
    KernelLike,
    bridge,
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
    routes,
)

NEAR = Route(ip("10.0.1.0"), 24, "eth1", protocol=2)
NEAR6 = Route(ip6(0), 64, "eth1", protocol=2)
FAR = Route(ip("10.0.2.0"), 24, "eth1", ip("10.0.1.1"))
FAR6 = Route(ip6(0, 0xFD02), 64, "eth1", ip6(1))
FIRST = Address("eth1", ip("10.0.1.2"), 24)
FIRST6 = Address("eth1", ip6(2), 64)


def case_entries_come_change_and_go(kernel: KernelLike) -> None:
    do(kernel, *network())
    fill(kernel)
    assert entries(kernel) == FILLED
    fill(kernel)
    assert entries(kernel) == FILLED
    do(
        kernel,
        PutFdb(NET, "vxlan0", mac(9), ip("10.99.0.7")),
        PutNeighbour(NET, "vxlan0", ip6(9), mac(7)),
        RemoveFdb(NET, "vxlan0", mac(8)),
        RemoveNeighbour(NET, "vxlan0", ip("10.0.1.9")),
        RemoveFlood(NET, "vxlan0", ip("10.99.0.8")),
    )
    assert entries(kernel) == Entries(
        {mac(9): ip("10.99.0.7")}, {ip6(9): mac(7)}, (ip("10.99.0.9"),)
    )
    do(kernel, RemoveFlood(NET, "vxlan0", ip("10.99.0.9")))
    assert entries(kernel).flood == ()


def case_a_vtep_is_of_the_underlays_family(kernel: KernelLike) -> None:
    do(kernel, *network())
    assert errors(
        kernel,
        PutFdb(NET, "vxlan0", mac(9), ip6(9)),
        PutFlood(NET, "vxlan0", ip6(9)),
        PutFdb(NET, "vxlan0", mac(8), ip("10.99.0.8")),
    ) == ["EAFNOSUPPORT", "EAFNOSUPPORT"]
    assert entries(kernel) == Entries({mac(8): ip("10.99.0.8")})


def case_a_station_is_at_one_port(kernel: KernelLike) -> None:
    do(kernel, *network(), AddLink(NET, port(2), inside(2)))
    do(kernel, PutStation(NET, port().name, mac(1)))
    do(kernel, PutStation(NET, port().name, mac(2)))
    do(kernel, PutStation(NET, port(2).name, mac(2)))
    assert kernel.read(NET).stations == {mac(1): port().name, mac(2): port(2).name}
    do(kernel, RemoveStation(NET, port().name, mac(2)))
    do(kernel, RemoveStation(NET, port().name, mac(1)))
    assert kernel.read(NET).stations == {mac(2): port(2).name}
    assert errors(kernel, PutStation(BOX, "eth1", mac(1))) == ["EOPNOTSUPP"]


def case_addresses_bring_the_kernels_routes(kernel: KernelLike) -> None:
    do(kernel, *network())
    place(kernel)
    assert kernel.read(BOX).addresses == {FIRST: None, FIRST6: None}
    assert routes(kernel) == [NEAR, FAR, NEAR6, FAR6]
    place(kernel)
    assert routes(kernel) == [NEAR, FAR, NEAR6, FAR6]
    do(kernel, RemoveRoute(BOX, FAR), RemoveRoute(BOX, FAR6))
    assert routes(kernel) == [NEAR, NEAR6]
    do(kernel, RemoveAddress(BOX, FIRST), RemoveAddress(BOX, FIRST6))
    held = kernel.read(BOX)
    assert (held.addresses, held.routes) == ({}, {})


def case_the_last_ipv4_address_takes_all_ipv4_routes_along(kernel: KernelLike) -> None:
    do(kernel, *network())
    place(kernel)
    do(kernel, PutRoute(BOX, Route(ip("10.0.3.0"), 24, "eth1")))
    do(kernel, RemoveAddress(BOX, FIRST))
    assert routes(kernel) == [NEAR6, FAR6]


def case_a_primary_address_takes_its_secondaries_along(kernel: KernelLike) -> None:
    do(kernel, *network())
    second, elsewhere = (
        Address("eth1", ip("10.0.1.3"), 24),
        Address("eth1", ip("10.7.0.1"), 16),
    )
    do(kernel, *(PutAddress(BOX, one) for one in (FIRST, second, elsewhere)))
    do(kernel, RemoveAddress(BOX, second), PutAddress(BOX, second))
    assert list(kernel.read(BOX).addresses) != []
    do(kernel, RemoveAddress(BOX, FIRST))
    assert kernel.read(BOX).addresses == {elsewhere: None}
    assert routes(kernel) == [Route(ip("10.7.0.0"), 16, "eth1", protocol=2)]


def case_an_ipv6_address_keeps_its_length(kernel: KernelLike) -> None:
    do(kernel, *network(), PutAddress(BOX, FIRST6))
    kernel.apply([PutAddress(BOX, replace(FIRST6, length=80))])
    assert kernel.read(BOX).addresses == {FIRST6: None}
    do(kernel, RemoveAddress(BOX, FIRST6), PutAddress(BOX, replace(FIRST6, length=80)))
    assert kernel.read(BOX).addresses == {replace(FIRST6, length=80): None}


def case_an_ipv4_address_may_have_two_lengths(kernel: KernelLike) -> None:
    do(kernel, *network(), PutAddress(BOX, FIRST))
    longer = replace(FIRST, length=25)
    do(kernel, PutAddress(BOX, longer), RemoveAddress(BOX, FIRST))
    assert kernel.read(BOX).addresses == {longer: None}
    assert routes(kernel) == [Route(ip("10.0.1.0"), 25, "eth1", protocol=2)]


def case_a_route_needs_a_way_to_its_gateway(kernel: KernelLike) -> None:
    do(kernel, *network())
    assert errors(
        kernel,
        PutRoute(BOX, FAR),
        PutRoute(BOX, FAR6),
        PutRoute(BOX, Route(ip("10.0.2.1"), 24, "eth1")),
        PutRoute(BOX, Route(ip("10.0.2.0"), 24, "nosuch")),
    ) == ["ENETUNREACH", "EHOSTUNREACH", "EINVAL", "ENODEV"]
    default = Route(ip("0.0.0.0"), 0, "eth1", ip("10.0.1.1"))
    near = Route(ip("10.0.1.1"), 32, "eth1")
    do(kernel, PutRoute(BOX, near), PutRoute(BOX, default))
    assert routes(kernel) == [default, near]


def case_a_route_replaces_ours_to_the_same_place(kernel: KernelLike) -> None:
    do(kernel, *network())
    place(kernel)
    nearer = replace(FAR, via=ip("10.0.1.7"))
    nearer6 = replace(FAR6, via=ip6(7))
    do(kernel, PutRoute(BOX, nearer), PutRoute(BOX, nearer6))
    assert routes(kernel) == [NEAR, nearer, NEAR6, nearer6]
    do(kernel, RemoveRoute(BOX, FAR), RemoveRoute(BOX, FAR6))
    assert routes(kernel) == [NEAR, nearer, NEAR6, nearer6]


def case_a_route_replaces_the_kernels_own_in_ipv4_alone(kernel: KernelLike) -> None:
    do(kernel, *network())
    place(kernel)
    ours, ours6 = replace(NEAR, protocol=77), replace(NEAR6, protocol=77)
    do(kernel, PutRoute(BOX, ours), PutRoute(BOX, ours6))
    assert routes(kernel) == [ours, FAR, NEAR6, ours6, FAR6]


def case_a_link_that_goes_down_loses_routes_and_ipv6(kernel: KernelLike) -> None:
    do(kernel, *network())
    fill(kernel)
    place(kernel)
    do(kernel, SetLink(BOX, replace(inside(), is_up=False)))
    held = kernel.read(BOX)
    assert (held.addresses, held.routes) == ({FIRST: None}, {})
    assert errors(
        kernel,
        PutRoute(BOX, FAR),
        PutRoute(BOX, Route(ip("10.0.3.0"), 24, "eth1")),
    ) == ["ENETUNREACH", "ENETDOWN"]
    do(kernel, SetLink(BOX, inside()))
    assert kernel.read(BOX).addresses == {FIRST: None}
    assert routes(kernel) == [NEAR]
    assert kernel.read(NET).stations == {mac(1): port().name}
    do(kernel, PutAddress(BOX, FIRST6))
    assert routes(kernel) == [NEAR, NEAR6]


def case_a_vxlan_device_that_goes_down_keeps_its_fdb(kernel: KernelLike) -> None:
    do(kernel, *network())
    fill(kernel)
    up = kernel.read(NET).links["vxlan0"]
    do(kernel, SetLink(NET, replace(up, is_up=False)))
    assert entries(kernel) == replace(FILLED, neighbours={})
    do(kernel, SetLink(NET, up))
    assert entries(kernel) == replace(FILLED, neighbours={})


def case_sysctls_are_read_when_asked_for(kernel: KernelLike) -> None:
    do(kernel, *network())
    forward, redirects, absent = (
        "net/ipv4/ip_forward",
        "net/ipv4/conf/br0/send_redirects",
        "net/ipv4/conf/nosuch/send_redirects",
    )
    assert errors(kernel, SetSysctl(NET, absent, "0")) == ["ENOENT"]
    do(kernel, SetSysctl(NET, forward, "1"), SetSysctl(NET, redirects, "0"))
    asked = Namespace(sysctls={forward: "", redirects: "", absent: ""})
    assert kernel.read(NET, asked).sysctls == {forward: "1", redirects: "0"}
    assert kernel.read(BOX, asked).sysctls == {forward: "0"}
    assert kernel.read(NET).sysctls == {}


def case_a_link_without_ipv6_loses_it_all(kernel: KernelLike) -> None:
    do(kernel, *network())
    fill(kernel)
    place(kernel)
    off = "net/ipv6/conf/{}/disable_ipv6"
    do(kernel, SetSysctl(NET, off.format("vxlan0"), "1"))
    do(kernel, SetSysctl(BOX, off.format("eth1"), "1"))
    assert entries(kernel).neighbours == {ip("10.0.1.9"): mac(9)}
    assert routes(kernel) == [NEAR, FAR]
    assert errors(
        kernel,
        PutNeighbour(NET, "vxlan0", ip6(9), mac(9)),
        PutAddress(BOX, FIRST6),
    ) == ["EINVAL", "EACCES"]


def case_a_namespace_is_born_with_its_sysctls(kernel: KernelLike) -> None:
    path = "net/ipv6/conf/{}/disable_ipv6"
    born = ((path.format("default"), "1"), ("net/ipv4/ip_forward", "1"))
    do(kernel, AddNamespace(NET), AddNamespace(BOX, born))
    do(kernel, AddLink(NET, bridge()), AddLink(NET, port(), inside()))
    wanted = {path.format("eth1"): "", "net/ipv4/ip_forward": ""}
    held = kernel.read(BOX, Namespace(sysctls=wanted)).sysctls
    assert held == {path.format("eth1"): "1", "net/ipv4/ip_forward": "1"}
    assert errors(kernel, PutAddress(BOX, FIRST6)) == ["EACCES"]


def case_an_intruder_that_is_not_there_is_gone(kernel: KernelLike) -> None:
    do(kernel, *network())
    assert kernel.read(NET).intruders == {}
    do(
        kernel,
        MendIntruder(NET, AlienTable(1, "alien")),
        MendIntruder(NET, Qdisc("br0", "tbf", 0x10000, 0xFFFFFFFF)),
        MendIntruder(NET, Qdisc("nosuch", "tbf", 0x10000, 0xFFFFFFFF)),
        MendIntruder(NET, Rule(2, 32766, is_missing=True)),
        MendIntruder(NET, Rule(2, 9, RULE)),
    )
    assert kernel.read(NET).intruders == {}


RULE = bytes.fromhex("0200 0000 fe00 0001 0000 0000 0800 0600 0900 0000")
