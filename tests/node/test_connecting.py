"""Endpoints by command: each is wholly there, or leaves nothing."""

from collections.abc import Sequence
from ipaddress import IPv6Address, ip_network
from typing import Any

import pytest

from swarmnet.ids import CLUSTER, Scope
from swarmnet.ipam.addresses import EARLY_S
from swarmnet.ipam.vnis import VNI_FIRST
from swarmnet.node.books import subnet_realm
from swarmnet.node.commands import Failed
from swarmnet.node.creating import NetworkWish
from tests.node.hosts import Hosts, Unmet, texts
from tests.node.looks import everything, known


def test_an_endpoint_is_effective_everywhere_until_it_is_disconnected() -> None:
    hosts = Hosts(2)
    network = hosts.create(1, "blue")
    hosts.run(0.5)
    box, other = hosts.connect(1, network), hosts.connect(2, network)
    assert box.is_effective
    hosts.run(0.5)
    both = {texts(box)[0]: hosts.id(1), texts(other)[0]: hosts.id(2)}
    assert [hosts.effective(n, network) for n in (1, 2)] == [both, both]
    hosts.disconnect(2, other)
    hosts.run(0.5)
    assert list(hosts.effective(1, network)) == texts(box)
    # With its last endpoint a host leaves the network.
    assert hosts.engine(2).tables.scopes() == (CLUSTER,)
    with pytest.raises(Unmet, match="nothing to disconnect"):
        hosts.disconnect(2, other)
    with pytest.raises(Unmet, match="nothing to disconnect"):
        hosts.disconnect(2, box)
    assert texts(hosts.connect(2, network)) != texts(other)


HEX = "[0-9a-f]{32}"
BAD: Sequence[tuple[dict[str, Any], str]] = [
    ({"ip4": "10.9.1.7"}, r"10.9.1.7: in no subnet of network blue \(10.9.0.0/24, fd"),
    ({"ip4": "10.9.0.1"}, "10.9.0.1: is the gateway of 10.9.0.0/24"),
    ({"ip4": "10.9.0.0"}, "10.9.0.0: is the network address"),
    ({"ip4": "10.9.0.255"}, "10.9.0.255: is the broadcast address"),
    ({"ip4": "10.9.0.9"}, "10.9.0.9: is the auxiliary address 'printer'"),
    ({"ip4": "10.9.0.200"}, "10.9.0.200: in use by"),
    ({"ip4": "10.9.0.18"}, "10.9.0.18: in a range of .* kept for what it"),
    ({"ip4": "10.9.0.30"}, "10.9.0.30: in a range of .* in use there"),
    ({"ip6": "fd00::9"}, "fd00::9: in no subnet of network blue"),
    ({"name": ""}, "endpoint name '': want 1 to 63 letters"),
    ({"name": "n" * 64}, "want 1 to 63 letters"),
    ({"mac": bytes(6)}, "MAC 00:00:00:00:00:00: want 6 bytes, of one station"),
    ({"mac": b"\x01\0\0\0\0\1"}, "MAC 01:.*, of one station"),
    ({"publish": ("80",)}, r"publish '80': want \[IP:\]PORT:PORT"),
    ({"name": "box"}, "sandbox box: is in network blue already"),
]


@pytest.mark.parametrize("is_new", [False, True], ids=["inside", "new there"])
def test_an_endpoint_that_cannot_be_is_refused_with_its_reason_and_leaves_nothing(
    is_new: bool,
) -> None:
    hosts = Hosts(3)
    auxiliaries = {"printer": "10.9.0.9"}
    network = hosts.create(1, "blue", "10.9.0.0/24", auxiliaries=auxiliaries, ipv6=True)
    hosts.run(1.5)
    hosts.connect(2, network, ip4="10.9.0.30")
    if not is_new:
        hosts.connect(1, network, "box", ip4="10.9.0.200")
    hosts.run(0.5)
    before = everything(hosts, 1)
    hashed = str(known(hosts, 1, network).prefixes[1][0x1_0000])
    bad = [*BAD, ({"ip6": hashed}, "above ::ffff addresses of network blue are hashed")]
    for options, message in bad:
        if is_new and ("box" in message or "0.200" in message):
            continue
        with pytest.raises(Unmet, match=message):
            hosts.connect(1, network, **options)
        assert everything(hosts, 1) == before, message
    with pytest.raises(Unmet, match=f"network {'00' * 16}: unknown"):
        hosts.connect(1, Scope(bytes(16)))
    assert everything(hosts, 1) == before


