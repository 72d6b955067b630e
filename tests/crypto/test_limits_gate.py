"""What strangers may cost: buckets, and the gate before a key exchange."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.crypto.limits import Admission, Bucket, Gate
from swarmnet.ids import Address

ANSWER, ASK, DROP = Admission.ANSWER, Admission.ASK_COOKIE, Admission.DROP
HERE: Final = Address(bytes((10, 0, 0, 1)), 7946)
THERE: Final = Address(bytes((10, 0, 0, 2)), 7946)


def place(number: int) -> Address:
    return Address(number.to_bytes(4, "big"), 7946)


def taken(bucket: Bucket, now: float, tries: int) -> int:
    return [bucket.take(now) for _ in range(tries)].count(True)


def test_a_bucket_is_full_at_first_and_fills_at_its_rate_up_to_its_burst() -> None:
    bucket = Bucket(rate=10.0, burst=5.0)
    assert taken(bucket, 100.0, 9) == 5
    assert taken(bucket, 100.0625, 9) == 0
    assert taken(bucket, 100.125, 9) == 1
    assert taken(bucket, 100.3125, 9) == 2
    assert taken(bucket, 999.0, 9) == 5


def test_a_bucket_says_how_full_it_is() -> None:
    bucket = Bucket(rate=10.0, burst=4.0)
    levels = [bucket.level(0.0)]
    assert taken(bucket, 0.0, 3) == 3
    levels += [bucket.level(0.0), bucket.level(0.1), bucket.level(9.0)]
    assert levels == [1.0, 0.25, 0.5, 1.0]


def test_a_clock_that_goes_back_gives_nothing_and_breaks_nothing() -> None:
    bucket = Bucket(rate=10.0, burst=5.0)
    assert taken(bucket, 100.0, 9) == 5
    assert taken(bucket, 50.0, 9) == 0
    assert taken(bucket, 100.125, 9) == 1


@given(st.lists(st.floats(min_value=0.0, max_value=10.0), max_size=100))
def test_no_stretch_of_time_yields_more_than_burst_and_rate(steps: list[float]) -> None:
    bucket, now, total = Bucket(rate=3.0, burst=4.0), 0.0, 0
    for step in steps:
        now += step
        total += taken(bucket, now, 9)
        assert total <= 4.0 + 3.0 * now + 1e-6


def admitted(gate: Gate, now: float, count: int, *, cookie: bool) -> list[Admission]:
    return [gate.admit(now, HERE, has_cookie=cookie) for _ in range(count)]


def test_half_of_the_burst_is_answered_before_cookies_are_asked_for() -> None:
    gate = Gate(rate=10.0, burst=8.0)
    assert not gate.is_loaded(0.0)
    assert admitted(gate, 0.0, 7, cookie=False) == [ANSWER] * 5 + [ASK] * 2
    assert gate.is_loaded(0.0)


def test_who_shows_a_cookie_gets_from_the_other_half() -> None:
    gate = Gate(rate=10.0, burst=20.0)
    assert admitted(gate, 0.0, 13, cookie=False) == [ANSWER] * 11 + [ASK] * 2
    # Five at once for one source, and 20 a second.
    assert admitted(gate, 0.0, 7, cookie=True) == [ANSWER] * 5 + [DROP] * 2
    assert gate.admit(0.0, THERE, has_cookie=True) is ANSWER
    assert admitted(gate, 0.05, 2, cookie=True) == [ANSWER, DROP]


@pytest.mark.parametrize(
    ("hosts", "answered"),
    [
        ([bytes((10, 0, 0, 9))] * 9, 5),
        ([bytes((10, 0, 0, n)) for n in range(9)], 9),
        ([bytes(8) + bytes(7) + bytes((n,)) for n in range(9)], 5),
        ([bytes(7) + bytes((n,)) + bytes(8) for n in range(9)], 9),
    ],
)
def test_a_host_has_one_share_whatever_its_ports_and_its_addresses_in_one_network(
    hosts: list[bytes], answered: int
) -> None:
    gate = Gate(rate=1.0, burst=100.0)
    admitted(gate, 0.0, 51, cookie=False)
    seen = [
        gate.admit(0.0, Address(host, 1024 + port), has_cookie=True)
        for port, host in enumerate(hosts)
    ]
    assert seen.count(ANSWER) == answered


def test_a_flood_with_cookies_from_one_host_leaves_enough_to_others() -> None:
    gate = Gate(rate=250.0, burst=1000.0)
    admitted(gate, 0.0, 501, cookie=False)
    taken = 0
    for number in range(20_000):
        now, port = number / 1000, 1024 + number % 4000
        liar = Address(bytes((192, 0, 2, 66)), port)
        taken += gate.admit(now, liar, has_cookie=gate.is_loaded(now)) is ANSWER
        if number % 100 == 99:
            assert gate.admit(now, place(number), has_cookie=True) is ANSWER
    # What nobody else asked for, below half of the burst, and its own share above.
    assert taken <= 250 * 20


def test_beyond_the_bound_the_host_that_was_quiet_for_longest_is_forgotten() -> None:
    gate = Gate(rate=1e9, burst=1.0)
    gate.admit(0.0, HERE, has_cookie=False)
    for number in range(4095):
        gate.admit(0.0, place(number), has_cookie=True)
    for source in (HERE, place(0)):
        gate.admit(0.0, source, has_cookie=True)
    gate.admit(0.0, THERE, has_cookie=True)
    held = list(gate._sources)
    assert len(held) == 4096
    assert held[-3:] == [HERE.host, place(0).host, THERE.host]
    assert place(1).host not in held


def test_when_all_of_the_burst_is_used_nobody_is_answered_until_it_fills() -> None:
    gate = Gate(rate=10.0, burst=4.0)
    seen = [gate.admit(0.0, place(n), has_cookie=True) for n in range(6)]
    assert seen == [ANSWER] * 4 + [DROP] * 2
    assert gate.admit(0.1, place(9), has_cookie=True) is ANSWER


def test_a_flood_without_cookies_leaves_the_other_half_to_who_has_one() -> None:
    gate = Gate(rate=250.0, burst=1000.0)
    now, answered = 0.0, 0
    for number in range(20_000):
        now = number / 10_000
        answered += gate.admit(now, place(number), has_cookie=False) is ANSWER
        if number % 1000 == 999:
            assert gate.admit(now, HERE, has_cookie=True) is ANSWER
    # Half of the burst, and what came in two seconds.
    assert 950 <= answered <= 1002


@pytest.mark.slow
@pytest.mark.parametrize("sources", [4096, 20_000])
def test_however_many_sources_show_cookies_few_are_remembered(sources: int) -> None:
    gate = Gate(rate=1e9, burst=1.0)
    gate.admit(0.0, HERE, has_cookie=False)
    for number in range(sources):
        gate.admit(0.0, place(number), has_cookie=True)
    assert len(gate._sources) <= 4096


def test_without_load_no_source_is_remembered() -> None:
    gate = Gate(rate=10.0, burst=1000.0)
    assert admitted(gate, 0.0, 400, cookie=False) == [ANSWER] * 400
    assert gate._sources == {}


def test_when_the_flood_is_over_cookies_are_asked_for_no_more() -> None:
    gate = Gate(rate=10.0, burst=8.0)
    assert admitted(gate, 0.0, 6, cookie=False)[-1] is ASK
    assert admitted(gate, 0.8, 1, cookie=False) == [ANSWER]
    assert not gate.is_loaded(0.8)
