"""What leads from a state to another: minimal, in order, and only with what is ours."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.kernel.fake import FakeKernel
from swarmnet.kernel.firewall import OURS, Table
from swarmnet.kernel.intruders import AlienTable, Intruder, Qdisc, Rule
from swarmnet.kernel.links import Kind, Link, Peer, Port, Vxlan
from swarmnet.kernel.operations import (
    AddLink,
    AddNamespace,
    ChangeElements,
    MendIntruder,
    Operation,
    PutAddress,
    PutRoute,
    PutTable,
    ReleaseLink,
    RemoveAddress,
    RemoveLink,
    RemoveNamespace,
    RemoveRoute,
    RemoveTable,
    SetLink,
    SetSysctl,
)
from swarmnet.kernel.reconcile import difference, reconcile
from swarmnet.kernel.state import (
    HOST,
    KERNEL,
    Address,
    Host,
    Namespace,
    Route,
    connected_route,
)
from tests.kernel.states import BOXES, desired_host

NET, BOX = "net/n", "box/a"
MAC = bytes([2, 0x42, 0, 0, 0, 1])
BRIDGE = Link("br0", Kind.BRIDGE, 1450, "swarmnet:n", MAC)
VXLAN = Link(
    *("vxlan0", Kind.VXLAN, 1450, "swarmnet:n"),
    master="br0",
    port=Port(flood=True),
    vxlan=Vxlan(101, bytes([10, 99, 0, 1]), 4789),
)
PORT_NAME = "v00000000000a"
OUTER = Link(
    *(PORT_NAME, Kind.VETH, 1450, "swarmnet:n/e"),
    master="br0",
    port=Port(),
    peer=Peer(BOX, "eth1"),
)
INNER = Link("eth1", Kind.VETH, 1450, "swarmnet:n/e", MAC, peer=Peer(NET, PORT_NAME))
ETH0 = Link("eth0", Kind.OTHER, 1500, mac=bytes([6, 0, 0, 0, 0, 1]))
FIRST = Address("eth1", bytes([10, 0, 1, 2]), 24)
SECOND = Address("eth1", bytes([10, 0, 1, 3]), 24)
ROUTE = Route(bytes([10, 0, 9, 0]), 24, "eth1")


def network(*links: Link) -> Namespace:
    named = {one.name: one for one in links}
    return Namespace(links=named, is_owned=True, is_pinned=True)


def box(*links: Link, **more: object) -> Namespace:
    named = {one.name: one for one in links}
    return replace(Namespace(links=named), **more)  # type: ignore[arg-type]


def held_link(link: Link) -> Link:
    """Return a link as a kernel shows it."""
    return replace(link, peer=None, mac=link.mac or bytes([6, 6, 6, 6, 6, 6]))


def kinds(operations: list[Operation]) -> list[str]:
    return [type(one).__name__ for one in operations]


def hosts(wanted: Namespace, held: Namespace, name: str = BOX) -> list[Operation]:
    """Return what leads from one state of a namespace to another."""
    return reconcile(Host({name: wanted}), Host({name: held}))


# From any state to any other


@given(st.integers(0, 1 << 20), st.integers(0, 1 << 20))
def test_one_round_leads_from_any_state_to_any_other(one: int, two: int) -> None:
    kernel = FakeKernel()
    kernel.apply([AddNamespace(name) for name in BOXES])
    for seed in (one, two):
        desired = desired_host(Random(seed))
        assert kernel.apply(reconcile(desired, read(kernel, desired))) == []
        assert reconcile(desired, read(kernel, desired)) == []


@pytest.mark.slow
@given(st.integers(0, 1 << 20), st.integers(0, 1 << 20))
def test_namespace_by_namespace_all_is_done_too(one: int, two: int) -> None:
    kernel = FakeKernel()
    kernel.apply([AddNamespace(name) for name in BOXES])
    for seed in (one, two):
        desired = desired_host(Random(seed))
        names = dict.fromkeys([*desired.namespaces, *kernel.names()])
        for name in names:
            work = difference(desired, read(kernel, desired), [name])
            kernel.apply(work.ordered())
        for name in names:
            work = difference(desired, read(kernel, desired), [name])
            assert kernel.apply(work.ordered()) == []
        assert reconcile(desired, read(kernel, desired)) == []


def read(kernel: FakeKernel, desired: Host) -> Host:
    names = (HOST, *kernel.names())
    return Host({one: kernel.read(one, desired.namespaces.get(one)) for one in names})


# Links


def test_what_is_there_is_left_alone() -> None:
    wanted = Host({NET: network(BRIDGE, VXLAN, OUTER), BOX: box(INNER)})
    held = {
        NET: network(*(held_link(one) for one in (BRIDGE, VXLAN, OUTER))),
        BOX: box(held_link(INNER), ETH0),
    }
    assert reconcile(wanted, Host(held)) == []


def test_on_an_empty_host_a_bridge_comes_before_its_ports() -> None:
    wanted = Host({NET: network(VXLAN, OUTER, BRIDGE), BOX: box(INNER)})
    assert reconcile(wanted, Host({BOX: box()})) == [
        AddNamespace(NET),
        AddLink(NET, BRIDGE),
        AddLink(NET, VXLAN),
        AddLink(NET, OUTER, INNER),
    ]


@pytest.mark.parametrize(
    "changed",
    [
        replace(BRIDGE, mtu=1400),
        replace(BRIDGE, mac=bytes([2, 0, 0, 0, 0, 7])),
        replace(BRIDGE, is_up=False),
        replace(BRIDGE, alias="swarmnet:other"),
        replace(BRIDGE, has_link_local=True),
    ],
)
def test_a_link_that_differs_is_set(changed: Link) -> None:
    assert hosts(network(BRIDGE), network(changed), NET) == [SetLink(NET, BRIDGE)]


def test_what_makes_a_vxlan_device_is_made_anew() -> None:
    assert VXLAN.vxlan is not None
    other = replace(VXLAN, vxlan=replace(VXLAN.vxlan, vni=102))
    found = hosts(network(BRIDGE, VXLAN), network(BRIDGE, held_link(other)), NET)
    assert found == [RemoveLink(NET, "vxlan0"), AddLink(NET, VXLAN)]


@pytest.mark.parametrize(
    ("outer", "inner", "cleared"),
    [
        (None, None, []),
        (OUTER, None, [RemoveLink(NET, PORT_NAME)]),
        (None, INNER, [RemoveLink(BOX, "eth1")]),
        (
            OUTER,
            replace(INNER, alias="swarmnet:n/other"),
            [RemoveLink(NET, PORT_NAME), RemoveLink(BOX, "eth1")],
        ),
        # Others' link of that name is not removed: a name must be given up first.
        (OUTER, replace(INNER, alias="", mac=bytes(6)), [RemoveLink(NET, PORT_NAME)]),
    ],
)
def test_half_a_pair_is_made_anew(
    outer: Link | None, inner: Link | None, cleared: list[Operation]
) -> None:
    wanted = Host({NET: network(BRIDGE, OUTER), BOX: box(INNER)})
    there = [held_link(one) for one in (outer,) if one is not None]
    inside = [held_link(one) for one in (inner,) if one is not None]
    held = Host({NET: network(BRIDGE, *there), BOX: box(*inside)})
    assert reconcile(wanted, held) == [*cleared, AddLink(NET, OUTER, INNER)]


def test_either_end_of_a_pair_is_enough_to_compare_both() -> None:
    wanted = Host({NET: network(BRIDGE, OUTER), BOX: box(INNER)})
    held = Host({NET: network(BRIDGE), BOX: box()})
    for name in (NET, BOX):
        assert difference(wanted, held, [name]).ordered() == [
            AddLink(NET, OUTER, INNER)
        ]


def test_links_of_others_stay_and_leave_our_bridges() -> None:
    stranger = replace(ETH0, name="tap0", master="swarmnet_gw", port=Port(flood=True))
    gateway = replace(BRIDGE, name="swarmnet_gw")
    held, wanted = box(gateway, stranger, ETH0), box(gateway)
    assert hosts(wanted, held, HOST) == [ReleaseLink(HOST, "tap0")]
    assert hosts(box(), box(ETH0)) == []


def test_where_all_is_ours_links_of_others_go() -> None:
    # Some can only be taken out of the bridge, so that comes first.
    stranger = replace(ETH0, name="tap0", master="br0", port=Port(flood=True))
    free = replace(BRIDGE, name="alien0", alias="")
    held = network(BRIDGE, stranger, free)
    assert hosts(network(BRIDGE), held, NET) == [
        ReleaseLink(NET, "tap0"),
        RemoveLink(NET, "tap0"),
        RemoveLink(NET, "alien0"),
    ]


def test_what_a_kernel_makes_in_every_namespace_stays() -> None:
    held = network(BRIDGE, replace(ETH0, name="tunl0"), replace(ETH0, name="sit0"))
    assert hosts(network(BRIDGE), held, NET) == []


def test_intruders_go_where_all_is_ours() -> None:
    rule, table = Rule(2, 7, b"rule"), AlienTable(1, "alien")
    qdisc = Qdisc("br0", "tbf", 1, 2)
    found: dict[Intruder, None] = dict.fromkeys((rule, qdisc, table))
    held = replace(network(BRIDGE), intruders=found)
    assert hosts(network(BRIDGE), held, NET) == [
        MendIntruder(NET, one) for one in (rule, qdisc, table)
    ]
    # What stands on a link goes with it.
    other = replace(held, links={"br0": replace(VXLAN, name="br0")})
    assert MendIntruder(NET, qdisc) not in hosts(network(BRIDGE), other, NET)


def test_an_interface_without_its_alias_gets_it_back() -> None:
    wanted = Host({NET: network(BRIDGE, OUTER), BOX: box(INNER)})
    outer = network(BRIDGE, held_link(OUTER))
    bare = box(held_link(replace(INNER, alias="mine")))
    assert reconcile(wanted, Host({NET: outer, BOX: bare})) == [SetLink(BOX, INNER)]


def test_what_a_killed_agent_left_half_done_is_ours() -> None:
    half = replace(OUTER, alias="", peer=None, master=None)
    assert hosts(box(), box(half)) == [RemoveLink(BOX, PORT_NAME)]
    bare = replace(VXLAN, alias="")
    assert hosts(network(), network(bare), NET) == [RemoveLink(NET, "vxlan0")]
    # In a shared namespace such a name may be anybody's.
    assert hosts(box(), box(bare)) == []


def test_a_namespace_of_ours_goes_after_its_links_and_of_others_none() -> None:
    held = Host({NET: network(BRIDGE), BOX: box(ETH0)})
    assert reconcile(Host(), held) == [RemoveLink(NET, "br0"), RemoveNamespace(NET)]


# Addresses and routes


def filled(addresses: list[Address], routes: list[Route], *links: Link) -> Namespace:
    """Return a sandbox with eth1 and more, as a kernel shows it."""
    named = {one.name: one for one in (held_link(INNER), *links)}
    return Namespace(
        links=named,
        addresses=dict.fromkeys(addresses),
        routes=dict.fromkeys([*routes, *(connected_route(one) for one in addresses)]),
    )


def within(wanted: Namespace, held: Namespace) -> list[Operation]:
    """Compare a sandbox whose pair is there."""
    outside = network(BRIDGE, held_link(OUTER))
    desired = Host({NET: network(BRIDGE, OUTER), BOX: wanted})
    return reconcile(desired, Host({NET: outside, BOX: held}))


def wish(addresses: list[Address], routes: list[Route]) -> Namespace:
    return box(INNER, addresses=dict.fromkeys(addresses), routes=dict.fromkeys(routes))


def test_an_address_in_the_way_takes_others_of_its_link_along() -> None:
    wanted, held = wish([SECOND], [ROUTE]), filled([FIRST, SECOND], [ROUTE])
    assert within(wanted, held) == [
        RemoveAddress(BOX, FIRST),
        PutAddress(BOX, SECOND),
        PutRoute(BOX, ROUTE),
    ]


def test_an_address_whose_own_route_is_gone_is_put_anew() -> None:
    held = replace(filled([FIRST], [ROUTE]), routes={ROUTE: None})
    assert within(wish([FIRST], [ROUTE]), held) == [
        RemoveAddress(BOX, FIRST),
        PutAddress(BOX, FIRST),
        PutRoute(BOX, ROUTE),
    ]


def test_a_link_that_is_down_is_set_up_and_not_thought_cut_off() -> None:
    down = replace(held_link(INNER), is_up=False)
    held = replace(filled([FIRST], []), routes={}, links={"eth1": down})
    assert kinds(within(wish([FIRST], []), held)) == ["SetLink"]


def test_routes_of_ours_go_and_those_of_others_stay() -> None:
    manual = replace(ROUTE, destination=bytes([10, 0, 8, 0]), protocol=4)
    held = filled([FIRST], [ROUTE, manual])
    assert within(wish([FIRST], []), held) == [RemoveRoute(BOX, ROUTE)]


def test_a_route_to_the_same_place_by_another_way_is_replaced() -> None:
    other = replace(ROUTE, via=bytes([10, 0, 1, 9]))
    held = filled([FIRST], [other])
    assert within(wish([FIRST], [ROUTE]), held) == [PutRoute(BOX, ROUTE)]


@pytest.mark.parametrize("protocol", [KERNEL, 4])
def test_no_route_is_put_where_others_lead_by_a_link_of_theirs(protocol: int) -> None:
    theirs = Route(ROUTE.destination, 24, "eth0", protocol=protocol)
    held = filled([FIRST], [theirs], ETH0)
    assert within(wish([FIRST], [ROUTE]), held) == []


def test_addresses_of_others_stay() -> None:
    theirs = Address("eth0", bytes([172, 17, 0, 2]), 16)
    assert within(wish([FIRST], []), filled([FIRST, theirs], [], ETH0)) == []


# Sysctls and tables


def test_a_sysctl_that_differs_is_written() -> None:
    path = "net/ipv4/ip_forward"
    wanted = box(sysctls={path: "1"})
    assert hosts(wanted, box(sysctls={path: "0"})) == [SetSysctl(BOX, path, "1")]
    assert hosts(wanted, box(sysctls={path: "1"})) == []
    assert hosts(box(), box(sysctls={path: "0"})) == []


def table(*elements: str, chains: str = "chain c {}", name: str = "swarmnet") -> Table:
    return Table("inet", name, (), chains, {"s": dict.fromkeys(elements)})


def tables(*some: Table) -> Namespace:
    return Namespace(tables={(one.family, one.name): one for one in some})


def test_a_table_is_put_changed_and_removed_and_others_left() -> None:
    one, two = table("1"), table("2")
    others = table(name="docker")
    assert hosts(tables(one), tables(others), HOST) == [PutTable(HOST, one)]
    rewritten = table("1", chains="")
    assert hosts(tables(one), tables(rewritten), HOST) == [PutTable(HOST, one)]
    assert hosts(tables(two), tables(one), HOST) == [
        ChangeElements(HOST, two, removed=(("s", "1"),), added=(("s", "2"),))
    ]
    assert hosts(tables(one), tables(one, others), HOST) == []
    assert hosts(tables(), tables(one, others), HOST) == [RemoveTable(HOST, *OURS)]


def test_who_is_let_in_comes_first_and_who_is_not_any_more_last() -> None:
    wanted = replace(network(BRIDGE), tables={OURS: table("1")})
    less = {NET: replace(network(), tables={OURS: table("1", "2")})}
    more = {NET: replace(network(), tables={OURS: table()})}
    assert kinds(reconcile(Host({NET: wanted}), Host(less)))[-1] == "ChangeElements"
    assert kinds(reconcile(Host({NET: wanted}), Host(more)))[0] == "ChangeElements"
