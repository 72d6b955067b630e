"""What is believed of a kernel is what it holds, whatever was done and refused."""

from collections.abc import Iterator
from dataclasses import fields, replace
from random import Random

import pytest

from sim.kernel.fake import FakeKernel
from sim.kernel.faults import Faults
from swarmnet.kernel.held import Held
from swarmnet.kernel.links import Kind, Link, Peer
from swarmnet.kernel.operations import (
    AddLink,
    AddNamespace,
    Operation,
    PutFdb,
    PutFlood,
    PutStation,
    ReleaseLink,
    RemoveAddress,
    RemoveLink,
    RemoveNamespace,
    SetLink,
)
from swarmnet.kernel.reconcile import reconcile
from swarmnet.kernel.state import (
    HOST,
    KERNEL,
    PROTOCOL,
    Entries,
    Host,
    Namespace,
    connected_route,
)
from tests.kernel.states import BOXES, desired_host

MAC = bytes([2, 0x42, 0, 0, 0, 1])
VTEP = bytes([10, 99, 0, 2])


def test_a_link_is_held_without_its_other_end() -> None:
    values = {one.name: one.name for one in fields(Link)}
    link = Link(**values)  # type: ignore[arg-type]
    assert link.alone() == replace(link, peer=None)


def look_at_all(kernel: FakeKernel, held: Held, desired: Host) -> None:
    for name in (HOST, *kernel.names()):
        held.look(name, kernel.read(name, desired.namespaces.get(name)))


def differences(believed: Namespace, found: Namespace) -> Iterator[object]:
    """Yield what two states of a namespace do not agree about, as it matters.

    A MAC that the kernel drew, and routes that it made, are not known before a look.
    """
    for name in dict.fromkeys([*believed.links, *found.links]):
        one, other = believed.links.get(name), found.links.get(name)
        if one is None or other is None:
            yield name, one, other
        elif replace(other, mac=one.mac or other.mac) != replace(
            one, mac=one.mac or other.mac
        ):
            yield one, other
    for what in ("addresses", "entries", "stations"):
        if getattr(believed, what) != getattr(found, what):
            yield what, getattr(believed, what), getattr(found, what)
    for path, value in believed.sysctls.items():
        if found.sysctls.get(path) != value:
            yield path, value
    if believed.tables != found.tables:
        yield believed.tables, found.tables
    yield from route_differences(believed, found)


def route_differences(believed: Namespace, found: Namespace) -> Iterator[object]:
    own = [one for one in believed.routes if one.protocol == PROTOCOL]
    there = [one for one in found.routes if one.protocol == PROTOCOL]
    yield from (one for one in there if one not in own)
    yield from (one for one in own if one not in there)
    for address in found.addresses:
        route = connected_route(address)
        if (route in believed.routes) != (route in found.routes):
            yield route


def all_differences(held: Held, kernel: FakeKernel, desired: Host) -> list[object]:
    believed = held.show().namespaces
    assert sorted(believed) == sorted((HOST, *kernel.names()))
    return [
        (name, one)
        for name, space in believed.items()
        for one in differences(
            sorted_flood(space),
            sorted_flood(kernel.read(name, desired.namespaces.get(name))),
        )
    ]


def sorted_flood(space: Namespace) -> Namespace:
    entries = {
        name: replace(one, flood=tuple(sorted(one.flood)))
        for name, one in space.entries.items()
    }
    return replace(space, entries=entries)


def carry_out(
    kernel: FakeKernel, held: Held, operations: list[Operation], desired: Host
) -> None:
    """Do operations one by one; look where a link was changed, as everybody should."""
    for operation in operations:
        if kernel.apply([operation]):
            continue
        held.done(operation)
        if isinstance(operation, SetLink):
            name = operation.namespace
            held.look(name, kernel.read(name, desired.namespaces.get(name)))


@pytest.mark.parametrize("seed", range(20))
def test_from_state_to_state_the_belief_holds(seed: int) -> None:
    random = Random(seed)
    kernel, held = FakeKernel(random), Held()
    kernel.apply([AddNamespace(box) for box in BOXES])
    look_at_all(kernel, held, Host())
    for _ in range(6):
        desired = desired_host(random)
        look_at_all(kernel, held, desired)
        carry_out(kernel, held, reconcile(desired, held.show()), desired)
        assert all_differences(held, kernel, desired) == []
        assert reconcile(desired, held.show()) == []


