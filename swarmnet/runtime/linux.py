"""The system calls that Python 3.11 lacks, and threads that do one thing and end.

A thread that entered a namespace never returns from it here: whoever ran on it next
would be in the wrong place. So each such job gets a thread of its own, which ends; that
costs about 0.1 ms. Nothing forks: the process is multi-threaded.

The threads are bare ones: `threading` has the caller wait twice, for the start and for
the end, and on a busy machine each wait is a turn of the scheduler.
"""

import _thread
import ctypes
import fcntl
import os
from collections.abc import Callable
from typing import Final, TypeVar

CLONE_FS: Final = 0x200
CLONE_NEWNS: Final = 0x20000
CLONE_NEWNET: Final = 0x40000000
MS_BIND: Final = 0x1000
MS_REC: Final = 0x4000
MS_SLAVE: Final = 0x80000
MNT_DETACH: Final = 2
UMOUNT_NOFOLLOW: Final = 8
NS_GET_NSTYPE: Final = 0xB703
"""ioctl of a namespace's descriptor (linux/nsfs.h): which CLONE_NEW… it is."""

T = TypeVar("T")

_libc: Final = ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> None:
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def unshare(flags: int) -> None:
    """Give the calling thread what `flags` name for itself alone (unshare(2))."""
    _checked(int(_libc.unshare(ctypes.c_int(flags))))


def setns(fd: int, kind: int) -> None:
    """Move the calling thread into a namespace (setns(2))."""
    _checked(int(_libc.setns(ctypes.c_int(fd), ctypes.c_int(kind))))


def bind_mount(source: str, target: str) -> None:
    """Mount what is at `source` on the file `target` too."""
    _mount(source, target, None, MS_BIND, None)


def mount_folder(target: str, options: str) -> None:
    """Mount an empty folder in memory (tmpfs(5)) on another."""
    _mount("tmpfs", target, "tmpfs", 0, options)


def own_mounts() -> None:
    """Enter a new mount namespace, which hears of mounts outside and tells none."""
    unshare(CLONE_NEWNS)
    _mount("none", "/", None, MS_REC | MS_SLAVE, None)


def _mount(
    source: str, target: str, kind: str | None, flags: int, options: str | None
) -> None:
    words = [None if one is None else os.fsencode(one) for one in (kind, options)]
    names = os.fsencode(source), os.fsencode(target)
    result = _libc.mount(*names, words[0], ctypes.c_ulong(flags), words[1])
    _checked(int(result))


def unmount(target: str) -> None:
    """Take away the topmost mount on `target`, though it be in use."""
    flags = ctypes.c_int(MNT_DETACH | UMOUNT_NOFOLLOW)
    _checked(int(_libc.umount2(os.fsencode(target), flags)))


def is_network_namespace(fd: int) -> bool:
    """Say whether a descriptor stands for a network namespace."""
    try:
        return fcntl.ioctl(fd, NS_GET_NSTYPE) == CLONE_NEWNET
    except OSError:
        return False


def in_thread(function: Callable[[], T]) -> T:
    """Run `function` on a thread that then ends; return or raise what it does."""
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(function())
        except BaseException as error:  # whatever it is, it belongs to the caller
            errors.append(error)
        finally:
            ended.release()

    ended = _thread.allocate_lock()
    ended.acquire()
    _thread.start_new_thread(run, ())
    ended.acquire()
    if errors:
        raise errors.pop()
    return results.pop()


def run_in(fd: int, function: Callable[[], T]) -> T:
    """Run `function` inside the network namespace `fd`; return or raise what it does.

    Sockets that it opens stay in that namespace for good.
    """

    def run() -> T:
        setns(fd, CLONE_NEWNET)
        return function()

    return in_thread(run)
