"""What a removed host had comes back to the others, once nobody can know better."""

from collections.abc import Sequence
from contextlib import suppress

import pytest

from swarmnet.ids import Scope
from swarmnet.ipam.spans import Spans
from swarmnet.ipam.vnis import VNI_LAST
from swarmnet.node.books import VNIS, pool_realm, subnet_realm
from swarmnet.node.settling import Cause
from tests.node.hosts import Hosts, Unmet

ADDRESSES = {f"10.9.0.{n}" for n in range(2, 7)}
"""Of a /29: not the network's, the gateway's and the broadcast address."""
REALMS = (VNIS, pool_realm(0))


def shared(count: int, subnet: str = "10.9.0.0/29") -> tuple[Hosts, Scope, bytes]:
    """Return hosts that have a network in common, its id, and its realm."""
    hosts = Hosts(count)
    network = hosts.create(1, "blue", subnet)
    realm = subnet_realm(network, 0)
    everybody = range(1, count + 1)
    hosts.run_until(lambda: all(hosts.usable(n, realm) for n in everybody), 2.0)
    # Long enough for wills to be written, and told.
    hosts.run(2.0)
    return hosts, network, realm


def fill(hosts: Hosts, network: Scope, numbers: Sequence[int]) -> dict[int, list[str]]:
    """Let hosts use all addresses that there are."""
    given = {number: hosts.fill(number, network) for number in numbers}
    assert {one for some in given.values() for one in some} == ADDRESSES
    return given


@pytest.mark.slow
@pytest.mark.parametrize("survivor", [1, 4], ids=["maker", "another"])
def test_the_last_host_gets_every_address_of_the_dead_that_are_removed(
    survivor: int,
) -> None:
    hosts, network, realm = shared(4)
    dead = [number for number in (1, 2, 3, 4) if number != survivor]
    given = fill(hosts, network, (1, 2, 3, 4))
    for number in dead:
        hosts.crash(number)
    hosts.apart(survivor)
    with pytest.raises(Unmet):
        hosts.connect(survivor, network)
    for number in dead:
        assert hosts.lacking(realm, survivor)
        hosts.remove_node(survivor, number)
        hosts.run(3.0)
    for one in (realm, *REALMS):
        assert not hosts.lacking(one, survivor)
    assert set(hosts.effective(survivor, network)) == set(given[survivor])
    hosts.run(61.0)
    more = hosts.fill(survivor, network)
    assert len(more) == 5 - len(given[survivor])
    assert {*more, *given[survivor]} == ADDRESSES
    assert hosts.waits(survivor) == []


@pytest.mark.slow
@pytest.mark.parametrize("gone", [2, 1], ids=["another", "maker"])
def test_one_removed_host_gives_its_addresses_to_those_who_live(gone: int) -> None:
    hosts, network, realm = shared(3)
    fill(hosts, network, (1, 2, 3))
    hosts.crash(gone)
    rest = [number for number in (1, 2, 3) if number != gone]
    hosts.apart(*rest)
    hosts.run(10.0)
    assert hosts.lacking(realm, *rest)
    hosts.remove_node(3, gone)
    hosts.run_until(lambda: not hosts.lacking(realm, *rest), 5.0)
    hosts.run(61.0)
    for number in rest:
        hosts.fill(number, network)
    hosts.run(1.0)
    for number in rest:
        assert set(hosts.effective(number, network)) == ADDRESSES


@pytest.mark.slow
def test_what_a_removed_host_used_rests_before_another_is_given_it() -> None:
    hosts, network, realm = shared(2)
    given = fill(hosts, network, (1, 2))
    hosts.run(0.5)
    hosts.crash(2)
    hosts.apart(1)
    hosts.remove_node(1, 2)
    hosts.run_until(lambda: not hosts.lacking(realm, 1), 5.0)
    assert hosts.fill(1, network) == []
    hosts.run(61.0)
    assert set(hosts.fill(1, network)) == set(given[2])


