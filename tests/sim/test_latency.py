import json
from pathlib import Path
from random import Random

import pytest

from sim.latency import latency_named
from swarmnet.errors import Refused


@pytest.mark.parametrize(
    ("name", "pair", "bounds", "mean"),
    [
        ("lan", (0, 1), (0.0005, 0.0015), 0.001),
        ("region", (0, 3), (0.00015, 0.01), 0.000275),
        ("region", (0, 1), (0.0005, 0.01), 0.000625),
        ("regions3", (0, 3), (0.0005, 0.001), 0.000515),
        ("regions3", (0, 1), (0.032, 0.045), 0.03296),
        ("regions3", (2, 1), (0.070, 0.1), 0.0721),
    ],
)
def test_delays_lie_where_they_are_documented(
    name: str, pair: tuple[int, int], bounds: tuple[float, float], mean: float
) -> None:
    sample = latency_named(name, Random(1))
    delays = [sample(*pair) for _ in range(4000)]
    assert bounds[0] <= min(delays)
    assert max(delays) <= bounds[1]
    assert sum(delays) / len(delays) == pytest.approx(mean, rel=0.05)


def test_a_matrix_is_read_by_index_modulo_its_rows(tmp_path: Path) -> None:
    file = tmp_path / "m.json"
    file.write_text(json.dumps({"matrix_s": [[0.001, 0.2], [0.3, 0.002]]}))
    sample = latency_named(str(file), Random(1))
    delays = [sample(0, 2), sample(2, 5), sample(1, 0), sample(3, 1)]
    assert delays == [0.001, 0.2, 0.3, 0.002]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "3",
        "[]",
        "[[1, 2]]",
        "[[-1]]",
        '[["a"]]',
        "[[true]]",
        "[[NaN]]",
        '{"matrix_s": [[0.1]], "jitter": -1}',
        '{"matrix_s": [[0.1]], "jitter": "x"}',
    ],
)
def test_a_file_that_is_no_matrix_is_refused_in_one_line(
    tmp_path: Path, text: str
) -> None:
    file = tmp_path / "m.json"
    file.write_text(text)
    with pytest.raises(Refused) as caught:
        latency_named(str(file), Random(1))
    assert "\n" not in str(caught.value)
