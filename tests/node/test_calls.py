"""A member asks another: who is answered, by whom, and how much one can ask."""

import pytest

from swarmnet.crypto.channel import Parcel
from swarmnet.errors import Refused
from swarmnet.node.calls import (
    BODY_BYTES_MAX,
    CALLS_AT_ONCE,
    OWN_OPEN_MAX,
    PEERS_OPEN_MAX,
    WAIT_S,
    Called,
    Replied,
)
from swarmnet.node.envelope import CALL, REPLY
from swarmnet.swim.outputs import SendStream
from swarmnet.wire import pack
from tests.node.table import Table, address
from tests.node.test_node import joined


def call(table: Table, number: int, to: int, body: bytes = b"what?") -> int:
    asked = table.nodes[number].call(table.now, table.id(to), body)
    table._drain(number)
    return asked


def reply(table: Table, number: int, to: int, called: Called, body: bytes) -> None:
    table.nodes[number].reply(table.now, table.id(to), called.number, body)
    table._drain(number)


def called(table: Table, number: int) -> list[Called]:
    return [one for who, one in table.notes if who == number if type(one) is Called]


def replied(table: Table, number: int) -> list[Replied]:
    return [one for who, one in table.notes if who == number if type(one) is Replied]


def say(table: Table, number: int, to: int, data: bytes, *, streamed: bool) -> None:
    """Let a node send another any envelope."""
    node = table.nodes[number]
    parcel = Parcel(
        data, address(to), streamed=streamed, replayable=False, since=table.now
    )
    node._channels.send(table.now, table.id(to), parcel)
    node._settle(table.now)
    table._drain(number)
    table.run(0.1)


def test_a_call_is_answered_by_whom_it_was_made_to() -> None:
    table = joined(3)
    body, answer = bytes(BODY_BYTES_MAX), b"a" * BODY_BYTES_MAX
    number = call(table, 1, 2, body)
    seen = len(table.passed)
    table.run(0.1)
    (told,) = called(table, 2)
    assert told == Called(table.id(1), number, body)
    reply(table, 2, 1, told, answer)
    table.run(0.1)
    assert replied(table, 1) == [Replied(number, answer)]
    assert not called(table, 3)
    long = [one for _, one in table.passed[seen:] if len(one.data) > BODY_BYTES_MAX]
    assert all(isinstance(one, SendStream) for one in long)
    table.run(WAIT_S + 1)
    assert len(replied(table, 1)) == 1


def test_who_does_not_answer_in_time_answers_no_more() -> None:
    table = joined(2)
    number = call(table, 1, 2)
    table.run(WAIT_S + 0.1)
    assert replied(table, 1) == [Replied(number, None)]
    reply(table, 2, 1, called(table, 2)[0], b"late")
    table.run(0.1)
    assert replied(table, 1) == [Replied(number, None)]
    assert table.nodes[2].counters()["replies_late"] == 1


def test_who_is_gone_unknown_or_cut_off_is_not_waited_for() -> None:
    table = joined(3)
    number = call(table, 1, 3)
    table.nodes[3].leave(table.now)
    table._drain(3)
    table.run(1.0)
    assert replied(table, 1) == [Replied(number, None)]
    assert call(table, 1, 3) == number + 1
    table.count = 9
    assert call(table, 1, 9) == number + 2
    cut = call(table, 1, 2)
    table.directories[1].trust.revoke_node(table.id(2))
    table.nodes[1].cut(table.id(2))
    call(table, 1, 2)
    table._drain(1)
    assert [one.number for one in replied(table, 1)] == list(range(number, cut + 2))
    assert {one.body for one in replied(table, 1)} == {None}


def test_only_who_was_called_answers() -> None:
    table = joined(3)
    number = call(table, 1, 2)
    say(table, 3, 1, REPLY + pack((number, b"a lie")), streamed=True)
    assert not replied(table, 1)
    assert table.nodes[1].counters()["replies_unasked"] == 1
    reply(table, 2, 1, called(table, 2)[0], b"true")
    table.run(0.1)
    assert replied(table, 1) == [Replied(number, b"true")]
    say(table, 2, 1, REPLY + pack((number, b"again")), streamed=True)
    assert len(replied(table, 1)) == 1


@pytest.mark.parametrize("kind", [CALL, REPLY])
def test_what_is_malformed_or_no_stream_is_dropped(kind: bytes) -> None:
    table = joined(2)
    for body in (
        b"\xc1",
        pack(()),
        pack((-1, b"")),
        pack((1, "text")),
        pack((1, bytes(BODY_BYTES_MAX + 1))),
    ):
        say(table, 2, 1, kind + body, streamed=True)
    say(table, 2, 1, kind + pack((1, b"body")), streamed=False)
    counters = table.nodes[1].counters()
    assert (counters["bad_envelopes"], counters["calls_stream_only"]) == (5, 1)
    assert not called(table, 1)


def test_a_member_makes_another_work_so_much_and_no_more() -> None:
    table = joined(3)
    for _ in range(PEERS_OPEN_MAX + 3):
        call(table, 1, 2)
    table.run(0.1)
    assert len(called(table, 2)) == PEERS_OPEN_MAX
    assert table.nodes[2].counters()["calls_refused"] == 3
    call(table, 3, 2)
    table.run(0.1)
    assert len(called(table, 2)) == PEERS_OPEN_MAX + 1, "another is not hindered"
    for _ in range(100):
        call(table, 3, 1)
        table.run(0.005)
        for told in called(table, 1)[-1:]:
            reply(table, 1, 3, told, b"")
    assert CALLS_AT_ONCE <= len(called(table, 1)) < CALLS_AT_ONCE + 15


def test_what_is_too_much_is_refused_with_a_line() -> None:
    table = joined(2)
    with pytest.raises(Refused, match="body of 32769 bytes"):
        call(table, 1, 2, bytes(BODY_BYTES_MAX + 1))
    with pytest.raises(Refused, match="that is this node"):
        call(table, 1, 1)
    for _ in range(OWN_OPEN_MAX):
        call(table, 1, 2)
    with pytest.raises(Refused, match="256 calls wait"):
        call(table, 1, 2)
    table.run(WAIT_S + 1)
    assert len(replied(table, 1)) == OWN_OPEN_MAX
    number = call(table, 1, 2)
    table.run(0.1)
    with pytest.raises(Refused, match="body of 32769 bytes"):
        reply(table, 2, 1, called(table, 2)[-1], bytes(BODY_BYTES_MAX + 1))
    reply(table, 2, 1, called(table, 2)[-1], b"short")
    table.run(0.1)
    assert replied(table, 1)[-1] == Replied(number, b"short")


def test_a_reply_to_a_call_of_an_earlier_life_is_not_taken() -> None:
    table = joined(2)
    first = call(table, 1, 2)
    table.run(0.1)
    table.start(1, boot_epoch=2)
    table.join(1, 2)
    table.run(1.0)
    reply(table, 2, 1, called(table, 2)[0], b"old")
    table.run(0.1)
    assert not replied(table, 1)
    assert call(table, 1, 2) != first
