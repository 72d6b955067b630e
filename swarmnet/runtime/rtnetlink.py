"""A rtnetlink socket: many requests per send, one wait for what comes of them.

A request is carried out inside `sendmsg`, by the thread that calls it, under a lock
that the whole machine shares: seconds may pass. So all of this blocks, and belongs on
worker threads. When `sendmsg` returns, its answers are in the receive buffer already.

The kernel answers a request that failed even if no answer was asked for; so only the
last of each send asks, and whoever is not mentioned by then has succeeded. Sends are
small: a large one starves the growth of a VXLAN device's hash table, and keeps others
waiting.
"""

import errno
import os
import socket
import struct
import sys
from collections.abc import Sequence
from typing import Final

from swarmnet.errors import BadPacket
from swarmnet.kernel.netlink import (
    NLM_F_ACK,
    NLM_F_DUMP_INTR,
    NLMSG_ERROR,
    Reply,
    Request,
    encode,
    part_untrusted,
    reply_untrusted,
    split_untrusted,
)
from swarmnet.kernel.state import Unreadable
from swarmnet.runtime.linux import run_in

SOL_NETLINK: Final = 270
NETLINK_CAP_ACK: Final = 10
NETLINK_EXT_ACK: Final = 11
NETLINK_GET_STRICT_CHK: Final = 12
SO_RCVBUFFORCE: Final = 33
RECEIVE_BUFFER_BYTES: Final = 2 << 20
SEND_COUNT: Final = 64
"""Messages per send; of entries some 4 KiB."""
DATAGRAM_BYTES: Final = 64 << 10
"""More than the kernel ever puts into one (32 KiB, af_netlink.c, netlink_recvmsg)."""
DUMPS_MAX: Final = 5
TIMEOUT_MS: Final = 60_000
"""For an answer that the kernel had no memory to send: it never comes."""
SEQUENCE_MAX: Final = 0x7FFFFFFF
ACK_OFFSET: Final = 6 if sys.byteorder == "little" else 7
"""Where in a message the byte of its flags is that holds NLM_F_ACK."""

Answers = list[bytes]


def enlarge(sock: socket.socket, size: int) -> None:
    """Let a socket hold so many bytes that were not read yet.

    The root of a user namespace gets no more than others: `net.core.rmem_max`.
    """
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, size)
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)


def _open_socket() -> socket.socket:
    kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC
    sock = socket.socket(socket.AF_NETLINK, kind, socket.NETLINK_ROUTE)
    try:
        for option in (NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK):
            sock.setsockopt(SOL_NETLINK, option, 1)
        enlarge(sock, RECEIVE_BUFFER_BYTES)
        wait = struct.pack("@ll", TIMEOUT_MS // 1000, TIMEOUT_MS % 1000 * 1000)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, wait)
        sock.bind((0, 0))
    except OSError:
        sock.close()
        raise
    return sock


class Rtnetlink:
    """A socket of one network namespace. One thread at a time may use it.

    It is opened in the namespace of that descriptor, or (None) of the calling thread.
    """

    __slots__ = ("_sequence", "_socket")

    def __init__(self, namespace: int | None = None) -> None:
        if namespace is None:
            self._socket = _open_socket()
        else:
            self._socket = run_in(namespace, _open_socket)
        self._sequence = 0

    def close(self) -> None:
        self._socket.close()

    def reserve(self, count: int) -> int:
        """Return the first of `count` sequence numbers in a row."""
        if self._sequence + count > SEQUENCE_MAX:
            self._sequence = 0
        first = self._sequence + 1
        self._sequence += count
        return first

    def request(self, requests: Sequence[Request]) -> list[Reply]:
        """Carry out changes in order, all of them; return what came of each.

        Raises:
            OSError: No answer; some of it may have been done.
        """
        return self.ask(requests)[0]

    def ask(self, requests: Sequence[Request]) -> tuple[list[Reply], Answers]:
        """Carry out requests in order; return also the datagrams that answer them.

        Raises:
            OSError: No answer; some of it may have been done.
        """
        first = self.reserve(len(requests))
        messages = [
            encode(request, first + i, ack=False) for i, request in enumerate(requests)
        ]
        answers: Answers = []
        failed = self.send(messages, first, answers)
        replies = [
            failed.get(first + i) or Reply(first + i, 0, "")
            for i in range(len(requests))
        ]
        return replies, answers

    def send(
        self, messages: Sequence[bytes], first: int, answers: Answers | None = None
    ) -> dict[int, Reply]:
        """Send messages whose sequence numbers count up from `first`.

        Return the failures by sequence number; what else is said goes to `answers`.

        Raises:
            OSError: No answer; some of it may have been done.
        """
        failed: dict[int, Reply] = {}
        kept: Answers = [] if answers is None else answers
        for start in range(0, len(messages), SEND_COUNT):
            part = messages[start : start + SEND_COUNT]
            data = bytearray(b"".join(part))
            data[len(data) - len(part[-1]) + ACK_OFFSET] |= NLM_F_ACK
            try:
                self._socket.send(data)
                self._gather(first + start + len(part) - 1, failed, kept)
            except OSError:
                self._drain()
                raise
        return failed

    def _gather(self, last: int, failed: dict[int, Reply], answers: Answers) -> None:
        """Receive until the message `last` is answered."""
        is_answered = False
        while not is_answered:
            datagram = self._socket.recv(DATAGRAM_BYTES)
            has_answers = False
            for kind, flags, sequence, start, end in split_untrusted(datagram):
                if kind != NLMSG_ERROR:
                    has_answers = True
                    continue
                reply = reply_untrusted(datagram[start:end], flags)
                is_answered = is_answered or sequence == last
                if reply.error:
                    failed[sequence] = reply
            if has_answers:
                answers.append(datagram)

    def _drain(self) -> None:
        """Forget answers to what was given up, before more is asked."""
        try:
            while True:
                self._socket.recv(DATAGRAM_BYTES, socket.MSG_DONTWAIT)
        except OSError:
            return

    def dump(self, request: Request) -> list[bytes]:
        """Return the datagrams of a whole dump, one that nothing changed under.

        Raises:
            Unreadable: There is no such thing, or it changed under every try.
        """
        for _ in range(DUMPS_MAX):
            try:
                datagrams = self._dump_once(request)
            except (OSError, BadPacket) as error:
                self._drain()
                raise Unreadable(f"dump failed: {error}") from error
            if datagrams is not None:
                return datagrams
        raise Unreadable(f"changed under each of {DUMPS_MAX} dumps")

    def _dump_once(self, request: Request) -> list[bytes] | None:
        """Return the datagrams, or None if they do not show one moment."""
        sequence = self.reserve(1)
        self._socket.send(encode(request, sequence, ack=False))
        datagrams: list[bytes] = []
        flags = 0
        while True:
            datagram = self._socket.recv(DATAGRAM_BYTES)
            datagrams.append(datagram)
            part = part_untrusted(datagram)
            flags |= part.flags
            if part.is_last:
                break
        if flags & NLM_F_DUMP_INTR or part.error == errno.EINTR:
            return None
        if part.error:
            raise OSError(part.error, os.strerror(part.error))
        return datagrams
