"""Who hears nothing begins a handshake without a hint, and not for ever."""

from collections.abc import Callable
from random import Random
from typing import Final

import pytest

from swarmnet.crypto.packets import HEADS, Kind
from swarmnet.crypto.switchboard import Transmit
from swarmnet.ids import Address
from tests.crypto.peers import Peer, Table, agree, connected, kinds

PING_S: Final = 0.0135
"""From one ping of a probe to the next, where the peer is near."""


def flooded() -> tuple[Table, Peer, Peer, Callable[[], None]]:
    """Return two with a session that the second has lost, and a flood that it is in."""
    table, one, other = connected()
    other.start()
    random = Random(1)

    def pour() -> None:
        for _ in range(200):
            stray = HEADS[Kind.TRANSPORT] + random.randbytes(28)
            source = Address(random.randbytes(4), 7)
            table.give(source, Transmit(other.address, stray, False))
        other.take(table.now)

    pour()
    return table, one, other, pour


@pytest.mark.parametrize(("lost", "most_s"), [(0, 0.08), (1, 0.1)])
def test_who_has_restarted_in_a_flood_answers_within_the_time_of_a_probe(
    lost: int, most_s: float
) -> None:
    table, one, other, pour = flooded()
    initiations = 0

    def fate(_number: int, packet: Transmit) -> bool:
        nonlocal initiations
        initiations += packet.data[0] == Kind.INITIATION
        return packet.data[0] != Kind.INITIATION or initiations > lost

    table.fate = fate
    for ping in range(int(most_s / PING_S)):
        pour()
        one.send(table.now, other, b"%d" % ping, replayable=False)
        table.wait(PING_S)
    assert other.data
    assert agree(one, other) or one.channels.is_open(table.now, other.node)


def test_a_hint_is_followed_at_once_though_a_handshake_was_begun_in_doubt() -> None:
    table, one, other = connected()
    table.now += 1.0
    table.fate = lambda _number, _packet: False
    for _ in range(3):
        one.send(table.now, other, b"is it down?", replayable=False)
        table.run()
        table.now += PING_S
    other.start()
    table.fate = lambda _number, _packet: True
    one.send(table.now, other, b"it is up", replayable=False)
    table.run()
    assert (one.count("doubts"), one.count("hints_taken")) == (1, 1)
    assert other.data == [b"it is up"]


def test_what_was_sent_in_doubt_is_not_sent_again_and_the_session_stands() -> None:
    table, one, other = connected()
    held = one.current(other)
    table.now += 1.0
    for number in range(5):
        one.send(table.now, other, b"%d" % number)
        table.collect()
        table.now += PING_S
    # The network was away, and the peer was not.
    assert (one.count("doubts"), one.current(other)) == (2, held)
    one.send(table.now, other, b"5")
    table.run()
    assert other.data == [b"5"]


def test_who_answers_everything_is_never_doubted() -> None:
    table, one, other = connected()
    for _ in range(300):
        one.send(table.now, other, b"ping", replayable=False)
        for mail in table.collect():
            table.deliver(mail)
        other.send(table.now, one, b"ack", replayable=False)
        table.run()
        table.now += 0.5
    initiations = kinds(table.passed).count((1, Kind.INITIATION))
    assert (one.count("doubts"), other.count("doubts"), initiations) == (0, 0, 0)


@pytest.mark.slow
@pytest.mark.parametrize("gap_s", [0.01, 0.1, 1.0])
def test_who_need_not_answer_costs_few_handshakes(gap_s: float) -> None:
    table, one, other = connected()
    hour = round(600 / gap_s)
    for number in range(hour):
        one.send(table.now, other, b"%d" % number, replayable=False)
        table.wait(gap_s)
    assert len(other.data) == hour
    # Twelve until the peer may be silent for a minute, and one a minute.
    assert one.count("doubts") <= 12 + 10
    assert kinds(table.passed).count((1, Kind.INITIATION)) == one.count("doubts")


def test_who_is_gone_is_sought_ever_more_rarely() -> None:
    table, one, other = connected()
    table.fate = lambda _number, packet: packet.address != other.address
    for _ in range(600):
        one.send(table.now, other, b"x", replayable=False)
        table.wait(1.0)
    assert one.count("doubts") <= 22
    # From the third on it introduces itself: he may have forgotten it.
    initiations = [p for _, p in table.passed if p.data[0] == Kind.INITIATION]
    sizes = [len(packet.data) for packet in initiations]
    assert sizes[0] < sizes[1]
    table.fate = lambda _number, _packet: True
    other.start()
    one.send(table.now, other, b"back", replayable=False)
    table.run()
    assert other.data == [b"back"]
