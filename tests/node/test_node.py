"""The whole node: who finds whom, who is listened to, and what an outsider sees."""

from functools import partial
from random import Random

import pytest

from sim.pki import WALL_S, Pki
from swarmnet.crypto.channel import Parcel
from swarmnet.crypto.packets import KINDS, Kind
from swarmnet.ids import CLUSTER, Address
from swarmnet.node.addressing import Addressing
from swarmnet.node.creating import NetworkWish
from swarmnet.swim.outputs import (
    Deliver,
    Departed,
    Joined,
    Payload,
    PayloadClass,
    SendDatagram,
    SendStream,
    State,
)
from tests.node.certified import Certified
from tests.node.table import Table, address

ALIVE, SUSPECT, DEAD, LEFT = State


def joined(count: int, *, known: bool = False) -> Table:
    """Return nodes that have joined through node 1, and settled."""
    table = Table(count, known=known)
    for number in range(2, count + 1):
        table.join(number, 1)
    table.run(3.0)
    assert table.all_see(range(1, count + 1))
    return table


def test_nodes_that_know_nobody_find_each_other_through_one_address() -> None:
    table = joined(4)
    through = [note for note in table.notes if isinstance(note[1], Joined)]
    assert sorted(number for number, _ in through) == [2, 3, 4]
    assert {note.through for _, note in through if isinstance(note, Joined)} == {
        table.id(1)
    }


def test_certificates_travel_with_the_claims_that_need_them() -> None:
    table = joined(4)
    for number, directory in table.directories.items():
        known = [n for n in range(1, 5) if directory.signer(table.id(n)) is not None]
        assert known == [1, 2, 3, 4], number


def test_no_name_claim_or_payload_is_seen_on_the_wire() -> None:
    table = joined(3)
    secret = b"a payload that nobody else shall read"
    payload = Payload(b"key", CLUSTER, PayloadClass.NORMAL, secret)
    table.nodes[1].publish(table.now, payload)
    table.run(1.0)
    delivered = [one for _, one in table.notes if isinstance(one, Deliver)]
    assert [one.payload.data for one in delivered] == [secret, secret]
    for _, output in table.passed:
        for word in (secret, bytes(table.id(2)), table.pki.chain(2).encoded[:64]):
            assert word not in output.data
        assert output.peer is None


def test_every_packet_is_a_channels_and_no_datagram_is_too_long() -> None:
    table = joined(4)
    for _, output in table.passed:
        assert output.data[:4] in KINDS
        assert isinstance(output, SendStream) or len(output.data) <= 1200


@pytest.mark.slow
def test_a_dead_node_is_found_and_a_leave_is_known() -> None:
    table = joined(4)
    del table.nodes[4]
    table.run(5.0)
    assert [view[4] for view in table.views().values()] == [DEAD, DEAD, DEAD]
    table.nodes[3].leave(table.now)
    table.run(1.0)
    assert [table.views()[one][3] for one in (1, 2)] == [LEFT, LEFT]
    assert any(isinstance(note, Departed) for _, note in table.notes)


@pytest.mark.slow
def test_a_node_that_restarts_with_its_sessions_lost_is_never_suspected() -> None:
    table = joined(4)
    seen = len(table.notes)
    table.start(2, boot_epoch=2)
    table.join(2, 1)
    table.run(4.0)
    assert table.all_see(range(1, 5))
    assert not [
        note
        for _, note in table.notes[seen:]
        if getattr(note, "current", None) in (SUSPECT, DEAD)
    ]


def test_a_stranger_without_a_certificate_joins_nothing() -> None:
    table = joined(3)
    other = Pki(2)
    mallory = table.start(4)
    assert mallory is table.nodes[4]
    stranger = Table(1, seed=2)
    stranger.nodes[1].join(stranger.now, [address(2)])
    stranger._drain(1)
    assert stranger.passed
    before = table.views()
    for _, output in stranger.passed:
        table.nodes[2].receive_stream(table.now, address(9), output.data)
        assert table.nodes[2].poll_output() is None
    assert table.views() == before
    assert other.node(1) not in table.nodes[2].states()


def test_what_was_recorded_is_nothing_to_a_node_that_hears_it_again() -> None:
    table = joined(3)
    recorded = [(who, one) for who, one in table.passed]
    before = table.views()
    counters = dict(table.nodes[1].counters())
    for who, output in recorded:
        streamed = isinstance(output, SendStream)
        for target in (1, 2, 3):
            table.give(who, target, output.data, streamed=streamed)
    table.run(2.0)
    assert table.views() == before
    assert table.nodes[1].counters().get("bad_proofs", 0) == counters.get(
        "bad_proofs", 0
    )


@pytest.mark.slow
def test_random_bytes_and_truncated_packets_change_nothing() -> None:
    table = joined(3)
    random = Random(5)
    heads = [output.data for _, output in table.passed[-200:]]
    before = table.views()
    for number in range(2000):
        data = random.choice(heads)
        cut = data[: random.randrange(len(data))] + random.randbytes(number % 40)
        table.give(9, 1, cut, streamed=bool(number % 2))
    table.run(2.0)
    assert table.views() == before


