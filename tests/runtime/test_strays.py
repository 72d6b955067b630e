"""A VXLAN device of ours that somebody took to another namespace comes back."""

import os
import subprocess
from collections.abc import Callable
from dataclasses import replace

from swarmnet.kernel.operations import AddLink
from swarmnet.kernel.state import HOST
from swarmnet.runtime.kernel import Kernel
from swarmnet.runtime.linux import run_in
from tests.runtime.conftest import printed, ran
from tests.runtime.kernel_world import BOX, LOCAL, NET, VXLAN

ADD = AddLink(NET, VXLAN)


def take(world: Kernel, where: int, name: str = "away") -> None:
    """Take the device to the namespace of a descriptor."""
    place = f"/proc/{os.getpid()}/fd/{where}"
    printed(world, NET, "ip", "link", "set", "vxlan0", "netns", place, "name", name)
    assert "vxlan0" not in world.read(NET).links


def names(world: Kernel, where: str) -> list[str]:
    return list(world.read(where).links)


def test_it_is_found_with_the_host_and_in_a_sandbox(world: Kernel, host: int) -> None:
    take(world, host)
    assert world.apply([ADD]) == []
    assert names(world, HOST) == []
    box = world.open(BOX)
    take(world, box)
    os.close(box)
    assert world.apply([ADD]) == []
    assert names(world, BOX) == ["eth0"]
    assert world.read(NET).links["vxlan0"] == VXLAN


def test_it_is_found_where_only_a_process_leads(
    world: Kernel, make_host: Callable[[], int]
) -> None:
    other = make_host()
    take(world, other)
    inside = run_in(other, lambda: subprocess.Popen(["sleep", "60"]))
    try:
        assert world.apply([ADD]) == []
    finally:
        inside.kill()
        inside.wait()
    assert "away" not in ran(other, "ip", "link")


def test_where_nothing_leads_it_is_told_of(
    world: Kernel, make_host: Callable[[], int]
) -> None:
    other = make_host()
    take(world, other)
    (failure,) = world.apply([ADD])
    assert failure.error == "EEXIST"
    assert "VNI 4097 on port 4789 is taken" in failure.message
    assert "without a process" in failure.message
    assert "away" in ran(other, "ip", "link")


def test_it_is_found_in_its_own_namespace_under_another_name(world: Kernel) -> None:
    printed(world, NET, "ip", "link", "set", "vxlan0", "name", "other")
    assert world.apply([ADD]) == []
    assert "other" not in names(world, NET)
    assert world.read(NET).links["vxlan0"] == VXLAN


def test_what_is_not_ours_stays_and_is_told_of(world: Kernel, host: int) -> None:
    take(world, host)
    ran(host, "ip", "link", "set", "away", "alias", "mine")
    (failure,) = world.apply([ADD])
    assert failure.error == "EEXIST"
    assert "taken by away in the host's namespace" in failure.message
    assert names(world, HOST) == ["away"]


def test_a_device_like_ours_of_another_host_stays(
    world: Kernel, host: int, make_host: Callable[[], int]
) -> None:
    other = make_host()
    ran(other, "ip", "link", "add", "vxlan0", *KIND)
    ran(other, "ip", "link", "set", "vxlan0", "alias", VXLAN.alias)
    box = world.open(BOX)
    place = f"/proc/{os.getpid()}/fd/{box}"
    ran(other, "ip", "link", "set", "vxlan0", "netns", place, "name", "theirs")
    os.close(box)
    take(world, host)
    assert world.apply([ADD]) == []
    assert names(world, BOX) == ["eth0", "theirs"]
    assert names(world, HOST) == []


def test_a_name_that_is_taken_is_another_matter(world: Kernel) -> None:
    assert VXLAN.vxlan is not None
    other = replace(VXLAN, vxlan=replace(VXLAN.vxlan, vni=4098))
    (failure,) = world.apply([AddLink(NET, other)])
    assert failure.error == "EEXIST"
    assert "taken" not in failure.message


ADDRESS = ".".join(str(byte) for byte in LOCAL)
KIND = ("type", "vxlan", "id", "4097", "local", ADDRESS, "dstport", "4789")
