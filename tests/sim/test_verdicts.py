"""What counts as a false verdict, who plays what, and faults that come and go."""

from itertools import repeat
from random import Random

import pytest

from sim.cluster import Cluster
from sim.impairments import Effect, Impairment
from sim.options import Options
from sim.scenarios.asymmetric import Way, impairments_of
from sim.scenarios.spells import Spells
from sim.scenarios.verdicts import Cast, Verdicts, draw_cast
from sim.trace import Trace
from sim.world import World
from swarmnet.swim.outputs import MemberChanged, State
from tests.sim.toy_engine import ToyEngine, ToyProfile

ALIVE, SUSPECT, DEAD, LEFT = State.ALIVE, State.SUSPECT, State.DEAD, State.LEFT
NOBODY = {
    "false_dead": 0,
    "false_dead_at_healthy": 0,
    "first_dead_s": None,
    "all_dead_s": None,
    "view_changes_after_30_s": 0,
}


class Bench:
    """Five toys that never run: node 1 is faulty, node 2 the victim."""

    def __init__(self) -> None:
        options = Options("idle", 5, 1, "toy")
        self.cluster = Cluster(options, ToyProfile(), Trace(), 5)
        self.cluster.start_with_full_views()
        self.verdicts = Verdicts(self.cluster, Cast((1,), (2,)), 0.0)

    def see(
        self,
        at_s: float,
        observer: int,
        subject: int,
        change: tuple[State | None, State],
    ) -> None:
        """Let an observer report a transition."""
        self.cluster.world.now = at_s
        host, node = self.cluster.hosts[observer], self.cluster.hosts[subject].node
        self.verdicts.member_changed(host, MemberChanged(node, *change, 1, 0))

    def crash(self, at_s: float) -> None:
        """Kill the victim."""
        self.cluster.world.now = at_s
        self.verdicts.crash()


@pytest.mark.parametrize(
    ("at_s", "observer", "subject", "change", "counts"),
    [
        (5.0, 0, 3, (SUSPECT, DEAD), (1, 1, 0, 0)),
        (5.0, 0, 3, (ALIVE, DEAD), (1, 1, 0, 0)),
        (5.0, 0, 3, (DEAD, DEAD), (0, 0, 0, 0)),
        (5.0, 0, 3, (ALIVE, SUSPECT), (0, 0, 0, 0)),
        (5.0, 0, 3, (ALIVE, LEFT), (0, 0, 0, 0)),
        (5.0, 1, 3, (SUSPECT, DEAD), (1, 0, 0, 0)),
        (5.0, 0, 1, (SUSPECT, DEAD), (0, 0, 1, 0)),
        # The victim is healthy until it is killed.
        (5.0, 0, 2, (SUSPECT, DEAD), (1, 1, 0, 0)),
        (31.0, 0, 3, (SUSPECT, DEAD), (1, 1, 0, 1)),
        (31.0, 0, 1, (SUSPECT, DEAD), (0, 0, 1, 1)),
        (31.0, 0, 1, (DEAD, ALIVE), (0, 0, 0, 1)),
        (31.0, 0, 1, (ALIVE, LEFT), (0, 0, 0, 1)),
        (31.0, 0, 3, (None, ALIVE), (0, 0, 0, 1)),
        (31.0, 0, 3, (ALIVE, SUSPECT), (0, 0, 0, 0)),
        (31.0, 0, 3, (SUSPECT, ALIVE), (0, 0, 0, 0)),
        (31.0, 0, 3, (DEAD, LEFT), (0, 0, 0, 0)),
        (31.0, 1, 3, (SUSPECT, DEAD), (1, 0, 0, 0)),
        (30.0, 0, 1, (DEAD, ALIVE), (0, 0, 0, 0)),
    ],
)
def test_a_verdict_counts_by_who_gave_it_on_whom_and_when(
    at_s: float,
    observer: int,
    subject: int,
    change: tuple[State | None, State],
    counts: tuple[int, int, int, int],
) -> None:
    bench = Bench()
    bench.see(at_s, observer, subject, change)
    false, at_healthy, faulty, late = counts
    assert bench.verdicts.false_dead_faulty == faulty
    assert bench.verdicts.figures() == {
        **NOBODY,
        "false_dead": false,
        "false_dead_at_healthy": at_healthy,
        "view_changes_after_30_s": late,
    }


