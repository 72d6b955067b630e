"""What explain says of endpoints here and elsewhere: whose, by what, what is held."""

import json
from collections.abc import Callable
from typing import Any

from tests.agent.findings import inside_network
from tests.agent.hosts import Host, World, until

MakeWorld = Callable[[int], World]


def explained(host: Host, what: str) -> dict[str, Any] | None:
    """Return what explain says, once the kernel agrees; `what` is one endpoint's."""
    done = host.says("--format", "json", "explain", what)
    if done.status:
        # A host that was started again may not have heard of it yet.
        return None
    found: dict[str, Any]
    (found,) = json.loads(done.out)
    return found if found["kernel"]["agrees"] else None


def test_an_endpoint_of_two_families_and_vnis(make_world: MakeWorld) -> None:
    world = make_world(3)
    world.begin()
    host, other, outside = world
    host.post("networks", name="web", ipv6=True, subnets=["fd50::/64", "10.50.0.0/24"])
    world.until_known("web")
    for one in (host, other):
        one.post("sandboxes", name="box")
    host.post("networks/web/connect", sandbox="box")
    ends = other.post("networks/web/connect", sandbox="box")
    until("seen", lambda: ends["ipv4"] in host.endpoints("web"))
    for what in (ends["ipv4"], ends["ipv6"], ends["mac"]):
        there = until(f"{what} is there", explained, host, what)
        assert (there["kind"], there["owner_name"], there["state"]) == (
            *("endpoint", "n1"),
            "active",
        )
        assert there["address"]["valid"]
        assert there["address"]["detail"].count("which is n1's") == 2
        assert there["kernel"]["held"] == there["kernel"]["wanted"]
        assert len(there["kernel"]["held"]) == 3
        assert there["kernel"]["cure"] is None
        here = until(f"{what} is here", explained, other, what)
        assert here["kernel"]["held"]["eth0 is"] == "up"
        assert here["kernel"]["held"] == here["kernel"]["wanted"]
    # Who takes no part asks who does.
    assert until("asked", explained, outside, ends["ipv4"])["owner_name"] == "n1"


def test_since_when_and_what_differs(make_world: MakeWorld) -> None:
    world = make_world(2)
    world.begin()
    host, other = world
    host.post("networks", name="web", subnets=["10.50.0.0/24"])
    world.until_known("web")
    host.sandbox("box", "web")
    ip = other.sandbox("box", "web")
    found = until("seen", lambda: ip in host.endpoints("web") and explained(host, ip))
    assert found["since"] is not None
    assert found["since_before"] is None
    host.kill()
    mac = found["mac"]
    host.start()
    found = until("again", explained, host, ip)
    if found["since"] is None:
        assert found["since_before"] > "2026"

    def differing() -> dict[str, Any] | None:
        # It is put right within a moment, so it is done again.
        words = ("fdb", "replace", mac, "dev", "vxlan0", "dst", "10.99.0.77")
        inside_network(host, "web", "bridge", *words)
        (told,) = host.json("explain", ip)
        return told if told["kernel"]["agrees"] is False else None

    told = until("it differs", differing)["kernel"]
    assert told["detail"] == f"vxlan0 fdb {mac}: 10.99.0.77, want {other.ip}"
    assert told["held"][f"vxlan0 fdb {mac}"] == "10.99.0.77"
    assert told["wanted"][f"vxlan0 fdb {mac}"] == other.ip
    assert "put right within 30 s" in told["cure"]
    assert until("mended", explained, host, ip)
