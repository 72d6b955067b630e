"""Networks by command: each is wholly there, or leaves nothing."""

from collections.abc import Sequence
from ipaddress import ip_network
from typing import Any

import pytest

from swarmnet.errors import Refused
from swarmnet.ids import Scope
from swarmnet.ipam.pools import parse_pool
from swarmnet.ipam.vnis import VNI_FIRST
from swarmnet.node.books import subnet_realm
from swarmnet.node.commands import COMMAND_S, Done, Failed
from swarmnet.node.creating import NetworkWish
from tests.node.hosts import Hosts, Unmet, texts
from tests.node.looks import everything, known

# What a network is


def test_a_network_has_a_subnet_of_the_pool_a_vni_and_a_slice_for_every_member() -> (
    None
):
    hosts = Hosts(3)
    network = hosts.create(2, "blue")
    hosts.run(0.5)
    for number in (1, 2, 3):
        found = known(hosts, number, network)
        assert (found.facts.name, found.owner) == ("blue", hosts.id(2))
        assert [one.prefixlen for one in found.prefixes] == [24]
        assert found.prefixes[0].subnet_of(ip_network("10.0.0.0/16"))  # type: ignore[arg-type]
        assert found.facts.subnets[0].vni >= VNI_FIRST
        assert hosts.usable(number, subnet_realm(network, 0)).size >= 16
    assert not hosts.lacking(subnet_realm(network, 0), 1, 2, 3)
    assert hosts.agree()


def test_a_newcomer_is_given_a_slice_of_what_there_is() -> None:
    hosts = Hosts(2)
    network = hosts.create(1, "blue", "10.9.0.0/24")
    late = hosts.add()
    realm = subnet_realm(network, 0)
    hosts.run_until(lambda: hosts.usable(late, realm).size >= 16, 8.0)
    hosts.partition((1, 2), (late,))
    for _ in range(16):
        hosts.connect(late, network)
    assert len(hosts.effective(late, network)) == 16


def test_each_subnet_of_a_network_has_a_vni_and_one_after_another_is_used() -> None:
    hosts = Hosts(1)
    subnets = ("10.9.0.0/29", "10.8.0.0/29", "fd00:1::/120")
    network = hosts.create(
        1,
        "blue",
        *subnets,
        gateways=("10.8.0.6", "fd00:1::9"),
        auxiliaries={"router": "10.9.0.2"},
        labels={"a": "b"},
        options={"mtu": "1400"},
        internal=True,
    )
    hosts.run(0.5)
    found = known(hosts, 1, network)
    assert [str(one) for one in found.prefixes] == list(subnets)
    gateways = [str(one.subnet.gateway) for one in found.facts.subnets]
    assert gateways == ["10.9.0.1", "10.8.0.6", "fd00:1::9"]
    assert len({one.vni for one in found.facts.subnets}) == 3
    assert (found.facts.labels, found.facts.options) == ({"a": "b"}, {"mtu": "1400"})
    given = [texts(hosts.connect(1, network)) for _ in range(9)]
    firsts = [one[0] for one in given]
    assert sorted(firsts[:4]) == [f"10.9.0.{n}" for n in range(3, 7)]
    assert sorted(firsts[4:]) == [f"10.8.0.{n}" for n in range(1, 6)]
    assert all(one[1].startswith("fd00:1::") for one in given)
    with pytest.raises(Unmet):
        hosts.connect(1, network)


@pytest.mark.slow
def test_subnets_of_the_pool_keep_clear_of_every_members_routes_and_of_networks() -> (
    None
):
    hosts = Hosts(3, pool="10.0.0.0/20")
    routes = {1: "10.0.8.0/22", 2: "10.0.2.128/26", 3: "0.0.0.0/0"}
    for number, route in routes.items():
        prefixes = [ip_network(route), ip_network("192.168.0.0/16")]
        hosts.addressing(number).note_routes(prefixes)
    hosts.run(2.5)
    hosts.create(3, "named", "10.0.1.0/25")
    hosts.run(0.5)
    made = [one for number in (1, 2, 3) for one in spent(hosts, number)]
    prefixes = [known(hosts, 3, one).prefixes[0] for one in made]
    taken = ["10.0.1.0/25", *routes.values()][:3]
    clear = [n for n in range(16) if n not in (1, 2, 8, 9, 10, 11)]
    assert sorted(map(str, prefixes)) == sorted(f"10.0.{n}.0/24" for n in clear), taken
    # A named one may lie in the route of another host, not in one of our own.
    with pytest.raises(Unmet, match=r"10.0.8.0/25: overlaps 10.0.8.0/22 \(a route of"):
        hosts.create(1, "red", "10.0.8.0/25")
    red = hosts.create(3, "red", "10.0.8.0/25")
    assert [str(one) for one in known(hosts, 3, red).prefixes] == ["10.0.8.0/25"]


