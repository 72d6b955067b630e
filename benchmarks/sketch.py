"""What does it cost two members to find what their sets do not share?

Expected, for 10,000 elements and besides the elements themselves: 32 to 45 cells of
some 13 bytes for up to ten one-sided differences, so 420 to 600 bytes and one round
trip; about 2 cells a difference at a hundred, 2,600 bytes. An update is two differences
and shows in no size, so updates start from 32 cells too. The peer is the cheapest full
dump there is, all elements at 8 bytes; memberlist's push/pull sends the rows instead,
and both ways. The range-based fallback, on messages of 1,152 bytes, stands beside it.

The 10,000 shared elements are the same in all seeds, the differences are drawn from
the seed: cells cancel what is shared, which decides only how wide their counts are.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from statistics import median
from time import perf_counter
from typing import Final

from benchmarks.lab import Lab
from benchmarks.values import Clock, Of, Question, Row, Target, question, spread
from swarmnet.sketch import (
    Decoder,
    Difference,
    Sketch,
    answer_ranges,
    cells_for,
    decode,
    decode_cells_untrusted,
    encode_cells,
    open_ranges,
)

SHARED: Final = 10_000
PREFIX_CELLS: Final = 512
MESSAGE_BYTES: Final = 1_152
RANGE_SEEDS: Final = 20
"""Ranges vary little from seed to seed, and walk the whole set each time."""

# Elements only the sender has, and elements only the receiver has.
CASES: Final = ((1, 0), (10, 0), (100, 0), (0, 10), (1, 1), (5, 5), (50, 50))


BYTES_MAX: Final = {(1, 0): 450.0, (10, 0): 600.0, (100, 0): 6000.0}
ONE_TRIP_MAX: Final = 10
ROUNDS: Final = 5


@dataclass(frozen=True, slots=True)
class Case:
    """One case over its seeds: cells, and the ranges of the first seeds beside them."""

    remote_only: int
    local_only: int
    cell_bytes: list[float]
    trips: list[float]
    range_bytes: list[int]
    range_messages: list[int]
    dump_bytes: int


def elements(random: Random, count: int) -> list[int]:
    """Draw elements as the keyed hash would give them."""
    return [random.getrandbits(64) for _ in range(count)]


def sketch_of(base: Sketch, extra: list[int]) -> Sketch:
    """Return a sketch of the shared elements and some more."""
    sketch = base.copy()
    for element in extra:
        sketch.add(element)
    return sketch


def by_cells(remote: Sketch, local: Sketch) -> tuple[int, int, Difference]:
    """Decode as two members would; return bytes, round trips and the difference.

    A message that does not suffice is followed by half as many cells again.
    """
    decoder = Decoder()
    spent_bytes, trips, found = 0, 0, None
    stop = cells_for(remote.size - local.size)
    while found is None:
        start = decoder.cells
        encoded = encode_cells(remote.cells(start, stop), start)
        spent_bytes += len(encoded)
        trips += 1
        cells = decode_cells_untrusted(encoded, start)
        found = decoder.receive_cells(cells, local.cells(start, stop))
        stop = min(PREFIX_CELLS, stop + stop // 2)
    return spent_bytes, trips, found


def by_ranges(remote: list[int], local: list[int]) -> tuple[int, int]:
    """Reconcile two sorted sets by ranges; return the bytes and the messages."""
    spent_bytes, messages = 0, 0
    reader, writer = local, remote
    message: bytes | None = open_ranges(writer, bytes(16), MESSAGE_BYTES)
    while message is not None:
        spent_bytes += len(message)
        messages += 1
        message = answer_ranges(reader, message, MESSAGE_BYTES).reply
        reader, writer = writer, reader
    return spent_bytes, messages


def run_case(task: tuple[tuple[int, int], int]) -> Case:
    """Measure one case over a number of seeds, each answer checked."""
    (remote_only, local_only), seeds = task
    shared = elements(Random("shared"), SHARED)
    base = sketch_of(Sketch(PREFIX_CELLS), shared)
    cells: list[tuple[int, int]] = []
    ranges: list[tuple[int, int]] = []
    for seed in range(seeds):
        random = Random(seed)
        ours, theirs = elements(random, local_only), elements(random, remote_only)
        spent, trips, found = by_cells(sketch_of(base, theirs), sketch_of(base, ours))
        assert found == Difference(tuple(sorted(theirs)), tuple(sorted(ours)))
        cells.append((spent, trips))
        if seed < RANGE_SEEDS:
            ranges.append(by_ranges(sorted(shared + theirs), sorted(shared + ours)))
    return Case(
        remote_only=remote_only,
        local_only=local_only,
        cell_bytes=[float(spent) for spent, _ in cells],
        trips=[float(trips) for _, trips in cells],
        range_bytes=[spent for spent, _ in ranges],
        range_messages=[messages for _, messages in ranges],
        dump_bytes=8 * (SHARED + remote_only),
    )


def microseconds(
    action: Callable[[], object], repeats: int, rounds: int
) -> list[float]:
    """Return the microseconds per action of each round."""
    times = []
    for _ in range(rounds):
        started = perf_counter()
        for _ in range(repeats):
            action()
        times.append((perf_counter() - started) / repeats * 1e6)
    return times


def timings(rounds: int) -> list[Row]:
    """Measure the wall clock of each operation on 64 kept cells."""
    random = Random(0)
    shared = elements(random, SHARED)
    sketch = sketch_of(Sketch(), shared)
    other = sketch_of(sketch, elements(random, 10))
    remote, local = other.cells(0, 45), sketch.cells(0, 45)
    fresh = iter(elements(random, 10_000 * rounds))

    def add_and_remove() -> None:
        sketch.add(shared[0])
        sketch.remove(shared[0])

    actions: dict[str, tuple[Callable[[], object], int]] = {
        "add and remove, element seen before": (add_and_remove, 10_000),
        "add, element not seen before": (lambda: other.add(next(fresh)), 10_000),
        "copy": (sketch.copy, 10_000),
        "cells 0 to 45": (lambda: sketch.cells(0, 45), 500),
        "encode 45 cells": (lambda: encode_cells(local), 500),
        "decode 10 of 45 cells": (lambda: decode(remote, local), 500),
        "cells 64 to 96, the set lent": (lambda: sketch.cells(64, 96, shared), 1),
    }
    return [
        Row(
            measure=name,
            unit="us",
            clock=Clock.WALL,
            ours=spread("sketch", microseconds(action, repeats, rounds)),
        )
        for name, (action, repeats) in actions.items()
    ]


def answer(lab: Lab) -> list[Row]:
    """Measure every case, and the wall clock of each operation."""
    seeds = len(lab.seeds(200, 20))
    tasks = [(case, seeds) for case in CASES]
    found = lab.map("sketch", run_case, tasks)
    rows = [row for case in found for row in rows_of(case)]
    return rows + lab.alone("sketch operations", timings, ROUNDS)


def rows_of(case: Case) -> list[Row]:
    """Return the bytes, and the round trips where one is wanted."""
    what = f"{case.remote_only} theirs, {case.local_only} ours"
    limit = BYTES_MAX.get((case.remote_only, case.local_only))
    row = Row(
        measure=f"{what}: bytes of cells",
        unit="B",
        clock=Clock.VIRTUAL,
        ours=spread("sketch", case.cell_bytes),
        peer=spread("full dump", [float(case.dump_bytes)]),
        targets=() if limit is None else (Target(Of.WORST, limit),),
        note=(
            f"ranges: {median(case.range_bytes):,.0f} B in"
            f" {median(case.range_messages):.0f} messages"
        ),
    )
    few = case.remote_only + case.local_only <= ONE_TRIP_MAX
    trips = Row(
        measure=f"{what}: round trips",
        unit="",
        clock=Clock.VIRTUAL,
        ours=spread("sketch", case.trips),
        peer=spread("full dump", [1.0]),
        targets=(Target(Of.WORST, 1.0),) if few else (),
    )
    return [row, trips]


QUESTION: Final[Question] = question("sketch", __doc__, answer)
