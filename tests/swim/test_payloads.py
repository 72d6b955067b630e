"""Payloads: delivered once, relayed when told, repaired, superseded, scoped."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmnet.errors import Refused
from swarmnet.ids import CLUSTER, Scope
from swarmnet.swim.codec import payload_news
from swarmnet.swim.config import SwimConfig
from swarmnet.swim.messages import Have, Message, PayloadNews, Want
from swarmnet.swim.outputs import Deliver, Output, Payload, PayloadClass, State
from swarmnet.swim.payloads import payload_id
from swarmnet.wire import pack
from tests.swim.worlds import (
    Network,
    advance,
    alive,
    drain,
    fewer,
    left,
    messages,
    network,
    node,
    notes,
    swim,
    tell,
)

NET = Scope(b"net")


def payload(
    key: bytes = b"key",
    data: bytes = b"data",
    scope: Scope = CLUSTER,
    urgency: PayloadClass = PayloadClass.NORMAL,
) -> Payload:
    """Return a payload."""
    return Payload(key, scope, urgency, data)


def news(one: Payload) -> PayloadNews:
    """Return the message that carries a payload."""
    return payload_news(one)


def number(one: Payload) -> int:
    """Return a payload's id."""
    return payload_id(payload_news(one).item)


def delivered(world: Network) -> dict[int, list[bytes]]:
    """Return the data delivered at each member, in order."""
    found: dict[int, list[bytes]] = {one: [] for one in world.engines}
    for _, at, output in world.log:
        if isinstance(output, Deliver):
            found[at].append(output.payload.data)
    return found


def told(outputs: list[Output]) -> list[tuple[int, Message]]:
    """Return what is sent, in order of whom."""
    return sorted(messages(outputs), key=lambda one: one[0])


def test_a_published_payload_is_sent_to_the_neighbours_and_not_delivered() -> None:
    engine = swim(1, (2, 3))
    engine.publish(0.0, payload())
    outputs = drain(engine)
    assert told(outputs) == [(2, news(payload())), (3, news(payload()))]
    assert notes(outputs) == []


def test_the_first_copy_is_delivered_and_no_other() -> None:
    engine = swim(1, (2, 3))
    assert tell(engine, 2, news(payload())) == [Deliver(payload(), node(2))]
    assert tell(engine, 2, news(payload())) == []
    assert tell(engine, 3, news(payload())) == []
    assert advance(engine, 60.0) == []


def test_a_payload_is_passed_on_when_told_and_only_then() -> None:
    engine = swim(1, (2, 3))
    tell(engine, 2, news(payload()))
    engine.relay(0.5, payload())
    assert told(drain(engine)) == [(3, news(payload()))]
    engine.relay(0.6, payload())
    assert drain(engine) == []


def test_the_further_fields_of_a_payload_travel_on() -> None:
    engine = swim(1, (2, 3))
    body = b"\x96" + pack((CLUSTER, b"key", 1, b"data"))[1:] + b"\xc4\x04more\x05"
    later = replace(payload(), body=body)
    (delivered_one,) = tell(engine, 2, news(later))
    assert isinstance(delivered_one, Deliver)
    assert (delivered_one, delivered_one.payload.body) == (
        *(Deliver(payload(), node(2)), body),
    )
    engine.relay(0.1, delivered_one.payload)
    assert messages(drain(engine)) == [(3, news(later))]


def test_an_own_payload_that_comes_back_is_not_delivered() -> None:
    engine = swim(1, (2, 3))
    engine.publish(0.0, payload())
    drain(engine)
    assert tell(engine, 2, news(payload()), now=0.01) == []


def test_a_payload_reaches_everyone_once() -> None:
    world = network(range(1, 21))
    world.engines[1].publish(0.0, payload())
    world.settle(1)
    world.run(1.0)
    everyone = {one: [b"data"] for one in range(2, 21)}
    assert delivered(world) == {1: [], **everyone}
    copies = sum(
        isinstance(message, PayloadNews)
        for _, _, one in world.sent
        for _, message in messages([one])
    )
    assert copies <= 20 * 5


@pytest.mark.slow
def test_nothing_is_passed_on_by_who_was_not_told_to() -> None:
    world = network(range(1, 21), relays=False)
    world.engines[1].publish(0.0, payload())
    world.settle(1)
    world.run(5.0)
    neighbours = {n for n, got in delivered(world).items() if got}
    assert {node(n) for n in neighbours} == set(
        world.engines[1].save().rings.neighbours()
    )