@pytest.mark.parametrize("seed", range(20))
def test_the_belief_holds_when_some_is_refused(seed: int) -> None:
    random = Random(seed)
    kernel, held = FakeKernel(random), Held()
    kernel.apply([AddNamespace(box) for box in BOXES])
    for _ in range(6):
        desired = desired_host(random)
        kernel.faults = Faults()
        look_at_all(kernel, held, desired)
        kernel.faults = Faults(refusal=0.2)
        operations = reconcile(desired, held.show())
        # In a prefix, what goes with a primary address is not put back by what follows.
        carry_out(kernel, held, without_shaking(operations), desired)
        kernel.faults = Faults()
        assert all_differences(held, kernel, desired) == []


def without_shaking(operations: list[Operation]) -> list[Operation]:
    return [one for one in operations if not isinstance(one, RemoveAddress)]


def pair() -> tuple[Held, AddLink]:
    """Return a belief of a bridge, a VXLAN device and a veth pair."""
    held = Held()
    link = Link("v1", Kind.VETH, 1500, "swarmnet:n/1", master="br0")
    link = replace(link, peer=Peer("box/a", "eth0"))
    other = Link("eth0", Kind.VETH, 1500, "swarmnet:n/1", MAC, peer=Peer("net/n", "v1"))
    for name in ("net/n", "box/a"):
        held.done(AddNamespace(name))
    held.done(AddLink("net/n", Link("br0", Kind.BRIDGE, 1500, "swarmnet:n")))
    added = AddLink("net/n", link, other)
    held.done(added)
    return held, added


def links(held: Held) -> dict[str, list[str]]:
    return {name: list(one.links) for name, one in held.show().namespaces.items()}


def test_a_pair_comes_and_goes_with_both_ends() -> None:
    for namespace, name in (("net/n", "v1"), ("box/a", "eth0")):
        held, _ = pair()
        assert links(held) == {"net/n": ["br0", "v1"], "box/a": ["eth0"]}
        held.done(RemoveLink(namespace, name))
        assert links(held) == {"net/n": ["br0"], "box/a": []}


def test_with_a_namespace_go_the_other_ends_of_its_pairs() -> None:
    held, _ = pair()
    held.done(RemoveNamespace("box/a"))
    assert links(held) == {"net/n": ["br0"]}


def test_with_a_bridge_go_its_ports_no_further_than_out_of_it() -> None:
    held, added = pair()
    held.done(PutStation("net/n", "v1", MAC))
    held.done(RemoveLink("net/n", "br0"))
    space = held.show().namespaces["net/n"]
    free = replace(added.link, master=None, port=None, peer=None)
    assert (dict(space.links), dict(space.stations)) == ({"v1": free}, {})


def test_a_link_that_is_let_go_is_in_no_bridge() -> None:
    held, added = pair()
    held.done(PutStation("net/n", "v1", MAC))
    held.done(ReleaseLink("net/n", "v1"))
    space = held.show().namespaces["net/n"]
    free = replace(added.link, master=None, port=None, peer=None)
    assert (space.links["v1"], dict(space.stations)) == (free, {})


def test_what_is_believed_changes_nothing_that_was_read() -> None:
    held = Held()
    entries = Entries({MAC: VTEP})
    link = Link("vxlan0", Kind.VXLAN, 1450)
    read = Namespace(links={"vxlan0": link}, entries={"vxlan0": entries})
    held.look("net/n", read)
    held.done(PutFdb("net/n", "vxlan0", bytes(6), VTEP))
    held.done(PutFlood("net/n", "vxlan0", VTEP))
    assert (read.entries, entries) == ({"vxlan0": entries}, Entries({MAC: VTEP}))
    shown = held.show().namespaces["net/n"].entries["vxlan0"]
    assert shown == Entries({MAC: VTEP, bytes(6): VTEP}, {}, (VTEP,))


def test_of_what_was_never_looked_at_nothing_is_believed() -> None:
    held = Held()
    held.done(PutFdb("net/n", "vxlan0", MAC, VTEP))
    held.done(RemoveLink("net/n", "vxlan0"))
    held.done(RemoveNamespace("net/n"))
    assert dict(held.show().namespaces) == {}
    held.look("net/n", Namespace())
    held.look("net/n", None)
    assert dict(held.show().namespaces) == {}


def test_the_kernels_own_routes_come_and_go_with_addresses() -> None:
    desired = desired_host(Random(1))
    kernel, held = FakeKernel(), Held()
    kernel.apply([AddNamespace(box) for box in BOXES])
    look_at_all(kernel, held, desired)
    carry_out(kernel, held, reconcile(desired, held.show()), desired)
    spaces = held.show().namespaces
    made = [r for one in spaces.values() for r in one.routes if r.protocol == KERNEL]
    assert made == [
        connected_route(a) for one in spaces.values() for a in one.addresses
    ]
