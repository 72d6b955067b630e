"""Faults of paths and kernels, alone and two at once, are named with the right cure.

docs/faults.md has the list.
"""

import subprocess
from signal import SIGCONT, SIGSTOP
from typing import Any

import pytest

from swarmnet.runtime.cli.grammar import QUICK_S
from tests.agent.findings import (
    bad,
    blocked,
    doctor_alone,
    findings,
    inside_network,
    is_well,
    named,
    until_well,
)
from tests.agent.hosts import World, until
from tests.runtime.conftest import ran


@pytest.fixture(scope="module")
def ips() -> dict[str, str]:
    """The addresses of the sandboxes `box` of n0 and n1 in `web`."""
    return {}


@pytest.fixture
def world(cluster: World, ips: dict[str, str]) -> World:
    """Three hosts that are well; n0 and n1 have a sandbox each in `web`."""
    if not ips:
        cluster[0].post("networks", name="web", subnets=["10.50.0.0/24"])
        cluster.until_known("web")
        for host in cluster.hosts[:2]:
            ips[host.name] = host.sandbox("box", "web")
        until("reached", cluster[0].pings, "box", ips["n1"])
    until_well(cluster[0], "n1")
    return cluster


def test_nothing_is_found_where_nothing_is_wrong(world: World) -> None:
    for host in world:
        assert bad(findings(host)) == {}
    found = [one["check"] for one in findings(world[0], "n1") if one["node"] == "n1"]
    assert found == [
        *("7946/tcp to peer", "7946/tcp from peer"),
        *("7946/udp to peer", "7946/udp from peer"),
        *("path mtu to peer", "path mtu from peer"),
        *("clock", "vxlan web", "peer's host"),
    ]
    for reference in (world[1].ip, f"{world[1].ip}:7946"):
        assert is_well(world[0], reference)
    (web,) = world[2].json("check")
    assert [(one["from_name"], one["to_name"]) for one in web["pairs"]] in (
        [("n0", "n1"), ("n1", "n0")],
        [("n1", "n0"), ("n0", "n1")],
    )
    for pair in web["pairs"]:
        assert pair["ok"], pair
        assert pair["tcp"], pair
        assert (pair["loss"], pair["path_mtu"]) == (0.0, 1450)


def test_udp_that_is_blocked_one_way(world: World) -> None:
    host, other = world[0], world[1]
    with blocked(other, "udp dport 7946 drop"):
        there = named(host, "7946/udp to peer", "n1", node="n1")
        assert "0 of 8" in there["evidence"]
        found = bad(findings(host, "n1"))
        assert ("7946/udp from peer", "n1") not in found
        rule = found["firewall", "n1"]
        assert "table inet cut, chain in drops it" in rule["evidence"]
        assert rule["cure"].startswith("nft delete rule inet cut in handle")
        back = named(other, "7946/udp from peer", "n0", node="n0")
        assert "open 7946/udp on this host" in back["cure"]
    until_well(host, "n1")


def test_tcp_that_is_blocked(world: World) -> None:
    host, other = world[0], world[1]
    with blocked(other, "tcp dport 7946 drop"):
        there = named(host, "7946/tcp to peer", "n1", node="n1")
        assert "no answer within" in there["evidence"]
        rule = named(other, "firewall")
        assert "tcp dport 7946 drop" in rule["evidence"]
        ran(other.fd, *rule["cure"].split())
        named_no_more = "firewall", None
        assert named_no_more not in bad(findings(other))
    until_well(host, "n1")


def test_vxlan_that_is_blocked(world: World) -> None:
    host = world[0]
    with blocked(world[1], "udp dport 4789 drop"):
        there = named(host, "vxlan web", "n1", node="n1")
        assert "nothing came there: 4789/udp is blocked" in there["evidence"]
        assert "udp dport 4789 accept" in there["cure"]
        back = named(world[1], "vxlan web", "n0", node="n0")
        assert "its answers did not come back" in back["evidence"]
        assert "(VXLAN) coming in" in named(world[1], "firewall")["evidence"]
        done = world[2].says("check", "web")
        assert done.status == 1
        assert "failed: n0 to n1: nothing came there" in done.out
    assert world[2].says("check", "web").status == 0


def test_a_policy_that_accepts_too_little(world: World) -> None:
    rules = "ct state established,related accept; tcp dport { 22, 7946 } accept"
    with blocked(world[1], f"policy drop; {rules}"):
        found = named(world[1], "firewall", says="policy drop")
        assert found["cure"] == "nft insert rule inet cut in udp dport 7946 accept"


