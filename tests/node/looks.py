"""What tests of commands look at: networks, and what a refusal must leave alone."""

from swarmnet.ids import Scope
from swarmnet.node.networks import KnownNetwork
from tests.node.hosts import Hosts


def known(hosts: Hosts, number: int, network: Scope) -> KnownNetwork:
    """Return a network that a host must know."""
    found = hosts.known(number, network)
    assert found is not None
    return found


def everything(hosts: Hosts, number: int) -> object:
    """Return all that a command that is refused must leave as it was."""
    engine, networks = hosts.engine(number), hosts.addressing(number).networks
    mine = {
        (scope, row.name, row.version)
        for scope in engine.tables.scopes()
        for row in engine.tables.rows(scope).values()
        if row.owner == hosts.id(number)
    }
    return (
        engine.tables.scopes(),
        mine,
        dict(networks.usable()),
        networks.vnis.vnis.free,
        {name: book.free(hosts.now) for name, book in networks.books.items()},
    )
