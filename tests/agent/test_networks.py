"""Networks, addresses, sandboxes, published ports: what commands do, and undo."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import permutations
from pathlib import Path
from typing import Final

import pytest

from tests.agent.hosts import Host, World, knows, refusal, until
from tests.runtime.conftest import ran


@contextmanager
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """A process with a network namespace of its own, as a container has it."""
    command = ("unshare", "--net", "sleep", "1000")
    with subprocess.Popen(command) as process:
        try:
            until("it sleeps", lambda: b"sleep" in _command_of(process.pid))
            yield process
        finally:
            process.kill()


def _command_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/comm").read_bytes()


def disconnect(host: Host, network: str, *sandboxes: str) -> None:
    for name in sandboxes:
        host.post(f"networks/{network}/disconnect", sandbox=name)
        host.delete(f"sandboxes/{name}")


def remove(world: World, network: str) -> None:
    """Remove a network, and wait until nobody shows it."""
    world[0].delete(f"networks/{network}")
    for host in world:
        until("removed", lambda one: not knows(one, network), host)


def test_all_pairs_ping(cluster: World) -> None:
    cluster[0].post("networks", name="web", ipv6=True)
    cluster.until_known("web")
    for host in cluster:
        host.post("sandboxes", name="box")
    made = {host: host.post("networks/web/connect", sandbox="box") for host in cluster}
    for one, other in permutations(cluster, 2):
        for kind in ("ipv4", "ipv6"):
            until(f"{one.name} {kind}", one.pings, "box", made[other][kind])
    for host in cluster:
        shown = until("all", lambda one: len(one.endpoints("web")) == 3, host)
        assert shown
        assert {one["node_name"] for one in host.endpoints("web").values()} == {
            "n0",
            "n1",
            "n2",
        }
        assert len(host.get("networks/web")["nodes"]) == 3
    assert "n1" in refusal(lambda: cluster[2].delete("networks/web"))
    for host in cluster:
        disconnect(host, "web", "box")
    until("nobody is attached", lambda: cluster[0].get("networks/web")["nodes"] == [])
    remove(cluster, "web")
    for host in cluster:
        until("no namespace", lambda one: one.pinned() == [], host)


def test_the_command_line_from_network_create_to_rm(cluster: World) -> None:
    host = cluster[0]
    id_ = host.run("network", "create", "--subnet", "10.70.0.0/24", "cli").out.strip()
    assert host.run("sandbox", "create", "box").out.strip() == "box"
    done = host.run("network", "connect", "--ip", "10.70.0.200", "cli", "box")
    assert done == (0, "10.70.0.200\n", "")
    found = host.json("network", "inspect", id_[:12])
    assert found["subnets"][0]["subnet"] == "10.70.0.0/24"
    (endpoint,) = found["endpoints"]
    assert endpoint["ipv4"] == "10.70.0.200"
    assert endpoint["state"] == "active"
    assert endpoint["node_name"] == "n0"
    done = host.run("sandbox", "exec", "box", "--", "sh", "-c", "ip -o address; exit 7")
    assert done.status == 7
    assert "10.70.0.200/24" in done.out
    # Whoever takes no part in a network asks one that does.
    until("it is known", knows, cluster[1], "cli")
    assert cluster[1].get("networks/cli")["endpoints"] == [endpoint]
    refused = cluster[1].run("network", "rm", "cli")
    told = "network cli: has endpoints box on n0; disconnect them first"
    assert (refused.status, told in refused.err) == (1, True), refused
    assert host.run("network", "disconnect", "cli", "box").status == 0
    assert host.run("sandbox", "rm", "box").status == 0
    assert host.run("network", "rm", "cli").status == 0
    until("removed", lambda: not knows(cluster[1], "cli"))


def test_addresses_are_as_they_were_wished_for(cluster: World) -> None:
    host = cluster[1]
    subnet = {"subnets": ["10.71.0.0/24"], "gateways": ["10.71.0.1"]}
    host.post("networks", name="own", **subnet, ip_ranges=["10.71.0.128/25"])
    host.post("sandboxes", name="a")
    made = host.post(
        "networks/own/connect",
        sandbox="a",
        ip="10.71.0.9",
        mac="02:42:0a:47:00:77",
        aliases=["first"],
    )
    assert made["ipv4"] == "10.71.0.9"
    assert made["gateway"] == "10.71.0.1"
    assert made["mac"] == "02:42:0a:47:00:77"
    link = ran_in(host, "a", "ip", "-o", "link", "show", made["interface"])
    assert "02:42:0a:47:00:77" in link
    # A host outside the network asks one that is inside.
    until("it is known", knows, cluster[2], "own")
    cluster[2].post("sandboxes", name="c")
    until("n1 takes part", lambda: takes_part(cluster[2], host, "own"))
    for key, value in (("mac", made["mac"]), ("ip", "10.71.0.9")):
        wish = {"sandbox": "c", key: value}
        said = refusal(partial(cluster[2].post, "networks/own/connect", **wish))
        assert "in use by sandbox a on n1" in said, said
    any_ip = host.sandbox("b", "own")
    assert int(any_ip.split(".")[3]) >= 128
    # What is free again may be named at once, by anybody.
    disconnect(host, "own", "a")
    assert cluster[2].connect("c", "own", ip="10.71.0.9") == "10.71.0.9"
    assert until("c from b", host.pings, "b", "10.71.0.9")
    disconnect(host, "own", "b")
    disconnect(cluster[2], "own", "c")
    until("empty", lambda: cluster[0].get("networks/own")["nodes"] == [])
    remove(cluster, "own")


def takes_part(host: Host, other: Host, network: str) -> bool:
    """Return whether a host knows that another takes part in a network."""
    return other.get("status")["node"] in host.get(f"networks/{network}")["nodes"]


def ran_in(host: Host, sandbox: str, *command: str) -> str:
    """Return what a command prints in a sandbox."""
    words = host.inside(sandbox, *command)
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


SERVE: Final = """
import socket
server = socket.create_server(("", 80))
while True:
    connection, _ = server.accept()
    connection.sendall(b"yes\\n")
    connection.close()
