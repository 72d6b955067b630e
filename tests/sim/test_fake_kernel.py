"""The simulated kernel: how it fails, what others do in it, what an agent leaves."""

from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest

from sim.kernel.cells import EVENTS_MAX, OVERRUN, KernelEvent
from sim.kernel.fake import FakeKernel
from sim.kernel.faults import ERRORS, Faults
from sim.kernel.tampering import ACTS
from swarmnet.errors import Refused
from swarmnet.kernel.firewall import OURS, Table
from swarmnet.kernel.links import Kind, Link
from swarmnet.kernel.operations import (
    AddLink,
    AddNamespace,
    PutAddress,
    PutFdb,
    PutNeighbour,
    PutRoute,
    PutTable,
    ReleaseLink,
    RemoveLink,
    RemoveNamespace,
    SetLink,
    SetSysctl,
)
from swarmnet.kernel.reconcile import reconcile
from swarmnet.kernel.state import HOST, Address, Host, Namespace, Route, Unreadable
from tests.kernel.kernel_cases import (
    BOX,
    NET,
    bridge,
    do,
    fill,
    inside,
    ip,
    mac,
    network,
    place,
    port,
    vxlan,
)
from tests.kernel.states import BOXES, desired_host
from tests.kernel.table_cases import TABLE

UPLINK = Link("eth0", Kind.OTHER, 1500, mac=mac(0xEE))
UPLINK_ADDRESS = Address("eth0", ip("10.99.0.1"), 24)
SURROUNDINGS = Namespace(
    links={"eth0": UPLINK},
    addresses={UPLINK_ADDRESS: None},
    routes={Route(bytes(4), 0, "eth0", ip("10.99.0.254"), 3): None},
    tables={("ip", "nat"): Table("ip", "nat", chains="chain c {}")},
)
OWN_BRIDGE = replace(bridge("swarmnet_gw"), alias="swarmnet:gateway")
ENTRY = PutFdb(NET, "vxlan0", mac(9), ip("10.99.0.9"))


def furnished() -> FakeKernel:
    """Return a kernel with a network, an endpoint, entries of all sorts, and others."""
    kernel = FakeKernel(host=SURROUNDINGS)
    kernel.make_sandbox("/run/a", Namespace(links={"lan": replace(UPLINK, name="lan")}))
    kernel.adopt(BOX, "/run/a")
    do(kernel, *network(), AddLink(NET, port(2), replace(inside(2), name="eth2")))
    fill(kernel)
    place(kernel)
    do(
        kernel,
        AddLink(HOST, OWN_BRIDGE),
        SetSysctl(NET, "net/ipv4/ip_forward", "1"),
        PutTable(HOST, TABLE),
    )
    kernel.events.clear()
    return kernel


def snapshot(kernel: FakeKernel) -> list[object]:
    """Return all that a kernel shows, and that it announced."""
    others = [("inet", f"others{n}") for n in range(5)]
    asked = Namespace(
        sysctls={"net/ipv4/ip_forward": ""},
        tables={OURS: TABLE, **{key: Table(*key) for key in others}},
    )
    spaces: list[object] = [
        (key, kernel.read(key, asked)) for key in (HOST, *kernel.names())
    ]
    return [*spaces, *kernel.events]


def actual(kernel: FakeKernel, desired: Host) -> Host:
    """Read everything that is there or should be."""
    keys = dict.fromkeys([HOST, *kernel.names(), *desired.namespaces])
    found: dict[str, Namespace] = {}
    for key in keys:
        try:
            found[key] = kernel.read(key, desired.namespaces.get(key))
        except Unreadable:
            continue
    return Host(found)


def settle(kernel: FakeKernel, desired: Host, rounds: int = 4) -> None:
    """Reconcile until nothing is left to do."""
    for _ in range(rounds):
        kernel.apply(reconcile(desired, actual(kernel, desired)))
    assert reconcile(desired, actual(kernel, desired)) == []


def hosted() -> FakeKernel:
    """Return a kernel with others' things and the sandboxes of `states`."""
    kernel = FakeKernel(host=SURROUNDINGS)
    for box in BOXES:
        lan = replace(UPLINK, name="lan")
        kernel.make_sandbox(f"/run/{box}", Namespace(links={"lan": lan}))
        kernel.adopt(box, f"/run/{box}")
    return kernel


