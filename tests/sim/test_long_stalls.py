"""Pauses that are shorter than the floor kill nobody, however long they go on."""

import pytest

from sim.options import Options
from sim.run import run

STALLS = {
    "at_s": "50",
    "paused": "0.1",
    "pause_min_s": "0.5",
    "pause_max_s": "1.9",
}


@pytest.mark.slow
@pytest.mark.parametrize(("nodes", "seed"), [(9, 8002), (9, 8003), (17, 8003)])
def test_who_stops_again_and_again_for_a_minute_is_never_dead(
    nodes: int, seed: int
) -> None:
    options = Options("crash", nodes, seed, duration_s=60.0, settings=STALLS)
    figures = run(options).figures
    assert figures["false_dead"] == 0
    assert figures["first_dead_s"] is not None
