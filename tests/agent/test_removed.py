"""A node that was removed, maybe while it was down: nobody lets it in; it is told."""

import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest

from swarmnet.runtime.store import DATABASE
from tests.agent.hosts import Host, World, until

MakeWorld = Callable[[int], World]


def warned(host: Host) -> list[str]:
    """Return what the status of a host says about its being removed."""
    return [one for one in host.get("status")["warnings"] if "removed" in one]


def knows_both(host: Host) -> bool:
    """Return whether a host has kept whom it met."""
    with closing(sqlite3.connect(host.data_dir / DATABASE)) as database:
        found = database.execute("SELECT count(*) FROM members").fetchone()
    return bool(found[0] == 2)


@pytest.mark.parametrize("remembers", [True, False])
def test_who_was_removed_while_it_was_down_is_told_the_cure(
    make_world: MakeWorld, *, remembers: bool
) -> None:
    world = make_world(3)
    world.begin()
    manager, other, victim = world
    until("kept", knows_both, victim)
    victim.kill()
    until("dead", lambda: manager.states()["n2"] == "dead")
    manager.delete("nodes/n2")
    until("removed", lambda: other.states().get("n2") in (None, "left"))
    if remembers:
        # Whoever it contacts tells it: no manager is needed for that.
        manager.kill()
    else:
        victim.forget("known", "members")
    victim.start()
    (line,) = until("it is told", warned, victim, within_s=5.0)
    who = "n1" if remembers else "n0"
    assert who in line.partition(" say")[0], line
    assert line.endswith("swarmnet leave --force, then swarmnet join"), line
    assert other.states().get("n2") in (None, "left")
    if remembers:
        manager.start()
    done = victim.run("leave", "--force")
    assert done.status == 0, done
    world.join(victim)
    world.until_alive()
    assert warned(victim) == []


def test_who_was_removed_is_told_so_until_it_joins_again(
    make_world: MakeWorld,
) -> None:
    world = make_world(2)
    world.begin()
    manager, victim = world
    manager.delete("nodes/n1")
    (line,) = until("it is told", warned, victim)
    assert line.endswith("was removed from its cluster by a manager; join anew")
    victim.kill()
    victim.start()
    assert (warned(victim), victim.get("status")["cluster"]) == ([line], None)
    world.join(victim)
    world.until_alive()
    assert warned(victim) == []
    victim.kill()
    victim.start()
    world.until_alive()
    assert warned(victim) == []
