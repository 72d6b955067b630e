"""The transmit-limited queue, the shared roster and the suspicions."""

from random import Random

from sim.profiles.memberlist.suspicion import Suspicion, Suspicions
from sim.profiles.peer_queue import TransmitQueue
from sim.profiles.peer_roster import Member, Roster, View
from swarmnet.ids import NodeId
from swarmnet.swim.outputs import State
from tests.sim.toy_network import identity


def test_the_least_sent_goes_first_then_the_longest_then_the_newest() -> None:
    queue = TransmitQueue()
    queue.add(b"a", b"aa")
    queue.add(b"b", b"bbb")
    queue.add(b"c", b"ccc")
    assert queue.take(0, 100, 9) == [b"ccc", b"bbb", b"aa"]
    queue.add(b"d", b"d")
    assert queue.take(0, 100, 9) == [b"d", b"ccc", b"bbb", b"aa"]


def test_a_packet_is_filled_with_what_fits_and_its_overhead() -> None:
    queue = TransmitQueue()
    for name, size in ((b"a", 10), (b"b", 6), (b"c", 3)):
        queue.add(name, name * size)
    assert queue.take(2, 12, 9) == [b"a" * 10]
    assert queue.take(2, 11, 9) == [b"b" * 6]
    assert queue.take(2, 4, 9) == []
    assert queue.take(2, 99, 9, most=1) == [b"c" * 3]


def test_a_message_is_sent_as_often_as_it_may_be() -> None:
    queue = TransmitQueue()
    queue.add(b"a", b"x")
    sent = [queue.take(2, 100, 3) for _ in range(4)]
    assert sent == [[b"x"], [b"x"], [b"x"], []]
    assert b"a" not in queue


def test_a_message_of_the_same_name_takes_an_older_ones_place() -> None:
    queue = TransmitQueue()
    queue.add(b"a", b"old", rank=2)
    queue.take(0, 100, 9)
    queue.add(b"a", b"stale", rank=1)
    assert queue.take(0, 100, 9) == [b"old"]
    queue.add(b"a", b"new", rank=3)
    assert queue.take(0, 100, 9) == [b"new"]
    assert len(queue) == 1


def test_a_full_queue_drops_what_was_sent_most() -> None:
    queue = TransmitQueue(limit=2)
    queue.add(b"a", b"a")
    queue.take(0, 100, 9)
    queue.add(b"b", b"b")
    queue.add(b"c", b"c")
    assert queue.take(0, 100, 9) == [b"c", b"b"]


def cluster(size: int) -> View:
    members = {
        one.node: Member(one.node, one.address, 1, 0, State.ALIVE, 0.0)
        for one in map(identity, range(size))
    }
    return View(members, tuple(members))


def test_every_round_visits_each_member_once() -> None:
    roster, random = Roster(identity(0).node, cluster(9)), Random(1)
    rounds: list[list[NodeId]] = []
    for _ in range(3):
        visited = [roster.next_in_round(random) for _ in range(9)]
        assert roster.next_in_round(random) is None
        roster.new_round()
        rounds.append([node for node in visited if node is not None])
    assert [sorted(one) for one in rounds] == [sorted(cluster(9).order)] * 3
    assert rounds[0] != rounds[1]


def test_a_roster_differs_from_a_shared_view_without_changing_it() -> None:
    view, who = cluster(3), identity(5)
    roster, other = Roster(identity(0).node, view), Roster(identity(1).node, view)
    roster.put(Member(who.node, who.address, 1, 0, State.SUSPECT, 1.0))
    roster.enlist(who.node, Random(1))
    roster.forget({identity(2).node: None})
    assert dict(roster.states()) == {
        identity(1).node: State.ALIVE,
        who.node: State.SUSPECT,
    }
    assert len(roster.states()) == 2
    assert roster.get(identity(2).node) is None
    assert sorted(roster.order) == sorted(identity(index).node for index in (0, 1, 5))
    assert dict(other.states()) == {
        identity(0).node: State.ALIVE,
        identity(2).node: State.ALIVE,
    }


def test_a_sample_is_distinct_and_never_oneself() -> None:
    for size in (4, 40):
        roster = Roster(identity(0).node, cluster(size))
        for seed in range(20):
            picked = roster.sample(3, Random(seed), lambda _: True)
            nodes = [one.node for one in picked]
            assert len(set(nodes)) == 3
            assert identity(0).node not in nodes


def test_suspicions_end_in_the_order_that_confirmations_make() -> None:
    suspicions = Suspicions()
    one, two = identity(1).node, identity(2).node
    for node in (one, two):
        suspicions.start(node, Suspicion(0.0, 2, 4.0, 24.0, {identity(0).node: None}))
    assert suspicions.deadline_s() == 24.0
    heard = [suspicions.confirm(two, identity(index).node) for index in (0, 3, 3, 4, 5)]
    assert heard == [False, True, False, True, False]
    assert suspicions.deadline_s() == 4.0
    assert suspicions.pop_due(3.9) is None
    assert suspicions.pop_due(4.0) == two
    suspicions.stop(one)
    assert suspicions.deadline_s() is None
