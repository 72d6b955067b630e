import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from swarmnet.kernel.links import Peer
from swarmnet.kernel.operations import (
    AddLink,
    AddNamespace,
    Operation,
    PutAddress,
    PutFdb,
    PutFlood,
    PutNeighbour,
    PutRoute,
    PutStation,
    RemoveAddress,
    RemoveFdb,
    RemoveFlood,
    RemoveLink,
    RemoveNamespace,
    RemoveNeighbour,
    RemoveRoute,
    RemoveStation,
    SetSysctl,
)
from swarmnet.kernel.state import (
    HOST,
    Address,
    Entries,
    Namespace,
    Route,
    Unreadable,
    connected_route,
)
from swarmnet.runtime import spaces
from swarmnet.runtime.kernel import Kernel
from swarmnet.runtime.linux import unmount
from tests.runtime.conftest import printed, ran
from tests.runtime.kernel_world import (
    BOX,
    IP,
    IP6,
    LOCAL,
    MAC,
    NAME,
    NET,
    OTHER,
    PORT,
    VTEPS,
    WORLD,
)


@pytest.mark.parametrize(
    "operation",
    [
        PutAddress(BOX, Address("eth0", IP, 24)),
        PutAddress(BOX, Address("eth0", IP6, 64)),
        PutRoute(BOX, Route(bytes([10, 9, 0, 0]), 16, "eth0")),
        PutRoute(BOX, Route(bytes(4), 0, "eth0")),
        PutRoute(BOX, Route(IP6[:8] + bytes(8), 64, "eth0")),
        PutFdb(NET, "vxlan0", MAC, VTEPS[0]),
        PutNeighbour(NET, "vxlan0", IP, MAC),
        PutNeighbour(NET, "vxlan0", IP6, MAC),
        PutFlood(NET, "vxlan0", VTEPS[0]),
        PutStation(NET, NAME, MAC),
    ],
)
def test_what_is_put_is_read_and_may_be_put_twice(
    world: Kernel, operation: Operation
) -> None:
    assert world.apply([operation]) == []
    held = world.read(operation.namespace)
    match operation:
        case PutAddress(_, address):
            assert list(held.addresses) == [address]
        case PutRoute(_, route):
            ours = [one for one in held.routes if one.protocol == route.protocol]
            assert ours == [route]
        case PutFdb(_, link, mac, vtep):
            assert held.entries == {link: Entries(fdb={mac: vtep})}
        case PutNeighbour(_, link, ip, mac):
            assert held.entries == {link: Entries(neighbours={ip: mac})}
        case PutFlood(_, link, vtep):
            assert held.entries == {link: Entries(flood=(vtep,))}
        case PutStation(_, port, mac):
            assert held.stations == {mac: port}
    assert world.apply([operation, operation]) == []
    assert world.read(operation.namespace) == held


@pytest.mark.parametrize(
    ("put", "remove"),
    [
        (
            PutAddress(BOX, Address("eth0", IP, 24)),
            RemoveAddress(BOX, Address("eth0", IP, 24)),
        ),
        (
            PutAddress(BOX, Address("eth0", IP6, 64)),
            RemoveAddress(BOX, Address("eth0", IP6, 64)),
        ),
        (
            PutRoute(BOX, Route(bytes([10, 9, 0, 0]), 16, "eth0")),
            RemoveRoute(BOX, Route(bytes([10, 9, 0, 0]), 16, "eth0")),
        ),
        (
            PutRoute(BOX, Route(IP6[:8] + bytes(8), 64, "eth0")),
            RemoveRoute(BOX, Route(IP6[:8] + bytes(8), 64, "eth0")),
        ),
        (
            PutFdb(NET, "vxlan0", MAC, VTEPS[0]),
            RemoveFdb(NET, "vxlan0", MAC),
        ),
        (
            PutNeighbour(NET, "vxlan0", IP, MAC),
            RemoveNeighbour(NET, "vxlan0", IP),
        ),
        (
            PutNeighbour(NET, "vxlan0", IP6, MAC),
            RemoveNeighbour(NET, "vxlan0", IP6),
        ),
        (
            PutFlood(NET, "vxlan0", VTEPS[0]),
            RemoveFlood(NET, "vxlan0", VTEPS[0]),
        ),
        (PutStation(NET, NAME, MAC), RemoveStation(NET, NAME, MAC)),
    ],
)
def test_what_is_removed_is_gone_and_may_be_removed_twice(
    world: Kernel, put: Operation, remove: Operation
) -> None:
    before = world.read(put.namespace)
    assert world.apply([put, remove]) == []
    assert world.read(put.namespace) == before
    assert world.apply([remove, remove]) == []


