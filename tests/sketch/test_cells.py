"""The cells of a set, kept or recomputed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.sketch import CELLS_MAX, Cell, Sketch, element, indices
from swarmnet.sketch.hashing import checksum

ELEMENTS = st.integers(0, 2**64 - 1)
SMALL = st.integers(0, 30)


def sketch_of(elements: list[int], prefix_cells: int = 64) -> Sketch:
    sketch = Sketch(prefix_cells)
    for number in elements:
        sketch.add(number)
    return sketch


def from_scratch(elements: list[int], stop: int) -> tuple[Cell, ...]:
    counts, sums, checks = [0] * stop, [0] * stop, [0] * stop
    for number in elements:
        for index in indices(number, stop):
            counts[index] += 1
            sums[index] ^= number
            checks[index] ^= checksum(number)
    return tuple(map(Cell, counts, sums, checks))


def test_an_empty_set_has_empty_cells() -> None:
    assert Sketch(3).cells(0, 3) == (Cell(0, 0, 0),) * 3


def test_one_element_is_in_the_cells_that_the_mapping_names() -> None:
    here, empty = Cell(1, 1, 0xB456BCFC), Cell(0, 0, 0)
    assert sketch_of([1]).cells(0, 7) == (here, here, empty, empty, here, empty, here)


@given(st.lists(st.tuples(st.sampled_from(["add", "remove"]), SMALL)))
def test_the_kept_prefix_equals_recomputation_after_any_changes(
    changes: list[tuple[str, int]],
) -> None:
    sketch = Sketch(40)
    held: dict[int, int] = {}
    for verb, seed in changes:
        number = element(b"", bytes([seed]))
        if verb == "add" and seed not in held:
            held[seed] = number
            sketch.add(number)
        elif verb == "remove" and seed in held:
            sketch.remove(held.pop(seed))
    assert sketch.cells(0, 40) == from_scratch(list(held.values()), 40)
    assert sketch.size == len(held)


@given(st.lists(ELEMENTS, unique=True), st.lists(ELEMENTS, unique=True))
def test_a_sketch_is_linear_even_where_counts_fall_below_zero(
    added: list[int], removed: list[int]
) -> None:
    sketch = sketch_of(added, 16)
    for number in removed:
        sketch.remove(number)
    plus, minus = from_scratch(added, 16), from_scratch(removed, 16)
    assert sketch.cells(0, 16) == tuple(
        Cell(
            a.count - b.count,
            a.element_xor ^ b.element_xor,
            a.checksum_xor ^ b.checksum_xor,
        )
        for a, b in zip(plus, minus, strict=True)
    )


@given(
    st.lists(ELEMENTS, unique=True, max_size=20),
    st.integers(1, 64),
    st.integers(0, 100),
    st.integers(0, 100),
)
def test_cells_beyond_the_prefix_continue_it_seamlessly(
    elements: list[int], prefix_cells: int, start: int, length: int
) -> None:
    stop = start + length
    cells = sketch_of(elements, prefix_cells).cells(start, stop, elements)
    assert cells == from_scratch(elements, 200)[start:stop]


def test_an_empty_run_of_cells_beyond_the_prefix_is_empty() -> None:
    assert sketch_of([1], 8).cells(20, 20, [1]) == ()


def test_a_copy_and_its_original_go_their_own_ways() -> None:
    original = sketch_of([1, 2])
    twin = original.copy()
    twin.add(3)
    original.remove(1)
    assert original.cells(0, 64) == from_scratch([2], 64)
    assert twin.cells(0, 64) == from_scratch([1, 2, 3], 64)


def test_lending_another_set_than_was_added_is_a_programming_error() -> None:
    with pytest.raises(AssertionError, match="1 elements lent, set has 2"):
        sketch_of([1, 2], 8).cells(0, 9, [1])


@pytest.mark.parametrize("prefix_cells", [0, 513])
def test_a_prefix_out_of_bounds_is_a_programming_error(prefix_cells: int) -> None:
    with pytest.raises(AssertionError, match="prefix of"):
        Sketch(prefix_cells)


@pytest.mark.parametrize(
    ("start", "stop"), [(-1, 3), (4, 3), (0, CELLS_MAX + 1)], ids=str
)
def test_cells_out_of_bounds_are_a_programming_error(start: int, stop: int) -> None:
    with pytest.raises(AssertionError, match="cells"):
        Sketch(8).cells(start, stop)
