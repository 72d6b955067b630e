"""How does the informed share of the nodes grow after one payload is published?

Expected: ours informs N nodes over six neighbours each in hops of 0.5 to 1.5 ms, the
curve of an epidemic without a clock: 1,000 in 6 ms, half of them in 4. memberlist tells
3 others at each tick of 200 ms, so its curve is the same, some 130 times as long.

Serf's documentation has a "convergence simulator", which is a formula: after r rounds

    x(r) = 1 / (1 + (n + 1) * exp(-0.5 * fanout * (1 - loss) * (1 - failed) * r))

of n nodes are informed, a round being one gossip interval (0.2 s), the fanout 3
(hashicorp/serf, website/source/assets/javascripts/_simulator.js). Half of 1,000 take
ln(1001) / 1.5 = 4.6 rounds, 0.92 s. Its factor of 0.5 makes it pessimistic: the real
curve, in which all whom a tick reaches pass it on at their own next tick, should lie
left of it. For ours a round is a hop of 1 ms on average and the fanout 6; but each of
ours tells its neighbours once and no more, where the formula lets all tell others in
every round: 99 % should come later than it says.
"""

from dataclasses import dataclass
from math import ceil, log
from typing import Final

from benchmarks.charts import Axis, Chart, Line, Picture, Whose
from benchmarks.lab import OURS, PEER, Lab
from benchmarks.values import Clock, Question, Row, Spread, question, spread
from sim.options import Options
from sim.run import run

LEVELS: Final = (1, 2, *range(5, 100, 5), 97, 99, 100)
"""Percents of the nodes whose time is drawn."""
TOLD: Final = {50: "half", 90: "90 %", 99: "99 %", 100: "all"}
"""Percents whose time is a row, and how it calls them."""
LOSSES: Final = (0.0, 0.05, 0.2)
WATCH_S: Final = 10.0
"""So long a run lasts at most: who is not informed some 7 s after is never."""
FORMULA: Final = "Serf's formula"
PUBLISHED: Final = Axis("time since it was published", "s", is_log=True)
HELD: Final = Axis("nodes that hold it", "%")


@dataclass(frozen=True, slots=True)
class Size:
    """A number of nodes, and its seeds, full and quick; none: left out.

    A run of memberlist's at 20 % loss and 1,000 nodes costs a minute of CPU.
    """

    nodes: int
    seeds: tuple[int, int]
    peer_seeds_lossy: tuple[int, int]


SIZES: Final = (
    Size(200, seeds=(50, 5), peer_seeds_lossy=(50, 5)),
    Size(1000, seeds=(20, 0), peer_seeds_lossy=(3, 0)),
)


@dataclass(frozen=True, slots=True)
class Gossip:
    """What the formula is told of a protocol: a round's length in s, and its fanout."""

    round_s: float
    fanout: float

    def contact(self, loss: float) -> float:
        """Return the exponent of one round; no node has failed."""
        return 0.5 * self.fanout * (1 - loss)

    def time_s(self, nodes: int, loss: float, share: float) -> float:
        """Return after how long a share between 0 and 1 is informed."""
        odds = (nodes + 1) * share / (1 - share)
        return log(odds) / self.contact(loss) * self.round_s


GOSSIP: Final = {OURS: Gossip(0.001, 6), PEER: Gossip(0.2, 3)}


@dataclass(frozen=True, slots=True)
class Informed:
    """Of one run: when each of `LEVELS` was reached, in s, None if never."""

    times_s: tuple[float | None, ...]
    violated: bool


def observe(options: Options) -> Informed:
    """Run the simulator once, and read its curve."""
    result = run(options)
    assert result.curve is not None, "a payload is published"
    times_s = [at_s for at_s, _ in result.curve.points]
    counts = [ceil(result.nodes * level / 100) for level in LEVELS]
    reached = (times_s[n - 1] if n <= len(times_s) else None for n in counts)
    return Informed(tuple(reached), bool(result.violations))


@dataclass(frozen=True, slots=True)
class Course:
    """The runs of one profile at one size and loss."""

    name: str
    runs: tuple[Informed, ...]

    def at(self, level: int) -> Spread:
        """Return the spread of the time until a level is reached."""
        place = LEVELS.index(level)
        return spread(self.name, [one.times_s[place] for one in self.runs])

    def points(self) -> tuple[tuple[float, float], ...]:
        """Return the medians, as far as most runs got; a point at 0 s has no place."""
        medians = ((self.at(level).median, level) for level in LEVELS)
        return tuple((at_s, float(n)) for at_s, n in medians if 0 < at_s < WATCH_S)


