"""How long until all show a write, by NetworkDB's own protocol, quiet and under churn?

The protocol is that of its convergence tests (moby commit 2eb08ddf13), 2 to 25 nodes.
Quiet: creates, updates, deletes and writes right after attaching, one after another.
Churn: every 20 ms eight rows that nobody waits for, up to 2,000, and a node that leaves
the network or comes back every 100 ms (of two nodes none leaves).
Expected: quiet two hops or three of 0.5 to 1.5 ms, so 1 to 3 ms; under churn 2,000 rows
of some 300 bytes at 5 copies are 3 MB a node, which the burst of 4 MiB covers; what
gathers for a few ms in busy queues adds to each hop, so some 10 ms.
NetworkDB tells 3 nodes at each tick of 200 ms. Its figures are those that stand in the
message of that commit (github.com/moby/moby, libnetwork/networkdb), of the same
protocol in virtual time; where it published none, none stands here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isinf
from typing import Final

from benchmarks.charts import (
    Axis,
    Chart,
    Line,
    Picture,
    Whose,
    never_told,
    noted,
    runs_told,
)
from benchmarks.lab import OURS, Lab, Outcome, figure_spread
from benchmarks.values import Clock, Of, Question, Row, Spread, Target, question
from sim.options import Options

PUBLISHED: Final = "NetworkDB, published"
SIZES: Final = ((2, 3, 5, 10, 25), (3, 10))
"""How many nodes; fewer sizes when it must be quick."""
NAMES: Final = {"p50_s": "half", "p90_s": "90 %", "max_s": "all"}


@dataclass(frozen=True, slots=True)
class Part:
    """One half of the protocol: our targets and its published figures, in s by size."""

    name: str
    settings: dict[str, str]
    targets_s: dict[tuple[int, str], float]
    published_s: dict[tuple[int, str], float]


PARTS: Final = (
    Part(
        name="quiet",
        settings={"churn": "0", "junk": "0"},
        targets_s={(2, "p50_s"): 0.005, (3, "p50_s"): 0.005, (25, "p50_s"): 0.010},
        published_s={(2, "p50_s"): 0.2, (3, "p50_s"): 0.2, (25, "p50_s"): 0.8},
    ),
    Part(
        name="churn",
        settings={},
        targets_s={
            (10, "p50_s"): 0.020,
            (25, "p50_s"): 0.030,
            (25, "p90_s"): 0.300,
            (25, "max_s"): 3.0,
        },
        published_s={
            (10, "p50_s"): 0.4,
            (25, "p50_s"): 1.4,
            (25, "p90_s"): 11.0,
            (25, "max_s"): 58.2,
        },
    ),
)


def answer(lab: Lab) -> list[Row | Picture]:
    """Run both halves at every size."""
    found: list[Row | Picture] = []
    for part in PARTS:
        sizes, bare = SIZES[lab.quick], Options("table-churn", profile=OURS)
        kinds = [replace(bare, nodes=n, settings=dict(part.settings)) for n in sizes]
        every = lab.simulate_each([(one, lab.seeds(20, 1)) for one in kinds])
        rows = {n: _rows(part, n, one) for n, one in zip(sizes, every, strict=True)}
        found += [row for some in rows.values() for row in some.values()]
        found.append(_chart(part, rows))
    return found


def _rows(part: Part, nodes: int, outcomes: list[Outcome]) -> dict[str, Row]:
    return {figure: _row(part, nodes, figure, outcomes) for figure in NAMES}


def _row(part: Part, nodes: int, figure: str, outcomes: list[Outcome]) -> Row:
    target_s = part.targets_s.get((nodes, figure))
    theirs_s = part.published_s.get((nodes, figure))
    return Row(
        measure=f"{part.name}, N={nodes}: {NAMES[figure]} of the timed writes shown",
        unit="s",
        clock=Clock.VIRTUAL,
        ours=figure_spread(OURS, figure, outcomes),
        peer=None if theirs_s is None else Spread(PUBLISHED, 1, theirs_s, None, None),
        targets=() if target_s is None else (Target(Of.MEDIAN, target_s),),
        violations=sum(outcome.violated for outcome in outcomes),
        note="the peer's figures are published ones, not from this run",
    )


def _chart(part: Part, rows: dict[int, dict[str, Row]]) -> Chart:
    lines = [
        Line(f"swarmnet, {name}", Whose.OURS, _points(rows, figure))
        for figure, name in NAMES.items()
    ]
    lines += [
        Line(f"{PUBLISHED}, {name}", Whose.PEER, points)
        for figure, name in NAMES.items()
        if (points := _published(part, figure))
    ]
    return Chart(
        name=part.name,
        title=f"NetworkDB's protocol, {part.name}: until a write is shown by all",
        clock=Clock.VIRTUAL,
        x=Axis("nodes"),
        y=Axis("time until all show it", "s", is_log=True),
        lines=tuple(lines),
        note=_note(rows),
    )


def _note(rows: Mapping[int, Mapping[str, Row]]) -> str:
    runs = [one.ours.runs for some in rows.values() for one in some.values()]
    never = {
        name: [n for n, some in rows.items() if isinf(some[figure].ours.median)]
        for figure, name in NAMES.items()
    }
    return noted(runs_told(runs), "NetworkDB's as published", never_told(never))


def _points(
    rows: dict[int, dict[str, Row]], figure: str
) -> tuple[tuple[float, float], ...]:
    medians = ((nodes, some[figure].ours) for nodes, some in rows.items())
    return tuple((n, ours.median) for n, ours in medians if not isinf(ours.median))


def _published(part: Part, figure: str) -> tuple[tuple[float, float], ...]:
    return tuple((n, s) for (n, one), s in part.published_s.items() if one == figure)


QUESTION: Final[Question] = question("networkdb", __doc__, answer)
"""NetworkDB's protocol; see `sim.scenarios.table_churn`."""
