"""A manager removes nodes through the tables: who is cut off, and whose word stands."""

from random import Random

import pytest

from sim.pki import WALL_S, Pki
from swarmnet.crypto.authority import Authority, RootKey
from swarmnet.crypto.certificate import Chain, Role, Subject
from swarmnet.crypto.identity import Identity
from swarmnet.crypto.switchboard import Disowned
from swarmnet.errors import Refused
from swarmnet.ids import CLUSTER, Scope
from swarmnet.node.outputs import Removed, Restored
from swarmnet.swim.outputs import State
from swarmnet.tables.engine import Tables
from swarmnet.tables.facts import (
    MaskFacts,
    encode_revocation,
)
from swarmnet.tables.row import (
    ENDPOINT,
    MASK,
    NETWORK,
    REVOCATION,
    TOKEN,
    Flag,
)
from tests.node.table import Table

NET = Scope(b"a network's scope")


class ManagedPki(Pki):
    """Nodes 1 and 2 are managers, and more if told; node 2 has admitted all others."""

    def __init__(self, managers: int = 2) -> None:
        super().__init__(1)
        keys = Random("managed")
        root = RootKey.make(keys.randbytes, WALL_S)
        self.root = root.certificate
        own = Authority(
            Identity.generate(keys.randbytes),
            self.directory(),
            keys.randbytes,
            root=root,
        )
        self.made: dict[int, Chain] = {}
        for number in range(1, managers + 1):
            self.made[number] = own.issue(self._subject(number, Role.MANAGER), WALL_S)
        self.second = Authority(
            self.identity(2), self.directory(), keys.randbytes, chain=self.made[2]
        )

    def chain(self, index: int) -> Chain:
        for number in range(3, index + 1):
            if number not in self.made:
                subject = self._subject(number, Role.WORKER)
                self.made[number] = self.second.issue(subject, WALL_S)
        return self.made[index]

    def _subject(self, number: int, role: Role) -> Subject:
        keys = self.identity(number)
        name = f"n{number}"
        return Subject(keys.signing_public, keys.exchange_public, name, role)


def joined(count: int, managers: int = 2) -> Table:
    """Return nodes that have joined through node 1, and are in a network."""
    table = Table(count, known=False, pki=ManagedPki(managers))
    for number in range(2, count + 1):
        table.join(number, 1)
    table.run(2.0)
    for number in range(1, count + 1):
        table.command(number, lambda tables: tables.attach(table.now, NET))
        table.run(0.2)
    return table


def put(table: Table, number: int, key: bytes, *, durable: bool = False) -> None:
    """Let a node write a row."""
    name = (NETWORK if durable else ENDPOINT, key)
    table.command(
        number,
        lambda tables: tables.put(table.now, NET, name, b"value", durable=durable),
    )
    table.run(0.2)


@pytest.mark.slow
def test_who_is_removed_is_cut_off_and_only_what_is_durable_stays() -> None:
    table = joined(4)
    put(table, 4, b"endpoint")
    put(table, 4, b"network", durable=True)
    table.command(1, lambda tables: tables.revoke(table.now, table.id(4)))
    table.run(0.1)
    for number in (1, 2, 3):
        tables = table.nodes[number].tables
        assert tables.table(NET, ENDPOINT) == {}
        assert list(tables.table(NET, NETWORK)) == [b"network"]
    table.run(15.0)
    for number in (1, 2, 3):
        assert table.nodes[number].states()[table.id(4)] is State.LEFT
    digests = {table.nodes[n].tables.digest(CLUSTER) for n in (1, 2, 3)}
    assert len(digests) == 1


@pytest.mark.slow
def test_what_a_removed_manager_had_issued_stands() -> None:
    table = joined(4)
    put(table, 3, b"before")
    table.command(1, lambda tables: tables.revoke(table.now, table.id(2)))
    table.run(15.0)
    put(table, 4, b"after")
    for number in (1, 3, 4):
        node = table.nodes[number]
        assert sorted(node.tables.table(NET, ENDPOINT)) == [b"after", b"before"]
        assert list(node.tables.table(CLUSTER, REVOCATION)) == [bytes(table.id(2))]
        alive = [s for s in node.states().values() if s is State.ALIVE]
        assert len(alive) == 2


