import fcntl
import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from swarmnet.errors import Refused
from swarmnet.runtime.linux import (
    bind_mount,
    in_thread,
    is_network_namespace,
    run_in,
)
from swarmnet.runtime.namespaces import Namespaces, make_namespace
from tests.runtime.conftest import ran


@pytest.fixture
def namespaces(run_dir: Path) -> Iterator[Namespaces]:
    made = Namespaces(run_dir)
    yield made
    made.close()


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def inode(path: str) -> int:
    return os.stat(path).st_ino


def own_inode() -> int:
    return inode("/proc/thread-self/ns/net")


def test_a_namespace_is_made_with_lo_up_and_found_after_a_restart(
    run_dir: Path, namespaces: Namespaces
) -> None:
    namespaces.create("net/blue")
    namespaces.create("box/web")
    after = Namespaces(run_dir)
    assert after.names() == ("box/web", "net/blue")
    fd = after.open("net/blue")
    assert "UP" in ran(fd, "ip", "link", "show", "lo").split(">")[0]
    assert ran(fd, "ip", "-o", "link").count("\n") == 1
    assert run_in(fd, own_inode) == inode(str(run_dir / "netns/net/blue"))
    os.close(fd)
    after.close()


def test_making_one_that_is_there_leaves_it_alone(
    run_dir: Path, namespaces: Namespaces
) -> None:
    assert namespaces.create("net/blue")
    before, open_before = inode(str(run_dir / "netns/net/blue")), descriptors()
    assert not namespaces.create("net/blue")
    assert inode(str(run_dir / "netns/net/blue")) == before
    assert descriptors() == open_before


def test_a_new_namespace_is_not_handed_to_other_programs() -> None:
    fd = in_thread(make_namespace)
    assert is_network_namespace(fd)
    assert run_in(fd, own_inode) == os.fstat(fd).st_ino != own_inode()
    assert fcntl.fcntl(fd, fcntl.F_GETFD) == fcntl.FD_CLOEXEC
    os.close(fd)


def test_the_calling_thread_stays_where_it_is(namespaces: Namespaces) -> None:
    before = own_inode()
    namespaces.create("net/blue")
    fd = namespaces.open("net/blue")
    assert run_in(fd, own_inode) != before
    os.close(fd)
    assert own_inode() == before


