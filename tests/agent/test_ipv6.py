"""Hosts that have nothing but IPv6 between them."""

from collections.abc import Callable

from tests.agent.hosts import World, until
from tests.runtime.conftest import ran

MakeWorld = Callable[[int], World]


def test_three_hosts_on_an_underlay_of_ipv6_alone(make_world: MakeWorld) -> None:
    world = make_world(3)
    for host in world:
        host.ip = f"fd00:99::{host.index + 1}"
        ran(host.fd, "ip", "address", "flush", "dev", "eth0")
        ran(host.fd, "ip", "address", "add", f"{host.ip}/64", "dev", "eth0", "nodad")
    world.begin()
    shown = {one["address"]: one for one in world[0].get("nodes")}
    assert list(shown) == [f"[{host.ip}]:7946" for host in world]
    world[0].post("networks", name="web", ipv6=True)
    world.until_known("web")
    for host in world:
        host.sandbox("box", "web")
    for host in world:
        until("three", lambda one: len(one.endpoints("web")) == 3, host)
        for one in host.endpoints("web").values():
            until("by IPv4", host.pings, "box", one["ipv4"])
            until("by IPv6", host.pings, "box", one["ipv6"])
    # 1500 less Ethernet, IPv6, UDP and VXLAN.
    assert world[0].get("networks/web")["mtu"] == 1430
    world[0].kill()
    world[0].start()
    world[1].cut_power()
    world[1].start()
    world.until_alive()
    for one in world[2].endpoints("web").values():
        until("by IPv6", world[1].pings, "box", one["ipv6"])
    # The address of the join command, as it is shown.
    world[2].post("leave")
    command = world[0].json("join-token", "worker")
    done = world[2].run(
        *("join", "--token", command["token"], "--name", "again", command["address"])
    )
    assert done.status == 0, done
