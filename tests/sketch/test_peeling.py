"""Reading a difference from cells, honest or not."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.sketch import (
    CELLS_MAX,
    Cell,
    Decoder,
    Difference,
    Sketch,
    cells_for,
    decode,
    element,
    indices,
)
from swarmnet.sketch.hashing import checksum

ELEMENTS = st.integers(0, 2**64 - 1)
SETS = st.lists(ELEMENTS, unique=True, max_size=12)
CELLS = st.builds(
    Cell,
    st.integers(-2, 2) | st.integers(-(2**31), 2**31),
    ELEMENTS,
    st.integers(0, 2**32 - 1),
)
EMPTY = Cell(0, 0, 0)


def cells_of(elements: list[int], stop: int) -> tuple[Cell, ...]:
    sketch = Sketch(256)
    for number in elements:
        sketch.add(number)
    return sketch.cells(0, stop, elements)


def numbered(start: int, stop: int) -> list[int]:
    return [element(b"", n.to_bytes(4, "big")) for n in range(start, stop)]


@given(SETS, SETS, SETS)
def test_the_difference_of_any_two_sets_is_exact(
    shared: list[int], theirs: list[int], ours: list[int]
) -> None:
    remote, local = sorted({*shared, *theirs}), sorted({*shared, *ours})
    assert decode(cells_of(remote, 256), cells_of(local, 256)) == Difference(
        tuple(number for number in remote if number not in local),
        tuple(number for number in local if number not in remote),
    )


@given(SETS, SETS, st.integers(1, 40))
def test_cells_that_come_in_parts_decode_as_those_that_come_at_once(
    theirs: list[int], ours: list[int], step: int
) -> None:
    remote, local = cells_of(theirs, 120), cells_of(ours, 120)
    decoder = Decoder()
    for start in range(0, 120, step):
        assert decoder.cells == start
        stop = min(start + step, 120)
        answer = decoder.receive_cells(remote[start:stop], local[start:stop])
        assert answer == decode(remote[:stop], local[:stop])


def test_too_few_cells_ask_for_more() -> None:
    remote = cells_of(numbered(0, 50), 256)
    local = cells_of([], 256)
    assert decode(remote[:49], local[:49]) is None
    assert decode(remote, local) == Difference(tuple(sorted(numbered(0, 50))), ())


def test_no_cells_say_nothing() -> None:
    assert decode((), ()) is None
    assert decode((EMPTY,), ()) is None


def test_equal_sets_differ_in_nothing() -> None:
    cells = cells_of(numbered(0, 9), 1)
    assert decode(cells, cells) == Difference((), ())


@pytest.mark.parametrize(
    ("size_difference", "expected"),
    [
        (0, 32),
        (1, 32),
        (-1, 32),
        (5, 36),
        (10, 45),
        (-10, 45),
        (100, 198),
        (1_000, 1_728),
        (1_189, CELLS_MAX),
        (10**12, CELLS_MAX),
    ],
)
def test_the_first_message_grows_with_the_known_difference(
    size_difference: int, expected: int
) -> None:
    assert cells_for(size_difference) == expected


@pytest.mark.parametrize(
    ("gained", "lost"), [(1, 0), (10, 0), (100, 0), (1, 1), (3, 3)]
)
def test_the_first_message_mostly_suffices(gained: int, lost: int) -> None:
    count = cells_for(gained - lost)
    failures = 0
    for seed in range(20):
        theirs = numbered(1_000 * seed, 1_000 * seed + gained)
        ours = numbered(1_000 * seed + 500, 1_000 * seed + 500 + lost)
        failures += decode(cells_of(theirs, count), cells_of(ours, count)) is None
    assert failures == 0


@given(st.lists(CELLS, max_size=80))
def test_random_cells_give_a_bounded_answer(cells: list[Cell]) -> None:
    found = decode(cells, [EMPTY] * len(cells))
    assert found is None or len(found.remote_only + found.local_only) <= len(cells)


@given(SETS, SETS, st.data())
def test_a_mutated_cell_is_never_explained_by_what_the_sets_hold(
    theirs: list[int], ours: list[int], data: st.DataObject
) -> None:
    remote = list(cells_of(theirs, 64))
    index = data.draw(st.integers(0, 63))
    bit = data.draw(st.integers(0, 63))
    remote[index] = replace(
        remote[index], element_xor=remote[index].element_xor ^ 1 << bit
    )
    assert decode(remote, cells_of(ours, 64)) is None


def test_a_sum_that_passes_for_an_element_is_refused_where_it_cannot_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # With a linear checksum the sum of these three passes for an element, in a cell
    # that the mapping would not send it to. Taken for one, it would spoil the rest.
    def linear(number: int) -> int:
        return number & 0xFFFFFFFF

    monkeypatch.setattr("swarmnet.sketch.peeling.checksum", linear)
    first, second, ours = numbered(6_820, 6_823)
    counts, sums = [0] * 24, [0] * 24
    for number, sign in ((first, 1), (second, 1), (ours, -1)):
        for index in indices(number, 24):
            counts[index] += sign
            sums[index] ^= number
    cells = list(map(Cell, counts, sums, map(linear, sums)))
    theirs = tuple(sorted((first, second)))
    assert decode(cells, [EMPTY] * 24) == Difference(theirs, (ours,))


@pytest.mark.parametrize("rest", [Cell(1, 0, 0), Cell(0, 1, 0), Cell(0, 0, 1)])
def test_a_cell_that_is_not_wholly_explained_asks_for_more(rest: Cell) -> None:
    assert decode([EMPTY, rest], [EMPTY, EMPTY]) is None


def test_cells_that_peel_in_a_circle_come_to_an_end() -> None:
    # Taken out of cell 0, the element turns up in its other cells with the other sign,
    # and taken out of those it is back in cell 0.
    cells = [Cell(1, 7, checksum(7))] + [EMPTY] * 63
    assert decode(cells, [EMPTY] * 64) is None


@pytest.mark.slow
def test_work_is_bounded_when_every_cell_claims_an_element(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[int] = []

    def counted(number: int, stop: int) -> list[int]:
        calls.append(number)
        return indices(number, stop)

    monkeypatch.setattr("swarmnet.sketch.peeling.indices", counted)
    pool = numbered(0, 3_000)
    numbers = [
        next(n for n in pool if index in indices(n, index + 1)) for index in range(300)
    ]
    cells = [Cell(1, number, checksum(number)) for number in numbers]
    assert decode(cells, [EMPTY] * 300) is None
    assert len(calls) <= 300 * 10


def test_a_decoder_holds_no_more_cells_than_any_sketch_has() -> None:
    decoder = Decoder()
    flood = [Cell(5, 1, 1)] * (CELLS_MAX + 9)
    assert decoder.receive_cells(flood, [*flood[:-1], EMPTY]) == Difference((), ())
    decoder.receive_cells(flood, flood)
    assert decoder.cells == CELLS_MAX
