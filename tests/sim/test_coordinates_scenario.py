"""The matrices of true round trips, and the scenario that judges by them."""

from math import cos, isclose, pi, sqrt

import pytest

from sim.options import Options
from sim.run import check, run
from sim.truths import (
    TRUTHS,
    Matrix,
    circle,
    grid,
    line,
    random,
    relative_errors,
    split,
)
from swarmnet.errors import Refused
from tests.sim.toy_engine import toy_registry

MS = 0.001


def rounded(truth: Matrix) -> Matrix:
    return [[round(rtt_s, 9) for rtt_s in row] for row in truth]


@pytest.mark.parametrize("nodes", [2, 3, 10, 26])
@pytest.mark.parametrize("number", range(len(TRUTHS)))
def test_a_truth_is_symmetric_and_positive_off_the_diagonal(
    number: int, nodes: int
) -> None:
    matrix = TRUTHS[number](nodes)
    assert [len(row) for row in matrix] == [nodes] * nodes
    assert matrix == [list(column) for column in zip(*matrix, strict=True)]
    assert [matrix[i][i] for i in range(nodes)] == [0.0] * nodes
    assert all(matrix[i][j] > 0 for i in range(nodes) for j in range(nodes) if i != j)


def test_a_line_and_a_split_are_serfs() -> None:
    assert rounded(line(3)) == [
        [0.0, 10 * MS, 20 * MS],
        [10 * MS, 0.0, 10 * MS],
        [20 * MS, 10 * MS, 0.0],
    ]
    assert rounded(split(4)) == [
        [0.0, 1 * MS, 1 * MS, 11 * MS],
        [1 * MS, 0.0, 1 * MS, 11 * MS],
        [1 * MS, 1 * MS, 0.0, 11 * MS],
        [11 * MS, 11 * MS, 11 * MS, 0.0],
    ]


def test_a_grid_is_as_wide_as_the_root_of_its_nodes() -> None:
    truth = grid(25)
    assert isclose(truth[0][4], 40 * MS)
    assert isclose(truth[0][5], 10 * MS)
    assert isclose(truth[0][24], sqrt(32) * 10 * MS)
    assert isclose(grid(26)[0][25], 50 * MS)


def test_on_a_circle_node_0_is_twice_the_radius_from_all() -> None:
    truth = circle(4)
    assert truth[0] == [0.0, 200 * MS, 200 * MS, 200 * MS]
    assert isclose(truth[1][2], 100 * MS * sqrt(2 - 2 * cos(pi / 2)))
    assert isclose(truth[1][3], 200 * MS)


def test_the_drawn_matrix_is_always_the_same_and_has_the_moments_it_says() -> None:
    truth = random(25)
    assert truth == random(25)
    pairs = [truth[i][j] for i in range(25) for j in range(i + 1, 25)]
    mean = sum(pairs) / len(pairs)
    deviation = sqrt(sum((rtt_s - mean) ** 2 for rtt_s in pairs) / len(pairs))
    assert abs(mean - 100 * MS) < 2 * MS
    assert abs(deviation - 10 * MS) < 1 * MS


def test_errors_are_relative_and_pair_by_pair() -> None:
    truth = [[0.0, 1.0, 2.0], [1.0, 0.0, 4.0], [2.0, 4.0, 0.0]]
    assert relative_errors(truth, lambda i, j: 1.0) == [0.0, 0.5, 0.75]


@pytest.mark.slow
def test_real_engines_find_out_where_they_are() -> None:
    options = Options("coordinates", nodes=5, duration_s=25.0, settings={"matrix": "2"})
    result = run(options)
    figures = result.figures
    assert result.failure is None
    assert result.violations == ()
    assert list(figures) == ["error_mean", "error_max", "samples"]
    assert (figures["samples"] or 0) >= 25
    mean, worst = figures["error_mean"], figures["error_max"]
    assert mean is not None
    assert worst is not None
    assert 0 < mean <= worst < 1


@pytest.mark.slow
def test_the_wire_is_the_matrix() -> None:
    result = run(Options("coordinates", nodes=2, duration_s=5.0))
    error = result.figures["error_max"]
    assert error is not None
    # The truth is 10 ms; over the default latency of 1 to 3 ms this would be 0.7.
    assert error < 0.3


@pytest.mark.slow
def test_engines_without_coordinates_have_no_figures() -> None:
    options = Options("coordinates", nodes=3, profile="toy", duration_s=5.0)
    result = run(options, toy_registry())
    assert dict(result.figures) == {
        "error_mean": None,
        "error_max": None,
        "samples": None,
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            Options("coordinates", profile="memberlist"),
            "profile 'memberlist': has no coordinates; want --profile swarmnet",
        ),
        (
            Options("coordinates", profile="swim"),
            "profile 'swim': has no coordinates; want --profile swarmnet",
        ),
        (
            Options("coordinates", nodes=1001),
            "nodes 1001: coordinates wants 2 to 1000",
        ),
        (Options("coordinates", nodes=1), "nodes 1: coordinates wants 2 to 20000"),
        (
            Options("coordinates", settings={"matrix": "5"}),
            "--set matrix=5: want a whole number of 0 to 4",
        ),
    ],
)
def test_what_it_cannot_do_is_refused(options: Options, message: str) -> None:
    with pytest.raises(Refused) as refused:
        check(options)
    assert str(refused.value) == message
