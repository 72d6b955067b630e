"""Hosts that are cut off from each other give out addresses, each only its own."""

from collections.abc import Iterator
from itertools import chain, repeat

import pytest

from swarmnet.ids import CLUSTER, Scope
from swarmnet.node.books import VNIS as VNI_REALM
from swarmnet.node.books import pool_realm, subnet_realm
from swarmnet.node.settling import Cause
from swarmnet.tables.row import RANGE
from tests.node.hosts import Hosts, Unmet, texts

ALL = (1, 2, 3, 4, 5)
LEFT, RIGHT = (1, 2, 3), (4, 5)


def shared(count: int = 5) -> tuple[Hosts, Scope]:
    """Return hosts that have a /24 in common, each a slice of it."""
    hosts = Hosts(count)
    network = hosts.create(1, "blue", "10.9.0.0/24")
    realm = subnet_realm(network, 0)
    everybody = range(1, count + 1)
    hosts.run_until(lambda: all(hosts.usable(n, realm) for n in everybody), 2.0)
    return hosts, network


def settled(hosts: Hosts, *numbers: int) -> None:
    """Heal, and wait until all see each other and say the same."""
    hosts.heal()
    hosts.run_until(lambda: hosts.all_see(*numbers) and hosts.agree(*numbers), 60.0)


def deeds_about(hosts: Hosts, number: int, network: Scope) -> int:
    """Return how many deeds about a network a host holds."""
    rows = hosts.engine(number).tables.rows(CLUSTER).values()
    values = [r.value for r in rows if r.table == RANGE and not r.is_deleted]
    return sum(bytes(network) in value for value in values)


def in_turn(rounds: int) -> Iterator[int]:
    return chain.from_iterable(repeat(ALL, rounds))


def one_after_another(rounds: int) -> Iterator[int]:
    return chain.from_iterable(repeat(number, rounds) for number in ALL)


@pytest.mark.slow
@pytest.mark.parametrize("order", [in_turn, one_after_another])
@pytest.mark.parametrize("pause_s", [0.0, 0.3])
def test_on_both_sides_of_a_cut_every_host_connects_sixteen(
    order: object, pause_s: float
) -> None:
    assert callable(order)
    hosts, network = shared()
    hosts.partition(LEFT, RIGHT)
    given: dict[int, list[str]] = {number: [] for number in ALL}
    for number in order(16):
        given[number] += texts(hosts.connect(number, network))
        hosts.run(pause_s)
    whole = sorted(chain.from_iterable(given.values()))
    assert len(set(whole)) == 16 * len(ALL)
    settled(hosts, *ALL)
    owners = {a: hosts.id(n) for n, some in given.items() for a in some}
    hosts.run_until(
        lambda: all(hosts.effective(n, network) == owners for n in ALL), 10.0
    )


@pytest.mark.slow
def test_cut_off_hosts_give_out_all_they_have_and_nothing_twice() -> None:
    hosts, network = shared()
    hosts.partition(LEFT, RIGHT)
    given = {number: hosts.fill(number, network) for number in ALL}
    assert all(given.values())
    whole = sorted(chain.from_iterable(given.values()))
    # .0 and .255 are no host's, and .1 is the gateway.
    assert sorted({f"10.9.0.{n}" for n in range(2, 255)}) == whole
    with pytest.raises(Unmet, match="none free"):
        hosts.connect(4, network)
    settled(hosts, *ALL)
    owners = {a: hosts.id(n) for n, some in given.items() for a in some}
    hosts.run_until(
        lambda: all(hosts.effective(n, network) == owners for n in ALL), 10.0
    )


@pytest.mark.slow
def test_of_two_networks_of_one_name_both_stand_and_the_older_keeps_it() -> None:
    hosts = Hosts(5)
    hosts.partition(LEFT, RIGHT)
    # A row more on the right: what is made there is the younger one.
    hosts.create(4, "other")
    late = hosts.create(4, "blue")
    early = hosts.create(2, "blue")
    boxes = {2: hosts.connect(2, early), 5: hosts.connect(4, late)}
    settled(hosts, *ALL)
    shown = f"blue~{late.hex()[:8]}"
    for number in ALL:
        names = hosts.names(number)
        assert (names[early], names[late]) == ("blue", shown)
        networks = hosts.addressing(number).networks
        assert networks.warnings() == [
            f"network {late.hex()}: another has the name blue; this one is shown as"
            f" {shown}: remove one"
        ]
        named = [networks.named(name) for name in ("blue", shown)]
        assert [one and one.id for one in named] == [early, late]
    one, other = hosts.known(1, early), hosts.known(1, late)
    assert one is not None
    assert other is not None
    assert one.facts.subnets[0].vni != other.facts.subnets[0].vni
    assert not one.prefixes[0].overlaps(other.prefixes[0])
    assert list(hosts.effective(2, early)) == texts(boxes[2])
    assert list(hosts.effective(4, late)) == texts(boxes[5])


@pytest.mark.slow
def test_of_two_networks_of_one_age_the_least_owner_keeps_the_name() -> None:
    hosts = Hosts(4)
    hosts.partition((1, 2), (3, 4))
    made = {number: hosts.create(number, "blue") for number in (3, 2)}
    rows = [hosts.known(number, one) for number, one in made.items()]
    assert len({one.row.lamport for one in rows if one is not None}) == 1
    settled(hosts, 1, 2, 3, 4)
    for number in (1, 2, 3, 4):
        assert hosts.names(number)[made[2]] == "blue"


