"""Agents that are killed, machines that lose power: what was acknowledged stays."""

import re
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from random import Random
from signal import SIGCONT, SIGINT, SIGSTOP
from threading import Thread
from time import sleep

from swarmnet.errors import Refused
from swarmnet.runtime.cli.outcomes import NoAgent
from tests.agent.hosts import Host, World, refusal, until
from tests.runtime.conftest import ran

MakeWorld = Callable[[int], World]
KILLS = 3
SEED = 8
PING = ("ping", "-n", "-i", "0.01")


def test_ping_loses_nothing_while_agents_are_killed(make_world: MakeWorld) -> None:
    world = make_world(2)
    world.begin()
    world[0].post("networks", name="web")
    world.until_known("web")
    world[0].sandbox("a", "web")
    ip = world[1].sandbox("b", "web")
    until("reached", world[0].pings, "a", ip)
    command = world[0].inside("a", *PING, ip)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as ping:
        for host in world:
            host.kill()
            host.start()
            world.until_alive()
        ping.send_signal(SIGINT)
        told = ping.communicate()[0]
    sent, received = map(int, re.findall(r"(\d+) (?:packets|received)", told))
    # The last one may be under way.
    assert sent - received <= 1, told[-300:]


def test_who_has_forgotten_everybody_takes_nothing_down(make_world: MakeWorld) -> None:
    world = make_world(2)
    world.begin()
    host, other = world
    host.post("networks", name="web")
    world.until_known("web")
    host.sandbox("a", "web")
    ip = other.sandbox("b", "web")
    until("reached", host.pings, "a", ip)
    host.kill()
    host.forget("known", "members")
    other.signal(SIGSTOP)
    host.start()
    until("it is settled", lambda: host.get("status")["in_sync"])
    command = host.inside("a", *PING, "-c", "100", ip)
    told = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    other.signal(SIGCONT)
    assert "100 packets transmitted, 100 received" in told
    world.until_alive()
    assert host.pings("a", ip)


class Connects:
    """Makes and connects one sandbox after the other; knows what was acknowledged."""

    def __init__(self, host: Host, first: int) -> None:
        self._host = host
        self.given: dict[str, str] = {}
        self.tried = first
        self.end = ""
        self._thread = Thread(target=self._run)

    def __enter__(self) -> "Connects":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()

    def _run(self) -> None:
        while True:
            name = f"s{self.tried}"
            try:
                self._host.post("sandboxes", name=name)
                self.tried += 1
                self.given[name] = self._host.connect(name, "web")
            except (NoAgent, Refused) as error:
                self.end = str(error)
                return


def test_nothing_acknowledged_is_lost_and_nothing_is_half_done(
    make_world: MakeWorld,
) -> None:
    world = make_world(2)
    world.begin()
    host, other = world
    host.post("networks", name="web")
    world.until_known("web")
    other.sandbox("peer", "web")
    random, given = Random(SEED), dict[str, str]()
    for round_ in range(KILLS):
        with Connects(host, round_ * 1000) as connects:
            until("one at least", lambda one: one.given or one.end, connects)
            assert not connects.end
            let_it_run(random)
            host.kill()
        given |= connects.given
        host.start()
        until("all of it", has_all, host, given)
        until("peers know", knows_all, other, given)
    check_whole(host)
    name, ip = random.choice(list(given.items()))
    until(f"{name} is reached", other.pings, "peer", ip)
    # What has come through half way can be taken up, or away, again.
    for one in host.get("sandboxes"):
        if one["endpoints"]:
            host.post("networks/web/disconnect", sandbox=one["name"])
        host.delete(f"sandboxes/{one['name']}")
    assert host.get("sandboxes") == []
    until("no namespace", lambda: host.pinned() == [])


def let_it_run(random: Random) -> None:
    """Let some time pass, any: what follows must hold whenever it happens."""
    sleep(random.uniform(0.02, 0.5))


def has_all(host: Host, given: dict[str, str]) -> bool:
    """Return whether sandboxes have what they were given, by rows and in the kernel."""
    shown = {
        one["name"]: one["endpoints"][0]["ipv4"]
        for one in host.get("sandboxes")
        if one["endpoints"]
    }
    return given.items() <= shown.items() and all(
        ip in addresses_in(host, name) for name, ip in given.items()
    )


def knows_all(host: Host, given: dict[str, str]) -> bool:
    """Return whether a host shows all endpoints that were given."""
    return set(given.values()) <= set(host.endpoints("web"))


