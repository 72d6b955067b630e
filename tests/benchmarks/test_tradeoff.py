"""Speed against error: rows and charts say the same, each beside a peer's."""

import pytest

from benchmarks import tradeoff
from benchmarks.charts import Chart
from benchmarks.lab import Lab
from benchmarks.tradeoff import ALL, DIALS, FIRST, Seen, answer
from benchmarks.values import Row
from sim.options import Options
from sim.run import check


def imagined(options: Options) -> Seen:
    """Return what a run might have come to: hastier is faster, and wrong."""
    (patience,) = (
        float(options.settings[dial.key])
        for dial in DIALS
        if dial.profile == options.profile
    )
    times_s = {FIRST: patience, ALL: patience + options.seed}
    return Seen(round(4 / patience), times_s, violated=False)


def test_every_setting_can_be_run() -> None:
    for dial in DIALS:
        assert dial.default in dial.values
        assert set(dial.quick) <= set(dial.values)
        for value in dial.values:
            check(Options("crash", 32, 1, dial.profile, settings=dial.settings(value)))


def test_charts_and_rows_say_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tradeoff, "observe", imagined)
    with Lab(1, quick=True) as lab:
        found = answer(lab)
    rows = {one.measure: one for one in found if isinstance(one, Row)}
    first, all_dead = (one for one in found if isinstance(one, Chart))
    assert (first.name, all_dead.name) == ("first-dead", "all-dead")
    ours = all_dead.lines[0]
    assert ours.labels == ("4", "2", "0.5")
    assert ours.points == ((1.0, 5.5), (2.0, 3.5), (8.0, 2.0))
    wrong = rows["swarmnet, suspicion 0.5 s: false deaths"]
    late = rows["swarmnet, suspicion 0.5 s: all dead"]
    assert (wrong.ours.median, late.ours.median) == ours.points[-1]
    assert wrong.peer is not None
    assert wrong.peer.name == "memberlist, mult 4"
    judged = rows["the defaults: first dead"]
    assert [target.limit for target in judged.targets] == [4.0]
    assert len(rows) == 3 * sum(len(dial.quick) for dial in DIALS) - 3
