"""Two agents of consecutive commits in one cluster, and an upgrade in place."""

import io
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.agent.hosts import Host, World, until

MakeWorld = Callable[[int], World]
ROOT = Path(__file__).parents[2]
BEFORE = "0.0.1"
"""What the commit before calls itself here, so that it is seen to run."""


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """The package as the commit before this one has it."""
    command = ("git", "-C", str(ROOT), "archive", "HEAD~1", "swarmnet")
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"no commit before this one: {done.stderr.decode().strip()}")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(tmp_path, filter="data")
    (tmp_path / "swarmnet" / "__init__.py").write_text(f'__version__ = "{BEFORE}"\n')
    return tmp_path


@pytest.mark.parametrize("first", ["older", "newer"])
def test_consecutive_versions_make_one_cluster_and_are_upgraded_in_place(
    make_world: MakeWorld, before: Path, first: str
) -> None:
    world = make_world(3)
    older = world[0] if first == "older" else world[1]
    older.python_path = before
    world.begin()
    assert [one.get("status")["version"] == BEFORE for one in world] == [
        one is older for one in world
    ]
    world[0].post("networks", name="web")
    world.until_known("web")
    for host in world:
        host.sandbox("box", "web")
    check_all_reach_all(world, "box")
    older.kill()
    older.python_path = None
    assert older.pings("box", next(iter(world[2].endpoints("web"))))
    older.start()
    world.until_alive()
    assert older.get("status")["version"] != BEFORE
    check_all_reach_all(world, "box")
    for host in world:
        host.sandbox("more", "web")
    check_all_reach_all(world, "more")


def check_all_reach_all(world: World, sandbox: str) -> None:
    """See that the sandboxes of that name have endpoints everywhere, and reach all."""
    ips = {host: address_of(host, sandbox) for host in world}
    for host in world:
        until(
            "all of them",
            lambda one: set(ips.values()) <= {*one.endpoints("web")},
            host,
        )
        for ip in ips.values():
            until(f"{ip} from {host.name}", host.pings, sandbox, ip)


def address_of(host: Host, sandbox: str) -> str:
    """Return the address of a sandbox of a host."""
    shown = {one["name"]: one["endpoints"] for one in host.get("sandboxes")}
    return str(shown[sandbox][0]["ipv4"])
