"""Which rule drops what must pass: nftables' own listings, and iptables' lines."""

import json
from dataclasses import replace
from ipaddress import IPv4Address, ip_address
from typing import Any

import pytest

from swarmnet.doctor.finding import Finding, Verdict
from swarmnet.doctor.firewall import (
    IN,
    REPLY,
    THROUGH,
    Crossing,
    FirewallFacts,
    check_firewall,
    first_drop,
)
from swarmnet.doctor.legacy_rules import parse_iptables
from swarmnet.doctor.matching import Packet
from swarmnet.doctor.ruleset import Chain, Ruleset, parse_nft
from swarmnet.runtime.doctor.crossings import published, way_out

PEER, HERE = ip_address("10.99.0.2"), ip_address("10.99.0.1")
UDP = Packet("udp", 7946, PEER, HERE, link_in="eth0")
TCP = Packet("tcp", 7946, PEER, HERE, link_in="eth0")
BASE = {"type": "filter", "hook": "input", "prio": 0, "policy": "accept"}


def match(left: Any, right: Any, op: str = "==") -> Any:
    return {"match": {"op": op, "left": left, "right": right}}


def field(protocol: str, name: str) -> Any:
    return {"payload": {"protocol": protocol, "field": name}}


DPORT = field("udp", "dport")
SADDR = field("ip", "saddr")
DROP, ACCEPT = {"drop": None}, {"accept": None}
SOME_SET = {"name": "bad", "elem": [1, {"range": [7900, 7950]}]}


def listing(*rules: list[Any], base: Any = None, more: Any = ()) -> Ruleset:
    """Return what nft would list: a chain `in` with some rules, in `inet f`."""
    where = {"family": "inet", "table": "f"}
    items: list[Any] = [{"metainfo": {"version": "1.0.6"}}]
    items.append({"chain": {**where, "name": "in", **BASE, **(base or {})}})
    items.append({"set": {**where, **SOME_SET}})
    for name, expressions in more:
        items.append({"chain": {**where, "name": name}})
        rule = {**where, "chain": name, "handle": 90, "expr": expressions}
        items.append({"rule": rule})
    for handle, expressions in enumerate(rules, start=5):
        rule = {**where, "chain": "in", "handle": handle, "expr": expressions}
        items.append({"rule": rule})
    return parse_nft(json.dumps({"nftables": items}))


@pytest.mark.parametrize(
    ("rules", "dropped"),
    [
        ([[DROP]], True),
        ([[{"reject": {"type": "icmp"}}]], True),
        ([[{"counter": None}, {"log": None}, DROP]], True),
        ([[match(DPORT, 7946), DROP]], True),
        ([[match(DPORT, 53), DROP]], None),
        ([[match(DPORT, 53, "!="), DROP]], True),
        ([[match(field("tcp", "dport"), 7946), DROP]], None),
        ([[match(field("th", "dport"), {"range": [7000, 8000]}), DROP]], True),
        ([[match(DPORT, {"set": [53, 7946]}), DROP]], True),
        ([[match(DPORT, "@bad"), DROP]], True),
        ([[match(DPORT, "@nowhere"), DROP]], False),
        ([[match(DPORT, 7000, ">"), DROP]], True),
        ([[match(SADDR, "10.99.0.2"), DROP]], True),
        ([[match(SADDR, {"prefix": {"addr": "10.0.0.0", "len": 8}}), DROP]], True),
        ([[match(SADDR, {"set": ["10.99.0.9"]}), DROP]], None),
        ([[match(field("ip6", "saddr"), "::1"), DROP]], None),
        ([[match({"meta": {"key": "iifname"}}, "lo"), ACCEPT], [DROP]], True),
        ([[match({"meta": {"key": "iifname"}}, "eth*"), ACCEPT], [DROP]], None),
        ([[match({"meta": {"key": "l4proto"}}, "udp"), DROP]], True),
        ([[match({"ct": {"key": "state"}}, ["established"], "in"), ACCEPT], [DROP]], 1),
        ([[match({"ct": {"key": "state"}}, ["new"], "in"), DROP]], True),
        ([[match({"meta": {"key": "mark"}}, 3), DROP]], False),
        ([[match({"meta": {"key": "mark"}}, 3), ACCEPT], [DROP]], False),
        ([[{"limit": {"rate": 3}}, DROP]], False),
        ([[{"return": None}], [DROP]], None),
        ([[{"vmap": {"key": DPORT, "data": {"set": [[7946, DROP]]}}}]], True),
        ([[{"vmap": {"key": DPORT, "data": {"set": [[53, DROP]]}}}]], None),
        ([[{"jump": {"target": "sub"}}]], True),
        ([[match(DPORT, 53), {"jump": {"target": "sub"}}]], None),
        ([[{"jump": {"target": "back"}}], [DROP]], True),
        ([[{"goto": {"target": "back"}}], [DROP]], None),
        ([[match({"meta": {"key": "mark"}}, 3), {"jump": {"target": "sub"}}]], False),
        ([["nonsense"]], None),
    ],
)
def test_a_packet_goes_through_rules(
    rules: list[Any], dropped: bool | int | None
) -> None:
    more = [("sub", [DROP]), ("back", [{"return": None}])]
    drop = first_drop(listing(*rules, more=more), UDP, IN)
    found = None if drop is None else drop.is_certain
    assert found == (None if dropped is None else bool(dropped))


