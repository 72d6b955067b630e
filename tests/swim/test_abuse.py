"""What was once found to break the detector, in small networks, as it was found."""

from collections.abc import Iterator

import pytest

from swarmnet.ids import CLUSTER, NodeId
from swarmnet.swim.messages import Message, Ping, PingRequest
from swarmnet.swim.outputs import Deliver, MemberChanged, Payload, PayloadClass, State
from tests.samples import mostly_slow
from tests.swim import worlds
from tests.swim.worlds import Network, address, frame, network, node, number_of, suspect

PAYLOAD = Payload(b"key", CLUSTER, PayloadClass.URGENT, b"news of the victim")
VICTIM, LIAR = 1, 9


def dead(world: Network) -> list[tuple[int, NodeId]]:
    """Return who was declared dead, by whom."""
    return [
        (number, one.member)
        for _, number, one in world.log
        if isinstance(one, MemberChanged) and one.current is State.DEAD
    ]


def stranger_to(world: Network, number: int) -> int:
    """Return somebody who is no ring neighbour of a member."""
    neighbours = {number_of(one) for one in world.engines[number].neighbours()}
    return next(n for n in sorted(world.engines) if n not in {number, *neighbours})


@pytest.mark.slow
def test_a_leave_whose_neighbours_have_all_just_died_is_known_to_the_others() -> None:
    world = network(range(1, 21))
    world.run(1.0)
    for neighbour in world.engines[VICTIM].neighbours():
        del world.engines[number_of(neighbour)]
    world.engines[VICTIM].leave(world.now)
    world.settle(VICTIM)
    world.run(2.0)
    del world.engines[VICTIM]
    assert {world.states(n)[VICTIM] for n in world.engines} == {State.LEFT}


def floods(world: Network, attacker: int) -> Iterator[list[Message]]:
    """Yield what one member may send without end, as one frame's messages each."""
    same = world.engines[attacker].save().digest()
    yield [Ping(number, same) for number in range(10)]
    yield [PingRequest(number, node(2), address(2), 0.4) for number in range(10)]


@pytest.mark.parametrize("which", [0, 1])
def test_who_is_made_to_answer_without_end_still_has_its_news_heard(which: int) -> None:
    world = network(range(1, 21))
    attacker = stranger_to(world, VICTIM)
    engine = world.engines[VICTIM]
    engine._core.budget.charge(world.now, 2_000_000)
    for step in range(200):
        messages = list(floods(world, attacker))[which]
        engine.receive_datagram(
            world.now, node(attacker), address(attacker), frame(*messages)
        )
        world.settle(VICTIM)
        if step == 100:
            engine.publish(world.now, PAYLOAD)
            world.settle(VICTIM)
        world.run(0.01)
    got = {number for _, number, one in world.log if isinstance(one, Deliver)}
    assert got == set(world.engines) - {VICTIM}


@pytest.mark.slow
def test_who_is_accused_a_thousand_times_a_second_is_not_silenced() -> None:
    world = network(range(1, 21))
    attacker = stranger_to(world, VICTIM)
    engine = world.engines[VICTIM]
    for step in range(300):
        version = engine.incarnation(node(VICTIM))
        assert version is not None
        lies = frame(*[suspect(VICTIM, attacker, *version)] * 10)
        engine.receive_datagram(world.now, node(attacker), address(attacker), lies)
        world.settle(VICTIM)
        if step == 200:
            engine.publish(world.now, PAYLOAD)
            world.settle(VICTIM)
        world.run(0.01)
    got = {number for _, number, one in world.log if isinstance(one, Deliver)}
    assert got == set(world.engines) - {VICTIM}
    assert engine._core.budget.tokens(world.now) > 0.5 * 1_048_576
    assert dead(world) == []


@pytest.mark.slow
@pytest.mark.parametrize("pause_s", mostly_slow([0.5, 1.4], [1.4]))
def test_a_standing_lie_does_not_shorten_what_a_pause_may_last(pause_s: float) -> None:
    world = network((1, 2, 3, 4, 5, 6, 7, 8, LIAR))
    world.run(1.0)
    victim = world.engines[VICTIM]
    for _ in range(30):
        version = victim.incarnation(node(VICTIM))
        assert version is not None
        for to in (VICTIM, 2, 3, 4, 5, 6, 7, 8):
            world.engines[to].receive_datagram(
                world.now,
                node(LIAR),
                address(LIAR),
                frame(suspect(VICTIM, LIAR, *version)),
            )
            world.settle(to)
        world.run(0.1)
    world.drop = lambda source, target, _sent: VICTIM in (source, target)
    world.run(pause_s)
    world.drop = lambda _source, _target, _sent: False
    victim.note_late(world.now, pause_s)
    world.run(3.0)
    assert dead(world) == []


@pytest.mark.slow
def test_a_path_that_grows_longer_is_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    world = network(range(1, 9))
    world.run(5.0)
    monkeypatch.setattr(worlds, "LATENCY_S", 0.125)
    world.run(20.0)
    before = len(world.log)
    world.run(20.0)
    changes = [
        one for _, _, one in world.log[before:] if isinstance(one, MemberChanged)
    ]
    assert changes == []
    assert dead(world) == []
    core = world.engines[1]._core
    assert core.round_trips.estimate(node(2)) == pytest.approx(0.25, rel=0.2)
