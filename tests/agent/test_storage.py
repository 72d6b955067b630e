"""A full disk, a read-only one: refused, and told; what stands goes on standing."""

from collections.abc import Callable

from swarmnet.errors import Refused
from tests.agent.disks import Disk
from tests.agent.hosts import Host, World, knows, refusal, until

MakeWorld = Callable[[int], World]
MakeDisk = Callable[[Host], Disk]


def begin(world: World, disk: Disk) -> tuple[str, str]:
    """Let the first of two hosts join the other, on a disk of its own.

    Returns the addresses of its sandbox `box`, and of the other's.
    """
    host, other = world
    host.start(*disk.before)
    other.start()
    other.post("init", name="n1")
    join(world)
    other.post("networks", name="web")
    world.until_known("web")
    peer = other.sandbox("peer", "web")
    ip = host.sandbox("box", "web")
    host.post("sandboxes", name="more")
    until("reached", host.pings, "box", peer)
    return ip, peer


def join(world: World) -> None:
    """Let the first of two hosts join the other."""
    token = world[1].get("join-token/worker")["token"]
    world[0].post("join", token=token, name="n0", addresses=[world[1].ip])


def check_refusals(host: Host) -> None:
    """See that nothing is begun that would have to be written."""
    for attempt in (
        lambda: host.connect("more", "web"),
        lambda: host.post("networks", name="x"),
        lambda: host.post("networks/web/disconnect", sandbox="box"),
        lambda: host.post("sandboxes", name="x"),
    ):
        said = refusal(attempt)
        assert str(host.data_dir) in said, said
    warnings = host.get("status")["warnings"]
    assert [str(host.data_dir) in one for one in warnings] == [True], warnings


def test_a_full_disk_refuses_and_nothing_breaks(
    make_world: MakeWorld, make_disk: MakeDisk
) -> None:
    world = make_world(2)
    host, other = world
    disk = make_disk(host)
    ip, peer = begin(world, disk)
    with disk.filled():
        check_refusals(host)
        assert host.serves()
        assert host.pings("box", peer)
        assert other.states()["n0"] in ("alive", "degraded", "suspect")
        assert host.endpoints("web").keys() == other.endpoints("web").keys()
    assert until("room again", lambda: gives(host))
    assert host.get("status")["warnings"] == []
    host.post("networks/web/disconnect", sandbox="box")
    until("it went", lambda: ip not in other.endpoints("web"))
    world.until_alive()


def test_an_agent_starts_again_on_a_full_disk_and_can_leave(
    make_world: MakeWorld, make_disk: MakeDisk
) -> None:
    world = make_world(2)
    host, other = world
    disk = make_disk(host)
    ip, peer = begin(world, disk)
    with disk.filled():
        for end in (host.stop, host.kill):
            end()
            host.start(*disk.before)
            world.until_alive()
            assert host.pings("box", peer)
            assert ip in host.endpoints("web")
            check_refusals(host)
        host.post("leave")
        assert host.get("status")["cluster"] is None
        assert other.states()["n0"] == "left"
        assert host.pinned() == []
    join(world)
    world.until_alive()


def test_a_disk_that_becomes_read_only_refuses_until_it_can_be_written(
    make_world: MakeWorld, make_disk: MakeDisk
) -> None:
    world = make_world(2)
    host, other = world
    disk = make_disk(host)
    ip, peer = begin(world, disk)
    with disk.broken(host):
        other.post("networks", name="meanwhile")
        until("it is known", knows, host, "meanwhile")
        # As soon as what is known of it could not be kept.
        until("it is told", lambda: host.get("status")["warnings"])
        check_refusals(host)
        for is_forced in (False, True):
            said = refusal(lambda: host.post("leave", force=is_forced))  # noqa: B023
            assert str(host.data_dir) in said, said
        assert host.pings("box", peer)
        assert other.states()["n0"] in ("alive", "degraded", "suspect")
        assert ip in host.endpoints("web")
    assert until("it writes again", lambda: gives(host))
    until("it is told", lambda: host.get("status")["warnings"] == [])
    world.until_alive()


def gives(host: Host) -> str | None:
    try:
        return host.connect("more", "web")
    except Refused:
        return None


def test_an_agent_does_not_start_on_a_read_only_disk(
    make_world: MakeWorld, make_disk: MakeDisk
) -> None:
    world = make_world(2)
    host = world[0]
    disk = make_disk(host)
    _, peer = begin(world, disk)
    host.stop()
    written = len(host.log.read_text())
    with disk.read_only():
        host.start(*disk.before, wait=False)
        assert host.ended() == 1
        (line,) = host.log.read_text()[written:].splitlines()
        assert str(host.data_dir) in line
        assert host.pings("box", peer)
    host.start(*disk.before)
    world.until_alive()
    assert host.pings("box", peer)