def addresses_in(host: Host, sandbox: str) -> list[str]:
    """Return the IPv4 addresses in a sandbox, without an agent."""
    command = host.inside(sandbox, "ip", "-o", "-4", "address")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return re.findall(r"inet ([0-9.]+)", done.stdout)


def check_whole(host: Host) -> None:
    """See that each sandbox has what its endpoint says, and nothing else."""

    def differs() -> list[str]:
        return [
            one["name"]
            for one in host.get("sandboxes")
            for ips in [[endpoint["ipv4"] for endpoint in one["endpoints"]]]
            if ips != [ip for ip in addresses_in(host, one["name"]) if ip in ips]
            or (not ips and len(addresses_in(host, one["name"])) > 1)
        ]

    until("as rows say", lambda: differs() == [])
    names = {f"box/{one['name']}" for one in host.get("sandboxes")}
    assert {one for one in host.pinned() if one.startswith("box/")} == names


def test_two_agents_never_share_a_directory(make_world: MakeWorld) -> None:
    world = make_world(2)
    first, second = world
    first.start()
    own_data, own_run = second.data_dir, second.run_dir
    for data, run in ((first.data_dir, own_run), (own_data, first.run_dir)):
        second.data_dir, second.run_dir = data, run
        second.start(wait=False)
        assert second.ended() == 1
        assert "another" in second.logged().splitlines()[-1]
    second.data_dir, second.run_dir = own_data, own_run
    assert first.get("status")["cluster"] is None


def test_a_host_is_as_it_was_after_its_power_was_cut(make_world: MakeWorld) -> None:
    world = make_world(3)
    world.begin()
    victim, other = world[1], world[2]
    world[0].post("networks", name="web")
    world.until_known("web")
    other.sandbox("peer", "web")
    ip = victim.sandbox("box", "web")
    with ExitStack() as stack:
        theirs = subprocess.Popen(("unshare", "--net", "sleep", "1000"))
        stack.callback(theirs.wait)
        stack.callback(theirs.kill)
        until("apart", lambda: is_apart(theirs.pid))
        victim.post("sandboxes", name="theirs", pid=theirs.pid)
        gone = victim.connect("theirs", "web")
        until("both", lambda: {ip, gone} <= set(other.endpoints("web")))
        victim.cut_power()
    until("dead", lambda: other.states()["n1"] == "dead")
    until("dormant", lambda: other.endpoints("web")[ip]["state"] == "dormant")
    victim.start()
    until("it is back", other.pings, "peer", ip)
    assert ip in addresses_in(victim, "box")
    until("the adopted one is withdrawn", lambda: gone not in other.endpoints("web"))
    assert [one["name"] for one in victim.get("sandboxes")] == ["box"]
    world.until_alive()
    assert victim.sandbox("more", "web") not in (ip, gone)


def is_apart(pid: int) -> bool:
    """Return whether a process has entered a namespace of its own."""
    return "lo:" in ran_by(pid) and "eth0" not in ran_by(pid)


def ran_by(pid: int) -> str:
    words = ("nsenter", f"--net=/proc/{pid}/ns/net", "ip", "link")
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def test_whole_cluster_comes_back_after_a_power_cut(make_world: MakeWorld) -> None:
    world = make_world(3)
    world.begin()
    world[0].post("networks", name="web")
    world.until_known("web")
    given = {host: host.sandbox("box", "web") for host in world}
    for host in world:
        until("all", lambda one: len(one.endpoints("web")) == 3, host)
    for host in world:
        host.cut_power()
    world.start()
    world.until_alive()
    for host in world:
        ip = given[world[(host.index + 1) % 3]]
        until("reached", host.pings, "box", ip)
    assert ran(world[0].fd, "ip", "-o", "link")


def test_a_node_whose_disk_is_lost_is_a_new_one(make_world: MakeWorld) -> None:
    world = make_world(3)
    world.begin()
    victim = world[1]
    world[0].post("networks", name="web")
    world.until_known("web")
    ip = victim.sandbox("box", "web")
    before = victim.get("status")["node"]
    victim.cut_power()
    victim.lose_data()
    victim.start()
    assert victim.get("status")["cluster"] is None
    token = world[0].get("join-token/worker")["token"]
    until("dead", lambda: world[0].states()["n1"] == "dead")
    victim.post("join", token=token, name="n1", addresses=[world[0].ip])
    assert victim.get("status")["node"] != before
    until("the network", lambda: victim.get("networks"))
    assert victim.sandbox("box", "web") != ip
    world[0].delete(f"nodes/{before}")
    until("the old one went", lambda: ip not in victim.endpoints("web"))
    assert "unknown" in refusal(lambda: world[0].delete(f"nodes/{before}"))
