"""Which frames may travel in a packet that an observer can send again."""

import pytest

from swarmnet.ids import Address, NodeId
from swarmnet.node.replayable import is_replayable
from swarmnet.swim.codec import encode_frame, encode_message
from swarmnet.swim.messages import (
    Ack,
    Compare,
    Digest,
    Have,
    Join,
    Message,
    Nack,
    Ping,
    PingRequest,
    Want,
    WantClaims,
    Welcome,
)
from tests.swim.worlds import alive, suspect

DIGEST = Digest(bytes(16), 3)
WHERE = Address(bytes((10, 0, 0, 1)), 7946)


@pytest.mark.parametrize(
    "message",
    [
        Ping(1, DIGEST),
        Ack(1),
        Nack(1),
        PingRequest(1, NodeId(bytes(16)), WHERE, 0.1),
    ],
)
def test_probes_and_their_answers_may(message: Message) -> None:
    assert is_replayable(encode_frame([encode_message(message)]))


def test_claims_may_beside_a_probe() -> None:
    ping = encode_message(Ping(1, DIGEST))
    assert is_replayable(encode_frame([alive(2).item, suspect(2, 3).item, ping]))


@pytest.mark.parametrize(
    "message",
    [
        Have((1,), reminds=False),
        Want((1,)),
        Compare(DIGEST),
        WantClaims((1,)),
        Join(),
        Welcome(DIGEST),
    ],
)
def test_what_asks_for_more_may_not_even_beside_a_probe(message: Message) -> None:
    ping = encode_message(Ping(1, DIGEST))
    assert not is_replayable(encode_frame([ping, encode_message(message)]))


@pytest.mark.parametrize("frame", [b"", b"\x91", encode_frame([b"\x91\x64"])])
def test_what_is_not_understood_may_not(frame: bytes) -> None:
    assert not is_replayable(frame)
