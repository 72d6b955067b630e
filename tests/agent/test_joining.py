"""How hosts become members, and how they are none any more."""

from collections.abc import Callable

from swarmnet.errors import Refused
from tests.agent.hosts import Host, World, knows, refusal, until
from tests.runtime.conftest import ran

MakeWorld = Callable[[int], World]
DEAD_IP = "10.99.0.200"
"""Nobody has it."""


def is_clean(host: Host) -> bool:
    """Return whether nothing of ours is left on a host, but the agent's socket."""
    links = ran(host.fd, "ip", "-o", "link").splitlines()
    tables = ran(host.fd, "nft", "list", "tables").split()
    files = [one.name for one in host.run_dir.iterdir()]
    return (len(links), tables, files) == (2, [], ["api.sock"])


def test_before_init_only_status_does_anything(make_world: MakeWorld) -> None:
    world = make_world(1)
    host = world[0]
    assert host.says("status").status == 3
    host.start()
    assert host.json("status")["cluster"] is None
    for command in ("node ls", "network ls", "network create web", "sandbox ls"):
        done = host.says(*command.split())
        assert (done.status, done.out) == (1, "")
        assert "swarmnet init" in done.err
    assert "10.0.0.1" in refusal(lambda: host.post("init", advertise_addr="10.0.0.1"))
    ran(host.fd, "ip", "address", "add", "192.0.2.7/24", "dev", "eth0")
    said = refusal(lambda: host.post("init"))
    assert "192.0.2.7" in said
    assert host.ip in said
    assert host.get("status")["cluster"] is None
    assert host.stop() == 0
    assert host.says("status").status == 3


def test_hosts_join_by_any_address(make_world: MakeWorld) -> None:
    world = make_world(4)
    world.start()
    printed = world[0].run("init", "--name", "n0")
    (command,) = [line for line in printed.out.splitlines() if "--token" in line]
    words = command.split()
    assert words[1:3] == ["join", "--token"]
    assert words[4:] == [f"{world[0].ip}:7946"]
    assert world[1].run(*words[1:], "--name", "n1").status == 0
    # Through a worker, after two at which nobody is.
    ports = (f"{world[0].ip}:1", f"{DEAD_IP}", world[1].ip)
    assert world[2].run("join", "--token", words[3], "--name", "n2", *ports).status == 0
    world.join(world[3], "manager")
    world.until_alive()
    for host in world:
        nodes = host.json("node", "ls")
        roles = {one["name"]: one["role"] for one in nodes}
        assert roles == {"n0": "manager", "n3": "manager"} | dict.fromkeys(
            ("n1", "n2"), "worker"
        )
        assert [one["name"] for one in nodes if one["self"]] == [host.name]
        assert host.get("status")["members"]["alive"] == 4


def test_tokens(make_world: MakeWorld) -> None:
    world = make_world(4)
    world.start()
    world[0].post("init", name="n0")
    world[3].post("init", name="n3")
    manager = world[0]
    old = manager.run("join-token", "worker", "-q").out.strip()
    foreign = world[3].get("join-token/worker")["token"]
    new = manager.post("join-token/worker/rotate")["token"]
    assert new != old
    garbled = new[:-1] + ("a" if new[-1] != "a" else "b")
    for token, why in ((old, "rotated"), (foreign, "cluster"), (garbled, "token")):
        done = world[1].says("join", "--token", token, "--name", "x", manager.ip)
        assert (done.status, done.out, done.err.count("\n")) == (1, "", 1)
        assert why in done.err
        assert world[1].get("status")["cluster"] is None
    # A name of somebody alive.
    world[1].post("join", token=new, name="n1", addresses=[manager.ip])
    again = refusal(
        lambda: world[2].post("join", token=new, name="n1", addresses=[manager.ip])
    )
    assert "n1" in again
    assert sorted(manager.states()) == ["n0", "n1"]
    # It is kept where it was made.
    manager.kill()
    manager.start()
    assert manager.get("join-token/worker")["token"] == new
    world[2].post("join", token=new, name="n2", addresses=[manager.ip])


def test_leaving_leaves_nothing(make_world: MakeWorld) -> None:
    world = make_world(3)
    world.begin()
    manager, leaver = world[0], world[1]
    manager.post("networks", name="web", ipv6=True)
    world.until_known("web")
    manager.sandbox("stays", "web")
    ip = leaver.sandbox("goes", "web", publish=["8080:80"])
    until("it is seen", lambda: ip in manager.endpoints("web"))
    done = leaver.run("leave")
    assert (done.status, done.err) == (0, "")
    assert leaver.get("status")["cluster"] is None
    assert is_clean(leaver)
    until("others know", lambda: manager.states().get("n1") in (None, "left"))
    until("its endpoint went", lambda: ip not in manager.endpoints("web"))
    # A new identity may come, with the old name.
    world.join(leaver)
    until("it is back", lambda: manager.states().get("n1") == "alive")
    until("the network too", knows, leaver, "web")
    assert leaver.sandbox("goes", "web")
    assert "--force" in refusal(lambda: manager.post("leave"))
    manager.post("leave", force=True)
    assert is_clean(manager)
    manager.stop()
    assert sorted(one.name for one in manager.run_dir.parent.iterdir()) == [
        "data",
        "log",
    ]


def test_a_removed_node_never_speaks_again(make_world: MakeWorld) -> None:
    world = make_world(3)
    world.begin()
    manager, removed, other = world
    manager.post("networks", name="web", subnets=["10.50.0.0/26"])
    world.until_known("web")
    manager_ip = manager.sandbox("a", "web")
    ip = removed.sandbox("b", "web")
    other.sandbox("c", "web")
    until("it is seen", lambda: ip in other.endpoints("web"))
    removed.kill()
    until("dead", lambda: manager.states()["n1"] == "dead")
    identity = removed.stored("signing_key")
    assert manager.says("node", "rm", "n1").status == 0
    for host in (manager, other):
        until("not shown", lambda one: "n1" not in one.states(), host)
        until("its endpoint went", lambda one: ip not in one.endpoints("web"), host)
    # It comes back with what it had, and nobody speaks to it.
    removed.start()
    until("alone", lambda: list(removed.states().values()).count("alive") == 1)
    assert "n1" not in manager.states()
    assert not removed.pings("b", manager_ip)
    # Its address can be given to others.
    manager.post("networks/web/disconnect", sandbox="a")
    assert until("its address", gives, manager, ip) == ip
    removed.post("leave", force=True)
    world.join(removed)
    until("as another", lambda: manager.states().get("n1") == "alive")
    assert identity != removed.stored("signing_key")


def test_a_removed_node_that_runs_is_told(make_world: MakeWorld) -> None:
    world = make_world(3)
    world.begin()
    manager, removed, _ = world
    manager.post("networks", name="web")
    world.until_known("web")
    removed.sandbox("b", "web")
    manager.delete("nodes/n1")
    until("it knows", lambda: removed.get("status")["cluster"] is None)
    assert "removed" in " ".join(removed.get("status")["warnings"])
    assert is_clean(removed)
    assert sorted(manager.states()) == ["n0", "n2"]


def gives(host: Host, ip: str) -> str | None:
    """Return an address that a host was asked for, or None if it has it not."""
    try:
        return host.connect("a", "web", ip=ip)
    except Refused:
        return None