def test_a_mac_that_another_endpoint_has_is_refused_and_leaves_nothing() -> None:
    hosts = Hosts(2)
    network = hosts.create(1, "blue", "10.9.0.0/24", ipv6=True)
    hosts.run(0.5)
    mac = bytes.fromhex("02420a090013")
    given = hosts.connect(1, network, "given", mac=mac)
    made = hosts.connect(2, network, "made", ip4="10.9.0.50")
    hosts.run(0.5)
    before = everything(hosts, 2)
    for options, message in (
        ({"mac": mac}, f"MAC 02:42:.*:13: in use by sandbox given of node {HEX}"),
        ({"mac": bytes.fromhex("02420a090032")}, "32: in use by sandbox made"),
        ({"ip4": "10.9.0.19"}, "in use by .* given .*, or another address"),
    ):
        with pytest.raises(Unmet, match=message):
            hosts.connect(2, network, **options)
        assert everything(hosts, 2) == before, message
    hosts.disconnect(1, given)
    hosts.run(0.5)
    assert hosts.connect(2, network, mac=mac).facts.station == mac
    # Another network is another matter.
    green = hosts.create(2, "green", "10.10.0.0/24")
    assert hosts.connect(2, green, mac=mac).facts.station == mac
    assert made.facts.station == bytes.fromhex("02420a090032")


def test_a_named_address_of_another_is_asked_of_its_owner_and_given() -> None:
    hosts = Hosts(3)
    network = hosts.create(1, "blue", "10.9.0.0/24")
    hosts.run(1.5)
    realm = subnet_realm(network, 0)
    assert hosts.usable(2, realm).covers(31)
    for number, wanted in ((3, "10.9.0.31"), (2, "10.9.0.222"), (3, "10.9.0.223")):
        assert texts(hosts.connect(number, network, ip4=wanted)) == [wanted]
    hosts.run(0.5)
    assert not hosts.usable(2, realm).covers(31)
    assert hosts.effective(1, network) == {}
    hosts.connect(1, network)
    hosts.run(0.5)
    shown = hosts.effective(1, network)
    assert (shown["10.9.0.31"], shown["10.9.0.222"]) == (hosts.id(3), hosts.id(2))


def test_the_dead_give_nothing_and_a_named_address_of_theirs_is_refused() -> None:
    hosts = Hosts(3)
    network = hosts.create(1, "blue", "10.9.0.0/24")
    hosts.run(1.5)
    hosts.crash(2)
    hosts.run(10.0)
    with pytest.raises(Unmet, match=f"10.9.0.31: in a range of {hosts.id(2).hex()}"):
        hosts.connect(3, network, ip4="10.9.0.31")
    assert hosts.effective(3, network) == {}


def test_an_address_outside_the_ip_range_is_only_for_those_who_name_it() -> None:
    hosts = Hosts(1)
    network = hosts.create(
        1, "blue", "10.9.0.0/28", ip_ranges=("10.9.0.8/30",), gateways=("10.9.0.1",)
    )
    assert hosts.fill(1, network) == [f"10.9.0.{n}" for n in (8, 9, 10, 11)]
    assert texts(hosts.connect(1, network, ip4="10.9.0.3")) == ["10.9.0.3"]


def test_what_is_freed_rests_but_is_given_to_who_names_it() -> None:
    hosts = Hosts(1)
    network = hosts.create(1, "blue", "10.9.0.0/28")
    boxes = [hosts.connect(1, network) for _ in range(5)]
    hosts.disconnect(1, boxes[0])
    hosts.disconnect(1, boxes[1])
    hosts.connect(1, network, ip4=texts(boxes[0])[0])
    given = hosts.fill(1, network, 8)
    assert texts(boxes[1])[0] not in given
    hosts.run(61.0)
    assert texts(hosts.connect(1, network)) == texts(boxes[1])


def test_before_one_is_refused_what_rests_is_waited_for() -> None:
    hosts = Hosts(1)
    network = hosts.create(1, "blue", "10.9.0.0/29")
    boxes = [hosts.connect(1, network) for _ in range(5)]
    hosts.disconnect(1, boxes[0])
    freed_at = hosts.now
    assert texts(hosts.connect(1, network)) == texts(boxes[0])
    assert EARLY_S <= hosts.now - freed_at < EARLY_S + 0.1
    with pytest.raises(Unmet, match="all 5 addresses here are in use"):
        hosts.connect(1, network)


def test_what_another_host_has_free_comes_before_what_rests() -> None:
    hosts = Hosts(2)
    network = hosts.create(1, "blue", "10.9.0.0/27")
    hosts.run(1.5)
    boxes = [hosts.connect(2, network) for _ in range(8)]
    hosts.disconnect(2, boxes[0])
    freed_at = hosts.now
    given = [texts(hosts.connect(2, network))[0] for _ in range(10)]
    assert texts(boxes[0])[0] not in given
    assert hosts.now - freed_at < EARLY_S


def test_a_thousand_come_and_go_in_a_minute() -> None:
    hosts = Hosts(3)
    network = hosts.create(1, "blue", "10.9.0.0/24")
    hosts.run(1.5)
    kept = {1: hosts.connect(1, network), 3: hosts.connect(3, network)}
    held = {texts(one)[0] for one in kept.values()}
    began_at = hosts.now
    for _ in range(1000):
        box = hosts.connect(2, network)
        assert texts(box)[0] not in held
        hosts.run(0.03)
        hosts.disconnect(2, box)
    assert hosts.now - began_at < 60.0


# IPv6