def test_a_way_that_is_narrower_than_its_ends(world: World) -> None:
    host = world[0]
    switch = host.switch
    ran(switch, "ip", "link", "set", "n1", "mtu", "1400")
    try:
        found = named(host, "path mtu to peer", "n1", node="n1")
        assert "of 1500 on the link: too small for networks web" in found["evidence"]
        assert "--opt mtu=1350" in found["cure"]
        through = named(host, "vxlan web", "n1", node="n1")
        assert "MTU 1450" in through["evidence"]
        (web,) = [one for one in matrix(world) if one["from_name"] == "n0"]
        assert not web["ok"]
        assert web["loss"] == 0.0
        assert 1350 <= web["path_mtu"] < 1450
    finally:
        ran(switch, "ip", "link", "set", "n1", "mtu", "1500")
    until_well(host, "n1")


def test_a_link_that_is_too_small(world: World) -> None:
    host, other = world[0], world[1]
    ran(other.fd, "ip", "link", "set", "eth0", "mtu", "1400")
    try:
        found = named(other, "link mtu")
        assert "eth0: 1400 bytes, and network web wants 1450 + 50" in found["evidence"]
        back = named(host, "path mtu from peer", "n1", node="n1")
        assert "that link is too small for networks web" in back["evidence"]
        assert "ip link set LINK mtu 1500 on n1" in back["cure"]
        cure = found["cure"].partition(",")[0]
        assert cure == "ip link set eth0 mtu 1500"
        ran(other.fd, *cure.split())
        until_well(host, "n1")
    finally:
        ran(other.fd, "ip", "link", "set", "eth0", "mtu", "1500")


def test_what_may_not_go_out(world: World) -> None:
    host = world[0]
    with blocked(host, "udp dport 4789 reject", hook="output"):
        found = bad(findings(host, "n1"))
        rule = found["firewall", None]
        assert "4789/udp (VXLAN) going out: table inet cut" in rule["evidence"]
        assert "nothing came there" in found["vxlan web", "n1"]["evidence"]
        ran(host.fd, *rule["cure"].split())
        until_well(host, "n1")


def matrix(world: World) -> list[dict[str, Any]]:
    """Return the pairs of `web`, whether they fail or not."""
    found = world[0].post("check", network="web")
    pairs: list[dict[str, Any]] = found[0]["pairs"]
    return pairs


def test_two_faults_at_once(world: World) -> None:
    host, other = world[0], world[1]
    with blocked(other, "udp dport { 4789, 7946 } drop"):
        ran(host.fd, "ip", "route", "add", "10.50.0.128/25", "via", world[2].ip)
        try:
            named(host, "7946/udp to peer", "n1", node="n1")
            found = bad(findings(host, "n1"))
            assert ("vxlan web", "n1") in found
            route = found["routes", None]
            assert "10.50.0.0/24 of network web overlaps" in route["evidence"]
            assert "ip route del 10.50.0.128/25 dev eth0" in route["cure"]
        finally:
            ran(host.fd, "ip", "route", "del", "10.50.0.128/25")
    until_well(host, "n1")


def test_forwarding_that_is_off(world: World) -> None:
    host = world[0]

    def look() -> dict[str, str] | None:
        # The agent puts it right within its turn, so it is done again.
        ran(host.fd, "sysctl", "-qw", "net.ipv4.ip_forward=0")
        return bad(findings(host)).get(("forwarding", None))

    found = until("forwarding is named", look)
    assert found["cure"] == "sysctl -w net.ipv4.ip_forward=1"
    ran(host.fd, *found["cure"].split())
    until_well(host)


def test_strict_reverse_path_filters(world: World) -> None:
    host = world[0]
    ran(host.fd, "ip", "link", "add", "x0", "type", "veth", "peer", "name", "x1")
    ran(host.fd, "sysctl", "-qw", "net.ipv4.conf.all.rp_filter=1")
    found = named(host, "rp_filter")
    assert "strict (all=1, eth0=0) with 3 links" in found["evidence"]
    ran(host.fd, *found["cure"].split())
    until_well(host)
    ran(host.fd, "ip", "link", "del", "x0")


def test_an_address_that_is_none(world: World) -> None:
    done = world[0].says("doctor", "nobody")
    assert (done.status, done.out) == (1, "")
    assert "nobody: is neither an address nor a member" in done.err
    stranger = findings(world[0], "10.99.0.77")
    silent = [one for one in stranger if one["check"] == "peer answers"]
    assert [one["verdict"] for one in silent] == ["skip"]
    assert ("7946/tcp to peer", None) in bad(stranger)


