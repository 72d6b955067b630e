"""Dynamic subnets: Docker's tables, by one node that owns all of the pools.

From `moby/moby`: defaultipam's address_space_test.go (TestNewAddrSpaceDedup and
TestDynamicPoolAllocation) and ipamutils' utils_test.go.
"""

from collections.abc import Sequence

import pytest

from swarmnet.ipam.addresses import Exhausted
from swarmnet.ipam.pools import Pools, settled
from tests.ipam.prefixes import busy, pool, take


def test_pools_inside_another_are_dropped_the_first_of_equals_stays() -> None:
    texts = ("10.0.0.0/8 16", "10.0.0.0/8 24", "10.10.0.0/8 24", "10.0.100.0/8 24")
    kept = settled([*map(pool, texts), pool("192.168.0.0/24 24")])
    assert kept == (pool("10.0.0.0/8 16"), pool("192.168.0.0/24 24"))


@pytest.mark.parametrize(
    ("pools", "taken", "reserved", "expected"),
    [
        # Taken at the end of the first pool.
        (["192.168.0.0/16 24"], ["192.168.255.0/24"], [], "192.168.0.0/24"),
        # A reservation that is larger than what is taken.
        (
            ["10.0.0.0/8 24", "192.168.0.0/16 24"],
            ["10.0.0.0/8"],
            ["10.0.0.0/7"],
            "192.168.0.0/24",
        ),
        # The first pool full by a larger one, the next taken in the middle.
        (
            ["10.20.0.0/16 24", "192.168.0.0/16 24"],
            ["10.0.0.0/8", "192.168.128.0/24"],
            [],
            "192.168.0.0/24",
        ),
        # The same, and the next taken at the beginning too.
        (
            ["10.20.0.0/16 24", "192.168.0.0/16 24"],
            ["10.0.0.0/8", "192.168.0.0/24", "192.168.128.0/24"],
            [],
            "192.168.1.0/24",
        ),
        # The first pool full by smaller ones.
        (
            ["10.20.0.0/22 24", "192.168.0.0/16 24"],
            ["10.20.0.0/24", "10.20.1.0/24", "10.20.2.0/24", "192.168.128.0/24"],
            ["10.20.3.0/24"],
            "192.168.0.0/24",
        ),
        # The next pool lies before the reservation.
        (
            ["10.20.0.0/16 24", "192.168.0.0/16 24"],
            ["10.20.0.0/17", "10.20.128.0/17"],
            ["200.1.2.0/24"],
            "192.168.0.0/24",
        ),
        # The reservation is the last one taken.
        (
            ["10.10.0.0/22 24", "192.168.0.0/16 24"],
            ["10.10.0.0/24", "10.10.1.0/24", "10.10.2.0/24", "10.10.3.0/24"],
            ["10.10.3.0/24"],
            "192.168.0.0/24",
        ),
        # Taken in several sizes.
        (
            ["192.168.0.0/16 24"],
            ["192.168.0.0/24", "192.168.1.0/24", "192.168.2.0/23", "192.168.4.3/30"],
            [],
            "192.168.5.0/24",
        ),
        # One address taken, and not enough left.
        (
            ["10.0.0.0/31 31", "192.168.0.0/16 24"],
            ["10.0.0.0/32", "100.0.0.0/32", "200.0.0.0/32"],
            [],
            "192.168.0.0/24",
        ),
        # Taken and reserved in several sizes.
        (
            ["192.168.0.0/16 24"],
            ["192.168.0.0/24", "192.168.1.0/24", "192.168.2.3/30"],
            ["192.168.2.4/30", "192.168.3.0/30", "192.168.4.0/23"],
            "192.168.6.0/24",
        ),
        # The same one taken and reserved.
        (
            ["192.168.0.0/16 24"],
            ["192.168.0.0/24"],
            ["192.168.0.0/24"],
            "192.168.1.0/24",
        ),
        # Two pools.
        (
            ["10.0.0.0/8 24", "192.168.0.0/16 24"],
            ["10.0.0.0/24"],
            ["192.168.0.0/24"],
            "10.0.1.0/24",
        ),
        # Overlapping pools: the longer ones are dropped.
        (
            ["10.0.0.0/8 24", "10.0.0.0/16 24", "10.10.0.0/16 24", "192.168.0.0/16 24"],
            [],
            ["10.0.0.0/8"],
            "192.168.0.0/24",
        ),
        # Taken at the beginning.
        (["172.16.0.0/15 16"], ["172.16.0.0/16"], [], "172.17.0.0/16"),
        # No space at the end; the next pool is untouched, or there is none.
        (
            ["172.16.0.0/15 16", "192.168.0.0/16 24"],
            ["172.16.0.0/16", "172.17.0.0/17"],
            [],
            "192.168.0.0/24",
        ),
        (["172.16.0.0/15 16"], ["172.16.0.0/16", "172.17.0.0/17"], [], None),
        # Full, and something else is taken or reserved too.
        (
            ["172.16.0.0/15 16"],
            ["172.16.0.0/16", "172.17.0.0/16", "192.168.0.0/24"],
            [],
            None,
        ),
        (
            ["172.16.0.0/15 16"],
            ["172.16.0.0/16", "172.17.0.0/16"],
            ["192.168.0.0/24"],
            None,
        ),
        (
            ["172.16.0.0/15 16", "192.168.0.0/23 24"],
            ["172.16.0.0/16", "172.17.0.0/16", "192.168.0.0/24", "192.168.1.0/24"],
            [],
            None,
        ),
        # Full in pieces.
        (
            ["172.16.0.0/15 16", "192.168.0.0/23 24"],
            ["172.16.0.0/16", "172.17.128.0/17", "192.168.0.1/32", "192.168.1.0/24"],
            [],
            None,
        ),
        # Taken twice.
        (
            ["172.16.0.0/15 16", "192.168.0.0/23 24"],
            ["172.16.0.0/16", "172.17.128.0/17", "172.17.128.0/17", "172.17.128.0/17"],
            [],
            "192.168.0.0/24",
        ),
        (
            ["172.16.0.0/15 16", "192.168.0.0/23 24"],
            ["172.16.0.0/16", "172.16.120.0/24", "172.17.128.0/17", "172.17.128.0/24"],
            [],
            "192.168.0.0/24",
        ),
    ],
)
def test_the_first_gap_of_the_pools_is_taken(
    pools: Sequence[str],
    taken: Sequence[str],
    reserved: Sequence[str],
    expected: str | None,
) -> None:
    held = Pools(map(pool, pools))
    occupied_now = busy(*taken, *reserved)
    if expected is None:
        with pytest.raises(Exhausted, match="fully subnetted"):
            held.next_subnet(held.span(4), occupied_now)
    else:
        assert str(held.next_subnet(held.span(4), occupied_now)) == expected


def test_the_nth_subnet_of_two_pools() -> None:
    pools = Pools([pool("172.80.0.0/16 24"), pool("172.90.0.0/16 24")])
    assert sum(one.count for one in pools.pools) == 512
    taken = take(pools, 512)
    assert {n: taken[n] for n in (0, 127, 255, 256, 383, 511)} == {
        0: "172.80.0.0/24",
        127: "172.80.127.0/24",
        255: "172.80.255.0/24",
        256: "172.90.0.0/24",
        383: "172.90.127.0/24",
        511: "172.90.255.0/24",
    }
    with pytest.raises(Exhausted):
        pools.next_subnet(pools.span(4), busy(*taken))


def test_dockers_local_pools_hold_31_subnets() -> None:
    sixteens = [f"172.{n}.0.0/16 16" for n in (17, 18, 19)]
    fourteens = [f"172.{n}.0.0/14 16" for n in (20, 24, 28)]
    pools = Pools(map(pool, [*sixteens, *fourteens, "192.168.0.0/16 20"]))
    expected = [f"172.{n}.0.0/16" for n in range(17, 32)]
    expected += [f"192.168.{n}.0/20" for n in range(0, 256, 16)]
    assert take(pools, 31) == expected
