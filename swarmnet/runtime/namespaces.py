"""Network namespaces that outlive the agent: each is pinned by a mount on a file.

`RUN/netns/net/<name>` and `RUN/netns/box/<name>` pin the keys `net/<name>` and
`box/<name>`. The pins stand in the mount namespace of PID 1 when that is permitted:
service managers and `ip netns exec` start an agent in a private one, and what is pinned
there is gone with it, and out of the sight of everybody else.

A crash may leave a file that nothing is mounted on, and a reboot leaves all of them so;
such a file is no pin, and is cleared away by the first who meets it.
"""

import errno
import fcntl
import os
import socket
import stat
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

from swarmnet.errors import Refused
from swarmnet.runtime.linux import (
    CLONE_FS,
    CLONE_NEWNET,
    CLONE_NEWNS,
    bind_mount,
    in_thread,
    is_network_namespace,
    run_in,
    setns,
    unmount,
    unshare,
)

__all__ = ["FIRST_MOUNTS", "Namespaces", "run_in"]

FIRST_MOUNTS: Final = "/proc/1/ns/mnt"
ROOMS: Final = ("box", "net")
OPEN: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
"""A pin may be anything before it is looked at; a FIFO must not block us."""
MAKE: Final = OPEN | os.O_CREAT | os.O_NOFOLLOW
SIOCSIFFLAGS: Final = 0x8914
SIOCGSKNS: Final = 0x894C
"""ioctl of a socket (linux/sockios.h): a new descriptor of its namespace."""
IFF_UP: Final = 1
WANTS: Final = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)

T = TypeVar("T")


def make_namespace() -> int:
    """Return a descriptor of a new network namespace; the calling thread stays in it.

    `lo` is up before anybody can find the namespace, so whatever is found is whole.
    """
    unshare(CLONE_NEWNET)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        # No other of the flags that it sets is set at birth.
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("=16sh22x", b"lo", IFF_UP))
        return fcntl.ioctl(sock, SIOCGSKNS)


def _open_namespace(path: str) -> int | None:
    """Return a descriptor of the network namespace at `path`, or None if it is none.

    Raises:
        OSError: Nobody can tell, for want of descriptors or memory.
    """
    try:
        fd = os.open(path, OPEN)
    except OSError as error:
        if error.errno in WANTS:
            raise
        return None
    if is_network_namespace(fd):
        return fd
    os.close(fd)
    return None


def _make_folder(path: str, mode: int) -> None:
    """Make a folder, or check that nobody else can write in the one that is there."""
    with suppress(FileExistsError):
        os.mkdir(path, mode)
    found = os.lstat(path)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise Refused(f"{path} is not a folder of ours; remove it")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise Refused(f"{path} can be written by others; chmod go-w it")


def _first_mounts() -> Iterator[str]:
    """Yield where the mounts that everybody sees may be found, the surest first.

    PID 1 may be guarded (it may have capabilities that we lack); kernel threads stand
    in the first mount namespace too, and our forefathers before somebody gave us one.
    """
    yield FIRST_MOUNTS
    with suppress(OSError):
        if Path("/proc/2/comm").read_text() == "kthreadd\n":
            yield "/proc/2/ns/mnt"
    forefathers: list[int] = []
    pid = os.getppid()
    while pid > 1 and pid not in forefathers:
        forefathers.append(pid)
        try:
            status = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            break
        # The name stands in parentheses, and may hold any character.
        pid = int(status.rpartition(")")[2].split()[1])
    for one in reversed(forefathers):
        yield f"/proc/{one}/ns/mnt"


def _mounts_to_enter(mounts: str | None) -> int | None:
    """Return the mount namespace where pins belong; None: where we are already.

    None also when none may be entered: pins in our own are better than none.
    """
    for path in [mounts] if mounts is not None else _first_mounts():
        try:
            if os.path.samestat(os.stat(path), os.stat("/proc/self/ns/mnt")):
                return None
        except OSError:
            continue
        fd = _try_mounts(path)
        if fd is not None:
            return fd
    return None


