"""Many seeds of one scenario, on all cores, and what they come to together."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from math import ceil, inf
from typing import Final

from sim.grid import pool_of
from sim.options import Figure, Options, Result
from sim.run import run

SEEDS_MAX: Final = 10_000_000

LARGER_IS_BETTER: Final = frozenset({"reached", "delivered_per_s", "live"})
"""Of all other figures the worst is the largest; never reached is worse than any."""


@dataclass(frozen=True, slots=True)
class Spread:
    """One figure over the seeds; None is never. `worst_seed` is whose `worst` is."""

    median: Figure
    p90: Figure
    worst: Figure
    worst_seed: int
    never: int

    def document(self) -> dict[str, Figure]:
        """Return this as JSON's types."""
        return {
            "median": self.median,
            "p90": self.p90,
            "worst": self.worst,
            "worst_seed": self.worst_seed,
            "never": self.never,
        }


def sweep(
    options: Options, seeds: Sequence[int], jobs: int, scheduler: str | None = None
) -> Generator[Result, None, None]:
    """Yield the result of every seed, in the order of `seeds`.

    `scheduler` is the address of a Dask cluster, whose workers then do it all; `jobs`
    counts processes here. To close this before its end is to end those at once.

    Raises:
        Refused: an option is out of bounds, or the cluster cannot be used.
        WorkerLost: a process died; its `place` counts the seeds.
    """
    tasks = (replace(options, seed=seed) for seed in seeds)
    pool = pool_of(min(jobs, len(seeds)), scheduler)
    if pool is None:
        yield from map(lean, tasks)
        return
    with pool:
        yield from pool.map(lean, tasks)


def lean(options: Options) -> Result:
    """Run one seed; of thousands nobody looks at the course, which is most of it."""
    return replace(run(options), curve=None)


def spreads(results: Sequence[Result]) -> dict[str, Spread]:
    """Return the distribution of each figure over at least one result."""
    return {
        name: _spread(name, [(r.figures[name], r.seed) for r in results])
        for name in results[0].figures
    }


def _spread(name: str, values: list[tuple[Figure, int]]) -> Spread:
    sign = -1 if name in LARGER_IS_BETTER else 1
    ranked = sorted(
        (inf if value is None else sign * value, seed, value) for value, seed in values
    )
    count = len(ranked)
    return Spread(
        median=_middle(ranked),
        p90=ranked[ceil(0.9 * count) - 1][2],
        worst=ranked[-1][2],
        worst_seed=next(seed for rank, seed, _ in ranked if rank == ranked[-1][0]),
        never=sum(value is None for value, _ in values),
    )


def _middle(ranked: list[tuple[float, int, Figure]]) -> Figure:
    """Return the median; the upper of two where one of them is never."""
    low, high = ranked[(len(ranked) - 1) // 2][2], ranked[len(ranked) // 2][2]
    if low is None or high is None:
        return high
    return low if low == high else round((low + high) / 2, 6)


def summary(options: Options, results: Sequence[Result]) -> dict[str, object]:
    """Return the JSON document of `python -m sim sweep`."""
    coverage: dict[str, int] = {}
    for result in results:
        for name, count in result.coverage.items():
            coverage[name] = coverage.get(name, 0) + count
    means = sorted(result.bytes_per_node_s["mean"] for result in results)
    return {
        "scenario": options.scenario,
        "profile": options.profile,
        "nodes": results[0].nodes,
        "seeds": len(results),
        "first_seed": results[0].seed,
        "simulated_s": round(sum(r.simulated_s for r in results), 3),
        "events": sum(r.events for r in results),
        "failed_seeds": [r.seed for r in results if r.violations],
        "figures": {n: s.document() for n, s in spreads(results).items()},
        "bytes_per_node_s": {
            "median": means[len(means) // 2],
            "max": max(r.bytes_per_node_s["max"] for r in results),
        },
        "coverage": dict(sorted(coverage.items())),
    }