def test_a_kernel_starts_with_what_others_made_and_announces_none_of_it() -> None:
    kernel = FakeKernel(host=SURROUNDINGS)
    near = Route(ip("10.99.0.0"), 24, "eth0", protocol=2)
    held = kernel.read(HOST)
    assert held.links == {"eth0": UPLINK}
    assert list(held.routes) == [near, *SURROUNDINGS.routes]
    assert (list(kernel.events), kernel.names()) == ([], ())
    assert kernel.foreign_intact() == []


def test_a_refused_operation_does_nothing_and_stops_no_other() -> None:
    kernel = furnished()
    kernel.faults = Faults(refusal=0.5)
    numbers = range(100, 200)
    failures = kernel.apply(
        [PutNeighbour(NET, "vxlan0", bytes([10, 0, 2, n]), mac(n)) for n in numbers]
    )
    refused = {failure.operation: failure.error for failure in failures}
    assert sorted(dict.fromkeys(refused.values())) == sorted(ERRORS)
    held = kernel.read(NET).entries["vxlan0"].neighbours
    put = [n for n in numbers if bytes([10, 0, 2, n]) in held]
    assert 20 < len(put) < 80
    assert len(put) + len(refused) == 100


def test_a_read_is_interrupted_at_random() -> None:
    kernel = furnished()
    kernel.faults = Faults(interruption=0.5)
    interrupted = 0
    for _ in range(100):
        try:
            kernel.read(NET)
        except Unreadable:
            interrupted += 1
    assert 20 < interrupted < 80


def test_a_full_table_takes_no_new_key_but_other_values() -> None:
    kernel = furnished()
    kernel.faults = Faults(table_limit=2)
    new = PutFdb(NET, "vxlan0", mac(7), ip("10.99.0.9"))
    near = PutNeighbour(NET, "vxlan0", ip("10.0.1.7"), mac(7))
    failures = kernel.apply([new, near, replace(ENTRY, vtep=ip("10.99.0.5"))])
    assert [f.error for f in failures] == ["ENOSPC", "ENOBUFS"]
    fdb = {mac(9): ip("10.99.0.5"), mac(8): ip("10.99.0.8")}
    assert kernel.read(NET).entries["vxlan0"].fdb == fdb


def test_one_seed_gives_one_behaviour() -> None:
    def run() -> list[object]:
        random = Random(7)
        kernel = FakeKernel(Random(3), faults=Faults(refusal=0.2))
        found: list[object] = []
        for _ in range(5):
            found += kernel.apply(
                [*network(), *reconcile(desired_host(random), Host())]
            )
            found += [kernel.tamper(random) for _ in range(20)]
        return found + snapshot(kernel)

    assert run() == run()


def test_changes_are_announced_but_not_those_of_sysctls_tables_and_pins() -> None:
    kernel = furnished()
    do(kernel, replace(ENTRY, vtep=ip("10.99.0.5")))
    do(kernel, PutAddress(BOX, Address("eth1", ip("10.0.7.1"), 32)))
    do(kernel, PutRoute(BOX, Route(ip("10.0.7.0"), 24, "eth1")))
    do(kernel, SetLink(HOST, replace(OWN_BRIDGE, mtu=1400)))
    changes = [("neighbour", NET), ("address", BOX), ("route", BOX), ("link", HOST)]
    assert [(e.what, e.namespace) for e in dict.fromkeys(kernel.events)] == changes
    kernel.events.clear()
    do(kernel, SetSysctl(NET, "net/ipv4/ip_forward", "0"), PutTable(HOST, TABLE))
    do(kernel, ENTRY, ENTRY, AddNamespace("net/n2"), RemoveNamespace("net/n2"))
    assert list(kernel.events) == [KernelEvent(NET, "neighbour")]


def test_a_listener_that_lags_is_told_of_an_overrun() -> None:
    kernel = furnished()
    many = [replace(ENTRY, mac=n.to_bytes(6, "big")) for n in range(1, EVENTS_MAX + 9)]
    do(kernel, *many)
    assert len(kernel.events) == EVENTS_MAX + 1
    assert kernel.events[-1] == KernelEvent(NET, OVERRUN)


def test_a_sandbox_is_adopted_and_forgotten_and_never_ended_by_us() -> None:
    kernel = furnished()
    with pytest.raises(Refused):
        kernel.adopt("box/b", "/run/nosuch")
    kernel.forget_agent()
    assert kernel.names() == (NET,)
    with pytest.raises(Unreadable):
        kernel.read(BOX)
    kernel.adopt(BOX, "/run/a")
    do(kernel, RemoveNamespace(BOX))
    kernel.adopt(BOX, "/run/a")
    assert sorted(kernel.read(BOX).links) == ["eth1", "eth2", "lan"]
    assert not kernel.read(BOX).is_pinned