def spent(hosts: Hosts, number: int) -> list[Scope]:
    """Let a host make networks until there are no subnets left for it."""
    made: list[Scope] = []
    while True:
        try:
            made.append(hosts.create(number, f"of{number}.{len(made)}"))
        except Unmet:
            break
    with pytest.raises(Unmet, match=r"fully subnetted|owns nothing of them"):
        hosts.create(number, "more")
    hosts.run(0.5)
    return made


def test_hosts_make_networks_until_the_pool_is_spent_and_go_on_when_one_is_gone() -> (
    None
):
    hosts = Hosts(3, pool="10.0.0.0/20")
    made = [one for number in (1, 2, 3) for one in spent(hosts, number)]
    found = [known(hosts, 1, one) for one in made]
    assert len({one.prefixes[0] for one in found}) == 16
    assert len({one.facts.subnets[0].vni for one in found}) == 16
    hosts.remove(2, made[0])
    hosts.run_until(lambda: hosts.known(1, made[0]) is None, 5.0)
    again = hosts.create(1, "more")
    assert known(hosts, 1, again).prefixes == found[0].prefixes


# What is refused of a network

WRONG: Sequence[tuple[dict[str, Any], str]] = [
    ({"name": "blue"}, r"network name blue: in use by [0-9a-f]{32}; choose another"),
    ({"name": ""}, "network name '': want 1 to 63 letters"),
    ({"name": "-a"}, "network name '-a': want 1 to 63 letters"),
    ({"name": "a b"}, "network name 'a b': want 1 to 63 letters"),
    ({"name": "a\n"}, r"network name 'a\\n': want 1 to 63 letters"),
    ({"name": "n" * 64}, "network name 'n{64}': want 1 to 63 letters"),
    ({"subnets": ["10.9.0.0/25"]}, r"overlaps 10.9.0.0/24 \(network blue\)"),
    ({"subnets": ["10.8.0.0/13"]}, r"overlaps 10.9.0.0/24 \(network blue\)"),
    ({"subnets": ["172.16.3.0/24"]}, r"overlaps 172.16.0.0/12 \(a route of this host"),
    ({"subnets": ["10.1.0.0/24", "10.1.0.0/25"]}, "of the same network"),
    ({"subnets": ["10.1.0.1/24"]}, "host bits set"),
    ({"subnets": ["x"]}, "want a CIDR"),
    ({"subnets": ["::/64"]}, "no address pool of IPv6 holds one"),
    ({"subnets": ["0.0.0.0/8"]}, "no address pool of IPv4 holds one"),
    ({"subnets": [f"10.{n}.0.0/24" for n in range(20, 29)]}, "9 subnets: want 8"),
    ({"gateways": ["10.1.0.1"]}, "in no subnet of this network"),
    ({"vni": 5}, "VNI 5: want 1048576 to 16777215"),
    ({"vni": 1 << 24}, "VNI 16777216: want 1048576 to 16777215"),
    ({"subnets": ["10.1.0.0/24", "10.2.0.0/24"], "vni": VNI_FIRST + 9}, "2 subnets"),
    ({"labels": {f"key{n}": "x" * 100 for n in range(20)}}, "bytes"),
]