def test_who_missed_a_payload_gets_it_by_have_and_want() -> None:
    world = network(range(1, 11))
    world.drop = lambda source, target, sent: target == 10 and world.now < 0.02
    world.engines[1].publish(0.0, payload())
    world.settle(1)
    world.run(0.3)
    assert delivered(world)[10] == [b"data"]
    kinds = {type(m).__name__ for _, _, one in world.sent for _, m in messages([one])}
    assert {"Have", "Want"} <= kinds


@pytest.mark.slow
@fewer(3)
@given(st.integers(0, 1000), st.sampled_from([0.05, 0.2, 0.4]))
def test_losses_keep_no_payload_from_anyone(seed: int, loss: float) -> None:
    world = network(range(1, 9), seed=seed)
    random = world.engines[1]._core.random
    world.drop = lambda source, target, sent: random.random() < loss
    world.engines[1].publish(0.0, payload())
    world.settle(1)
    world.run(4.0)
    world.drop = lambda source, target, sent: False
    world.run(4.0)
    assert [got for n, got in delivered(world).items() if n != 1] == [[b"data"]] * 7


@pytest.mark.slow
def test_after_everyone_has_it_there_is_silence() -> None:
    world = network(range(1, 9))
    world.engines[1].publish(0.0, payload())
    world.settle(1)
    world.run(1.0)
    world.sent.clear()
    world.run(30.0)
    kinds = {type(m).__name__ for _, _, one in world.sent for _, m in messages([one])}
    assert kinds == {"Ping", "Ack", "Heartbeat"}


def test_a_have_of_something_unknown_is_asked_for_after_a_moment() -> None:
    engine = swim(1, (2, 3))
    assert tell(engine, 2, Have((7,), reminds=False)) == []
    assert [(at, messages([one])) for at, one in advance(engine, 0.05)] == [
        (0.02, [(2, Want((7,)))])
    ]


def test_what_never_comes_is_asked_of_all_holders_and_given_up() -> None:
    engine = swim(1, (2, 3))
    tell(engine, 2, Have((7,), reminds=False))
    tell(engine, 3, Have((7,), reminds=False))
    asked = [messages([one])[0] for _, one in advance(engine, 600.0)]
    assert asked == [(2, Want((7,))), (3, Want((7,)))] * 3


def test_a_payload_that_came_by_itself_is_not_asked_for() -> None:
    engine = swim(1, (2, 3))
    tell(engine, 2, Have((number(payload()),), reminds=True))
    tell(engine, 3, news(payload()), now=0.01)
    assert advance(engine, 60.0) == []


def test_a_reminder_is_answered_by_a_have_that_reminds_of_nothing() -> None:
    engine = swim(1, (2, 3))
    engine.publish(0.0, payload())
    drain(engine)
    numbers = (number(payload()),)
    assert tell(engine, 2, Have(numbers, reminds=False), now=0.01) == []
    answer = tell(engine, 2, Have(numbers, reminds=True), now=0.01)
    assert messages(answer) == [(2, Have(numbers, reminds=False))]


def test_a_payload_is_sent_to_who_wants_it() -> None:
    engine = swim(1, (2, 3))
    engine.publish(0.0, payload())
    drain(engine)
    assert messages(tell(engine, 2, Want((number(payload()), 5)), now=0.01)) == [
        (2, news(payload()))
    ]


def test_a_newer_payload_of_one_key_takes_the_olders_place() -> None:
    engine = swim(1, (2,))
    old, new = payload(data=b"old"), payload(data=b"new")
    engine.publish(0.0, old)
    drain(engine)
    engine.publish(0.001, old)
    engine.publish(0.002, new)
    sent = [m for _, one in advance(engine, 0.01) for m in messages([one])]
    assert sent == [(2, news(new))]
    assert tell(engine, 2, Want((number(old),)), now=0.02) == []
    assert messages(tell(engine, 2, Want((number(new),)), now=0.02)) == [(2, news(new))]


def test_one_key_in_two_scopes_is_two_things() -> None:
    engine = swim(1, (2,))
    engine.attach(NET, [node(1), node(2)])
    one, other = payload(), payload(scope=NET)
    engine.publish(0.0, one)
    engine.publish(0.0, other)
    advance(engine, 0.1)
    wanted = (number(one), number(other))
    sent = [m for _, m in messages(tell(engine, 2, Want(wanted), now=0.1))]
    assert sent == [news(one), news(other)]


