"""A small question and what it found: a row of each kind, and each kind of picture."""

from math import inf
from typing import Final

from benchmarks.charts import Axis, Chart, HeatMap, Line, Picture, Whose
from benchmarks.report import Answer, Place
from benchmarks.values import Clock, Of, Row, Spread, Target

PLACE: Final = Place("Linux <6>, 2 cores", "3.13.1", "abc1234")
COMMAND: Final = "python -m benchmarks run toy --quick"
SLOW: Final = Row(
    measure="time to <all> & $more",
    unit="s",
    clock=Clock.VIRTUAL,
    ours=Spread("swarmnet", 3, 0.5, 0.9, inf, never=1, values=(0.4, 0.5, inf)),
    peer=Spread("memberlist", 3, 2.0, 2.0, 2.0),
    targets=(Target(Of.MEDIAN, 0.2), Target(Of.WORST, 1.0)),
    note="of <three>",
)
WRONG: Final = Row(
    measure="false deaths",
    unit="",
    clock=Clock.VIRTUAL,
    ours=Spread("swarmnet", 3, 0.0, None, 0.0),
    peer=Spread("memberlist", 3, inf, inf, inf, never=3),
    violations=2,
    note="of <three>",
)
FAST: Final = Row(
    measure="speed",
    unit="s/s",
    clock=Clock.WALL,
    ours=Spread("swarmnet", 1234, 12.0, 12.0, 12.0),
    targets=(Target(Of.MEDIAN, 10.0, at_least=True),),
)
ROWS: Final = (FAST, SLOW, WRONG)


def rising(name: str, whose: Whose, factor: float, *, points: int = 40) -> Line:
    """Return a line of some points, that rises."""
    places = range(1, points + 1)
    return Line(name, whose, tuple((factor * n, 100 * n / points) for n in places))


CURVES: Final = Chart(
    name="curves",
    title="Who holds <it> for $1 and $2",
    clock=Clock.VIRTUAL,
    x=Axis("time since it was published", "s", is_log=True),
    y=Axis("nodes that hold it", "%"),
    lines=(
        rising("ours, loss 0 %", Whose.OURS, 0.0001),
        rising("ours, loss 20 %", Whose.OURS, 0.00012),
        rising("theirs, loss 0 %", Whose.PEER, 0.02),
        rising("theirs, loss 20 %", Whose.PEER, 0.03),
        rising("a formula", Whose.FORMULA, 0.04),
        rising("another formula", Whose.FORMULA, 0.05),
    ),
    note="medians of 5 runs",
)
TRADE: Final = Chart(
    name="trade",
    title="Speed against error",
    clock=Clock.WALL,
    x=Axis("false deaths", "/min", is_log=True),
    y=Axis("nodes"),
    lines=(
        Line("ours", Whose.OURS, ((0, 4), (20, 2)), is_joined=False, labels=("a", "b")),
        Line("theirs", Whose.PEER, ((0.5, 8),)),
        Line("nobody's", Whose.PEER, ()),
    ),
)
HEALING: Final = HeatMap(
    name="map",
    title="A cut heals",
    clock=Clock.VIRTUAL,
    x=Axis("time since the cable is back", "s"),
    y=Axis("node", "number"),
    value=Axis("members seen alive", "%"),
    xs=(0.0, 0.1, 0.2),
    ys=(0.0, 1.0),
    cells=((40.0, 70.0, 100.0), (60.0, 90.0, 100.0)),
    low=0.0,
    high=100.0,
)
PICTURES: Final[tuple[Picture, ...]] = (CURVES, TRADE, HEALING)
ANSWER: Final = Answer("toy", "How slow is <it>?", ROWS, PICTURES)
