"""Who is called again: the dead, the newly adjacent, and never ourselves."""

import pytest

from swarmnet.ids import CLUSTER, Scope
from swarmnet.swim.codec import payload_news
from swarmnet.swim.engine import Swim
from swarmnet.swim.member import Member
from swarmnet.swim.messages import Have
from swarmnet.swim.outputs import (
    Deliver,
    Departed,
    Joined,
    JoinFailed,
    Payload,
    PayloadClass,
    SendDatagram,
    SendStream,
    State,
)
from swarmnet.swim.payloads import payload_id
from swarmnet.swim.roster import Roster
from tests.samples import mostly_slow
from tests.swim.worlds import (
    Network,
    address,
    advance,
    alive,
    drain,
    living,
    messages,
    network,
    node,
    number_of,
    roster,
    suspect,
    swim,
    tell,
)

PAYLOAD = Payload(b"key", CLUSTER, PayloadClass.URGENT, b"data")
NUMBER = payload_id(payload_news(PAYLOAD).item)


def with_dead(*numbers: int) -> Roster:
    """Return a roster in which these died, in this order."""
    held = roster(1, living(1, *numbers))
    for number in numbers:
        held.put(Member(alive(number), (suspect(number, 999),), State.DEAD))
    return held


@pytest.mark.parametrize(
    ("dead", "turns"),
    [
        ((), [None] * 8),
        ((5,), [5] * 16),
        ((5, 6), [5, 6, 6, 5, 5, 6, 6, 6, 5, 6, 6, 5]),
        (
            (5, 6, 7, 8),
            [5, 8, 6, 7, 7, 8, 8, 6, 5, 8, 6, 7, 7, 8, 8, 5],
        ),
    ],
)
def test_the_dead_are_tried_in_turn_and_the_last_of_them_more_often(
    dead: tuple[int, ...], turns: list[int | None]
) -> None:
    held = with_dead(*dead)
    found = [held.next_dead(turn) for turn in range(len(turns))]
    assert [None if one is None else number_of(one) for one in found] == turns


def test_who_died_last_is_tried_soon_however_many_died_before() -> None:
    held = with_dead(*range(10, 510))
    tried = [held.next_dead(turn) for turn in range(8)]
    assert [turn for turn in range(8) if tried[turn] == node(509)] == [1, 5]
    assert [turn for turn in range(8) if tried[turn] == node(508)] == [3]
    rounds = [held.next_dead(turn) for turn in range(0, 1000, 2)]
    assert sorted(one for one in rounds if one is not None) == [
        node(number) for number in range(10, 510)
    ]


def test_who_died_again_is_the_last_to_have_died() -> None:
    held = with_dead(5, 6, 7)
    held.put(Member(alive(5, 1, 1), (), State.ALIVE))
    held.put(Member(alive(5, 1, 1), (suspect(5, 999, 1, 1),), State.DEAD))
    assert held.next_dead(1) == node(5)


def test_a_dead_member_is_called_where_it_was_before_it_moved_as_well() -> None:
    engine = swim(1, (2,))
    engine.start(0.0)
    tell(engine, 2, alive(2, 1, 1, at=address(9)))
    advance(engine, 60.0)
    assert engine.states() == {node(2): State.DEAD}
    called = [
        one.address for _, one in advance(engine, 61.0) if isinstance(one, SendDatagram)
    ]
    assert called == [address(9), address(2)]


# Payloads for who comes to stand next to us


def reminders(engine: Swim, until: float) -> list[tuple[int, Have]]:
    """Let an engine run; return the HAVEs that it sends, as (to whom, which)."""
    sent = messages(one for _, one in advance(engine, until))
    return [(to, message) for to, message in sent if isinstance(message, Have)]


def test_a_new_neighbour_is_reminded_of_what_is_kept() -> None:
    engine = swim(1, (2,))
    engine.publish(0.0, PAYLOAD)
    drain(engine)
    tell(engine, 2, Have((NUMBER,), reminds=False), now=0.01)
    assert reminders(engine, 20.0) == []
    tell(engine, 2, alive(3), now=20.0)
    told = reminders(engine, 20.2)
    assert (3, Have((NUMBER,), reminds=True)) in told
    assert {to for to, _ in told} == {3}


def test_a_new_neighbour_of_ours_outside_the_scope_is_not_reminded() -> None:
    net = Scope(b"net")
    engine = swim(1, (2,))
    engine.attach(net, [node(1), node(2)])
    engine.publish(0.0, Payload(b"key", net, PayloadClass.URGENT, b"data"))
    drain(engine)
    tell(engine, 2, alive(3), now=5.0)
    assert {to for to, _ in reminders(engine, 6.0)} <= {2}


@pytest.mark.slow
@pytest.mark.parametrize("case", mostly_slow(["joins", "returns"], ["joins"]))
def test_who_comes_within_a_payloads_life_receives_it(case: str) -> None:
    world = network(range(1, 8))
    who = 8 if case == "joins" else 5
    if case == "returns":
        world.drop = lambda source, target, sent: 5 in (source, target)
        world.run(20.0)
        assert world.states(1)[5] is State.DEAD
    else:
        world.engines[8] = swim(8, seed=8)
        world.engines[8].start(world.now)
        world.settle(8)
    world.engines[1].publish(world.now, PAYLOAD)
    world.settle(1)
    world.run(10.0)
    world.drop = lambda source, target, sent: False
    if case == "joins":
        world.engines[8].join(world.now, [address(2)])
        world.settle(8)
    world.run(15.0)
    got = [one for _, number, one in world.log if number == who]
    assert [one.payload for one in got if isinstance(one, Deliver)] == [PAYLOAD]


# Joining through a list that names ourselves


def test_a_join_passes_its_own_address_over() -> None:
    engine = swim(1)
    engine.join(0.0, [address(1), address(2), address(1), address(3)])
    sent = [*drain(engine), *(one for _, one in advance(engine, 5.0))]
    called = [one.address for one in sent if isinstance(one, SendStream)]
    assert called == [address(2), address(3)] * 2


def test_a_join_through_nobody_but_ourselves_fails_at_once() -> None:
    engine = swim(1)
    engine.join(0.0, [address(1)])
    assert drain(engine) == [JoinFailed((address(1),))]
    assert engine.poll_timeout() is None


def test_a_join_through_nobody_takes_the_place_of_one_under_way() -> None:
    engine = swim(1)
    engine.join(0.0, [address(2)])
    drain(engine)
    engine.join(0.5, [address(1)])
    assert drain(engine) == [JoinFailed((address(1),))]
    assert advance(engine, 120.0) == []


def test_all_may_be_given_one_list_of_addresses_to_join() -> None:
    world = Network({number: swim(number, seed=number) for number in (1, 2, 3)})
    world.start()
    for number, engine in world.engines.items():
        engine.join(0.0, [address(1), address(2), address(3)])
        world.settle(number)
    world.run(2.0)
    joined = sorted((n, one) for _, n, one in world.log if isinstance(one, Joined))
    assert [number for number, _ in joined] == [1, 2, 3]
    assert all(one.through != node(number) for number, one in joined)
    assert [len(world.states(number)) for number in (1, 2, 3)] == [2, 2, 2]


def test_who_leaves_while_it_joins_calls_nobody_any_more() -> None:
    engine = swim(1)
    engine.join(0.0, [address(9)])
    drain(engine)
    engine.leave(0.5)
    assert drain(engine) == [Departed(0)]
    assert advance(engine, 120.0) == []