def test_a_policy_drops_what_no_rule_accepts() -> None:
    accepted = [match(field("tcp", "dport"), {"set": [22, 7946]}), ACCEPT]
    rules = listing(accepted, base={"policy": "drop"})
    assert first_drop(rules, TCP, IN) is None
    assert judged(rules, UDP) == [
        Finding(
            "firewall",
            Verdict.FAIL,
            "7946/udp: table inet f, chain in drops it: policy drop",
            "nft insert rule inet f in udp dport 7946 accept",
        )
    ]


def judged(rules: Ruleset, *packets: Packet) -> list[Finding]:
    crossings = [Crossing(f"{p.port}/{p.protocol}", p, IN) for p in packets]
    return list(check_firewall(FirewallFacts(rules, crossings=crossings)))


def test_a_rule_is_named_once_with_its_removal() -> None:
    rules = listing([match(DPORT, {"set": [53, 7946]}), {"counter": None}, DROP])
    assert judged(rules, UDP, UDP, TCP) == [
        Finding(
            "firewall",
            Verdict.FAIL,
            "7946/udp: table inet f, chain in drops it: udp dport {53, 7946} counter"
            " drop",
            "nft delete rule inet f in handle 5",
        )
    ]


def test_what_may_drop_is_told_of_known_peers_alone() -> None:
    rules = listing([match({"meta": {"key": "mark"}}, 3), DROP])
    (found,) = judged(rules, UDP)
    assert found.verdict is Verdict.WARN
    assert "may drop it: mark 3 drop" in found.evidence
    (found,) = judged(rules, Packet("udp", 7946))
    assert found.verdict is Verdict.OK


def test_other_hooks_and_our_own_table_are_not_asked() -> None:
    assert first_drop(listing([DROP], base={"hook": "output"}), UDP, IN) is None
    assert first_drop(listing([DROP], base={"type": "nat"}), UDP, IN) is None
    ours = json.dumps(
        {
            "nftables": [
                {"chain": {"family": "inet", "table": "swarmnet", "name": "x", **BASE}},
                {
                    "rule": {
                        "family": "inet",
                        "table": "swarmnet",
                        "chain": "x",
                        "expr": [DROP],
                    }
                },
            ]
        }
    )
    assert first_drop(parse_nft(ours), UDP, IN) is None


def reply(**more: Any) -> Packet:
    return Packet("tcp", 40000, PEER, HERE, source_port=7946, state=REPLY, **more)


def test_replies_want_a_rule_of_their_own() -> None:
    ports = [match(field("th", "dport"), {"set": [7946, 4789]}), ACCEPT]
    rules = listing(ports, base={"policy": "drop"})
    assert judged(rules, UDP, TCP)[0].verdict is Verdict.OK
    (found,) = judged(rules, reply(link_in="eth0"))
    assert found.verdict is Verdict.FAIL
    cure = "nft insert rule inet f in ct state established,related accept"
    assert found.cure == cure
    mended = match({"ct": {"key": "state"}}, ["established", "related"], "in")
    rules = listing([mended, ACCEPT], ports, base={"policy": "drop"})
    assert judged(rules, UDP, TCP, reply())[0].verdict is Verdict.OK
    source = [match(field("tcp", "sport"), 7946), ACCEPT]
    rules = listing(source, base={"policy": "drop"})
    assert judged(rules, reply())[0].verdict is Verdict.OK


