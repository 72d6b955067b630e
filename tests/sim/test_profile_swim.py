"""The SWIM paper's rules at work on the toy network."""

import pytest

from sim.profiles.swim_paper import SwimPaperProfile
from sim.profiles.swim_paper.codec import Kind, Packet, encode_packet, encode_update
from sim.profiles.swim_paper.rules import Update
from swarmnet.ids import CLUSTER
from swarmnet.swim.outputs import (
    Departed,
    Joined,
    MemberChanged,
    Payload,
    PayloadClass,
    State,
)
from tests.sim.toy_network import ToyNetwork

NEWS = Payload(b"news", CLUSTER, PayloadClass.NORMAL, b"n" * 100)


def swim(
    size: int, *, seed: int = 1, joined: bool = True, **settings: str
) -> ToyNetwork:
    return ToyNetwork(SwimPaperProfile(settings), size, seed=seed, joined=joined)


def tell(net: ToyNetwork, index: int, update: Update) -> None:
    """Give a node an update, as if node 0 had sent it along with an ack."""
    one, now = net.identities[0], net.now
    data = encode_packet(Packet(Kind.ACK, 0, None, None, (encode_update(update),)))
    net.act(
        index, lambda engine: engine.receive_datagram(now, one.node, one.address, data)
    )


def test_a_crash_is_suspected_within_a_round_and_confirmed_nine_periods_later() -> None:
    for seed in range(3):
        net = swim(10, seed=seed)
        net.run(3.0)
        net.crash(4)
        net.run(60.0, stop=net.known(State.DEAD, 4, 9))
        suspected = net.changes(State.SUSPECT, 4)[0].time_s
        confirmed = net.changes(State.DEAD, 4)
        assert suspected - 3.0 <= 3.1
        assert confirmed[0].time_s - suspected == pytest.approx(9.0)
        assert len(confirmed) == 9


@pytest.mark.slow
def test_an_update_rides_on_pings_and_acks_alone() -> None:
    net = swim(100)
    net.run(2.0)
    net.datagrams.clear()
    net.publish(0, NEWS)
    net.run(20.0)
    assert sorted(net.holders(NEWS)) == list(range(1, 100))
    assert sum(data.count(NEWS.data) for data in net.datagrams) == 15 * 100
    assert len(net.datagrams) == pytest.approx(2 * 100 * 18, rel=0.01)


def test_a_false_suspicion_is_refuted_by_a_higher_incarnation() -> None:
    net = swim(10)
    net.run(2.0)
    victim = net.identities[4]
    tell(net, 2, Update(State.SUSPECT, victim.node, 1, 0, victim.address))
    net.run(30.0)
    assert len(net.changes(State.SUSPECT, 4)) >= 1
    assert net.changes(State.DEAD, 4) == []
    found = {engine.incarnation(victim.node) for engine in net.engines.values()}
    assert found == {(1, 1)}


@pytest.mark.parametrize(("rejoin", "back"), [("0", False), ("1", True)])
def test_who_is_confirmed_dead_stays_dead_unless_it_may_rejoin(
    rejoin: str, back: bool
) -> None:
    net = swim(6, rejoin=rejoin)
    net.run(2.0)
    victim = net.identities[4]
    tell(net, 2, Update(State.DEAD, victim.node, 1, 0, victim.address))
    net.run(40.0)
    assert len(net.changes(State.DEAD, 4)) == 5
    assert net.agree(range(6)) is back


def test_one_who_leaves_is_known_to_have_left() -> None:
    net = swim(20)
    net.run(2.0)
    net.act(7, lambda engine: engine.leave(net.now))
    net.run(20.0)
    assert len(net.changes(State.LEFT, 7)) == 19
    departed = [one for one in net.seen if isinstance(one.output, Departed)]
    assert [(one.index, one.output) for one in departed] == [(7, Departed(0))]


@pytest.mark.slow
def test_all_who_join_through_one_know_each_other() -> None:
    net = swim(20, joined=False)
    seed_address = net.identities[0].address
    for index in range(1, 20):
        net.act(index, lambda engine: engine.join(net.now, [seed_address]))
    assert net.run(40.0, stop=lambda: net.agree(range(20)))
    joined = [one for one in net.seen if isinstance(one.output, Joined)]
    assert sorted(one.index for one in joined) == list(range(1, 20))


@pytest.mark.parametrize("with_state", [True, False])
def test_a_node_that_restarts_begins_a_new_life(with_state: bool) -> None:
    net = swim(10)
    net.run(2.0)
    saved = net.engines[4].save() if with_state else None
    net.crash(4)
    net.run(30.0)
    assert len(net.changes(State.DEAD, 4)) == 9
    net.boot(4, view=saved, boot_epoch=2 if with_state else 1)
    if not with_state:
        net.act(4, lambda engine: engine.join(net.now, [net.identities[0].address]))
    assert net.run(60.0, stop=lambda: net.agree(range(10)))
    assert net.engines[0].incarnation(net.identities[4].node) == (2, 0)


def test_a_member_reached_only_through_others_is_not_suspected() -> None:
    net = swim(5)
    net.refuse = lambda here, there, _: {here, there} == {1, 2}
    net.run(20.0)
    changes = [one for one in net.seen if isinstance(one.output, MemberChanged)]
    assert changes == []


def test_a_packet_carries_no_more_updates_than_it_may() -> None:
    net = swim(4, updates_max="2")
    for number in range(9):
        payload = Payload(b"%d" % number, CLUSTER, PayloadClass.NORMAL, b"UPDATE")
        net.publish(0, payload)
    net.run(20.0)
    assert max(data.count(b"UPDATE") for data in net.datagrams) == 2


def test_packets_keep_their_limit_when_much_is_to_be_told() -> None:
    net = swim(10)
    for number in range(60):
        payload = Payload(b"%d" % number, CLUSTER, PayloadClass.NORMAL, b"x" * 90)
        net.publish(0, payload)
    net.run(6.0)
    longest = max(len(data) for data in net.datagrams)
    assert 1250 < longest <= SwimPaperProfile.datagram_bytes_max
