"""Addresses that a node keeps for itself are given first; what was not used is free."""

import pytest

from swarmnet.ipam.addresses import Addresses, Counts, Exhausted
from swarmnet.ipam.spans import Span, Spans
from swarmnet.ipam.subnets import parse_subnet
from swarmnet.ipam.vnis import VNI_FIRST, Vnis

BASE = 10 << 24


def span(first: int, last: int) -> Spans:
    return Spans([Span(BASE + first, BASE + last)])


def given(held: Addresses, now: float, count: int) -> list[int]:
    return [held.allocate(now, f"user{n}") - BASE for n in range(count)]


def test_what_is_kept_is_given_before_what_others_may_ask_for() -> None:
    held = Addresses(parse_subnet("10.0.0.0/28"))
    assert held.hold(span(0, 15), span(8, 10)) == ()
    assert given(held, 0.0, 5) == [8, 9, 10, 11, 12]
    assert held.free(0.0) == span(2, 7) | span(13, 14)


def test_what_is_kept_may_change_while_addresses_are_in_use() -> None:
    held = Addresses(parse_subnet("10.0.0.0/28"))
    held.hold(span(0, 15), span(8, 10))
    assert given(held, 0.0, 2) == [8, 9]
    assert held.hold(span(0, 15), span(4, 5)) == ()
    assert given(held, 0.0, 3) == [4, 5, 6]
    assert held.hold(span(4, 15)) == ()
    assert given(held, 0.0, 1) == [7]
    assert held.hold(span(8, 15), span(0, 15)) == tuple(BASE + n for n in (4, 5, 6, 7))
    assert given(held, 0.0, 2) == [10, 11]


def test_what_rests_is_not_given_though_it_would_be_first() -> None:
    held = Addresses(parse_subnet("10.0.0.0/28"))
    held.hold(span(0, 15), span(8, 9))
    (address,) = given(held, 0.0, 1)
    assert held.release(0.0, BASE + address, "user0")
    assert given(held, 1.0, 2) == [9, 10]
    assert given(held, 60.0, 1) == [8]


def test_what_was_given_and_never_used_is_free_at_once() -> None:
    held = Addresses(parse_subnet("10.0.0.0/29"))
    held.hold(span(0, 7))
    before = held.counts(0.0)
    taken = given(held, 0.0, 5)
    with pytest.raises(Exhausted):
        held.allocate(0.0, "more")
    for place, address in enumerate(taken):
        held.forgo(BASE + address, f"user{place}")
    assert held.counts(0.0) == before
    assert held.poll_timeout() is None
    assert given(held, 0.0, 5) == taken


def test_only_who_was_given_an_address_forgoes_it() -> None:
    held = Addresses(parse_subnet("10.0.0.0/29"))
    held.hold(span(0, 7))
    (address,) = given(held, 0.0, 1)
    held.forgo(BASE + address, "another")
    held.forgo(BASE + address + 1, "another")
    assert held.user(BASE + address) == "user0"
    assert held.counts(0.0) == Counts(5, 1, 0, 4)


def test_an_address_outside_the_ip_range_that_is_forgone_is_given_to_nobody() -> None:
    held = Addresses(parse_subnet("10.0.0.0/28", ip_range="10.0.0.8/30"))
    held.hold(span(0, 15))
    held.claim(BASE + 3, "one")
    held.forgo(BASE + 3, "one")
    assert given(held, 0.0, 3) == [9, 10, 11]
    held.claim(BASE + 3, "two")
    assert held.user(BASE + 3) == "two"


def test_vnis_that_are_kept_are_given_first() -> None:
    vnis = Vnis()
    whole = Spans([Span(VNI_FIRST, VNI_FIRST + 9)])
    vnis.hold(whole, Spans([Span(VNI_FIRST + 4, VNI_FIRST + 5)]))
    taken = [vnis.allocate("network") - VNI_FIRST for _ in range(4)]
    assert taken == [4, 5, 6, 7]
