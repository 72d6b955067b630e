"""Clocks that are wrong: certificates are backdated by an hour, and nothing else."""

from collections.abc import Callable

from tests.agent.hosts import World, knows, until

HOUR_S = 3600
SHIFT = """
import time
_time = time.time
time.time = lambda: _time() + {seconds}
"""


def test_clocks_an_hour_apart(make_world: Callable[[int], World]) -> None:
    world = make_world(3)
    for host, seconds in zip(world, (0, HOUR_S, -HOUR_S), strict=True):
        host.python_path = world.folder / f"clock{host.index}"
        host.python_path.mkdir()
        # Python runs it before anything else.
        text = SHIFT.format(seconds=seconds)
        (host.python_path / "sitecustomize.py").write_text(text)
    world.begin()
    assert "T" in world[1].json("node", "inspect", "n0")["certificate"]["not_after"]
    ips = {}
    for host in world:
        host.post("networks", name=f"of-{host.name}")
        world.until_known(f"of-{host.name}")
        ips[host] = host.sandbox("box", "of-n0")
    for host in world:
        for ip in ips.values():
            until("reached", host.pings, "box", ip)
    for host in world:
        host.kill()
        host.start()
    world.until_alive()
    assert all(knows(host, "of-n2") for host in world)
