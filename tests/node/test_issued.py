"""Who is a member by a removed manager's word: up to a serial, and for all alike."""

from dataclasses import replace
from random import Random

import pytest

from sim.pki import WALL_S
from swarmnet.crypto.authority import Authority
from swarmnet.crypto.certificate import Role
from swarmnet.ids import CLUSTER
from swarmnet.node.about import encode_about
from swarmnet.swim.outputs import State
from swarmnet.tables.facts import (
    NodeFacts,
    encode_revocation,
    node_facts,
)
from swarmnet.tables.row import (
    ENDPOINT,
    NODE,
    REVOCATION,
    Flag,
)
from tests.node.table import Table
from tests.node.test_removal import (
    NET,
    ManagedPki,
    joined,
    sides,
    unseen,
    without,
)


@pytest.mark.slow
def differences(table: Table, number: int) -> int:
    """Return how often a node was shown tables that differ from its own."""
    return table.nodes[number].counters().get("table_digests_differ", 0)


def test_whom_a_removed_manager_admitted_unheard_of_is_void_for_all() -> None:
    """Else some hold his rows, which the others have no key to verify, for ever."""
    table = joined(4)
    unseen(table, 5, 3, 1)
    table.command(1, lambda tables: tables.revoke(table.now, table.id(2)))
    table.run(1.0)
    table.drop = lambda _number, _sent: False
    table.join(1, 3)
    table.run(40.0)
    for scope in (CLUSTER, NET):
        told = {table.nodes[n].tables.digest(scope) for n in (1, 3, 4)}
        assert len(told) == 1, scope
    owners = [row.owner for row in table.nodes[3].tables.rows(CLUSTER).values()]
    assert table.id(5) not in owners
    assert table.nodes[3].states()[table.id(5)] is State.LEFT
    differ = [differences(table, number) for number in (1, 3, 4)]
    table.run(20.0)
    assert differ == [differences(table, number) for number in (1, 3, 4)]


@pytest.mark.slow
@pytest.mark.parametrize("first", [1, 3])
def test_of_two_removals_that_which_knows_more_certificates_counts(first: int) -> None:
    table = joined(5, managers=3)
    unseen(table, 6, 3, 1)
    for manager in (first, 4 - first):
        table.command(manager, lambda tables: tables.revoke(table.now, table.id(2)))
        table.run(1.0)
    without(table, 2)
    table.join(1, 3)
    table.run(40.0)
    table.start(7)
    for number in (1, 3, 4, 5):
        trust = table.directories[number]
        assert trust.signer(table.id(6)) is not None
        assert b"of 6" in table.nodes[number].tables.table(NET, ENDPOINT)
    assert len({table.nodes[n].tables.digest(CLUSTER) for n in (1, 3, 4, 5, 6)}) == 1


@pytest.mark.slow
def test_a_workers_word_about_certificates_counts_for_nothing() -> None:
    table = joined(5, managers=3)
    without(table, 4)
    table.command(1, lambda tables: tables.revoke(table.now, table.id(2)))
    table.run(1.0)
    name = (REVOCATION, bytes(table.id(2)))
    for to in (1, 3):
        table.say(5, to, name, (Flag.DURABLE, encode_revocation(None, 10**6)))
    table.drop = lambda _number, _sent: False
    table.run(30.0)
    late = table.pki.chain(9)
    for number in (1, 3, 4):
        directory = table.directories[number]
        directory.learn(late, WALL_S)
        assert directory.signer(late.certificate.node) is None
        rules = table.nodes[number].tables.rules
        assert rules.revocations.cut_of(table.id(2)) is not None


@pytest.mark.slow
def test_who_is_void_with_its_issuer_stays_so_when_removed_itself() -> None:
    """Whichever of the two is heard of first."""
    table = joined(5, managers=3)
    unseen(table, 6, 3, 1)
    sides(table, {1}, {4}, {2, 3, 5, 6})
    table.command(1, lambda tables: tables.revoke(table.now, table.id(2)))
    table.command(3, lambda tables: tables.revoke(table.now, table.id(6)))
    table.run(0.5)
    sides(table, {1, 4}, {2, 3, 5, 6})
    table.join(4, 1)
    table.run(3.0)
    table.drop = lambda _number, _sent: False
    table.join(1, 3)
    table.run(40.0)
    for scope in (CLUSTER, NET):
        told = {table.nodes[n].tables.digest(scope) for n in (1, 3, 4, 5)}
        assert len(told) == 1, scope
    for number in (1, 3, 4, 5):
        owners = {r.owner for r in table.nodes[number].tables.rows(CLUSTER).values()}
        assert table.id(6) not in owners
        assert table.nodes[number].states().get(table.id(6)) in (None, State.LEFT)


@pytest.mark.slow
def test_a_renewal_that_is_void_leaves_the_certificate_of_before() -> None:
    """What a node's rows are judged by is in rows, not in what was learned when."""
    pki = ManagedPki(3)
    first = Authority(
        pki.identity(1), pki.directory(), Random("1").randbytes, chain=pki.made[1]
    )
    pki.made[4] = first.issue(pki._subject(4, Role.WORKER), WALL_S)
    renewed = pki.second.issue(pki._subject(4, Role.WORKER), WALL_S + 1000.0)
    table = Table(3, known=False, pki=pki)
    for number in (2, 3):
        table.join(number, 1)
    table.start(4)
    table.join(4, 1)
    table.run(2.0)
    rules = [table.nodes[n].tables.rules for n in (1, 3)]
    # Node 3 has heard of the renewal by a handshake, node 1 has not.
    table.directories[3].learn(renewed, WALL_S)
    table.command(1, lambda tables: tables.revoke(table.now, table.id(2)))
    table.run(5.0)
    assert [one.stands(table.id(4)) for one in rules] == [True, True]
    about = encode_about(renewed.encoded)
    name = (NODE, bytes(table.id(4)))
    (held,) = table.nodes[3].tables.claimants(CLUSTER, name)
    facts = replace(node_facts(held.row) or NodeFacts(), about=about)
    table.say(4, 3, name, (Flag(0), facts.encode()))
    assert table.nodes[3].counters()["table_rows_void"] > 0
    assert [one.stands(table.id(4)) for one in rules] == [True, True]
    assert len({table.nodes[n].tables.digest(CLUSTER) for n in (1, 3)}) == 1
