"""Faults of hosts and of their standing are named with the right cure.

docs/faults.md has the list.
"""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from swarmnet.runtime.linux import run_in
from tests.agent.disks import Disk
from tests.agent.findings import bad, doctor_alone, findings, named, until_well
from tests.agent.hosts import Host, World, until
from tests.agent.test_clocks import HOUR_S, SHIFT

MakeWorld = Callable[[int], World]
MakeDisk = Callable[[Host], Disk]
YEARS_S = 400 * 24 * HOUR_S


def verdicts(found: list[dict[str, Any]], check: str) -> list[str]:
    return [one["verdict"] for one in found if one["check"] == check]


def one_of(found: list[dict[str, Any]], check: str, verdict: str) -> dict[str, Any]:
    (one,) = (
        one for one in found if (one["check"], one["verdict"]) == (check, verdict)
    )
    return one


@contextmanager
def bound(host: Host, kind: socket.SocketKind, port: int) -> Iterator[None]:
    """Let this very process hold a port of a host."""

    def make() -> socket.socket:
        found = socket.socket(socket.AF_INET, kind)
        found.bind(("0.0.0.0", port))
        if kind == socket.SOCK_STREAM:
            found.listen()
        return found

    with run_in(host.fd, make):
        yield


def test_a_host_before_init(make_world: MakeWorld) -> None:
    host = make_world(1)[0]
    found = doctor_alone(host)
    assert bad(found) == {}
    assert verdicts(found, "agent") == ["skip"]
    assert verdicts(found, "kernel vxlan") == ["ok"]
    host.start()
    found = findings(host)
    assert bad(found) == {}
    assert one_of(found, "cluster", "skip")["cure"] == "swarmnet init, or swarmnet join"


def test_ports_that_others_hold(make_world: MakeWorld) -> None:
    host = make_world(1)[0]
    for kind, name in ((socket.SOCK_DGRAM, "udp"), (socket.SOCK_STREAM, "tcp")):
        with bound(host, kind, 7946):
            found = one_of(doctor_alone(host), f"port 7946/{name}", "fail")
            assert "pid" in found["evidence"]
            assert found["cure"].startswith("stop ")
            assert "--advertise-addr IP:PORT" in found["cure"]
    with bound(host, socket.SOCK_DGRAM, 4789):
        found = one_of(doctor_alone(host), "port 4789/udp", "fail")
        assert "--data-path-port" in found["cure"]


def test_a_missing_capability(make_world: MakeWorld) -> None:
    host = make_world(1)[0]
    without = ("setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin")
    host.start(*without, wait=False)
    assert host.ended() == 1
    assert "missing rights: CAP_NET_ADMIN" in host.logged()
    found = one_of(doctor_alone(host, *without), "rights", "fail")
    assert "lacks CAP_NET_ADMIN" in found["evidence"]
    assert "AmbientCapabilities=" in found["cure"]


def test_a_full_disk(make_world: MakeWorld, make_disk: MakeDisk) -> None:
    host = make_world(1)[0]
    disk = make_disk(host)
    host.start(*disk.before)
    host.post("init", name="n0")
    with disk.filled():
        found = named(host, "disk space", says="new commands are refused")
        assert str(host.data_dir) in found["evidence"]
        assert f"df -h {host.data_dir}" in found["cure"]


def test_a_data_directory_that_is_read_only(make_world: MakeWorld) -> None:
    host = make_world(1)[0]
    read_only = 'mkdir -p $0 && mount -t tmpfs -o ro tmpfs $0 && exec "$@"'
    before = ("unshare", "--mount", "sh", "-c", read_only, str(host.data_dir))
    found = one_of(doctor_alone(host, *before), "data directory", "fail")
    assert f"{host.data_dir}: mounted read-only" in found["evidence"]
    assert "remount,rw" in found["cure"]


def test_an_agent_that_does_not_run(make_world: MakeWorld) -> None:
    world = make_world(2)
    host, other = world
    world.begin()
    host.stop()
    found = one_of(doctor_alone(host), "agent", "fail")
    assert found["cure"] == "systemctl start swarmnet"
    found = doctor_alone(host, words=(other.ip,))
    assert verdicts(found, "7946/tcp to peer") == ["ok"]
    dead = named(other, "member", node="n0", says="dead")
    assert "start the agent there" in dead["cure"]
    tcp = named(other, "7946/tcp to peer", "n0", node="n0")
    assert "Connection refused" in tcp["evidence"]
    assert tcp["cure"] == "start the agent there: systemctl start swarmnet"


def shift(host: Host, folder: World, seconds: int) -> None:
    """Let a host's clock be wrong from its agent's next start on."""
    host.python_path = folder.folder / f"clock{host.index}"
    host.python_path.mkdir(exist_ok=True)
    # Python runs it before anything else.
    (host.python_path / "sitecustomize.py").write_text(SHIFT.format(seconds=seconds))


def test_a_clock_that_is_off(make_world: MakeWorld) -> None:
    world = make_world(2)
    shift(world[1], world, HOUR_S - 60)
    world.begin()
    found = named(world[0], "clock", "n1", node="n1")
    assert "s ahead of ours" in found["evidence"]
    assert found["evidence"].startswith("its clock is 35")
    assert "timedatectl" in found["cure"]
    assert "behind ours" in named(world[1], "clock", "n0", node="n0")["evidence"]


def test_a_certificate_that_has_ended(make_world: MakeWorld) -> None:
    world = make_world(2)
    world.begin()
    host = world[1]
    host.stop()
    shift(host, world, YEARS_S)
    host.start()
    found = named(host, "certificate", says="ended")
    assert "swarmnet join with a token" in found["cure"]


def test_a_node_that_was_removed(make_world: MakeWorld) -> None:
    world = make_world(2)
    world.begin()
    world[0].delete("nodes/n1")
    found = named(world[1], "cluster", says="was removed from its cluster")
    assert found["cure"] == "join anew"
    assert "was removed" in world[1].says("status").out
    until_well(world[0])


def test_two_networks_of_one_name(make_world: MakeWorld) -> None:
    world = make_world(2)
    world.begin()
    one, other = world
    # Once it has made one, it has been granted VNIs to make more of.
    other.post("networks", name="old")
    one.deafen(other)
    other.deafen(one)
    for host, away in ((one, "n1"), (other, "n0")):
        until("apart", lambda a, b: a.states()[b] == "dead", host, away)
        host.post("networks", name="web", subnets=[f"10.{70 + host.index}.0.0/24"])
    for host in world:
        host.hear()
    world.until_alive()
    found = named(one, "status", says="another has the name web")
    assert found["cure"] == "remove one"
    assert "another has the name web" in other.says("status").out
