"""Small simulations of fixed seeds: what is sent in each, and how long it takes there.

A run is a function of its options, so these numbers are the same on every machine and
Python, and under every seed of hashes. Whatever changes what a node draws from its
random source gives other luck, as other seeds do: these say how much of that there is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf
from typing import Final

from sim.options import Options
from sim.run import run

SEALED: Final = {"channels": "on", "tables": "on"}
PUBLISHED_EARLY: Final = {"at_s": "0.5", "linger_s": "1"}

GROUPS: Final = 5
"""So many groups of seeds show how far luck goes."""
APART: Final = 100
"""Between the first seeds of two groups."""

Numbers = Mapping[str, float]
"""Counts, and virtual times in seconds, whose names end in `_s`."""


@dataclass(frozen=True, slots=True)
class Case:
    """What is run, under how many seeds, and which figures are of interest."""

    options: Options
    seeds: int = 1
    figures: tuple[str, ...] = ()


CASES: Final[Mapping[str, Case]] = {
    "32 members at rest, 3 s": Case(Options("idle", nodes=32, duration_s=3.0)),
    "10 members with channels at rest, 2 s": Case(
        Options("idle", nodes=10, duration_s=2.0, settings=SEALED)
    ),
    "a payload to 64 members": Case(
        Options("update", nodes=64, settings=PUBLISHED_EARLY),
        3,
        ("all_s", "copies_per_node"),
    ),
    "a payload to 64 members, 20 % lost": Case(
        Options("update", nodes=64, loss=0.2, settings=PUBLISHED_EARLY), 2, ("all_s",)
    ),
    "24 members join": Case(Options("bootstrap", nodes=24), 3, ("all_s",)),
    "6 members with channels join": Case(
        Options("bootstrap", nodes=6, settings=SEALED), 2, ("all_s",)
    ),
    "one of 24 members leaves": Case(Options("leave", nodes=24), 2, ("all_s",)),
    "one of 16 members is killed": Case(
        Options("crash", nodes=16), 2, ("first_dead_s", "all_dead_s")
    ),
    "a row to 10 members": Case(
        Options("table-update", nodes=10, settings={"linger_s": "0.2"}),
        2,
        ("all_s", "row_bytes"),
    ),
    "a newcomer takes 300 rows": Case(
        Options("table-join", nodes=5, settings={"rows": "300"}),
        1,
        ("usable_s", "complete_s", "stream_bytes"),
    ),
    "10 of 1,000 rows are synchronised": Case(
        Options("table-sync", settings={"rows": "1000"}), 1, ("bytes", "round_trips")
    ),
    "a network among 5 hosts": Case(
        Options("address-share", nodes=5), 1, ("held_bytes", "heard_bytes", "shared_s")
    ),
}


def numbers_of(case: Case, first_seed: int = 1) -> Numbers:
    """Return what is counted of all seeds together, and each figure's mean.

    A figure that was never reached is infinity.
    """
    broken, packets, received = 0, 0, 0.0
    figures = dict.fromkeys(case.figures, 0.0)
    for seed in range(first_seed, first_seed + case.seeds):
        result = run(replace(case.options, seed=seed))
        broken += len(result.violations)
        coverage = result.coverage
        packets += coverage["datagram_sent"] + coverage.get("stream_frames", 0)
        mean = result.bytes_per_node_s["mean"]
        received += mean * result.nodes * result.simulated_s
        for name in figures:
            value = result.figures[name]
            figures[name] += inf if value is None else value / case.seeds
    means = {name: round(value, 6) for name, value in figures.items()}
    counts = {"broken_rules": broken, "packets": packets}
    return {**counts, "received_bytes": round(received), **means}


def agreed_of(case: Case) -> dict[str, tuple[float, float]]:
    """Return each number, and the largest of it that other seeds give."""
    groups = [numbers_of(case, 1 + APART * place) for place in range(GROUPS)]
    return {
        name: (number, max(one[name] for one in groups))
        for name, number in groups[0].items()
    }
