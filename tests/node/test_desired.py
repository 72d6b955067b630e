"""What a host should hold, kept up change by change: what is planned anew, and when."""

from dataclasses import replace
from ipaddress import ip_address

from swarmnet.cnm.endpoint import Endpoint, Publish
from swarmnet.cnm.sandbox import Sandbox
from swarmnet.kernel.firewall import OURS
from swarmnet.kernel.links import Kind, Link
from swarmnet.kernel.state import HOST, Namespace
from swarmnet.node.desired import Desired, Place
from swarmnet.overlay.entries import Sort
from tests.node.overlays import (
    ADOPTED,
    BLUE,
    BOX,
    LOCAL,
    RED,
    REMOTE,
    B,
    C,
    blue,
    endpoint,
)
from tests.node.served import OUTSIDE, PLACE


def desired(place: Place = PLACE) -> Desired:
    """Return what is desired with RED, a local endpoint, and three remote ones."""
    made = Desired(place)
    made.is_complete = True
    made.note(HOST, OUTSIDE)
    made.set_sandbox(BOX)
    made.note("box/s1", None)
    made.set_network(RED)
    for one in (B, C):
        made.attach("red", one)
    for each in (LOCAL, *REMOTE):
        made.put_endpoint("red", each)
    return made


def settled() -> Desired:
    made = desired()
    made.update()
    made.take_changed()
    return made


def touched(made: Desired) -> list[str]:
    return sorted(made.update())


def test_all_that_is_called_for_is_touched_once() -> None:
    made = desired()
    assert touched(made) == ["", "box/s1", "net/red"]
    assert touched(made) == []
    assert sorted(made.namespaces) == ["", "box/s1", "net/red"]
    assert sorted(made.namespaces["box/s1"].links) == ["eth0", "eth1"]


def test_what_was_known_already_touches_nothing() -> None:
    made = settled()
    made.note(HOST, OUTSIDE)
    made.set_sandbox(BOX)
    made.note("box/s1", None)
    made.set_network(RED)
    made.attach("red", B)
    made.put_endpoint("red", LOCAL)
    made.drop_endpoint("red", "unknown")
    made.drop_sandbox("unknown")
    made.drop_network("unknown")
    assert touched(made) == []


def test_a_remote_endpoint_changes_entries_and_no_plan() -> None:
    made = settled()
    entries = made.namespaces["net/red"].entries["vxlan0"]
    one = endpoint(9)
    made.put_endpoint("red", one)
    assert (touched(made), made.take_changed()) == ([], ["red"])
    assert entries.fdb[one.mac] == B.vtep.packed
    assert made.namespaces["net/red"].stations[one.mac] == "vxlan0"
    assert made.knows("net/red", Sort.FDB, one.mac)
    assert not made.knows("net/blue", Sort.FDB, one.mac)


def test_a_node_that_moves_changes_who_is_let_in() -> None:
    made = settled()
    made.attach("red", replace(B, vtep=ip_address("10.99.0.8")))
    assert touched(made) == ["", "net/red"]
    vteps = made.namespaces[HOST].tables[OURS].elements["vteps4"]
    hosts = ("10.99.0.3", "10.99.0.8")
    assert sorted(vteps) == [f"{vni} . {ip}" for vni in (101, 102) for ip in hosts]


def test_a_sandbox_of_others_is_planned_for_when_it_was_looked_at() -> None:
    made = desired()
    made.set_sandbox(ADOPTED)
    made.put_endpoint("red", replace(endpoint(8, "a"), sandbox="d1"))
    made.update()
    assert "box/d1" not in made.namespaces
    eth0 = Link("eth0", Kind.OTHER, 1500)
    made.note("box/d1", Namespace(links={"eth0": eth0}))
    assert "box/d1" in touched(made)
    space = made.namespaces["box/d1"]
    assert (sorted(space.links), space.is_pinned) == (["eth1", "eth2"], False)
    made.note("box/d1", None)
    made.update()
    assert "box/d1" not in made.namespaces
    assert any("its namespace is gone" in one for one in made.warnings())


