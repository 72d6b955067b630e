"""Lives whose state was lost or restored: what was void stays void, and no more."""

import pytest

from swarmnet.errors import Refused
from swarmnet.ids import CLUSTER
from swarmnet.tables.config import TableConfig
from swarmnet.tables.facts import NEVER, NodeFacts, node_facts, revocation_cut
from swarmnet.tables.lines import line_of
from swarmnet.tables.outputs import Fenced, Outbid, Recovered
from swarmnet.tables.row import NETWORK, NODE, REVOCATION, Row, Version
from swarmnet.tables.rules import Presence
from tests.tables.rows import (
    BLUE,
    E1,
    E2,
    NET,
    attached_wire,
    node_row,
    row,
    values,
)
from tests.tables.test_selfhood import endpoint_of, gather, saved
from tests.tables.wire import Wire, delivered, lost, node_id


def test_after_lost_state_what_was_not_durable_is_void_everywhere() -> None:
    wire = attached_wire()
    wire[2].put(wire.now, NET, E1, b"a")
    wire[2].put(wire.now, CLUSTER, BLUE, b"b", durable=True)
    wire.settle()
    wire.kill(2)
    wire.start(2)
    gather(wire, 2)
    wire[2].introduce(wire.now, b"again")
    wire.settle()
    (blue,) = wire[2].table(CLUSTER, NETWORK).values()
    assert (blue.row.value, blue.row.owner) == (b"b", node_id(2))
    assert wire.notes(2, Recovered) == [Recovered(blue.row)]
    assert (values(wire, 1), values(wire, 3)) == ({}, {})
    assert wire[1].attached(NET) == (node_id(1), node_id(3))
    assert (wire.agree(), wire.agree(NET)) == (True, True)


def test_a_lost_life_that_knows_no_epoch_voids_the_old_rows_as_well() -> None:
    wire = attached_wire()
    for _ in range(3):
        wire.kill(2)
        wire.start(2, saved=True)
        gather(wire, 2)
    wire[2].put(wire.now, NET, E1, b"old")
    wire.settle()
    wire.kill(2)
    wire.start(2, epoch=1)
    wire[2].introduce(wire.now, b"anew")
    wire[2].attach(wire.now, NET)
    mine = wire[2].put(wire.now, NET, E2, b"new")
    gather(wire, 2)
    wire.probe()
    assert wire.notes(2, Outbid) == []
    assert [values(wire, number) for number in (1, 2, 3)] == [{b"e2": b"new"}] * 3
    assert endpoint_of(wire, 2, b"e2").version == mine.version
    assert (wire.agree(), wire.agree(NET)) == (True, True)


def lose(wire: Wire, number: int, epoch: int = 1) -> None:
    """Let a node lose its state, and start again where it hears nobody."""
    wire.kill(number)
    wire.fate = lost
    wire.start(number, epoch=epoch)
    wire[number].introduce(wire.now, b"anew")
    wire.settle()


def test_what_was_lost_stays_lost_if_the_next_life_ends_before_it_hears() -> None:
    wire = attached_wire()
    wire[2].put(wire.now, NET, E1, b"old")
    wire.settle()
    lose(wire, 2)
    wire[2].attach(wire.now, NET)
    wire[2].put(wire.now, NET, E2, b"new")
    wire.settle()
    wire.kill(2)
    wire.start(2, saved=True)
    wire[2].introduce(wire.now, b"again")
    wire.settle()
    wire.fate = delivered
    gather(wire, 2)
    wire.probe()
    assert wire.notes(2, Recovered) == []
    assert [values(wire, number) for number in (1, 2, 3)] == [{b"e2": b"new"}] * 3
    assert (wire.agree(), wire.agree(NET)) == (True, True)


def test_a_life_lost_twice_rises_above_the_one_between() -> None:
    """Its generation may be that of the life between; what that wrote is lost too."""
    wire = attached_wire()
    for epoch in (7, 8):
        lose(wire, 2, epoch)
        wire.fate = delivered
        gather(wire, 2)
        wire.probe()
    wire[2].attach(wire.now, NET)
    between = wire[2].put(wire.now, NET, E1, b"between")
    wire.settle()
    lose(wire, 2, 9)
    wire[2].attach(wire.now, NET)
    mine = wire[2].put(wire.now, NET, E2, b"new")
    assert mine.version < between.version
    wire.settle()
    # And it stops once more before it has heard of the others.
    wire.kill(2)
    wire.start(2, saved=True)
    wire.fate = delivered
    gather(wire, 2)
    wire.probe()
    assert [values(wire, number) for number in (1, 2, 3)] == [{b"e2": b"new"}] * 3
    (risen,) = wire.notes(2, Outbid)
    assert isinstance(risen, Outbid)
    assert line_of(risen.epoch) > line_of(between.epoch)
    assert (wire.agree(), wire.agree(NET)) == (True, True)


