"""Addresses of one subnet: the tables of Docker and CNI, and what is ours.

Tables: `moby/moby`, defaultipam's allocator_test.go; `containernetworking/plugins`,
host-local's allocator_test.go. Where they know no quarantine, it is 0 s here.
"""

import pytest

from swarmnet.errors import Refused
from swarmnet.ipam.addresses import Addresses, Counts, Exhausted
from swarmnet.ipam.spans import Span, Spans
from swarmnet.ipam.subnets import parse_subnet
from tests.ipam.giving import all_of, bare, give, number, small


def check_refused(message: str, held: Addresses, address: str, **options: str) -> None:
    """An explicit address is refused, and nothing has changed."""
    before = held.uses(), held.counts(0.0)
    with pytest.raises(Refused) as refused:
        held.claim(number(address), "new", **options)
    assert str(refused.value) == message
    assert (held.uses(), held.counts(0.0)) == before


@pytest.mark.parametrize(
    ("cidr", "count", "last"),
    [
        ("192.168.59.0/24", 254, "192.168.59.254"),
        ("192.168.240.0/20", 255, "192.168.240.255"),
        ("192.168.0.0/16", 255, "192.168.0.255"),
        ("192.168.0.0/16", 256, "192.168.1.0"),
        ("10.16.0.0/16", 255, "10.16.0.255"),
        ("10.128.0.0/12", 255, "10.128.0.255"),
        ("10.0.0.0/8", 256, "10.0.1.0"),
        ("192.168.128.0/18", 1023, "192.168.131.255"),
        ("192.168.240.0/20", 4094, "192.168.255.254"),
        ("10.0.0.0/31", 2, "10.0.0.1"),
        ("10.0.0.0/32", 1, "10.0.0.0"),
        ("fd00::/64", 256, "fd00::100"),
        ("fd00::/127", 2, "fd00::1"),
    ],
)
def test_the_nth_address_of_a_subnet(cidr: str, count: int, last: str) -> None:
    """Docker: TestRequest."""
    held = bare(cidr)
    assert [give(held) for _ in range(count)][-1] == last


@pytest.mark.parametrize("length", range(20, 33))
def test_every_size_of_subnet_is_given_to_its_last_address(length: int) -> None:
    """Docker: TestGetAddress."""
    held = bare(f"10.0.0.0/{length}")
    size = 2 ** (32 - length)
    usable = size if size <= 2 else size - 2
    given_out = {held.allocate(0.0, "a") for _ in range(usable)}
    assert len(given_out) == usable
    with pytest.raises(Exhausted):
        held.allocate(0.0, "a")


def test_both_addresses_of_a_31_and_no_other() -> None:
    """Docker: TestUnusualSubnets."""
    held = bare("192.168.0.2/31")
    for outside in ("192.168.0.1", "192.168.0.4", "192.168.0.100"):
        message = "outside subnet 192.168.0.2/31: want 192.168.0.2 to 192.168.0.3"
        check_refused(f"address {outside}: {message}", held, outside)
    assert [give(held), give(held)] == ["192.168.0.2", "192.168.0.3"]
    with pytest.raises(Exhausted):
        held.allocate(0.0, "a")


def test_an_address_is_given_once() -> None:
    """Docker: TestGetSameAddress."""
    held = bare("192.168.100.0/24")
    held.claim(number("192.168.100.250"), "endpoint web")
    check_refused(
        "address 192.168.100.250: in use by endpoint web; choose another, or free it",
        held,
        "192.168.100.250",
    )


@pytest.mark.parametrize(
    "address",
    [
        *("192.168.0.1", "192.168.0.2", "192.168.0.10", "192.168.0.31"),
        *("192.168.1.32", "192.168.0.254", "192.168.1.1", "192.168.1.254"),
    ],
)
def test_of_a_full_subnet_what_is_freed_comes_next(address: str) -> None:
    """Docker: TestRelease."""
    held = bare("192.168.0.0/23")
    for _ in range(510):
        held.allocate(0.0, "a")
    assert held.release(0.0, number(address), "a")
    assert give(held) == address


