"""What each node sees alive while a cut heals, as curves and maps of heat."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from benchmarks.charts import Axis, Chart, HeatMap, Line, Whose
from benchmarks.lab import Lab
from benchmarks.values import Clock
from sim.course import Views
from sim.options import Options
from sim.run import run

COLUMNS: Final = 100
PER_DECADE: Final = 20
CURVE_S: Final = (0.001, 100.0)
"""From when to when curves are drawn, since the cable is back."""
SINCE: Final = Axis("time since the cable is back", "s")
SEEN: Final = Axis("other members that a node holds alive", "%")
NOTE: Final = "a suspect member is not counted as alive"


@dataclass(frozen=True, slots=True)
class Case:
    """One run to be seen: its name in pictures, and how long its map shows, in s.

    One without a length has no map. The cable is back at `healed_s` of the run.
    """

    name: str
    whose: Whose
    options: Options
    healed_s: float
    map_s: float | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """Of one run, in percent of the others: what nodes hold at some times.

    `cells` has a row a node; those on the smaller side of the cut come first.
    """

    map_s: tuple[float, ...]
    cells: tuple[tuple[float, ...], ...]
    curve: tuple[tuple[float, float], ...]


def watched(case: Case) -> Seen:
    """Run the simulator once, and look at all views."""
    views = Views()
    duration_s = case.healed_s + CURVE_S[1]
    result = run(replace(case.options, duration_s=duration_s), course=views)
    nodes = result.nodes
    # A result's time is rounded, perhaps to just before the change that ended the run.
    end_s = max(result.simulated_s, views.changes[-1][0])
    times_s = _curve_times(case.healed_s, end_s)
    means = zip(*_percent(views, times_s, nodes), strict=True)
    curve = tuple(
        (at_s - case.healed_s, sum(of_all) / nodes)
        for at_s, of_all in zip(times_s, means, strict=True)
    )
    if case.map_s is None:
        return Seen((), (), curve)
    map_s = [case.map_s * column / COLUMNS for column in range(COLUMNS + 1)]
    columns_s = [case.healed_s + at_s for at_s in map_s]
    cells = sorted(_percent(views, columns_s, nodes), key=lambda row: row[0])
    return Seen(tuple(map_s), tuple(map(tuple, cells)), curve)


def _curve_times(healed_s: float, end_s: float) -> list[float]:
    """Return times of the run: evenly spaced on a logarithmic scale, and its end."""
    steps = range(PER_DECADE * 10)
    times_s = (healed_s + CURVE_S[0] * 10 ** (step / PER_DECADE) for step in steps)
    return [*(at_s for at_s in times_s if at_s < end_s), end_s]


def _percent(views: Views, times_s: Sequence[float], nodes: int) -> list[list[float]]:
    rows = views.at(times_s, nodes)
    return [[round(100 * held / (nodes - 1), 2) for held in row] for row in rows]


def pictures(lab: Lab, cases: Sequence[Case]) -> list[Chart | HeatMap]:
    """Return a chart of all cases, and the maps of those that have one."""
    seen = lab.map("views while it heals", watched, cases)
    pairs = list(zip(cases, seen, strict=True))
    return [_chart(pairs), *(_map(case, one) for case, one in pairs if one.cells)]


def _chart(pairs: Sequence[tuple[Case, Seen]]) -> Chart:
    nodes = pairs[0][0].options.nodes
    return Chart(
        name="views",
        title=f"A cut of {nodes} nodes heals: members seen alive, on average",
        clock=Clock.VIRTUAL,
        x=Axis(SINCE.label, SINCE.unit, is_log=True),
        y=SEEN,
        lines=tuple(Line(case.name, case.whose, one.curve) for case, one in pairs),
        note=f"mean over the nodes; {_seed(pairs[0][0])}; {NOTE}; a line ends with"
        " its run, at one view or at the end of what is drawn",
    )


def _map(case: Case, seen: Seen) -> HeatMap:
    return HeatMap(
        name=f"map-{case.options.profile}",
        title=f"{case.name}: what each node sees alive while a cut heals",
        clock=Clock.VIRTUAL,
        x=SINCE,
        y=Axis("node, those on the smaller side first", "number"),
        value=SEEN,
        xs=seen.map_s,
        ys=tuple(map(float, range(len(seen.cells)))),
        cells=seen.cells,
        note=f"{_seed(case)}; {NOTE}; after the run's end its last views stand",
        low=0.0,
        high=100.0,
    )


def _seed(case: Case) -> str:
    return f"one run, seed {case.options.seed}"