@dataclass(frozen=True, slots=True)
class Case:
    """Both profiles at one size and loss."""

    nodes: int
    loss: float
    ours: Course
    peer: Course

    def rows(self) -> list[Row]:
        """Return the times to some shares, and how far the formula is from them."""
        case = f"N={self.nodes}, loss {self.loss:.0%}:"
        violations = sum(one.violated for one in self.ours.runs)
        rows = [
            Row(
                measure=f"{case} to {words}",
                unit="s",
                clock=Clock.VIRTUAL,
                ours=self.ours.at(level),
                peer=self.peer.at(level),
                violations=violations,
            )
            for level, words in TOLD.items()
        ]
        return [*rows, *(self._beside(one) for one in (self.ours, self.peer))]

    def _beside(self, course: Course) -> Row:
        gossip = GOSSIP[course.name]
        half_s = gossip.time_s(self.nodes, self.loss, 0.5)
        return Row(
            measure=f"N={self.nodes}, loss {self.loss:.0%}: to half, {course.name}",
            unit="s",
            clock=Clock.VIRTUAL,
            ours=course.at(50),
            peer=Spread(FORMULA, 1, half_s, half_s, half_s),
            note=f"beside {_formula(course.name)}",
        )


def _formula(profile: str) -> str:
    gossip = GOSSIP[profile]
    told = f"fanout {gossip.fanout:g}, rounds of {1000 * gossip.round_s:g} ms"
    return f"{FORMULA} for {profile}: {told}"


def answer(lab: Lab) -> list[Row | Picture]:
    """Publish one payload of 100 bytes at two sizes, under three losses."""
    rows: list[Row] = []
    charts: list[Chart] = []
    for size in SIZES:
        if not lab.seeds(*size.seeds):
            continue
        cases = [_case(lab, size, loss) for loss in LOSSES]
        rows += [row for case in cases for row in case.rows()]
        charts += [measured(cases), *map(beside_formula, cases)]
    return [*rows, *charts]


def _case(lab: Lab, size: Size, loss: float) -> Case:
    seeds = lab.seeds(*size.seeds)
    peer_seeds = lab.seeds(*size.peer_seeds_lossy) if loss == LOSSES[-1] else seeds
    tasks = [
        Options("update", size.nodes, seed, profile, loss, duration_s=WATCH_S)
        for profile, of_profile in ((OURS, seeds), (PEER, peer_seeds))
        for seed in of_profile
    ]
    runs = lab.map(f"update N={size.nodes}, loss {loss:.0%}", observe, tasks)
    ours, peer = tuple(runs[: len(seeds)]), tuple(runs[len(seeds) :])
    return Case(size.nodes, loss, Course(OURS, ours), Course(PEER, peer))


def measured(cases: list[Case]) -> Chart:
    """Return the medians of both profiles under all losses."""
    courses = [
        (f"{one.name}, loss {case.loss:.0%}", whose, one.points())
        for whose in (Whose.OURS, Whose.PEER)
        for case in cases
        for one in ((case.ours,) if whose is Whose.OURS else (case.peer,))
    ]
    nodes = cases[0].nodes
    return Chart(
        name=f"n{nodes}",
        title=f"One payload in a cluster of {nodes:,}: who holds it",
        clock=Clock.VIRTUAL,
        x=PUBLISHED,
        y=HELD,
        lines=tuple(Line(*course) for course in courses),
        note=_runs(cases[0]),
    )


def _runs(case: Case) -> str:
    return f"medians of {len(case.ours.runs)} and {len(case.peer.runs)} runs"


def beside_formula(case: Case) -> Chart:
    """Return the medians of both profiles, and the formula with the figures of each."""
    lines = [
        Line(one.name, whose, one.points())
        for one, whose in ((case.ours, Whose.OURS), (case.peer, Whose.PEER))
    ]
    for name, gossip in GOSSIP.items():
        shares = [level / 100 for level in LEVELS[:-1]]
        times_s = [gossip.time_s(case.nodes, case.loss, share) for share in shares]
        points = tuple(
            (at_s, 100 * share)
            for at_s, share in zip(times_s, shares, strict=True)
            if at_s > 0
        )
        lines.append(Line(_formula(name), Whose.FORMULA, points))
    percent = f"{case.loss:.0%}".rstrip("%")
    return Chart(
        name=f"n{case.nodes}-formula-{percent}",
        title=f"One payload in a cluster of {case.nodes:,}, loss {case.loss:.0%}:"
        " measured, and by Serf's formula",
        clock=Clock.VIRTUAL,
        x=PUBLISHED,
        y=HELD,
        lines=tuple(lines),
        note=_runs(case) + "; the formula has no last node, and ends at 99 %",
    )


QUESTION: Final[Question] = question("curves", __doc__, answer)
