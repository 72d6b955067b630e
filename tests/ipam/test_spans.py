"""Spans against a plain set as model, and the buddy split."""

from itertools import pairwise
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.ipam.spans import Span, Spans

TOP: Final = 40
SPANS: Final = st.builds(
    lambda first, size: Span(first, first + size),
    st.integers(0, TOP),
    st.integers(0, 8),
)
SETS: Final = st.sets(st.integers(0, TOP))
ULA_64: Final = Span(0xFD << 120, (0xFD << 120) + 2**64 - 1)


def numbers(spans: Spans) -> set[int]:
    return {n for span in spans for n in range(span.first, span.last + 1)}


def check_canonical(spans: Spans, model: set[int]) -> None:
    """The set holds the model, in spans that ascend and do not touch."""
    held = list(spans)
    assert numbers(spans) == model
    assert spans.size == len(model)
    assert bool(spans) == bool(model)
    assert all(a.last + 1 < b.first for a, b in pairwise(held))


@given(st.lists(st.tuples(st.booleans(), SPANS), max_size=30))
def test_adding_and_removing_do_what_a_set_does(steps: list[tuple[bool, Span]]) -> None:
    spans, model = Spans(), set[int]()
    for adds, span in steps:
        members = set(range(span.first, span.last + 1))
        if adds:
            spans.add(span)
            model |= members
        else:
            spans.remove(span)
            model -= members
        check_canonical(spans, model)


@given(SETS, SETS)
def test_union_intersection_and_difference_are_those_of_sets(
    ours: set[int], theirs: set[int]
) -> None:
    left, right = Spans.of(ours), Spans.of(theirs)
    check_canonical(left | right, ours | theirs)
    check_canonical(left & right, ours & theirs)
    check_canonical(left - right, ours - theirs)
    assert (left, right) == (Spans.of(ours), Spans.of(theirs))


LEFT: Final = Spans([Span(0, 3), Span(10, 19), Span(30, 39)])


@pytest.mark.parametrize(
    ("right", "union", "both", "left_alone"),
    [
        # It touches two spans, and reaches from one into the next.
        ([(4, 9)], [(0, 19), (30, 39)], [], [(0, 3), (10, 19), (30, 39)]),
        (
            [(15, 34)],
            [(0, 3), (10, 39)],
            [(15, 19), (30, 34)],
            [(0, 3), (10, 14), (35, 39)],
        ),
        # From the first integer, and to the last.
        (
            [(0, 1)],
            [(0, 3), (10, 19), (30, 39)],
            [(0, 1)],
            [(2, 3), (10, 19), (30, 39)],
        ),
        (
            [(38, 50)],
            [(0, 3), (10, 19), (30, 50)],
            [(38, 39)],
            [(0, 3), (10, 19), (30, 37)],
        ),
        # Inside one, twice; and all of one.
        (
            [(11, 12), (14, 15)],
            [(0, 3), (10, 19), (30, 39)],
            [(11, 12), (14, 15)],
            [(0, 3), (10, 10), (13, 13), (16, 19), (30, 39)],
        ),
        ([(10, 19)], [(0, 3), (10, 19), (30, 39)], [(10, 19)], [(0, 3), (30, 39)]),
        ([(0, 99)], [(0, 99)], [(0, 3), (10, 19), (30, 39)], []),
        ([], [(0, 3), (10, 19), (30, 39)], [], [(0, 3), (10, 19), (30, 39)]),
    ],
)
def test_two_sets_make_a_third(
    right: list[tuple[int, int]],
    union: list[tuple[int, int]],
    both: list[tuple[int, int]],
    left_alone: list[tuple[int, int]],
) -> None:
    def spans(pairs: list[tuple[int, int]]) -> list[Span]:
        return [Span(*pair) for pair in pairs]

    other, grown, shrunk = Spans(spans(right)), LEFT.copy(), LEFT.copy()
    for span in other:
        grown.add(span)
        shrunk.remove(span)
    assert list(LEFT | other) == list(other | LEFT) == list(grown) == spans(union)
    assert list(LEFT & other) == list(other & LEFT) == spans(both)
    assert list(LEFT - other) == list(shrunk) == spans(left_alone)


def test_the_first_integer_outside_is_sought_from_zero() -> None:
    assert LEFT.first_outside(Spans()) == 0
    assert LEFT.first_outside(Spans([Span(0, 12)])) == 13
    assert LEFT.first_outside(Spans([Span(2, 12)]), 1) == 1
    assert LEFT.first_outside(Spans([Span(1, 99)]), 1) is None