def test_as_many_payloads_are_kept_as_the_bound_says() -> None:
    engine = swim(1, (2,), SwimConfig(payloads_max=3))
    kept = [payload(key=bytes((n,))) for n in range(5)]
    for one in kept:
        engine.publish(0.0, one)
    drain(engine)
    wanted = Want(tuple(map(number, kept)))
    outputs = tell(engine, 2, wanted, now=0.1)
    assert [m for _, m in messages(outputs)][-3:] == [news(one) for one in kept[2:]]


def test_what_others_have_is_noted_up_to_a_bound() -> None:
    engine = swim(1, (2,))
    for start in (0, 100, 200):
        tell(engine, 2, Have(tuple(range(start, start + 100)), reminds=False))
    assert engine.counters()["announcements_dropped"] == 300 - 256


@pytest.mark.parametrize(
    ("one", "line"),
    [
        (payload(key=b""), "payload key of 0 bytes: want 1 to 64"),
        (payload(key=bytes(65)), "payload key of 65 bytes: want 1 to 64"),
        (payload(scope=Scope(bytes(33))), "scope of 33 bytes: want at most 32"),
        (payload(scope=NET), "scope 6e6574: attach to it first"),
        (
            payload(data=bytes(1200)),
            "payload of 1200 bytes: want 1131 at most beside this key and scope",
        ),
    ],
)
def test_a_payload_out_of_bounds_is_refused_in_one_line(
    one: Payload, line: str
) -> None:
    engine = swim(1, (2,))
    with pytest.raises(Refused) as refused:
        engine.publish(0.0, one)
    assert str(refused.value) == line
    assert (drain(engine), engine.poll_timeout()) == ([], None)


def test_the_largest_payload_that_the_refusal_names_is_sent() -> None:
    engine = swim(1, (2,))
    engine.publish(0.0, payload(data=bytes(1131)))
    assert messages(drain(engine)) == [(2, news(payload(data=bytes(1131))))]
    with pytest.raises(Refused, match="want 1131 at most"):
        engine.publish(0.0, payload(data=bytes(1132)))


# Scopes


def test_a_payload_of_a_scope_goes_to_the_attached_only() -> None:
    world = network(range(1, 13))
    inside = [node(n) for n in (1, 3, 5, 7, 9)]
    for engine in world.engines.values():
        engine.attach(NET, inside)
    world.engines[1].publish(0.0, payload(scope=NET))
    world.settle(1)
    world.run(3.0)
    got = [n for n, data in delivered(world).items() if data]
    assert got == [3, 5, 7, 9]
    told_of = {
        to
        for _, _, one in world.sent
        for to, m in messages([one])
        if isinstance(m, (PayloadNews, Have, Want))
    }
    assert told_of <= {1, 3, 5, 7, 9}


def test_a_payload_is_not_given_to_one_outside_its_scope() -> None:
    engine = swim(1, (2, 3))
    engine.attach(NET, [node(1), node(2)])
    engine.publish(0.0, payload(scope=NET))
    drain(engine)
    wanted = Want((number(payload(scope=NET)),))
    assert tell(engine, 3, wanted, now=0.1) == []
    assert len(tell(engine, 2, wanted, now=0.1)) == 1


def test_who_detached_is_in_the_scope_no_more() -> None:
    engine = swim(1, (2, 3))
    engine.attach(NET, [node(1), node(2), node(3)])
    engine.detach(NET, [node(3)])
    engine.publish(0.0, payload(scope=NET))
    assert {to for to, _ in messages(drain(engine))} == {2}
    engine.detach(NET, [node(1)])
    with pytest.raises(Refused, match="attach to it first"):
        engine.publish(1.0, payload(scope=NET))


def test_who_is_gone_is_on_no_scopes_rings_and_comes_back() -> None:
    engine = swim(1, (2, 3))
    engine.attach(NET, [node(1), node(2), node(3), node(4)])
    tell(engine, 3, left(2))
    assert engine.states()[node(2)] is State.LEFT
    advance(engine, 1.0)
    engine.publish(1.0, payload(scope=NET))
    assert {to for to, _ in messages(drain(engine))} == {3}
    tell(engine, 3, alive(4), alive(2, 1, 2), now=2.0)
    advance(engine, 3.0)
    engine.publish(3.0, payload(scope=NET, data=b"more"))
    assert {to for to, _ in messages(drain(engine))} == {2, 3, 4}
