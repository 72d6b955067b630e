"""The order in which a kernel is changed, and what a kill in the middle leaves."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from swarmnet.kernel.operations import Operation, RemoveLink
from swarmnet.kernel.ownership import ours
from swarmnet.kernel.state import HOST, Namespace
from swarmnet.node.dataplane import LINKS_GONE_MAX
from tests.node.overlays import (
    BLUE,
    BOX,
    CHANGES,
    LOCAL,
    B,
    Change,
    blue,
    born,
    is_planned,
    tell,
)
from tests.node.served import Served, host_kernel


class Answers:
    """Sees whether a neighbour is ever answered for whose MAC leads nowhere."""

    def __init__(self, life: Served) -> None:
        self.kernel = life.kernel
        self.faults: list[Operation] = []
        life.after = self.look

    def look(self, operation: Operation) -> None:
        for name in self.kernel.names():
            space = self.kernel.read(name)
            # Nobody asks a device that is in no bridge any more.
            asked = [one for one in space.entries if space.links[one].master]
            held = [space.entries[one] for one in asked]
            known = [mac for one in held for mac in one.fdb]
            macs = [mac for one in held for mac in one.neighbours.values()]
            if any(mac not in known for mac in macs):
                self.faults.append(operation)


class Stay:
    """Sees whether anything is missed, if only for a moment, that stays in the end."""

    def __init__(self, life: Served) -> None:
        self.life = life
        self.before = dict(self.things())
        self.missed: dict[object, Operation] = {}
        life.after = self.look

    def things(self) -> Iterator[tuple[object, object]]:
        for name, space in self.life.actual().namespaces.items():
            for link in space.links.values():
                yield (name, link.name), link.kind
            for kind in (space.addresses, space.routes):
                for one in kind:
                    yield (name, one), None
            for mac, port in space.stations.items():
                yield (name, mac, port), None
            for device, held in space.entries.items():
                for key, value in (*held.fdb.items(), *held.neighbours.items()):
                    yield (name, device, key), value

    def look(self, operation: Operation) -> None:
        there = dict(self.things())
        for key, value in self.before.items():
            if key not in there or there[key] != value:
                self.missed.setdefault(key, operation)

    def faults(self) -> dict[object, Operation]:
        """Return what stays, and the operation after which it was not there."""
        after = dict(self.things())
        return {
            key: operation
            for key, operation in self.missed.items()
            if key in after and after[key] == self.before[key]
        }


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_nobody_is_answered_for_who_is_not_reached(change: Change) -> None:
    life = Served(host_kernel())
    answers = Answers(life)
    tell(life)
    life.start()
    life.calm()
    change(life)
    life.calm()
    assert is_planned(life)
    assert answers.faults == []


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_what_stays_is_there_all_the_time(change: Change) -> None:
    life = born()
    stay = Stay(life)
    change(life)
    life.calm()
    assert is_planned(life)
    assert stay.faults() == {}


def test_links_go_a_few_at_a_time() -> None:
    life = Served(host_kernel())
    plane = life.plane
    plane.set_sandbox(0.0, BOX)
    for number in range(10):
        network = replace(BLUE, id=f"n{number}", name=f"n{number}")
        subnet = replace(BLUE.subnets[0], vni=300 + number)
        network = replace(network, subnets=(subnet,))
        made = replace(blue(LOCAL), id=f"{number:012x}")
        plane.set_network(0.0, network, (B,), [made])
    life.start()
    life.calm()
    for number in range(10):
        plane.drop_network(life.now, f"n{number}")
    portions: list[int] = []
    while not plane.is_settled:
        output = plane.poll_output()
        done = getattr(output, "operations", ())
        if done:
            portions.append(sum(isinstance(one, RemoveLink) for one in done))
            plane.receive_done(life.now, output.number, life.kernel.apply(done))  # type: ignore[union-attr]
        elif output is None:
            life.step()
    assert max(portions) <= LINKS_GONE_MAX
    assert life.kernel.names() == ("box/s1",)


# kill -9


def cut_short(prepare: Change, change: Change, cut: int) -> tuple[Served, bool]:
    """Kill the agent in its `cut`th operation of a change; say if it came so far."""
    life = Served(host_kernel())
    prepare(life)
    life.start()
    life.calm()
    life.killed_after = cut
    change(life)
    life.calm()
    life.kernel.forget_agent()
    return life, life.is_killed


def attach_all(life: Served) -> None:
    tell(life)
    life.serve()


def leave_all(life: Served) -> None:
    life.plane.drop_network(life.now, "red")
    life.plane.drop_sandbox(life.now, "s1")
    life.serve()


def nothing(_: Served) -> None:
    """Know of nothing."""


@pytest.mark.parametrize("then", [attach_all, nothing], ids=["wanted", "not wanted"])
@pytest.mark.parametrize(
    ("prepare", "change"),
    [(nothing, attach_all), (tell, leave_all)],
    ids=["attach", "detach"],
)
def test_a_kill_in_any_operation_leaves_nothing_behind(
    prepare: Change, change: Change, then: Change
) -> None:
    cut, is_killed = 0, True
    while is_killed:
        cut += 1
        life, is_killed = cut_short(prepare, change, cut)
        again = Served(life.kernel)
        then(again)
        again.start()
        again.calm()
        assert is_planned(again), f"killed in operation {cut}"
        if then is nothing:
            assert life.kernel.names() == (), f"killed in operation {cut}"
            assert ours(life.kernel.read(HOST)) == Namespace()
        assert life.kernel.foreign_intact() == []
    assert cut > 10
