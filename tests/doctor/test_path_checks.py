"""Checks of paths, peers and exchanges over made-up facts."""

from dataclasses import replace
from typing import Any

import pytest

from swarmnet.doctor.exchange import (
    Exchange,
    check_exchange,
    exchange_as_json,
    went_untrusted,
)
from swarmnet.doctor.finding import Finding, Verdict
from swarmnet.doctor.paths import (
    Attempt,
    PathFacts,
    PathSize,
    Volley,
    check_path,
    sizes_between,
)
from swarmnet.doctor.standing import (
    DAY_S,
    HOUR_S,
    MemberFacts,
    StandingFacts,
    check_clock,
    check_standing,
)

FAIL, WARN, OK, SKIP = Verdict.FAIL, Verdict.WARN, Verdict.OK, Verdict.SKIP
WELL = PathFacts(
    node="n1",
    address="10.99.0.2:7946",
    port=7946,
    tcp_to=Attempt(seconds=0.001),
    tcp_back=Attempt(seconds=0.001),
    udp_to=Volley(8, 8),
    udp_back=Volley(8, 8),
    size_to=PathSize(1500, 1500),
    size_back=PathSize(1500, 1500),
    networks=[("web", 1450, 50)],
)


def bad(findings: Any) -> list[Finding]:
    return [one for one in findings if one.verdict is not OK]


@pytest.mark.parametrize(
    ("change", "check", "verdict", "word", "cure"),
    [
        ({"udp_to": Volley(8, 0)}, "7946/udp to peer", FAIL, "0 of 8", "10.99.0.2"),
        ({"udp_back": Volley(8, 0)}, "7946/udp from peer", FAIL, "0 of 8", "this one"),
        ({"udp_to": Volley(8, 7)}, "7946/udp to peer", WARN, "7 of 8", "ip -s link"),
        ({"udp_to": Volley(8, None)}, "7946/udp to peer", SKIP, "nobody", "again"),
        (
            {"tcp_back": Attempt("no answer")},
            "7946/tcp from peer",
            FAIL,
            "no answer",
            "open 7946/tcp on this host",
        ),
        (
            {"size_to": PathSize(1500, 1400)},
            "path mtu to peer",
            FAIL,
            "1400 bytes with DF, of 1500 on the link: too small for networks web",
            "--opt mtu=1350",
        ),
        (
            {"size_back": PathSize(1400, 1400)},
            "path mtu from peer",
            FAIL,
            "of 1400 on the link: that link is too small for networks web",
            "ip link set LINK mtu 1500 on n1",
        ),
        (
            {"size_back": PathSize(1500, 1400), "networks": [("web", 1350, 50)]},
            "path mtu from peer",
            WARN,
            "narrower",
            "--opt mtu=1350",
        ),
        (
            {"size_to": PathSize(1500, None)},
            "path mtu to peer",
            SKIP,
            "no datagram",
            "",
        ),
    ],
)
def test_a_path(
    change: dict[str, Any], check: str, verdict: Verdict, word: str, cure: str
) -> None:
    assert bad(check_path(WELL)) == []
    (found,) = bad(check_path(replace(WELL, **change)))
    assert (found.check, found.verdict, found.node) == (check, verdict, "n1")
    assert word in found.evidence
    assert cure in found.cure


@pytest.mark.parametrize(
    ("error", "cure"),
    [
        ("Connection refused", "systemctl start swarmnet"),
        ("no answer within 3 s", "open 7946/tcp"),
        ("Network is unreachable", "ip route get 10.99.0.2"),
    ],
)
def test_a_peer_that_is_not_reached(error: str, cure: str) -> None:
    facts = replace(WELL, tcp_to=Attempt(error), silence="it does not answer")
    tcp, rest = check_path(facts)
    assert (tcp.verdict, rest.verdict) == (FAIL, SKIP)
    assert error in tcp.evidence
    assert cure in tcp.cure
    assert "it does not answer" in rest.evidence


def test_a_peer_that_is_reached_and_silent() -> None:
    facts = replace(WELL, silence="it does not answer")
    assert [one.verdict for one in check_path(facts)] == [OK, SKIP]
    tcp, rest = check_path(replace(facts, is_awaited=True))
    assert (tcp.verdict, rest.check, rest.verdict) == (OK, "peer answers", FAIL)
    assert "systemctl restart swarmnet" in rest.cure


def test_the_search_for_an_mtu_ends() -> None:
    for true in (576, 577, 1000, 1399, 1400, 1500, 8999):
        low, high = 575, 9000
        for _ in range(3):
            sizes = sizes_between(low, high)
            assert len(sizes) <= 25
            low = max([low, *(size for size in sizes if size <= true)])
            high = min([high, *(size - 1 for size in sizes if size > true)])
        assert low == true


def test_clocks() -> None:
    assert check_clock("n1", 2.0, 0.01).verdict is OK
    assert check_clock("n1", 61.0, 4.0).verdict is OK
    assert check_clock("n1", -90.0, 0.01).verdict is WARN
    found = check_clock("n1", 3600.0, 0.01)
    assert (found.check, found.verdict) == ("clock", FAIL)
    assert "3600.000 s ahead of ours" in found.evidence
    assert "timedatectl" in found.cure


