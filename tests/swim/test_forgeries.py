"""Bytes that nobody signed, and what arrives by the wrong way, move nobody."""

from typing import Final

import msgpack
import pytest

from swarmnet.ids import Scope
from swarmnet.swim.claim import Claim
from swarmnet.swim.codec import claim_of, encode_frame, payload_news
from swarmnet.swim.engine import Swim
from swarmnet.swim.member import Member
from swarmnet.swim.messages import Digest, Join, Message, Ranges, Welcome
from swarmnet.swim.outputs import Deliver, Output, Payload, PayloadClass, State
from tests.swim.worlds import (
    IDLE,
    address,
    advance,
    alive,
    changed,
    claims,
    drain,
    left,
    node,
    notes,
    stream,
    suspect,
    swim,
    tell,
)

NOTHING: Final = Digest(bytes(16), 0)


def tailed(item: bytes, *more: object) -> bytes:
    """Return a packed message with further fields behind those that it has."""
    packed: bytes = msgpack.packb([*msgpack.unpackb(item), *more])
    return packed


def feed(engine: Swim, sender: int, item: bytes, now: float = 0.0) -> list[Output]:
    """Hand the engine one packed message; return what it wants done."""
    engine.receive_datagram(now, node(sender), address(sender), encode_frame([item]))
    return drain(engine)


def test_an_own_claim_with_an_unsigned_tail_is_no_other_life() -> None:
    engine = swim(1, (2, 3))
    assert feed(engine, 2, tailed(alive(1).item, b"x")) == []
    assert engine.member(node(1)) == Member(alive(1), (), State.ALIVE)
    assert engine.counters() == IDLE


@pytest.mark.parametrize("claim", [alive(3), suspect(3, 2)], ids=["alive", "suspect"])
def test_an_unsigned_tail_is_no_news_of_another(claim: Claim) -> None:
    engine = swim(1, (2, 3))
    tell(engine, 2, suspect(3, 2))
    advance(engine, 0.2)
    for number in range(5):
        outputs = feed(engine, 2, tailed(claim.item, bytes((number,))), 0.2)
        assert (notes(outputs), claims(outputs)) == ([], [])
    held = engine.member(node(3))
    assert held == Member(alive(3), (suspect(3, 2),), State.SUSPECT)


def test_an_unsigned_tail_travels_no_further_and_takes_no_room() -> None:
    engine = swim(1, (2, 3))
    data = encode_frame([tailed(alive(4).item, bytes(60_000))])
    engine.receive_stream(0.0, node(2), address(2), data)
    outputs = drain(engine)
    assert notes(outputs) == [changed(4, None, State.ALIVE)]
    relayed = [claim.item for _, claim in claims(outputs)]
    assert relayed == [alive(4).item] * len(relayed)
    assert len(relayed) == 2
    held = engine.member(node(4))
    assert held is not None
    assert held.claim.item == alive(4).item


def test_another_proof_of_what_is_held_is_no_news() -> None:
    engine = swim(1, (2, 3))
    tell(engine, 2, suspect(3, 2))
    advance(engine, 0.2)
    before = engine.counters()
    for claim in (alive(1), alive(3), suspect(3, 2)):
        other = claim_of(claim.body, b"\xff" * 8)
        assert tell(engine, 2, other, now=0.2) == []
        assert engine.counters() == before
    held = engine.member(node(3))
    assert held is not None
    assert [one.proof for one in held.claims] == [
        *(alive(3).proof, suspect(3, 2).proof)
    ]


@pytest.mark.parametrize(
    "claim",
    [suspect(3, 2, 1, 1), suspect(9, 2), suspect(1, 2, 1, 1)],
    ids=["version ahead", "stranger", "ourselves ahead"],
)
def test_a_forged_accusation_of_what_is_not_yet_known_begins_no_repair(
    claim: Claim,
) -> None:
    engine = swim(1, (2, 3))
    forged = claim_of(claim.body, b"forged")
    assert tell(engine, 2, forged) == []
    assert engine.counters() == {**IDLE, "bad_proofs": 1}
    assert engine.poll_timeout() is None


@pytest.mark.parametrize("message", [Join(), Welcome(NOTHING), Ranges(bytes(16))])
def test_what_calls_for_much_is_taken_on_streams_only(message: Message) -> None:
    engine = swim(1, range(2, 400))
    engine.join(0.0, [address(2)])
    drain(engine)
    before = (engine.poll_timeout(), engine.save().digest())
    assert tell(engine, 900, message) == []
    assert engine.counters() == {**IDLE, "stream_only": 1}
    assert (engine.poll_timeout(), engine.save().digest()) == before


def test_a_leave_with_an_unsigned_tail_is_the_same_leave() -> None:
    engine = swim(1, (2, 3))
    tell(engine, 2, left(2))
    advance(engine, 0.2)
    assert feed(engine, 3, tailed(left(2).item, b"x"), 0.2) == []
    assert stream(engine, 3, left(2), now=0.3) == []


def test_a_payload_of_a_scope_that_is_not_ours_is_not_delivered_or_noted() -> None:
    net = Scope(b"net")
    payload = Payload(b"key", net, PayloadClass.URGENT, b"data")
    engine = swim(1, (2, 3))
    assert tell(engine, 2, payload_news(payload)) == []
    assert engine.counters() == {**IDLE, "payloads_out_of_scope": 1}
    assert engine.poll_timeout() is None
    engine.attach(net, [node(1), node(2)])
    delivered = [Deliver(payload, node(2))]
    assert tell(engine, 2, payload_news(payload), now=1.0) == delivered
