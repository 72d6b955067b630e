"""A network that goes is gone for good, whoever is removed after that."""

import pytest

from swarmnet.ids import Scope
from tests.node.hosts import Hosts

SUBNET = "10.9.0.0/24"


def orphaned(count: int) -> tuple[Hosts, Scope]:
    """Return hosts of whom the second made a network and was removed, and its id."""
    hosts = Hosts(count)
    network = hosts.create(2, "blue", SUBNET)
    hosts.run(2.0)
    drop(hosts, 2)
    return hosts, network


def drop(hosts: Hosts, number: int) -> None:
    """Let a host be no more, and the first remove it."""
    hosts.crash(number)
    hosts.apart(*hosts.live())
    hosts.remove_node(1, number)
    hosts.run(3.0)


@pytest.mark.slow
@pytest.mark.parametrize("is_given_again", [True, False])
def test_what_a_removed_host_wanted_gone_stays_gone(is_given_again: bool) -> None:
    """Whoever wants the network gone is removed as its maker was."""
    hosts, network = orphaned(5)
    hosts.remove(3, network)
    hosts.run(10.0)
    made = hosts.create(4, "red", SUBNET) if is_given_again else None
    hosts.run(0.5)
    drop(hosts, 3)
    for number in (1, 4, 5):
        assert network not in hosts.names(number)
    made = made or hosts.create(5, "red", SUBNET)
    hosts.run(0.5)
    for number in (1, 4, 5):
        assert hosts.names(number) == {made: "red"}
        assert hosts.addressing(number).networks.warnings() == []


@pytest.mark.slow
def test_what_goes_when_its_remover_falls_is_seen_to_by_the_others() -> None:
    """Nobody has said yet that all know it: that one dies first."""
    hosts, network = orphaned(5)
    hosts.partition((3, 4), (1, 5))
    hosts.remove(3, network)
    hosts.run(1.0)
    hosts.crash(3)
    hosts.heal()
    drop_crashed(hosts, 3)
    hosts.run(15.0)
    for number in (1, 4, 5):
        assert network not in hosts.names(number)
    hosts.create(5, "red", SUBNET)


def drop_crashed(hosts: Hosts, number: int) -> None:
    """Let the first host remove one that is down already."""
    hosts.apart(*hosts.live())
    hosts.remove_node(1, number)