def test_a_name_that_others_have_by_now_is_given_up() -> None:
    made = settled()
    eth1 = Link("eth1", Kind.OTHER, 1500)
    made.note("box/s1", Namespace(links={"eth1": eth1}))
    made.update()
    assert sorted(made.namespaces["box/s1"].links) == ["eth0", "eth2"]


def test_an_endpoint_that_moves_away_takes_its_interface_along() -> None:
    made = settled()
    made.put_endpoint("red", replace(LOCAL, node="b"))
    made.update()
    assert made.namespaces["box/s1"] == Namespace(is_pinned=True)
    assert "net/red" not in made.namespaces
    assert made.networks["red"].local == {}


def test_the_gateway_is_there_for_networks_that_are_not_internal() -> None:
    made = settled()
    made.set_network(replace(RED, is_internal=True))
    made.update()
    assert (list(made.namespaces["box/s1"].links), made.namespaces[HOST].links) == (
        ["eth0"],
        {},
    )


def test_a_dropped_network_leaves_the_other() -> None:
    made = settled()
    made.set_network(BLUE)
    made.put_endpoint("blue", blue(LOCAL))
    made.update()
    assert sorted(made.namespaces["box/s1"].links) == ["eth0", "eth1", "eth2"]
    made.drop_network("red")
    made.update()
    assert sorted(made.namespaces) == ["", "box/s1", "net/blue"]
    assert list(made.namespaces["box/s1"].links) == ["eth2"]
    made.drop_network("blue")
    made.drop_sandbox("s1")
    made.update()
    assert made.namespaces == {HOST: Namespace()}


def test_two_networks_with_one_subnet_give_a_sandbox_one_way_there() -> None:
    nine = replace(RED.subnets[0], vni=901)
    both = replace(RED, id="both", subnets=(*BLUE.subnets, nine))
    made = settled()
    made.set_network(both)
    made.put_endpoint("both", replace(blue(LOCAL), id="both1"))
    made.update()
    routes = made.namespaces["box/s1"].routes
    assert [one for one in routes if one.length == 24] == []


def test_the_mtu_of_the_underlay_is_followed_unless_it_is_configured() -> None:
    large = {"uplink": replace(OUTSIDE.links["uplink"], mtu=1400)}
    for place, mtu in ((PLACE, 1350), (replace(PLACE, mtu=1500), 1450)):
        made = desired(place)
        made.update()
        made.note(HOST, replace(OUTSIDE, links=large))
        made.update()
        assert made.namespaces["net/red"].links["br0"].mtu == mtu


def test_without_a_firewall_there_is_no_table_and_a_warning() -> None:
    made = desired(replace(PLACE, has_firewall=False))
    made.update()
    assert made.namespaces[HOST].tables == {}
    assert any(
        one.startswith("nftables: not on this machine") for one in made.warnings()
    )
    assert list(settled().warnings()) == []


def test_of_two_that_publish_one_port_the_same_wins_in_any_order() -> None:
    found = []
    for networks in (("red", "blue"), ("blue", "red")):
        made = Desired(PLACE)
        made.note(HOST, OUTSIDE)
        made.set_sandbox(Sandbox("s1"))
        made.note("box/s1", None)
        for name in networks:
            made.set_network(replace(RED if name == "red" else BLUE, is_internal=False))
            made.put_endpoint(name, published(name))
        made.update()
        found.append(made.namespaces[HOST].tables[OURS].elements["any4"])
    assert found[0] == found[1]
    assert list(found[0]) == ["tcp . 80 : 172.18.0.2 . 2"]


def published(name: str) -> Endpoint:
    """Return the local endpoint of a network, with port 80 of the host."""
    one = LOCAL if name == "red" else blue(LOCAL)
    return replace(one, publish=(Publish(None, 80, 1 + (name == "blue"), "tcp"),))
