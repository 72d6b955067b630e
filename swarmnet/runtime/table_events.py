"""That somebody changed firewall tables where ours are: nftables' own announcements.

On the host that is our one table; in a namespace of ours nobody has any.
"""

import errno
import os
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final

import trio

from swarmnet.kernel.firewall import OURS
from swarmnet.kernel.state import HOST
from swarmnet.runtime.events import (
    NETLINK_ADD_MEMBERSHIP,
    NETLINK_LISTEN_ALL_NSID,
    Events,
)
from swarmnet.runtime.kernel import Kernel
from swarmnet.runtime.linux import run_in
from swarmnet.runtime.reading import OWNED
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
        with suppress(OSError):
            # A kernel before 4.2 tells of the host alone.
            sock.setsockopt(SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, 1)
        sock.bind((0, 0))
        sock.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, NFNLGRP_NFTABLES)
    except OSError:
        sock.close()
        raise
    return sock


class TableEvents:
    """Which namespaces' tables changed, the host's and ours; one task iterates.

    `is_deaf` while we change our own ourselves: then nothing is told of the host.
    """

    def __init__(self, kernel: Kernel, events: Events) -> None:
        self._events = events
        self._changed: dict[str, None] = {}
        fd = kernel.open(HOST)
        try:
            self._socket = run_in(fd, _open)
        finally:
            os.close(fd)
        self.is_deaf = False

    def listen(self) -> list[str]:
        """Hear of the host again, but of nothing that was announced before now.

        Return of which other namespaces it was.
        """
        self._drain()
        self.is_deaf = False
        return [name for name in self._take() if name != HOST]

    def _take(self) -> list[str]:
        changed, self._changed = list(self._changed), {}
        return changed

    def close(self) -> None:
        trio.lowlevel.notify_closing(self._socket)
        self._socket.close()

    async def changes(self) -> AsyncIterator[str]:
        """Yield a namespace when tables of it changed that concern us, or may have."""
        while True:
            await trio.lowlevel.wait_readable(self._socket)
            self._drain()
            for namespace in self._take():
                if namespace != HOST or not self.is_deaf:
                    yield namespace

    def _drain(self) -> None:
        """Take all that is announced, and keep of which namespaces."""
        while True:
            try:
                data, told, _, _ = self._socket.recvmsg(DATAGRAM_BYTES, 64)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self._changed[HOST] = None
                continue
            namespace = self._events.namespace_of(told)
            is_ours = namespace is not None and namespace.startswith(OWNED)
            is_host = namespace == HOST and _NAME in data
            if namespace is not None and (is_ours or is_host):
                self._changed[namespace] = None
