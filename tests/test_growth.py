"""Fits of growth, and what the scaling studies say of them."""

from dataclasses import replace
from math import exp, inf, log

import pytest

from benchmarks import node_costs, scaling, scaling_endpoints
from benchmarks.budgets import Limit, limit_rows
from benchmarks.charts import Chart, Whose
from benchmarks.endpoint_costs import plan_cost, row_cost, traced_bytes
from benchmarks.growth import Fit, Law, Theory, best, power
from benchmarks.lab import OURS, PEER, Lab
from benchmarks.measured import MEMBERS, Measure, Measured, answered
from benchmarks.one_node import cost_of, held_bytes
from benchmarks.values import Clock, Row, spread
from sim.options import Options

SIZES = (10.0, 100.0, 1000.0, 10_000.0)
NOISE = (1.02, 0.98, 1.01, 0.99)
MEASURE = Measure("bytes", "received", "B/s", Theory.CONSTANT)


def of(values: tuple[float, ...], least: float = 0.0) -> Measured:
    """Return a measure with these medians at 10, 100 and so on."""
    spreads = {
        int(size): spread(OURS, [value])
        for size, value in zip(SIZES, values, strict=False)
    }
    return Measured(replace(MEASURE, least=least), Clock.VIRTUAL, spreads)


@pytest.mark.parametrize("exponent", [-0.5, 0.0, 0.3, 1.0, 2.0])
def test_a_power_is_recovered_from_its_points(exponent: float) -> None:
    fit = power([(size, 7.0 * size**exponent) for size in SIZES])
    assert [fit.a, fit.b] == pytest.approx([7.0, exponent])
    assert fit.residual == pytest.approx(0.0, abs=1e-9)
    assert fit.at(50.0) == pytest.approx(7.0 * 50.0**exponent)


@pytest.mark.parametrize(
    ("law", "values"),
    [
        (Law.POWER, [3 * size**0.5 for size in SIZES]),
        (Law.LOGARITHM, [1 + 0.7 * log(size) for size in SIZES]),
        (Law.STRAIGHT, [500 + 9 * size for size in SIZES]),
    ],
)
def test_the_law_that_made_the_points_is_the_best_despite_noise(
    law: Law, values: list[float]
) -> None:
    noisy = [value * noise for value, noise in zip(values, NOISE, strict=True)]
    fit = best(list(zip(SIZES, noisy, strict=True)))
    assert fit.law is law
    assert 0 < fit.residual < 0.03


def test_the_range_of_an_exponent_is_that_without_one_size_each() -> None:
    fit = power([(10, 1.0), (100, 10.0), (1000, 100.0), (10_000, 100.0)])
    without = [
        power([(100, 10.0), (1000, 100.0), (10_000, 100.0)]).b,
        power([(10, 1.0), (1000, 100.0), (10_000, 100.0)]).b,
        power([(10, 1.0), (100, 10.0), (10_000, 100.0)]).b,
        1.0,
    ]
    assert fit.left_out == pytest.approx(tuple(sorted(without)))
    assert fit.left_out[0] < fit.b < fit.left_out[-1]


@pytest.mark.parametrize(
    ("fit", "limit", "size"),
    [
        (Fit(Law.POWER, 2.0, 1.0), 2000.0, 1000.0),
        (Fit(Law.POWER, 2.0, 0.5), 200.0, 10_000.0),
        (Fit(Law.LOGARITHM, 1.0, 2.0), 5.0, exp(2.0)),
        (Fit(Law.STRAIGHT, 100.0, 2.0), 1100.0, 500.0),
        (Fit(Law.POWER, 2.0, -0.1), 2000.0, inf),
        (Fit(Law.STRAIGHT, 100.0, 2.0, left_out=(-0.1, 3.0)), 1100.0, inf),
        (Fit(Law.POWER, 2.0, 1e-4), 2000.0, inf),
    ],
)
def test_a_law_meets_a_limit_at_a_size_or_never(
    fit: Fit, limit: float, size: float
) -> None:
    assert fit.reaches(limit) == pytest.approx(size)


def test_laws_are_written_as_they_are_read() -> None:
    assert Fit(Law.POWER, 2.0, 0.5).text == "2 N^0.5"
    assert Fit(Law.LOGARITHM, 1.0, -2.0).text == "1 - 2 ln N"
    assert Fit(Law.STRAIGHT, 100.0, 2.0).text == "100 + 2 N"


def test_a_theory_is_an_exponent_over_some_sizes() -> None:
    assert Theory.CONSTANT.exponent(SIZES) == 0
    assert Theory.LINEAR.exponent(SIZES) == 1
    assert Theory.LOGARITHM.exponent(SIZES) == pytest.approx(0.198, abs=0.01)


def test_an_exponent_is_held_against_its_theory() -> None:
    (met,) = of((181.0, 182.0, 181.0, 180.0)).exponents()
    (missed,) = of((181.0, 500.0, 900.0, 2000.0)).exponents()
    gaps = [row.targets[0].gap(row.ours.median) for row in (met, missed)]
    assert gaps[0] <= 0 < gaps[1]
    assert met.measure == "received: exponent, 10 to 10,000"
    assert met.ours.runs == 4
    assert "theory O(1)" in met.note


def test_sizes_below_the_least_are_shown_and_not_fitted() -> None:
    measured = of((900.0, 181.0, 182.0, 181.0), least=100)
    assert [row.measure for row in measured.rows()] == [
        f"N={size}: received" for size in ("10", "100", "1,000", "10,000")
    ]
    assert abs(power(measured._fitted(measured.ours)).b) < 0.01
    assert len(measured.chart().lines[0].points) == 4
    assert min(x for x, _ in measured.chart().lines[1].points) == pytest.approx(100)


