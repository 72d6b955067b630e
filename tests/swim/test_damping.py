"""Damped re-admission: who dies again and again waits before it comes back."""

from collections.abc import Iterable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.swim.config import SwimConfig
from swarmnet.swim.damping import READMISSION, Damping
from swarmnet.swim.engine import Swim
from swarmnet.swim.member import Member
from swarmnet.swim.outputs import State
from tests.swim.worlds import (
    LATENCY_S,
    Network,
    Send,
    fewer,
    living,
    network,
    node,
    route,
    seams,
    swim,
)

ALIVE, SUSPECT, DEAD, LEFT = State
EVERYONE = tuple(range(1, 9))
DEATH_S = 5.0
BACK_S = 4.0


def cut(*away: int) -> "Network":
    """Return a settled network of 8, from which `away` are then cut off."""
    world = network(EVERYONE)
    world.run(5.0)
    sever(world, away)
    return world


def sever(world: Network, away: Iterable[int]) -> None:
    """Lose everything between `away` and the others, until all hold it dead."""
    gone = frozenset(away)

    def lost(source: int, target: int, _sent: Send) -> bool:
        return (source in gone) != (target in gone)

    world.drop = lost
    world.run(DEATH_S)


def heal(world: Network, seconds: float = BACK_S) -> None:
    """Lose nothing any more."""
    world.drop = lambda source, target, sent: False
    world.run(seconds)


def seen(world: Network, of: int) -> set[State]:
    """Return what the others hold of one member."""
    return {world.states(n)[of] for n in world.engines if n != of}


@pytest.mark.slow
def test_the_first_return_is_at_once() -> None:
    world = cut(8)
    assert seen(world, 8) == {DEAD}
    heal(world)
    assert seen(world, 8) == {ALIVE}


@pytest.mark.slow
def test_the_second_return_within_half_a_minute_waits_and_then_comes() -> None:
    world = cut(8)
    heal(world)
    sever(world, (8,))
    heal(world, 10.0)
    assert seen(world, 8) == {DEAD}
    assert all(world.engines[n].counters()["readmissions_damped"] == 1 for n in (1, 2))
    assert all(world.engines[n].on_probation(node(8)) for n in (1, 2))
    world.run(READMISSION.longest_s)
    assert seen(world, 8) == {ALIVE}
    assert not world.engines[1].on_probation(node(8))


@pytest.mark.slow
def test_a_second_return_after_minutes_is_at_once() -> None:
    world = cut(8)
    heal(world, 120.0)
    sever(world, (8,))
    heal(world)
    assert seen(world, 8) == {ALIVE}


@pytest.mark.slow
def test_who_does_not_answer_waits_on() -> None:
    world = cut(8)
    heal(world)
    sever(world, (8,))
    heal(world, 2.0)
    assert seen(world, 8) == {DEAD}
    sever(world, (8,))
    world.run(2 * READMISSION.longest_s)
    assert seen(world, 8) == {DEAD}
    heal(world, READMISSION.longest_s + BACK_S)
    assert seen(world, 8) == {ALIVE}


@pytest.mark.slow
def test_many_who_were_cut_off_together_are_back_together_again_and_again() -> None:
    world = network(EVERYONE)
    world.run(5.0)
    for _ in range(4):
        sever(world, (5, 6, 7, 8))
        assert {world.states(1)[n] for n in (5, 6, 7, 8)} == {DEAD}
        heal(world)
        assert [set(world.states(n).values()) for n in EVERYONE] == [{ALIVE}] * 8


@pytest.mark.slow
def test_a_restarted_process_starts_with_a_clean_slate() -> None:
    world = cut(8)
    heal(world)
    sever(world, (8,))
    heal(world, 2.0)
    assert seen(world, 8) == {DEAD}
    world.engines[8] = swim(8, EVERYONE, epoch=2)
    world.engines[8].start(world.now)
    world.settle(8)
    world.run(BACK_S)
    assert seen(world, 8) == {ALIVE}


@pytest.mark.slow
def test_an_observer_that_restarts_does_not_strand_whom_it_kept_out() -> None:
    world = cut(8)
    heal(world)
    sever(world, (8,))
    heal(world, 2.0)
    view = world.engines[1].save()
    held = view.get(node(8))
    assert held is not None
    assert held.state is DEAD
    again = Swim(route(1), SwimConfig(), Random(1), seams(1), boot_epoch=2, view=view)
    world.engines[1] = again
    again.start(world.now)
    world.settle(1)
    world.run(1.0)
    assert world.states(1)[8] is ALIVE


def flap(damping: Damping, now: float, member: Member) -> bool:
    """Let a member die and claim to be alive a moment later."""
    damping.note_death(now, member)
    return damping.keeps_out(now + LATENCY_S, member)


def crowd() -> Damping:
    """Return the damping of a member of forty."""
    return Damping(swim(1, range(1, 41))._core)


def test_a_dead_member_that_speaks_for_long_counts_twice() -> None:
    (member,) = living(2)
    damping = crowd()
    damping.note_death(0.0, member)
    damping.note_spoke(1.0, node(2))
    assert damping.keeps_out(6.1, member)


def test_who_is_heard_late_to_speak_while_dead_counts_twice_as_well() -> None:
    # One of 199 heard of it 4.7 s before the return, and let the deaf one in alone.
    (member,) = living(2)
    damping = crowd()
    damping.note_death(0.0, member)
    damping.note_spoke(11.5, node(2))
    assert damping.keeps_out(16.2, member)


def test_who_speaks_and_returns_at_once_has_only_been_paused() -> None:
    (member,) = living(2)
    damping = crowd()
    damping.note_death(0.0, member)
    damping.note_spoke(11.5, node(2))
    assert not damping.keeps_out(13.0, member)


def test_a_word_that_was_under_way_at_its_death_is_not_held_against_it() -> None:
    (member,) = living(2)
    damping = crowd()
    damping.note_death(0.0, member)
    damping.note_spoke(0.1, node(2))
    assert not damping.keeps_out(4.0, member)


def test_probes_without_answer_make_the_wait_longer() -> None:
    (member,) = living(2)
    damping = crowd()
    assert not flap(damping, 0.0, member)
    assert flap(damping, 1.0, member)
    before = damping._merit.suppressed_s(2.0, node(2))
    damping.note_probe(2.0, node(2), answered=False)
    assert damping._merit.suppressed_s(2.0, node(2)) > before
    assert not damping.may_return(59.0, node(2))
    damping.note_probe(59.5, node(2), answered=True)
    assert damping.may_return(2.0 + READMISSION.longest_s, node(2))


@given(st.lists(st.floats(0.1, 90.0), min_size=1, max_size=12))
def test_the_wait_is_bounded_however_often_a_member_flaps(waits: list[float]) -> None:
    (member,) = living(2)
    damping, now = crowd(), 0.0
    for wait_s in waits:
        now += wait_s
        flap(damping, now, member)
    later = now + READMISSION.longest_s + 0.1
    assert not damping.waits(node(2)) or damping.may_return(later, node(2))


@pytest.mark.slow
@fewer(20)
@given(st.integers(1, 1000))
def test_six_returns_in_a_minute_are_two_changes_of_a_view(seed: int) -> None:
    world = network(EVERYONE, seed=seed)
    world.run(3.0)
    for _ in range(6):
        sever(world, (8,))
        heal(world)
    returns = [
        one
        for one in world.changes(1)
        if one.member == node(8) and one.previous is DEAD and one.current is ALIVE
    ]
    # Each wait is 42 to 60 s once there were two returns, of a life of 9 s each.
    assert 1 <= len(returns) <= 2