def test_what_it_issues_after_that_does_not() -> None:
    table = joined(3)
    table.command(1, lambda tables: tables.revoke(table.now, table.id(2)))
    table.run(2.0)
    late = table.pki.chain(7)
    assert late.issuer is not None
    for number in (1, 3):
        directory = table.directories[number]
        directory.learn(late, WALL_S)
        assert directory.signer(late.certificate.node) is None


def removals(table: Table, number: int) -> set[int]:
    """Return whom a node takes for removed: by its rows, and by its trust."""
    tables = table.nodes[number].tables
    by_rows = {n for n in table.nodes if bytes(table.id(n)) in removed(tables)}
    trust = table.directories[number].trust
    assert by_rows == {n for n in table.nodes if trust.is_revoked(table.id(n))}
    return by_rows


def removed(tables: Tables) -> set[bytes]:
    """Return the keys of the removals that a node shows."""
    return set(tables.table(CLUSTER, REVOCATION))


@pytest.mark.slow
@pytest.mark.parametrize("late", [0, 1, 2])
def test_two_managers_that_remove_each_other_are_both_cut_off(late: int) -> None:
    table = joined(6)
    sides = ({1, 3, 4}, {2, 5, 6})
    table.drop = lambda number, sent: any(
        (number in side) != (sent.address.host[-1] in side) for side in sides
    )
    table.command(1, lambda tables: tables.revoke(table.now, table.id(2)))
    table.run(0.5 * late)
    table.command(2, lambda tables: tables.revoke(table.now, table.id(1)))
    table.run(1.0)
    table.drop = lambda _number, _sent: False
    table.run(20.0)
    others = (3, 4, 5, 6)
    assert [removals(table, number) for number in others] == [{1, 2}] * 4
    assert len({table.nodes[n].tables.digest(CLUSTER) for n in others}) == 1
    for number in others:
        states = table.nodes[number].states()
        live = {n for n in others if states.get(table.id(n)) is State.ALIVE}
        assert live == set(others) - {number}
        assert {states[table.id(1)], states[table.id(2)]} == {State.LEFT}


@pytest.mark.slow
def test_a_removed_node_has_left_for_all_and_stays_out() -> None:
    table = joined(4)
    table.command(1, lambda tables: tables.revoke(table.now, table.id(4)))
    table.run(5.0)
    for number in (1, 2, 3):
        node = table.nodes[number]
        assert node.states()[table.id(4)] is State.LEFT
        told = [one for of, one in table.notes if of == number]
        assert Removed(table.id(4), 0) in told
    # It hears of it itself before it is cut off.
    assert (4, Removed(table.id(4), 0)) in table.notes


@pytest.mark.slow
def test_who_is_removed_while_it_is_down_is_told_by_all_when_it_returns() -> None:
    table = joined(4)
    view, stored = table.nodes[4].save(), table.stored(4)
    without(table, 4)
    table.command(1, lambda tables: tables.revoke(table.now, table.id(4)))
    table.run(15.0)
    table.drop = lambda _number, _sent: False
    table.notes.clear()
    node = table.start(4, boot_epoch=2, rows=stored, view=view)
    table.run(5.0)
    others = {table.id(number) for number in (1, 2, 3)}
    assert set(node.disowned_by()) == others
    told = [one for of, one in table.notes if of == 4 and isinstance(one, Disowned)]
    assert sorted(one.peer for one in told) == sorted(others)
    for number in (1, 2, 3):
        assert table.nodes[number].states()[table.id(4)] is State.LEFT


@pytest.mark.slow
def test_a_removal_that_counts_no_more_is_taken_back() -> None:
    """No command of ours does so, but rows decide; and trust follows the rows."""
    table = joined(4)
    apart = {1, 2}
    table.drop = lambda number, sent: apart & {number, sent.address.host[-1]} != set()
    name = (REVOCATION, bytes(table.id(4)))
    table.say(1, 3, name, (Flag.DURABLE, encode_revocation(None, 9)))
    assert removals(table, 3) == {4}
    assert table.nodes[3].states()[table.id(4)] is State.LEFT
    tombstone = (Flag.DURABLE | Flag.DELETED, b"")
    table.say(1, 3, name, tombstone)
    table.run(20.0)
    assert removals(table, 3) == set()
    assert table.nodes[3].states()[table.id(4)] is State.ALIVE
    assert (3, Restored(table.id(4))) in table.notes


