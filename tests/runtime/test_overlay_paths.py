"""Packets between sandboxes of real kernels: who reaches whom, how large, and how."""

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from swarmnet.cnm.endpoint import parse_publish
from swarmnet.cnm.sandbox import Sandbox
from swarmnet.kernel.firewall import OURS
from swarmnet.kernel.state import HOST, Namespace
from swarmnet.overlay.naming import port_of
from swarmnet.runtime.linux import run_in
from swarmnet.runtime.steering import settle
from tests.runtime.conftest import printed, ran
from tests.runtime.lan import Lan, endpoint, inside, network

pytestmark = pytest.mark.slow
ICMP_BYTES = 28
ICMPV6_BYTES = 48
FOUR = ("10.99.0.1", "10.99.0.2", "10.99.0.3")
VNI = ("dst", "10.99.0.2", "vni", "7")
SIX = ("fd99::1", "fd99::2", "fd99::3")

Make = Callable[..., Lan]


@pytest.fixture
def lan(make_host: Callable[[], int], run_dir: Path) -> Iterator[Make]:
    made: list[Lan] = []

    def make(*vteps: str) -> Lan:
        made.append(Lan(make_host, run_dir, vteps))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize(("vteps", "mtu"), [(FOUR[:2], 1450), (SIX[:2], 1430)])
def test_both_families_pass_up_to_the_mtu(
    lan: Make, vteps: tuple[str, ...], mtu: int
) -> None:
    world = lan(*vteps)
    red = network("red", "10.0.1.0/24 4097", "fd00:1::/64 4098")
    world.add(
        red,
        endpoint("a", "one", "10.0.1.2", "fd00:1::2"),
        endpoint("b", "two", "10.0.1.3", "fd00:1::3"),
    )
    world.apply_all()
    for size in (0, 56, 1000, mtu - ICMP_BYTES):
        assert world.pings("a", "one", "10.0.1.3", size), size
    for size in (0, 56, 1000, mtu - ICMPV6_BYTES):
        assert world.pings("a", "one", "fd00:1::3", size), size
    assert not world.pings("a", "one", "10.0.1.3", mtu - ICMP_BYTES + 1)
    assert not world.pings("a", "one", "fd00:1::3", mtu - ICMPV6_BYTES + 1)


def test_sandboxes_of_several_subnets_reach_each_other_on_any_host(lan: Make) -> None:
    world = lan(*FOUR[:2])
    blue = network("blue", "10.1.0.0/24 5001", "10.2.0.0/24 5002", is_internal=True)
    world.add(
        blue,
        endpoint("a", "one", "10.1.0.2"),
        endpoint("a", "two", "10.2.0.2"),
        endpoint("b", "three", "10.1.0.3"),
        endpoint("b", "four", "10.2.0.3"),
    )
    world.apply_all()
    for target in ("10.2.0.2", "10.1.0.3", "10.2.0.3"):
        assert world.pings("a", "one", target), target


def test_one_subnet_in_two_networks_is_two_worlds(lan: Make) -> None:
    world = lan(*FOUR[:2])
    for name, vni in (("red", 6001), ("blue", 6002)):
        one = network(name, f"10.1.0.0/24 {vni}", is_internal=True)
        address = {"red": "10.1.0.3", "blue": "10.1.0.4"}[name]
        world.add(
            one,
            endpoint("a", f"{name}-a", "10.1.0.2"),
            endpoint("b", f"{name}-b", address),
        )
    world.apply_all()
    assert world.pings("a", "red-a", "10.1.0.3")
    assert not world.pings("a", "red-a", "10.1.0.4")
    assert world.pings("a", "blue-a", "10.1.0.4")


