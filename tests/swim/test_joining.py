"""Joining through anyone, leaving so that everyone knows."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.swim.config import SwimConfig
from swarmnet.swim.engine import Swim
from swarmnet.swim.messages import Ack, Join, Ping, Ranges, Welcome
from swarmnet.swim.outputs import (
    Departed,
    Joined,
    JoinFailed,
    MemberChanged,
    Output,
    SendDatagram,
    SendStream,
    State,
)
from tests.swim.worlds import (
    Network,
    address,
    advance,
    alive,
    changed,
    claims,
    drain,
    fewer,
    left,
    messages,
    network,
    node,
    notes,
    number_of,
    stream,
    suspect,
    swim,
    tell,
)

ALIVE, SUSPECT, DEAD, LEFT = State


def sends(outputs: list[tuple[float, Output]]) -> list[tuple[float, int]]:
    """Return when a stream went to which member's address."""
    return [
        (at, one.address.host[3])
        for at, one in outputs
        if isinstance(one, SendStream) and one.peer is None
    ]


def joining(numbers: tuple[int, ...] = (2, 3)) -> tuple[Swim, list[Output]]:
    """Return an engine that has begun to join through these members."""
    engine = swim(1)
    engine.start(0.0)
    drain(engine)
    engine.join(0.0, [address(number) for number in numbers])
    return engine, drain(engine)


def test_a_joiner_shows_its_claim_to_the_first_address() -> None:
    _, outputs = joining()
    (sent,) = outputs
    assert isinstance(sent, SendStream)
    assert (sent.peer, sent.address) == (None, address(2))
    assert claims([sent]) == [(0, alive(1))]
    assert messages([sent])[1] == (0, Join())


def test_a_join_goes_through_all_addresses_fails_and_goes_on() -> None:
    engine, first = joining()
    later = advance(engine, 70.0)
    tried = sends([(0.0, one) for one in first] + later)
    expected = [0.0, 1.0, 2.0, 4.0, 6.0, 10.0, 14.0, 22.0, 30.0, 46.0, 62.0]
    assert [at for at, _ in tried] == expected
    assert [host for _, host in tried] == [2, 3] * 5 + [2]
    failed = [(at, one) for at, one in later if isinstance(one, JoinFailed)]
    addresses = (address(2), address(3))
    assert failed == [
        (at, JoinFailed(addresses)) for at in (2.0, 6.0, 14.0, 30.0, 62.0)
    ]


def test_the_wait_between_tries_has_a_bound() -> None:
    engine, _ = joining((2,))
    tried = [at for at, _ in sends(advance(engine, 200.0))]
    waits = [later - sooner for sooner, later in pairwise(tried)]
    assert max(waits) == waits[-1] == 16.0


def test_a_welcome_ends_the_join() -> None:
    engine, _ = joining()
    seed = swim(2, (3,))
    welcome = Welcome(seed.save().digest())
    outputs = stream(engine, 2, alive(2), alive(3), welcome, now=0.01)
    assert notes(outputs) == [
        changed(2, None, ALIVE),
        changed(3, None, ALIVE),
        Joined(node(2)),
    ]
    opened = {to for to, m in messages(outputs) if isinstance(m, Ranges)}
    assert opened == {2, 3}
    assert sends(advance(engine, 30.0)) == []


def test_a_second_welcome_is_no_news() -> None:
    engine, _ = joining()
    welcome = Welcome(engine.save().digest())
    assert notes(stream(engine, 2, welcome, now=0.1)) == [Joined(node(2))]
    assert stream(engine, 2, welcome, now=0.2) == []


def test_a_welcome_that_nobody_asked_for_is_no_news() -> None:
    engine = swim(1, (2, 3))
    assert stream(engine, 2, Welcome(engine.save().digest())) == []


