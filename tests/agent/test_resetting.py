"""`swarmnet reset`: nothing of ours is left, and nothing of others is missing."""

import json
import os
import subprocess
import sys
from collections.abc import Callable

from tests.agent.hosts import Host, Printed, World, until
from tests.runtime.conftest import ran

FOREIGN_TABLE = "table inet theirs { chain in { type filter hook input priority 0; }; }"


def state_of(host: Host) -> list[object]:
    """Return what the host's own namespace holds, but for counters and indexes."""
    links = json.loads(ran(host.fd, "ip", "-j", "-d", "link"))
    shown = [(one["ifname"], one.get("ifalias"), one["mtu"]) for one in links]
    addresses = ran(host.fd, "ip", "-o", "-4", "address").splitlines()
    routes = ran(host.fd, "ip", "route").splitlines()
    rules = ran(host.fd, "nft", "list", "ruleset")
    return [shown, [one.partition("valid_lft")[0] for one in addresses], routes, rules]


def reset(host: Host, *words: str, run_dir: str | None = None) -> Printed:
    """Run `swarmnet reset` on a host, as its root does; nobody sits at a terminal."""
    folder = str(host.run_dir) if run_dir is None else run_dir
    done = subprocess.run(
        (
            *("nsenter", f"--net={host.netns}", sys.executable, "-m", "swarmnet"),
            *("--run-dir", folder, "reset", "--data-dir", str(host.data_dir), *words),
        ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return Printed(done.returncode, done.stdout, done.stderr)


def use(host: Host, adopted: str) -> None:
    """Let a host have some of everything: networks, sandboxes, a published port."""
    host.post("init", name=host.name, advertise_addr=host.ip)
    host.post("networks", name="web", ipv6=True)
    host.post("networks", name="db")
    host.sandbox("a", "web", publish=["8080:80"])
    host.connect("a", "db")
    host.post("sandboxes", name="theirs", netns=adopted)
    host.connect("theirs", "web")


def test_after_a_kill_all_of_ours_goes_and_nothing_else(
    make_world: Callable[[int], World],
) -> None:
    (host,) = make_world(1)
    ran(host.fd, "ip", "link", "add", "docker0", "type", "bridge")
    ran(host.fd, "ip", "address", "add", "192.0.2.1/24", "dev", "docker0")
    ran(host.fd, "nft", FOREIGN_TABLE)
    before = state_of(host)
    host.start()
    with subprocess.Popen(("unshare", "--net", "sleep", "1000")) as stranger:
        try:
            adopted = f"/proc/{stranger.pid}/ns/net"
            own = os.readlink("/proc/self/ns/net")
            until("another's", lambda: os.readlink(adopted) != own)
            use(host, adopted)
            host.kill()
            (host.run_dir / "notes").write_text("of others")
            done = reset(host, "--all", "--yes", "--format", "json")
            assert (done.status, done.err) == (0, "")
            found = json.loads(done.out)
            assert state_of(host) == before
            inside = os.open(adopted, os.O_RDONLY)
            links = json.loads(ran(inside, "ip", "-j", "link"))
            os.close(inside)
            assert [one["ifname"] for one in links] == ["lo"]
        finally:
            stranger.kill()
    assert found["failures"] == []
    names = [(one["kind"], one["name"]) for one in found["removed"]]
    assert ("nftables table", "inet swarmnet") in names
    assert ("link", "swarmnet_gw") in names
    assert ("namespace", "box/a") in names
    assert ("file", "swarmnet.db") in names
    assert [kind for kind, _ in names].count("namespace") == 3
    assert [one.name for one in host.run_dir.iterdir()] == ["notes"]
    assert not host.data_dir.exists()
    again = reset(host, "--all", "--yes")
    assert (again.status, again.out) == (0, "nothing of swarmnet was found\n")
    assert [one.name for one in host.run_dir.iterdir()] == ["notes"]


def test_what_is_kept_puts_all_back(make_world: Callable[[int], World]) -> None:
    (host,) = make_world(1)
    host.start()
    host.post("init", name="n0")
    host.post("networks", name="web")
    ip = host.sandbox("a", "web")
    host.kill()
    assert reset(host).err.rstrip().endswith("say --yes")
    assert host.pinned() != []
    done = reset(host, "--yes")
    assert (done.status, done.err) == (0, "")
    assert f"left: {host.data_dir}" in done.out
    assert host.pinned() == []
    assert "nothing of swarmnet was found" in reset(host, "--yes").out
    host.start()
    host.post("sandboxes", name="b")
    host.connect("b", "web")
    until("it is back", host.pings, "b", ip)


def test_a_device_that_was_taken_elsewhere_goes_too(
    make_world: Callable[[int], World],
) -> None:
    (host,) = make_world(1)
    host.start()
    host.post("init", name="n0")
    host.post("networks", name="web")
    host.sandbox("a", "web")
    host.kill()
    with subprocess.Popen(("unshare", "--net", "sleep", "1000")) as stranger:
        try:
            there = f"/proc/{stranger.pid}/ns/net"
            own = os.readlink("/proc/self/ns/net")
            until("another's", lambda: os.readlink(there) != own)
            (space,) = (host.run_dir / "netns" / "net").iterdir()
            fd, inside = os.open(space, os.O_RDONLY), os.open(there, os.O_RDONLY)
            ran(fd, "ip", "link", "set", "vxlan0", "netns", there, "name", "odd")
            done = reset(host, "--yes")
            assert (done.status, done.err) == (0, "")
            assert there in done.out
            assert [
                one["ifname"] for one in json.loads(ran(inside, "ip", "-j", "l"))
            ] == ["lo"]
        finally:
            os.close(fd)
            os.close(inside)
            stranger.kill()


def test_while_an_agent_runs_nothing_is_touched(
    make_world: Callable[[int], World],
) -> None:
    (host,) = make_world(1)
    host.start()
    host.post("init", name="n0")
    host.post("networks", name="web")
    host.sandbox("a", "web")
    before = state_of(host)
    for folder in (None, str(host.run_dir / "other")):
        done = reset(host, "--all", "--yes", run_dir=folder)
        assert (done.status, done.out) == (1, "")
        assert f"kill {_pid(host)}" in done.err, done.err
    assert state_of(host) == before
    assert host.get("status")["cluster"] is not None


def _pid(host: Host) -> int:
    assert host.process is not None
    return host.process.pid
