"""A manager removes nodes through the tables: who is cut off, and whose word stands."""

from random import Random

from sim.pki import WALL_S, Pki
from swarmnet.crypto.authority import Authority, RootKey
from swarmnet.crypto.certificate import Chain, Role, Subject
from swarmnet.crypto.identity import Identity
from swarmnet.ids import CLUSTER, Scope
from swarmnet.swim.outputs import State
from swarmnet.tables.row import ENDPOINT, NETWORK, REVOCATION
from tests.node.table import Table

NET = Scope(b"a network's scope")


class ManagedPki(Pki):
    """Nodes 1 and 2 are managers; node 2 has admitted all others."""

    def __init__(self) -> None:
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
        for number in (1, 2):
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


def joined(count: int) -> Table:
    """Return nodes that have joined through node 1, and are in a network."""
    table = Table(count, known=False, pki=ManagedPki())
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
        assert table.nodes[number].states()[table.id(4)] is State.DEAD
    digests = {table.nodes[n].tables.digest(CLUSTER) for n in (1, 2, 3)}
    assert len(digests) == 1


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
