"""Fuzz targets: whatever bytes come from whomever, nothing is raised.

The corpus are packets of real conversations, of each kind, at each stage.
"""

from collections.abc import Sequence
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from swarmnet.crypto.channel import Parcel
from swarmnet.crypto.limits import Gate
from swarmnet.crypto.packets import HEADS, Kind, mac
from swarmnet.crypto.switchboard import Transmit
from swarmnet.ids import Address
from tests.crypto.peers import Mail, Peer, Table, connected, kinds, pair

SOURCE: Final = Address(bytes((192, 0, 2, 66)), 666)
Turn = tuple[int, int, bytes]
"""A change of a packet: where, how many bytes are taken out, what is put in."""


def meet(table: Table) -> None:
    one, other = table.peers
    parcel = Parcel(b"met", other.address, True, False, table.now)
    one.channels.send_to_address(table.now, parcel)


def busy() -> Table:
    """Return two in the middle of everything that can be under way."""
    table, one, other = connected()
    for peer, to in ((one, other), (other, one)):
        peer.send(table.now, to, b"on a stream", streamed=True)
    table.run()
    for peer, to in ((one, other), (other, one)):
        peer.channels._initiator.begin(table.now, peer.channel(to))
        peer.send(table.now, to, b"in the air")
    meet(table)
    return table


def corpus() -> list[Mail]:
    """Return packets of every kind, some that have arrived and some that have not."""
    table = busy()
    table.run()
    mail = list(table.passed)
    table, one, other = pair()
    other.board.gate = Gate(rate=0.001, burst=4.0)
    for _ in range(3):
        other.board.gate._handshakes.take(table.now)
    one.send(table.now, other, b"payload")
    table.run()
    other.start()
    one.send(table.now, other, b"payload")
    table.run()
    return mail + table.passed


CORPUS: Final = corpus()
FRESH: Final = busy().collect()


def check_still_well(table: Table) -> None:
    """Both can still speak, and nothing waits for ever."""
    one, other = table.peers
    # An authentic packet from elsewhere has moved a peer there for 10 s.
    table.wait(12.0)
    for sender, receiver in ((one, other), (other, one)):
        sender.send(table.now, receiver, b"still", replayable=True)
        table.wait(2.0)
        assert receiver.data[-1] == b"still"
    for peer in (one, other):
        assert (peer.sizes()["replying"], peer.sizes()["outputs"]) == (0, 0)


def give(table: Table, to: int, data: bytes, *, streamed: bool) -> None:
    table.give(SOURCE, Transmit(table.peers[to].address, data, streamed))


def sealed_again(peer: Peer, data: bytes) -> bytes:
    """Return a first packet with a right mac1, as whoever knows the key can make it."""
    if len(data) < 40 or data[:4] not in (
        HEADS[Kind.INITIATION],
        HEADS[Kind.OPENING],
    ):
        return data
    board = peer.board
    is_opening = data[:4] == HEADS[Kind.OPENING]
    label = board.open_label if is_opening else board.own_label
    return data[:-32] + mac(label, data[:-32]) + data[-16:]


def changed(data: bytes, turns: Sequence[Turn]) -> bytes:
    for at, out, new in turns:
        begin = at % (len(data) + 1)
        data = data[:begin] + new + data[begin + out :]
    return data


PLACES: Final = st.tuples(st.integers(0, 1), st.booleans())
TURNS: Final = st.lists(
    st.tuples(st.integers(0, 1500), st.integers(0, 40), st.binary(max_size=20)),
    max_size=4,
)


def test_the_corpus_holds_every_kind_on_every_transport_that_it_goes_by() -> None:
    found = {(packet.data[0], packet.streamed) for _, packet in CORPUS}
    by_datagram = set(Kind) - {Kind.OPENING, Kind.ANSWER, Kind.CLOSING}
    assert {kind for kind, streamed in found if not streamed} == by_datagram
    assert {kind for kind, streamed in found if streamed} >= {
        Kind.OPENING,
        Kind.ANSWER,
        Kind.CLOSING,
        Kind.TRANSPORT,
    }
    assert len(FRESH) >= 5
    assert Kind.INITIATION in [kind for _, kind in kinds(FRESH)]


@given(st.lists(st.tuples(PLACES, st.binary(max_size=1500)), max_size=10))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_random_bytes_raise_nothing(
    packets: list[tuple[tuple[int, bool], bytes]],
) -> None:
    table = busy()
    for (to, streamed), data in packets:
        give(table, to, data, streamed=streamed)
    check_still_well(table)


@given(
    st.lists(
        st.tuples(PLACES, st.sampled_from(Kind), st.binary(max_size=300)), max_size=10
    )
)
def test_random_bytes_with_a_right_head_and_mac1_raise_nothing(
    packets: list[tuple[tuple[int, bool], Kind, bytes]],
) -> None:
    table = busy()
    for (to, streamed), kind, body in packets:
        data = sealed_again(table.peers[to], HEADS[kind] + body)
        give(table, to, data, streamed=streamed)
    check_still_well(table)


@pytest.mark.slow
@given(
    st.lists(
        st.tuples(PLACES, st.integers(0, len(CORPUS) - 1), TURNS, st.booleans()),
        max_size=20,
    )
)
def test_packets_of_another_conversation_whole_or_changed_raise_nothing(
    packets: list[tuple[tuple[int, bool], int, list[Turn], bool]],
) -> None:
    table = busy()
    for (to, streamed), number, turns, again in packets:
        data = changed(CORPUS[number][1].data, turns)
        if again:
            data = sealed_again(table.peers[to], data)
        give(table, to, data, streamed=streamed)
    check_still_well(table)


@given(
    st.lists(st.tuples(st.integers(0, 99), PLACES, TURNS, st.booleans()), max_size=10)
)
def test_what_is_under_way_changed_or_sent_astray_raises_nothing(
    packets: list[tuple[int, tuple[int, bool], list[Turn], bool]],
) -> None:
    table = busy()
    mail = table.collect()
    for number, (to, streamed), turns, whole in packets:
        _, packet = mail[number % len(mail)]
        data = packet.data if whole else changed(packet.data, turns)
        give(table, to, data, streamed=streamed)
        mail += table.collect()
    for one in mail:
        table.deliver(one)
    check_still_well(table)


@pytest.mark.parametrize("number", range(len(CORPUS)))
def test_every_packet_of_the_corpus_cut_anywhere_raises_nothing(number: int) -> None:
    table = busy()
    packet = CORPUS[number][1]
    for end in range(len(packet.data)):
        for to in (0, 1):
            data = sealed_again(table.peers[to], packet.data[:end])
            give(table, to, data, streamed=packet.streamed)
    assert all(kind in Kind for _, kind in kinds(table.collect()))