def test_a_broadcast_reaches_each_host_once_and_does_not_circle(lan: Make) -> None:
    world = lan(*FOUR)
    noisy = network(
        "noisy",
        "10.1.0.0/24 7001",
        "10.2.0.0/24 7002",
        is_internal=True,
        options={"multicast": "true"},
    )
    world.add(
        noisy,
        endpoint("a", "one", "10.1.0.2"),
        endpoint("b", "two", "10.1.0.3"),
        endpoint("c", "three", "10.1.0.4"),
    )
    world.apply_all()
    for machine in world.machines[1:]:
        sandbox = {"b": "two", "c": "three"}[machine.name]
        path = "net.ipv4.icmp_echo_ignore_broadcasts=0"
        assert world.run(machine.name, sandbox, "sysctl", "-w", path)[0] == 0
    command = ("ping", "-b", "-c1", "-W1", "10.1.0.255")
    assert "from 10.1.0." in world.run("a", "one", *command)[1]
    received = []
    for machine in world.machines[1:]:
        sandbox = {"b": "two", "c": "three"}[machine.name]
        nstat = world.run(machine.name, sandbox, "cat", "/proc/net/snmp")[1]
        head, values = [row.split() for row in nstat.splitlines() if "Icmp:" in row]
        received.append(int(values[head.index("InEchos")]))
    assert received == [1, 1]


def test_nothing_is_flooded_and_no_arp_is_on_the_wire(lan: Make) -> None:
    world = lan(*FOUR)
    red = network("red", "10.0.1.0/24 4097", is_internal=True)
    world.add(
        red,
        endpoint("a", "one", "10.0.1.2"),
        endpoint("b", "two", "10.0.1.3"),
        endpoint("c", "three", "10.0.1.4"),
    )
    world.apply_all()
    before = _packets(world, "c")
    assert world.pings("a", "one", "10.0.1.3")
    assert not world.pings("a", "one", "10.0.1.99")
    assert _packets(world, "c") == before
    held = printed(world.machines[1].kernel, "box/two", "ip", "neighbour")
    assert "10.0.1.2 dev eth0 lladdr 02:42:0a:00:01:02" in held


def _packets(world: Lan, name: str) -> int:
    """Return how many frames of VXLAN a host has received."""
    machine = next(one for one in world.machines if one.name == name)
    text = ran(machine.fd, "cat", "/proc/net/snmp")
    head, values = [row.split() for row in text.splitlines() if row.startswith("Udp:")]
    return int(values[head.index("InDatagrams")])


def test_a_sandbox_that_takes_anothers_mac_gets_nothing_of_it(lan: Make) -> None:
    world = lan(*FOUR[:2])
    red = network("red", "10.0.1.0/24 4097", is_internal=True)
    world.add(
        red,
        endpoint("a", "one", "10.0.1.2"),
        endpoint("a", "thief", "10.0.1.9"),
        endpoint("b", "two", "10.0.1.3"),
    )
    world.apply_all()
    mac = "02:42:0a:00:01:02"
    assert world.run("a", "thief", "ip", "link", "set", "eth0", "address", mac)[0] == 0
    world.run("a", "thief", "ping", "-c1", "-W1", "10.0.1.3")
    assert world.pings("b", "two", "10.0.1.2")
    assert world.pings("a", "one", "10.0.1.3")


def test_when_all_is_removed_nothing_of_ours_is_left(lan: Make, run_dir: Path) -> None:
    world = lan(*FOUR[:2])
    red = network("red", "10.0.1.0/24 4097")
    world.add(red, endpoint("a", "one", "10.0.1.2"), endpoint("b", "two", "10.0.1.3"))
    world.apply_all()
    machine = world.machines[0]
    assert inside(red) in machine.kernel.names()
    links = ran(machine.fd, "ip", "-o", "link")
    assert "swarmnet_gw" in links
    world.views = []
    assert world.apply(machine, sandboxes=()) == []
    machine.kernel.clean()
    assert machine.kernel.names() == ()
    assert not (run_dir / "a").exists()
    rest = ran(machine.fd, "ip", "-o", "link").splitlines()
    assert [row.split()[1].split("@")[0].rstrip(":") for row in rest] == ["lo", "e0"]
    assert OURS not in machine.kernel.read(HOST, Namespace()).tables
    assert ran(machine.fd, "ip", "route").count("\n") == 1


