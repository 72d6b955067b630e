"""The service manager that started us, if one did: sd_notify(3), and sockets it keeps.

What it keeps of ours (`FDSTORE`) it hands to the process that it starts next, and
closes when the service is stopped. So while the agent is started anew a query waits in
its socket; while there is to be no agent it is refused at once.
"""

import array
import fcntl
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from swarmnet.runtime.dns_sockets import Opened, namespace_of

NOTIFY: Final = "NOTIFY_SOCKET"
HANDED: Final = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")
FIRST_FD: Final = 3
"""SD_LISTEN_FDS_START."""
PREFIX: Final = "dns-"
SIOCGSKNS: Final = 0x894C
"""Gives a descriptor of the namespace that a socket is in (linux/sockios.h)."""

log = logging.getLogger("swarmnet")


def notify_ready() -> None:
    """Tell the service manager that we serve."""
    notify(f"READY=1\nMAINPID={os.getpid()}")


def notify(text: str, *fds: int) -> None:
    """Tell the service manager something, if there is one; it gets copies of `fds`."""
    path = os.environ.get(NOTIFY)
    if not path:
        return
    extra = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))]
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.connect("\0" + path[1:] if path.startswith("@") else path)
        sock.sendmsg([text.encode()], extra if fds else [])


class KeptSockets:
    """The sockets of sandboxes' resolvers that outlive this process."""

    def __init__(self) -> None:
        """Take what the process before this one had kept."""
        self._taken: dict[str, list[socket.socket]] = {}
        self._names: dict[str, None] = {}
        for name, fd in _handed():
            found = _socket_of(fd)
            if found is None:
                continue
            if not name.startswith(PREFIX):
                found.close()
                continue
            sandbox = name.removeprefix(PREFIX)
            self._taken.setdefault(sandbox, []).append(found)
            self._names[sandbox] = None

    def take(self, sandbox: str, namespace: tuple[int, int] | None) -> Opened | None:
        """Return the sockets that were kept, if they are in this namespace."""
        found = self._taken.pop(sandbox, [])
        by_kind = {one.type: one for one in found}
        datagrams = by_kind.get(socket.SOCK_DGRAM)
        streams = by_kind.get(socket.SOCK_STREAM)
        inside = [_namespace(one) for one in found]
        if datagrams and streams and inside == [namespace, namespace]:
            return Opened(datagrams, streams, inside[0] or (0, 0))
        for one in found:
            one.close()
        if found:
            self.forget(sandbox)
        return None

    def keep(self, sandbox: str, opened: Opened) -> None:
        """Let the next process have these."""
        self._names[sandbox] = None
        fds = (opened.datagrams.fileno(), opened.streams.fileno())
        notify(f"FDSTORE=1\nFDNAME={PREFIX}{sandbox}", *fds)

    def forget(self, sandbox: str) -> None:
        """Let nobody have those of a sandbox any more."""
        for one in self._taken.pop(sandbox, ()):
            one.close()
        if sandbox in self._names:
            del self._names[sandbox]
            notify(f"FDSTOREREMOVE=1\nFDNAME={PREFIX}{sandbox}")

    def retain(self, sandboxes: dict[str, None]) -> None:
        """Forget all but those of some sandboxes."""
        for sandbox in [one for one in self._names if one not in sandboxes]:
            self.forget(sandbox)


def _handed() -> Iterator[tuple[str, int]]:
    """Yield what was handed to us, by name (sd_listen_fds(3)); once."""
    pid, count, names = (os.environ.pop(one, "") for one in HANDED)
    if pid != str(os.getpid()) or not count.isdigit():
        return
    told = names.split(":")
    for number in range(int(count)):
        fd = FIRST_FD + number
        with suppress(OSError):
            os.set_inheritable(fd, False)  # noqa: FBT003
            yield told[number] if number < len(told) else "", fd


def _socket_of(fd: int) -> socket.socket | None:
    try:
        found = socket.socket(fileno=fd)
    except OSError:
        with suppress(OSError):
            os.close(fd)
        return None
    found.setblocking(False)  # noqa: FBT003
    return found


def _namespace(sock: socket.socket) -> tuple[int, int] | None:
    try:
        fd = fcntl.ioctl(sock, SIOCGSKNS)
    except OSError as error:
        log.info("a socket's namespace is unknown: %s", error.strerror)
        return None
    try:
        return namespace_of(fd)
    finally:
        os.close(fd)