def test_a_backup_of_a_life_after_a_loss_takes_its_later_rows_back() -> None:
    wire = attached_wire()
    lose(wire, 2)
    wire.fate = delivered
    wire[2].attach(wire.now, NET)
    wire[2].put(wire.now, NET, E1, b"first")
    wire.settle()
    backup = saved(wire, 2)
    wire.kill(2)
    wire.start(2, saved=True)
    gather(wire, 2)
    wire[2].put(wire.now, NET, E1, b"second")
    wire[2].put(wire.now, NET, E2, b"second")
    wire.settle()
    wire.kill(2)
    wire.resume(2, backup)
    gather(wire, 2)
    wire.probe()
    wanted = {b"e1": b"second", b"e2": b"second"}
    assert [values(wire, number) for number in (1, 2, 3)] == [wanted] * 3
    assert (wire.agree(), wire.agree(NET)) == (True, True)


def test_what_a_backup_after_a_loss_holds_may_be_collected_since() -> None:
    wire = attached_wire(config=TableConfig(tombstone_life_s=100.0))
    lose(wire, 2)
    wire.fate = delivered
    wire[2].put(wire.now, CLUSTER, BLUE, b"b", durable=True)
    gather(wire, 2)
    backup = saved(wire, 2)
    wire[2].delete(wire.now, CLUSTER, BLUE)
    wire.run(1500.0)
    facts = node_facts(wire[1].table(CLUSTER, NODE)[node_id(2)].row)
    assert facts is not None
    assert facts.collected > NEVER
    wire.kill(2)
    wire.resume(2, backup)
    wire[2].introduce(wire.now, b"of another certificate")
    gather(wire, 2)
    wire.probe()
    assert [list(wire[n].table(CLUSTER, NETWORK)) for n in (1, 2, 3)] == [[], [], []]
    assert wire.agree()


@pytest.mark.parametrize("way", ["backup", "renewed", "lost", "removal"])
def test_a_life_that_knows_of_no_horizon_does_not_undo_it(way: str) -> None:
    """One who was away has what was deleted, and the owner speaks of itself first."""
    wire = attached_wire(4, config=TableConfig(tombstone_life_s=100.0))
    wire[2].put(wire.now, CLUSTER, BLUE, b"b", durable=True)
    wire[2].put(wire.now, NET, E1, b"e")
    wire.settle()
    backup = saved(wire, 2)
    wire.kill(4)
    wire[2].delete(wire.now, CLUSTER, BLUE)
    wire[2].delete(wire.now, NET, E1)
    wire.run(1500.0)
    assert values(wire, 1) == {}
    wire.kill(2)
    if way == "lost":
        wire.start(2, epoch=7)
    else:
        wire.resume(2, backup)
    if way == "removal":
        wire.fate = lost
        removed = wire[1].revoke(wire.now, node_id(9))
        wire.settle()
        wire.give(2, removed.item, sender=1)
        wire.settle()
        wire.fate = delivered
    wire[2].introduce(wire.now, b"2" if way == "backup" else b"renewed")
    wire.settle()
    wire.start(4, saved=True)
    for number in (2, 4):
        gather(wire, number)
    wire.probe()
    wire.probe()
    assert [list(wire[n].table(CLUSTER, NETWORK)) for n in (1, 2, 3, 4)] == [[]] * 4
    assert [values(wire, n) for n in (1, 3)] == [{}, {}]
    assert (wire.agree(), wire.agree(NET)) == (True, True)