def test_a_new_agent_takes_over_without_a_lost_packet(lan: Make) -> None:
    world = lan(*FOUR[:2])
    red = network("red", "10.0.1.0/24 4097", "fd00:1::/64 4098")
    world.add(
        red,
        endpoint("a", "one", "10.0.1.2", "fd00:1::2"),
        endpoint("b", "two", "10.0.1.3", "fd00:1::3"),
    )
    world.apply_all()
    fd = world.machines[0].kernel.open("box/one")
    command = ("ping", "-i", "0.005", "-c", "300", "-W1", "-q", "10.0.1.3")
    try:
        ping = run_in(
            fd,
            lambda: subprocess.Popen(command, stdout=subprocess.PIPE, text=True),
        )
    finally:
        os.close(fd)
    rounds = 0
    while ping.poll() is None:
        # Each time another data plane, that knows nothing of the one before.
        world.apply_all()
        rounds += 1
    told, _ = ping.communicate()
    assert "300 packets transmitted, 300 received" in told
    assert rounds > 1


def test_a_host_that_moves_is_followed(lan: Make) -> None:
    world = lan(*FOUR[:2])
    red = network("red", "10.0.1.0/24 4097", is_internal=True)
    world.add(red, endpoint("a", "one", "10.0.1.2"), endpoint("b", "two", "10.0.1.3"))
    world.apply_all()
    other = world.machines[1]
    ran(other.fd, "sysctl", "-w", "net.ipv4.conf.e0.promote_secondaries=1")
    ran(other.fd, "ip", "address", "add", "10.99.0.22/24", "dev", "e0")
    world.machines[1] = replace(other, vtep=ip_address("10.99.0.22"))
    view = world.views.pop()
    world.add(view.network, *view.endpoints)
    world.apply_all()
    ran(other.fd, "ip", "address", "delete", "10.99.0.2/24", "dev", "e0")
    assert world.pings("a", "one", "10.0.1.3")


@pytest.mark.parametrize(
    "change",
    [
        ("bridge", "link", "set", "dev", "PORT", "state", "0"),
        ("bridge", "link", "set", "dev", "PORT", "locked", "on"),
        ("bridge", "link", "set", "dev", "PORT", "bcast_flood", "off"),
        ("bridge", "link", "set", "dev", "PORT", "neigh_suppress", "on"),
        ("bridge", "link", "set", "dev", "PORT", "learning", "on", "flood", "on"),
        ("bridge", "fdb", "replace", "MAC", "dev", "PORT", "master", "permanent"),
        ("bridge", "fdb", "replace", "FAR", "dev", "vxlan0", *VNI),
        ("bridge", "fdb", "replace", "FAR", "dev", "vxlan0", *VNI[:2], "static"),
        ("ip", "link", "set", "vxlan0", "arp", "off"),
        ("ip", "link", "set", "br0", "multicast", "off"),
    ],
    ids=" ".join,
)
def test_what_is_done_to_a_port_by_hand_is_seen_and_undone(
    lan: Make, change: tuple[str, ...]
) -> None:
    world = lan(*FOUR[:2])
    red = network("red", "10.0.1.0/24 4097", is_internal=True)
    one, two = endpoint("a", "one", "10.0.1.2"), endpoint("b", "two", "10.0.1.3")
    world.add(red, one, two)
    world.apply_all()
    kernel = world.machines[0].kernel
    words = {"PORT": port_of(one.id), "MAC": one.mac.hex(":"), "FAR": two.mac.hex(":")}
    wanted = Namespace(stations={one.mac: port_of(one.id)})
    before = kernel.read(inside(red), wanted)
    printed(kernel, inside(red), *(words.get(word, word) for word in change))
    assert kernel.read(inside(red), wanted) != before
    # It compares what is read with the plan, too.
    assert world.apply(world.machines[0]) == []
    assert world.pings("a", "one", "10.0.1.3")


def test_vxlans_own_port_is_published_to_nobody(lan: Make) -> None:
    world = lan(*FOUR[:2])
    red = network("red", "10.0.1.0/24 4097")
    wish = parse_publish("4789:4789/udp")
    world.add(
        red,
        endpoint("a", "one", "10.0.1.2", publish=(wish,)),
        endpoint("b", "two", "10.0.1.3"),
    )
    plane = world.plane(world.machines[0], [Sandbox("one")])
    settle(plane, world.machines[0].kernel, 1)
    assert world.apply(world.machines[1]) == []
    assert any("needs that port" in one for one in plane.desired.warnings())
    assert world.pings("a", "one", "10.0.1.3")