def test_certificates_and_members() -> None:
    well = StandingFacts("n0", 0.0, -HOUR_S, 90 * DAY_S, "worker")
    assert bad(check_standing(well, None)) == []
    cases = [
        (replace(well, now=91 * DAY_S), FAIL, "ended 24 h ago", "swarmnet join"),
        (replace(well, now=80 * DAY_S), WARN, "ends in 10 days", "start a manager"),
        (replace(well, now=-3 * HOUR_S), FAIL, "begins in 2 h", "timedatectl"),
    ]
    for facts, verdict, word, cure in cases:
        (found,) = bad(check_standing(facts, None))
        assert (found.check, found.verdict) == ("certificate", verdict)
        assert word in found.evidence
        assert cure in found.cure
    members = [
        MemberFacts("n1", "dead", "10.99.0.2:7946"),
        MemberFacts("n2", "degraded", "10.99.0.3:7946", "STREAM_ONLY"),
        MemberFacts("n3", "alive", "10.99.0.4:7946"),
        MemberFacts("n4", "dead", "10.99.0.5:7946", is_on_probation=True),
    ]
    dead, degraded, waiting = bad(check_standing(replace(well, members=members), None))
    assert (dead.node, dead.verdict) == ("n1", FAIL)
    assert "swarmnet node rm n1" in dead.cure
    assert (degraded.node, degraded.verdict) == ("n2", WARN)
    assert "UDP is blocked" in degraded.evidence
    assert (waiting.node, waiting.verdict) == ("n4", WARN)
    assert "twice in 30 s" in waiting.evidence
    assert "node rm" not in waiting.cure


@pytest.mark.parametrize(
    ("text", "cure"),
    [
        ("PutFdb net/1 vxlan0: ENOSPC", "ip link delete"),
        ("PutNeighbour net/1 vxlan0: ENOBUFS: overflow", "gc_thresh3=65536"),
        ("AddNamespace box/1: ENOSPC: No space left", "user.max_net_namespaces=65536"),
        ("AddLink net/1 br0: ENOSPC", "mend what the kernel says"),
        ("PutFdb net/1 vxlan0: EINVAL", "mend what the kernel says"),
    ],
)
def test_of_what_the_kernel_refuses_the_cure_is_said(text: str, cure: str) -> None:
    well = StandingFacts("n0", 0.0, -HOUR_S, 90 * DAY_S, "worker")
    (found,) = bad(check_standing(replace(well, refusals=[text]), None))
    assert (found.check, found.verdict, found.evidence) == (
        "kernel refuses",
        FAIL,
        text,
    )
    assert cure in found.cure
    assert "tried again within 30 s" in found.cure


def test_what_a_node_says_of_itself() -> None:
    well = StandingFacts("n0", 0.0, -HOUR_S, 90 * DAY_S, "worker")
    facts = replace(well, warnings=["a: b: remove one"], drifts=["web: one put right"])
    status, drift = bad(check_standing(facts, None))
    assert (status.evidence, status.cure) == ("a: b", "remove one")
    assert (drift.check, drift.verdict) == ("kernel drift", WARN)
    (outside,) = check_standing(None, None)
    assert (outside.check, outside.verdict) == ("cluster", SKIP)
    (removed,) = check_standing(None, "this node was removed; join anew")
    assert (removed.verdict, removed.cure) == (FAIL, "join anew")


GOOD = Exchange(
    "web", 1450, 8, 8, 8, 4, 4, 4, "", 0.001, 1450, source="10.0.0.2", target="10.0.0.9"
)


@pytest.mark.parametrize(
    ("change", "word", "cure"),
    [
        ({"answered": 0, "arrived": 0}, "nothing came there: 4789/udp", "on that host"),
        ({"answered": 0, "arrived": 8}, "answers did not come", "on this host"),
        ({"answered": 0, "arrived": None}, "did not tell", "explain 10.0.0.9"),
        (
            {"full_answered": 0, "full_arrived": 0, "path_mtu": 1350},
            "packets of that size are lost: MTU 1450, and 1350 comes",
            "--opt mtu=1350",
        ),
        (
            {"full_answered": 0, "full_arrived": 4, "path_mtu": 1350},
            "its answers of that size are lost",
            "--opt mtu=1350",
        ),
        ({"tcp": "no end"}, "UDP passes, TCP does not: no end", "ethtool -K"),
        ({"error": "n1 does not answer"}, "n1 does not answer", "again"),
    ],
)
def test_an_exchange(change: dict[str, Any], word: str, cure: str) -> None:
    assert check_exchange(GOOD, 4789, "n1").verdict is OK
    found = check_exchange(replace(GOOD, **change), 4789, "n1")
    assert (found.check, found.verdict, found.node) == ("vxlan web", FAIL, "n1")
    assert word in found.evidence
    assert cure in found.cure


def test_what_members_say_of_an_exchange_is_read_totally() -> None:
    told = exchange_as_json(replace(GOOD, answered=6), 4789)
    assert went_untrusted(told) == told
    nothing = dict.fromkeys(("rtt_s", "loss", "path_mtu", "tcp", "reason"))
    junk: Any
    for junk in ("x", [], {}, True, -1, 10**400, float("nan"), float("inf")):
        read = went_untrusted(dict.fromkeys(told, junk))
        assert {**read, "tcp": None, "reason": None} == {**nothing, "ok": junk is True}
        assert str(junk)[:500] == read["reason"]


def test_an_exchange_that_loses_or_cannot_be() -> None:
    lossy = check_exchange(replace(GOOD, answered=6), 4789, "n1")
    assert lossy.verdict is WARN
    idle = check_exchange(Exchange("web", 1450, error="none", is_idle=True), 4789, "n1")
    assert idle.verdict is SKIP
    assert exchange_as_json(replace(GOOD, answered=6), 4789) == {
        "ok": True,
        "rtt_s": 0.001,
        "loss": 0.25,
        "path_mtu": 1450,
        "tcp": True,
        "reason": None,
    }
