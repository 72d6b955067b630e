"""What does a node pay as endpoints grow from 10 to 100,000, and what ends it?

Expected: a row is held as it came with its fields beside it, 0.9 kB; to apply one more
costs the same however many are there, some 40 us and a verify of 120 us; a digest that
agrees rides on a probe, 24 bytes, and costs 2 us. Ten rows that differ are found by a
sketch of 600 bytes. A new member has a first page after 80 ms, 10 ms away, and the last
when all have passed over three streams, 80 us a row. The kernel's plan has two entries
for each endpoint, 3 us, and they are compared in 1 us. Whoever dumps its table to
another each 30 s, as NetworkDB does, sends all of it at rest: the peer, by its rule.

Rows are of 100 authors. Signatures are found good at once: a verify costs the same
however many rows there are (`rows`). CPU and memory are those of the engines alone.
"""

from collections.abc import Callable, Mapping
from typing import Final

from benchmarks.budgets import Limit, limit_rows, limit_where
from benchmarks.charts import Picture
from benchmarks.endpoint_costs import AUTHORS, plan_cost, row_cost, traced_bytes
from benchmarks.growth import Theory
from benchmarks.lab import OURS, Lab, Outcome, observe
from benchmarks.measured import ROWS, Measure, Measured, answered
from benchmarks.values import Clock, Question, Row, Spread, question, spread
from sim.options import Figure, Options
from swarmnet.tables.config import TableConfig

SIZES: Final = ((10, 100, 1000, 10_000, 100_000), (10, 100, 1000, 5000))
JOIN_MIN: Final = 100
"""What the scenario `table-join` begins at."""
JOIN_NODES: Final = 9
"""Eight owners, for each may have 16,384 rows in a scope, and a newcomer."""
SYNC_MAX: Final = 30_000
"""Two owners hold no more."""
DUMP_S: Final = 30.0
DUMP: Final = "a full dump each 30 s"
DUMPED: Final = "a full dump"
DIFFER: Final = 5
"""Rows that one of two lacks: what half of the smallest table is."""
SEEDS: Final = (5, 1)
SEEDS_LARGE: Final = {10_000: (3, 1), 100_000: (1, 1)}
MEMORY_BYTES: Final = 2.0**30
JOIN_S: Final = 10.0
PLAN_US: Final = 1e6
"""Everything else waits while a plan is made: so long at most, say."""


Runs = dict[int, list[Outcome]]

REST: Final = Measure(
    *("rest-bytes", "received by a node at rest, two that agree", "B/s"),
    Theory.CONSTANT,
    note="probes and digests; the peer's is the table over its period, by its rule",
)
SYNC: Final = Measure(
    *("sync-bytes", f"{DIFFER} rows differ: said beside the rows", "B"),
    Theory.CONSTANT,
)
TRIPS: Final = Measure("sync-trips", f"{DIFFER} rows differ: questions", "")
USABLE: Final = Measure(
    "usable",
    "a new member: usable",
    "s",
    Theory.CONSTANT,
    note="a link of 100 Mbit/s, 10 ms away",
)
COMPLETE: Final = Measure("complete", "a new member: complete", "s")
STREAMED: Final = Measure(
    "streamed", "a new member: taken on streams", "B", Theory.LINEAR, 100
)
HELD: Final = Measure(
    *("held", "memory of the tables", "B", Theory.LINEAR, 100),
    "what Python allocates, exactly; a cache of sketches' columns, 2 MB, is not in it",
)
APPLY: Final = Measure(
    *("apply", "CPU to apply one more", "us", Theory.CONSTANT),
    note="a signature's verify, 120 us, is not in it",
)
DIGEST: Final = Measure("digest", "CPU of a digest that agrees", "us", Theory.CONSTANT)
PLAN: Final = Measure(
    "plan",
    "CPU of a plan of all",
    "us",
    Theory.LINEAR,
    100,
    "all but one are another host's",
)
FIRST: Final = Measure(
    "reconcile", "CPU to compare it with an empty kernel", "us", Theory.LINEAR, 100
)
AGREE: Final = Measure(
    "agree", "CPU to find it equal to the kernel", "us", Theory.LINEAR, 100
)
PUT: Final = Measure("put", "CPU of one endpoint more", "us", Theory.CONSTANT)


def answer(lab: Lab) -> list[Row | Picture]:
    """Measure in virtual time, then CPU and memory; fit; and say what ends first."""
    sizes = SIZES[lab.quick]
    found = [*_synced(lab, sizes), *_joined(lab, sizes), *_costs(lab, sizes)]
    rows, charts = answered(found)
    by_name = {one.measure.name: one for one in found}
    return [*rows, *limit_rows(_limits(by_name), ROWS.of), *charts]


