"""Frozen agents, cut cables, one-way loss, a partition: who is dead, and what stays."""

from collections.abc import Callable, Iterable
from signal import SIGCONT, SIGSTOP
from time import monotonic, sleep

from tests.agent.hosts import Host, World, knows, until

MakeWorld = Callable[[int], World]
FROZEN_S = 2.0
WATCHED_S = 3.0


def check_nobody_dies(hosts: Iterable[Host], for_s: float) -> None:
    """See for a while that nobody is held for dead by some hosts."""
    hosts, end = list(hosts), monotonic() + for_s
    while monotonic() < end:
        for host in hosts:
            dead = [name for name, state in host.states().items() if state == "dead"]
            assert dead == [], f"{host.name} holds them for dead"
        sleep(0.1)


def missed(host: Host, count: int) -> bool:
    """Return whether a host holds so many others for dead, or nearly so."""
    states = list(host.states().values())
    return states.count("dead") + states.count("suspect") == count


def test_who_is_frozen_for_two_seconds_is_not_dead(cluster: World) -> None:
    frozen, others = cluster[1], [cluster[0], cluster[2]]
    frozen.signal(SIGSTOP)
    try:
        check_nobody_dies(others, FROZEN_S)
    finally:
        frozen.signal(SIGCONT)
    check_nobody_dies(cluster, WATCHED_S)
    cluster.until_alive()


def test_who_is_frozen_for_long_is_dead_and_comes_back(cluster: World) -> None:
    frozen, others = cluster[1], [cluster[0], cluster[2]]
    cluster[0].post("networks", name="ice")
    cluster.until_known("ice")
    ip = frozen.sandbox("box", "ice")
    peer = cluster[0].sandbox("peer", "ice")
    until("it is seen", lambda: ip in cluster[0].endpoints("ice"))
    until("reached", frozen.pings, "box", peer)
    written = len(frozen.log.read_text())
    frozen.signal(SIGSTOP)
    try:
        for host in others:
            until("dead", lambda one: one.states()["n1"] == "dead", host)
        # Its data plane runs on.
        assert frozen.pings("box", peer)
        more = cluster[0].sandbox("more", "ice")
    finally:
        frozen.signal(SIGCONT)
    cluster.until_alive()
    until("it has caught up", lambda: more in frozen.endpoints("ice"))
    until("reached", frozen.pings, "box", more)
    # It has blamed nobody but itself.
    said = frozen.log.read_text()[written:]
    assert "state=suspect" not in said, said
    assert "state=dead" not in said, said
    for host, names in ((frozen, ["box"]), (cluster[0], ["peer", "more"])):
        for name in names:
            host.post("networks/ice/disconnect", sandbox=name)
            host.delete(f"sandboxes/{name}")
    cluster[0].delete("networks/ice")


def test_a_cut_cable_heals(cluster: World) -> None:
    apart, others = cluster[2], [cluster[0], cluster[1]]
    apart.cut()
    try:
        for host in others:
            until("dead", lambda one: one.states()["n2"] == "dead", host)
        # Alone it suspects itself first.
        until("missed", missed, apart, 2)
        cluster[0].post("networks", name="meanwhile")
        until("known", knows, cluster[1], "meanwhile")
    finally:
        apart.mend()
    cluster.until_alive()
    cluster.until_known("meanwhile")
    assert set(apart.states().values()) <= {"alive", "degraded"}
    cluster[0].delete("networks/meanwhile")


def test_who_hears_nobody_but_is_heard_comes_back(cluster: World) -> None:
    # Not one that has died just now: who dies twice in 30 s waits (swim.damping).
    deaf, others = cluster[0], [cluster[1], cluster[2]]
    deaf.deafen(*others)
    try:
        for host in others:
            until("it is missed", lambda one: one.states()["n0"] == "dead", host)
    finally:
        deaf.hear()
    cluster.until_alive()
    assert set(deaf.states().values()) <= {"alive", "degraded"}