def test_a_true_death_is_timed_from_the_crash_and_blamed_on_nobody() -> None:
    bench = Bench()
    bench.crash(40.0)
    for at_s, observer in ((42.0, 1), (43.0, 0), (44.0, 3), (45.5, 4)):
        bench.see(at_s, observer, 2, (SUSPECT, DEAD))
    assert bench.verdicts.figures() == {
        **NOBODY,
        "first_dead_s": 2.0,
        "all_dead_s": 5.5,
    }
    curve = bench.verdicts.curve("pause")
    assert curve is not None
    assert curve.points == ((0.0, 0.0), (3.0, 1 / 3), (4.0, 2 / 3), (5.5, 1.0))


def test_the_faulty_are_not_waited_for() -> None:
    bench = Bench()
    bench.crash(10.0)
    for observer in (0, 3, 4):
        bench.see(12.0, observer, 2, (ALIVE, DEAD))
    figures = bench.verdicts.figures()
    assert (figures["first_dead_s"], figures["all_dead_s"]) == (2.0, 2.0)


def test_a_victim_that_all_held_dead_falsely_is_known_from_its_crash() -> None:
    bench = Bench()
    victim = bench.cluster.hosts[2].node
    for index in (0, 3, 4):
        engine = bench.cluster.hosts[index].engine
        assert isinstance(engine, ToyEngine)
        engine.entries[victim].state = DEAD
    bench.crash(10.0)
    figures = bench.verdicts.figures()
    assert (figures["first_dead_s"], figures["all_dead_s"]) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("nodes", "faulty", "crashes", "sizes"),
    [
        (10, 4, 2, (4, 2)),
        (10, 0, 0, (0, 0)),
        (10, 9, 2, (7, 2)),
        (4, 4, 1, (2, 1)),
        (2, 4, 1, (0, 1)),
        (1, 4, 1, (0, 0)),
    ],
)
def test_one_node_stays_healthy_and_nobody_is_both_faulty_and_killed(
    nodes: int, faulty: int, crashes: int, sizes: tuple[int, int]
) -> None:
    cast = draw_cast(Random(1), nodes, faulty=faulty, crashes=crashes)
    assert (len(cast.faulty), len(cast.victims)) == sizes
    assert len({*cast.faulty, *cast.victims}) == sum(sizes)


def test_more_faulty_nodes_are_the_same_and_others_beside_the_same_victims() -> None:
    few = draw_cast(Random(7), 100, faulty=4, crashes=2)
    many = draw_cast(Random(7), 100, faulty=32, crashes=2)
    assert (many.faulty[:4], many.victims) == (few.faulty, few.victims)


def test_bad_spells_and_good_ones_take_turns() -> None:
    world = World()
    seen: list[tuple[float, float | None]] = []
    lengths = iter((2.0, 3.0, 2.0))
    spells = Spells(
        world,
        lambda until_s: seen.append((world.now, until_s)),
        lambda: seen.append((world.now, None)),
        lambda: next(lengths),
        repeat(0.5).__next__,
    )
    world.at(1.0, spells.begin)
    world.run(8.0, flush=lambda: None)
    assert seen == [
        (1.0, 3.0),
        (3.0, None),
        (3.5, 6.5),
        (6.5, None),
        (7.0, 9.0),
    ]


BAD = frozenset({3})


@pytest.mark.parametrize(
    ("way", "expected"),
    [
        (Way.EGRESS_LOSS, [(Effect.LOSS, BAD, None, 0.7)]),
        (Way.LOSS, [(Effect.LOSS, BAD, None, 0.7), (Effect.LOSS, None, BAD, 0.7)]),
        (Way.DEAF, [(Effect.CUT, None, BAD, 1.0)]),
        (Way.MUTE, [(Effect.CUT, BAD, None, 1.0)]),
        (Way.FLIP_FLOP, [(Effect.CUT, None, BAD, 1.0)]),
    ],
)
def test_each_kind_of_bad_connection_impairs_its_direction(
    way: Way,
    expected: list[tuple[Effect, frozenset[int] | None, frozenset[int] | None, float]],
) -> None:
    wanted = tuple(Impairment(*fields) for fields in expected)
    assert impairments_of(way, BAD, 0.7) == wanted
