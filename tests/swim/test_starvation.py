"""What one sender, key or size does keeps nothing of another from being sent."""

import pytest

from swarmnet.ids import CLUSTER, Scope
from swarmnet.swim.codec import payload_news
from swarmnet.swim.config import SwimConfig
from swarmnet.swim.engine import Swim
from swarmnet.swim.messages import ClaimNews, PayloadNews
from swarmnet.swim.outputs import Deliver, Payload, PayloadClass
from swarmnet.swim.relay import Lane, Rank
from tests.swim.worlds import (
    address,
    advance,
    alive,
    drain,
    messages,
    node,
    suspect,
    swim,
    tell,
)

URGENT = PayloadClass.URGENT


def payload(key: bytes, data: bytes = b"", scope: Scope = CLUSTER) -> Payload:
    """Return an urgent payload."""
    return Payload(key, scope, URGENT, data)


def busy(config: SwimConfig | None = None) -> Swim:
    """Return an engine that has just sent: what is published next is gathered."""
    engine = swim(1, (2,), config)
    engine.publish(0.0, payload(b"first"))
    drain(engine)
    return engine


def keys(engine: Swim, until: float) -> list[bytes]:
    """Let the engine run; return the keys of the payloads that it sends, in order."""
    sent = [m for _, one in advance(engine, until) for _, m in messages([one])]
    return [m.payload.key for m in sent if isinstance(m, PayloadNews)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((b"a", b"b\0c"), (b"a\0b", b"c")),
        ((b"1:", b"kk"), (b"1:k", b"k")),
        ((b"2", b"twelve bytesk"), (b"twelve bytes", b"k")),
    ],
)
def test_payloads_of_two_scopes_never_supersede_each_other(
    one: tuple[bytes, bytes], other: tuple[bytes, bytes]
) -> None:
    engine = busy()
    for scope, key in (one, other):
        engine.attach(Scope(scope), [node(1), node(2)])
        engine.publish(0.0, payload(key, scope=Scope(scope)))
    assert keys(engine, 0.006) == [one[1], other[1]]


def test_a_payload_never_supersedes_a_claim_whatever_key_and_id_were_chosen() -> None:
    engine = busy()
    chosen = int.from_bytes(b"payload0:1234567", "big")
    news = [alive(5), alive(chosen, at=address(6)), suspect(chosen, 7)]
    tell(engine, 9, *news)
    for key in (node(5), node(5)[1:], b"1234567", b"1234567" + node(7)):
        engine.publish(0.001, payload(bytes(key)))
    sent = [m for _, one in advance(engine, 0.006) for m in messages([one])]
    told = [m.claim for to, m in sent if to == 2 and isinstance(m, ClaimNews)]
    assert told == news


def test_what_is_above_a_peers_limit_holds_nothing_else_up() -> None:
    engine = busy()
    engine.limit_datagrams(node(2), 512)
    engine.publish(0.0, payload(b"big", bytes(1000)))
    engine.publish(0.0, payload(b"small"))
    assert keys(engine, 0.01) == [b"small"]


def test_a_peer_with_a_limit_above_the_burst_is_served() -> None:
    config = SwimConfig(burst_bytes=5000, eager_bytes=1, rate_bytes_s=1000.0)
    engine = busy(config)
    engine.limit_datagrams(node(2), 65_507)
    expected = [b"%d" % number for number in range(11)]
    for key in expected:
        engine.publish(0.0, payload(key, bytes(1000)))
    assert keys(engine, 600.0) == expected


def test_what_is_updated_often_is_still_sent() -> None:
    lane = Lane()
    news = b"often" + bytes(995)
    lane.put(Rank.CLAIM, b"first", bytes(1000))
    lane.put(Rank.CLAIM, b"often", news)
    sent = []
    for number in range(5):
        lane.put(Rank.CLAIM, b"%d" % number, bytes(1000))
        lane.put(Rank.CLAIM, b"often", news)
        sent += lane.take(1148)
    # Once in its first turn; then it came anew, behind what waited already.
    assert [item[:5] == b"often" for item in sent] == [
        *(False, True, False, False, False)
    ]


def test_what_was_published_is_remembered_up_to_a_bound() -> None:
    config = SwimConfig(payloads_max=4)
    engine = busy(config)
    relaying = swim(1, (2,), config)
    for number in range(100):
        one = payload(b"%d" % number)
        engine.publish(float(number), one)
        drain(engine)
        relaying.relay(float(number), one)
        drain(relaying)
    assert len(engine._payloads._heard_from) == 8
    assert len(relaying._payloads._heard_from) == 8


def test_what_was_delivered_is_remembered_up_to_a_bound() -> None:
    engine = swim(1, (2,), SwimConfig(payloads_max=4))
    for number in range(100):
        one = payload(b"%d" % number)
        assert tell(engine, 2, payload_news(one)) == [Deliver(one, node(2))]
    assert len(engine._payloads._heard_from) == 8
