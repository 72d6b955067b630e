"""How long a change took to be seen everywhere."""

from swarmnet.ids import CLUSTER
from swarmnet.tables.convergence import Convergence
from swarmnet.tables.row import NETWORK
from tests.tables.wire import Wire, delivered, lost, node_id

A, B, C, D = map(node_id, range(2, 6))


def told(one: Convergence) -> float | None:
    return one.last_s


def test_three_others_stand_for_all_and_news_begins_the_count_anew() -> None:
    one = Convergence()
    assert told(one) is None
    one.note_equal(1.0, A, (A, B, C, D))
    assert told(one) is None, "nothing was new"
    one.note_news(2.0)
    one.note_equal(2.1, A, (A, B, C, D))
    one.note_equal(2.2, B, (A, B, C, D))
    one.note_news(2.25)
    for peer, at in ((A, 2.3), (A, 2.35), (B, 2.4)):
        one.note_equal(at, peer, (A, B, C, D))
        assert told(one) is None
    one.note_equal(3.0, C, (A, B, C, D))
    assert told(one) == 1.0
    assert one.since is None
    one.note_equal(9.0, D, (A, B, C, D))
    assert told(one) == 1.0


def test_of_fewer_all_that_live_must_have_been_seen() -> None:
    one = Convergence()
    one.note_news(5.0)
    one.note_equal(5.5, A, (A, B))
    assert told(one) is None
    one.note_equal(5.75, B, (A, B))
    assert told(one) == 0.75


def test_a_change_is_told_when_the_probes_say_that_others_have_it() -> None:
    wire = Wire(3)
    wire.run(60.0)
    wire.probe()
    began, before = wire.now, wire[1].last_convergence_s
    wire.fate = lost
    wire[1].put(wire.now, CLUSTER, (NETWORK, b"blue"), b"1", durable=True)
    wire.run(5.0)
    assert wire[1].last_convergence_s == before
    wire.fate = delivered
    while wire[1].last_convergence_s == before:
        wire.run(1.0)
        wire.probe()
        assert wire.now < began + 60.0
    told = wire[1].last_convergence_s
    assert told is not None
    assert 5.0 <= told <= wire.now - began