@given(SETS, SETS, st.integers(0, TOP + 2), SPANS)
def test_look_ups_are_those_of_a_set(
    ours: set[int], theirs: set[int], start: int, span: Span
) -> None:
    spans, other = Spans.of(ours), Spans.of(theirs)
    after = sorted(n for n in ours if n >= start)
    outside = [n for n in after if n not in theirs]
    assert spans.covers(start) == (start in ours)
    assert spans.covers_span(span) == (set(range(span.first, span.last + 1)) <= ours)
    assert spans.at_or_after(start) == (after[0] if after else None)
    assert spans.first_outside(other, start) == (outside[0] if outside else None)
    assert numbers(Spans(spans.since(start))) == set(after)
    found = spans.span_at(start)
    assert (found is not None) == (start in ours)
    if found is not None:
        assert found in list(spans)
        assert found.covers(start)


@given(st.lists(SPANS, max_size=12))
def test_the_order_of_building_does_not_matter(spans: list[Span]) -> None:
    one_by_one = Spans()
    for span in spans:
        one_by_one.add(span)
    assert one_by_one == Spans(spans) == Spans(reversed(spans))
    check_canonical(one_by_one, numbers(Spans(spans)))


@given(SETS)
def test_integers_may_come_in_any_order_and_twice(members: set[int]) -> None:
    listed = sorted(members, reverse=True)
    check_canonical(Spans.of([*listed, *listed]), members)


def test_a_copy_goes_its_own_way() -> None:
    spans = Spans([Span(1, 5)])
    twin = spans.copy()
    twin.remove(Span(3, 3))
    assert spans == Spans([Span(1, 5)])
    assert twin == Spans([Span(1, 2), Span(4, 5)])
    assert (spans.size, twin.size) == (5, 4)
    assert repr(twin) == "Spans(1-2, 4-5)"


def test_a_set_equals_no_other_kind_of_thing() -> None:
    assert Spans([Span(1, 1)]) != {1}


def test_sets_that_begin_or_end_alike_may_differ() -> None:
    spans = Spans([Span(1, 5)])
    assert spans != Spans([Span(1, 4)])
    assert spans != Spans([Span(2, 5)])


def test_spans_have_a_size_and_an_order() -> None:
    assert (Span(3, 3).size, Span(0, 255).size) == (1, 256)
    spans = [Span(4, 9), Span(1, 2), Span(1, 1)]
    assert sorted(spans) == [Span(1, 1), Span(1, 2), Span(4, 9)]


def test_sets_larger_than_a_machine_word_are_counted() -> None:
    spans = Spans([ULA_64])
    spans.remove(Span(ULA_64.first + 7, ULA_64.first + 7))
    assert spans.size == 2**64 - 1
    assert len(list(spans)) == 2


@pytest.mark.parametrize(
    ("whole", "lower", "upper"),
    [
        # An aligned power of two is cut in the middle.
        ((0, 255), (0, 127), (128, 255)),
        ((256, 511), (256, 383), (384, 511)),
        ((4, 5), (4, 4), (5, 5)),
        # Another one at its largest border, wherever that lies.
        ((1, 254), (1, 127), (128, 254)),
        ((1, 8), (1, 7), (8, 8)),
        ((3, 4), (3, 3), (4, 4)),
        ((5, 6), (5, 5), (6, 6)),
        ((100, 400), (100, 255), (256, 400)),
        ((7, 1024), (7, 1023), (1024, 1024)),
    ],
)
def test_a_span_is_split_at_its_largest_aligned_border(
    whole: tuple[int, int], lower: tuple[int, int], upper: tuple[int, int]
) -> None:
    assert Span(*whole).halves() == (Span(*lower), Span(*upper))


def test_one_integer_has_no_halves() -> None:
    assert Span(8, 8).halves() is None


@given(st.integers(0, 2**128 - 2), st.integers(1, 2**20))
def test_no_integer_in_a_span_is_a_better_border(first: int, size: int) -> None:
    span = Span(first, first + size)
    halves = span.halves()
    assert halves is not None
    lower, upper = halves
    assert (lower.first, upper.last) == (span.first, span.last)
    assert lower.last + 1 == upper.first
    power = upper.first & -upper.first
    # Twice that power divides nothing between the ends.
    assert (span.last // (2 * power)) * (2 * power) <= span.first


@pytest.mark.parametrize(("first", "last"), [(-1, 3), (4, 3)])
def test_a_span_has_an_order_and_no_negative_integers(first: int, last: int) -> None:
    with pytest.raises(AssertionError):
        Span(first, last)
