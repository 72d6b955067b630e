"""The checker of ownership: what it excuses, and that it excuses nothing else."""

from types import SimpleNamespace
from typing import Any

import pytest

from sim.estates import VIEWS_EVERY, Estates, _Uses
from swarmnet.ids import CLUSTER, Scope
from swarmnet.ipam.spans import Span, Spans
from swarmnet.tables.row import NETWORK
from tests.node.hosts import Hosts

REALM = b"realm"


RUNS, STANDS, DOWN = "runs", "stands still", "is down"


class Twins:
    """Node B owns what A owned; A has an original and a clone, each in some state."""

    def __init__(self, clone: str, original: str) -> None:
        self.broken: list[str] = []
        checkers = SimpleNamespace(guards=[], violate=self._violate)
        states = ((b"B", RUNS), (b"A", original), (b"A", clone))
        self.hosts: list[Any] = [
            SimpleNamespace(
                index=n, node=node, up=state != DOWN, paused=state == STANDS
            )
            for n, (node, state) in enumerate(states)
        ]
        cluster: Any = SimpleNamespace(checkers=checkers, hosts=self.hosts, nodes=2)
        self.estates = Estates(cluster)
        self.estates._uses = {0: _Uses(), 1: _Uses(), 2: _Uses()}
        self.estates._uses[1].usable = {REALM: Spans([Span(98, 98)])}
        self.estates._uses[1].revision = 7

    def look(self, index: int) -> list[str]:
        """Return the rules broken when that one is seen to own it."""
        networks = SimpleNamespace(usable=lambda: {REALM: Spans([Span(98, 98)])})
        addressing: Any = SimpleNamespace(networks=networks, realms={}, revision=7)
        uses = self.estates._uses[index]
        if uses.revision != addressing.revision:
            self.estates._look_at_realms(self.hosts[index], addressing, uses)
        return self.broken

    def _violate(self, checker: str, node: int, message: str) -> None:
        assert message
        self.broken.append(f"{checker} {node}")


@pytest.mark.parametrize(
    ("clone", "original"),
    [(DOWN, RUNS), (RUNS, RUNS), (DOWN, DOWN), (DOWN, STANDS), (STANDS, STANDS)],
)
def test_what_a_node_that_may_come_back_owns_is_its_own(
    clone: str, original: str
) -> None:
    assert Twins(clone, original).look(0) == ["address_owners 0"]


@pytest.mark.parametrize("original", [DOWN, STANDS])
def test_whose_clone_runs_in_its_place_has_passed_on_what_it_owned(
    original: str,
) -> None:
    assert Twins(RUNS, original).look(0) == []


def test_who_stood_still_and_goes_on_with_what_it_owned_is_found() -> None:
    twins = Twins(RUNS, STANDS)
    assert twins.look(0) == []
    twins.estates._uses[0].usable = {REALM: Spans([Span(98, 98)])}
    twins.hosts[1].paused = False
    assert twins.look(1) == ["address_owners 1"]


SUBNET = "10.0.7.0/24"
"""Out of the pool, so that no two networks may have it."""


class Looks:
    """The checker, and the hosts that it looks at."""

    def __init__(self, hosts: Hosts) -> None:
        self.broken: list[str] = []
        self._hosts = hosts
        checkers = SimpleNamespace(guards=[], violate=self._violate)
        cluster: Any = SimpleNamespace(checkers=checkers, hosts=[], nodes=0)
        self.estates = Estates(cluster)

    def host(self, number: int) -> Any:
        """Return a host as the simulator has it."""
        engine, node = self._hosts.engine(number), self._hosts.id(number)
        return SimpleNamespace(index=number, node=node, up=True, engine=engine)

    def after(self, number: int, uses: _Uses) -> list[str]:
        """Return what is broken at a host, with what its process held before."""
        self.broken.clear()
        self.estates.looks = VIEWS_EVERY
        host = self.host(number)
        self.estates._look_at_addresses(host, host.engine.addressing, uses)
        return self.broken

    def _violate(self, checker: str, node: int, message: str) -> None:
        self.broken.append(f"{checker} {node} {message}")


def given_again() -> tuple[Hosts, Looks, Scope, Scope]:
    """Return hosts of which the fourth does not know of one network that it goes.

    And that network, and the one that was made in its place, of which it does know.
    """
    hosts = Hosts(4)
    looks = Looks(hosts)
    old = hosts.create(2, "blue", SUBNET)
    looks.estates.note_made(looks.host(2), old)
    hosts.run(2.0)
    backup = hosts.save(4)
    hosts.crash(2)
    hosts.apart(1, 3, 4)
    hosts.remove_node(1, 2)
    hosts.run(3.0)
    hosts.remove(3, old)
    hosts.run(10.0)
    new = hosts.create(1, "red", SUBNET)
    looks.estates.note_made(looks.host(1), new)
    hosts.run(1.0)
    assert [looks.after(number, _Uses()) for number in (1, 3, 4)] == [[], [], []]
    hosts.crash(4)
    hosts.partition((4,), (1, 3))
    hosts.restart(4, backup=backup)
    hear_of(hosts, 4, new)
    assert set(hosts.names(4)) == {old, new}
    return hosts, looks, old, new


def hear_of(hosts: Hosts, number: int, network: Scope) -> None:
    """Let a host hear of a network of the first one's, and of nothing else."""
    rows = hosts.engine(1).tables.rows_of(CLUSTER, hosts.id(1)).values()
    (row,) = (one for one in rows if one.name == (NETWORK, bytes(network)))
    now, engine = hosts.now, hosts.engine(number)
    engine.command(now, lambda tables: tables.receive_row(now, hosts.id(3), row.item))
    hosts._drain(number)
    hosts.run(0.01)


@pytest.mark.slow
@pytest.mark.parametrize("was_known_to_go", [False, True])
def test_who_has_yet_to_hear_that_a_network_goes_is_excused_and_nobody_else(
    was_known_to_go: bool,
) -> None:
    _, looks, old, _ = given_again()
    uses = _Uses()
    uses.going = {old: None} if was_known_to_go else {}
    broken = looks.after(4, uses)
    assert bool(broken) is was_known_to_go
    assert all("address_doubled 4" in one for one in broken)
    # In the end nobody is excused.
    wrong = [one.checker for one in looks.estates.errors([looks.host(4)])]
    assert "address_doubled" in wrong


@pytest.mark.slow
def test_what_was_made_beside_a_network_that_stays_is_found_by_whoever_looks() -> None:
    _, looks, _, new = given_again()
    # As if its maker had known of no network that is gone.
    looks.estates._gone[new] = {}
    assert any(SUBNET in one for one in looks.after(4, _Uses()))
