"""What the firewall lets pass on the real kernel: VXLAN, ports, the way out."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from swarmnet.cnm.endpoint import parse_publish
from swarmnet.kernel.firewall import OURS
from swarmnet.kernel.operations import PutTable
from swarmnet.kernel.reconcile import reconcile
from swarmnet.kernel.state import HOST, Host
from swarmnet.overlay.gateway import (
    GatewayPlan,
    GatewaySandbox,
    plan_gateway,
    table_of,
)
from swarmnet.runtime.kernel import Kernel
from swarmnet.runtime.nft import Nft, find_nft
from tests.runtime.conftest import ran
from tests.runtime.gateway_world import (
    HOST_IP,
    HOST_IP6,
    OUTSIDE_IP,
    OUTSIDE_IP6,
    World,
    add_address,
    build_world,
    write_sysctl,
)

NFT = find_nft()
pytestmark = pytest.mark.skipif(NFT is None, reason="the machine has no nft")

SANDBOXES = (
    GatewaySandbox(
        "a",
        "eth1",
        has_ipv6=True,
        publish=(
            parse_publish("8080:80"),
            parse_publish("8080:80/udp"),
            parse_publish(f"{HOST_IP}:9090:80"),
        ),
    ),
    GatewaySandbox("b", "eth0", publish=(parse_publish("8081:80/udp"),)),
)
A, B, BRIDGE = "172.18.0.2", "172.18.0.3", "172.18.0.1"
A6, BRIDGE6 = "fd73:7761:726d:6e74::ac12:2", "fd73:7761:726d:6e74::ac12:1"
VTEPS = {4097: [ip_address(OUTSIDE_IP).packed, ip_address(OUTSIDE_IP6).packed]}


@pytest.fixture(scope="module")
def nft() -> Nft:
    assert NFT is not None
    return Nft(NFT)


@pytest.fixture
def world(make_host: Callable[[], int], nft: Nft) -> Iterator[World]:
    made = build_world(make_host, nft, SANDBOXES)
    yield made
    made.close()


def frame(vni: int, text: bytes) -> bytes:
    """A VXLAN header and what stands for a frame."""
    return b"\x08\0\0\0" + vni.to_bytes(3, "big") + b"\0" + text


def refused(world: World) -> int:
    """How many frames the counter counts."""
    counter = ("counter", "inet", "swarmnet", "vxlan_refused")
    listed = ran(world.host, "nft", "list", *counter)
    return int(listed.split("packets ")[1].split()[0])


def test_what_a_counter_counted_is_no_drift(world: World, nft: Nft) -> None:
    table = table_of(VTEPS, 4789, GatewayPlan())
    assert table is not None
    nft.apply(world.host, [PutTable(HOST, table)])
    sender = world.udp(world.host)
    sender.sendto(frame(4097, b"forged"), ("127.0.0.1", 4789))
    assert refused(world) == 1
    assert nft.read(world.host, {OURS: table}) == {OURS: table}


# ---- VXLAN frames


def with_filter(world: World, nft: Nft) -> None:
    table = table_of(VTEPS, 4789, GatewayPlan())
    assert table is not None
    assert nft.apply(world.host, [PutTable(HOST, table)]) == []
    for ip in ("10.9.0.3/24", "fd09::3/64"):
        add_address(world.outside, "uplink", ip)


@pytest.mark.parametrize(
    ("target", "friend", "stranger"),
    [
        (HOST_IP, OUTSIDE_IP, "10.9.0.3"),
        (HOST_IP6, OUTSIDE_IP6, "fd09::3"),
    ],
)
def test_frames_of_our_vnis_come_in_from_their_vteps_alone(
    world: World, nft: Nft, target: str, friend: str, stranger: str
) -> None:
    with_filter(world, nft)
    listener = world.udp(world.host, 4789, "::" if ":" in target else "0.0.0.0")
    good = world.udp(world.outside, ip=friend)
    bad = world.udp(world.outside, ip=stranger)
    bad.sendto(frame(4097, b"forged"), (target, 4789))
    bad.sendto(b"\x08\0\0\0\0\x10\x01", (target, 4789))
    bad.sendto(frame(4098, b"of docker"), (target, 4789))
    good.sendto(frame(4097, b"ours"), (target, 4789))
    received = [listener.recv(100)[8:], listener.recv(100)[8:]]
    assert received == [b"of docker", b"ours"]
    assert refused(world) == 2


def test_another_port_is_not_filtered(world: World, nft: Nft) -> None:
    with_filter(world, nft)
    listener = world.udp(world.host, 4790)
    world.udp(world.outside, ip="10.9.0.3").sendto(
        frame(4097, b"free"), (HOST_IP, 4790)
    )
    assert listener.recv(100)[8:] == b"free"
    assert refused(world) == 0


def test_a_first_fragment_without_a_vni_is_refused(world: World, nft: Nft) -> None:
    # IPv6 is put together after the hook, so an eight-byte fragment comes by alone.
    with_filter(world, nft)
    listener = world.udp(world.host, 4789, "::")
    raw = world.raw6(world.outside, 44)
    raw.bind(("fd09::3", 0))
    datagram = b"\x12\xb5\x12\xb5\0\x16\0\0" + frame(4097, b"forged")
    raw.sendto(b"\x11\0\0\x01\0\0\0\x07" + datagram[:8], (HOST_IP6, 0))
    raw.sendto(b"\x11\0\0\x08\0\0\0\x07" + datagram[8:], (HOST_IP6, 0))
    good = world.udp(world.outside, ip=OUTSIDE_IP6)
    good.sendto(frame(4097, b"ours"), (HOST_IP6, 4789))
    assert listener.recv(100)[8:] == b"ours"
    assert refused(world) == 1


def test_a_sandbox_sends_no_frame_of_ours_to_other_hosts(world: World) -> None:
    # Masqueraded, it would look like one of this host's VTEP.
    listener = world.udp(world.outside, 4789)
    inside = world.udp(world.boxes["a"])
    inside.sendto(frame(4097, b"forged"), (OUTSIDE_IP, 4789))
    inside.sendto(frame(5000, b"of a nested docker"), (OUTSIDE_IP, 4789))
    assert listener.recv(100)[8:] == b"of a nested docker"
    assert refused(world) == 1


# ---- the way out


def test_sandboxes_reach_the_world_under_the_name_of_their_host(world: World) -> None:
    listener = world.tcp(world.outside, 7000)
    target = (OUTSIDE_IP, 7000)
    assert world.source_seen(world.boxes["a"], target, listener) == HOST_IP
    assert world.source_seen(world.boxes["b"], target, listener) == HOST_IP
    listener6 = world.tcp(world.outside, 7001, "::")
    target6 = (OUTSIDE_IP6, 7001)
    assert world.source_seen(world.boxes["a"], target6, listener6) == HOST_IP6


def test_a_sandbox_cannot_speak_in_the_name_of_others(world: World) -> None:
    listener = world.udp(world.outside, 7000)
    box = world.boxes["a"]
    ran(box, "ip", "address", "add", "10.9.0.77/32", "dev", "lo")
    world.udp(box, ip="10.9.0.77").sendto(b"forged", (OUTSIDE_IP, 7000))
    world.udp(box).sendto(b"true", (OUTSIDE_IP, 7000))
    assert listener.recv(100) == b"true"


# ---- published ports


@pytest.mark.parametrize(
    ("origin", "target", "seen"),
    [
        ("outside", (HOST_IP, 8080), OUTSIDE_IP),
        ("outside", (HOST_IP, 9090), OUTSIDE_IP),
        ("host", (HOST_IP, 8080), BRIDGE),
        ("host", (HOST_IP, 9090), BRIDGE),
        ("host", ("127.0.0.1", 8080), BRIDGE),
        ("outside", (HOST_IP6, 8080), OUTSIDE_IP6),
        ("host", (HOST_IP6, 8080), BRIDGE6),
    ],
)
def test_a_published_tcp_port_is_reached(
    world: World, origin: str, target: tuple[str, int], seen: str
) -> None:
    listener = world.tcp(world.boxes["a"], 80, "::" if ":" in target[0] else "0.0.0.0")
    where = world.host if origin == "host" else world.outside
    assert world.source_seen(where, target, listener) == seen


@pytest.mark.parametrize(
    ("origin", "target"),
    [
        ("outside", HOST_IP),
        ("host", HOST_IP),
        ("host", "127.0.0.1"),
        ("outside", HOST_IP6),
        ("host", HOST_IP6),
    ],
)
def test_a_published_udp_port_is_reached_and_answers(
    world: World, origin: str, target: str
) -> None:
    listener = world.udp(world.boxes["a"], 80, "::" if ":" in target else "0.0.0.0")
    where = world.host if origin == "host" else world.outside
    caller = world.udp(where, ip="::" if ":" in target else "0.0.0.0")
    caller.connect((target, 8080))
    caller.send(b"ask")
    text, address = listener.recvfrom(100)
    listener.sendto(text + b"ed", address)
    assert caller.recv(100) == b"asked"


@pytest.mark.parametrize("is_bridged", ["0", "1"])
def test_a_port_bound_to_one_address_is_closed_on_the_others(
    world: World, is_bridged: str
) -> None:
    write_sysctl(world.host, "net/bridge/bridge-nf-call-iptables", is_bridged)
    add_address(world.host, "uplink", "10.9.0.9/24")
    world.tcp(world.boxes["a"], 80)
    with pytest.raises(ConnectionRefusedError):
        world.dial(world.outside, ("10.9.0.9", 9090))
    with pytest.raises(ConnectionRefusedError):
        world.dial(world.host, ("127.0.0.1", 9090))


def test_a_sandbox_reaches_a_published_port_of_another(world: World) -> None:
    # Where bridges show their packets to the IP firewall, the kernel would translate
    # it before it leaves the bridge, whose ports are isolated.
    write_sysctl(world.host, "net/bridge/bridge-nf-call-iptables", "0")
    listener = world.tcp(world.boxes["a"], 80)
    target = (HOST_IP, 8080)
    assert world.source_seen(world.boxes["b"], target, listener) == BRIDGE
    assert world.source_seen(world.boxes["a"], target, listener) == BRIDGE


def test_a_sandbox_with_another_way_out_answers_by_ours(
    make_host: Callable[[], int], nft: Nft
) -> None:
    box = GatewaySandbox(
        "a", "eth1", has_default_route=True, publish=(parse_publish("8080:80"),)
    )
    world = build_world(make_host, nft, [box])
    try:
        listener = world.tcp(world.boxes["a"], 80)
        seen = world.source_seen(world.outside, (HOST_IP, 8080), listener)
    finally:
        world.close()
    assert seen == BRIDGE


# ---- isolation


@pytest.mark.parametrize("is_bridged", ["0", "1"])
@pytest.mark.parametrize("by", ["the bridge", "the host"])
def test_sandboxes_do_not_reach_each_other(
    world: World, by: str, is_bridged: str
) -> None:
    write_sysctl(world.host, "net/bridge/bridge-nf-call-iptables", is_bridged)
    mac = {"the bridge": "02:42:ac:12:00:03", "the host": "02:42:ac:12:00:01"}[by]
    entry = ("replace", B, "lladdr", mac, "dev", "eth1")
    ran(world.boxes["a"], "ip", "neighbour", *entry)
    listener = world.udp(world.boxes["b"], 80)
    world.udp(world.boxes["a"]).sendto(b"forbidden", (B, 80))
    world.udp(world.outside).sendto(b"published", (HOST_IP, 8081))
    assert listener.recv(100) == b"published"


def test_the_world_reaches_no_port_that_is_not_published(world: World) -> None:
    ran(world.outside, "ip", "route", "add", "172.18.0.0/16", "via", HOST_IP)
    route6 = ("fd73:7761:726d:6e74::/64", "via", HOST_IP6)
    ran(world.outside, "ip", "route", "add", *route6)
    listener = world.udp(world.boxes["a"], 80, "::")
    world.udp(world.outside).sendto(b"unpublished", (A, 80))
    world.udp(world.outside, ip="::").sendto(b"unpublished", (A6, 80))
    world.udp(world.outside, ip="::").sendto(b"published", (HOST_IP6, 8080))
    assert listener.recv(100) == b"published"


def test_a_sandbox_does_not_reach_the_loopback_of_its_host(world: World) -> None:
    listener = world.udp(world.host, 7000, "127.0.0.1")
    box = world.boxes["a"]
    ran(
        box, "ip", "route", "del", "local", "127.0.0.0/8", "table", "local", "dev", "lo"
    )
    ran(box, "ip", "route", "del", "local", "127.0.0.1", "table", "local", "dev", "lo")
    write_sysctl(box, "net/ipv4/conf/all/route_localnet", "1")
    ran(box, "ip", "route", "add", "127.0.0.0/8", "via", BRIDGE, "dev", "eth1")
    world.udp(box, ip=A).sendto(b"forbidden", ("127.0.0.1", 7000))
    world.udp(world.host).sendto(b"at home", ("127.0.0.1", 7000))
    assert listener.recv(100) == b"at home"


def test_a_plan_that_was_carried_out_leaves_nothing_to_do(
    host: int, run_dir: Path, nft: Nft
) -> None:
    kernel = Kernel(run_dir, nft, host=f"/proc/self/fd/{host}")
    plan = plan_gateway(SANDBOXES, held=None, avoid=[], mtu=1500)
    table = table_of(VTEPS, 4789, plan)
    assert table is not None
    spaces = dict(plan.namespaces)
    spaces[HOST] = replace(spaces[HOST], tables={OURS: table})
    boxes = {key: replace(one, is_pinned=True) for key, one in spaces.items() if key}
    desired = Host({HOST: spaces[HOST], **boxes})
    try:
        assert kernel.apply(reconcile(desired, held(kernel, desired))) == []
        assert reconcile(desired, held(kernel, desired)) == []
        assert kernel.apply(reconcile(Host(), held(kernel, desired))) == []
        assert held(kernel, desired).namespaces[HOST].links == {}
        assert ran(host, "nft", "list", "ruleset") == ""
    finally:
        kernel.close()


def held(kernel: Kernel, desired: Host) -> Host:
    """What a kernel holds of what is desired."""
    keys = [HOST, *kernel.names()]
    wanted = desired.namespaces
    return Host({key: kernel.read(key, wanted.get(key)) for key in keys})
