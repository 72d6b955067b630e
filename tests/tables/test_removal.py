"""A removed node: void but for durable rows, up to a cut that all agree about."""

from random import Random

import pytest

from swarmnet.errors import Refused
from swarmnet.ids import CLUSTER, NodeId
from swarmnet.tables.facts import NodeFacts, node_facts, revocation_cut
from swarmnet.tables.row import NETWORK, NODE, REVOCATION, Row, Version
from swarmnet.tables.rules import Presence, Rules
from tests.tables.rows import (
    BLUE,
    DURABLE,
    E1,
    E2,
    NET,
    attached_wire,
    attachment,
    held,
    node_row,
    revocation,
    row,
    values,
)
from tests.tables.wire import Mail, Wire, delivered, lost, node_id

REMOVED = 5


def durable(version: Version, key: bytes = b"blue") -> Row:
    """Return a durable row of the node that is removed."""
    return row(REMOVED, version, (NETWORK, key), key, scope=CLUSTER, flags=DURABLE)


def cut(wire: Wire, number: int) -> Version | None:
    """Return up to where the removed node's durable rows stand, as a node has it."""
    removals = wire[number].table(CLUSTER, REVOCATION)
    return revocation_cut(removals[node_id(REMOVED)].row)


def acks(wire: Wire, number: int, of: int) -> dict[NodeId, Version]:
    """Return what node `of` acknowledges, as a node has it."""
    facts = node_facts(wire[number].table(CLUSTER, NODE)[node_id(of)].row)
    assert facts is not None
    return dict(facts.acks)


def world(count: int = 4) -> Wire:
    """Return nodes that all hold one row of each kind of the one to be removed."""
    wire = attached_wire(count)
    rows = [
        node_row(REMOVED, (1, 1)),
        attachment(REMOVED, (1, 2)),
        row(REMOVED, (1, 3), E1, b"e"),
        durable((1, 4)),
    ]
    wire.give(1, *(one.item for one in rows))
    wire.settle()
    assert wire.agree()
    assert values(wire, count) == {b"e1": b"e"}
    return wire


def networks(wire: Wire, number: int) -> list[bytes]:
    return sorted(wire[number].table(CLUSTER, NETWORK))


def test_a_removal_voids_all_but_the_durable_and_is_settled_when_all_have_it() -> None:
    wire = world()
    wire[1].revoke(wire.now, node_id(REMOVED))
    wire.settle()
    for number in (1, 2, 3, 4):
        assert values(wire, number) == {}
        assert node_id(REMOVED) not in wire[number].attached(NET)
        assert networks(wire, number) == [b"blue"]
        assert cut(wire, number) == (1, 4)
        # Nobody need remember any more what is settled.
        assert acks(wire, number, 2) == {}
    assert wire.agree()


def test_nothing_that_he_writes_later_counts_anywhere() -> None:
    wire = world()
    wire[1].revoke(wire.now, node_id(REMOVED))
    wire.settle()
    before = held(wire, 2, CLUSTER)
    later = [node_row(REMOVED, (1, 9)), durable((1, 7), b"x"), row(REMOVED, (1, 8), E2)]
    wire.give(2, *(one.item for one in later))
    wire.settle()
    assert held(wire, 2, CLUSTER) == before
    assert wire[2].counters()["rows_void"] == 3


def test_the_cut_waits_for_every_member_and_covers_what_the_last_one_holds() -> None:
    wire = world()

    def apart(mail: Mail) -> bool:
        return (mail.source == 4) == (mail.target == 4)

    wire.fate = apart
    wire.give(4, durable((1, 6), b"late").item)
    wire[1].revoke(wire.now, node_id(REMOVED))
    wire.settle()
    assert cut(wire, 1) is None
    assert acks(wire, 1, 2) == {node_id(REMOVED): (1, 4)}
    # What a member has not acknowledged to hold is taken from nobody else.
    wire.give(2, durable((1, 5), b"refused").item)
    assert networks(wire, 2) == [b"blue"]
    wire.fate = delivered
    wire.probe()
    wire.probe()
    for number in (1, 2, 3, 4):
        assert cut(wire, number) == (1, 6)
        assert networks(wire, number) == [b"blue", b"late"]
    assert wire.agree()


def test_a_member_that_is_dead_is_waited_for_and_one_that_left_is_not() -> None:
    wire = world()
    wire.kill(4)
    wire[1].revoke(wire.now, node_id(REMOVED))
    wire.run(100.0)
    assert cut(wire, 1) is None
    wire.note(4, Presence.LEFT)
    wire.run(100.0)
    assert cut(wire, 1) == (1, 4)


def test_who_is_removed_as_well_is_waited_for_no_more() -> None:
    wire = world()
    wire.kill(4)
    wire[1].revoke(wire.now, node_id(REMOVED))
    wire[1].revoke(wire.now, node_id(4))
    wire.settle()
    assert cut(wire, 1) == (1, 4)
    assert wire.agree()


