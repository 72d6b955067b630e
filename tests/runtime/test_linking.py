from dataclasses import replace

from swarmnet.kernel.links import Kind
from swarmnet.kernel.operations import (
    AddLink,
    Failure,
    PutFdb,
    PutNeighbour,
    ReleaseLink,
    RemoveAddress,
    RemoveLink,
    SetLink,
)
from swarmnet.kernel.state import HOST, Address, Entries, Namespace
from swarmnet.runtime.kernel import Kernel
from tests.runtime.conftest import printed, ran
from tests.runtime.kernel_world import (
    BOX,
    BRIDGE,
    IP,
    LOCAL,
    MAC,
    NAME,
    NET,
    OTHER,
    PORT,
    VXLAN,
    WORLD,
)


def test_links_are_read_as_they_were_made(world: Kernel) -> None:
    assert world.read(NET) == Namespace(
        links={
            "br0": BRIDGE,
            "vxlan0": VXLAN,
            NAME: replace(PORT, peer=None),
        },
        entries={"vxlan0": Entries()},
        is_owned=True,
        is_pinned=True,
    )
    assert world.read(BOX) == Namespace(links={"eth0": OTHER}, is_pinned=True)
    assert world.read(HOST) == Namespace()


def test_making_links_that_are_there_changes_nothing(world: Kernel) -> None:
    before = world.read(NET), world.read(BOX)
    assert world.apply(WORLD) == []
    assert (world.read(NET), world.read(BOX)) == before


def test_a_vxlan_device_has_its_socket_in_the_hosts_namespace(
    world: Kernel, host: int
) -> None:
    assert ":4789" in ran(host, "ss", "-uln")
    assert ":4789" not in printed(world, NET, "ss", "-uln")


def test_a_removed_link_takes_its_other_end_along(world: Kernel) -> None:
    assert world.apply([RemoveLink(NET, NAME), RemoveLink(NET, NAME)]) == []
    assert NAME not in world.read(NET).links
    assert world.read(BOX).links == {}
    assert world.apply([RemoveLink(BOX, "eth0"), RemoveAddress(BOX, ADDRESS)]) == []


ADDRESS = Address("eth0", IP, 24)


def test_a_changed_link_is_set_right_without_going_down(world: Kernel) -> None:
    neighbour = PutNeighbour(NET, "vxlan0", IP, MAC)
    assert world.apply([neighbour, PutFdb(NET, "vxlan0", MAC, LOCAL)]) == []
    before = world.read(NET)
    printed(world, NET, "ip", "link", "set", "vxlan0", "mtu", "1400", "alias", "no")
    printed(world, NET, "bridge", "link", "set", "dev", "vxlan0", "learning", "on")
    printed(world, NET, "ip", "link", "set", NAME, "nomaster", "down")
    printed(world, NET, "ip", "link", "set", "br0", "address", "02:00:00:00:00:09")
    assert world.read(NET).links["vxlan0"] != VXLAN
    link = replace(PORT, peer=None)
    set_all = [SetLink(NET, BRIDGE), SetLink(NET, VXLAN), SetLink(NET, link)]
    assert world.apply(set_all) == []
    assert world.read(NET) == before


def test_a_link_that_should_have_no_master_is_released(world: Kernel) -> None:
    printed(world, BOX, "ip", "link", "add", "br9", "type", "bridge")
    printed(world, BOX, "ip", "link", "set", "eth0", "master", "br9")
    assert world.apply([SetLink(BOX, OTHER)]) == []
    assert world.read(BOX).links["eth0"] == OTHER


def test_a_stranger_is_taken_out_of_a_bridge(world: Kernel) -> None:
    printed(world, NET, "ip", "link", "add", "x0", "type", "bridge")
    printed(world, NET, "ip", "link", "add", "x1", "type", "veth", "peer", "x2")
    printed(world, NET, "ip", "link", "set", "x1", "master", "br0")
    assert world.read(NET).links["x1"].master == "br0"
    release = ReleaseLink(NET, "x1")
    assert world.apply([release, release, ReleaseLink(NET, "x9")]) == []
    assert world.read(NET).links["x1"].master is None


def test_links_find_a_bridge_that_was_made_anew_behind_our_back(
    kernel: Kernel,
) -> None:
    assert kernel.apply(WORLD[:3]) == []
    printed(kernel, NET, "ip", "link", "del", "br0")
    printed(kernel, NET, "ip", "link", "add", "br0", "up", "type", "bridge")
    assert kernel.apply(WORLD[3:]) == []
    assert kernel.read(NET).links[NAME] == replace(PORT, peer=None)
    printed(kernel, NET, "ip", "link", "del", "br0")
    printed(kernel, NET, "ip", "link", "add", "br0", "up", "type", "bridge")
    link = replace(PORT, peer=None)
    assert kernel.apply([SetLink(NET, VXLAN), SetLink(NET, link)]) == []
    assert kernel.read(NET).links[NAME].master == "br0"


def test_a_stranger_of_the_same_name_stands_in_the_way(kernel: Kernel) -> None:
    assert kernel.apply(WORLD[:2]) == []
    printed(kernel, NET, "ip", "link", "add", "br0", "type", "veth", "peer", "p0")
    before = kernel.read(NET).links["br0"]
    add = AddLink(NET, BRIDGE)
    (failure,) = kernel.apply([add])
    assert (failure.operation, failure.error) == (add, "EEXIST")
    assert kernel.read(NET).links["br0"] == before


def test_a_half_made_pair_is_taken_away_again(kernel: Kernel) -> None:
    assert kernel.apply(WORLD[:3]) == []
    printed(kernel, BOX, "ip", "link", "add", "eth0", "type", "bridge")
    add = AddLink(NET, PORT, OTHER)
    (failure,) = kernel.apply([add])
    assert (failure.operation, failure.error) == (add, "EEXIST")
    assert list(kernel.read(NET).links) == ["br0"]
    assert list(kernel.read(BOX).links) == ["eth0"]


def test_a_link_that_cannot_be_finished_is_taken_away_again(kernel: Kernel) -> None:
    assert kernel.apply(WORLD[:3]) == []
    add = AddLink(NET, replace(PORT, alias="x" * 300), OTHER)
    (failure,) = kernel.apply([add])
    assert failure.operation == add
    assert list(kernel.read(NET).links) == ["br0"]
    assert kernel.read(BOX).links == {}


def test_a_vxlan_device_is_made_though_the_host_has_a_link_of_that_name(
    kernel: Kernel, host: int
) -> None:
    ran(host, "ip", "link", "add", "vxlan0", "type", "bridge")
    assert kernel.apply(WORLD[:4]) == []
    assert kernel.read(NET).links == {"br0": BRIDGE, "vxlan0": VXLAN}
    assert kernel.read(HOST).links["vxlan0"].kind is Kind.BRIDGE


def test_a_vni_that_is_taken_is_told_with_who_has_it(kernel: Kernel, host: int) -> None:
    assert kernel.apply(WORLD[:3]) == []
    command = "ip link add theirs type vxlan id 4097 dstport 4789"
    ran(host, *command.split())
    ran(host, "ip", "link", "set", "theirs", "up")
    failures = kernel.apply([WORLD[3]])
    text = (
        "VNI 4097 on port 4789 is taken by theirs in the host's namespace:"
        " delete it there"
    )
    assert failures == [Failure(WORLD[3], "EEXIST", text)]
    assert list(kernel.read(NET).links) == ["br0"]