@pytest.mark.slow
def test_overlapping_subnets_of_two_sides_both_stand_with_a_warning() -> None:
    hosts = Hosts(5)
    hosts.partition(LEFT, RIGHT)
    red = hosts.create(2, "red", "10.9.0.0/24")
    hosts.create(5, "other")
    blue = hosts.create(5, "blue", "10.9.0.128/25")
    mine = {2: hosts.connect(2, red), 5: hosts.connect(5, blue)}
    settled(hosts, *ALL)
    for number in ALL:
        assert hosts.addressing(number).networks.warnings() == [
            "network blue: subnet 10.9.0.128/25 overlaps 10.9.0.0/24 (network red): no"
            " host should be in both; remove one"
        ]
    assert list(hosts.effective(2, red)) == texts(mine[2])
    assert list(hosts.effective(5, blue)) == texts(mine[5])
    with pytest.raises(Unmet, match=r"subnet 10.9.0.192/26: overlaps 10.9.0.0/24"):
        hosts.create(3, "third", "10.9.0.192/26")
    # Once one is gone there is nothing to be warned of, and its place is free again.
    hosts.disconnect(2, mine[2])
    hosts.run(1.0)
    hosts.remove(3, red)
    hosts.run_until(lambda: all(hosts.known(n, red) is None for n in ALL), 15.0)
    assert [hosts.addressing(n).networks.warnings() for n in ALL] == [[]] * 5
    hosts.create(3, "third", "10.9.0.0/26")


@pytest.mark.slow
def test_a_network_that_both_sides_remove_goes_once_all_know() -> None:
    hosts, network = shared()
    hosts.partition(LEFT, RIGHT)
    hosts.remove(2, network)
    hosts.remove(5, network)
    for number in (2, 5):
        with pytest.raises(Unmet, match="is being removed"):
            hosts.connect(number, network)
    hosts.run(20.0)
    found = [hosts.known(n, network) for n in ALL]
    assert all(one is not None and one.is_removing for one in found)
    (wait,) = hosts.waits(1)
    assert (wait.cause, wait.subject, wait.held_back) == (Cause.GOING, network, 0)
    assert set(wait.missing) >= {hosts.id(n) for n in RIGHT}
    settled(hosts, *ALL)
    hosts.run_until(lambda: all(hosts.known(n, network) is None for n in ALL), 20.0)
    hosts.run(1.0)
    assert [deeds_about(hosts, n, network) for n in ALL] == [0] * 5
    assert hosts.agree()


@pytest.mark.slow
@pytest.mark.parametrize("remover", [1, 2], ids=["maker", "another"])
def test_a_network_that_goes_stays_until_the_last_endpoint_is_gone(
    remover: int,
) -> None:
    hosts, network = shared()
    assert deeds_about(hosts, 1, network) > 0
    hosts.partition(LEFT, RIGHT)
    hosts.remove(remover, network)
    box = hosts.connect(4, network)
    hosts.run(1.0)
    settled(hosts, *ALL)
    hosts.run(15.0)
    for number in ALL:
        known = hosts.known(number, network)
        assert known is not None
        assert known.is_removing
    assert hosts.effective(4, network) == {texts(box)[0]: hosts.id(4)}
    with pytest.raises(Unmet, match="is being removed"):
        hosts.connect(4, network)
    known = hosts.known(4, network)
    assert known is not None
    vni = known.facts.subnets[0].vni
    hosts.disconnect(4, box)
    hosts.run_until(lambda: all(hosts.known(n, network) is None for n in ALL), 20.0)
    hosts.run(1.0)
    assert [deeds_about(hosts, n, network) for n in ALL] == [0] * 5
    users = [hosts.addressing(n).networks.vnis.vnis for n in ALL]
    assert [one.user(vni) for one in users] == [None] * 5


@pytest.mark.slow
@pytest.mark.parametrize("leaver", [1, 3], ids=["maker", "another"])
def test_who_leaves_gives_all_back(leaver: int) -> None:
    hosts, network = shared(4)
    rest = [n for n in (1, 2, 3, 4) if n != leaver]
    first = [texts(hosts.connect(n, network))[0] for n in rest]
    box = hosts.connect(leaver, network)
    hosts.run(0.5)
    hosts.leave(leaver)
    realms = (subnet_realm(network, 0), VNI_REALM, pool_realm(0))
    # What it had not kept is there at once, and the rest when all know that it left.
    left = hosts.id(leaver)
    ours = [hosts.addressing(rest[0]).realms.get(realm) for realm in realms]
    kept = [one.ownership.owned_by(left).size for one in ours if one is not None]
    assert all(size <= whole for size, whole in zip(kept, (4, 64, 4), strict=True))
    for realm in realms:
        hosts.run_until(lambda at=realm: not hosts.lacking(at, *rest), 15.0)  # type: ignore[misc]
    hosts.run_until(lambda: hosts.all_see(*rest) and hosts.agree(*rest), 10.0)
    assert [sorted(hosts.effective(n, network)) for n in rest] == [sorted(first)] * 3
    # What it used is given again, but not at once.
    used = texts(box)[0]
    given = [a for n in rest for a in hosts.fill(n, network)]
    assert used not in given
    assert len({*first, *given}) == 252
    hosts.run(61.0)
    again = [a for n in rest for a in hosts.fill(n, network)]
    assert again == [used]