def test_a_network_that_cannot_be_is_refused_with_its_reason_and_leaves_nothing() -> (
    None
):
    hosts = Hosts(2)
    taken = VNI_FIRST + (1 << 23)
    hosts.create(1, "blue", "10.9.0.0/24", vni=taken)
    hosts.addressing(1).note_routes([ip_network("172.16.0.0/12")])
    hosts.run(2.5)
    before = everything(hosts, 1)
    for options, message in WRONG:
        wanted = {"name": "green", **options}
        with pytest.raises(Unmet, match=message):
            hosts.create(1, wanted.pop("name"), *wanted.pop("subnets", ()), **wanted)
        assert everything(hosts, 1) == before, message
    user = known(hosts, 1, hosts.addressing(1).networks.standing()[0].id).id.hex()
    with pytest.raises(Unmet, match=f"VNI {taken}: in use by {user}"):
        hosts.create(1, "green", vni=taken)
    assert everything(hosts, 1) == before


def test_a_vni_in_the_range_of_another_is_asked_of_him() -> None:
    hosts = Hosts(2)
    assert not hosts.usable(2, b"v").covers(VNI_FIRST + (1 << 23))
    vni = VNI_FIRST + (1 << 23)
    network = hosts.create(2, "blue", "10.9.0.0/24", vni=vni)
    assert known(hosts, 2, network).facts.subnets[0].vni == vni
    hosts.run(0.5)
    with pytest.raises(Unmet, match=f"VNI {vni}: in use by {network.hex()}"):
        hosts.create(1, "red", "10.8.0.0/24", vni=vni)
    # Of VNIs nothing is kept: they outlive whoever used them.
    first = next(iter(hosts.usable(2, b"v"))).first
    hosts.create(1, "red", "10.8.0.0/24", vni=first)


def test_without_a_pool_there_are_no_networks_and_only_one_begins_it() -> None:
    hosts = Hosts(2, pool=None)
    with pytest.raises(Unmet, match="this cluster has no address pool yet"):
        hosts.create(2, "blue")
    pools = (parse_pool("10.0.0.0/16"),)
    engine = hosts.engine(2)
    engine.allocate(hosts.now, lambda a: a.init_pools(hosts.now, pools))
    with pytest.raises(Refused, match="has them already"):
        engine.allocate(hosts.now, lambda a: a.init_pools(hosts.now, pools))
    hosts.run(2.0)
    with pytest.raises(Refused, match="has them already"):
        hosts.addressing(1).init_pools(hosts.now, pools)
    assert known(hosts, 1, hosts.create(1, "blue")).owner == hosts.id(1)


def test_a_pool_of_more_subnets_than_can_be_numbered_is_refused_or_works() -> None:
    hosts = Hosts(2, pool=None)
    pools = [parse_pool("10.0.0.0/16"), parse_pool("fd00::/8", 96)]
    engine = hosts.engine(1)
    try:
        engine.allocate(hosts.now, lambda a: a.init_pools(hosts.now, pools))
    except Refused:
        pools = pools[:1]
        engine.allocate(hosts.now, lambda a: a.init_pools(hosts.now, pools))
    hosts.run(3.0)
    wanted = ("0.0.0.0/24", "::/96")[: len(pools)]
    network = hosts.create(2, "blue", *wanted)
    lengths = [one.prefixlen for one in known(hosts, 2, network).prefixes]
    assert lengths == [24, 96][: len(pools)]


# Removing


def test_a_network_with_endpoints_is_not_removed_and_the_error_says_where() -> None:
    hosts = Hosts(3)
    network = hosts.create(1, "blue")
    hosts.run(0.5)
    boxes = {number: hosts.connect(number, network) for number in (2, 3)}
    hosts.run(0.5)
    with pytest.raises(Unmet) as refused:
        hosts.remove(1, network)
    told = str(refused.value)
    where = [f"{hosts.id(2).hex()}, {hosts.id(3).hex()}"]
    where.append(f"{hosts.id(3).hex()}, {hosts.id(2).hex()}")
    wanted = [
        f"network blue: has endpoints on {one}; disconnect them first" for one in where
    ]
    assert told in wanted
    for number, box in boxes.items():
        hosts.disconnect(number, box)
    hosts.run(0.5)
    hosts.remove(1, network)
    with pytest.raises(Unmet, match="unknown; nothing to remove"):
        hosts.remove(1, network)
    hosts.run_until(
        lambda: all(hosts.known(n, network) is None for n in (1, 2, 3)), 5.0
    )
    with pytest.raises(Unmet, match="unknown; nothing to remove"):
        hosts.remove(2, network)
    # Its name is free again, and so is its place.
    hosts.create(3, "blue", str(ip_network("10.0.0.0/24")))