def test_ipv6_addresses_are_hashed_and_low_ones_are_named_and_owned() -> None:
    hosts = Hosts(2)
    network = hosts.create(1, "blue", "10.9.0.0/24", ipv6=True)
    hosts.run(1.5)
    prefix = known(hosts, 2, network).prefixes[1]
    assert (prefix.version, prefix.prefixlen) == (6, 64)
    assert prefix.subnet_of(ip_network("fd00::/8"))  # type: ignore[arg-type]
    boxes = {number: hosts.connect(number, network) for number in (1, 2)}
    hosts.run(0.5)
    for box in boxes.values():
        address = box.facts.addresses[1][1]
        assert address in prefix
        assert int(address) - int(prefix.network_address) > 0xFFFF
    low = str(prefix[0x1234])
    named = hosts.connect(2, network, ip6=low)
    assert texts(named)[1] == low
    with pytest.raises(
        Unmet, match=f"{low}: in use|{low}: in a range of .* in use there"
    ):
        hosts.connect(1, network, ip6=low)
    hosts.run(0.5)
    owners = {a: hosts.id(1) for a in texts(boxes[1])}
    owners |= {a: hosts.id(2) for box in (boxes[2], named) for a in texts(box)}
    assert [hosts.effective(n, network) for n in (1, 2)] == [owners, owners]


def test_an_endpoint_whose_hash_is_not_its_own_is_not_effective() -> None:
    hosts = Hosts(2)
    network = hosts.create(1, "blue", "10.9.0.0/24", ipv6=True)
    hosts.run(1.5)
    box = hosts.connect(1, network)
    endpoints = hosts.addressing(1).endpoints
    index, address = box.facts.addresses[1]
    at = endpoints.effective_at(network, index, address)
    assert at == (network, hosts.id(1), box.id)
    wrong = IPv6Address(int(address) ^ 1)
    assert endpoints.effective_at(network, index, wrong) is None


# What fails half way


def test_where_the_second_family_fails_nothing_is_left_of_the_first() -> None:
    hosts = Hosts(2)
    subnets = ("10.9.0.0/24", "fd00:1::/125")
    network = hosts.create(1, "blue", *subnets)
    hosts.run(1.5)
    for number in (1, 2):
        hosts.fill(number, network)
    shown = hosts.effective(1, network)
    hosts.run(0.5)
    before = everything(hosts, 1)
    with pytest.raises(Unmet, match="subnet fd00:1::/125"):
        hosts.connect(1, network)
    assert everything(hosts, 1) == before
    assert hosts.effective(1, network).items() >= shown.items()


def test_what_rests_goes_on_to_where_a_command_that_named_it_fails() -> None:
    hosts = Hosts(1)
    network = hosts.create(1, "blue", "10.9.0.0/29", "fd00:1::/120")
    used, other = hosts.connect(1, network), hosts.connect(1, network)
    hosts.disconnect(1, used)
    before = everything(hosts, 1)
    first, second = texts(used)[0], texts(other)[1]
    with pytest.raises(Unmet, match=f"{second}: in use"):
        hosts.connect(1, network, ip4=first, ip6=second)
    assert everything(hosts, 1) == before
    assert first not in hosts.fill(1, network, 6)
    hosts.run(61.0)
    assert [one.split(".")[-1] for one in hosts.fill(1, network)[:1]] == [first[-1]]


def test_a_refused_connect_does_not_attach_nor_does_one_that_waits() -> None:
    hosts = Hosts(2)
    network = hosts.create(1, "blue", "10.9.0.0/29")
    hosts.run(1.5)
    spare = hosts.usable(2, subnet_realm(network, 0))
    assert spare
    hosts.partition((1,), (2,))
    other = texts(hosts.connect(1, network))[0]
    with pytest.raises(Unmet, match=f"{other}: in a range of"):
        hosts.connect(2, network, ip4=other)
    assert hosts.engine(2).tables.scopes() == (CLUSTER,)
    assert hosts.usable(2, subnet_realm(network, 0)) == spare


def test_a_command_that_is_cancelled_never_happens() -> None:
    hosts = Hosts(2)
    network = hosts.create(1, "blue", "10.9.0.0/24")
    hosts.run(1.5)
    wish = NetworkWish("red", ("10.8.0.0/24",), vni=VNI_FIRST + (1 << 23))
    ticket = hosts.allocate(2, lambda a, now: a.create(now, wish))
    assert hosts.answer(2, ticket) is None
    hosts.addressing(2).cancel(ticket)
    hosts.run(20.0)
    assert hosts.answer(2, ticket) is None
    assert list(hosts.names(2)) == [network]


def test_a_command_that_nobody_answers_fails_within_its_time() -> None:
    hosts = Hosts(2)
    hosts.partition((1,), (2,))
    wish = NetworkWish("red", ("10.8.0.0/24",), vni=VNI_FIRST + (1 << 23))
    ticket = hosts.allocate(2, lambda a, now: a.create(now, wish))
    hosts.run(10.5)
    answer = hosts.answer(2, ticket)
    assert isinstance(answer, Failed)
    owner = hosts.id(1).hex()
    assert answer.reason == (
        f"VNI {wish.vni}: in a range of {owner} (node {owner}: no answer)"
    )
