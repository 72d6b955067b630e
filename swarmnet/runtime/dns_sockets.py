"""The sockets of a sandbox's resolver, opened inside by a thread that ends.

What is bound may still be out of reach: Docker diverts 127.0.0.11 in containers whose
names it resolves itself. So a datagram is sent there, and must come to us.
"""

import errno
import os
import secrets
import select
import socket
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Final

from swarmnet.dns.resolv_conf import ADDRESS, PORT
from swarmnet.errors import Refused
from swarmnet.runtime.linux import run_in

BACKLOG: Final = 128
PROBE_BYTES: Final = 8
"""Shorter than any query."""
PROBE_MS: Final = 500
BUFFER_BYTES: Final = 1 << 20
"""What waits while the agent is busy elsewhere: thousands of queries."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The sockets of one sandbox, and which namespace they are in."""

    datagrams: socket.socket
    streams: socket.socket
    namespace: tuple[int, int]

    def close(self) -> None:
        self.datagrams.close()
        self.streams.close()


def namespace_of(fd: int) -> tuple[int, int]:
    """Return what tells a namespace from others, as long as it is open."""
    found = os.fstat(fd)
    return found.st_dev, found.st_ino


def open_sockets(open_namespace: Callable[[], int], sandbox: str) -> Opened | None:
    """Open the sockets of a sandbox's resolver; None: it has no namespace yet.

    Raises:
        Refused: it cannot be, or what is sent there goes somewhere else; what to do.
    """
    try:
        fd = open_namespace()
    except OSError:
        return None
    try:
        return run_in(fd, lambda: _open_here(namespace_of(fd)))
    except OSError as error:
        raise Refused(f"sandbox {sandbox}: {_why(error)}") from None
    finally:
        os.close(fd)


def _open_here(namespace: tuple[int, int]) -> Opened:
    with ExitStack() as undo:
        datagrams = undo.enter_context(_socket(socket.SOCK_DGRAM))
        with suppress(OSError):
            datagrams.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        datagrams.bind((ADDRESS, PORT))
        streams = undo.enter_context(_socket(socket.SOCK_STREAM))
        streams.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        streams.bind((ADDRESS, PORT))
        streams.listen(BACKLOG)
        _check_reached(datagrams)
        undo.pop_all()
        return Opened(datagrams, streams, namespace)


def _socket(kind: socket.SocketKind) -> socket.socket:
    flags = socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
    return socket.socket(socket.AF_INET, kind | flags)


def _check_reached(datagrams: socket.socket) -> None:
    """Send something to the resolver's address, and see that it comes.

    Raises:
        OSError: ELOOP, it went to somebody else; or it cannot be sent.
    """
    probe = secrets.token_bytes(PROBE_BYTES)
    with _socket(socket.SOCK_DGRAM) as sender:
        sender.sendto(probe, (ADDRESS, PORT))
        waiting = select.poll()
        waiting.register(datagrams, select.POLLIN)
        while waiting.poll(PROBE_MS):
            if datagrams.recv(PROBE_BYTES) == probe:
                return
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))


def _why(error: OSError) -> str:
    """Return why a sandbox has no resolver, and what to do about it."""
    where = f"{ADDRESS}:{PORT}"
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"no names: {where} is taken by a process in it, which `ss -lnptu"
                f" sport = :{PORT}` shows there: let that listen on the addresses that"
                " it serves, not on all"
            )
        case errno.EADDRNOTAVAIL | errno.ENETUNREACH:
            return f"no names: its lo is down: set it up, and {where} is served"
        case errno.EACCES | errno.EPERM:
            return f"no names: port {PORT} in it wants CAP_NET_BIND_SERVICE"
        case errno.ELOOP:
            return (
                f"no names of ours: what is sent to {where} in it goes to another"
                " resolver, as Docker's in networks of its own, or is dropped: run the"
                " container with --network none, or mend the firewall inside it"
            )
        case _:
            return f"no names: {where} in it: {error.strerror}"
