"""Range-based reconciliation between two honest sides, and one honest side alone."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmnet.errors import BadPacket
from swarmnet.sketch import (
    LIMIT_BYTES_MIN,
    RangeAnswer,
    answer_ranges,
    element,
    open_ranges,
)
from swarmnet.sketch.codec import (
    SPACE_END,
    Fingerprint,
    Ids,
    decode_ranges_untrusted,
)

KEY = bytes(range(16))
SETS = st.sets(st.integers(0, 2**64 - 1), max_size=60)
CROWDED_SETS = st.sets(st.integers(0, 400), max_size=200)


def numbered(start: int, stop: int) -> set[int]:
    return {element(b"", n.to_bytes(4, "big")) for n in range(start, stop)}


@dataclass(slots=True)
class Exchange:
    """What two sides said and learned; index 0 is the side that opened."""

    messages: list[bytes] = field(default_factory=list)
    have: tuple[list[int], list[int]] = field(default_factory=lambda: ([], []))
    need: tuple[list[int], list[int]] = field(default_factory=lambda: ([], []))


def reconcile(ours: set[int], theirs: set[int], limit_bytes: int) -> Exchange:
    exchange = Exchange()
    sides = (sorted(ours), sorted(theirs))
    message: bytes | None = open_ranges(sides[0], KEY, limit_bytes)
    while message is not None:
        exchange.messages.append(message)
        assert len(exchange.messages) <= 2_000, "no progress"
        reader = len(exchange.messages) % 2
        answer = answer_ranges(sides[reader], message, limit_bytes)
        exchange.have[reader].extend(answer.have)
        exchange.need[reader].extend(answer.need)
        message = answer.reply
    return exchange


def learned(exchange: Exchange) -> tuple[list[int], list[int]]:
    """What only the opener holds, and only the other, as often as it was reported."""
    only_ours = exchange.have[0] + exchange.need[1]
    only_theirs = exchange.need[0] + exchange.have[1]
    return sorted(only_ours), sorted(only_theirs)


def apart(ours: set[int], theirs: set[int]) -> tuple[list[int], list[int]]:
    return sorted(ours - theirs), sorted(theirs - ours)


def longest(exchange: Exchange) -> int:
    return max(map(len, exchange.messages))


@pytest.mark.slow
@pytest.mark.parametrize("limit_bytes", [LIMIT_BYTES_MIN, 1_152])
@given(SETS, SETS, SETS)
@settings(max_examples=50)
def test_two_sides_learn_their_whole_difference_once(
    limit_bytes: int, shared: set[int], ours: set[int], theirs: set[int]
) -> None:
    ours, theirs = ours | shared, theirs | shared
    exchange = reconcile(ours, theirs, limit_bytes)
    assert learned(exchange) == apart(ours, theirs)
    assert longest(exchange) <= limit_bytes


@pytest.mark.slow
@given(CROWDED_SETS, CROWDED_SETS)
@settings(max_examples=50)
def test_neighbouring_elements_are_told_apart(ours: set[int], theirs: set[int]) -> None:
    exchange = reconcile(ours, theirs, LIMIT_BYTES_MIN)
    assert learned(exchange) == apart(ours, theirs)
    assert longest(exchange) <= LIMIT_BYTES_MIN


@pytest.mark.parametrize(
    ("ours", "theirs", "limit_bytes", "messages_max"),
    [
        (numbered(0, 1), numbered(0, 1_000), 1_152, 1),
        (numbered(0, 1_000), numbered(0, 1), 1_152, 2),
        (set[int](), numbered(0, 1_000), 1_152, 1),
        (numbered(0, 1_000), set[int](), 1_152, 2),
        (numbered(0, 4_000), numbered(1, 4_000), 1_152, 4),
        (numbered(0, 4_000), numbered(10, 4_010), 1_152, 7),
        (numbered(0, 4_000), numbered(1_000, 5_000), 65_535, 4),
        (numbered(0, 600), numbered(300, 900), 1_152, 40),
        (numbered(0, 600), numbered(300, 900), 256, 200),
    ],
    ids=str,
)
def test_few_messages_are_enough(
    ours: set[int], theirs: set[int], limit_bytes: int, messages_max: int
) -> None:
    exchange = reconcile(ours, theirs, limit_bytes)
    assert learned(exchange) == apart(ours, theirs)
    assert longest(exchange) <= limit_bytes
    assert len(exchange.messages) <= messages_max


def test_equal_sets_end_with_the_first_answer() -> None:
    elements = sorted(numbered(0, 100))
    opening = open_ranges(elements, KEY, 1_152)
    assert answer_ranges(elements, opening, 1_152) == RangeAnswer(None, (), ())


def test_a_small_set_opens_with_its_elements() -> None:
    message = decode_ranges_untrusted(open_ranges([3, 5], KEY, 256))
    assert message.ranges == (Ids(SPACE_END, (3, 5)),)


def test_the_reader_of_a_list_learns_both_sides() -> None:
    opening = open_ranges([3, 5], KEY, 256)
    assert answer_ranges([1, 5, 9], opening, 256) == RangeAnswer(None, (1, 9), (3,))


def test_a_large_set_opens_with_fingerprints_under_the_given_key() -> None:
    elements = [n << 56 for n in range(1, 18)]
    message = decode_ranges_untrusted(open_ranges(elements, KEY, 256))
    assert message.key == KEY
    assert message.ranges == (
        Fingerprint(6 << 56, 5, bytes.fromhex("c9eaee2f2896f258")),
        Fingerprint(12 << 56, 6, bytes.fromhex("e1290c7075d414c2")),
        Fingerprint(SPACE_END, 6, bytes.fromhex("4ac327b977f82b0d")),
    )
    other = decode_ranges_untrusted(open_ranges(elements, bytes(16), 256))
    values = [r.value for r in other.ranges if isinstance(r, Fingerprint)]
    assert bytes.fromhex("c9eaee2f2896f258") not in values


def test_a_bound_lies_above_the_last_element_of_its_range() -> None:
    # The first part ends with element 256, whose own short form is no bound for it.
    elements = [1, 2, 3, 4, 256, *range(257, 269)]
    message = decode_ranges_untrusted(open_ranges(elements, KEY, 256))
    assert [r.upper for r in message.ranges] == [257, 263, SPACE_END]


def test_a_message_that_is_full_ends_in_a_fingerprint_of_the_rest() -> None:
    # The last of all numbers: each of the 16 parts needs a bound of eight bytes.
    elements = list(range(2**64 - 201, 2**64 - 1))
    message = decode_ranges_untrusted(open_ranges(elements, KEY, 256))
    sizes = [r.count for r in message.ranges if isinstance(r, Fingerprint)]
    assert sizes == [12, 13, 12, 13, 12, 13, 12, 13, 12, 13, 12, 63]
    assert message.ranges[-1].upper == SPACE_END


@given(st.binary(max_size=300), st.sets(st.integers(0, 2**64 - 1), max_size=40))
def test_any_bytes_get_a_bounded_answer_or_are_refused(
    data: bytes, elements: set[int]
) -> None:
    try:
        answer = answer_ranges(sorted(elements), KEY + data, LIMIT_BYTES_MIN)
    except BadPacket:
        return
    assert len(answer.reply or b"") <= LIMIT_BYTES_MIN
    assert set(answer.have) <= elements
    assert len(answer.need) <= len(data) // 8


@given(st.integers(0, 255), st.integers(16, 10_000), st.booleans(), st.booleans())
def test_a_mutated_message_gets_a_bounded_answer_or_is_refused(
    value: int, position: int, second: bool, cut: bool
) -> None:
    ours, theirs = sorted(numbered(0, 300)), sorted(numbered(20, 320))
    message = open_ranges(ours, KEY, LIMIT_BYTES_MIN)
    if second:
        message = answer_ranges(theirs, message, LIMIT_BYTES_MIN).reply or b""
    position %= len(message)
    rest = b"" if cut else message[position + 1 :]
    mutated = message[:position] + bytes([value]) + rest
    try:
        answer = answer_ranges(ours, mutated, LIMIT_BYTES_MIN)
    except BadPacket:
        return
    assert len(answer.reply or b"") <= LIMIT_BYTES_MIN
    assert set(answer.have) <= set(ours)
    assert len(answer.need) <= len(mutated) // 8


@pytest.mark.parametrize("limit_bytes", [0, LIMIT_BYTES_MIN - 1])
def test_a_limit_too_small_for_progress_is_a_programming_error(
    limit_bytes: int,
) -> None:
    with pytest.raises(AssertionError, match="limit of"):
        open_ranges([1], KEY, limit_bytes)
    with pytest.raises(AssertionError, match="limit of"):
        answer_ranges([1], KEY, limit_bytes)


def test_a_key_of_another_length_is_a_programming_error() -> None:
    with pytest.raises(AssertionError, match="range key of 8 bytes"):
        open_ranges([1], bytes(8), 256)
