"""Sandboxes find each other by name: answers, what is gone, restarts, ports in use."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from signal import SIGCONT, SIGSTOP
from typing import Final

import pytest

from swarmnet.runtime.linux import run_in
from tests.agent.hosts import Host, World, until
from tests.agent.names import RESOLVER, asked, inside, told
from tests.agent.test_networks import stranger

MUSL: Final = shutil.which("musl-gcc")
PROGRAM: Final = """
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
int main(int count, char **words) {
    struct addrinfo hint = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found;
    if (getaddrinfo(words[1], 0, &hint, &found)) return 1;
    char text[99];
    for (; found; found = found->ai_next)
        puts(inet_ntop(AF_INET, &((struct sockaddr_in *)found->ai_addr)->sin_addr,
                       text, sizeof text));
}
"""


@pytest.fixture(scope="module")
def named() -> Iterator[World]:
    """Two hosts; `a` is on the first, `b` on the second, both in `web`."""
    world = World(2)
    try:
        world.begin()
        world[0].post("networks", name="web", ipv6=True)
        world.until_known("web")
        world[0].sandbox("a", "web")
        world[1].sandbox("b", "web", aliases=["bee", "all"], publish=["8080:80"])
        until("both are known", lambda: len(world[0].endpoints("web")) == 2)
        yield world
    finally:
        world.close()


def addresses(host: Host, sandbox: str) -> tuple[str, str]:
    for one in host.get("networks/web")["endpoints"]:
        if one["sandbox"] == sandbox:
            return one["ipv4"], one["ipv6"]
    raise AssertionError(sandbox)


def test_names_are_told_at_once_on_both_hosts(named: World) -> None:
    ip4, ip6 = addresses(named[0], "b")
    for host, box in ((named[0], "a"), (named[1], "b")):
        for name in ("b", "BEE", "b.web", "bee.web.internal"):
            assert told(host, box, name) == ["NOERROR", ip4]
            assert told(host, box, name, "AAAA") == ["NOERROR", ip6]
        assert told(host, box, "b", "MX") == ["NOERROR"]
        assert told(host, box, "nobody.web.internal") == ["NXDOMAIN"]
        assert told(host, box, "_80._tcp.b", "SRV") == [
            "NOERROR",
            "0 0 80 b.web.internal.",
        ]
        reverse = ".".join(reversed(ip4.split("."))) + ".in-addr.arpa"
        assert told(host, box, reverse, "PTR") == ["NOERROR", "b.web.internal."]


def test_a_name_is_told_by_tcp_as_well(named: World) -> None:
    answer = asked(named[0], "a", "b", by_tcp=True)
    assert str(answer.answer[0][0]) == addresses(named[0], "b")[0]


def test_the_libraries_of_programs_find_names(named: World, tmp_path: Path) -> None:
    host, (ip4, ip6) = named[0], addresses(named[0], "b")
    before = Path("/etc/resolv.conf").read_text()
    found = host.run("sandbox", "exec", "a", "--", "getent", "ahosts", "b")
    assert found.err == ""
    assert {line.split()[0] for line in found.out.splitlines()} == {ip4, ip6}
    found = host.run("sandbox", "exec", "a", "--", "getent", "hosts", ip4)
    assert found.out.split() == [ip4, "b.web.internal"]
    found = host.run("sandbox", "exec", "a", "--", "cat", "/etc/resolv.conf")
    lines = found.out.splitlines()
    assert (lines[1], lines[-1]) == ("nameserver 127.0.0.11", "options ndots:0")
    assert Path("/etc/resolv.conf").read_text() == before
    if MUSL is not None:
        source, program = tmp_path / "find.c", tmp_path / "find"
        source.write_text(PROGRAM)
        subprocess.run([MUSL, "-static", "-o", program, source], check=True)
        found = host.run("sandbox", "exec", "a", "--", str(program), "bee.web.internal")
        assert found.out.split() == [ip4]


def test_a_name_follows_its_endpoint(named: World) -> None:
    host = named[1]
    first = host.sandbox("c", "web", aliases=["moving"])
    until("it is there", lambda: told(named[0], "a", "moving") == ["NOERROR", first])
    host.post("networks/web/disconnect", sandbox="c")
    until("it is gone", lambda: told(named[0], "a", "c.web.internal") == ["NXDOMAIN"])
    second = named[0].sandbox("d", "web", aliases=["moving"])
    assert told(named[0], "a", "moving") == ["NOERROR", second]
    until("it is here", lambda: told(host, "b", "moving") == ["NOERROR", second])
    named[0].post("networks/web/disconnect", sandbox="d")
    named[0].delete("sandboxes/d")
    host.delete("sandboxes/c")


def test_the_names_of_a_dead_node_vanish_and_return(named: World) -> None:
    ip4, _ = addresses(named[0], "b")
    named[1].signal(SIGSTOP)
    try:
        until("dead", lambda: named[0].states()["n1"] == "dead", within_s=60.0)
        assert told(named[0], "a", "b") == ["NXDOMAIN"]
        assert told(named[0], "a", "b", "AAAA") == ["NXDOMAIN"]
    finally:
        named[1].signal(SIGCONT)
    until("alive", lambda: named[0].states()["n1"] == "alive", within_s=60.0)
    assert told(named[0], "a", "b") == ["NOERROR", ip4]


def test_an_agent_that_starts_again_goes_on_telling(named: World) -> None:
    host, (ip4, _) = named[0], addresses(named[0], "b")
    host.kill()
    assert told(host, "a", "b") == ["ConnectionRefusedError"]
    found = host.run("sandbox", "exec", "a", "--", "getent", "ahosts", "b")
    assert (found.status, found.out) == (2, "")
    host.start()
    until("it serves", lambda: told(host, "a", "b")[0] != "ConnectionRefusedError")
    assert told(host, "a", "b") == ["NOERROR", ip4]
    assert told(host, "a", "nobody.web.internal") == ["NXDOMAIN"]


def test_what_is_no_query_hurts_nobody(named: World) -> None:
    host, random = named[0], Random(3)

    def send() -> None:
        with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
            for _ in range(500):
                sock.sendto(random.randbytes(random.randrange(80)), (RESOLVER, 53))
        for data in (b"", b"\0", b"\0\x05ab", b"\xff\xff" + bytes(99), b"\0\0"):
            with closing(socket.create_connection((RESOLVER, 53), 5.0)) as sock:
                sock.sendall(data)

    inside(host, "a", send)
    assert told(host, "a", "b")[0] == "NOERROR"
    assert asked(host, "a", "b", by_tcp=True).answer


def test_connections_that_say_nothing_are_bounded(named: World) -> None:
    host = named[0]

    def crowd() -> list[socket.socket]:
        return [socket.create_connection((RESOLVER, 53), 5.0) for _ in range(100)]

    socks = inside(host, "a", crowd)
    assert isinstance(socks, list)
    try:
        for sock in socks:
            sock.settimeout(5.0)
        assert [sock.recv(1) for sock in socks[64:]] == [b""] * 36
        assert told(host, "a", "b")[0] == "NOERROR"
    finally:
        for sock in socks:
            sock.close()
    found = ["NOERROR", addresses(host, "b")[0]]
    until("there is room", lambda: told(host, "a", "b", by_tcp=True) == found)


def test_a_port_that_is_taken_is_told_with_the_cure(named: World) -> None:
    host = named[0]
    with stranger() as process:
        netns = f"/proc/{process.pid}/ns/net"
        enter = ("nsenter", f"--net={netns}")
        subprocess.run([*enter, "ip", "link", "set", "lo", "up"], check=True)
        taken = _bound_inside(netns)
        try:
            host.post("sandboxes", name="own", netns=netns)
            until("it is told", lambda: "own" in " ".join(_warnings(host)))
            (text,) = [one for one in _warnings(host) if "own" in one]
            assert "127.0.0.11:53 is taken" in text
            assert _server_of(host, "own") is None
        finally:
            taken.close()
        until("it serves", lambda: not _warnings(host))
        assert _server_of(host, "own") == RESOLVER
        host.delete("sandboxes/own")


def test_a_resolver_that_is_diverted_is_told(named: World) -> None:
    host = named[0]
    with stranger() as process:
        netns = f"/proc/{process.pid}/ns/net"
        enter = ("nsenter", f"--net={netns}")
        subprocess.run([*enter, "ip", "link", "set", "lo", "up"], check=True)
        rule = (
            "table ip other { chain out { type nat hook output priority -100;"
            " ip daddr 127.0.0.11 udp dport 53 dnat to 127.0.0.11:40000; }; }"
        )
        subprocess.run([*enter, "nft", rule], check=True)
        host.post("sandboxes", name="docker", netns=netns)
        until("it is told", lambda: "Docker" in " ".join(_warnings(host)))
        subprocess.run([*enter, "nft", "delete", "table", "ip", "other"], check=True)
        until("it serves", lambda: not _warnings(host))
        assert _server_of(host, "docker") == RESOLVER
        host.delete("sandboxes/docker")


def test_without_loopback_there_are_no_names_until_it_is_up(named: World) -> None:
    host = named[0]
    with stranger() as process:
        netns = f"/proc/{process.pid}/ns/net"
        host.post("sandboxes", name="down", netns=netns)
        until("it is told", lambda: "lo is down" in " ".join(_warnings(host)))
        enter = ("nsenter", f"--net={netns}")
        subprocess.run([*enter, "ip", "link", "set", "lo", "up"], check=True)
        until("it serves", lambda: not _warnings(host))
        assert _server_of(host, "down") == RESOLVER
        host.delete("sandboxes/down")


def test_a_sandbox_that_goes_is_not_held_by_its_resolver(named: World) -> None:
    host = named[0]
    host.post("sandboxes", name="short")
    until("it serves", lambda: _server_of(host, "short") == RESOLVER)
    held = _descriptors(host)
    host.delete("sandboxes/short")
    # UDP and TCP; lines to members come and go, and are kept for a minute.
    assert until("closed", lambda: _descriptors(host) <= held - 2, within_s=70.0)


def _descriptors(host: Host) -> int:
    assert host.process is not None
    folder = Path(f"/proc/{host.process.pid}/fd")
    return sum("socket:" in _link(one) for one in folder.iterdir())


def _link(path: Path) -> str:
    try:
        return str(path.readlink())
    except FileNotFoundError:
        return ""


def _server_of(host: Host, sandbox: str) -> object:
    (found,) = [one["dns"] for one in host.get("sandboxes") if one["name"] == sandbox]
    return found


def _warnings(host: Host) -> list[str]:
    return [one for one in host.get("status")["warnings"] if "no names" in one]


def _bound_inside(netns: str) -> socket.socket:
    def bind() -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("0.0.0.0", 53))
        return sock

    fd = os.open(netns, os.O_RDONLY)
    try:
        return run_in(fd, bind)
    finally:
        os.close(fd)