GATEWAY = IPv4Address("172.18.0.1")
INTO = [match({"meta": {"key": "iifname"}}, "swarmnet_gw"), ACCEPT]
BACK = [
    match({"meta": {"key": "oifname"}}, "swarmnet_gw"),
    match({"ct": {"key": "state"}}, ["established", "related"], "in"),
    ACCEPT,
]
IN_CURE = "nft insert rule inet f in iifname swarmnet_gw accept"
BACK_CURE = (
    "nft insert rule inet f in oifname swarmnet_gw ct state established,related accept"
)


@pytest.mark.parametrize(
    ("rules", "cures"),
    [
        ([], [f"{IN_CURE} && {BACK_CURE}", BACK_CURE]),
        ([INTO], [BACK_CURE]),
        ([BACK], [f"{IN_CURE} && {BACK_CURE}"]),
        ([INTO, BACK], [""]),
    ],
)
def test_a_way_out_is_open_in_both_directions(
    rules: list[list[Any]], cures: list[str]
) -> None:
    ruleset = listing(*rules, base={"hook": "forward", "policy": "drop"})
    crossings = tuple(way_out(GATEWAY, "eth0"))
    found = list(check_firewall(FirewallFacts(ruleset, crossings=crossings)))
    assert [one.cure for one in found] == cures


def test_a_published_port_is_led_on_where_what_was_translated_may_pass() -> None:
    base = {"hook": "forward", "policy": "drop"}
    crossings = tuple(published(GATEWAY, "eth0", [("tcp", 80)]))
    ruleset = listing(INTO, BACK, base=base)
    (found,) = check_firewall(FirewallFacts(ruleset, crossings=crossings))
    assert found.evidence.startswith("published 80/tcp: ")
    assert found.cure == (
        "nft insert rule inet f in oifname swarmnet_gw ct status dnat accept"
    )
    dnat = match({"ct": {"key": "status"}}, "dnat", "in")
    ruleset = listing([dnat, ACCEPT], base=base)
    (found,) = check_firewall(FirewallFacts(ruleset, crossings=crossings))
    assert found.verdict is Verdict.OK
    # What nobody published is not let in by that.
    assert first_drop(ruleset, replace(crossings[0].packet, status=""), THROUGH)


def test_what_others_protect_of_theirs_is_not_in_our_way() -> None:
    # As Docker does: nobody but its own bridge may reach its containers.
    theirs = [
        match(field("ip", "daddr"), "172.17.0.2"),
        match({"meta": {"key": "iifname"}}, "docker0", "!="),
        DROP,
    ]
    ruleset = listing(theirs, base={"hook": "prerouting", "prio": -300})
    crossings = tuple(way_out(GATEWAY, "eth0"))
    (found,) = check_firewall(FirewallFacts(ruleset, crossings=crossings))
    assert found.verdict is Verdict.OK


def test_replies_pass_a_conntrack_rule_that_iptables_made() -> None:
    tracked = {"xt": {"type": "match", "name": "conntrack"}}
    accepting = listing([tracked, ACCEPT], base={"policy": "drop"})
    dropping = listing([tracked, DROP])
    reply = replace(TCP, port=40000, source_port=7946, state=REPLY)
    assert first_drop(accepting, reply, IN) is None
    for ruleset, packet in ((accepting, TCP), (dropping, reply)):
        drop = first_drop(ruleset, packet, IN)
        assert drop is not None
        assert not drop.is_certain


def test_neighbours_find_each_other_by_ipv6() -> None:
    near, far = ip_address("fd00::1"), ip_address("fd00::2")
    asked = Packet(
        *("icmpv6", 0, far, near),
        link_in="eth0",
        state="untracked",
        icmp_type="nd-neighbor-solicit",
    )
    crossing = Crossing("neighbour discovery coming in", asked, IN)
    ruleset = listing([match({"ct": {"key": "state"}}, "established"), ACCEPT])
    (found,) = check_firewall(FirewallFacts(ruleset, crossings=(crossing,)))
    assert found.verdict is Verdict.OK
    base = {"policy": "drop"}
    (found,) = check_firewall(FirewallFacts(listing(base=base), crossings=(crossing,)))
    kinds = "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert }"
    assert found.cure == f"nft insert rule inet f in {kinds} accept"
    some = {"set": ["nd-neighbor-solicit", "nd-neighbor-advert"]}
    opened = listing([match(field("icmpv6", "type"), some), ACCEPT], base=base)
    assert first_drop(opened, asked, IN) is None