@pytest.mark.slow
def test_nothing_comes_back_before_every_member_has_acknowledged() -> None:
    hosts, _, realm = shared(4)
    before = {number: hosts.usable(number, realm) for number in (1, 2, 3, 4)}
    hosts.crash(2)
    hosts.partition((1, 3), (4,))
    hosts.apart(1, 3)
    hosts.remove_node(3, 2)
    hosts.run(20.0)
    for number in (1, 3):
        assert not hosts.usable(number, realm) & before[2]
    for number in (1, 3):
        (wait,) = hosts.waits(number)
        assert (wait.cause, wait.subject) == (Cause.UNACKNOWLEDGED, hosts.id(2))
        assert wait.missing == (hosts.id(4),)
        assert wait.held_back > before[2].size
    hosts.heal()
    hosts.run_until(lambda: not hosts.lacking(realm, 1, 3, 4), 40.0)
    assert hosts.usable(1, realm) & before[2] == before[2]
    assert hosts.waits(1) == []


@pytest.mark.slow
def test_the_dead_who_are_not_removed_hold_it_up_as_well() -> None:
    hosts, _, realm = shared(4)
    lost = hosts.usable(2, realm)
    for number in (2, 3):
        hosts.crash(number)
    hosts.apart(1, 4)
    hosts.remove_node(1, 2)
    hosts.run(20.0)
    assert not hosts.usable(1, realm) & lost
    hosts.remove_node(1, 3)
    hosts.run_until(lambda: not hosts.lacking(realm, 1, 4), 5.0)


@pytest.mark.slow
def test_who_returns_after_it_was_dead_for_a_while_lets_the_rest_go_on() -> None:
    hosts, _, realm = shared(4)
    lost = hosts.usable(2, realm)
    saved = hosts.crash(3)
    hosts.crash(2)
    hosts.apart(1, 4)
    hosts.remove_node(1, 2)
    hosts.run(10.0)
    assert not hosts.usable(1, realm) & lost
    hosts.restart(3, rebooted_from=saved)
    hosts.run_until(lambda: not hosts.lacking(realm, 1, 3, 4), 20.0)


@pytest.mark.slow
def test_a_removed_host_that_lives_behind_a_cut_goes_on_and_nothing_is_doubled() -> (
    None
):
    hosts, network, realm = shared(4, "10.9.0.0/26")
    hosts.partition((1, 2), (3, 4))
    hosts.apart(1, 2)
    hosts.remove_node(1, 4)
    hosts.run(1.0)
    # It does not know, and gives to one who is still a member.
    late = hosts.connect(4, network)
    kept = hosts.fill(3, network)
    assert len(kept) > hosts.usable(4, realm).size
    for number in (1, 2):
        hosts.fill(number, network)
    hosts.heal()
    hosts.run_until(lambda: hosts.all_see(1, 2, 3) and hosts.agree(1, 2, 3), 60.0)
    hosts.run_until(lambda: not hosts.lacking(realm, 1, 2, 3), 20.0)
    for number in (1, 2, 3):
        shown = hosts.effective(number, network)
        assert [a for a in kept if shown[a] != hosts.id(3)] == []
        assert hosts.id(4) not in shown.values()
        assert str(late.facts.addresses[0][1]) not in shown
    hosts.run(10.0)
    with pytest.raises(Unmet):
        hosts.connect(4, network)