def test_a_seed_welcomes_and_tells_the_others() -> None:
    seed = swim(2, (3, 4))
    outputs = stream(seed, 1, alive(1), Join())
    assert notes(outputs) == [changed(1, None, ALIVE)]
    answers = [one for one in outputs if isinstance(one, SendStream)]
    assert {claim for _, claim in claims(answers)} == {alive(2), alive(3), alive(4)}
    assert messages(answers)[-1] == (1, Welcome(seed.save().digest()))
    news = [one for one in outputs if isinstance(one, SendDatagram)]
    assert {(to, c) for to, c in claims(news) if to != 1} == {
        (3, alive(1)),
        (4, alive(1)),
    }


def test_a_welcome_has_a_bounded_page() -> None:
    seed = swim(2, range(3, 400))
    outputs = stream(seed, 1, alive(1), Join())
    size = sum(len(one.data) for one in outputs if isinstance(one, SendStream))
    assert 8_000 <= size <= SwimConfig().stream_bytes + 200
    poor = swim(2, range(3, 400))
    poor._core.budget.charge(0.0, 2_000_000)
    outputs = stream(poor, 1, alive(1), Join())
    size = sum(len(one.data) for one in outputs if isinstance(one, SendStream))
    assert 900 <= size <= 1300


def test_many_join_through_one_and_all_know_all() -> None:
    engines = {n: swim(n, seed=n) for n in range(1, 21)}
    world = Network(engines)
    world.start()
    for number in range(2, 21):
        engines[number].join(world.now, [address(1)])
        world.settle(number)
        world.run(0.002)
    world.run(1.0)
    for observer in engines:
        others = {n: ALIVE for n in range(1, 21) if n != observer}
        assert world.states(observer) == others
    joined = [n for _, n, one in world.log if isinstance(one, Joined)]
    assert sorted(joined) == list(range(2, 21))
    assert len(set(world.digests())) == 1


@pytest.mark.slow
@fewer(2)
@given(st.integers(0, 1000))
def test_a_join_survives_losses(seed: int) -> None:
    engines = {n: swim(n, seed=seed * 10 + n) for n in (1, 2, 3)}
    world = Network(engines)
    random = engines[1]._core.random
    world.drop = lambda source, target, sent: random.random() < 0.3
    world.start()
    for number in (2, 3):
        engines[number].join(0.0, [address(1)])
        world.settle(number)
    world.run(3.0)
    world.drop = lambda source, target, sent: False
    world.run(15.0)
    assert [n for _, n, one in world.log if isinstance(one, Joined)].count(2) == 1
    assert world.states(2) == {1: ALIVE, 3: ALIVE}
    assert world.states(3) == {1: ALIVE, 2: ALIVE}


def test_a_broken_stream_is_counted_and_the_join_goes_on() -> None:
    engine, _ = joining()
    engine.stream_failed(0.1, None, address(2))
    assert drain(engine) == []
    assert engine.counters()["streams_failed"] == 1
    assert sends(advance(engine, 1.0)) == [(1.0, 3)]


# Leaving


def leaving(count: int) -> tuple[Swim, dict[int, int]]:
    """Return an engine that has begun to leave, and its pings: whom, and number."""
    engine = swim(1, range(2, count + 2))
    engine.leave(0.0)
    outputs = drain(engine)
    assert notes(outputs) == []
    pings = {to: m.sequence for to, m in messages(outputs) if isinstance(m, Ping)}
    assert [claim for _, claim in claims(outputs)] == [left(1)] * len(pings)
    return engine, pings


def test_a_leave_goes_to_the_neighbours_with_a_ping() -> None:
    engine, pings = leaving(12)
    neighbours = swim(1, range(2, 14)).save().rings.neighbours()
    assert sorted(pings) == sorted(map(number_of, neighbours))
    held = engine.member(node(1))
    assert held is not None
    assert held.claim == left(1)


def test_a_leave_that_enough_have_acknowledged_is_done() -> None:
    engine, pings = leaving(12)
    told: list[Output] = []
    for to in sorted(pings)[:3]:
        told += tell(engine, to, Ack(pings[to]), now=0.01)
    assert told == [Departed(3)]
    assert [notes([one]) for _, one in advance(engine, 60.0) if notes([one])] == []