def test_a_failure_names_its_operation_and_the_rest_is_done(world: Kernel) -> None:
    good = [PutFdb(NET, "vxlan0", bytes([2, 0, 0, 0, 1, n]), LOCAL) for n in range(99)]
    bad = PutFdb(NET, "vxlan0", MAC, IP6)
    stray = PutAddress(BOX, Address("eth7", IP, 24))
    lost = PutRoute("net/none", Route(IP, 32, "eth0"))
    failures = world.apply([*good[:50], bad, *good[50:], stray, lost])
    assert [(one.operation, one.error) for one in failures] == [
        (bad, "EAFNOSUPPORT"),
        (stray, "ENODEV"),
        (lost, "ENOENT"),
    ]
    assert len(world.read(NET).entries["vxlan0"].fdb) == 99


NEW_NAME = "v222222222222"
NEW = replace(PORT, name=NEW_NAME, mac=b"\2B\n\0\1\5", peer=Peer(BOX, "eth1"))
NEW_END = replace(OTHER, name="eth1", mac=b"\2B\n\0\1\6")
ON_NEW: list[Operation] = [
    PutStation(NET, NEW_NAME, NEW_END.mac or b""),
    PutAddress(BOX, Address("eth1", IP, 24)),
    PutAddress(BOX, Address("eth1", IP6, 64)),
    PutRoute(BOX, Route(bytes([10, 9, 0, 0]), 16, "eth1")),
    PutRoute(BOX, Route(IP6[:7] + bytes(9), 56, "eth1")),
]


def test_a_pair_comes_with_what_stands_on_it(world: Kernel) -> None:
    before = world.read(BOX)
    assert world.apply([AddLink(NET, NEW, NEW_END), *ON_NEW]) == []
    net, box = world.read(NET), world.read(BOX)
    assert net.links[NEW_NAME] == replace(NEW, peer=None)
    assert box.links["eth1"] == NEW_END
    assert net.stations == {NEW_END.mac: NEW_NAME}
    addresses = [one.address for one in ON_NEW if isinstance(one, PutAddress)]
    connected = [connected_route(one) for one in addresses]
    assert list(box.addresses) == addresses
    routes = [one.route for one in ON_NEW if isinstance(one, PutRoute)]
    new = [one for one in box.routes if one not in before.routes]
    assert sorted(new, key=repr) == sorted([*routes, *connected], key=repr)
    assert world.apply([AddLink(NET, NEW, NEW_END), *ON_NEW]) == []
    assert (world.read(NET), world.read(BOX)) == (net, box)


def test_of_what_stands_on_a_pair_a_failure_is_told_alone(world: Kernel) -> None:
    bad = PutRoute(BOX, Route(bytes(4), 0, "eth1", via=bytes([203, 0, 113, 1])))
    failures = world.apply([AddLink(NET, NEW, NEW_END), *ON_NEW[:2], bad, *ON_NEW[2:]])
    assert [(one.operation, one.error) for one in failures] == [(bad, "ENETUNREACH")]
    assert len(world.read(BOX).addresses) == 2
    assert world.read(NET).stations == {NEW_END.mac: NEW_NAME}


def test_on_a_pair_that_could_not_be_made_nothing_is_put(world: Kernel) -> None:
    taken = replace(NEW, peer=Peer(BOX, "eth0"))
    end = replace(NEW_END, name="eth0")
    places: list[Operation] = [
        PutStation(NET, NEW_NAME, MAC),
        PutAddress(BOX, Address("eth0", IP, 24)),
    ]
    failures = world.apply([AddLink(NET, taken, end), *places])
    assert [(one.operation, one.error, one.message) for one in failures[1:]] == [
        (places[0], "ENODEV", f"there is no link {NEW_NAME}"),
        (places[1], "ENODEV", "there is no link eth0"),
    ]
    assert (failures[0].operation, failures[0].error) == (
        AddLink(NET, taken, end),
        "EEXIST",
    )
    assert NEW_NAME not in world.read(NET).links
    assert world.read(BOX).addresses == {}


def test_entries_find_a_link_that_was_made_anew_behind_our_back(
    world: Kernel,
) -> None:
    put = PutFdb(NET, "vxlan0", MAC, VTEPS[0])
    assert world.apply([put]) == []
    printed(world, NET, "ip", "link", "del", "vxlan0")
    command = "ip link add vxlan0 type vxlan id 9 dstport 4790 local 10.99.0.1"
    printed(world, NET, *command.split())
    station = PutStation(NET, NAME, MAC)
    assert world.apply([put, PutNeighbour(NET, "vxlan0", IP, MAC), station]) == []
    expected = Entries(fdb={MAC: VTEPS[0]}, neighbours={IP: MAC})
    assert world.read(NET).entries["vxlan0"] == expected


def test_entries_in_a_form_that_we_do_not_write_are_shown_as_strange(
    world: Kernel,
) -> None:
    fdb = "bridge fdb add 02:00:00:00:00:07 dev vxlan0 dst 10.99.0.9 port 99 self"
    printed(world, NET, *fdb.split())
    neighbour = "ip neigh add 10.0.1.9 lladdr 02:00:00:00:00:09 dev vxlan0"
    printed(world, NET, *neighbour.split(), "nud", "reachable")
    assert world.read(NET).entries["vxlan0"] == Entries(
        fdb={b"\2\0\0\0\0\7": b""}, neighbours={bytes([10, 0, 1, 9]): b""}
    )