def _runs(
    lab: Lab, scenario: str, nodes: int, sizes: tuple[int, ...], **more: str
) -> Runs:
    """Return the runs of each size, the dearest first."""
    tasks = []
    for size in reversed(sizes):
        settings = {"rows": str(size), **more}
        tasks += [
            Options(scenario, nodes=nodes, seed=seed, settings=settings)
            for seed in lab.seeds(*SEEDS_LARGE.get(size, SEEDS))
        ]
    found: Runs = {size: [] for size in sizes}
    label = f"endpoints, {scenario}"
    for task, seen in zip(tasks, lab.map(label, observe, tasks), strict=True):
        found[int(task.settings["rows"])].append(seen)
    return found


def _virtual(
    measure: Measure,
    runs: Runs,
    value: Callable[[Outcome], Figure],
    peer: Mapping[int, Spread],
) -> Measured:
    return Measured(
        measure,
        Clock.VIRTUAL,
        {
            size: spread(OURS, [value(one) for one in seen])
            for size, seen in runs.items()
        },
        peer,
        sizes=ROWS,
        violations={
            size: sum(one.violated for one in seen) for size, seen in runs.items()
        },
    )


def _figure(name: str) -> Callable[[Outcome], Figure]:
    return lambda seen: seen.figures[name]


def _synced(lab: Lab, sizes: tuple[int, ...]) -> list[Measured]:
    """Return what two nodes say of so many rows: at rest, and where some differ."""
    sizes = tuple(min(size, SYNC_MAX) for size in sizes)
    rest = _runs(lab, "table-sync", 2, sizes, differences="0")
    synced = _runs(lab, "table-sync", 2, sizes, differences=str(DIFFER))
    dumps = {
        size: sum(float(one.figures["row_bytes"] or 0) for one in seen)
        / (DIFFER * len(seen))
        * size
        for size, seen in synced.items()
    }
    each = {size: spread(DUMP, [one / DUMP_S]) for size, one in dumps.items()}
    once = {size: spread(DUMPED, [one]) for size, one in dumps.items()}
    return [
        _virtual(REST, rest, lambda seen: seen.received_bytes_s, each),
        _virtual(SYNC, synced, _figure("bytes"), once),
        _virtual(TRIPS, synced, _figure("round_trips"), {}),
    ]


def _joined(lab: Lab, sizes: tuple[int, ...]) -> list[Measured]:
    """Return how long a new member waits for so many rows."""
    large = tuple(size for size in sizes if size >= JOIN_MIN)
    runs = _runs(lab, "table-join", JOIN_NODES, large)
    return [
        _virtual(USABLE, runs, _figure("usable_s"), {}),
        _virtual(COMPLETE, runs, _figure("complete_s"), {}),
        _virtual(STREAMED, runs, _figure("stream_bytes"), {}),
    ]


def _costs(lab: Lab, sizes: tuple[int, ...]) -> list[Measured]:
    """Return CPU and memory, each size in processes of its own."""
    held: dict[int, Spread] = {}
    costs: dict[str, dict[int, Spread]] = {}
    for size in sizes:
        label = f"{size:,} rows"
        held[size] = spread(OURS, [lab.alone(label, traced_bytes, size)])
        for action in (row_cost, plan_cost):
            for name, values in lab.alone(label, action, size).items():
                costs.setdefault(name, {})[size] = spread(OURS, values)
    return [
        Measured(HELD, Clock.WALL, held, sizes=ROWS),
        *(
            Measured(measure, Clock.WALL, costs[measure.name], sizes=ROWS)
            for measure in (APPLY, DIGEST, PLAN, FIRST, AGREE, PUT)
        ),
    ]


def _limits(found: Mapping[str, Measured]) -> list[Limit]:
    """Return the budgets and where they are spent."""
    quota = TableConfig().rows_per_owner
    budget = f"the quota of {quota:,} rows a host and network, {AUTHORS} hosts"
    return [
        Limit(budget, Clock.VIRTUAL, float(quota * AUTHORS), "by the protocol"),
        *limit_where(found["rest-bytes"], 21_000.0, "21,000 B/s a node, at rest"),
        *limit_where(found["held"], MEMORY_BYTES, "1 GiB of memory"),
        *limit_where(found["complete"], JOIN_S, "10 s until a new member has all"),
        *limit_where(found["plan"], PLAN_US, "1 s for a plan of all, on one core"),
        *limit_where(found["agree"], PLAN_US, "1 s for a look at all, on one core"),
    ]


QUESTION: Final[Question] = question("scaling_endpoints", __doc__, answer)
