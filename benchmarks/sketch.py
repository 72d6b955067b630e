"""What does it cost two members to find what their sets do not share?

Expected, for 10,000 elements and besides the elements themselves: 32 to 45 cells of
some 13 bytes for up to ten one-sided differences, so 420 to 600 bytes and one round
trip; about 2 cells a difference at a hundred, 2,600 bytes. An update is two differences
and shows in no size, so updates start from 32 cells too. The peer is the cheapest full
dump there is, all elements at 8 bytes; memberlist's push/pull sends the rows instead,
and both ways. The range-based fallback, on messages of 1,152 bytes, stands beside it.

    python -m benchmarks.sketch [SEEDS]

The 10,000 shared elements are the same in all seeds, the differences are drawn from
the seed: cells cancel what is shared, which decides only how wide their counts are.
"""

import platform
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from random import Random
from statistics import median
from time import perf_counter
from typing import Final

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


@dataclass(frozen=True, slots=True)
class Row:
    """One case: bytes of cells, and how often the first message was enough."""

    remote_only: int
    local_only: int
    seeds: int
    bytes_median: float
    bytes_p99: int
    one_round_trip: float
    ranges_bytes_median: float
    ranges_messages_median: float
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


def run_case(base: Sketch, shared: list[int], case: tuple[int, int], seeds: int) -> Row:
    """Measure one case over `seeds` seeds, each answer checked."""
    cells: list[tuple[int, int]] = []
    ranges: list[tuple[int, int]] = []
    for seed in range(seeds):
        random = Random(seed)
        ours, theirs = elements(random, case[1]), elements(random, case[0])
        spent, trips, found = by_cells(sketch_of(base, theirs), sketch_of(base, ours))
        assert found == Difference(tuple(sorted(theirs)), tuple(sorted(ours)))
        cells.append((spent, trips))
        if seed < RANGE_SEEDS:
            ranges.append(by_ranges(sorted(shared + theirs), sorted(shared + ours)))
    spent_bytes = sorted(spent for spent, _ in cells)
    return Row(
        remote_only=case[0],
        local_only=case[1],
        seeds=seeds,
        bytes_median=median(spent_bytes),
        bytes_p99=spent_bytes[seeds * 99 // 100],
        one_round_trip=sum(trips == 1 for _, trips in cells) / seeds,
        ranges_bytes_median=median(spent for spent, _ in ranges),
        ranges_messages_median=median(messages for _, messages in ranges),
        dump_bytes=8 * (SHARED + case[0]),
    )


def run(seeds: int = 200) -> list[dict[str, float]]:
    """Measure every case; the keys are the fields of `Row`."""
    shared = elements(Random("shared"), SHARED)
    base = sketch_of(Sketch(PREFIX_CELLS), shared)
    return [asdict(run_case(base, shared, case, seeds)) for case in CASES]


def microseconds(action: Callable[[], object], repeats: int) -> float:
    """Return the fastest of five rounds, per action."""
    rounds = []
    for _ in range(5):
        started = perf_counter()
        for _ in range(repeats):
            action()
        rounds.append((perf_counter() - started) / repeats * 1e6)
    return min(rounds)


def timings() -> dict[str, float]:
    """Measure the wall-clock microseconds of each operation on 64 kept cells."""
    random = Random(0)
    shared = elements(random, SHARED)
    sketch = sketch_of(Sketch(), shared)
    other = sketch_of(sketch, elements(random, 10))
    remote, local = other.cells(0, 45), sketch.cells(0, 45)
    fresh = iter(elements(random, 50_000))

    def add_and_remove() -> None:
        sketch.add(shared[0])
        sketch.remove(shared[0])

    return {
        "add, element seen before": microseconds(add_and_remove, 10_000) / 2,
        "add, element not seen before": microseconds(
            lambda: other.add(next(fresh)), 10_000
        ),
        "copy": microseconds(sketch.copy, 10_000),
        "cells 0 to 45": microseconds(lambda: sketch.cells(0, 45), 500),
        "encode 45 cells": microseconds(lambda: encode_cells(local), 500),
        "decode 10 of 45 cells": microseconds(lambda: decode(remote, local), 500),
        "cells 64 to 96, the set lent": microseconds(
            lambda: sketch.cells(64, 96, shared), 1
        ),
    }


def main() -> None:
    """Print both tables."""
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    machine = f"{platform.machine()}, Python {platform.python_version()}"
    print(f"{SHARED:,} shared elements, {seeds} seeds\n")
    print(
        "theirs  ours  bytes median     p99  one round trip"
        "  ranges: bytes  messages  full dump"
    )
    for row in run(seeds):
        print(
            f"{row['remote_only']:6}{row['local_only']:6}{row['bytes_median']:14,.0f}"
            f"{row['bytes_p99']:8,}{row['one_round_trip']:16.1%}"
            f"{row['ranges_bytes_median']:15,.0f}{row['ranges_messages_median']:10.0f}"
            f"{row['dump_bytes']:11,}"
        )
    print(f"\nwall clock, {machine}, best of 5 rounds, 64 kept cells\n")
    for name, value in timings().items():
        print(f"{name:30}{value:12,.2f} us")


if __name__ == "__main__":
    main()