def test_a_manager_that_starts_again_settles_only_what_it_knows() -> None:
    """It has its own `node` row only, by which all there are have acknowledged."""
    wire = world()
    wire.fate = lambda mail: 4 not in (mail.source, mail.target)
    wire.give(4, durable((1, 6), b"late").item)
    wire[1].revoke(wire.now, node_id(REMOVED))
    wire.settle()
    wire.kill(1)
    wire.start(1, saved=True)
    wire.settle()
    word = wire[2].table(CLUSTER, NODE)[node_id(2)].row
    wire.give(1, word.item)
    wire.run(100.0)
    assert cut(wire, 1) is None
    wire.fate = delivered
    wire.probe()
    wire.probe()
    assert cut(wire, 1) == (1, 6)
    assert networks(wire, 2) == [b"blue", b"late"]


def test_nothing_is_settled_while_the_clusters_rows_are_still_to_come() -> None:
    wire = world()
    silent = node_row(6, (1, 1))
    wire.give(1, silent.item)
    wire[1].revoke(wire.now, node_id(REMOVED))
    wire.settle()
    assert cut(wire, 1) is None
    words = [wire[2].table(CLUSTER, NODE)[node_id(n)].row for n in (2, 3, 4)]
    wire.kill(1)
    wire.start(1, saved=True)
    wire.fate = lost
    wire[1].join(wire.now, [node_id(2)])
    wire.give(1, *(word.item for word in words))
    assert cut(wire, 1) is None
    wire.fate = delivered
    wire.run(20.0)
    wire.probe()
    assert silent.body in held(wire, 1, CLUSTER)
    assert cut(wire, 1) is None


def test_the_removed_one_does_not_speak_for_itself() -> None:
    wire = world()
    wire.fate = lambda mail: mail.source <= 2 and mail.target <= 2
    wire[1].revoke(wire.now, node_id(REMOVED))
    wire.settle()
    # Node 4 has not heard of it, and takes from him that all of his is good.
    lie = node_row(REMOVED, (1, 9), NodeFacts(acks={node_id(REMOVED): (2**60, 1)}))
    wire.give(4, lie.item)
    wire.fate = lambda mail: 3 not in (mail.source, mail.target)
    wire.probe()
    wire.probe()
    assert lie.body in held(wire, 1, CLUSTER)
    wire.give(2, durable((1, 10), b"more").item)
    wire.fate = delivered
    wire.probe()
    wire.probe()
    assert cut(wire, 1) == (1, 9)
    assert networks(wire, 2) == [b"blue"]
    assert wire.agree()


def test_a_manager_that_is_removed_settles_nothing_any_more() -> None:
    wire = world()
    wire.fate = lambda mail: 4 not in (mail.source, mail.target)
    wire[2].revoke(wire.now, node_id(REMOVED))
    wire.settle()
    wire.give(2, revocation(1, (1, 9), 2).item)
    said = acks(wire, 2, 2)
    wire.fate = lost
    wire.give(2, node_row(4, (1, 9), NodeFacts(acks={node_id(REMOVED): (1, 4)})).item)
    wire.run(100.0)
    assert (cut(wire, 2), acks(wire, 2, 2)) == (None, said)


@pytest.mark.parametrize("is_removed", [False, True])
def test_another_manager_settles_what_a_dead_or_removed_one_began(
    *, is_removed: bool
) -> None:
    wire = world()
    wire.fate = lambda mail: 4 not in (mail.source, mail.target)
    wire[2].revoke(wire.now, node_id(REMOVED))
    wire.settle()
    wire.kill(2)
    if is_removed:
        wire[3].revoke(wire.now, node_id(2))
    wire.settle()
    assert cut(wire, 1) is None
    wire.fate = delivered
    for _ in range(3):
        wire.probe()
    wire.run(100.0)
    assert [cut(wire, number) for number in (1, 3, 4)] == [(1, 4)] * 3
    removals = wire[4].claimants(CLUSTER, (REVOCATION, bytes(node_id(REMOVED))))
    settled = [one.row.owner for one in removals if revocation_cut(one.row)]
    assert settled == [node_id(1)]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_managers_that_remove_each_other_are_both_removed_in_any_order(
    seed: int,
) -> None:
    """Whoever heard of the one first voids the other, but for what others vouch."""
    random = Random(seed)
    wire = attached_wire(7)
    wire.fate = lost
    circle = random.choice(((1, 2), (1, 2, 3)))
    pairs = zip(circle, circle[1:] + circle[:1], strict=True)
    removals = [wire[one].revoke(wire.now, node_id(other)) for one, other in pairs]
    wire.settle()
    heard: set[int] = set()
    others = [number for number in wire.lives if number not in circle]
    for number in others:
        order = random.sample(range(len(removals)), random.randint(1, len(removals)))
        heard |= {order[0]}
        for index in order:
            wire.give(number, removals[index].item, sender=circle[index])
        wire.settle()
    wire.fate = delivered
    for _ in range(4):
        wire.probe()
    wire.run(100.0)
    told = {number: wire[number].table(CLUSTER, REVOCATION).keys() for number in others}
    assert all(one == told[others[0]] for one in told.values()), told
    wanted = {removals[index].key for index in heard}
    assert wanted <= told[others[0]], (wanted, told)
    digests = {wire[number].digest(CLUSTER) for number in others}
    assert len(digests) == 1


