"""The course that any run can show: the mean number of members held alive."""

from random import Random

import pytest

from sim.cluster import Cluster
from sim.course import Views
from sim.options import Options
from sim.run import run
from sim.trace import Trace
from swarmnet.swim.outputs import State
from tests.sim.toy_engine import ToyProfile


def counted(cluster: Cluster) -> float:
    """Return the mean over the running processes, by looking at every view."""
    engines = [host.engine for host in cluster.hosts if host.engine is not None]
    held = [list(engine.states().values()).count(State.ALIVE) for engine in engines]
    return sum(held) / len(held)


def test_the_course_says_what_a_look_at_every_view_would_find() -> None:
    cluster = Cluster(Options("idle", 5, 1, "toy"), ToyProfile(), Trace(), 5)
    cluster.start_with_full_views()
    assert cluster.course.points == [(0.0, 4.0)]
    last = cluster.hosts[4]
    cluster.world.at(1.0, cluster.crash, last)

    def restart() -> None:
        cluster.restart(last, with_state=False, random=Random(1))

    cluster.world.at(9.0, restart)
    for now in (0.5, 1.5, 8.5, 9.0001, 12.0):
        cluster.world.run(now, flush=cluster.flush)
        assert cluster.course.points[-1][1] == counted(cluster)
    means = [mean for _, mean in cluster.course.points]
    assert (min(means), means[-1]) == (12 / 5, 4.0)


@pytest.mark.slow
def test_views_say_what_each_node_held_and_change_nothing() -> None:
    options = Options("crash", nodes=6, seed=3)
    views = Views()
    result = run(options, course=views)
    assert result.trace_hash == run(options).trace_hash
    assert result.curve is not None
    before, after = zip(*views.at([0.0, result.simulated_s], 6), strict=True)
    assert before == (5,) * 6
    # The victim runs no more, and the others know.
    assert sorted(after) == [0, *[4] * 5]


def test_views_follow_starts_ends_and_changes() -> None:
    cluster = Cluster(Options("idle", 5, 1, "toy"), ToyProfile(), Trace(), 5)
    views = cluster.course = Views()
    cluster.start_with_full_views()
    last = cluster.hosts[4]
    cluster.world.at(1.0, cluster.crash, last)

    def restart() -> None:
        cluster.restart(last, with_state=False, random=Random(1))

    cluster.world.at(9.0, restart)
    shown = []
    times_s = (0.5, 1.5, 8.5, 9.0001, 12.0)
    for now in times_s:
        cluster.world.run(now, flush=cluster.flush)
        engines = [host.engine for host in cluster.hosts]
        shown.append(
            tuple(
                0 if one is None else list(one.states().values()).count(State.ALIVE)
                for one in engines
            )
        )
    assert list(zip(*views.at(times_s, 5), strict=True)) == shown
