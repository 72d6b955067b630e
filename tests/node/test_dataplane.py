"""The data plane, step by step on a simulated kernel."""

from dataclasses import replace
from ipaddress import ip_address
from random import Random

import pytest

from sim.kernel.fake import FakeKernel
from sim.kernel.faults import NO_FAULTS, Faults
from swarmnet.cnm.endpoint import mac_of
from swarmnet.cnm.sandbox import Sandbox
from swarmnet.kernel.firewall import OURS
from swarmnet.kernel.links import Kind, Link
from swarmnet.kernel.operations import (
    AddLink,
    AddNamespace,
    PutAddress,
    RemoveFdb,
    RemoveLink,
    RemoveNeighbour,
    SetLink,
)
from swarmnet.kernel.ownership import ours
from swarmnet.kernel.state import HOST, Entries, Namespace
from swarmnet.node.dataplane import LOOK_AFTER_S, RESYNC_S
from swarmnet.node.kernel_news import Apply, EntryNews, Missed, OtherNews, Read
from swarmnet.overlay.entries import Sort
from tests.node.overlays import (
    ADOPTED,
    BOX,
    CHANGES,
    LOCAL,
    RED,
    REMOTE,
    B,
    born,
    endpoint,
    is_planned,
)
from tests.node.served import Served, host_kernel

NET = "net/red"


def entries(kernel: FakeKernel) -> dict[str, Entries]:
    return dict(kernel.read(NET).entries)


def test_the_kernel_holds_what_is_wanted_and_a_second_life_does_nothing() -> None:
    life = born()
    assert is_planned(life)
    assert list(entries(life.kernel)) == ["vxlan0", "vxlan1"]
    again = born(life.kernel)
    assert again.log == []


def test_what_is_dropped_leaves_nothing_of_ours() -> None:
    life = born()
    life.plane.drop_network(life.now, "red")
    life.plane.drop_sandbox(life.now, "s1")
    life.calm()
    assert life.kernel.names() == ()
    assert ours(life.kernel.read(HOST)) == Namespace()
    assert life.kernel.foreign_intact() == []


def test_a_sandbox_of_ours_and_what_is_in_it_are_one_portion() -> None:
    life = born()
    plane, now = life.plane, life.now
    plane.set_sandbox(now, Sandbox("new"))
    assert plane.poll_output() is None
    assert plane.poll_timeout() == now
    assert not plane.is_settled
    other = replace(
        LOCAL, id="f" * 32, sandbox="new", addresses=(ip_address("10.0.1.9"),)
    )
    plane.put_endpoint(now, "red", other)
    wanted = plane.poll_output()
    assert isinstance(wanted, Apply)
    kinds = [type(one) for one in wanted.operations if one.namespace == "box/new"]
    assert kinds[0] is AddNamespace
    assert PutAddress in kinds


def test_a_sandbox_of_ours_that_nothing_else_is_told_of_is_made_too() -> None:
    life = born()
    life.plane.set_sandbox(life.now, Sandbox("new"))
    life.calm()
    assert "box/new" in life.kernel.names()
    assert is_planned(life)


# What others do where all is ours


@pytest.mark.parametrize(
    "kind",
    [
        *("rule-add", "rule-remove", "qdisc-add", "alien-table-add"),
        *("link-add", "bridge-add", "device-move", "alias-change"),
    ],
)
def test_what_others_put_in_goes_and_is_counted(kind: str) -> None:
    life = born()
    names = list(life.kernel.read("box/s1").links)
    assert life.kernel.tamper(Random(1), kind)
    drifted = life.plane.counters["drifted"]
    life.run(RESYNC_S + 1.0)
    assert is_planned(life)
    assert list(life.kernel.read("box/s1").links) == names
    assert life.plane.counters["drifted"] > drifted
    assert life.kernel.foreign_intact() == []


def test_an_interface_keeps_its_name_though_its_alias_changed_meanwhile() -> None:
    life = born()
    name = life.plane.desired.namespaces["box/s1"].links["eth0"].alias
    changed = replace(life.kernel.read("box/s1").links["eth0"], alias="mine")
    assert life.kernel.apply([SetLink("box/s1", changed)]) == []
    again = born(life.kernel)
    assert is_planned(again)
    assert life.kernel.read("box/s1").links["eth0"].alias == name
    # Nothing was made anew.
    assert not [one for one in again.log if isinstance(one, AddLink | RemoveLink)]


# A restart that does not know all yet