@pytest.mark.slow
@pytest.mark.parametrize("cut_off_s", [0.0, 30.0])
def test_a_removed_host_that_is_alone_is_believed_no_more(cut_off_s: float) -> None:
    hosts, network, realm = shared(3, "10.9.0.0/28")
    hosts.partition((1, 2), (3,))
    hosts.apart(1, 2)
    hosts.remove_node(1, 3)
    hosts.run_until(lambda: not hosts.lacking(realm, 1, 2), 5.0)
    alone = hosts.fill(3, network)
    assert alone
    hosts.run(cut_off_s)
    given = {a: hosts.id(n) for n in (1, 2) for a in hosts.fill(n, network)}
    # What came back rests, for nobody here knows what was in use of it.
    assert not set(alone) & set(given)
    hosts.run(61.0)
    given |= {a: hosts.id(n) for n in (1, 2) for a in hosts.fill(n, network)}
    assert set(alone) <= set(given)
    hosts.heal()
    hosts.run(20.0)
    for number in (1, 2):
        assert hosts.effective(number, network) == given
    with pytest.raises(Unmet):
        hosts.connect(3, network)


@pytest.mark.slow
@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_where_the_maker_and_its_first_heir_fall_the_next_one_has_the_root(
    order: Sequence[int],
) -> None:
    hosts, _, realm = shared(4)
    assert hosts.addressing(4).realms.will_of(hosts.id(1))[0] == hosts.id(2)
    for number in order:
        hosts.crash(number)
    hosts.apart(3, 4)
    for number in order:
        hosts.remove_node(4, number)
    hosts.run_until(lambda: not hosts.lacking(realm, 3, 4), 5.0)
    for one in REALMS:
        assert not hosts.lacking(one, 3, 4)
        held = hosts.addressing(4).realms.get(one)
        assert held is not None
        assert held.ownership.root_holder == hosts.id(3)
    # Who has the root gives slices to those who come.
    newcomer = hosts.add(through=3)
    hosts.run_until(lambda: bool(hosts.usable(newcomer, VNIS)), 10.0)
    made = hosts.create(newcomer, "green")
    hosts.run(1.0)
    assert hosts.known(3, made) is not None


@pytest.mark.slow
def test_who_is_removed_after_his_heirs_were_left_to_is_followed_by_theirs() -> None:
    hosts, network, realm = shared(3)
    hosts.crash(1)
    hosts.apart(2, 3)
    hosts.remove_node(2, 1)
    hosts.run_until(lambda: not hosts.lacking(realm, 2, 3), 5.0)
    late = hosts.add(through=2)
    hosts.run(5.0)
    for number in (2, 3):
        hosts.crash(number)
    hosts.run(15.0)
    for number in (2, 3):
        hosts.remove_node(late, number)
    hosts.run_until(lambda: not hosts.lacking(realm, late), 10.0)
    assert hosts.lacking(VNIS, late) == Spans()
    hosts.run(61.0)
    assert set(hosts.fill(late, network)) == ADDRESSES


@pytest.mark.slow
def test_a_maker_who_dies_right_after_has_left_a_will() -> None:
    hosts = Hosts(10)
    hosts.run(2.0)
    network = hosts.create(10, "blue", "10.9.0.0/24")
    hosts.run(0.3)
    hosts.crash(10)
    rest = range(1, 10)
    hosts.apart(*rest)
    hosts.remove_node(1, 10)
    hosts.run(5.0)
    assert not hosts.lacking(subnet_realm(network, 0), *rest)


@pytest.mark.slow
def test_a_host_that_lost_everything_removes_another_and_voids_nothing_of_it() -> None:
    hosts, network, realm = shared(3, "10.9.0.0/24")
    before = hosts.usable(3, realm)
    hosts.crash(2)
    hosts.restart(2, lost=True)
    hosts.remove_node(2, 1)
    hosts.crash(1)
    hosts.run_until(lambda: not hosts.lacking(realm, 3, 2), 10.0)
    assert hosts.usable(3, realm) & before == before
    for number in (2, 3):
        assert hosts.known(number, network) is not None
        assert hosts.addressing(number).networks.pool is not None


def is_removed(hosts: Hosts, by: int, number: int) -> bool:
    return hosts.engine(by).tables.rules.is_revoked(hosts.id(number))