def test_a_foreign_vxlan_device(world: World) -> None:
    host = world[0]
    local = ("local", host.ip)
    add = ("ip", "link", "add", "flannel.1", "type", "vxlan", "id", "1", *local)
    ran(host.fd, *add, "dstport", "4789")
    found = named(host, "foreign vxlan")
    assert "flannel.1 in host: VNI 1, port 4789" in found["evidence"]
    ran(host.fd, *found["cure"].partition(",")[0].split())
    until_well(host)


def test_an_address_set_by_hand(world: World, ips: dict[str, str]) -> None:
    host, taken = world[0], ips["n1"]
    box = host.inside("box")
    subprocess.run(
        [*box, "ip", "address", "add", f"{taken}/32", "dev", "lo"], check=True
    )
    found = named(host, "address by hand")
    assert f"{taken} of network web is on lo in sandbox box" in found["evidence"]
    assert "sandbox box on n1's" in found["evidence"]
    *_, last = host.json("explain", taken)
    assert last["kind"] == "set by hand"
    assert last["kernel"]["cure"] == found["cure"]
    subprocess.run(found["cure"].split(), check=True)
    until_well(host)
    free = "10.50.0.200"
    subprocess.run(
        [*box, "ip", "address", "add", f"{free}/24", "dev", "eth0"], check=True
    )
    assert f"{free}" in named(host, "kernel drift", says=free)["evidence"]
    assert host.says("explain", free).status == 1


def test_entries_that_were_deleted(world: World, ips: dict[str, str]) -> None:
    host = world[0]
    dev = ("dev", "vxlan0")
    inside_network(host, "web", "ip", "neigh", "del", ips["n1"], *dev)
    named(host, "kernel drift", says="PutNeighbour")
    (mac,) = (one["mac"] for one in host.json("explain", ips["n1"]))
    inside_network(host, "web", "bridge", "fdb", "del", mac, *dev, "dst", world[1].ip)
    named(host, "kernel drift", says="PutFdb")
    (found,) = until("mended", agreeing, world, ips["n1"])
    assert found["address"]["valid"]
    assert "which is n1's" in found["address"]["detail"]
    assert found["kernel"]["wanted"] == {
        f"vxlan0 neighbour {ips['n1']}": mac,
        f"vxlan0 fdb {mac}": world[1].ip,
    }
    assert found["kernel"]["held"] == found["kernel"]["wanted"]


def agreeing(world: World, ip: str) -> list[dict[str, dict[str, object]]]:
    found: list[dict[str, dict[str, object]]] = world[0].json("explain", ip)
    return found if all(one["kernel"]["agrees"] for one in found) else []


def test_links_and_tables_that_were_deleted(world: World, ips: dict[str, str]) -> None:
    host = world[0]
    subprocess.run([*host.inside("box"), "ip", "link", "del", "eth0"], check=True)
    found = named(host, "kernel drift", says="AddLink")
    assert "network web" in found["evidence"]
    assert "swarmnet monitor" in found["cure"]
    until("it is back", host.pings, "box", ips["n1"])
    ran(host.fd, "nft", "flush", "ruleset")
    named(host, "kernel drift", says="PutTable")
    until_well(host)


def test_a_member_that_does_not_answer(world: World) -> None:
    host, frozen = world[0], world[1]
    frozen.signal(SIGSTOP)
    try:
        until("dead", lambda: host.states()["n1"] == "dead")
        found = named(host, "member", node="n1")
        assert found["evidence"].startswith("dead, at 10.99.0.2:7946")
        assert "swarmnet node rm n1" in found["cure"]
        assert "it is dead" in str(findings(host, "n1"))
        done = host.says("check", "web")
        assert done.status == 1
        assert "n1 to n0: n1 is dead" in done.out
        assert (
            "member n1: dead, at 10.99.0.2:7946\n    cure:" in host.says("status").out
        )
        (hung,) = (one for one in doctor_alone(frozen) if one["check"] == "agent")
        assert hung["verdict"] == "fail"
        assert f"does not answer within {QUICK_S:g} s" in hung["evidence"]
        assert "systemctl restart swarmnet" in hung["cure"]
    finally:
        frozen.signal(SIGCONT)
    world.until_alive()
    until_well(host, "n1")