def restarted(*endpoints: object) -> Served:
    """Return a second life that knows of no remote endpoints, and of node b alone."""
    life = Served(born().kernel)
    life.plane.set_sandbox(0.0, BOX)
    life.plane.set_network(0.0, RED, (B,), [LOCAL])
    life.start(is_complete=False)
    life.run(5.0)
    return life


def vteps(life: Served) -> list[str]:
    return sorted(life.actual().namespaces[HOST].tables[OURS].elements["vteps4"])


def test_nothing_that_was_there_is_removed_before_all_is_known() -> None:
    before = born().actual()
    life = restarted()
    assert life.actual() == before
    assert life.log == []
    life.plane.complete(life.now)
    life.calm()
    assert is_planned(life)
    assert entries(life.kernel) == {"vxlan0": Entries(), "vxlan1": Entries()}
    assert vteps(life) == ["101 . 10.99.0.2", "102 . 10.99.0.2"]


def test_whoever_was_let_in_stays_let_in_though_others_come() -> None:
    life = restarted()
    moved = replace(B, vtep=ip_address("10.99.0.7"))
    life.plane.attach(life.now, "red", moved)
    life.calm()
    hosts = [f"10.99.0.{number}" for number in (2, 3, 7)]
    assert vteps(life) == [f"{v} . {ip}" for v in (101, 102) for ip in hosts]
    life.plane.complete(life.now)
    life.calm()
    assert vteps(life) == ["101 . 10.99.0.7", "102 . 10.99.0.7"]


def test_what_was_wanted_in_this_life_may_go_at_once() -> None:
    life = restarted()
    life.plane.put_endpoint(life.now, "red", REMOTE[0])
    life.plane.put_endpoint(life.now, "red", endpoint(7))
    life.calm()
    life.plane.drop_endpoint(life.now, "red", REMOTE[0].id)
    life.plane.drop_endpoint(life.now, "red", endpoint(7).id)
    life.calm()
    left = [list(one.neighbours) for one in entries(life.kernel).values()]
    assert left == [
        [one.addresses[family].packed for one in REMOTE[1:]] for family in (0, 1)
    ]
    life.plane.drop_endpoint(life.now, "red", LOCAL.id)
    life.plane.drop_sandbox(life.now, "s1")
    life.calm()
    assert life.kernel.names() == ()
    assert list(life.kernel.read(HOST).links) == ["uplink"]


# Drift, refusals, and news


def test_drift_is_put_right_counted_and_told() -> None:
    life = born()
    mac = REMOTE[0].mac
    life.kernel.apply([RemoveFdb(NET, "vxlan0", mac)])
    life.plane.receive_news(life.now, EntryNews(NET, "vxlan0", Sort.FDB, mac, None))
    assert life.plane.poll_timeout() == life.now + LOOK_AFTER_S
    life.calm()
    assert is_planned(life)
    assert [(one.namespace, one.count) for one in life.drifts] == [(NET, 1)]
    assert life.plane.counters["drifted"] == 1


def test_every_namespace_is_looked_at_within_two_rounds_unasked() -> None:
    life = born()
    life.kernel.apply([RemoveFdb(NET, "vxlan0", REMOTE[0].mac)])
    life.kernel.events.clear()
    life.run(2 * RESYNC_S)
    assert is_planned(life)
    assert life.plane.counters["drifted"] == 1


def test_own_changes_are_no_drift() -> None:
    life = born()
    for change in CHANGES.values():
        change(life)
        life.calm()
        for name in (HOST, *life.kernel.names()):
            life.plane.receive_news(life.now, OtherNews(name))
        life.run(1.0)
    assert (life.drifts, life.plane.counters["drifted"]) == ([], 0)


def test_what_comes_while_it_is_looked_is_no_drift() -> None:
    life = born()
    life.plane.receive_news(life.now, OtherNews(NET))
    life.now += LOOK_AFTER_S
    life.plane.handle_timeout(life.now)
    late = replace(REMOTE[0], id="e" * 32, addresses=(ip_address("10.0.1.77"),))
    late = replace(late, mac=mac_of(late.addresses))
    life.plane.put_endpoint(life.now, "red", late)
    assert isinstance(life.plane._outputs[0], Read)
    life.calm()
    assert is_planned(life)
    assert life.kernel.read(NET).entries["vxlan0"].fdb.get(late.mac) is not None
    assert (life.drifts, life.plane.counters["drifted"]) == ([], 0)


def test_a_miss_of_somebody_known_is_looked_into_and_any_other_counted() -> None:
    life = born()
    known = REMOTE[0].addresses[0].packed
    life.kernel.apply([RemoveNeighbour(NET, "vxlan0", known)])
    life.plane.receive_news(life.now, Missed(NET, Sort.NEIGHBOUR, bytes(4)))
    life.run(1.0)
    assert not is_planned(life)
    life.plane.receive_news(life.now, Missed(NET, Sort.NEIGHBOUR, known))
    life.run(1.0)
    assert is_planned(life)
    assert life.plane.counters["misses"] == 2


