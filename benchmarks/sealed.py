"""What do real channels add to a cluster's traffic and to the time of its news?

Expected: an idle node of a thousand pings somebody else each second, to whom it has no
session for the first quarter of an hour, so each ping is a handshake's first packet of
some 190 bytes, and its ack the second, of some 150: 340 bytes received per second, and
less once sessions stand. A session's new keys cost the same once an hour. News goes to
ring neighbours, with whom sessions stand beforehand: it takes no packet more, and no
longer. The peer is the same engine without channels, whose packets are counted as if
each had 48 bytes more.
"""

from dataclasses import replace
from typing import Final

from benchmarks.lab import Lab, Outcome, figure_spread
from benchmarks.values import Clock, Of, Question, Row, Spread, Target, question
from sim.options import Options

NODES: Final = (1000, 100)
"""In a full run and in a quick one."""
BYTES_S: Final = 600.0
TIME_SHARE: Final = 2.0
PACKETS_SHARE: Final = 1.1
ON: Final = {"channels": "on"}
REKEYING: Final = {**ON, "rekey_age_s": "20", "life_s": "60"}
"""A hundred and eighty times as often as by default."""


def answer(lab: Lab) -> list[Row]:
    """Measure `idle` and `update` with channels on, beside the same without."""
    return [*_idle(lab), *_update(lab)]


def _idle(lab: Lab) -> list[Row]:
    seeds = lab.seeds(20, 1)
    rows = []
    for case, nodes, seconds, settings in (
        ("sessions made as they are needed", NODES[lab.quick], 60.0, ON),
        ("new keys every 20 s", 200, 120.0, REKEYING),
    ):
        duration_s = seconds / 6 if lab.quick else seconds
        options = Options("idle", nodes, duration_s=duration_s, settings=settings)
        bare = replace(options, settings={})
        sealed, plain = lab.simulate_each([(options, seeds), (bare, seeds)])
        rows.append(
            _row(
                f"N={nodes}, idle, {case}: received by a node",
                (sealed, plain),
                ("bytes", "B/s"),
                Target(Of.WORST, BYTES_S),
            )
        )
    return rows


def _update(lab: Lab) -> list[Row]:
    seeds = lab.seeds(20, 1)
    nodes = NODES[lab.quick]
    options = Options("update", nodes, settings=ON)
    bare = replace(options, settings={})
    sealed, plain = lab.simulate_each([(options, seeds), (bare, seeds)])
    runs = sealed, plain
    rows = []
    for figure, unit, share in (
        ("all_s", "s", TIME_SHARE),
        ("packets", "", PACKETS_SHARE),
    ):
        limit = share * figure_spread("", figure, runs[1]).median
        target = Target(Of.MEDIAN, limit)
        measure = f"N={nodes}, update: {figure}"
        rows.append(_row(measure, runs, (figure, unit), target))
    return rows


def _row(
    measure: str,
    runs: tuple[list[Outcome], list[Outcome]],
    figure: tuple[str, str],
    target: Target,
) -> Row:
    name, unit = figure
    ours: Spread = figure_spread("channels on", name, runs[0])
    return Row(
        measure=measure,
        unit=unit,
        clock=Clock.VIRTUAL,
        ours=ours,
        peer=figure_spread("channels off", name, runs[1]),
        targets=(target,),
        violations=sum(outcome.violated for outcome in runs[0]),
    )


QUESTION: Final[Question] = question("sealed", __doc__, answer)