@pytest.mark.slow
def test_no_mask_hides_a_removal() -> None:
    table = joined(4)
    table.command(1, lambda tables: tables.revoke(table.now, table.id(4)))
    table.run(1.0)
    name = (REVOCATION, bytes(table.id(4)))
    for number in (2, 3):
        tables = table.nodes[number].tables
        with pytest.raises(Refused, match="only others' durable rows are masked"):
            tables.mask(table.now, CLUSTER, name, table.id(1))
    row = table.nodes[3].tables.claimants(CLUSTER, name)[0].row
    facts = MaskFacts(name, row.owner, row.version, row.lamport)
    table.say(3, 2, (MASK, b"a key"), (Flag.DURABLE, facts.encode()))
    table.run(1.0)
    assert removals(table, 2) == {4}


@pytest.mark.slow
def test_what_only_managers_write_only_managers_mask() -> None:
    table = joined(3)
    name = (TOKEN, b"a token")
    table.command(
        1, lambda tables: tables.put(table.now, CLUSTER, name, b"t", durable=True)
    )
    table.run(1.0)
    worker = table.nodes[3].tables
    with pytest.raises(Refused, match="only a manager may do that"):
        worker.mask(table.now, CLUSTER, name, table.id(1))
    row = worker.claimants(CLUSTER, name)[0].row
    facts = MaskFacts(name, row.owner, row.version, row.lamport)
    table.say(3, 2, (MASK, b"a key"), (Flag.DURABLE, facts.encode()))
    table.run(1.0)
    assert list(table.nodes[2].tables.table(CLUSTER, TOKEN)) == [b"a token"]
    table.command(2, lambda tables: tables.mask(table.now, CLUSTER, name, table.id(1)))
    table.run(1.0)
    assert table.nodes[3].tables.table(CLUSTER, TOKEN) == {}


def without(table: Table, *numbers: int) -> None:
    """Let nothing come from some nodes, nor go there."""
    apart = set(numbers)
    table.drop = lambda number, sent: (
        not apart.isdisjoint((number, sent.address.host[-1]))
    )


def unseen(table: Table, number: int, through: int, *others: int) -> None:
    """Let a node join that some others do not hear of, and write into the network."""
    without(table, *others)
    table.start(number)
    table.join(number, through)
    table.run(3.0)
    table.command(number, lambda tables: tables.attach(table.now, NET))
    put(table, number, b"of %d" % number)
    put(table, number, b"network", durable=True)
    table.run(1.0)


@pytest.mark.slow
@pytest.mark.parametrize("joins", [False, True])
def test_a_restart_knows_by_its_stored_rows_whom_to_believe(*, joins: bool) -> None:
    """Certificates travel with `node` rows; the directory of before may be gone."""
    table = joined(5)
    put(table, 5, b"gone")
    table.command(1, lambda tables: tables.revoke(table.now, table.id(5)))
    table.run(5.0)
    stored = table.stored(3)
    without(table, 3)
    table.run(1.0)
    table.start(3, boot_epoch=2, rows=stored)
    assert removals(table, 3) == {5}
    assert set(table.nodes[3].tables.table(CLUSTER, REVOCATION)) != set()
    if joins:
        table.drop = lambda _number, _sent: False
        table.join(3, 1)
        table.run(20.0)
        assert removals(table, 3) == {5}
        told = {table.nodes[n].tables.digest(CLUSTER) for n in (1, 2, 3, 4)}
        assert len(told) == 1


def sides(table: Table, *groups: set[int]) -> None:
    """Let nodes hear only those of their own side."""
    table.drop = lambda number, sent: (
        not any(number in group and sent.address.host[-1] in group for group in groups)
    )


@pytest.mark.slow
def test_a_manager_removed_by_one_who_was_removed_before_is_one_again() -> None:
    table = joined(4, managers=3)
    sides(table, {1, 2}, {3, 4})
    table.command(2, lambda tables: tables.revoke(table.now, table.id(1)))
    table.run(0.5)
    table.command(3, lambda tables: tables.revoke(table.now, table.id(2)))
    table.run(0.5)
    assert table.nodes[1].tables.rules.is_revoked(table.id(1))
    table.drop = lambda _number, _sent: False
    table.run(60.0)
    assert [removals(table, number) for number in (1, 3, 4)] == [{2}] * 3
    assert len({table.nodes[n].tables.digest(CLUSTER) for n in (1, 3, 4)}) == 1
    put(table, 1, b"again")
    assert b"again" in table.nodes[4].tables.table(NET, ENDPOINT)
    rules = table.nodes[4].tables.rules
    assert rules.revocations.cut_of(table.id(2)) is not None
