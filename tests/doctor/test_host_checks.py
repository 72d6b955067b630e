"""Checks of this host over made-up facts: rights, features, ports, routes, disk."""

from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest

from swarmnet.doctor.features import CURES, FeatureFacts, check_features
from swarmnet.doctor.finding import Finding, Verdict, finding_untrusted
from swarmnet.doctor.host import FORWARD, HostFacts, NeighbourTable, check_host
from swarmnet.doctor.ports import Holder, PortFacts, VxlanDevice, check_ports
from swarmnet.doctor.rights import USEFUL, WANTED, RightsFacts, check_rights
from swarmnet.doctor.sandboxes import ByHand, check_by_hand
from swarmnet.doctor.standing import check_standing
from swarmnet.doctor.storage import StorageFacts, check_storage
from swarmnet.kernel.state import Address, Namespace, Route
from swarmnet.runtime.doctor.alone import has_kept
from swarmnet.runtime.doctor.host import is_running, read_neighbours, routes_of
from swarmnet.runtime.store import DATABASE

FAIL, WARN, OK, SKIP = Verdict.FAIL, Verdict.WARN, Verdict.OK, Verdict.SKIP
ALL_RIGHTS = sum(1 << bit for bit in (*WANTED.values(), *USEFUL.values()))


def bad(findings: Any) -> list[Finding]:
    return [one for one in findings if one.verdict in (FAIL, WARN)]


def test_rights() -> None:
    assert bad(check_rights(RightsFacts("it", ALL_RIGHTS))) == []
    (found,) = check_rights(RightsFacts("it", ALL_RIGHTS & ~(1 << 12)))
    assert (found.verdict, found.evidence) == (FAIL, "it lacks CAP_NET_ADMIN")
    assert "CAP_NET_ADMIN" in found.cure
    (found,) = check_rights(RightsFacts("it", ALL_RIGHTS & ~(1 << 19)))
    assert (found.verdict, found.evidence) == (WARN, "it lacks CAP_SYS_PTRACE")


def test_features() -> None:
    works = dict.fromkeys(CURES, "")
    assert bad(check_features(FeatureFacts(works))) == []
    missing = {**works, "vxlan": "EOPNOTSUPP Unknown device type", "nf_tables": "no"}
    vxlan, firewall = bad(check_features(FeatureFacts(missing)))
    assert (vxlan.check, vxlan.verdict) == ("kernel vxlan", FAIL)
    assert "modprobe vxlan" in vxlan.cure
    assert (firewall.check, firewall.verdict) == ("kernel nf_tables", WARN)
    assert {one.verdict for one in check_features(FeatureFacts({}))} == {SKIP}


def ports(**facts: Any) -> list[Finding]:
    defaults = {"port": 7946, "vxlan_port": 4789, "agent": 11}
    return list(check_ports(PortFacts(**(defaults | facts))))


def holder(protocol: str, port: int, pid: int | None, program: str = "") -> Holder:
    return Holder(protocol, "0.0.0.0", port, pid, program)


def test_our_own_ports_are_well() -> None:
    held = tuple(holder(protocol, 7946, 11) for protocol in ("udp", "tcp"))
    assert bad(ports(holders=held, in_cluster=True)) == []
    assert bad(ports(agent=None)) == []
    assert [one.verdict for one in bad(ports(in_cluster=True))] == [FAIL, FAIL]


@pytest.mark.parametrize(
    ("one", "evidence", "cure"),
    [
        (
            holder("tcp", 7946, 77, "serf"),
            "held by serf (pid 77, 0.0.0.0:7946/tcp)",
            "stop serf: kill 77",
        ),
        (holder("udp", 7946, 0), "held by the kernel", "ip -d link"),
        (holder("udp", 7946, None), "cannot be seen", "ss -lnp"),
        (
            holder("udp", 4789, 78, "vtep"),
            "held by vtep (pid 78, 0.0.0.0:4789/udp): no VXLAN",
            "--data-path-port",
        ),
    ],
)
def test_who_holds_a_port_is_named(one: Holder, evidence: str, cure: str) -> None:
    (found,) = bad(ports(holders=(one,)))
    assert found.verdict is FAIL
    assert evidence in found.evidence
    assert cure in found.cure


def test_foreign_vxlan_devices() -> None:
    def device(**facts: Any) -> VxlanDevice:
        defaults = {"name": "flannel.1", "place": "host", "vni": 1, "port": 4789}
        return VxlanDevice(**{**defaults, "is_ours": False, **facts})

    ours = device(is_ours=True)
    assert bad(ports(devices=(ours, device(port=8472)))) == []
    (found,) = bad(ports(devices=(ours, device())))
    assert (found.check, found.verdict) == ("foreign vxlan", WARN)
    assert "flannel.1 in host: VNI 1" in found.evidence
    assert found.cure.startswith("ip link delete flannel.1")
    (found,) = bad(ports(devices=(device(place="/run/netns/x"),), vnis=(1,)))
    assert found.verdict is FAIL
    assert "nsenter --net=/run/netns/x" in found.cure
    (found,) = bad(ports(devices=(device(is_external=True),)))
    assert found.verdict is FAIL


