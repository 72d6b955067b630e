"""How often is looked at whom, by the size of the cluster (SWIM section 3.1)."""

import pytest

from swarmnet.swim.cadence import probe_interval, watches_successor
from swarmnet.swim.messages import Ping
from tests.swim.worlds import drain, messages, node, number_of, swim


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


@pytest.mark.parametrize(("nodes", "watches"), [(2, True), (32, True), (33, False)])
def test_only_small_clusters_watch_their_successors(nodes: int, watches: bool) -> None:
    assert watches_successor(nodes) is watches


@pytest.mark.parametrize(("nodes", "pings"), [(8, 2), (32, 2), (33, 1), (200, 1)])
def test_a_period_of_a_small_cluster_probes_the_successor_too(
    nodes: int, pings: int
) -> None:
    engine = swim(1, range(1, nodes + 1), seed=3)
    successor = engine._core.roster.rings.successor()
    assert successor is not None
    engine.start(0.0)
    due = engine.poll_timeout()
    assert due is not None
    engine.handle_timeout(due)
    sent = [(to, one) for to, one in messages(drain(engine)) if isinstance(one, Ping)]
    assert len(sent) == pings
    assert pings == 1 or sent[-1][0] == number_of(successor)


def test_every_member_is_somebodys_successor() -> None:
    everyone = range(1, 20)
    engines = [swim(number, everyone) for number in everyone]
    watched = [engine._core.roster.rings.successor() for engine in engines]
    assert sorted(one for one in watched if one is not None) == [
        node(number) for number in everyone
    ]
