"""Whatever hosts do, and whatever is done to them, no number has two owners.

After every input the harness demands that no number is usable by two members, that no
address is effective at two as each sees it, and that holdings cover each realm exactly
once (`soundness`).
"""

from contextlib import suppress
from functools import partial
from ipaddress import ip_address

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from swarmnet.errors import Refused
from swarmnet.ids import Scope
from swarmnet.node.addressing import Addressing
from swarmnet.node.connecting import EndpointWish
from swarmnet.node.creating import NetworkWish
from swarmnet.node.networks import KnownNetwork
from tests.node.hosts import Hosts, Verb
from tests.node.machines import Saved

SUBNETS = (None, "10.9.0.0/29", "10.9.0.0/28", "10.9.1.0/26")
WAYS = ("continued", "rebooted", "lost", "backup")
SECONDS = (0.01, 0.3, 3.0, 12.0)
CALM_S = 150.0

picks = st.integers(0, 255)


class AddressMachine(RuleBasedStateMachine):
    """Hosts, and what each of those that are down left behind."""

    def __init__(self) -> None:
        super().__init__()
        self.hosts = Hosts(0, pool=None)
        self.left_behind: dict[int, Saved] = {}
        self.backups: dict[int, Saved] = {}
        self.sandboxes = 0

    @initialize(count=st.integers(3, 5), seed=st.integers(0, 1 << 32))
    def begin(self, count: int, seed: int) -> None:
        self.hosts = Hosts(count, seed, pool="10.0.0.0/20")
        for number in range(1, count + 1):
            self.backups[number] = self.hosts.save(number)

    def up(self, pick: int) -> int:
        """Return some host that runs, removed or not."""
        able = [n for n in self.backups if self.hosts.is_up(n)]
        return able[pick % len(able)]

    def order(self, pick: int, verb: Verb) -> int:
        """Give some host a command, whatever becomes of it."""
        number = self.up(pick)
        with suppress(Refused):
            self.hosts.allocate(number, verb)
        return number

    def network(self, number: int, pick: int) -> KnownNetwork | None:
        """Return some network that a host knows."""
        all_of = list(self.hosts.addressing(number).networks.all())
        known = sorted(all_of, key=lambda one: one.id)
        return known[pick % len(known)] if known else None

    # What hosts do

    @rule(who=picks, subnet=st.sampled_from(SUBNETS), ipv6=st.booleans())
    def create(self, who: int, subnet: str | None, ipv6: bool) -> None:
        wish = NetworkWish(f"net{who % 3}", () if subnet is None else (subnet,))
        wish = NetworkWish(wish.name, wish.subnets, ipv6=ipv6)
        self.order(who, lambda a, now: a.create(now, wish))

    @rule(who=picks, which=picks, count=st.integers(1, 6))
    def connect(self, who: int, which: int, count: int) -> None:
        known = self.network(self.up(who), which)
        for _ in range(0 if known is None else count):
            self.sandboxes += 1
            name = f"box{self.sandboxes}"
            assert known is not None
            wish = EndpointWish(known.id, name, name)
            self.order(who, partial(_connect, wish=wish))

    @rule(who=picks, which=picks, host=st.integers(0, 63))
    def connect_named(self, who: int, which: int, host: int) -> None:
        known = self.network(self.up(who), which)
        if known is None:
            return
        self.sandboxes += 1
        name = f"box{self.sandboxes}"
        prefix = known.prefixes[0]
        wanted = ip_address(int(prefix.network_address) + host % prefix.num_addresses)
        wish = EndpointWish(known.id, name, name, ip4=wanted)
        self.order(who, partial(_connect, wish=wish))

    @rule(who=picks, which=picks, endpoint=picks)
    def disconnect(self, who: int, which: int, endpoint: int) -> None:
        number = self.up(who)
        known = self.network(number, which)
        held = self.hosts.addressing(number).endpoints
        mine = [] if known is None else held.mine(known.id)
        if known is not None and mine:
            at = (known.id, mine[endpoint % len(mine)])
            self.order(who, lambda a, now: a.disconnect(now, *at))

    @rule(who=picks, which=picks)
    def remove_network(self, who: int, which: int) -> None:
        known = self.network(self.up(who), which)
        if known is not None:
            network: Scope = known.id
            self.order(who, lambda a, now: a.remove(now, network))

    # What is done to them

    @rule(sides=picks)
    def partition(self, sides: int) -> None:
        groups: tuple[list[int], list[int]] = ([], [])
        for number in self.backups:
            groups[sides >> number & 1].append(number)
        self.hosts.partition(*groups)

    @rule()
    def heal(self) -> None:
        self.hosts.heal()

    @rule(who=picks)
    def back_up(self, who: int) -> None:
        number = self.up(who)
        self.backups[number] = self.hosts.save(number)

    @precondition(lambda self: len(self.hosts.live()) > 2)
    @rule(who=picks)
    def crash(self, who: int) -> None:
        number = self.hosts.live()[who % len(self.hosts.live())]
        self.left_behind[number] = self.hosts.crash(number)

    @precondition(lambda self: self.left_behind)
    @rule(who=picks, way=st.sampled_from(WAYS))
    def restart(self, who: int, way: str) -> None:
        hosts = self.hosts
        number = list(self.left_behind)[who % len(self.left_behind)]
        if way == "lost" and not any(hosts.hears(number, n) for n in hosts.live()):
            return
        saved = self.left_behind.pop(number)
        if way == "continued":
            hosts.restart(number, continued=saved)
        elif way == "rebooted":
            hosts.restart(number, rebooted_from=saved)
        elif way == "lost":
            hosts.restart(number, lost=True)
        else:
            hosts.restart(number, backup=self.backups[number])

    @precondition(lambda self: len(self.hosts.live()) > 2)
    @rule(who=picks)
    def leave(self, who: int) -> None:
        number = self.hosts.live()[who % len(self.hosts.live())]
        self.hosts.begin_to_leave(number)

    @precondition(lambda self: self.hosts.departed)
    @rule(who=picks, is_backup=st.booleans())
    def rejoin(self, who: int, is_backup: bool) -> None:
        hosts = self.hosts
        number = list(hosts.departed)[who % len(hosts.departed)]
        saved = hosts.departed.pop(number)
        if number in hosts.removed:
            return
        if is_backup:
            hosts.restart(number, backup=self.backups[number])
        else:
            hosts.restart(number, rebooted_from=saved)

    @precondition(lambda self: len(self.hosts.live()) > 2)
    @rule(who=picks, by=picks)
    def remove_host(self, who: int, by: int) -> None:
        live = self.hosts.live()
        number = [*live, *self.left_behind][who % (len(live) + len(self.left_behind))]
        others = [one for one in live if one != number and self.knows(one, number)]
        if others:
            self.left_behind.pop(number, None)
            self.bury(others[by % len(others)], number)

    def knows(self, number: int, other: int) -> bool:
        """Return whether a host has the rows by which it knows another."""
        rules = self.hosts.engine(number).tables.rules
        return self.hosts.id(other) in rules.introduced()

    def bury(self, by: int, number: int) -> None:
        with suppress(Refused):
            self.hosts.remove_node(by, number)

    @rule(seconds=st.sampled_from(SECONDS))
    def run(self, seconds: float) -> None:
        self.hosts.run(seconds)

    @invariant()
    def everything_is_looked_at(self) -> None:
        """Nobody has changed anything that the harness did not see."""
        for number in self.hosts.live():
            self.hosts.soundness.check(number, self.hosts.addressing(number))


