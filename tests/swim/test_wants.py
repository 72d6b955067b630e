"""Asking for announced payloads: of whom, in what company, and for how many."""

from swarmnet.ids import CLUSTER
from swarmnet.swim.codec import payload_news
from swarmnet.swim.engine import Swim
from swarmnet.swim.messages import Have, Want
from swarmnet.swim.outputs import Deliver, Payload, PayloadClass
from swarmnet.swim.payloads import payload_id
from tests.swim.worlds import advance, drain, messages, network, swim, tell

PAYLOAD = Payload(b"key", CLUSTER, PayloadClass.URGENT, b"data")
NUMBER = payload_id(payload_news(PAYLOAD).item)


def wants(engine: Swim, until: float) -> list[tuple[float, int, tuple[int, ...]]]:
    """Let an engine run; return its wants as (when, of whom, which)."""
    return [
        (round(at, 3), to, message.payload_ids)
        for at, one in advance(engine, until)
        for to, message in messages([one])
        if isinstance(message, Want)
    ]


def test_one_want_asks_for_all_that_a_holder_announced_together() -> None:
    engine = swim(1, (2, 3))
    tell(engine, 2, Have(tuple(range(100)), reminds=False))
    tell(engine, 3, Have(tuple(range(100, 120)), reminds=False))
    assert wants(engine, 0.05) == [
        (0.02, 2, tuple(range(100))),
        (0.02, 3, tuple(range(100, 120))),
    ]


def test_a_want_asks_for_128_at_most_and_the_next_for_the_rest() -> None:
    engine = swim(1, (2, 3))
    tell(engine, 2, Have(tuple(range(120)), reminds=False))
    tell(engine, 2, Have(tuple(range(120, 200)), reminds=False))
    assert wants(engine, 0.05) == [
        (0.02, 2, tuple(range(128))),
        (0.02, 2, tuple(range(128, 200))),
    ]


def test_bogus_ids_are_asked_for_by_few_bytes() -> None:
    engine = swim(1, (2, 3))
    tell(engine, 2, Have(tuple(range(140)), reminds=True))
    asked = wants(engine, 60.0)
    assert len(asked) == 2 * 6
    assert sum(len(numbers) for _, _, numbers in asked) == 140 * 6


def test_a_holder_that_repeats_itself_is_asked_no_more_often_than_others() -> None:
    engine = swim(1, (2, 3))
    tell(engine, 2, *[Have((7,), reminds=False)] * 12)
    tell(engine, 3, Have((7,), reminds=False))
    assert [to for _, to, _ in wants(engine, 60.0)] == [2, 3] * 3


def test_six_holders_are_asked_in_turn_and_further_ones_not() -> None:
    engine = swim(1, range(2, 10))
    for holder in range(2, 10):
        tell(engine, holder, Have((7,), reminds=False))
    assert [to for _, to, _ in wants(engine, 60.0)] == [*range(2, 8)]


def test_who_announces_too_much_leaves_room_for_another() -> None:
    engine = swim(1, (2, 3))
    for start in range(0, 8000, 100):
        bogus = tuple(range(start, start + 100))
        tell(engine, 2, Have(bogus, reminds=False), now=start * 1e-4)
    tell(engine, 3, Have((NUMBER,), reminds=False), now=0.8)
    asked = [numbers for _, to, numbers in wants(engine, 0.83) if to == 3]
    assert asked == [(NUMBER,)]


def test_what_was_given_up_leaves_its_announcer_room_again() -> None:
    engine = swim(1, (2, 3))
    for start in (0, 100, 200):
        tell(engine, 2, Have(tuple(range(start, start + 100)), reminds=False))
    assert engine.counters()["announcements_dropped"] == 44
    advance(engine, 60.0)
    tell(engine, 2, Have((NUMBER,), reminds=False), now=60.0)
    assert [numbers for _, _, numbers in wants(engine, 60.03)] == [(NUMBER,)]
    assert engine.counters()["announcements_dropped"] == 44


def test_what_has_come_leaves_its_announcer_room_again() -> None:
    engine = swim(1, (2, 3))
    tell(engine, 2, Have((NUMBER,), reminds=False))
    tell(engine, 2, Have(tuple(range(130)), reminds=False))
    tell(engine, 2, Have(tuple(range(130, 255)), reminds=False))
    tell(engine, 3, payload_news(PAYLOAD), now=0.001)
    tell(engine, 2, Have((1000, 1001), reminds=False), now=0.002)
    assert engine.counters()["announcements_dropped"] == 1


def test_a_payload_named_many_times_in_a_want_is_sent_once() -> None:
    engine = swim(1, (2, 3))
    engine.publish(0.0, PAYLOAD)
    drain(engine)
    copy = [(2, payload_news(PAYLOAD))]
    assert messages(tell(engine, 2, Want((NUMBER,) * 128), now=0.1)) == copy


def test_a_payload_is_given_to_one_member_again_after_a_moment_only() -> None:
    engine = swim(1, (2, 3))
    engine.publish(0.0, PAYLOAD)
    drain(engine)
    want = Want((NUMBER,))
    given = [
        (sender, len(tell(engine, sender, want, now=now)))
        for now, sender in ((0.1, 2), (0.105, 2), (0.106, 3), (0.111, 2))
    ]
    assert given == [(2, 1), (2, 0), (3, 1), (2, 1)]


def test_who_is_in_debt_asks_and_gives_later() -> None:
    engine = swim(1, (2, 3))
    engine.publish(0.0, PAYLOAD)
    drain(engine)
    tell(engine, 2, Have((7,), reminds=False), now=0.1)
    engine._core.budget.charge(0.1, 100_000_000)
    assert tell(engine, 3, Want((NUMBER,)), now=0.11) == []
    assert engine.counters()["refused_busy"] == 1
    asked = wants(engine, 5.0)
    assert len(asked) > 0
    assert min(at for at, _, _ in asked) > 0.6


def test_a_payload_is_found_though_another_member_announces_thousands() -> None:
    world = network(range(1, 8))
    world.run(1.0)
    began = world.now
    world.drop = lambda source, target, sent: target == 1 and world.now < began + 0.04
    world.engines[3].publish(world.now, PAYLOAD)
    world.settle(3)
    for step in range(20):
        first = 1 + 140 * step
        bogus = Have(tuple(range(first, first + 140)), reminds=False)
        tell(world.engines[1], 2, bogus, now=world.now)
        world.run(0.02)
    got = [one for _, n, one in world.log if n == 1 and isinstance(one, Deliver)]
    assert [one.payload for one in got] == [PAYLOAD]
    assert world.engines[1].counters()["announcements_dropped"] > 1000