@pytest.mark.slow
def test_a_revoked_node_is_cut_off_at_once() -> None:
    table = joined(3)
    for number in (1, 2):
        table.directories[number].trust.revoke_node(table.id(3))
        table.nodes[number].cut(table.id(3))
    sent = len(table.passed)
    table.run(6.0)
    assert table.all_see((1, 2)) is False
    views = table.views()
    assert views[1] == {2: ALIVE, 3: DEAD}
    assert views[2] == {1: ALIVE, 3: DEAD}
    to_three = [
        KINDS[output.data[:4]]
        for who, output in table.passed[sent:]
        if who != 3 and output.address == address(3)
    ]
    assert Kind.TRANSPORT not in to_three
    # It is answered only that it was removed, and has no session by that.
    assert set(table.nodes[3].disowned_by()) == {table.id(1), table.id(2)}
    assert ALIVE not in table.views()[3].values()


def test_an_expired_certificate_ends_channels_but_not_what_was_said() -> None:
    table = joined(3)
    long_after = WALL_S + 200 * 86_400
    for node in table.nodes.values():
        node.note_wall(table.now, long_after)
    assert table.directories[1].signer(table.id(2)) is not None
    assert not table.directories[1].may_talk(table.id(2), long_after)
    held = table.nodes[1].swim.member(table.id(2))
    assert held is not None
    assert held.state is ALIVE


@pytest.mark.parametrize("streamed", [False, True])
def test_an_envelope_of_a_later_version_is_counted_and_passed_over(
    *, streamed: bool
) -> None:
    table = joined(2)
    sender = table.nodes[2]
    news = Parcel(
        b"\x7fnews from the future",
        address(1),
        streamed=streamed,
        replayable=False,
        since=table.now,
    )
    sender._channels.send(table.now, table.id(1), news)
    sender._settle(table.now)
    table._drain(2)
    table.run(0.5)
    assert table.nodes[1].counters()["envelopes_unknown"] == 1
    assert table.all_see((1, 2))


def test_datagrams_name_no_peer() -> None:
    table = joined(2)
    assert {output.peer for _, output in table.passed} == {None}
    assert any(isinstance(output, SendDatagram) for _, output in table.passed)


@pytest.mark.slow
def test_a_copy_that_is_always_faster_turns_no_answer_away() -> None:
    table = joined(3)
    elsewhere = Address(bytes((192, 0, 2, 66)), 666)

    def overtake(number: int, send: SendDatagram | SendStream) -> bool:
        if isinstance(send, SendDatagram) and send.address == address(2):
            table.nodes[2].receive_datagram(table.now, elsewhere, send.data)
        return number == 2 and send.address == elsewhere

    table.drop = overtake
    before = table.nodes[1].counters()
    table.run(30.0)
    after = table.nodes[1].counters()
    assert table.all_see(range(1, 4))
    assert after["coordinate_samples"] > before["coordinate_samples"] + 20
    assert after.get("indirect_probes", 0) == before.get("indirect_probes", 0)
    streams = [send for _, send in table.passed if isinstance(send, SendStream)]
    assert elsewhere not in {send.address for send in streams}


def test_traffic_is_counted_by_room_on_both_sides() -> None:
    table = joined(2)
    table.run(2.0)
    one, other = table.nodes[1].traffic, table.nodes[2].traffic
    assert one.sent["membership"] > 0
    assert one.sent["sync"] > 0
    # What was sent early in a handshake may have been refused, and goes again.
    assert 0 < other.received["sync"] <= one.sent["sync"]


@pytest.mark.slow
def test_at_rest_probes_stir_nobody_who_follows_the_rows() -> None:
    table = joined(4)
    table.run(10.0)
    before = {number: node.stirs for number, node in table.nodes.items()}
    sent = len(table.passed)
    table.run(10.0)
    # Each node sends four heartbeats a second, makes a probe and answers one; chores
    # come once in one.
    assert len(table.passed) - sent >= 4 * 10 * 5
    for number, node in table.nodes.items():
        assert node.stirs - before[number] <= 12, number


def networks_of(table: Table, number: int) -> set[str]:
    networks = table.nodes[number].addressing.networks.standing()
    return {one.facts.name for one in networks}


@pytest.mark.slow
@pytest.mark.parametrize("batch_s", [None, 0.0, 0.02])
def test_what_comes_at_once_is_taken_as_if_it_came_one_by_one(
    batch_s: float | None,
) -> None:
    table = Certified(4)
    table.batch_s = batch_s
    table.nodes[1].allocate(table.now, lambda one: one.init_pools(table.now))
    wishes = [NetworkWish(f"net{number}") for number in range(8)]
    for wish in wishes:
        table.nodes[1].allocate(table.now, partial(create, table.now, wish))
    table.run(5.0)
    names = {wish.name for wish in wishes}
    assert [networks_of(table, number) for number in table.nodes] == [names] * 4
    assert len({node.tables.digest(CLUSTER) for node in table.nodes.values()}) == 1
    # What is each one's to give addresses of was followed, too.
    for node in table.nodes.values():
        assert node.addressing.is_quiet


def create(now: float, wish: NetworkWish, addressing: Addressing) -> int:
    return addressing.create(now, wish)
