"""What one member may take of a node's time and bytes, and what nobody may."""

import tracemalloc

import msgpack
import pytest

from swarmnet.ids import CLUSTER
from swarmnet.sketch import encode_cells
from swarmnet.swim import codec
from swarmnet.swim.claim import SIGN_DOMAIN, Claim
from swarmnet.swim.codec import payload_news
from swarmnet.swim.coordinates import ORIGIN
from swarmnet.swim.courtesy import Courtesy, cost_of
from swarmnet.swim.doubt import FORGERIES_MAX
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
    IDLE,
    address,
    alive,
    drain,
    frame,
    messages,
    network,
    node,
    notes,
    seams,
    stream,
    suspect,
    swim,
    tell,
)

OTHER = Digest(b"\xff" * 16, 1)
PAYLOAD = Payload(b"key", CLUSTER, PayloadClass.URGENT, b"data")
COSTS: list[tuple[Message, int | None]] = [
    (Ping(1, OTHER), 32),
    (PingRequest(1, node(2), address(2), 0.4), 10),
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
    allowed = [courtesy.allows(0.0, node(2), cost_of(message)) for _ in range(50)]
    granted = 50 if most is None else most
    assert allowed == [True] * granted + [False] * (50 - granted)


def test_the_kinds_share_one_allowance() -> None:
    courtesy = Courtesy()
    asked: list[Message] = [*[Join()] * 7, *[Ping(1, OTHER)] * 4, Want((1,))]
    assert [courtesy.allows(0.0, node(2), cost_of(one)) for one in asked] == [
        *[True] * 11,
        False,
    ]


def test_an_allowance_is_a_members_own_and_is_renewed() -> None:
    courtesy = Courtesy()

    def joins(now: float, number: int) -> int:
        return sum(
            courtesy.allows(now, node(number), cost_of(Join())) for _ in range(20)
        )

    assert [joins(5.0, 2), joins(5.05, 3), joins(5.09, 2)] == [8, 8, 0]
    assert [joins(5.11, 2), joins(5.12, 3), joins(5.13, 3)] == [8, 8, 0]


def test_in_a_second_a_member_has_four_times_as_much_as_at_once() -> None:
    courtesy = Courtesy()

    def pings(now: float) -> int:
        return sum(courtesy.allows(now, node(2), 1) for _ in range(50))

    assert [pings(0.1 * step) for step in range(12)] == [*[32] * 4, *[0] * 6, 32, 32]


def test_a_frame_of_pings_is_answered_as_far_as_the_allowance_goes() -> None:
    engine = swim(1, (2, 3))
    same = engine.save().digest()
    pings = [Ping(number, same) for number in range(600)]
    answers = messages(stream(engine, 2, *pings))
    assert answers == [(2, Ack(number, ORIGIN)) for number in range(32)]
    assert engine.counters()["answers_refused"] == 600 - 32
    assert messages(tell(engine, 3, Ping(7, same), now=0.01)) == [(3, Ack(7, ORIGIN))]
    assert messages(tell(engine, 2, Ping(8, same), now=0.1)) == [(2, Ack(8, ORIGIN))]


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
    assert engine.counters() == {**IDLE, "own_frames": 2}


def test_who_was_made_to_answer_much_is_silent_for_half_a_second_at_most() -> None:
    world = network(range(1, 8))
    world.run(1.0)
    engine = world.engines[1]
    engine._core.budget.charge(world.now, 100_000_000)
    engine.update(world.now, meta=b"new")
    engine.publish(world.now, PAYLOAD)
    world.settle(1)
    # Half a second of debt, and what answers to probes add to it meanwhile.
    world.run(0.7)
    assert [world.engines[n].member(node(1)) for n in range(2, 8)] == [
        engine.member(node(1))
    ] * 6
    got = [number for _, number, one in world.log if isinstance(one, Deliver)]
    assert sorted(got) == list(range(2, 8))


def restated(number: int) -> Claim:
    """Return 5's accusation of 9 in other bytes, signed by 5."""
    body: bytes = msgpack.packb([*msgpack.unpackb(suspect(9, 5).body), number])
    return codec.claim_of(body, seams(5).sign(SIGN_DOMAIN + body))


@pytest.mark.parametrize("numbers", [(1, 2, 3), (3, 2, 1)])
def test_an_accusation_in_other_bytes_is_no_news(numbers: tuple[int, ...]) -> None:
    engine = swim(1, (2, 3))
    tell(engine, 2, alive(9), restated(numbers[0]))
    told = [tell(engine, 3, restated(n), now=0.01) for n in (*numbers, 0)]
    assert told == [[]] * 4
    assert tell(engine, 3, suspect(9, 5), now=0.02) == []


def test_those_who_hold_an_accusation_in_other_bytes_agree() -> None:
    digests = []
    for number in (1, 2):
        engine = swim(1, (2, 3))
        tell(engine, 2, alive(9), restated(number))
        digests.append(engine.save().digest())
    assert digests[0] == digests[1]


def test_an_accusation_in_other_bytes_travels_as_it_was_signed() -> None:
    engine = swim(1, (2, 3))
    outputs = tell(engine, 2, alive(9), restated(1))
    sent = [m.claim for _, m in messages(outputs) if isinstance(m, ClaimNews)]
    assert restated(1).body in [claim.body for claim in sent]


def test_who_speaks_of_what_is_past_is_corrected_a_few_times_only() -> None:
    engine = swim(1, (2, 3))
    engine.update(0.0, meta=b"new")
    drain(engine)
    past = [suspect(1, 3)] * 20
    assert len(tell(engine, 2, *past, now=0.01)) == 4
    assert len(tell(engine, 3, *past, now=0.01)) == 4
    assert len(tell(engine, 2, *past, now=0.2)) == 4


def test_who_is_in_debt_corrects_nobody() -> None:
    engine = swim(1, (2, 3))
    engine.update(0.0, meta=b"new")
    drain(engine)
    engine._core.budget.charge(0.0, 100_000_000)
    assert tell(engine, 2, suspect(1, 3), now=0.01) == []
    assert engine.counters()["answers_refused"] == 1


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
    unread = count - FORGERIES_MAX
    assert engine.counters() == {
        **IDLE,
        "bad_proofs": FORGERIES_MAX,
        "claims_unread": unread,
    }
    kept_max = codec._claim_news.cache_parameters()["maxsize"]
    assert kept_max is not None
    assert taken / count * kept_max < 64 * 2**20


def test_a_member_is_welcomed_once_in_half_a_second() -> None:
    engine = swim(1, range(2, 60))

    def welcomes(now: float, joiner: int) -> int:
        outputs = stream(engine, joiner, *[Join()] * 7, now=now)
        sent = [one for one in outputs if isinstance(one, SendStream)]
        return len([m for _, m in messages(sent) if isinstance(m, Welcome)])

    asked = ((0.0, 2), (0.2, 2), (0.2, 3), (0.49, 2), (0.5, 2), (0.6, 2))
    assert [welcomes(*one) for one in asked] == [1, 0, 1, 0, 1, 0]


@pytest.mark.slow
def test_who_is_asked_to_admit_without_end_still_tells_its_own_news() -> None:
    world = network(range(1, 31))
    world.run(1.0)
    engine = world.engines[1]
    engine._core.budget.charge(world.now, 1_000_000)
    for _ in range(40):
        stream(engine, 2, *[Join()] * 8, now=world.now)
        world.run(0.1)
    engine.update(world.now, meta=b"new")
    world.settle(1)
    world.run(0.3)
    held = [world.engines[n].member(node(1)) for n in range(2, 31)]
    assert held == [engine.member(node(1))] * 29