def test_a_way_out_by_iptables() -> None:
    rules = parse_iptables("*filter\n:FORWARD DROP [0:0]\nCOMMIT\n")
    crossings = tuple(way_out(GATEWAY, "eth0"))
    out, back = check_firewall(FirewallFacts(rules, crossings=crossings))
    mend = (
        "iptables-legacy -t filter -I FORWARD -o swarmnet_gw -m conntrack --ctstate"
        " ESTABLISHED,RELATED -j ACCEPT"
    )
    first = "iptables-legacy -t filter -I FORWARD -i swarmnet_gw -j ACCEPT"
    assert (out.cure, back.cure) == (f"{first} && {mend}", mend)


@pytest.mark.parametrize(
    ("table", "name", "cures"),
    [
        (
            *("firewalld", "filter_FORWARD"),
            [
                "firewall-cmd --permanent --zone=trusted --add-interface=swarmnet_gw"
                " && firewall-cmd --reload"
            ]
            * 2,
        ),
        (
            *("filter", "ufw-before-forward"),
            ["ufw route allow in on swarmnet_gw", "ufw reload"],
        ),
    ],
)
def test_a_way_out_by_a_firewall_of_the_distribution(
    table: str, name: str, cures: list[str]
) -> None:
    place = ("inet", table, name)
    chain = Chain(place, hook="forward", kind="filter", policy="drop")
    crossings = tuple(way_out(GATEWAY, "eth0"))
    facts = FirewallFacts(Ruleset({place: chain}), crossings=crossings)
    assert [one.cure for one in check_firewall(facts)] == cures


LEGACY = """\
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:DOCKER-USER - [0:0]
:ufw-before-input - [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p udp -m multiport --dports 53,7946 -m comment --comment "no gossip" -j DROP
-A INPUT -p tcp -m tcp --dport 7000:8000 ! -s 10.0.0.0/8 -j REJECT --reject-with x
-A INPUT -j ufw-before-input
-A FORWARD -o docker0 -j ACCEPT
-A FORWARD -i swarmnet_gw -m physdev --physdev-is-bridged -j ACCEPT
-A ufw-before-input -p udp --dport 4789 -j DROP
COMMIT
"""


def test_iptables_rules_are_read_as_well() -> None:
    rules = parse_iptables(LEGACY)
    assert judged(rules, UDP, TCP) == [
        Finding(
            "firewall",
            Verdict.FAIL,
            "7946/udp: table ip filter, chain INPUT drops it: -A INPUT -p udp -m"
            ' multiport --dports 53,7946 -m comment --comment "no gossip" -j DROP',
            "iptables-legacy -t filter -D INPUT -p udp -m multiport --dports 53,7946"
            ' -m comment --comment "no gossip" -j DROP',
        )
    ]
    outsider = Packet("tcp", 7946, ip_address("192.0.2.1"), HERE, link_in="eth0")
    assert first_drop(rules, outsider, IN) is not None
    (found,) = judged(rules, Packet("udp", 4789, PEER, HERE, link_in="eth0"))
    assert found.cure == "ufw allow 4789/udp"


def test_a_way_that_may_be_open_is_no_failure() -> None:
    way_out = Packet("tcp", 443, HERE, link_in="swarmnet_gw", link_out="eth0")
    drop = first_drop(parse_iptables(LEGACY), way_out, THROUGH)
    assert drop is not None
    assert (drop.rule, drop.is_certain) == (None, False)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"nftables": 1}', "nonsense"])
def test_what_is_no_listing_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever it says
        parse_nft(text)


def test_rules_that_cannot_be_read_are_told() -> None:
    (found,) = check_firewall(FirewallFacts(None, "nft: Operation not permitted"))
    assert found.verdict is Verdict.SKIP
    assert "not permitted" in found.evidence
