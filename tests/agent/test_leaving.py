"""A host that leaves: who has acknowledged it knows it for good."""

from collections.abc import Callable
from threading import Thread

from tests.agent.hosts import Host, World, until

MakeWorld = Callable[[int], World]


def told_of_leave(host: Host, name: str) -> bool:
    """Return whether an agent has said that a member left, which its acks follow."""
    wanted = (f"name={name}", "state=left")
    lines = host.log.read_text().splitlines()
    return any(all(word in line for word in wanted) for line in lines)


def test_who_has_acknowledged_a_leave_knows_it_after_it_was_killed(
    make_world: MakeWorld,
) -> None:
    world = make_world(2)
    world.begin()
    host, leaver = world
    leaving = Thread(target=leaver.post, args=("leave",))
    leaving.start()
    until("told", told_of_leave, host, "n1")
    host.kill()
    leaving.join()
    host.start()
    assert host.states() == {"n0": "alive", "n1": "left"}
    until("whole", lambda: host.get("status")["in_sync"])
    assert host.get("status")["members"]["dead"] == 0
    world.join(leaver)
    world.until_alive()