def test_serial_order_in_an_ip_range() -> None:
    """Docker: TestSerializeRequestReleaseAddressFromSubPool."""
    subnet = parse_subnet("172.28.0.0/16", ip_range="172.28.30.0/24", has_gateway=False)
    full = Addresses(subnet, quarantine_s=0.0)
    full.hold(all_of("172.28.0.0/16"))
    assert [give(full) for _ in range(256)][-1] == "172.28.30.255"
    full.release(0.0, number("172.28.30.97"), "a")
    assert give(full) == "172.28.30.97"

    subnet = parse_subnet("10.2.0.0/16", ip_range="10.2.2.0/24", has_gateway=False)
    held = Addresses(subnet, quarantine_s=0.0)
    held.hold(all_of("10.2.0.0/16"))
    held.claim(number("10.2.2.1"), "a")
    assert [give(held), give(held)] == ["10.2.2.0", "10.2.2.2"]
    held.release(0.0, number("10.2.2.0"), "a")
    assert give(held) == "10.2.2.3"
    held.release(0.0, number("10.2.2.1"), "a")
    assert give(held) == "10.2.2.4"


@pytest.mark.parametrize(
    ("cidr", "in_use", "last", "expected"),
    [
        # Fresh.
        ("10.0.0.0/29", [], None, "10.0.0.2"),
        ("2001:db8:1::/64", [], None, "2001:db8:1::2"),
        ("10.0.0.0/30", [], None, "10.0.0.2"),
        ("10.0.0.0/29", ["10.0.0.2"], None, "10.0.0.3"),
        # Behind the last.
        ("10.0.0.0/29", [], "10.0.0.5", "10.0.0.6"),
        ("10.0.0.0/29", ["10.0.0.4", "10.0.0.5"], "10.0.0.3", "10.0.0.6"),
        # Round to the beginning.
        ("10.0.0.0/29", ["10.0.0.6"], "10.0.0.5", "10.0.0.2"),
        # The last lies outside.
        ("10.0.0.0/29", ["10.0.0.2"], "10.0.0.128", "10.0.0.3"),
        # Only the last is free.
        (
            "10.0.0.0/29",
            ["10.0.0.2", "10.0.0.4", "10.0.0.5", "10.0.0.6"],
            "10.0.0.3",
            "10.0.0.3",
        ),
        # Full.
        ("10.0.0.0/30", ["10.0.0.2"], None, None),
        ("10.0.0.0/29", [f"10.0.0.{n}" for n in range(2, 7)], None, None),
    ],
)
def test_addresses_go_round(
    cidr: str, in_use: list[str], last: str | None, expected: str | None
) -> None:
    """CNI: round robin, and out of addresses."""
    start = None if last is None else number(last)
    held = Addresses(parse_subnet(cidr), last=start)
    held.hold(all_of(cidr))
    for address in in_use:
        assert held.restore(number(address), "id") is None
    if expected is None:
        with pytest.raises(Exhausted):
            held.allocate(0.0, "new")
    else:
        assert give(held) == expected
        assert held.last == number(expected)


def test_the_broadcast_address_is_not_given() -> None:
    """CNI: 192.168.1.0/29, from the first to the last."""
    held = Addresses(parse_subnet("192.168.1.0/29"))
    held.hold(all_of("192.168.1.0/29"))
    assert [give(held) for _ in range(5)] == [f"192.168.1.{n}" for n in range(2, 7)]
    with pytest.raises(Exhausted):
        held.allocate(0.0, "a")