"""
ASK: Final = """
import socket, sys
with socket.create_connection((sys.argv[1], 8080), timeout=2) as connection:
    print(connection.recv(8).decode(), end="")
"""


def test_published_ports(cluster: World) -> None:
    host, other = cluster[0], cluster[1]
    host.post("networks", name="pub")
    host.sandbox("server", "pub", publish=["8080:80"])
    with ExitStack() as stack:
        serve = host.inside("server", sys.executable, "-c", SERVE)
        server = stack.enter_context(subprocess.Popen(serve))
        stack.callback(server.kill)
        ask = (sys.executable, "-c", ASK, host.ip)
        until("published", lambda: _answers(other, *ask))
    disconnect(host, "pub", "server")
    assert not _answers(other, *ask)
    remove(cluster, "pub")


def _answers(host: Host, *command: str) -> bool:
    words = ("nsenter", f"--net={host.netns}", *command)
    done = subprocess.run(
        words, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    return done.stdout == b"yes\n"


@pytest.mark.parametrize("by", ["pid", "netns"])
def test_an_adopted_sandbox_that_vanishes_is_withdrawn(cluster: World, by: str) -> None:
    host, other = cluster[0], cluster[1]
    host.post("networks", name="web")
    until("it is known", knows, other, "web")
    other.sandbox("peer", "web")
    with stranger() as process:
        path = f"/proc/{process.pid}/ns/net"
        fd = os.open(path, os.O_RDONLY)
        if by == "pid":
            host.post("sandboxes", name="theirs", pid=process.pid)
        else:
            host.post("sandboxes", name="theirs", netns=path)
        (found,) = host.get("sandboxes")
        assert found["adopted"] is True
        ip = host.connect("theirs", "web")
        until("reached", other.pings, "peer", ip)
        done = host.run("sandbox", "exec", "theirs", "--", "ip", "-o", "address")
        assert ip in done.out
    until("withdrawn", lambda: ip not in other.endpoints("web"))
    assert host.get("sandboxes") == []
    try:
        until("no link of ours", lambda: ran(fd, "ip", "-o", "link").count("\n") == 1)
    finally:
        os.close(fd)
    disconnect(other, "web", "peer")
    until("empty", lambda: host.get("networks/web")["nodes"] == [])
    remove(cluster, "web")


def test_an_adopted_sandbox_is_given_back_as_it_was(cluster: World) -> None:
    host = cluster[0]
    host.post("networks", name="web")
    with stranger() as process:
        before = ran_at(process.pid, "ip", "-o", "address")
        host.post("sandboxes", name="theirs", pid=process.pid)
        ip = host.connect("theirs", "web")
        assert ip in ran_at(process.pid, "ip", "-o", "address")
        disconnect(host, "web", "theirs")
        assert ran_at(process.pid, "ip", "-o", "address") == before
        assert Path(f"/proc/{process.pid}").exists()
    until("empty", lambda: host.get("networks/web")["nodes"] == [])
    remove(cluster, "web")


def ran_at(pid: int, *command: str) -> str:
    """Return what a command prints in a process's network namespace."""
    words = ("nsenter", f"--net=/proc/{pid}/ns/net", *command)
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout
