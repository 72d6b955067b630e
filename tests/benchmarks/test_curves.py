"""Curves of a payload: Serf's formula, and rows and charts that say the same."""

from math import exp

import pytest

from benchmarks import curves
from benchmarks.charts import Chart, Whose
from benchmarks.curves import GOSSIP, LEVELS, TOLD, Gossip, Size, answer
from benchmarks.lab import OURS, PEER, Lab
from benchmarks.values import Row


def serf(nodes: int, loss: float, rounds: float) -> float:
    """Return the informed share as Serf's page computes it."""
    contact = (3 / nodes) * (1 - loss) * 0.5
    return 1 / (1 + (nodes + 1) * exp(-contact * nodes * rounds))


@pytest.mark.parametrize("loss", [0.0, 0.05, 0.2])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.99])
def test_the_formula_is_serfs(loss: float, share: float) -> None:
    at_s = GOSSIP[PEER].time_s(1000, loss, share)
    assert serf(1000, loss, at_s / 0.2) == pytest.approx(share)


def test_the_formula_gives_what_the_question_says_of_it() -> None:
    assert GOSSIP[PEER].time_s(1000, 0.0, 0.5) == pytest.approx(0.92, abs=0.005)
    assert GOSSIP[OURS] == Gossip(0.001, 6)


@pytest.mark.slow
def test_charts_and_rows_say_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curves, "SIZES", (Size(12, (3, 3), (3, 3)),))
    with Lab(1, quick=True) as lab:
        found = answer(lab)
    rows = {one.measure: one for one in found if isinstance(one, Row)}
    charts = {one.name: one for one in found if isinstance(one, Chart)}
    assert list(charts) == [
        "n12",
        "n12-formula-0",
        "n12-formula-5",
        "n12-formula-20",
    ]
    ours, peer, *formulas = charts["n12-formula-5"].lines
    assert [one.whose for one in formulas] == [Whose.FORMULA] * 2
    for line, is_ours in ((ours, True), (peer, False)):
        at_s = {level: x for x, level in line.points}
        for level, words in TOLD.items():
            row = rows[f"N=12, loss 5%: to {words}"]
            spread = row.ours if is_ours else row.peer
            assert spread is not None
            assert at_s[float(level)] == spread.median
    (half,) = [x for x, level in formulas[1].points if level == 50.0]
    beside = rows["N=12, loss 5%: to half, memberlist"]
    assert beside.ours.name == PEER
    assert beside.peer is not None
    assert beside.peer.median == half


def test_every_row_has_its_place_among_the_levels() -> None:
    assert set(TOLD) <= set(LEVELS)