class CalmMachine(AddressMachine):
    """In the end all is well, and nothing is lost."""

    def teardown(self) -> None:
        hosts = self.hosts
        hosts.heal()
        hosts.run(60.0)
        live = hosts.live()
        # Whose removal was said by one who lost it before anybody heard is there yet.
        for number in [*hosts.gone(), *sorted(hosts.removed)]:
            self.bury(live[0], number)
        hosts.run(CALM_S)
        assert hosts.agree(*live), "hosts do not say the same"
        for name, _ in list(hosts.addressing(live[0]).realms.items() if live else ()):
            assert not hosts.lacking(name, *live), f"{name.hex()}: lost"


def _connect(addressing: Addressing, now: float, *, wish: EndpointWish) -> int:
    return addressing.connect(now, wish)


def run_machine(machine: type[AddressMachine], share: int, steps: int) -> None:
    """Run one in `share` of the examples that a profile has elsewhere."""
    profile = settings()
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=max(2, profile.max_examples // share),
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.slow
def test_no_number_has_two_owners_whatever_happens() -> None:
    run_machine(AddressMachine, 20, 20)
    assert AddressMachine().hosts.live() == []


@pytest.mark.slow
def test_no_number_has_two_owners_in_long_runs() -> None:
    run_machine(AddressMachine, 5, 60)
    assert AddressMachine().hosts.live() == []


@pytest.mark.slow
def test_after_calm_all_agree_and_nothing_is_lost() -> None:
    run_machine(CalmMachine, 20, 25)
    assert CalmMachine().hosts.live() == []