def test_an_overlapping_route() -> None:
    routes = [(ip_network("10.0.1.0/25"), "tun0"), (ip_network("fd00::/8"), "tun1")]
    pools = [ip_network("10.0.0.0/8")]
    assert bad(check_host(HostFacts(routes=routes, pools=pools))) == []
    networks = [("web", ip_network("10.0.1.0/24"))]
    (found,) = bad(check_host(HostFacts(routes, networks, pools)))
    assert found.verdict is FAIL
    assert "10.0.1.0/24 of network web overlaps the route 10.0.1.0/25" in found.evidence
    assert "ip route del 10.0.1.0/25 dev tun0" in found.cure


def test_an_address_that_overlaps_is_removed_as_one() -> None:
    route = ip_network("10.0.0.32/32")
    facts = HostFacts(
        routes=[(route, "tun0")],
        networks=[("web", ip_network("10.0.0.0/24"))],
        addresses={route: "10.0.0.32/32"},
    )
    (found,) = bad(check_host(facts))
    assert "overlaps the address 10.0.0.32/32 dev tun0" in found.evidence
    assert found.cure.endswith("or: ip address del 10.0.0.32/32 dev tun0")


def test_a_host_is_asked_which_prefixes_are_addresses() -> None:
    held = Namespace(
        addresses=dict.fromkeys(
            [
                Address("tun0", ip_address("10.0.0.32").packed, 32),
                Address("eth0", ip_address("10.1.0.2").packed, 24),
            ]
        ),
        routes=dict.fromkeys([Route(ip_address("10.1.0.0").packed, 24, "eth0")]),
    )
    routes, addresses = routes_of(held)
    alone, on_link = ip_network("10.0.0.32/32"), ip_network("10.1.0.0/24")
    assert routes == [(alone, "tun0"), (on_link, "eth0")]
    assert addresses == {alone: "10.0.0.32/32"}


def test_forwarding_matters_once_there_is_a_gateway() -> None:
    assert bad(check_host(HostFacts(sysctls={FORWARD: "0"}))) == []
    (found,) = bad(check_host(HostFacts(has_gateway=True, sysctls={FORWARD: "0"})))
    assert (found.check, found.verdict) == ("forwarding", FAIL)
    assert found.cure == "sysctl -w net.ipv4.ip_forward=1"


def test_a_table_of_neighbours_that_was_full_wants_room() -> None:
    full = NeighbourTable("ipv4", 1024, 1024, 7)
    (found,) = bad(check_host(HostFacts(neighbours=[full])))
    assert (found.check, found.verdict) == ("neighbour table", WARN)
    assert "ipv4: 1024 held, gc_thresh3=1024, and 7 found no room" in found.evidence
    assert "sysctl -w net.ipv4.neigh.default.gc_thresh3=8192" in found.cure
    mended, never = replace(full, limit=8192), replace(full, refused=0)
    assert bad(check_host(HostFacts(neighbours=[mended, never]))) == []


def test_tables_of_neighbours_are_read_where_they_are_shown(tmp_path: Path) -> None:
    assert list(read_neighbours(str(tmp_path))) == []
    folder = tmp_path / "sys/net/ipv6/neigh/default"
    folder.mkdir(parents=True)
    (folder / "gc_thresh3").write_text("1024\n")
    stat = tmp_path / "net/stat"
    stat.mkdir(parents=True)
    head = "entries  allocs   table_fulls\n"
    rows = "0000000e 000a743d 00000010\n0000000e 00076281 00000001\n"
    (stat / "ndisc_cache").write_text(head + rows)
    assert list(read_neighbours(str(tmp_path))) == [
        NeighbourTable("ipv6", 14, 1024, 17)
    ]
    (stat / "ndisc_cache").write_text("something else\n")
    assert list(read_neighbours(str(tmp_path))) == []


def test_strict_reverse_path_filters() -> None:
    values = {"net/ipv4/conf/all/rp_filter": "1", "net/ipv4/conf/e/rp_filter": "0"}
    facts = HostFacts(sysctls=values, underlay="e", vtep="10.9.9.1", links=2)
    (found,) = bad(check_host(facts))
    assert (found.check, found.verdict) == ("rp_filter", WARN)
    values["net/ipv4/conf/e/rp_filter"] = "2"
    assert bad(check_host(facts)) == []