def test_a_chart_says_of_how_many_runs_and_where_there_was_none_that_got_there() -> (
    None
):
    never = spread("peer", [None, None])
    measured = replace(of((5.0, 6.0)), peer={10: spread("peer", [7.0]), 1000: never})
    assert measured.chart().note == (
        "of 1 to 2 runs; never, so without a point: peer at 1,000"
    )
    assert "one run each" in of((5.0, 6.0)).chart().note
    assert of((5.0, inf)).chart().note.endswith("point: swarmnet at 100")


def test_too_few_sizes_are_not_fitted() -> None:
    measured = of((5.0, 6.0))
    assert measured.exponents() == []
    assert [line.whose for line in measured.chart().lines] == [Whose.OURS]


def test_what_is_constant_in_theory_and_measure_meets_no_limit() -> None:
    assert of((181.0, 182.0, 183.0, 184.0)).reaches(21_000.0) == inf
    assert of((100.0, 200.0, 400.0, 800.0)).reaches(21_000.0) < inf


def test_the_first_budget_that_is_spent_is_told() -> None:
    limits = [
        Limit("the burst", Clock.VIRTUAL, 2000.0, "500 N"),
        Limit("one core", Clock.WALL, inf, "7 N^0"),
        Limit("memory", Clock.WALL, 100_000.0, "11 N"),
    ]
    rows = limit_rows(limits, MEMBERS.of)
    assert [row.ours.median for row in rows] == [2000.0, inf, 100_000.0, 2000.0]
    assert rows[-1].note == "first spent: the burst; 500 N"
    assert len(limit_rows(limits[1:2], MEMBERS.of)) == 1


# One node, run once more by itself.


@pytest.mark.slow
@pytest.mark.parametrize(
    ("profile", "settings"),
    [
        (OURS, {}),
        (PEER, {}),
        pytest.param(OURS, node_costs.WHOLE, marks=pytest.mark.slow),
    ],
)
def test_a_node_that_is_given_its_inputs_again_says_the_same(
    profile: str, settings: dict[str, str]
) -> None:
    options = Options("idle", 4, profile=profile, duration_s=2.0, settings=settings)
    cost = cost_of(options)
    assert len(cost.cpu_us_s) == 4
    assert all(0 < one < 1e6 for one in cost.cpu_us_s)
    assert cost.peak_bytes > 2**20


@pytest.mark.slow
def test_what_a_node_holds_grows_with_the_members() -> None:
    options = Options("idle", profile=OURS)
    # Each in a fresh process: what earlier tests have cached would be missed.
    with Lab(1, quick=True) as lab:
        few, many = (
            lab.alone("held", held_bytes, replace(options, nodes=nodes))
            for nodes in (20, 60)
        )
    assert 1000 < (many - few) / 40 < 10_000


@pytest.mark.slow
def test_rows_and_endpoints_have_their_costs() -> None:
    assert 500 < traced_bytes(100) / 100 < 5000
    costs = {**row_cost(100), **plan_cost(100)}
    assert sorted(costs) == ["agree", "apply", "digest", "plan", "put", "reconcile"]
    assert all(min(values) >= 0 for values in costs.values())


# The studies, small.


def check_charts(found: list[Row | Chart]) -> list[Chart]:
    """See that charts say the same numbers as rows; return them."""
    rows = {row.measure: row for row in found if isinstance(row, Row)}
    charts = [one for one in found if isinstance(one, Chart)]
    for chart in charts:
        what = chart.y.label
        label = "N={:,}: {}" if chart.x.label == "members" else "{:,} rows: {}"
        for line in chart.lines:
            if line.whose is Whose.FORMULA:
                assert f": {what}" not in line.name
                continue
            for x, y in line.points:
                row = rows[label.format(int(x), what)]
                side = row.ours if line.whose is Whose.OURS else row.peer
                assert side is not None
                assert (side.median, chart.clock) == (y, row.clock)
    assert len({chart.name for chart in charts}) == len(charts)
    return charts


@pytest.mark.slow
def test_members_are_studied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaling, "QUICK", (3, 6, 12))
    monkeypatch.setattr(node_costs, "IDLE_SMALL_S", (1.0, 1.0))
    with Lab(1, quick=True) as lab:
        found = scaling.answer(lab)
    charts = check_charts(found)  # type: ignore[arg-type]
    assert len(charts) == 14
    measures = [row.measure for row in found if isinstance(row, Row)]
    assert "N=12: a crash: until all know" in measures
    assert "one change: until all know: exponent, 3 to 12" in measures
    assert not any(row.violations for row in found if isinstance(row, Row))


@pytest.mark.slow
def test_endpoints_are_studied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaling_endpoints, "SIZES", ((), (100, 200, 400)))
    with Lab(1, quick=True) as lab:
        found = scaling_endpoints.answer(lab)
    charts = check_charts(found)  # type: ignore[arg-type]
    assert len(charts) == 13
    measures = [row.measure for row in found if isinstance(row, Row)]
    assert "memory of the tables: exponent, 100 to 400" in measures
    assert measures[-1] == "what limits next: rows"


def test_sizes_that_the_memory_does_not_hold_are_left_out_with_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(scaling, "_available_bytes", lambda: 2.0 * 2**30)
    with Lab(2, quick=False) as lab:
        assert scaling.sizes_of(lab) == [3, 10, 30, 128, 300, 1000, 3000]
    err = capsys.readouterr().err
    assert err.startswith("scaling: N=10000 left out: want 6.5 GiB of memory")
    assert err.count("\n") == 1


def test_rows_come_before_exponents() -> None:
    rows, charts = answered([of((1.0, 2.0, 3.0)), of((1.0, 2.0, 3.0))])
    assert [row.unit for row in rows] == ["B/s"] * 6 + [""] * 2
    assert len(charts) == 2