def test_a_leave_of_a_small_cluster_wants_everyone() -> None:
    engine, pings = leaving(2)
    assert tell(engine, 2, Ack(pings[2]), now=0.01) == []
    assert tell(engine, 3, Ack(pings[3]), now=0.02) == [Departed(2)]


def test_nobody_acknowledges_a_leave_for_another_or_twice() -> None:
    engine, pings = leaving(12)
    one, other = sorted(pings)[:2]
    for _ in range(4):
        tell(engine, one, Ack(pings[one]), now=0.01)
        tell(engine, one, Ack(pings[other]), now=0.01)
    told = [output for _, output in advance(engine, 10.0)]
    assert notes(told) == [Departed(1)]


def test_a_leave_that_nobody_answers_is_repeated_and_ends() -> None:
    engine, pings = leaving(3)
    later = advance(engine, 10.0)
    at = sorted({when for when, one in later if claims([one])})
    assert at == [0.5, 1.0, 1.5]
    assert [(when, one) for when, one in later if notes([one])] == [(2.0, Departed(0))]
    assert len(pings) == 3


def test_who_is_alone_departs_at_once() -> None:
    engine = swim(1)
    engine.leave(0.0)
    assert drain(engine) == [Departed(0)]


def test_a_second_leave_is_none() -> None:
    engine, _ = leaving(3)
    engine.leave(0.1)
    engine.update(0.1, meta=b"m")
    assert drain(engine) == []


def test_who_has_left_accuses_and_convicts_nobody() -> None:
    engine = swim(1, (2, 3, 4, 5))
    engine.start(0.0)
    tell(engine, 3, *(suspect(4, author) for author in (2, 3, 5)))
    engine.leave(0.1)
    drain(engine)
    outputs = tell(engine, 3, suspect(2, 3), *(suspect(2, n) for n in (4, 5)), now=0.2)
    assert notes(outputs) == [changed(2, ALIVE, SUSPECT)]
    after = [one for _, one in advance(engine, 30.0)]
    assert notes(after) == [Departed(0)]
    accused = {claim for _, claim in claims(after) if claim.state is SUSPECT}
    assert accused <= {
        suspect(n, author) for n in (2, 4) for author in (2, 3, 4, 5) if n != author
    }
    assert not {"accusations", "deaths"} & set(engine.counters())


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 3, 5, 12])
def test_a_leave_is_known_to_all_and_nobody_is_suspected(count: int) -> None:
    world = network(range(1, count + 1))
    world.run(2.5)
    world.engines[count].leave(world.now)
    world.settle(count)
    world.run(0.02)
    for observer in range(1, count):
        assert world.changes(observer) == [changed(count, ALIVE, LEFT, 1, 1)]
    departed = [one for _, n, one in world.log if isinstance(one, Departed)]
    assert departed == [Departed(min(3, count - 1))]
    del world.engines[count]
    world.run(10.0)
    states = [one.current for _, _, one in world.log if isinstance(one, MemberChanged)]
    assert states == [LEFT] * (count - 1)


def test_who_left_may_join_again_in_a_new_life() -> None:
    world = network((1, 2, 3))
    world.engines[3].leave(0.0)
    world.settle(3)
    world.run(1.0)
    world.engines[3] = swim(3, seed=99, epoch=2)
    world.engines[3].start(world.now)
    world.engines[3].join(world.now, [address(1)])
    world.settle(3)
    world.run(3.0)
    assert world.states(1) == {2: ALIVE, 3: ALIVE}
    assert world.states(3) == {1: ALIVE, 2: ALIVE}


def test_who_left_and_lost_its_state_comes_back_above_its_leave() -> None:
    world = network((1, 2, 3))
    world.engines[3].leave(0.0)
    world.settle(3)
    world.run(1.0)
    world.engines[3] = swim(3, seed=99)
    world.engines[3].start(world.now)
    world.engines[3].join(world.now, [address(1)])
    world.settle(3)
    world.run(5.0)
    assert world.states(1) == {2: ALIVE, 3: ALIVE}
    assert world.engines[1].incarnation(node(3)) == (2, 0)
    assert world.engines[1].incarnation(node(9)) is None