def test_a_clone_that_outbids_each_time_is_outbid_now_and_then() -> None:
    """Each would else speak whenever the other does, and both without end."""
    wire = attached_wire(3)
    clone: Row | None = None
    for step in range(50):
        epoch = wire[2].put(wire.now, NET, E1, b"%d" % step).epoch
        clone = row(2, (epoch + 1, 1), E1, b"clone %d" % step)
        wire.give(2, clone.item)
    assert clone is not None
    assert len(wire.notes(2, Outbid)) == 8
    assert wire[2].counters()["own_rows_put_off"] == 42
    # And when the clone is gone, what it said last is put right.
    wire.give(1, clone.item)
    for _ in range(4):
        wire.run(40.0)
        wire.probe()
    assert len(wire.notes(2, Outbid)) == 9
    assert [values(wire, n) for n in (1, 2, 3)] == [{b"e1": b"49"}] * 3
    assert (wire.agree(), wire.agree(NET)) == (True, True)


def test_a_new_key_has_lost_nothing() -> None:
    wire = attached_wire()
    assert line_of(wire[2].put(wire.now, NET, E1, b"x").epoch) == 0
    facts = node_facts(wire[1].table(CLUSTER, NODE)[node_id(2)].row)
    assert facts is not None
    assert facts.floor == NEVER


def test_what_this_life_said_stands_above_a_later_attachment_of_its_own() -> None:
    """A backup of before takes it back, and would void what it has written since."""
    wire = attached_wire()
    backup = saved(wire, 2)
    wire.kill(2)
    wire.start(2, saved=True)
    wire[2].detach(wire.now, NET)
    wire[2].attach(wire.now, NET)
    wire.settle()
    wire.kill(2)
    wire.fate = lost
    wire.lives[2].epoch = 1
    wire.resume(2, backup)
    said = wire[2].put(wire.now, NET, E1, b"this life's")
    assert said.version < wire[1].rules.since_of(node_id(2), NET)
    wire.settle()
    wire.fate = delivered
    gather(wire, 2)
    wire.probe()
    assert [values(wire, n) for n in (1, 2, 3)] == [{b"e1": b"this life's"}] * 3
    assert (wire.agree(), wire.agree(NET)) == (True, True)


def test_only_an_elder_that_answers_us_fences_us() -> None:
    """A word of an elder life that is over looks the same, until it is answered."""
    wire = attached_wire()
    wire.kill(2)
    wire.start(2, saved=True)
    for epoch, life in ((7, (3, 1)), (9, (3, 1)), (11, (1, 1))):
        wire.give(2, node_row(2, (epoch, 1), NodeFacts(life=life)).item)
    assert wire.notes(2, Outbid) == [Outbid(8), Outbid(10)]
    assert wire.notes(2, Fenced) == [Fenced((1, 1))]
    first = attached_wire()
    first.kill(2)
    first.start(2, saved=True)
    first.give(2, node_row(2, (7, 1), NodeFacts(life=(1, 1))).item)
    assert (first.notes(2, Fenced), first.notes(2, Outbid)) == ([], [Outbid(8)])
    first.give(2, node_row(2, (9, 1), NodeFacts(life=(1, 1))).item)
    assert first.notes(2, Fenced) == [Fenced((1, 1))]
    with pytest.raises(Refused, match="an elder process runs"):
        first[2].put(first.now, NET, E1, b"x")
    first.run(121.0)
    assert first[2].put(first.now, NET, E1, b"x").epoch > 9


def test_the_last_one_settles_a_removal_though_it_agreed_with_nobody_since() -> None:
    wire = attached_wire()
    rows = [one.item for one in wire[1].rows(CLUSTER).values()]
    lose(wire, 2)
    wire.managers.add(2)
    # Who has just been started again knows of nobody, and settles nothing.
    wire[2].revoke(wire.now, node_id(9))
    wire.run(100.0)
    wire.give(2, *rows, sender=3)
    wire[2].revoke(wire.now, node_id(1))
    wire.run(100.0)
    assert (settled(wire, 2, 9), settled(wire, 2, 1)) == (None, None)
    wire.note(3, Presence.LEFT)
    wire.run(100.0)
    newest = max(one.version for one in wire[2].rows_of(CLUSTER, node_id(1)).values())
    assert (settled(wire, 2, 9), settled(wire, 2, 1)) == (NEVER, newest)


def settled(wire: Wire, number: int, removed: int) -> Version | None:
    """Return up to where a removed node's durable rows stand, as a node has it."""
    removals = wire[number].table(CLUSTER, REVOCATION)
    return revocation_cut(removals[node_id(removed)].row)
