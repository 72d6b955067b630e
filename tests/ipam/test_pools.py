"""Dynamic subnets at one node of many: what it owns, what it passes over, the order.

With cases of `moby/moby`: TestPoolAllocateAndRelease of defaultipam's
address_space_test.go, and the lengths of PR 50114. Docker's tables are in
test_pool_tables.py.
"""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.errors import Refused
from swarmnet.ipam.addresses import Exhausted
from swarmnet.ipam.pools import (
    DEFAULT_POOLS,
    AnySubnet,
    Pool,
    Pools,
    parse_any,
    parse_pool,
    settled,
)
from swarmnet.ipam.spans import Span, Spans
from swarmnet.ipam.subnets import Network, span_of
from tests.ipam.prefixes import busy, pool, take

NOTHING = Spans()


def test_the_longer_of_two_overlapping_pools_is_dropped_whatever_the_order() -> None:
    texts = ("10.10.0.0/16 24", "192.168.0.0/16 24", "10.0.0.0/16 24", "10.0.0.0/8 24")
    kept = (pool("10.0.0.0/8 24"), pool("192.168.0.0/16 24"))
    assert settled(map(pool, texts)) == settled(map(pool, reversed(texts))) == kept


def test_pools_of_two_families_never_overlap() -> None:
    pools = (Pool(ip_network("0.0.0.0/1"), 24), Pool(ip_network("::/1"), 64))
    assert settled(pools) == pools


def test_the_default_pool_holds_65536_subnets() -> None:
    pools = Pools()
    assert pools.pools == DEFAULT_POOLS == (parse_pool("10.0.0.0/8"),)
    assert pools.pools[0].count == 65_536
    assert take(pools, 2) == ["10.0.0.0/24", "10.0.1.0/24"]
    assert pools.span(4) == busy("10.0.0.0/8")
    assert pools.span(6) == NOTHING


def test_a_freed_subnet_is_used_again_only_after_the_pool_went_round() -> None:
    pools = Pools([pool("10.0.0.0/22 24")])
    own = pools.span(4)
    assert take(pools, 2) == ["10.0.0.0/24", "10.0.1.0/24"]
    # The first is freed, and is the lowest that is free; Docker would take it.
    assert str(pools.next_subnet(own, busy("10.0.1.0/24"))) == "10.0.2.0/24"
    assert str(pools.next_subnet(own, busy("10.0.1.0/24"))) == "10.0.3.0/24"
    assert str(pools.next_subnet(own, busy("10.0.1.0/24"))) == "10.0.0.0/24"
    assert str(pools.next_subnet(own, busy("10.0.1.0/24"))) == "10.0.2.0/24"


def test_pools_go_on_from_the_last_subnet_of_another_life() -> None:
    pools = Pools([pool("10.0.0.0/22 24")], last=ip_network("10.0.1.0/24"))
    assert str(pools.next_subnet(pools.span(4), NOTHING)) == "10.0.2.0/24"


def test_every_step_avoids_what_is_reserved() -> None:
    """Docker's issue 48069: pools behind a reservation are found, and again."""
    pools = Pools(map(pool, ["10.0.0.0/24 24", "10.0.1.0/24 24", "10.1.0.0/16 24"]))
    own, reserved = pools.span(4), busy("10.0.0.0/16")
    assert str(pools.next_subnet(own, reserved)) == "10.1.0.0/24"
    reserved.add(span_of(ip_network("10.1.0.0/24")))
    assert str(pools.next_subnet(own, reserved)) == "10.1.1.0/24"


def test_only_what_this_node_owns_is_given() -> None:
    pools = Pools([pool("10.0.0.0/8 24")])
    own = busy("10.0.7.0/24", "10.9.0.0/23")
    assert take(pools, 3, owned=own) == ["10.0.7.0/24", "10.9.0.0/24", "10.9.1.0/24"]
    with pytest.raises(Exhausted, match="all that this node owns"):
        pools.next_subnet(own, own)


