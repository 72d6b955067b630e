"""What does a faster failure detector cost in healthy nodes that are held dead?

Expected: a curve with a knee. While a fifth of all packets is lost and a tenth of the
nodes stops for 1 to 2 s again and again, whoever waits less than such a stop is wrong
whenever one falls on a probe; whoever waits longer is next to never wrong, and each
further second is a second lost. So at suspicions of 2 s and more ours should have no
false death, below 2 s many, and at 0.5 s some for every stop. memberlist waits 4 s at
least and six times as long while nobody confirms; at a quarter of that, 1.5 s among 32,
it should begin to be wrong. Lifeguard's rules wait 5 periods times log10(N) and differ
from memberlist's, which came of them, in little but the slower probes.

Each point is one setting of the timeouts of one set of rules, all else at its defaults:
ours `suspicion_min_s` (with `suspicion_max_s` three times that, as by default),
memberlist's `suspicion_mult`, Lifeguard's `alpha`. Further down is faster, further left
less often wrong. After 27 s in which nobody has died a process is killed, and the run
goes on until all know; false deaths are (observer, subject) pairs of running nodes, the
stopped ones included, divided by the minutes of the run.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isfinite
from typing import Final

from benchmarks.charts import Axis, Chart, Line, Picture, Whose, never_told, noted
from benchmarks.lab import OURS, PEER, Lab
from benchmarks.values import (
    Clock,
    Of,
    Question,
    Row,
    Spread,
    Target,
    in_order,
    question,
    spread,
)
from sim.options import Figure, Options
from sim.run import run

NODES: Final = 32
LOSS: Final = 0.2
PAUSED: Final = 0.1
CRASH_S: Final = 27.0
WATCH_S: Final = 90.0
CASE: Final = f"N={NODES}, loss {LOSS:.0%}, {PAUSED:.0%} of the nodes stop for 1 to 2 s"
LIFEGUARD: Final = "lifeguard"
FIRST: Final = "first_dead_s"
ALL: Final = "all_dead_s"
TIMES: Final = {FIRST: "first dead", ALL: "all dead"}
UNTIL: Final = {
    FIRST: "until a first node holds the victim dead",
    ALL: "until all nodes hold the victim dead",
}
WRONG: Final = Axis("running nodes held dead by an observer", "pairs/min", is_log=True)


@dataclass(frozen=True, slots=True)
class Dial:
    """What is turned in one set of rules: a setting's values, and its default.

    `called` is what rows call one value; `spans` are other settings that go with it,
    each a factor of it.
    """

    profile: str
    whose: Whose
    key: str
    called: str
    values: tuple[float, ...]
    default: float
    quick: tuple[float, ...]
    spans: Mapping[str, float]

    def settings(self, value: float) -> dict[str, str]:
        """Return the settings of a profile at one value."""
        of_spans = {key: f"{value * factor:g}" for key, factor in self.spans.items()}
        return {self.key: f"{value:g}", **of_spans}

    def name(self, value: float) -> str:
        """Return what one value is called."""
        return f"{self.profile}, {self.called.format(value)}"


DIALS: Final = (
    Dial(
        profile=OURS,
        whose=Whose.OURS,
        key="suspicion_min_s",
        called="suspicion {:g} s",
        values=(0.5, 1.0, 1.5, 2.0, 3.0, 4.0),
        default=2.0,
        quick=(0.5, 2.0, 4.0),
        spans={"suspicion_max_s": 3.0},
    ),
    Dial(
        profile=PEER,
        whose=Whose.PEER,
        key="suspicion_mult",
        called="mult {:g}",
        values=(1, 2, 3, 4, 6),
        default=4,
        quick=(1, 4),
        spans={},
    ),
    Dial(
        profile=LIFEGUARD,
        whose=Whose.PEER,
        key="alpha",
        called="alpha {:g}",
        values=(0.5, 1, 2, 3, 4, 5),
        default=5,
        quick=(1, 5),
        spans={},
    ),
)


@dataclass(frozen=True, slots=True)
class Seen:
    """Of one run: false pairs a minute, times of detection in s, None if never."""

    wrong_min: float
    times_s: Mapping[str, Figure]
    violated: bool


def observe(options: Options) -> Seen:
    """Run the simulator once."""
    result = run(options)
    count = result.figures["false_dead"]
    assert count is not None, "it is a count"
    times_s = {key: result.figures[key] for key in TIMES}
    minutes = result.simulated_s / 60
    return Seen(count / minutes, times_s, bool(result.violations))


@dataclass(frozen=True, slots=True)
class Point:
    """The runs of one setting."""

    name: str
    profile: str
    runs: tuple[Seen, ...]

    def wrong(self) -> Spread:
        """Return the false deaths a minute: a mean, for most runs may have none."""
        rates = [one.wrong_min for one in self.runs]
        return Spread(
            name=self.name,
            runs=len(rates),
            median=sum(rates) / len(rates),
            p90=None,
            worst=max(rates),
            values=tuple(sorted(rates)),
            series=in_order(rates),
        )

    def time(self, key: str) -> Spread:
        """Return the spread of a time of detection."""
        return spread(self.name, [one.times_s[key] for one in self.runs])


def answer(lab: Lab) -> list[Row | Picture]:
    """Turn each dial through its values, under the same faults.

    Each setting of ours stands beside memberlist's default; each of the peers', beside
    our own.
    """
    points = {dial.profile: _points(lab, dial) for dial in DIALS}
    defaults = {dial.profile: points[dial.profile][dial.default] for dial in DIALS}
    rows = _judged(defaults[OURS], defaults[PEER])
    for profile, of_profile in points.items():
        for point in of_profile.values():
            if profile == OURS and point is not defaults[OURS]:
                rows += _beside(point, defaults[PEER], point.name)
            elif profile != OURS and point is not defaults[PEER]:
                rows += _beside(defaults[OURS], point, point.name)
    return [*rows, *(_chart(points, key) for key in TIMES)]


def _points(lab: Lab, dial: Dial) -> dict[float, Point]:
    """Return the runs of each value, in order."""
    values = dial.quick if lab.quick else dial.values
    seeds = lab.seeds(10, 2)
    keys = {"paused": f"{PAUSED:g}", "at_s": f"{CRASH_S:g}"}
    tasks = [
        Options(
            "crash",
            NODES,
            seed,
            dial.profile,
            LOSS,
            duration_s=WATCH_S,
            settings={**keys, **dial.settings(value)},
        )
        for value in values
        for seed in seeds
    ]
    runs = lab.map(f"crash N={NODES}, {dial.profile}", observe, tasks)
    count = len(seeds)
    return {
        value: Point(
            dial.name(value),
            dial.profile,
            tuple(runs[place * count : (place + 1) * count]),
        )
        for place, value in enumerate(values)
    }


def _judged(ours: Point, peer: Point) -> list[Row]:
    """Return the defaults side by side: ours is faster, and no more often wrong."""
    wrong, *times = _beside(ours, peer, "the defaults")
    bound = Target(Of.MEDIAN, peer.wrong().median)
    return [
        replace(wrong, targets=(bound,)),
        *(
            replace(row, targets=(Target(Of.MEDIAN, row.peer.median),))
            for row in times
            if row.peer is not None
        ),
    ]


def _beside(ours: Point, peer: Point, case: str) -> list[Row]:
    """Return what two settings came to."""
    violations = sum(one.violated for one in ours.runs)
    wrong = Row(
        measure=f"{case}: false deaths",
        unit=WRONG.unit,
        clock=Clock.VIRTUAL,
        ours=ours.wrong(),
        peer=peer.wrong(),
        violations=violations,
        note=f"{CASE}; false deaths are a mean over the runs",
    )
    times = (
        replace(
            wrong,
            measure=f"{case}: {words}",
            unit="s",
            ours=ours.time(key),
            peer=peer.time(key),
        )
        for key, words in TIMES.items()
    )
    return [wrong, *times]


def _chart(points: Mapping[str, Mapping[float, Point]], key: str) -> Chart:
    return Chart(
        name=key.removesuffix("_s").replace("_", "-"),
        title="Speed against error: from a crash " + UNTIL[key],
        clock=Clock.VIRTUAL,
        x=WRONG,
        y=Axis(f"from the crash {UNTIL[key]}", "s"),
        lines=tuple(_line(dial, points[dial.profile], key) for dial in DIALS),
        note=noted(
            CASE,
            "a point is a setting: mean and median of"
            f" {len(next(iter(points[OURS].values())).runs)} runs",
            never_told(
                {
                    dial.profile: [
                        f"{dial.key}={value:g}"
                        for value, point in points[dial.profile].items()
                        if not isfinite(point.time(key).median)
                    ]
                    for dial in DIALS
                }
            ),
        ),
    )


def _line(dial: Dial, points: Mapping[float, Point], key: str) -> Line:
    """Return a profile's points, from the most patient setting to the hastiest."""
    shown = [
        (value, (point.wrong().median, point.time(key).median))
        for value, point in reversed(list(points.items()))
        if isfinite(point.time(key).median)
    ]
    return Line(
        f"{dial.profile}, by {dial.key} (default {dial.default:g})",
        dial.whose,
        tuple(place for _, place in shown),
        labels=tuple(f"{value:g}" for value, _ in shown),
    )


QUESTION: Final[Question] = question("tradeoff", __doc__, answer)
