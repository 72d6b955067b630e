"""What one member may take of a node's time and bytes, and what nobody may."""

import tracemalloc

import msgpack
import pytest

from swarmnet.ids import CLUSTER
from swarmnet.sketch import encode_cells
from swarmnet.swim import codec
from swarmnet.swim.codec import payload_news
from swarmnet.swim.courtesy import Courtesy
from swarmnet.swim.messages import (
    Ack,
    ClaimNews,
    Compare,
    Digest,
    Have,
    Join,
    Message,
    Nack,
    Ping,
    PingRequest,
    Ranges,
    SketchOffer,
    Want,
    WantClaims,
    Welcome,
)
from swarmnet.swim.outputs import Deliver, Payload, PayloadClass, SendStream, State
from tests.swim.worlds import (
    address,
    alive,
    drain,
    frame,
    messages,
    network,
    node,
    notes,
    stream,
    suspect,
    swim,
    tell,
)

OTHER = Digest(b"\xff" * 16, 1)
PAYLOAD = Payload(b"key", CLUSTER, PayloadClass.URGENT, b"data")
COSTS: list[tuple[Message, int | None]] = [
    (Ping(1, OTHER), 32),
    (PingRequest(1, node(2), address(2)), 32),
    (Have((1,), True), 32),
    (Want((1,)), 32),
    (Compare(OTHER), 32),
    (SketchOffer(b"c"), 8),
    (WantClaims((1,)), 8),
    (Ranges(b"r"), 8),
    (Join(), 8),
    (Welcome(OTHER), None),
    (Ack(1), None),
    (Nack(1), None),
    (ClaimNews(alive(2)), None),
    (payload_news(PAYLOAD), None),
]


@pytest.mark.parametrize(
    ("message", "most"), COSTS, ids=[type(one).__name__ for one, _ in COSTS]
)
def test_a_member_may_have_so_many_answers_of_a_kind_at_once(
    message: Message, most: int | None
) -> None:
    courtesy = Courtesy()
    allowed = [courtesy.allows(0.0, node(2), message) for _ in range(50)]
    granted = 50 if most is None else most
    assert allowed == [True] * granted + [False] * (50 - granted)


def test_the_kinds_share_one_allowance() -> None:
    courtesy = Courtesy()
    asked: list[Message] = [*[Join()] * 7, *[Ping(1, OTHER)] * 4, Want((1,))]
    assert [courtesy.allows(0.0, node(2), one) for one in asked] == [
        *[True] * 11,
        False,
    ]


def test_an_allowance_is_a_members_own_and_is_renewed() -> None:
    courtesy = Courtesy()

    def joins(now: float, number: int) -> int:
        return sum(courtesy.allows(now, node(number), Join()) for _ in range(20))

    assert [joins(5.0, 2), joins(5.05, 3), joins(5.09, 2)] == [8, 8, 0]
    assert [joins(5.11, 2), joins(5.12, 3), joins(5.13, 3)] == [8, 8, 0]


def test_a_frame_of_pings_is_answered_as_far_as_the_allowance_goes() -> None:
    engine = swim(1, (2, 3))
    same = engine.save().digest()
    pings = [Ping(number, same) for number in range(600)]
    answers = messages(stream(engine, 2, *pings))
    assert answers == [(2, Ack(number)) for number in range(32)]
    assert engine.counters()["answers_refused"] == 600 - 32
    assert messages(tell(engine, 3, Ping(7, same), now=0.01)) == [(3, Ack(7))]
    assert messages(tell(engine, 2, Ping(8, same), now=0.1)) == [(2, Ack(8))]


def test_what_walks_through_everything_held_does_so_a_few_times_only() -> None:
    engine = swim(1, range(2, 10))
    cells = encode_cells(swim(1, (2,)).save().sketch.cells(0, 32))
    tell(engine, 2, *[SketchOffer(cells)] * 20)
    assert engine.counters()["sketches_decoded"] == 8
    assert engine.counters()["answers_refused"] == 12


def test_what_is_no_request_is_taken_beyond_the_allowance() -> None:
    engine = swim(1, (2, 3))
    pings = [Ping(number, engine.save().digest()) for number in range(40)]
    outputs = tell(engine, 2, *pings, alive(4))
    assert engine.counters()["answers_refused"] == 8
    assert engine.states()[node(4)] is State.ALIVE
    assert len(notes(outputs)) == 1


def test_an_own_frame_is_dropped_and_counted() -> None:
    engine = swim(1, (2, 3))
    before = engine.save().digest()
    for take in (engine.receive_datagram, engine.receive_stream):
        take(0.0, node(1), address(1), frame(alive(9), Ping(1, OTHER), Join()))
    assert (drain(engine), engine.poll_timeout()) == ([], None)
    assert engine.save().digest() == before
    assert engine.counters() == {"own_frames": 2, "health_score": 0}


def test_who_was_made_to_answer_much_is_silent_for_half_a_second_at_most() -> None:
    world = network(range(1, 8))
    world.run(1.0)
    engine = world.engines[1]
    engine._core.budget.charge(world.now, 100_000_000)
    engine.update(world.now, meta=b"new")
    engine.publish(world.now, PAYLOAD)
    world.settle(1)
    world.run(0.7)
    assert [world.engines[n].member(node(1)) for n in range(2, 8)] == [
        engine.member(node(1))
    ] * 6
    got = [number for _, number, one in world.log if isinstance(one, Deliver)]
    assert sorted(got) == list(range(2, 8))


@pytest.mark.parametrize("begin", [0, 2**63])
def test_an_accusation_that_is_restated_with_greater_bytes_goes_no_further(
    begin: int,
) -> None:
    engine = swim(1, (2, 3))
    tell(engine, 2, suspect(9, 5), alive(9), suspect(9, 5))
    for number in range(begin, begin + 3):
        plain = msgpack.unpackb(suspect(9, 5).body)
        body: bytes = msgpack.packb([*plain, number])
        restated = codec.claim_of(body, b"no proof is looked at")
        assert tell(engine, 3, restated, now=0.001) == []
    held = engine.member(node(9))
    assert held is not None
    assert held.accusations == (suspect(9, 5),)
    assert "bad_proofs" not in engine.counters()


def test_claims_that_nobody_verified_take_a_bounded_part_of_the_memory() -> None:
    codec._claim_news.cache_clear()
    engine = swim(1, (2, 3))
    count = 200
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(count):
            plain = msgpack.unpackb(alive(9, 1, number, meta=bytes(500)).body)
            body = msgpack.packb([*plain, bytes(450)])
            item = msgpack.packb([5, body, bytes(128)])
            engine.receive_datagram(0.0, node(2), address(2), b"\x92\x01" + item)
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
        codec._claim_news.cache_clear()
    assert engine.counters() == {"bad_proofs": count, "health_score": 0}
    kept_max = codec._claim_news.cache_parameters()["maxsize"]
    assert kept_max is not None
    assert taken / count * kept_max < 64 * 2**20


def test_a_member_is_welcomed_a_few_times_only() -> None:
    engine = swim(1, range(2, 60))
    outputs = stream(engine, 2, *[Join()] * 30)
    welcomed = [one for one in outputs if isinstance(one, SendStream)]
    assert len([m for _, m in messages(welcomed) if isinstance(m, Welcome)]) == 8
