"""A peer that may talk no more is heard no more, whatever sessions it has."""

from dataclasses import dataclass, field

import pytest

from swarmnet.crypto.certificate import Verdict
from swarmnet.crypto.settings import ChannelSettings
from swarmnet.ids import NodeId
from tests.crypto.peers import PATIENT, Book, Peer, Table, connected, kinds, pair


def expire(peer: Peer, other: Peer) -> None:
    """Let the certificate of `other` be worth nothing to `peer`."""
    del peer.book.nodes[other.keys.public]


@pytest.mark.parametrize("streamed", [False, True])
def test_a_packet_of_a_peer_that_may_talk_no_more_is_dropped_with_its_channel(
    streamed: bool,
) -> None:
    table, one, other = connected()
    expire(other, one)
    table.now += 1.0
    one.send(table.now, other, b"hello?", replayable=False, streamed=streamed)
    for mail in table.collect():
        table.deliver(mail)
    assert other.take(table.now) == []
    assert (other.data, other.count("uncertified")) == ([], 1)
    assert other.channels.count_sessions() == (0, 0, 0)
    # Nor does it come in by another handshake.
    table.wait(3.0)
    one.send(table.now, other, b"let me in")
    table.wait(3.0)
    assert other.data == []
    assert other.count("strangers") > 0


def test_it_is_asked_for_once_a_second_and_not_for_every_packet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table, one, other = connected(PATIENT)
    asked = 0

    def node_of(self: Book, key: bytes) -> NodeId | None:
        nonlocal asked
        asked += self is other.book
        return self.nodes.get(key)

    monkeypatch.setattr(Book, "node_of", node_of)
    for _ in range(1000):
        one.send(table.now, other, b"x", replayable=False)
        table.run()
        table.now += 0.0101
    assert len(other.data) == 1000
    assert 9 <= asked <= 11


def test_who_says_nothing_is_forgotten_as_well() -> None:
    table, one, other = connected()
    expire(other, one)
    table.wait(130.0)
    assert other.channels.count_sessions() == (0, 0, 0)
    assert one.channels.count_sessions() == (1, 1, 0)


def test_an_answer_that_comes_after_the_end_begins_no_session() -> None:
    table, one, other = pair()
    one.send(table.now, other, b"ping")
    table.deliver(table.collect()[0])
    (answer,) = table.collect()
    expire(one, other)
    table.deliver(answer)
    assert one.channels.count_sessions() == (0, 0, 0)
    assert one.count("uncertified") == 1
    assert one.take(table.now) == []


@dataclass
class Judging(Book):
    """A book that says what is wrong with the certificates that it is shown."""

    own: bytes
    verdict: Verdict = Verdict.EXPIRED
    nodes: dict[bytes, NodeId] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__(self.own)

    def introduce(self, chain: bytes) -> Verdict:
        assert chain
        return self.verdict


@pytest.mark.parametrize(
    ("verdict", "name"),
    [
        (Verdict.EXPIRED, "strangers_expired"),
        (Verdict.WRONG_CLUSTER, "strangers_wrong_cluster"),
        (Verdict.REVOKED, "strangers_revoked"),
        (Verdict.GOOD, "strangers"),
    ],
)
def test_what_is_wrong_with_a_stranger_is_counted_each_for_itself(
    verdict: Verdict, name: str
) -> None:
    table = Table(2, ChannelSettings(), known=False)
    one, other = table.peers
    one.knows(other)
    other.book = Judging(other.keys.public, verdict)
    other.start()
    one.send(table.now, other, b"ping", replayable=False)
    table.wait(1.0)
    assert other.count(name) > 0
    # The first two handshakes bring no certificates.
    expected = {"strangers": 2} if verdict is not Verdict.GOOD else {}
    counted = {
        key: count
        for key, count in other.channels.counters().items()
        if key.startswith("strangers") and key != name
    }
    assert counted == expected
    assert {number for number, _ in kinds(table.passed)} == {1}