def begin_to_create(hosts: Hosts, number: int, name: str, subnet: str) -> int:
    """Let a host make a network; return the ticket."""
    wish = NetworkWish(name, (subnet,))
    return hosts.allocate(number, lambda a, now: a.create(now, wish))


@pytest.mark.parametrize("maker", [1, 3])
def test_the_place_of_a_network_that_goes_is_waited_for_until_all_know(
    maker: int,
) -> None:
    hosts = Hosts(3)
    network = hosts.create(1, "blue", "10.9.0.0/24")
    hosts.run(0.5)
    hosts.remove(1, network)
    hosts.run(0.01)
    assert known(hosts, maker, network).is_removing
    ticket = begin_to_create(hosts, maker, "blue", "10.9.0.128/25")
    while hosts.answer(maker, ticket) is None:
        assert known(hosts, maker, network).is_removing
        hosts.run(0.01)
    done = hosts.answer(maker, ticket)
    assert isinstance(done, Done)
    assert isinstance(done.result, bytes)
    hosts.run(1.0)
    for number in (1, 2, 3):
        assert hosts.known(number, network) is None
        assert hosts.names(number) == {done.result: "blue"}
    assert hosts.agree()


@pytest.mark.slow
def test_a_place_that_not_all_know_to_be_free_is_refused_in_the_end() -> None:
    hosts = Hosts(3)
    network = hosts.create(1, "blue", "10.9.0.0/24")
    hosts.run(2.0)
    hosts.partition((1, 2), (3,))
    hosts.remove(1, network)
    hosts.run(0.5)
    before = everything(hosts, 2)
    ticket = begin_to_create(hosts, 2, "green", "10.0.0.0/8")
    hosts.run(COMMAND_S - 0.1)
    assert hosts.answer(2, ticket) is None
    hosts.run(0.2)
    failed = hosts.answer(2, ticket)
    assert isinstance(failed, Failed)
    assert failed.reason.startswith("subnet 10.0.0.0/8: overlaps 10.9.0.0/24 (network")
    assert "is being removed" in failed.reason
    assert everything(hosts, 2) == before
    # What nothing is in the way of is not held up meanwhile, nor what stays waited for.
    other = hosts.create(2, "green", "10.8.0.0/24")
    with pytest.raises(Unmet, match=r"overlaps 10.8.0.0/24 \(network green\); choose"):
        hosts.create(2, "red", "10.8.0.0/15")
    hosts.heal()
    hosts.run_until(lambda: hosts.known(2, network) is None, 30.0)
    made = hosts.create(2, "red", "10.9.0.0/24")
    assert set(hosts.names(2)) == {other, made}


@pytest.mark.slow
def test_the_place_of_a_removed_makers_network_is_waited_for_as_well() -> None:
    hosts = Hosts(4)
    network = hosts.create(2, "blue", "10.9.0.0/24")
    hosts.run(2.0)
    hosts.crash(2)
    hosts.apart(1, 3, 4)
    hosts.remove_node(1, 2)
    hosts.run(3.0)
    hosts.remove(3, network)
    ticket = begin_to_create(hosts, 3, "red", "10.9.0.64/26")
    assert hosts.answer(3, ticket) is None
    hosts.run_until(lambda: hosts.answer(3, ticket) is not None, COMMAND_S + 0.1)
    done = hosts.answer(3, ticket)
    assert isinstance(done, Done), done
    hosts.run(1.0)
    assert done.result in hosts.names(4)


@pytest.mark.slow
def test_the_place_of_a_removed_makers_network_is_free_again_everywhere() -> None:
    hosts = Hosts(4)
    network = hosts.create(2, "blue", "10.9.0.0/24")
    vni = known(hosts, 2, network).facts.subnets[0].vni
    hosts.run(2.0)
    hosts.crash(2)
    hosts.apart(1, 3, 4)
    hosts.remove_node(1, 2)
    hosts.run(3.0)
    hosts.remove(3, network)
    hosts.run(10.0)
    for number in (1, 3, 4):
        assert hosts.addressing(number).networks.vnis.vnis.user(vni) is None
        made = hosts.create(number, f"of{number}", "10.9.0.0/24")
        hosts.run(0.5)
        hosts.remove(number, made)
        hosts.run(5.0)