def test_an_error_inside_a_namespace_reaches_the_caller(
    namespaces: Namespaces,
) -> None:
    namespaces.create("net/blue")
    fd = namespaces.open("net/blue")
    with pytest.raises(ZeroDivisionError):
        run_in(fd, lambda: 1 // 0)
    os.close(fd)


def test_a_removed_namespace_leaves_nothing_and_may_be_removed_twice(
    run_dir: Path, namespaces: Namespaces
) -> None:
    namespaces.create("net/blue")
    namespaces.remove("net/blue")
    namespaces.remove("net/blue")
    assert namespaces.names() == ()
    with pytest.raises(FileNotFoundError):
        namespaces.open("net/blue")
    namespaces.clean()
    assert not run_dir.exists()
    run_dir.mkdir()


def test_cleaning_keeps_what_is_not_empty(
    run_dir: Path, namespaces: Namespaces
) -> None:
    namespaces.create("net/blue")
    namespaces.clean()
    assert namespaces.names() == ("net/blue",)
    assert run_dir.exists()


@pytest.mark.parametrize("is_listed_first", [False, True])
def test_a_file_that_a_crash_left_unmounted_is_repaired(
    run_dir: Path, namespaces: Namespaces, is_listed_first: bool
) -> None:
    namespaces.create("net/other")
    left = run_dir / "netns/net/blue"
    left.touch()
    if is_listed_first:
        assert namespaces.names() == ("net/other",)
        assert not left.exists()
    namespaces.create("net/blue")
    assert namespaces.names() == ("net/blue", "net/other")


def test_what_is_mounted_twice_is_removed_whole(
    run_dir: Path, namespaces: Namespaces
) -> None:
    namespaces.create("net/blue")
    bind_mount("/proc/self/ns/net", str(run_dir / "netns/net/blue"))
    namespaces.remove("net/blue")
    assert os.listdir(run_dir / "netns/net") == []


def test_a_namespace_of_another_is_adopted_by_path_and_not_pinned(
    run_dir: Path, namespaces: Namespaces, host: int
) -> None:
    namespaces.adopt("box/theirs", f"/proc/self/fd/{host}")
    assert namespaces.names() == ("box/theirs",)
    assert namespaces.is_adopted("box/theirs")
    assert not (run_dir / "netns").exists()
    fd = namespaces.open("box/theirs")
    assert os.path.sameopenfile(fd, host)
    os.close(fd)
    namespaces.remove("box/theirs")
    assert namespaces.names() == ()
    assert is_network_namespace(host)


@pytest.mark.parametrize(
    "path", ["/nonexistent", "/etc/passwd", "/proc/self/ns/uts", "/", "/dev/null"]
)
def test_what_is_no_network_namespace_is_refused(
    namespaces: Namespaces, path: str
) -> None:
    with pytest.raises(Refused, match="is no network namespace"):
        namespaces.adopt("box/theirs", path)
    assert namespaces.names() == ()


@pytest.mark.parametrize(
    "key", ["", "net", "net/", "net/..", "net/a/b", "etc/passwd", "box/a\0b"]
)
def test_a_key_that_leads_elsewhere_is_refused(
    namespaces: Namespaces, key: str
) -> None:
    with pytest.raises(Refused, match="names no namespace"):
        namespaces.create(key)


def test_folders_are_for_root_alone(run_dir: Path, namespaces: Namespaces) -> None:
    namespaces.create("net/blue")
    modes = [
        stat.S_IMODE((run_dir / name).stat().st_mode)
        for name in (".", "netns", "netns/net")
    ]
    assert modes == [0o755, 0o700, 0o700]


def test_a_folder_that_others_can_write_in_is_refused(
    run_dir: Path, namespaces: Namespaces
) -> None:
    run_dir.chmod(0o777)
    with pytest.raises(Refused, match="written by others"):
        namespaces.create("net/blue")


def test_a_link_in_place_of_a_folder_is_refused(
    run_dir: Path, namespaces: Namespaces, tmp_path: Path
) -> None:
    (run_dir / "netns").symlink_to(tmp_path)
    with pytest.raises(Refused, match="not a folder of ours"):
        namespaces.create("net/blue")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def other_mounts() -> Iterator[int]:
    """A process with a mount namespace of its own, as the first of a machine."""
    command = ["unshare", "--mount", "sh", "-c", "echo here; exec sleep 600"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
        process.kill()


def test_pins_stand_in_the_mount_namespace_of_the_first_process(
    run_dir: Path, other_mounts: int
) -> None:
    namespaces = Namespaces(run_dir, mounts=f"/proc/{other_mounts}/ns/mnt")
    namespaces.create("net/blue")
    assert namespaces.names() == ("net/blue",)
    os.close(namespaces.open("net/blue"))
    assert str(run_dir) in Path(f"/proc/{other_mounts}/mounts").read_text()
    assert str(run_dir) not in Path("/proc/self/mounts").read_text()
    namespaces.remove("net/blue")
    namespaces.clean()
    namespaces.close()
    assert str(run_dir) not in Path(f"/proc/{other_mounts}/mounts").read_text()
    run_dir.mkdir()


def test_pins_stand_in_our_own_mount_namespace_when_no_other_may_be_entered(
    run_dir: Path,
) -> None:
    namespaces = Namespaces(run_dir, mounts="/nonexistent")
    namespaces.create("net/blue")
    assert str(run_dir) in Path("/proc/self/mounts").read_text()
    namespaces.close()


def test_no_descriptor_is_left_of_those_made_and_removed(
    namespaces: Namespaces, make_host: Callable[[], int]
) -> None:
    path = f"/proc/self/fd/{make_host()}"
    before = descriptors()
    for i in range(20):
        namespaces.create(f"net/{i}")
        namespaces.adopt("box/theirs", path)
        os.close(namespaces.open(f"net/{i}"))
        namespaces.remove(f"net/{i}")
    namespaces.remove("box/theirs")
    assert descriptors() == before