def test_what_is_refused_is_told_and_tried_again_at_doubling_intervals() -> None:
    life = born()
    life.kernel.faults = Faults(refusal=1.0)
    tries: list[float] = []
    life.before = lambda _: tries.append(round(life.now, 2))
    life.plane.put_endpoint(life.now, "red", endpoint(5, v6=False))
    life.serve()
    life.run(2.0)
    assert list(dict.fromkeys(tries)) == [0.0, 0.1, 0.3, 0.7, 1.5]
    refused = [type(one.operation).__name__ for one in life.plane.failures()]
    assert refused == ["PutFdb", "PutNeighbour", "PutStation"]
    assert not life.plane.is_settled
    life.kernel.faults = NO_FAULTS
    life.run(2.0)
    assert (list(life.plane.failures()), is_planned(life)) == ([], True)


def test_a_bridge_that_is_gone_is_found_by_what_cannot_be_put_on_it() -> None:
    life = born()
    life.kernel.apply([RemoveLink(HOST, "swarmnet_gw")])
    life.kernel.events.clear()
    for number in (1, 2):
        box = replace(BOX, name=f"x{number}")
        life.plane.set_sandbox(life.now, box)
        made = endpoint(20 + number, "a", box.name)
        life.plane.put_endpoint(life.now, "red", made)
        life.serve()
    life.run(1.0)
    assert is_planned(life)


# Sandboxes of others


def adopting() -> Served:
    kernel = host_kernel()
    eth0 = Link("eth0", Kind.OTHER, 1500, mac=bytes([6, 0, 0, 0, 0, 2]))
    kernel.make_sandbox("/ns/d1", Namespace(links={"eth0": eth0}))
    life = Served(kernel)
    life.plane.set_sandbox(0.0, ADOPTED)
    life.plane.set_network(0.0, RED, (B,), [replace(LOCAL, sandbox="d1")])
    life.start()
    life.calm()
    return life


def test_an_adopted_sandbox_gets_names_beside_those_of_others() -> None:
    life = adopting()
    links = life.kernel.read("box/d1").links
    assert sorted(links) == ["eth0", "eth1", "eth2"]
    life.plane.drop_sandbox(0.0, "d1")
    life.calm()
    life.kernel.adopt("box/d1", "/ns/d1")
    assert list(life.kernel.read("box/d1").links) == ["eth0"]
    assert life.kernel.foreign_intact() == []


def test_a_sandbox_that_is_gone_is_let_go_of_and_warned_of() -> None:
    life = adopting()
    life.kernel.end_sandbox("/ns/d1")
    life.settle()
    assert life.kernel.names() == ()
    warning = "sandbox d1: its namespace is gone: adopt it, or remove it"
    assert list(life.plane.desired.warnings()) == [warning]


def test_a_sandbox_that_was_not_looked_at_is_not_called_gone() -> None:
    life = Served(adopting().kernel)
    life.plane.set_sandbox(0.0, ADOPTED)
    life.plane.set_network(0.0, RED, (B,), [replace(LOCAL, sandbox="d1")])
    assert list(life.plane.desired.warnings()) == []


def test_a_sandbox_that_is_there_again_is_taken_up_when_told() -> None:
    life = adopting()
    life.kernel.end_sandbox("/ns/d1")
    life.settle()
    life.kernel.make_sandbox("/ns/d1")
    life.plane.set_sandbox(life.now, ADOPTED)
    life.calm()
    assert sorted(life.kernel.read("box/d1").links) == ["eth0", "eth1"]
    assert is_planned(life)


def test_a_name_that_others_took_meanwhile_is_given_up() -> None:
    life = adopting()
    life.kernel.apply([RemoveLink("box/d1", "eth1")])
    life.kernel.events.clear()
    path = "/ns/d1"
    holds = Namespace(links={"eth1": Link("eth1", Kind.OTHER, 1500)})
    add_foreign(life.kernel, path, holds)
    life.settle()
    assert is_planned(life)
    assert list(life.plane.failures()) == []
    assert life.kernel.foreign_intact() == []


def add_foreign(kernel: FakeKernel, path: str, holds: Namespace) -> None:
    """Let the makers of a sandbox add something to it."""
    cell = kernel._machine.sandboxes[path]
    kernel._foreign.add_all(kernel._machine, cell, holds)