def test_an_address_outside_the_ip_range_is_for_those_who_name_it() -> None:
    subnet = parse_subnet("10.0.0.0/24", ip_range="10.0.0.4/30", gateway="10.0.0.1")
    held = Addresses(subnet, quarantine_s=1.0)
    held.hold(all_of("10.0.0.0/24"))
    held.claim(number("10.0.0.200"), "a")
    assert held.release(0.0, number("10.0.0.200"), "a")
    assert [give(held) for _ in range(4)] == [f"10.0.0.{n}" for n in range(4, 8)]
    with pytest.raises(Exhausted) as refused:
        held.allocate(5.0, "a")
    assert str(refused.value) == (
        "subnet 10.0.0.0/24: all 253 addresses here are in use or outside ip-range"
        " 10.0.0.4/30: disconnect something, or add a subnet"
    )


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("10.0.0.8", "outside subnet 10.0.0.0/29: want 10.0.0.1 to 10.0.0.6"),
        ("9.255.255.255", "outside subnet 10.0.0.0/29: want 10.0.0.1 to 10.0.0.6"),
        ("10.0.0.1", "is the gateway of 10.0.0.0/29; choose another"),
        ("10.0.0.0", "is the network address of 10.0.0.0/29; choose another"),
        ("10.0.0.7", "is the broadcast address of 10.0.0.0/29; choose another"),
        ("10.0.0.5", "is the auxiliary address 'dns' of 10.0.0.0/29; choose another"),
        ("10.0.0.2", "in use by endpoint web; choose another, or free it"),
        ("10.0.0.6", "in a range of another node; ask there, or choose another"),
    ],
)
def test_an_explicit_address_is_refused_for_a_reason(
    address: str, message: str
) -> None:
    held = Addresses(parse_subnet("10.0.0.0/29", auxiliaries={"dns": "10.0.0.5"}))
    held.hold(Spans([Span(number("10.0.0.0"), number("10.0.0.5"))]))
    held.claim(number("10.0.0.2"), "endpoint web")
    check_refused(f"address {address}: {message}", held, address)


def test_a_foreign_address_is_refused_with_its_owner_if_told() -> None:
    held = small()
    held.hold(Spans())
    check_refused(
        "address 10.0.0.6: in a range of node b; ask there, or choose another",
        held,
        "10.0.0.6",
        owner="node b",
    )


def test_a_node_that_owns_nothing_says_so() -> None:
    held = small()
    held.hold(Spans())
    with pytest.raises(Exhausted) as refused:
        held.allocate(0.0, "a")
    assert str(refused.value) == (
        "subnet 10.0.0.0/29: this node owns no address of it: wait until it is granted"
        " some, or add a subnet"
    )


def test_a_late_release_takes_nothing_from_the_next_user() -> None:
    held = small(quarantine_s=0.0)
    held.claim(number("10.0.0.3"), "old")
    assert held.release(1.0, number("10.0.0.3"), "old")
    held.claim(number("10.0.0.3"), "new")
    assert not held.release(2.0, number("10.0.0.3"), "old")
    assert held.uses() == {number("10.0.0.3"): "new"}


def test_releasing_what_is_free_is_no_error() -> None:
    held = small()
    assert not held.release(0.0, number("10.0.0.3"), "a")
    assert not held.release(0.0, number("10.9.9.9"), "a")
    assert held.counts(0.0) == Counts(owned=5, in_use=0, resting=0, free=5)


def test_a_range_may_be_lost_and_found_while_addresses_are_in_use() -> None:
    held = small()
    assert [give(held) for _ in range(3)] == ["10.0.0.2", "10.0.0.3", "10.0.0.4"]
    lost = held.hold(all_of("10.0.0.4/30"))
    assert lost == (number("10.0.0.2"), number("10.0.0.3"))
    assert held.counts(1.0) == Counts(owned=3, in_use=3, resting=0, free=2)
    assert held.free(1.0) == Spans([Span(number("10.0.0.5"), number("10.0.0.6"))])
    assert held.release(1.0, number("10.0.0.3"), "a")
    assert held.hold(all_of("10.0.0.0/29")) == ()
    assert [give(held, 62.0) for _ in range(3)] == ["10.0.0.5", "10.0.0.6", "10.0.0.3"]


def test_nothing_is_given_before_it_is_said_what_is_owned() -> None:
    held = Addresses(parse_subnet("10.0.0.0/29"))
    with pytest.raises(Exhausted):
        held.allocate(0.0, "a")


def test_another_life_is_rebuilt_from_the_endpoints_that_exist() -> None:
    held = Addresses(parse_subnet("10.0.0.0/29"), last=number("10.0.0.3"))
    assert held.restore(number("10.0.0.3"), "web") is None
    held.rest(number("10.0.0.4"), 30.0)
    held.rest(number("10.0.0.3"), 30.0)  # A stale tombstone: it is in use.
    assert held.hold(all_of("10.0.0.0/29")) == ()
    assert held.restore(number("10.0.0.3"), "db") == "web"
    assert held.restore(number("10.0.0.5"), "db") is None
    assert held.counts(0.0) == Counts(owned=5, in_use=2, resting=1, free=2)
    assert [give(held), give(held)] == ["10.0.0.6", "10.0.0.2"]
    assert give(held, 30.0) == "10.0.0.4"