def test_a_part_of_a_subnet_is_none() -> None:
    pools = Pools([pool("10.0.0.0/8 24")])
    start = int(ip_network("10.0.0.0/24").network_address)
    # 10.0.0.1 to 10.0.1.254 are 510 addresses, and no /24 lies in them.
    with pytest.raises(Exhausted):
        pools.next_subnet(Spans([Span(start + 1, start + 510)]), NOTHING)
    with_edge = Spans([Span(start + 1, start + 511)])
    assert str(pools.next_subnet(with_edge, NOTHING)) == "10.0.1.0/24"


def test_what_is_owned_outside_the_pools_is_not_given() -> None:
    pools = Pools([pool("10.0.0.0/24 24")])
    with pytest.raises(Exhausted) as refused:
        pools.next_subnet(busy("11.0.0.0/8", "9.0.0.0/8"), NOTHING)
    assert str(refused.value) == (
        "address pools 10.0.0.0/24 in /24: this node owns nothing of them: wait until"
        " it is granted some, or name a subnet"
    )
    own = busy("9.0.0.0/8", "10.0.0.0/7")
    assert str(pools.next_subnet(own, NOTHING)) == "10.0.0.0/24"


def test_exhaustion_says_which_pools_and_what_helps() -> None:
    pools = Pools(map(pool, ["172.16.0.0/15 16", "192.168.0.0/23 24"]))
    with pytest.raises(Exhausted) as refused:
        pools.next_subnet(pools.span(4), pools.span(4))
    assert str(refused.value) == (
        "address pools 172.16.0.0/15 in /16, 192.168.0.0/23 in /24: all that this node"
        " owns of them has been fully subnetted, or lies in a route of a member: remove"
        " a network, or name a subnet"
    )
    assert refused.value.free_at is None


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (16, "10.0.0.0/16"),
        (24, "10.0.0.0/24"),
        (29, "10.0.0.0/29"),
        (20, "10.0.0.0/20"),
        (8, "10.0.0.0/8"),
    ],
)
def test_a_subnet_of_any_length_comes_from_a_pool_that_holds_one(
    length: int, expected: str
) -> None:
    pools = Pools(map(pool, ["10.0.0.0/8 24", "192.168.0.0/16 20"]))
    found = pools.next_subnet(pools.span(4), NOTHING, AnySubnet(4, length))
    assert str(found) == expected


def test_a_wish_passes_over_smaller_pools_and_goes_on_behind_the_last() -> None:
    pools = Pools(map(pool, ["10.0.0.0/24 24", "172.16.0.0/12 16"]))
    own = pools.span(4)
    assert str(pools.next_subnet(own, NOTHING, AnySubnet(4, 20))) == "172.16.0.0/20"
    assert str(pools.next_subnet(own, NOTHING, AnySubnet(4, 24))) == "172.16.16.0/24"
    assert str(pools.next_subnet(own, NOTHING)) == "172.17.0.0/16"


def test_a_wish_that_no_pool_holds_is_refused() -> None:
    pools = Pools(map(pool, ["10.0.0.0/8 24", "192.168.0.0/16 20"]))
    with pytest.raises(Refused) as refused:
        pools.next_subnet(pools.span(4), NOTHING, AnySubnet(4, 7))
    assert str(refused.value) == (
        "subnet 0.0.0.0/7: no address pool of IPv4 holds one (pools: 10.0.0.0/8,"
        " 192.168.0.0/16); name a subnet, or want a longer prefix"
    )
    with pytest.raises(Refused, match=r"subnet ::: .* \(pools: none\)"):
        pools.next_subnet(NOTHING, NOTHING, AnySubnet(6))


def test_ipv6_pools_have_an_order_of_their_own() -> None:
    pools = Pools([pool("10.0.0.0/8 24"), pool("fd00:1::/48 64")])
    own = pools.span(6)
    assert str(pools.next_subnet(own, NOTHING, AnySubnet(6))) == "fd00:1::/64"
    assert str(pools.next_subnet(pools.span(4), NOTHING)) == "10.0.0.0/24"
    assert str(pools.next_subnet(own, NOTHING, AnySubnet(6))) == "fd00:1:0:1::/64"
    assert str(pools.next_subnet(own, NOTHING, AnySubnet(6, 80))) == "fd00:1:0:2::/80"


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("0.0.0.0/24", AnySubnet(4, 24)),
        ("0.0.0.0/1", AnySubnet(4, 1)),
        ("0.0.0.0/29", AnySubnet(4, 29)),
        ("/26", AnySubnet(4, 26)),
        ("::/64", AnySubnet(6, 64)),
        ("::/125", AnySubnet(6, 125)),
        ("10.0.0.0/24", None),
        ("0.0.0.0", None),
        ("fd00::/64", None),
        ("web", None),
    ],
)
def test_an_unspecified_address_means_any(text: str, wish: AnySubnet | None) -> None:
    assert parse_any(text) == wish
    if wish is not None and not text.startswith("/"):
        assert str(wish) == text


