"""Which prefixes may not overlap, and that the error says with what.

The first table is Docker's (moby/moby, defaultipam's TestOverlappingRequests), the
second that of CNI's host-local plugin (range_test.go).
"""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.errors import Refused
from swarmnet.ipam.overlaps import (
    Taken,
    check_between,
    check_within,
    first_overlap,
    kept_routes,
    occupied,
    overlap,
)
from swarmnet.ipam.spans import Span, Spans
from swarmnet.ipam.subnets import Network, span_of

BLUE = Taken(ip_network("10.1.0.0/24"), "network blue")
LAN = Taken(ip_network("10.7.0.0/16"), "route of node b")
DEFAULT = Taken(ip_network("0.0.0.0/0"), "route of node b")
HALF = Taken(ip_network("128.0.0.0/1"), "route of node b")


@pytest.mark.parametrize(
    ("existing", "wanted", "overlaps"),
    [
        ("10.0.0.0/8", "11.0.0.0/8", False),
        ("74.0.0.0/7", "9.111.99.72/30", False),
        ("110.192.0.0/10", "16.0.0.0/10", False),
        # The existing one holds the wanted one.
        ("10.0.0.0/8", "10.0.0.0/8", True),
        ("0.0.0.0/1", "16.182.0.0/15", True),
        ("16.0.0.0/4", "17.11.66.0/23", True),
        # It overlaps the beginning.
        ("0.0.0.0/1", "0.0.0.0/0", True),
        ("64.0.0.0/6", "64.0.0.0/3", True),
        ("112.0.0.0/6", "112.0.0.0/4", True),
        # It overlaps the end.
        ("96.0.0.0/3", "0.0.0.0/1", True),
        ("192.0.0.0/2", "128.0.0.0/1", True),
        ("95.0.0.0/8", "92.0.0.0/6", True),
        # It lies in the middle.
        ("10.0.0.0/8", "8.0.0.0/6", True),
        ("25.173.144.0/20", "0.0.0.0/0", True),
        # IPv6, in the same order.
        ("::/0", "f656:3484:c878:a05:e540:a6ed:4d70:3740/123", True),
        ("8000::/1", "8fe8:e7c4:5779::/49", True),
        ("f000::/4", "ffc7:6000::/19", True),
        ("::/2", "::/0", True),
        ("::/3", "::/1", True),
        ("::/6", "::/5", True),
        ("c000::/2", "8000::/1", True),
        ("7c00::/6", "::/1", True),
        ("cf80::/9", "c000::/4", True),
        ("ff77:93f8::/29", "::/0", True),
        ("9287:2e20:5134:fab6:9061:a0c6:bfe3:9400/119", "8000::/1", True),
        ("3ea1:bfa9:8691:d1c6:8c46:519b:db6d:e700/120", "3000::/4", True),
        # CNI's; of two families with the same bits, too.
        ("10.0.0.0/24", "10.0.1.0/24", False),
        ("0.0.0.0/24", "::/24", False),
        ("10.0.0.0/20", "10.0.1.0/24", True),
        # Docker: TestAddSubnets.
        ("10.0.0.0/8", "10.128.0.0/9", True),
        ("10.0.0.0/8", "10.20.2.0/24", True),
        ("1003:1:2:3:4:5:6::/112", "1003:1:2:3::/64", True),
    ],
)
def test_overlaps_are_found_from_either_side(
    existing: str, wanted: str, overlaps: bool
) -> None:
    one, other = ip_network(existing), ip_network(wanted)
    assert overlap(one, other) == overlap(other, one) == overlaps
    taken = Taken(one, "network blue")
    assert first_overlap(other, [taken]) == (taken if overlaps else None)
    if not overlaps:
        check_between([other], [taken], [])
        check_within([one, other])
    else:
        with pytest.raises(Refused, match="network blue"):
            check_between([other], [taken], [])
        with pytest.raises(Refused, match="of the same network"):
            check_within([one, other])


def test_the_first_of_several_is_named() -> None:
    other = Taken(ip_network("10.1.0.128/25"), "network red")
    assert first_overlap(ip_network("10.1.0.0/16"), [LAN, other, BLUE]) == other
    assert first_overlap(ip_network("10.2.0.0/16"), [LAN, other, BLUE]) is None
    assert str(other) == "10.1.0.128/25 (network red)"


def test_a_subnet_on_a_route_is_refused_and_the_route_named() -> None:
    wanted = [ip_network("10.2.0.0/24"), ip_network("10.7.1.0/24")]
    with pytest.raises(Refused) as refused:
        check_between(wanted, [BLUE], [DEFAULT, HALF, LAN])
    assert str(refused.value) == (
        "subnet 10.7.1.0/24: overlaps 10.7.0.0/16 (route of node b), which would be cut"
        " off; choose another subnet"
    )


def test_another_networks_subnet_is_refused_and_the_network_named() -> None:
    with pytest.raises(Refused) as refused:
        check_between([ip_network("10.1.0.0/25")], [BLUE], [])
    assert str(refused.value) == (
        "subnet 10.1.0.0/25: overlaps 10.1.0.0/24 (network blue); choose another subnet"
    )


def test_default_routes_are_in_nobodys_way() -> None:
    check_between([ip_network("130.0.0.0/24")], [], [DEFAULT, HALF])
    quarter = Taken(ip_network("64.0.0.0/2"), "route of node b")
    assert kept_routes([DEFAULT, HALF, LAN, quarter]) == (LAN, quarter)


def test_what_is_occupied_is_told_by_family() -> None:
    taken = [LAN, BLUE, Taken(ip_network("fd00::/120"), "network blue")]
    assert occupied(taken, 4) == Spans([span_of(BLUE.prefix), span_of(LAN.prefix)])
    assert occupied(taken, 6) == Spans([Span(0xFD << 120, (0xFD << 120) + 255)])


PREFIXES = st.builds(
    lambda bits, length: ip_network((bits >> (32 - length) << (32 - length), length)),
    st.integers(0, 2**32 - 1),
    st.integers(0, 32),
)


@given(PREFIXES, PREFIXES)
def test_prefixes_overlap_exactly_if_their_spans_do(
    one: Network, other: Network
) -> None:
    shared = Spans([span_of(one)]) & Spans([span_of(other)])
    assert overlap(one, other) == bool(shared)
