"""How often is looked at whom, by the size of the cluster (SWIM section 3.1)."""

import pytest

from swarmnet.swim.cadence import probe_interval


@pytest.mark.parametrize(
    ("nodes", "interval_s"),
    [(1, 0.25), (32, 0.25), (64, 0.5), (96, 0.75), (128, 1.0), (5000, 1.0)],
)
def test_the_period_grows_with_the_cluster_between_its_bounds(
    nodes: int, interval_s: float
) -> None:
    assert probe_interval(nodes, 0.25, 1.0) == interval_s


def test_the_period_never_shrinks_as_members_come() -> None:
    periods = [probe_interval(nodes, 0.25, 1.0) for nodes in range(1, 300)]
    assert periods == sorted(periods)