def _try_mounts(path: str) -> int | None:
    """Return a mount namespace, or None if it may not be entered."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        in_thread(lambda: _enter_mounts(fd))
    except OSError:
        os.close(fd)
        return None
    return fd


def _enter_mounts(fd: int) -> None:
    # A thread that shares its root and working directory may not leave them behind.
    unshare(CLONE_FS)
    setns(fd, CLONE_NEWNS)


class Namespaces:
    """The namespaces that we pinned, and those of others that we were shown.

    Threads may share it. It keeps a descriptor per adopted namespace, none for a pin.
    `host` tells the namespace that no sandbox can be.
    """

    def __init__(
        self,
        run_dir: str | Path,
        *,
        mounts: str | None = None,
        host: os.stat_result | None = None,
    ) -> None:
        self._run = os.path.abspath(run_dir)
        self._root = os.path.join(self._run, "netns")
        self._mounts = _mounts_to_enter(mounts)
        self._adopted: dict[str, int] = {}
        self._checked: dict[str, None] = {}
        self._host = host
        # A pin that is half made looks like one to be cleared away.
        self._lock = threading.Lock()

    def _among_pins(self, function: Callable[[], T]) -> T:
        """Run `function` where the pins are mounted."""
        mounts = self._mounts
        if mounts is None:
            return function()

        def run() -> T:
            _enter_mounts(mounts)
            return function()

        return in_thread(run)

    def path_of(self, key: str) -> str:
        """Return where a namespace is pinned, or would be.

        Raises:
            Refused: the key names none.
        """
        room, _, name = key.partition("/")
        if room not in ROOMS or name in ("", ".", "..") or "/" in name or "\0" in name:
            raise Refused(f"{key!r} names no namespace; say net/NAME or box/NAME")
        return os.path.join(self._root, room, name)

    def create(self, key: str, inside: Callable[[int], None] | None = None) -> bool:
        """Make and pin a namespace, `lo` up; return False if one is there already.

        Before a new one can be found, `inside` runs in there, with a descriptor of it
        that is closed afterwards. One that is there is left alone: then `inside` may
        have run in another, which is gone.

        Raises:
            Refused: The name, or a folder on the way, will not do.
            OSError: The system refuses. Nothing of it is left.
        """
        place = self.path_of(key)

        def make() -> bool:
            fd = make_namespace()
            try:
                if inside is not None:
                    inside(fd)
                if self._mounts is not None:
                    _enter_mounts(self._mounts)
                return self._pin(fd, place)
            finally:
                os.close(fd)

        with self._lock:
            return key not in self._adopted and in_thread(make)

    def _is_pin(self, place: str) -> bool:
        fd = _open_namespace(place)
        if fd is not None:
            os.close(fd)
        return fd is not None

    def _pin(self, fd: int, place: str) -> bool:
        """Mount a namespace on a file; return False if one is there already."""
        folder = os.path.dirname(place)
        # Somebody may have cleared our folders away.
        if folder not in self._checked or not os.path.isdir(folder):
            self._make_folders(folder)
        try:
            made = os.open(place, MAKE | os.O_EXCL, 0o444)
        except FileExistsError:
            if self._is_pin(place):
                return False
            made = os.open(place, MAKE, 0o444)
        os.close(made)
        try:
            bind_mount(f"/proc/self/fd/{fd}", place)
        except OSError:
            os.unlink(place)
            raise
        return True

    def _make_folders(self, folder: str) -> None:
        """Make what leads to a pin, or check once that nobody else can write there."""
        os.makedirs(os.path.dirname(self._run), mode=0o755, exist_ok=True)
        _make_folder(self._run, 0o755)
        _make_folder(self._root, 0o700)
        _make_folder(folder, 0o700)
        self._checked[folder] = None

    def adopt(self, key: str, path: str) -> None:
        """Take up a namespace that others made, by its path. It is not pinned.

        Raises:
            Refused: There is no network namespace at `path`. Nothing has changed.
        """
        self.path_of(key)
        # What is mounted on it may be seen by us alone, or by PID 1 alone.
        fd = _open_namespace(path)
        if fd is None:
            fd = self._among_pins(lambda: _open_namespace(path))
        if fd is None:
            raise Refused(f"{path} is no network namespace; give the path of one")
        with self._lock:
            other = self._adopted_as(fd)
            if other not in (None, key) or self._is_host(fd):
                os.close(fd)
                whose = "the host's own" if other is None else f"that of {other}"
                raise Refused(f"{path} is {whose}; give each sandbox one of its own")
            old = self._adopted.get(key)
            self._adopted[key] = fd
        if old is not None:
            os.close(old)

    def _adopted_as(self, fd: int) -> str | None:
        """Return under which key a namespace is adopted already, or None."""
        status = os.fstat(fd)
        for key, held in self._adopted.items():
            if os.path.samestat(os.fstat(held), status):
                return key
        return None

    def _is_host(self, fd: int) -> bool:
        return self._host is not None and os.path.samestat(os.fstat(fd), self._host)

    def is_adopted(self, key: str) -> bool:
        """Say whether a namespace was made by others."""
        return key in self._adopted

    def open(self, key: str) -> int:
        """Return a new descriptor of a namespace; the caller closes it.

        Raises:
            FileNotFoundError: There is no such namespace.
        """
        place = self.path_of(key)
        with self._lock:
            if key in self._adopted:
                return fcntl.fcntl(self._adopted[key], fcntl.F_DUPFD_CLOEXEC, 0)
            fd = self._among_pins(lambda: _open_namespace(place))
        if fd is None:
            raise FileNotFoundError(errno.ENOENT, "no such namespace", place)
        return fd

    def remove(self, key: str) -> None:
        """Let go of a namespace; the kernel ends it when nobody else holds it."""
        place = self.path_of(key)
        with self._lock:
            fd = self._adopted.pop(key, None)
            if fd is None:
                self._among_pins(lambda: self._unpin(place))
        if fd is not None:
            os.close(fd)

    def _unpin(self, place: str) -> None:
        with suppress(OSError):
            while True:  # two agents may have mounted one on the other
                unmount(place)
        with suppress(FileNotFoundError):
            os.unlink(place)

    def forget(self, key: str) -> None:
        """Let go of an adopted namespace."""
        with self._lock:
            fd = self._adopted.pop(key, None)
        if fd is not None:
            os.close(fd)

    def names(self, *, clear: bool = True) -> tuple[str, ...]:
        """Return the keys of all pins and adopted namespaces, sorted.

        What is no pin any more is cleared away, if `clear`; somebody else may be about
        to make one of it.
        """
        with self._lock:
            pinned = self._among_pins(lambda: list(self._pinned(clear=clear)))
            return tuple(sorted(dict.fromkeys([*pinned, *self._adopted])))

    def _pinned(self, *, clear: bool) -> Iterator[str]:
        for room in ROOMS:
            folder = os.path.join(self._root, room)
            try:
                names = os.listdir(folder)
            except FileNotFoundError:
                continue
            for name in names:
                place = os.path.join(folder, name)
                if self._is_pin(place):
                    yield f"{room}/{name}"
                    continue
                if not clear:
                    continue
                with suppress(OSError):  # a folder is not ours to remove
                    self._unpin(place)

    def clean(self) -> None:
        """Remove our folders, those that are empty."""

        def run() -> None:
            for room in ROOMS:
                with suppress(OSError):
                    os.rmdir(os.path.join(self._root, room))
            for folder in (self._root, self._run):
                with suppress(OSError):
                    os.rmdir(folder)

        with self._lock:
            self._among_pins(run)

    def close(self) -> None:
        """Close every descriptor; the pins stay."""
        with self._lock:
            fds = [*self._adopted.values()]
            self._adopted.clear()
            if self._mounts is not None:
                fds.append(self._mounts)
                self._mounts = None
        for fd in fds:
            os.close(fd)
