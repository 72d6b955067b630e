"""Two processes run under one key, for a disk was cloned: the younger is fenced."""

import pytest

from sim.pki import Pki
from swarmnet.crypto.certificate import Chain
from swarmnet.crypto.identity import Identity
from swarmnet.errors import Refused
from swarmnet.ids import CLUSTER, NodeId, Scope
from swarmnet.swim.outputs import IdentityConflict
from swarmnet.tables.outputs import Fenced
from swarmnet.tables.row import ENDPOINT
from tests.node.table import Table

NET = Scope(b"a network's scope")
ELDER, CLONE = 2, 9


class ClonedPki(Pki):
    """Node 9 is node 2, elsewhere."""

    def node(self, index: int) -> NodeId:
        return super().node(ELDER if index == CLONE else index)

    def identity(self, index: int) -> Identity:
        return super().identity(ELDER if index == CLONE else index)

    def chain(self, index: int) -> Chain:
        return super().chain(ELDER if index == CLONE else index)


def cloned(*, elder_lives: bool = True) -> Table:
    """Return four nodes, and one whose disk was copied while it ran."""
    table = Table(4, known=False, pki=ClonedPki(1))
    for number in (2, 3, 4):
        table.join(number, 1)
    table.run(2.0)
    for number in (1, 2, 3, 4):
        table.command(number, lambda tables: tables.attach(table.now, NET))
        table.run(0.2)
    put(table, ELDER, b"common")
    stored = table.stored(ELDER)
    if not elder_lives:
        del table.nodes[ELDER]
    table.start(CLONE, boot_epoch=2, rows=stored)
    table.join(CLONE, 1)
    table.run(3.0)
    return table


def put(table: Table, number: int, key: bytes) -> None:
    name, value = (ENDPOINT, key), b"of %d" % number
    table.command(number, lambda tables: tables.put(table.now, NET, name, value))
    table.run(0.5)


def fenced(table: Table) -> list[int]:
    """Return which nodes were fenced, each time that they were."""
    return [number for number, note in table.notes if isinstance(note, Fenced)]


@pytest.mark.slow
def test_the_younger_is_fenced_and_all_hold_what_the_elder_says() -> None:
    table = cloned()
    assert set(fenced(table)) == {CLONE}, "before it has written a word"
    put(table, ELDER, b"disputed")
    table.run(20.0)
    assert set(fenced(table)) == {CLONE}
    assert any(isinstance(note, IdentityConflict) for _, note in table.notes)
    with pytest.raises(Refused, match="an elder process runs under its key"):
        table.nodes[CLONE].tables.put(table.now, NET, (ENDPOINT, b"x"), b"x")
    put(table, ELDER, b"later")
    table.run(10.0)
    for number in (1, 3, 4, ELDER):
        tables = table.nodes[number].tables
        disputed = tables.shown(NET, (ENDPOINT, b"disputed"))
        assert disputed is not None
        assert disputed.row.value == b"of 2"
        assert set(tables.table(NET, ENDPOINT)) == {b"common", b"disputed", b"later"}
    for scope in (CLUSTER, NET):
        assert len({table.nodes[n].tables.digest(scope) for n in (1, 2, 3, 4)}) == 1


@pytest.mark.slow
def test_when_the_elder_is_gone_the_younger_goes_on() -> None:
    table = cloned()
    put(table, ELDER, b"disputed")
    table.run(20.0)
    del table.nodes[ELDER]
    table.run(150.0)
    put(table, CLONE, b"disputed")
    table.run(10.0)
    for number in (1, 3, 4, CLONE):
        disputed = table.nodes[number].tables.shown(NET, (ENDPOINT, b"disputed"))
        assert disputed is not None
        assert disputed.row.value == b"of 9"
    assert len({table.nodes[n].tables.digest(NET) for n in (1, 3, 4, CLONE)}) == 1


@pytest.mark.slow
def test_a_backup_that_is_restored_while_nobody_else_lives_is_not_fenced() -> None:
    table = cloned(elder_lives=False)
    put(table, CLONE, b"of the clone")
    stored = table.stored(CLONE)
    put(table, CLONE, b"after the backup")
    for epoch in (3, 4):
        table.start(CLONE, boot_epoch=epoch, rows=stored)
        table.join(CLONE, 1)
        table.run(5.0)
        put(table, CLONE, b"in life %d" % epoch)
    table.run(20.0)
    assert fenced(table) == []
    for number in (1, 3, 4, CLONE):
        assert len(table.nodes[number].tables.table(NET, ENDPOINT)) == 5