def test_a_sandbox_that_ends_takes_the_other_ends_along() -> None:
    kernel = furnished()
    kernel.end_sandbox("/run/a")
    assert sorted(kernel.read(NET).links) == ["br0", "vxlan0"]
    with pytest.raises(Unreadable):
        kernel.read(BOX)
    assert kernel.foreign_intact() == []


def test_a_killed_agent_leaves_a_link_without_its_alias() -> None:
    kernel = FakeKernel()
    do(kernel, AddNamespace(NET), AddNamespace(BOX), AddLink(NET, bridge()))
    kernel.leave_half_done(AddLink(NET, port(), inside()))
    kernel.leave_half_done(AddLink(NET, vxlan()))
    held, box = kernel.read(NET).links, kernel.read(BOX).links
    assert list(box) == [inside().name]
    left = [held[port().name], held["vxlan0"], box[inside().name]]
    assert [(link.alias, link.is_up) for link in left] == [("", False)] * 3
    do(kernel, RemoveLink(BOX, inside().name))
    assert sorted(kernel.read(NET).links) == ["br0", "vxlan0"]


def test_half_of_what_is_refused_is_nothing() -> None:
    kernel = furnished()
    before = snapshot(kernel)
    kernel.leave_half_done(AddLink(NET, port(), inside()))
    kernel.leave_half_done(AddLink("net/nosuch", bridge()))
    assert snapshot(kernel) == before


@pytest.mark.parametrize("kind", ACTS)
def test_others_can_do_it(kind: str) -> None:
    kernel = furnished()
    before = snapshot(kernel)
    done = kernel.tamper(Random(1), kind)
    assert done.startswith(f"{kind}: ")
    assert snapshot(kernel) != before
    assert kernel.foreign_intact() == []


@pytest.mark.parametrize("kind", ACTS)
def test_where_nothing_is_ours_only_foreign_things_come(kind: str) -> None:
    kernel = FakeKernel(host=SURROUNDINGS)
    done = kernel.tamper(Random(1), kind)
    assert bool(done) == kind.startswith("foreign-")


@pytest.mark.slow
def test_with_everything_there_any_kind_may_happen() -> None:
    random = Random(5)
    kinds = [furnished().tamper(random).partition(":")[0] for _ in range(400)]
    assert sorted(dict.fromkeys(kinds)) == sorted(ACTS)


TOUCHES: dict[str, Callable[[FakeKernel], object]] = {
    "link eth0": lambda kernel: kernel.apply([RemoveLink(HOST, "eth0")]),
    "link lan": lambda kernel: kernel.apply(
        [SetLink(BOX, Link("lan", Kind.OTHER, 1400))]
    ),
    "address": lambda kernel: kernel.apply(
        [SetLink(HOST, UPLINK), RemoveLink(HOST, "eth0"), AddLink(HOST, OWN_BRIDGE)]
    ),
    "route": lambda kernel: kernel.apply(
        [PutRoute(HOST, Route(bytes(4), 0, "eth0", ip("10.99.0.7")))]
    ),
    "table ip nat": lambda kernel: kernel.apply(
        [PutTable(HOST, Table("ip", "nat", chains="chain other {}"))]
    ),
}


@pytest.mark.parametrize("what", TOUCHES)
def test_a_foreign_thing_that_was_touched_is_found(what: str) -> None:
    kernel = furnished()
    TOUCHES[what](kernel)
    assert any(what in lost for lost in kernel.foreign_intact())


def test_a_foreign_link_may_be_released_from_our_bridge_but_not_deleted() -> None:
    kernel = furnished()
    done = kernel.tamper(Random(1), "bridge-add").split()
    key, name = done[1].partition(":")[0], done[2]
    do(kernel, ReleaseLink(key, name))
    assert kernel.foreign_intact() == []
    do(kernel, RemoveLink(key, name))
    assert len(kernel.foreign_intact()) == 1


@pytest.mark.parametrize("seed", range(5))
def test_random_states_can_be_reached_one_after_another(seed: int) -> None:
    random = Random(seed)
    kernel = hosted()
    for _ in range(4):
        settle(kernel, desired_host(random))
    settle(kernel, Host({HOST: Namespace(), **dict.fromkeys(BOXES, Namespace())}))
    assert [list(kernel.read(box).links) for box in BOXES] == [["lan"]] * 3
    assert kernel.names() == BOXES
    assert kernel.foreign_intact() == []
