"""That somebody changed our firewall table: nftables' own announcements."""

import errno
import os
import socket
from collections.abc import AsyncIterator
from typing import Final

import trio

from swarmnet.kernel.firewall import OURS
from swarmnet.kernel.state import HOST
from swarmnet.runtime.events import NETLINK_ADD_MEMBERSHIP
from swarmnet.runtime.kernel import Kernel
from swarmnet.runtime.linux import run_in
from swarmnet.runtime.rtnetlink import SOL_NETLINK

NETLINK_NETFILTER: Final = 12
NFNLGRP_NFTABLES: Final = 7
"""linux/netfilter/nfnetlink.h."""
DATAGRAM_BYTES: Final = 64 << 10
_NAME: Final = OURS[1].encode() + b"\0"


def _open() -> socket.socket:
    kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
    sock = socket.socket(socket.AF_NETLINK, kind, NETLINK_NETFILTER)
    try:
        sock.bind((0, 0))
        sock.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, NFNLGRP_NFTABLES)
    except OSError:
        sock.close()
        raise
    return sock


class TableEvents:
    """Changes of our table in the host's namespace; one task iterates.

    `is_deaf` while we change it ourselves: then nothing is told.
    """

    def __init__(self, kernel: Kernel) -> None:
        fd = kernel.open(HOST)
        try:
            self._socket = run_in(fd, _open)
        finally:
            os.close(fd)
        self.is_deaf = False

    def listen(self) -> None:
        """Hear again, but of nothing that was announced before now."""
        self._drain()
        self.is_deaf = False

    def close(self) -> None:
        trio.lowlevel.notify_closing(self._socket)
        self._socket.close()

    async def changes(self) -> AsyncIterator[None]:
        """Yield each time that something of our table changed, or may have."""
        while True:
            await trio.lowlevel.wait_readable(self._socket)
            if self._drain() and not self.is_deaf:
                yield

    def _drain(self) -> bool:
        """Take all that is announced; return whether any of it is about us."""
        found = False
        while True:
            try:
                found |= _NAME in self._socket.recv(DATAGRAM_BYTES)
            except BlockingIOError:
                return found
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                found = True
