"""Degraded peers: seen and shown here, never gossiped (Rapid, figures 9 and 10)."""

import pytest

from swarmnet.swim.config import SwimConfig
from swarmnet.swim.messages import Ping
from swarmnet.swim.outputs import MemberChanged, ReachChanged, SendDatagram, State
from swarmnet.swim.reach import Reach, Reaches
from tests.swim.worlds import Drop, Network, Send, messages, network, node

DIRECT, INDIRECT, STREAM_ONLY, ONE_WAY = Reach
LONG = SwimConfig(suspicion_min_s=60.0, suspicion_max_s=60.0)


def test_three_probes_in_a_row_change_what_is_thought_of_a_peer() -> None:
    reaches = Reaches()
    told = [reaches.note(node(2), INDIRECT) for _ in range(4)]
    assert told == [False, False, True, False]
    assert reaches.degraded() == {node(2): INDIRECT}


@pytest.mark.parametrize("between", [DIRECT, STREAM_ONLY])
def test_another_outcome_begins_the_count_anew(between: Reach) -> None:
    reaches = Reaches()
    for reach in (INDIRECT, INDIRECT, between, INDIRECT, INDIRECT):
        assert not reaches.note(node(2), reach)
    assert reaches.reach(node(2)) is DIRECT


def test_one_direct_answer_clears_a_peer() -> None:
    reaches = Reaches()
    for _ in range(3):
        reaches.note(node(2), STREAM_ONLY)
    assert reaches.note(node(2), DIRECT)
    assert not reaches.note(node(2), DIRECT)
    assert reaches.degraded() == {}


def broken_path(source: int, target: int, _sent: Send) -> bool:
    """Lose everything between 1 and 2, both ways."""
    return {source, target} == {1, 2}


def no_datagrams(source: int, target: int, sent: Send) -> bool:
    """Lose the datagrams of everybody to 2 and from 2."""
    return isinstance(sent, SendDatagram) and 2 in (source, target)


def deaf(_source: int, target: int, _sent: Send) -> bool:
    """Lose everything that goes to 2."""
    return target == 2


def reached(drop: Drop, seconds: float = 20.0) -> Network:
    """Return what became of 4 nodes on such a network."""
    world = network((1, 2, 3, 4), LONG)
    world.run(2.0)
    world.drop = drop
    world.run(seconds)
    return world


@pytest.mark.slow
@pytest.mark.parametrize(
    ("drop", "seen"),
    [
        (broken_path, {1: {2: INDIRECT}, 2: {1: INDIRECT}, 3: {}, 4: {}}),
        (no_datagrams, {n: {2: STREAM_ONLY} for n in (1, 3, 4)}),
    ],
)
def test_a_bad_path_is_seen_by_those_whom_it_concerns(
    drop: Drop, seen: dict[int, dict[int, Reach]]
) -> None:
    world = reached(drop)
    for number, expected in seen.items():
        degraded = world.engines[number].degraded()
        assert degraded == {node(n): reach for n, reach in expected.items()}


@pytest.mark.slow
def test_a_member_that_speaks_and_answers_no_probe_is_heard_one_way() -> None:
    world = reached(deaf, 0.0)
    for number in range(100):
        world.engines[2].update(world.now, meta=bytes([number]))
        world.settle(2)
        world.run(0.2)
    assert [dict(world.engines[n].degraded()) for n in (1, 3, 4)] == [
        {node(2): ONE_WAY}
    ] * 3


@pytest.mark.slow
def test_who_is_dead_or_silent_is_not_called_degraded() -> None:
    world = reached(broken_path)
    del world.engines[2]
    world.run(90.0)
    assert world.states(1)[2] is State.DEAD
    assert [dict(world.engines[n].degraded()) for n in (1, 3, 4)] == [{}] * 3


def test_a_broken_path_changes_nobodys_view_and_is_told_once_each() -> None:
    world = reached(broken_path)
    log = [(n, one) for _, n, one in world.log if not isinstance(one, MemberChanged)]
    assert sorted(log, key=lambda entry: entry[0]) == [
        (1, ReachChanged(node(2), INDIRECT)),
        (2, ReachChanged(node(1), INDIRECT)),
    ]
    assert not [one for _, _, one in world.log if isinstance(one, MemberChanged)]


def test_a_healed_path_is_direct_again() -> None:
    world = reached(broken_path)
    world.drop = lambda source, target, sent: False
    world.run(5.0)
    assert [dict(world.engines[n].degraded()) for n in (1, 2)] == [{}, {}]
    assert world.log[-1][2] in (
        ReachChanged(node(1), DIRECT),
        ReachChanged(node(2), DIRECT),
    )


@pytest.mark.slow
def test_what_is_degraded_is_never_told_to_others() -> None:
    world = reached(broken_path)
    assert world.engines[1].degraded()
    since = world.now
    world.run(5.0)
    others = [
        (to, message)
        for at, number, sent in world.sent
        if at > since and number in (1, 2)
        for to, message in messages([sent])
        if to not in (1, 2) and type(message).__name__ in ("ClaimNews", "PayloadNews")
    ]
    assert others == []
    assert any(
        isinstance(message, Ping)
        for at, _, sent in world.sent
        if at > since
        for _, message in messages([sent])
    )
