"""Pinging for others: who may answer, when silence is told, how much is too much."""

import pytest

from swarmnet.ids import Address
from swarmnet.swim.coordinates import ORIGIN
from swarmnet.swim.engine import Swim
from swarmnet.swim.messages import Ack, Nack, Ping, PingRequest
from swarmnet.swim.outputs import SendDatagram
from tests.swim.worlds import (
    address,
    advance,
    drain,
    frame,
    messages,
    node,
    swim,
    tell,
)


def helping(*numbers: int) -> tuple[Swim, int]:
    """Return an engine of 1 that pings 3 for 2, and that ping's number."""
    engine = swim(1, numbers)
    request = PingRequest(500, node(3), address(3), 0.4)
    ((target, ping),) = messages(tell(engine, 2, request))
    assert isinstance(ping, Ping)
    assert target == 3
    assert ping.sequence != 500
    return engine, ping.sequence


def test_a_helper_pings_and_passes_the_answer_on_without_the_coordinate() -> None:
    engine, sequence = helping(2, 3)
    answer = tell(engine, 3, Ack(sequence, ORIGIN), now=0.1)
    assert messages(answer) == [(2, Ack(500))]
    assert advance(engine, 5.0) == []


def test_an_ack_to_a_helper_vouches_for_its_sender_alone() -> None:
    engine, sequence = helping(2, 3, 4)
    assert tell(engine, 4, Ack(sequence), now=0.1) == []
    assert tell(engine, 2, Ack(sequence), now=0.1) == []
    assert engine.counters()["acks_unexpected"] == 2
    assert messages(tell(engine, 3, Ack(sequence), now=0.2)) == [(2, Ack(500))]


@pytest.mark.parametrize(
    ("wait_s", "waited_s"),
    [(0.001, 0.001), (0.123, 0.123), (0.4, 0.4), (4.0, 4.0), (4.001, 4.0), (60.0, 4.0)],
)
def test_a_helper_without_answer_says_so_when_it_was_told_to(
    wait_s: float, waited_s: float
) -> None:
    """Nobody has to wait longer than the slowest member for the farthest."""
    engine = swim(1, (2, 3))
    tell(engine, 2, PingRequest(500, node(3), address(3), wait_s), now=1.0)
    assert [(at, messages([one])) for at, one in advance(engine, 70.0)] == [
        (1.0 + waited_s, [(2, Nack(500))])
    ]


@pytest.mark.parametrize("target", [1, 9], ids=["ourselves", "a stranger"])
def test_who_cannot_be_pinged_is_answered_for_at_once(target: int) -> None:
    engine = swim(1, (2, 3))
    request = PingRequest(5, node(target), address(target), 0.4)
    assert messages(tell(engine, 2, request)) == [(2, Nack(5))]
    assert engine.poll_timeout() is None


def test_a_helper_pings_where_it_knows_the_target_and_nowhere_else() -> None:
    engine = swim(1, (2, 3))
    request = PingRequest(5, node(3), Address(bytes((203, 0, 113, 7)), 53), 0.4)
    (sent,) = tell(engine, 2, request)
    assert isinstance(sent, SendDatagram)
    assert (sent.peer, sent.address) == (node(3), address(3))


def test_a_stranger_that_asks_for_help_is_not_answered() -> None:
    engine = swim(1, (2, 3))
    assert tell(engine, 9, PingRequest(5, node(8), address(8), 0.4)) == []


def test_help_is_bounded() -> None:
    engine = swim(1, (2, 3))
    request = PingRequest(5, node(3), address(3), 0.4)
    # As many as each may ask for at once.
    data = frame(*[request] * 10)
    for asker in range(10, 130):
        engine.receive_datagram(0.0, node(asker), address(asker), data)
        drain(engine)
    assert engine.counters()["helps_refused"] == 120 * 10 - 1024
