"""A full disk, a read-only one: refused, and told; what stands goes on standing."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from swarmnet.errors import Refused
from tests.agent.hosts import Host, World, refusal, until

MakeWorld = Callable[[int], World]
SIZE = "size=12m"


def on_small_disk(host: Host) -> tuple[str, ...]:
    """Return a command that gives what follows it a data directory of its own."""
    mount = f"mkdir -p $0 && mount -t tmpfs -o {SIZE} tmpfs $0"
    return (
        "unshare",
        "--mount",
        "sh",
        "-c",
        f'{mount} && exec "$@"',
        str(host.data_dir),
    )


def disk_of(host: Host) -> Path:
    """Return where a host's disk is seen from here."""
    assert host.process is not None
    return Path(f"/proc/{host.process.pid}/root{host.data_dir}")


@contextmanager
def filled(host: Host) -> Iterator[None]:
    """Let a host's disk be full to the last byte."""
    path = disk_of(host) / "filling"
    with path.open("wb", buffering=0) as file:
        try:
            while file.write(b"\0" * 4096) == 4096:
                pass
        except OSError:
            pass
    try:
        yield
    finally:
        path.unlink()


def test_a_full_disk_refuses_and_nothing_breaks(make_world: MakeWorld) -> None:
    world = make_world(2)
    host, other = world
    host.start(*on_small_disk(host))
    other.start()
    other.post("init", name="n1")
    token = other.get("join-token/worker")["token"]
    host.post("join", token=token, name="n0", addresses=[other.ip])
    other.post("networks", name="web")
    world.until_known("web")
    peer = other.sandbox("peer", "web")
    ip = host.sandbox("box", "web")
    host.post("sandboxes", name="more")
    until("reached", host.pings, "box", peer)
    with filled(host):
        for attempt in (
            lambda: host.post("sandboxes", name="x"),
            lambda: host.connect("more", "web"),
            lambda: host.post("networks", name="x"),
            lambda: host.post("networks/web/disconnect", sandbox="box"),
        ):
            said = refusal(attempt)
            assert str(host.data_dir) in said, said
        assert host.serves()
        assert host.pings("box", peer)
        assert other.states()["n0"] in ("alive", "degraded", "suspect")
        assert host.endpoints("web").keys() == other.endpoints("web").keys()
    assert until("room again", lambda: gives(host))
    host.post("networks/web/disconnect", sandbox="box")
    until("it went", lambda: ip not in other.endpoints("web"))
    world.until_alive()


def gives(host: Host) -> str | None:
    try:
        return host.connect("more", "web")
    except Refused:
        return None


def test_a_read_only_data_directory(make_world: MakeWorld) -> None:
    world = make_world(1)
    host = world[0]
    read_only = 'mkdir -p $0 && mount -t tmpfs -o ro tmpfs $0 && exec "$@"'
    before = ("unshare", "--mount", "sh", "-c", read_only, str(host.data_dir))
    host.start(*before, wait=False)
    assert host.ended() == 1
    (line,) = host.logged().splitlines()
    assert str(host.data_dir) in line
    host.start()
    host.post("init", name="n0")
    host.post("networks", name="web")
    host.sandbox("box", "web")
    pid = host.process.pid if host.process else 0
    assert os.path.exists(f"/proc/{pid}")