@pytest.mark.slow
def test_a_majority_removes_those_that_stay_dead_and_a_minority_nobody() -> None:
    hosts = Hosts(5, forget_dead_after_s=20)
    hosts.partition((1, 2, 3), (4, 5))
    hosts.apart(1, 2, 3)
    hosts.run(15.0)
    assert not any(is_removed(hosts, 1, number) for number in (4, 5))
    hosts.run(15.0)
    assert all(is_removed(hosts, 1, number) for number in (4, 5))
    assert not any(is_removed(hosts, 4, number) for number in (1, 2, 3))
    assert not any(is_removed(hosts, 5, number) for number in (1, 2, 3, 4))
    hosts.run_until(lambda: not hosts.lacking(VNIS, 1, 2, 3), 10.0)


@pytest.mark.slow
def test_of_two_halves_none_removes_the_other() -> None:
    hosts = Hosts(4, forget_dead_after_s=10)
    hosts.partition((1, 2), (3, 4))
    hosts.run(60.0)
    for by, number in ((1, 3), (2, 4), (3, 1), (4, 2)):
        assert not is_removed(hosts, by, number)
    hosts.heal()
    hosts.run_until(lambda: hosts.all_see(1, 2, 3, 4), 60.0)


@pytest.mark.slow
def test_who_is_back_in_time_is_not_removed_and_his_time_begins_anew() -> None:
    hosts = Hosts(3, forget_dead_after_s=30)
    for _ in range(2):
        saved = hosts.crash(3)
        hosts.apart(1, 2)
        hosts.run(20.0)
        hosts.restart(3, continued=saved)
        hosts.run_until(lambda: hosts.all_see(1, 2, 3), 20.0)
    assert not is_removed(hosts, 1, 3)


@pytest.mark.slow
def test_nobody_is_removed_where_nobody_has_asked_for_it() -> None:
    hosts = Hosts(3)
    hosts.crash(3)
    hosts.run(100.0)
    assert not is_removed(hosts, 1, 3)


@pytest.mark.slow
def test_who_forgot_that_it_removed_a_host_uses_nothing_that_that_one_grants() -> None:
    """A backup of the manager meets the removed host, and nobody else."""
    hosts, network, realm = shared(3, "10.9.0.0/24")
    hosts.partition((1, 2), (3,))
    backup = hosts.save(2)
    removed = hosts.usable(3, realm)
    hosts.remove_node(2, 3)
    hosts.run_until(lambda: bool(hosts.usable(1, realm) & removed), 30.0)
    hosts.crash(2)
    hosts.partition((1,), (2, 3))
    hosts.restart(2, backup=backup)
    for _ in range(60):
        hosts.run(0.2)
        give(hosts, 2, network)
        assert not hosts.usable(1, realm) & hosts.usable(2, realm)
    hosts.heal()
    hosts.run_until(lambda: hosts.addressing(2).is_sure, 60.0)
    assert not hosts.usable(1, realm) & hosts.usable(2, realm)


def give(hosts: Hosts, number: int, network: Scope) -> None:
    """Let a host connect something, if it can."""
    with suppress(Unmet):
        hosts.connect(number, network)


def test_an_heir_makes_sound_networks_of_what_fell_to_it() -> None:
    hosts, _, _ = shared(3, "10.9.0.0/24")
    hosts.remove_node(2, 1)
    hosts.crash(1)
    hosts.run_until(lambda: not hosts.lacking(VNIS, 2, 3), 30.0)
    heir = next(n for n in (2, 3) if hosts.usable(n, VNIS).covers(VNI_LAST))
    late = hosts.create(heir, "late", "10.8.0.0/24", vni=VNI_LAST)
    hosts.run(1.0)
    boxes = {number: hosts.connect(number, late) for number in (2, 3)}
    hosts.run(0.5)
    wanted = {
        str(box.facts.addresses[0][1]): hosts.id(number)
        for number, box in boxes.items()
    }
    assert [hosts.effective(number, late) for number in (2, 3)] == [wanted, wanted]