def test_a_data_path_address_that_is_gone() -> None:
    (found,) = bad(check_host(HostFacts(vtep="10.9.9.1")))
    assert (found.check, found.verdict) == ("data-path address", FAIL)
    assert "10.9.9.1" in found.evidence


@pytest.mark.parametrize(
    ("state", "told", "cure"),
    [
        ({"is_up": False, "is_running": False}, "e is down", "ip link set e up"),
        ({"is_running": False}, "no carrier", "plug in the cable"),
    ],
)
def test_a_link_that_carries_nothing(
    state: dict[str, Any], told: str, cure: str
) -> None:
    facts = HostFacts(underlay="e", vtep="10.9.9.1")
    assert bad(check_host(facts)) == []
    (found,) = bad(check_host(replace(facts, **state)))
    assert (found.check, found.verdict) == ("link", FAIL)
    assert told in found.evidence
    assert found.cure.startswith(cure)


def test_a_link_is_asked_for_its_carrier() -> None:
    assert is_running("lo")
    assert is_running("none-such")


def test_who_does_not_answer_may_be_in_a_cluster(tmp_path: Path) -> None:
    assert not has_kept(str(tmp_path / "none"))
    assert not has_kept(str(tmp_path))
    (tmp_path / DATABASE).touch()
    assert has_kept(str(tmp_path))
    (found,) = check_standing(None, None, is_silent=True)
    assert (found.check, found.verdict) == ("cluster", SKIP)
    assert found.evidence == "not known: no agent answers"
    assert "systemctl restart swarmnet" in found.cure
    (found,) = check_standing(None, None)
    assert found.evidence == "this host is in no cluster"


def test_a_link_that_is_too_small_for_a_network() -> None:
    facts = HostFacts(underlay="e", vtep="10.9.9.1", underlay_mtu=1500)
    assert bad(check_host(replace(facts, mtus=[("web", 1450, 50)]))) == []
    (found,) = bad(check_host(replace(facts, mtus=[("web", 8950, 50)])))
    assert (found.check, found.verdict) == ("link mtu", FAIL)
    assert "e: 1500 bytes, and network web wants 8950 + 50" in found.evidence
    assert "ip link set e mtu 9000" in found.cure
    assert "--opt mtu=1450" in found.cure


def test_addresses_set_by_hand() -> None:
    assert bad(check_by_hand([])) == []
    one = ByHand("10.0.1.9", 32, "lo", "sandbox a", "web", "/run/a", "sandbox b on n1")
    (found,) = check_by_hand([one])
    assert (found.check, found.verdict) == ("address by hand", FAIL)
    assert found.evidence.endswith(
        "on lo in sandbox a, set by hand: it is sandbox b on n1's"
    )
    assert found.cure == "nsenter --net=/run/a ip address del 10.0.1.9/32 dev lo"
    (found,) = check_by_hand([ByHand("10.0.1.9", 24, "tun0", "the host", "web")])
    assert found.cure == "ip address del 10.0.1.9/24 dev tun0"
    assert "no row gives it" in found.evidence


@pytest.mark.parametrize(
    ("facts", "check", "verdict", "word"),
    [
        ({"is_read_only": True}, "data directory", FAIL, "read-only"),
        ({"is_writable": False, "user": 7}, "data directory", FAIL, "uid 7"),
        ({"mode": 0o755}, "data directory", WARN, "0755"),
        ({"free_bytes": 9}, "disk space", FAIL, "0.0 MiB free, want 1"),
        ({"is_full": True}, "disk space", FAIL, "refused"),
        ({"free_bytes": 8 << 20}, "disk space", WARN, "8.0 MiB free, want 64"),
        ({"error": "Permission denied"}, "data directory", SKIP, "Permission denied"),
    ],
)
def test_the_data_directory(
    facts: dict[str, Any], check: str, verdict: Verdict, word: str
) -> None:
    well: dict[str, Any] = {"folder": "/d", "free_bytes": 1 << 30}
    assert bad(check_storage(StorageFacts(**well))) == []
    found = [
        one
        for one in check_storage(StorageFacts(**(well | facts)))
        if one.verdict is not OK
    ]
    assert [(one.check, one.verdict) for one in found] == [(check, verdict)]
    assert word in found[0].evidence
    assert found[0].cure


def test_findings_of_other_hosts_are_read_totally() -> None:
    mine = Finding("routes", WARN, "told", "cure")
    read = finding_untrusted(mine.as_json(), "n1")
    assert read == Finding("routes", WARN, "told", "cure", "n1")
    junk: Any
    for junk in (None, 3, [], {}, {"verdict": "bad"}, {"check": 3}):
        assert finding_untrusted(junk, "n1") is None
    long = finding_untrusted({"verdict": "ok", "evidence": "x" * 9999}, "n1")
    assert long is not None
    assert len(long.evidence) == 500