def test_stations_of_others_are_shown_but_not_a_ports_own(world: Kernel) -> None:
    fdb = f"bridge fdb add 02:00:00:00:00:07 dev {NAME} master"
    printed(world, NET, *fdb.split(), "static")
    assert world.read(NET).stations == {b"\2\0\0\0\0\7": NAME}
    printed(world, NET, *fdb.replace("add", "replace").split(), "dynamic")
    assert world.read(NET).stations == {b"\2\0\0\0\0\7": NAME}
    wanted = Namespace(stations={b"\2\0\0\0\0\7": NAME})
    assert world.read(NET, wanted).stations == {}
    printed(world, NET, *fdb.replace("add", "replace").split(), "local")
    assert world.read(NET).stations == {b"\2\0\0\0\0\7": NAME}
    assert world.apply([RemoveStation(NET, NAME, b"\2\0\0\0\0\7")]) == []
    assert world.read(NET).stations == {}


def test_of_the_hosts_own_bridges_nothing_is_read_but_of_ours(
    kernel: Kernel, host: int
) -> None:
    for command in (
        "ip link add br7 type bridge",
        "ip link add p1 type veth peer p2",
        "ip link set p1 master br7",
        "bridge fdb add 02:00:00:00:00:07 dev p1 master static",
        "ip link add vx type vxlan id 7 dstport 4789",
        "bridge fdb add 02:00:00:00:00:08 dev vx dst 10.0.0.1",
    ):
        ran(host, *command.split())
    held = kernel.read(HOST)
    assert sorted(held.links) == ["br7", "p1", "p2", "vx"]
    assert (held.entries, held.stations, held.is_owned) == ({}, {}, False)


def test_sysctls_are_written_and_read_inside_the_namespace(world: Kernel) -> None:
    path = "net/ipv4/ip_forward"
    wanted = Namespace(sysctls={path: "1", "net/none": "1"})
    before = world.read(NET, wanted).sysctls
    assert world.apply([SetSysctl(NET, path, "1")]) == []
    assert world.read(NET, wanted).sysctls == {path: "1"}
    assert world.read(HOST, wanted).sysctls == before
    errors = [one.error for one in world.apply([SetSysctl(NET, "net/none", "1")])]
    assert errors == ["ENOENT"]


def test_a_namespace_that_is_not_there_is_unreadable(kernel: Kernel) -> None:
    with pytest.raises(Unreadable, match="no namespace net/blue"):
        kernel.read(NET)


def test_after_a_restart_everything_is_found(
    world: Kernel, make_kernel: Callable[[int], Kernel], host: int
) -> None:
    before = world.read(NET), world.read(BOX)
    after = make_kernel(host)
    assert after.names() == (BOX, NET)
    assert (after.read(NET), after.read(BOX)) == before


def test_a_pin_that_was_taken_away_is_noticed(world: Kernel, run_dir: Path) -> None:
    assert world.read(NET).links
    unmount(str(run_dir / "netns/net/blue"))
    assert world.names() == (BOX,)
    with pytest.raises(Unreadable):
        world.read(NET)


def test_a_removed_world_leaves_nothing(world: Kernel, run_dir: Path) -> None:
    gone: list[Operation] = [
        RemoveLink(NET, NAME),
        RemoveLink(NET, "vxlan0"),
        RemoveLink(NET, "br0"),
        RemoveNamespace(NET),
        RemoveNamespace(BOX),
    ]
    assert world.apply(gone) == []
    assert world.names() == ()
    # What is gone is well gone; what should be put there is not.
    assert world.apply(gone) == []
    wanted = PutFdb(NET, "vxlan0", MAC, VTEPS[0])
    assert [one.error for one in world.apply([wanted])] == ["ENOENT"]
    world.clean()
    assert not run_dir.exists()
    run_dir.mkdir()


def test_an_adopted_sandbox_is_shared_and_survives_its_release(
    kernel: Kernel, make_host: Callable[[], int]
) -> None:
    sandbox = make_host()
    kernel.adopt(BOX, f"/proc/self/fd/{sandbox}")
    assert kernel.apply([WORLD[0], *WORLD[2:]]) == []
    held = kernel.read(BOX)
    assert (held.is_owned, held.is_pinned) == (False, False)
    assert kernel.apply([RemoveNamespace(BOX)]) == []
    assert "eth0" in ran(sandbox, "ip", "link")


def test_no_descriptor_is_left_however_many_come_and_go(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spaces, "SPACES_MAX", 3)
    before = len(os.listdir("/proc/self/fd"))
    for i in range(10):
        assert kernel.apply([AddNamespace(f"net/{i}")]) == []
        assert kernel.read(f"net/{i}").links == {}
    assert len(os.listdir("/proc/self/fd")) == before + 6
    for i in range(10):
        assert kernel.apply([RemoveNamespace(f"net/{i}")]) == []
    assert len(os.listdir("/proc/self/fd")) == before
