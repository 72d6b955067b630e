"""A removed node is told so by whom it writes to, and has no session with him."""

from swarmnet.crypto.packets import Kind
from swarmnet.crypto.switchboard import Transmit
from tests.crypto.peers import Peer, Table, address_of, kinds, pair


def removed() -> tuple[Table, Peer, Peer]:
    """Return two peers, of which the second takes the first for removed."""
    table, one, other = pair()
    del other.book.nodes[one.keys.public]
    other.book.removed.add(one.keys.public)
    return table, one, other


def test_a_removed_node_is_told_and_gets_no_session() -> None:
    table, one, other = removed()
    one.send(table.now, other, b"let me in")
    table.run()
    assert kinds(table.passed) == [(1, Kind.INITIATION), (2, Kind.RESPONSE)]
    asked, answered = (len(packet.data) for _, packet in table.passed)
    assert answered <= asked
    assert one.channels.disowned_by() == [other.node]
    assert other.data == []
    for peer in (one, other):
        assert peer.sizes()["sessions"] == 0
        assert peer.sizes()["by_index"] == 0


def test_it_is_told_once_as_long_as_nothing_changes() -> None:
    table, one, other = removed()
    one.send(table.now, other, b"let me in", replayable=False)
    table.wait(5.0)
    assert other.count("disowned") > 1
    assert len(one.disowned) == 1


def test_a_session_takes_it_back() -> None:
    table, one, other = removed()
    one.send(table.now, other, b"let me in")
    table.run()
    other.book.removed.clear()
    other.knows(one)
    table.wait(10.0)
    one.send(table.now, other, b"again")
    table.run()
    assert one.channels.disowned_by() == []
    assert other.data == [b"again"]


def test_an_initiation_that_is_sent_again_brings_no_more_than_it_is_long() -> None:
    table, one, other = removed()
    one.send(table.now, other, b"let me in")
    ((_, first),) = table.collect()
    elsewhere = address_of(66)
    for _ in range(3):
        table.give(elsewhere, first)
        (answer,) = other.take(table.now)
        assert isinstance(answer, Transmit)
        assert answer.address == elsewhere
        assert len(answer.data) <= len(first.data)
    assert other.sizes()["seen"] == 0


def test_a_stranger_is_told_nothing() -> None:
    table, one, other = removed()
    other.book.removed.clear()
    one.send(table.now, other, b"let me in")
    table.run()
    assert kinds(table.passed) == [(1, Kind.INITIATION)]
    assert one.channels.disowned_by() == []
