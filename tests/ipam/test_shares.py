"""How much is shared out: enough for all, aligned, and never more than there is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.ids import NodeId
from swarmnet.ipam.shares import SLICE_MIN, half_of, share_out, slice_size
from swarmnet.ipam.spans import Span, Spans


def nodes(count: int) -> list[NodeId]:
    return [NodeId(number.to_bytes(16, "big")) for number in range(count)]


@pytest.mark.parametrize(
    ("free", "members", "size"),
    [
        (253, 4, 16),  # a /24 among five hosts, its maker included
        (253, 2, 16),
        (65_533, 4, 2048),
        (5, 4, 1),  # a /29
        (3, 4, 1),
        (0, 4, 0),
        (100, 0, 0),
        (253, 99, 2),
        (17, 1, 8),
    ],
)
def test_a_slice_is_sixteen_or_more_as_long_as_that_leaves_one_for_each(
    free: int, members: int, size: int
) -> None:
    assert slice_size(free, members) == size


def test_slices_are_aligned_and_in_the_order_of_the_members() -> None:
    free = Spans([Span(2, 254)])
    shared = share_out(free, nodes(4))
    assert [(one.first, one.last) for one, _ in shared] == [
        *((16, 31), (32, 47), (48, 63), (64, 79)),
    ]
    assert [node for _, node in shared] == nodes(4)
    assert free == Spans([Span(2, 254)])


def test_what_is_too_splintered_to_align_is_shared_out_all_the_same() -> None:
    free = Spans([Span(5, 6), Span(9, 10), Span(13, 14)])
    shared = share_out(free, nodes(2))
    assert [(one.first, one.last) for one, _ in shared] == [(5, 6), (9, 10)]


def test_of_too_little_the_first_members_have_something() -> None:
    shared = share_out(Spans([Span(1, 2)]), nodes(4))
    assert [one.first for one, _ in shared] == [1, 2]


@pytest.mark.parametrize(
    ("free", "given_"),
    [
        ([], None),
        ([(7, 7)], (7, 7)),
        ([(3, 3), (7, 7)], (7, 7)),
        ([(0, 15)], (8, 15)),
        ([(0, 3), (16, 31), (40, 41)], (24, 31)),
        ([(2, 254)], (128, 254)),
    ],
)
def test_whoever_asks_is_given_the_upper_half_of_the_largest_span(
    free: list[tuple[int, int]], given_: tuple[int, int] | None
) -> None:
    half = half_of(Spans(Span(*one) for one in free))
    assert half == (None if given_ is None else Span(*given_))


@given(
    st.sets(st.integers(0, 300), max_size=120).map(Spans.of),
    st.integers(0, 12),
)
def test_shares_are_disjoint_parts_of_what_is_free(free: Spans, members: int) -> None:
    left = free.copy()
    shared = share_out(free, nodes(members))
    for span, _ in shared:
        assert left.covers_span(span)
        left.remove(span)
    if free.size > (members + 1) * SLICE_MIN and len(list(free)) == 1:
        assert len(shared) == members
    half = half_of(free)
    assert half is None or (free.covers_span(half) and half.size <= free.size)
