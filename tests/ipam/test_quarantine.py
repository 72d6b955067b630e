"""How long a freed address rests, and when that is cut short."""

import pytest

from swarmnet.ipam.addresses import EARLY_S, QUARANTINE_S, Counts, Exhausted
from swarmnet.ipam.spans import Span, Spans
from tests.ipam.giving import all_of, give, number, small


def test_a_freed_address_rests_for_sixty_seconds() -> None:
    held = small()
    assert QUARANTINE_S == 60.0
    assert [give(held, 0.0, f"e{n}") for n in range(2, 6)] == [
        f"10.0.0.{n}" for n in range(2, 6)
    ]
    assert held.release(10.0, number("10.0.0.2"), "e2")
    assert held.counts(10.0) == Counts(owned=5, in_use=3, resting=1, free=1)
    assert held.poll_timeout() == 70.0
    assert give(held, 11.0, "e6") == "10.0.0.6"
    with pytest.raises(Exhausted) as refused:
        held.allocate(69.5, "late")
    assert str(refused.value) == (
        "subnet 10.0.0.0/29: of 5 addresses here 4 are in use and 1 rest after their"
        " use: the next can be given in 0.0 s"
    )
    assert refused.value.free_at == 15.0
    assert give(held, 70.0, "late") == "10.0.0.2"
    assert held.poll_timeout() is None


def test_the_quarantine_may_be_cut_short_for_the_oldest_alone() -> None:
    held = small()
    assert EARLY_S == 5.0
    for _ in range(5):
        give(held)
    for now, last in ((1.0, 4), (2.0, 3), (3.0, 6)):
        assert held.release(now, number(f"10.0.0.{last}"), "a")
    with pytest.raises(Exhausted, match=r"can be given in 0\.5 s") as refused:
        held.allocate(5.5, "a", early=True)
    assert refused.value.free_at == 6.0
    assert give(held, 6.0, early=True) == "10.0.0.4"
    with pytest.raises(Exhausted):
        held.allocate(60.0, "a")
    # What rests no longer is free, and comes before what would be cut short.
    assert held.counts(62.5) == Counts(owned=5, in_use=3, resting=1, free=1)
    assert give(held, 62.5, early=True) == "10.0.0.3"
    assert give(held, 62.5, early=True) == "10.0.0.6"
    with pytest.raises(Exhausted) as refused:
        held.allocate(62.5, "a", early=True)
    assert refused.value.free_at is None
    assert str(refused.value) == (
        "subnet 10.0.0.0/29: all 5 addresses here are in use: disconnect something, or"
        " add a subnet"
    )


def test_what_another_used_rests_in_full() -> None:
    held = small()
    for _ in range(4):
        give(held)
    held.rest(number("10.0.0.6"), 60.0)
    with pytest.raises(Exhausted) as refused:
        held.allocate(59.9, "a", early=True)
    assert refused.value.free_at == 60.0
    # Also where it is moved about meanwhile, or named and not used after all.
    held.hold(Spans())
    held.hold(all_of("10.0.0.0/29"))
    held.claim(number("10.0.0.6"), "b")
    held.forgo(number("10.0.0.6"), "b")
    assert held.counts(59.9) == Counts(owned=5, in_use=4, resting=1, free=0)
    with pytest.raises(Exhausted):
        held.allocate(59.9, "a", early=True)
    assert give(held, 60.0, early=True) == "10.0.0.6"
    # Used and freed here, it is like all others.
    assert held.release(61.0, number("10.0.0.6"), "a")
    assert give(held, 66.0, early=True) == "10.0.0.6"


def test_what_was_given_early_and_never_used_goes_on_resting() -> None:
    held = small()
    for _ in range(5):
        give(held)
    assert held.release(1.0, number("10.0.0.4"), "a")
    assert give(held, 7.0, "b", early=True) == "10.0.0.4"
    held.forgo(number("10.0.0.4"), "b")
    assert held.poll_timeout() == 61.0
    assert give(held, 7.0, "b", early=True) == "10.0.0.4"


def test_what_has_rested_may_be_granted_on() -> None:
    held = small()
    give(held)
    held.release(1.0, number("10.0.0.2"), "a")
    assert held.free(60.9).size == 4
    assert held.free(61.0) == Spans([Span(number("10.0.0.2"), number("10.0.0.6"))])


def test_what_is_not_ours_is_never_given_early() -> None:
    held = small()
    for _ in range(5):
        give(held)
    held.release(1.0, number("10.0.0.2"), "a")
    held.release(2.0, number("10.0.0.6"), "a")
    held.hold(all_of("10.0.0.4/30"))
    assert give(held, 8.0, early=True) == "10.0.0.6"
    with pytest.raises(Exhausted):
        held.allocate(8.0, "a", early=True)
    # It goes on resting, and is ours again before it has rested.
    held.hold(all_of("10.0.0.0/29"))
    assert held.poll_timeout() == 61.0
    assert held.counts(9.0) == Counts(owned=5, in_use=4, resting=1, free=0)


def test_who_names_an_address_gets_it_although_it_rests() -> None:
    held = small()
    give(held)
    held.release(1.0, number("10.0.0.2"), "a")
    held.claim(number("10.0.0.2"), "a")
    assert held.user(number("10.0.0.2")) == "a"
    # Its rest is over for good: it is not woken while in use.
    assert held.poll_timeout() is None
    assert held.counts(100.0) == Counts(owned=5, in_use=1, resting=0, free=4)


def test_an_endpoint_that_exists_ends_the_rest_of_its_address() -> None:
    held = small()
    held.rest(number("10.0.0.4"), 30.0)
    assert held.restore(number("10.0.0.4"), "web") is None
    assert held.poll_timeout() is None
    assert held.counts(40.0) == Counts(owned=5, in_use=1, resting=0, free=4)


@pytest.mark.parametrize("quarantine_s", [-1.0, float("inf"), float("nan")])
def test_a_quarantine_is_a_finite_time(quarantine_s: float) -> None:
    with pytest.raises(AssertionError):
        small(quarantine_s=quarantine_s)
