"""Roles changed by command: wholly, or not at all."""

from collections.abc import Callable
from signal import SIGCONT, SIGSTOP

from tests.agent.hosts import Host, World, refusal, until

MakeWorld = Callable[[int], World]


def roles(host: Host) -> dict[str, str]:
    """Return the role of each node by its name, as this one knows it."""
    return {one["name"]: one["role"] for one in host.get("nodes")}


def test_a_promotion_that_failed_does_not_happen_later(make_world: MakeWorld) -> None:
    world = make_world(3)
    world.begin()
    manager, frozen = world[0], world[1]
    before = {"n0": "manager", "n1": "worker", "n2": "worker"}
    frozen.signal(SIGSTOP)
    try:
        said = refusal(lambda: manager.post("nodes/n1/promote"))
        assert "n1" in said, said
    finally:
        frozen.signal(SIGCONT)
    world.until_alive()
    for host in world:
        until("a worker", lambda one: roles(one) == before, host)
    said = refusal(lambda: frozen.delete("nodes/n2"))
    assert "only a manager" in said, said
    manager.post("nodes/n1/promote")
    after = {**before, "n1": "manager"}
    for host in world:
        until("a manager", lambda one: roles(one) == after, host)