def test_a_removal_by_one_who_is_no_manager_counts_once_he_is_one() -> None:
    wire = world(4)
    wire.give(1, revocation(4, (9, 1), REMOVED).item)
    wire.settle()
    assert values(wire, 1) == {b"e1": b"e"}
    wire.promote(4, is_manager=True)
    assert values(wire, 2) == {}
    wire.promote(3, is_manager=False)
    with pytest.raises(Refused, match="only a manager removes nodes"):
        wire[3].revoke(wire.now, node_id(REMOVED))


def test_two_managers_that_remove_the_same_node_agree_about_the_greater_cut() -> None:
    wire = world()
    wire[1].revoke(wire.now, node_id(REMOVED))
    wire[2].revoke(wire.now, node_id(REMOVED))
    wire.settle()
    wire.probe()
    assert wire.agree()
    wire.give(3, revocation(2, (1, 99), REMOVED, (1, 3)).item)
    wire.settle()
    assert networks(wire, 3) == [b"blue"]


def test_a_node_does_not_remove_itself() -> None:
    wire = world()
    with pytest.raises(Refused, match="a node does not remove itself; leave"):
        wire[1].revoke(wire.now, node_id(1))


def test_who_was_removed_writes_nothing_more_and_says_why() -> None:
    wire = attached_wire(4)
    wire[4].put(wire.now, NET, E1, b"e")
    wire[4].put(wire.now, CLUSTER, BLUE, b"b", durable=True)
    wire.settle()
    wire[1].revoke(wire.now, node_id(4))
    wire.settle()
    wire.run(200.0)
    verbs = (
        lambda: wire[4].put(wire.now, CLUSTER, E2, b"x"),
        lambda: wire[4].delete(wire.now, CLUSTER, BLUE),
        lambda: wire[4].introduce(wire.now, b"again"),
        lambda: wire[4].leave(wire.now),
        lambda: wire[4].attach(wire.now, NET),
    )
    for verb in verbs:
        with pytest.raises(Refused, match="join again with a new key"):
            verb()
    wire.give(4, row(4, (7, 7), E2, scope=CLUSTER).item, node_row(2, (5, 5)).item)
    assert list(wire[4].table(CLUSTER, NETWORK)) == [BLUE[1]]


def test_many_removals_at_once_are_acknowledged_as_there_is_room() -> None:
    wire = Wire(2)
    for number in (1, 2):
        wire[number].introduce(wire.now, bytes(600))
    wire.settle()
    wire.fate = lost
    for number in range(10, 40):
        wire[1].revoke(wire.now, node_id(number))
    wire.settle()
    some = acks(wire, 1, 1)
    assert 2 < len(some) < 16
    assert wire[1].counters()["acknowledgements_late"] > 0
    wire.fate = delivered
    wire.run(2000.0)
    for _ in range(8):
        wire.probe()
    removals = wire[2].table(CLUSTER, REVOCATION)
    cuts = [revocation_cut(one.row) for one in removals.values()]
    assert cuts == [(0, 0)] * 30
    assert (acks(wire, 2, 1), acks(wire, 1, 2)) == ({}, {})


def test_a_removed_nodes_rows_are_sent_to_whoever_lacks_them() -> None:
    wire = world()
    wire.start(6)
    wire[6].introduce(wire.now, b"new")
    wire[1].revoke(wire.now, node_id(REMOVED))
    wire.settle()
    wire[6].join(wire.now, [node_id(1)])
    wire.settle()
    wire.probe()
    assert networks(wire, 6) == [b"blue"]
    assert cut(wire, 6) == (1, 4)
    assert wire.agree()


def test_who_is_a_member_no_more_by_his_issuers_removal_is_not_waited_for() -> None:
    rules = Rules(
        node_id(1), lambda _owner, _table: True, lambda node, _: node != node_id(3)
    )
    for number in (2, 3):
        rules.note_presence(node_id(number), Presence.LIVE)
    assert rules.awaited(node_id(REMOVED)) == [node_id(1), node_id(2)]


@pytest.mark.slow
def test_more_removals_than_a_row_has_room_for_are_settled_one_after_another() -> None:
    """And if two sides have heard of others first, they take up the same ones."""
    wire = attached_wire(4)
    wire.fate = lambda mail: (mail.source % 2) == (mail.target % 2)
    for number in range(20, 36):
        wire[1].revoke(wire.now, node_id(number))
        wire[2].revoke(wire.now, node_id(number + 16))
    wire.settle()
    wire.fate = delivered
    for _ in range(6):
        wire.probe()
        wire.run(60.0)
    removals = wire[3].table(CLUSTER, REVOCATION).values()
    assert [revocation_cut(one.row) is not None for one in removals] == [True] * 32
    assert (acks(wire, 3, 1), acks(wire, 1, 4)) == ({}, {})
    assert wire.agree()
