"""A real kernel for the tests: network namespaces of their own, and plain sockets."""

import ctypes
import errno
import json
import os
import select
import socket
import subprocess
import threading
from collections.abc import Sequence
from typing import Any, Final

import pytest

from swarmnet.kernel.netlink import (
    NLMSG_ERROR,
    Request,
    encode,
    part_untrusted,
    reply_untrusted,
    split_untrusted,
)

CLONE_NEWNET: Final = 0x40000000
SOL_NETLINK: Final = 270
NETLINK_ADD_MEMBERSHIP: Final = 1
NETLINK_EXT_ACK: Final = 11
NETLINK_GET_STRICT_CHK: Final = 12
DATAGRAM_BYTES: Final = 1 << 17

needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root makes network namespaces"
)


class RealNamespace:
    """A network namespace without a name: it ends with its last descriptor."""

    def __init__(self) -> None:
        # Both stand for the thread's namespace, which the thread need not outlive.
        thread = threading.Thread(target=self._make)
        thread.start()
        thread.join()

    def _make(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        assert libc.unshare(CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
        own = f"/proc/self/task/{threading.get_native_id()}/ns/net"
        self.fd = os.open(own, os.O_RDONLY | os.O_CLOEXEC)
        self.socket = self.open_socket()

    def open_socket(self) -> socket.socket:
        """Return a rtnetlink socket; only right in a thread that is inside."""
        kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC
        opened = socket.socket(socket.AF_NETLINK, kind, socket.NETLINK_ROUTE)
        for option in (NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK):
            opened.setsockopt(SOL_NETLINK, option, 1)
        opened.settimeout(10)
        opened.bind((0, 0))
        return opened

    def close(self) -> None:
        self.socket.close()
        os.close(self.fd)

    def send(self, messages: Sequence[bytes]) -> list[str]:
        """Send messages that ask for no answer; return the names of their errors."""
        errors: list[str] = []
        for message in messages:
            self.socket.send(message)
        while select.select([self.socket], [], [], 0)[0]:
            data = self.socket.recv(DATAGRAM_BYTES)
            for _, flags, _, start, end in split_untrusted(data):
                reply = reply_untrusted(data[start:end], flags)
                errors.append(errno.errorcode[reply.error])
        return errors

    def do(self, *requests: Request) -> None:
        """Carry out requests, and expect that none fails."""
        for request in requests:
            assert self.ask(request) == "", request

    def ask(self, request: Request) -> str:
        """Carry out a request; return the name of its error, or ""."""
        return self.answer(request)[0]

    def answer(self, request: Request) -> tuple[str, str, list[bytes]]:
        """Carry out a request: its error, the kernel's text, the bodies of answers."""
        self.socket.send(encode(request, 1, ack=True))
        bodies: list[bytes] = []
        while True:
            data = self.socket.recv(DATAGRAM_BYTES)
            for kind, flags, _, start, end in split_untrusted(data):
                if kind == NLMSG_ERROR:
                    reply = reply_untrusted(data[start:end], flags)
                    name = errno.errorcode[reply.error] if reply.error else ""
                    return name, reply.message, bodies
                bodies.append(data[start:end])

    def dump(self, request: Request) -> list[bytes]:
        """Return the datagrams of a dump."""
        self.socket.send(encode(request, 2, ack=False))
        found: list[bytes] = []
        while not found or not part_untrusted(found[-1]).is_last:
            found.append(self.socket.recv(DATAGRAM_BYTES))
        assert part_untrusted(found[-1]).error == 0
        return found

    def bodies(self, request: Request) -> list[bytes]:
        """Return the bodies of a dump's messages, without its end."""
        return [
            data[start:end]
            for data in self.dump(request)
            for kind, _, _, start, end in split_untrusted(data)
            if kind > 4
        ]

    def run(self, *command: str) -> str:
        """Run a command inside; return what it prints."""
        enter = ("nsenter", f"--net=/proc/{os.getpid()}/fd/{self.fd}", *command)
        done = subprocess.run(enter, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def json(self, *command: str) -> Any:
        """Run iproute2 inside; return what it tells in JSON."""
        tool, *rest = command
        return json.loads(self.run(tool, "-j", *rest) or "[]")
