"""What is seen alive while a cut heals: maps and curves of the same views."""

import pytest

from benchmarks.charts import Chart, HeatMap, Whose
from benchmarks.healing import COLUMNS, Case, pictures, watched
from benchmarks.lab import Lab
from sim.options import Options
from sim.run import run

SETTINGS = {"at_s": "3.0", "length_s": "10.0"}
OPTIONS = Options("partition", nodes=10, settings=SETTINGS)
CASE = Case("swarmnet", Whose.OURS, OPTIONS, healed_s=13.0, map_s=5.0)


@pytest.mark.slow
def test_a_cut_is_seen_from_both_sides_until_there_is_one_view() -> None:
    seen = watched(CASE)
    first = [row[0] for row in seen.cells]
    # Four of ten see three others, six see five.
    assert first == [33.33] * 4 + [55.56] * 6
    assert {row[-1] for row in seen.cells} == {100.0}
    assert len(seen.map_s) == COLUMNS + 1
    heal_s = run(OPTIONS).figures["heal_s"]
    last_s, last = seen.curve[-1]
    assert last == 100.0
    # Figures are rounded to a microsecond.
    assert last_s == pytest.approx(heal_s, abs=1e-6)
    assert all(mean < 100.0 for _, mean in seen.curve[:-1])


@pytest.mark.slow
def test_a_case_without_a_length_has_no_map() -> None:
    core = Options("partition", 10, profile="memberlist", settings=SETTINGS)
    with Lab(1, quick=True) as lab:
        chart, *maps = pictures(lab, [CASE, Case("core", Whose.PEER, core, 13.0)])
    assert isinstance(chart, Chart)
    assert [line.name for line in chart.lines] == ["swarmnet", "core"]
    (heat,) = maps
    assert isinstance(heat, HeatMap)
    assert (heat.name, heat.low, heat.high) == ("map-swarmnet", 0.0, 100.0)