@pytest.mark.parametrize(
    ("text", "most"),
    [("0.0.0.0/0", 29), ("0.0.0.0/30", 29), ("/x", 29), ("/", 29), ("::/126", 125)],
)
def test_any_subnet_of_no_length_is_refused(text: str, most: int) -> None:
    with pytest.raises(Refused) as refused:
        parse_any(text)
    assert str(refused.value) == f"subnet {text!r}: want a length of /1 to /{most}"


def test_a_number_of_any_length_is_refused_like_another() -> None:
    with pytest.raises(Refused, match="want a length of /1 to /29"):
        parse_any("0.0.0.0/" + "9" * 5_000)


@pytest.mark.parametrize(
    ("cidr", "length", "count"),
    [
        ("10.0.0.0/29", 29, 1),
        ("10.0.0.0/28", 29, 2),
        ("10.0.0.0/24", 24, 1),
        ("fd00::/125", 125, 1),
    ],
)
def test_a_pool_may_be_one_subnet_and_as_small_as_29(
    cidr: str, length: int, count: int
) -> None:
    assert parse_pool(cidr, length).count == count


@pytest.mark.parametrize("length", [7, 33])
def test_a_pool_has_subnets_of_its_own_length_or_more(length: int) -> None:
    with pytest.raises(AssertionError):
        Pool(ip_network("10.0.0.0/8"), length)


@pytest.mark.parametrize(
    ("cidr", "length", "message"),
    [
        ("10.0.0.1/8", 24, "address pool 10.0.0.1/8: host bits set: want 10.0.0.0/8"),
        ("10.0.0.0/30", 30, "address pool 10.0.0.0/30: want /29 or shorter"),
        ("10.0.0.0/16", 8, "mask length 8 of address pool 10.0.0.0/16: want 16 to 29"),
        (
            "10.0.0.0/16",
            30,
            "mask length 30 of address pool 10.0.0.0/16: want 16 to 29",
        ),
        ("fd00::/48", 24, "mask length 24 of address pool fd00::/48: want 48 to 125"),
        ("10/8", 24, "address pool '10/8': want a CIDR, such as 10.1.0.0/24"),
    ],
)
def test_a_pool_that_cannot_be_cut_is_refused(
    cidr: str, length: int, message: str
) -> None:
    with pytest.raises(Refused) as refused:
        parse_pool(cidr, length)
    assert str(refused.value) == message


@given(
    st.lists(st.integers(0, 255), max_size=40),
    st.lists(st.integers(0, 255), max_size=10),
    st.integers(1, 30),
)
def test_subnets_never_overlap_each_other_or_what_was_there(
    owned: list[int], routes: list[int], count: int
) -> None:
    """Of a /22 in /27, cut into sixteenths of a subnet each."""
    start = int(ip_network("10.0.0.0/22").network_address)

    def pieces(numbers: list[int]) -> Spans:
        return Spans(Span(start + 4 * n, start + 4 * n + 3) for n in numbers)

    pools = Pools([pool("10.0.0.0/22 27")])
    own, taken = pieces(owned), pieces(routes)
    given_out: list[Network] = []
    for _ in range(count):
        try:
            found = pools.next_subnet(own, taken)
        except Exhausted:
            break
        assert own.covers_span(span_of(found))
        assert not taken & Spans([span_of(found)])
        taken.add(span_of(found))
        given_out.append(found)
    if len(given_out) < count:
        whole = ip_network("10.0.0.0/22").subnets(new_prefix=27)
        assert not [s for s in whole if (own - taken).covers_span(span_of(s))]