def test_one_deaf_path_harms_nobody(cluster: World) -> None:
    # n1 does not hear n0; n2 hears both, and carries what n0 says.
    cluster[1].deafen(cluster[0])
    try:
        check_nobody_dies(cluster, WATCHED_S)
        cluster[0].post("networks", name="around")
        until("known", knows, cluster[1], "around")
    finally:
        cluster[1].hear()
    cluster.until_alive()
    cluster[0].delete("networks/around")


def test_what_joined_a_network_that_was_removed_meanwhile_can_leave_it(
    cluster: World,
) -> None:
    cluster[0].post("networks", name="gone")
    cluster.until_known("gone")
    # So that this host has addresses of it to give.
    cluster[2].sandbox("first", "gone")
    cluster[2].post("networks/gone/disconnect", sandbox="first")
    until("nobody", lambda: not cluster[0].get("networks/gone")["nodes"])
    cluster[2].cut()
    cluster[2].sandbox("late", "gone")
    cluster[0].delete("networks/gone")
    cluster[2].mend()
    cluster.until_alive()
    told = until("told", lambda: found_in(cluster[2], "was removed while late joined"))
    assert "swarmnet network disconnect gone" in told
    names = [one["name"] for one in cluster[2].get("networks")]
    assert names.count("gone") == 1, names
    assert not knows(cluster[0], "gone")
    refused = cluster[2].run("network", "rm", "gone")
    assert (refused.status, "late on n2" in refused.err) == (1, True), refused
    assert cluster[2].run("network", "disconnect", "gone", "late").status == 0
    for name in ("first", "late"):
        assert cluster[2].run("sandbox", "rm", name).status == 0
    until("forgotten", lambda: not knows(cluster[2], "gone"))
    assert not found_in(cluster[2], "was removed while")


def found_in(host: Host, words: str) -> str | None:
    """Return the warning of a host's status that has some words, or None."""
    return next((one for one in host.get("status")["warnings"] if words in one), None)


def test_a_partition_heals_and_no_address_is_doubled(make_world: MakeWorld) -> None:
    world = make_world(5)
    world.begin()
    few, many = world.hosts[:2], world.hosts[2:]
    few[0].post("networks", name="old", subnets=["10.80.0.0/24"])
    world.until_known("old")
    for host in world:
        host.sandbox("first", "old")
    for host in world:
        until("five", lambda one: len(one.endpoints("old")) == 5, host)
    for host in few:
        host.deafen(*many)
    for host in many:
        host.deafen(*few)
    for host, away in [*((one, 3) for one in few), *((one, 2) for one in many)]:
        until("apart", missed, host, away)
    for number, host in enumerate((few[1], many[0])):
        host.post("networks", name="new", labels={"side": str(number)})
    for side in (few, many):
        for host in side:
            until("new", knows, host, "new")
            host.sandbox("second", "old")
            host.sandbox("third", "new")
    for host in world:
        host.hear()
    world.until_alive()
    for host in world:
        until("merged", is_merged, host)
    check_reach(world)


def is_merged(host: Host) -> bool:
    """Return whether a host shows all that both sides have made."""
    names = [one["name"] for one in host.get("networks")]
    clashed = [name for name in names if name.startswith("new~")]
    if len(names) != 3 or not {"new", "old"} <= {*names} or len(clashed) != 1:
        return False
    old = host.endpoints("old").values()
    new = [*host.endpoints("new").values(), *host.endpoints(clashed[0]).values()]
    warned = [one for one in host.get("status")["warnings"] if "new" in one]
    return bool(
        len(old) == 10
        and len(new) == 5
        and all(one["state"] == "active" for one in [*old, *new])
        and warned
    )


def check_reach(world: World) -> None:
    """See that sandboxes of both sides reach each other."""
    ips = [
        one["ipv4"]
        for one in world[0].endpoints("old").values()
        if one["sandbox"] == "second"
    ]
    assert len({*ips}) == 5
    for host in (world[0], world[4]):
        for ip in ips:
            until(f"{ip} from {host.name}", host.pings, "first", ip)
