"""The cells of an element: golden values, the defining inequality, the density."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.sketch import CELLS_MAX, element, indices

ELEMENTS = st.integers(0, 2**64 - 1)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, [0, 1, 2, 10, 11, 30, 35]),
        (1, [0, 1, 4, 6, 18]),
        (2, [0, 2, 3, 48]),
        (2**63, [0, 3, 13, 18, 31, 39]),
        (2**64 - 1, [0, 1, 2, 3, 5, 12, 17, 18, 23]),
        (0x0123456789ABCDEF, [0, 5, 7, 19, 53]),
    ],
)
def test_an_element_is_in_the_same_cells_everywhere(
    number: int, expected: list[int]
) -> None:
    assert indices(number, 64) == expected


def by_definition(number: int, stop: int) -> list[int]:
    """Walk up cell by cell: a miss to m has chance (i+1)(i+2) / ((m+1)(m+2))."""
    hits, state = [0], number
    while True:
        state = (state * 0xD1342543DE82EF95 + 0x9E3779B97F4A7C15) % 2**64
        u = (state >> 32) + 1
        start = hits[-1]
        m = start + 1
        while (m + 1) * (m + 2) * u <= (start + 1) * (start + 2) * 2**32 and m < stop:
            m += 1
        if m >= stop:
            return hits
        hits.append(m)


@given(ELEMENTS)
def test_the_closed_form_equals_the_walk_cell_by_cell(number: int) -> None:
    assert indices(number, 300) == by_definition(number, 300)


@given(ELEMENTS, st.integers(1, CELLS_MAX))
def test_fewer_cells_are_a_prefix_of_more(number: int, stop: int) -> None:
    everything = indices(number, CELLS_MAX)
    assert indices(number, stop) == [index for index in everything if index < stop]


def test_cell_i_holds_an_element_with_chance_one_over_one_plus_half_i() -> None:
    elements = [element(b"", n.to_bytes(2, "big")) for n in range(8_000)]
    hits = Counter(index for number in elements for index in indices(number, 101))
    expected = {0: 8_000, 1: 5_333, 2: 4_000, 6: 2_000, 30: 500, 100: 157}
    # Four standard deviations of a binomial, and these elements never change.
    strays = {i: abs(hits[i] - n) <= 4 * n**0.5 for i, n in expected.items()}
    assert strays == dict.fromkeys(expected, True)
