"""Queries passed on to the host's servers, from the host's own namespace.

So a server at 127.0.0.53 is the host's; and one at 127.0.0.11 is somebody else's, for
our own answer in other namespaces. The host's file is read again when it changes.
"""

import os
import secrets
import socket
from collections import Counter
from pathlib import Path
from time import monotonic
from typing import Final

import trio

from swarmnet.dns.answering import Forward
from swarmnet.dns.codec import STREAM_BYTES_MAX
from swarmnet.dns.forwarding import ANSWER_S, Exchange, Servers, Verdict, failure
from swarmnet.dns.resolv_conf import HOST_FILE, PORT, parse_resolv_conf

LENGTH_BYTES: Final = 2
"""Before each message on a stream (RFC 1035, section 4.2.2)."""
STRANGE_MAX: Final = 64
"""So many answers to other questions are borne from a server, then it has failed."""


class Failed(Exception):
    """A server has not answered, or has said that it cannot."""


class Forwarder:
    """Asks the host's servers, one after the other."""

    def __init__(self, counters: Counter[str], file: str = HOST_FILE) -> None:
        self._counters = counters
        self._file = file
        self._mark: object = None
        self._servers = Servers()

    async def ask(self, forward: Forward) -> bytes:
        """Return what the client gets, within `ANSWER_S`."""
        self._read_file()
        exchange = Exchange(forward, secrets.randbelow(1 << 16))
        answers = _Answers(exchange, is_stream=forward.bytes_max >= STREAM_BYTES_MAX)
        asked: list[str] = []
        with trio.move_on_after(ANSWER_S):
            await self._ask_all(answers, asked)
        for server in asked:
            is_good = server == answers.server
            self._servers.note(monotonic(), server, is_good=is_good)
        if answers.best is None:
            self._counters["dns_unanswered"] += 1
            return answers.failure or failure(forward.query)
        return answers.best

    async def _ask_all(self, answers: "_Answers", asked: list[str]) -> None:
        """Ask one after the other, until one has answered; note who was asked."""
        share_s = self._servers.share_s()
        async with trio.open_nursery() as nursery:
            for server in self._servers.ordered(monotonic()):
                asked.append(server)
                failed = trio.Event()
                nursery.start_soon(self._ask_one, server, answers, nursery, failed)
                # Whoever is late may still answer while the next is asked.
                with trio.move_on_after(share_s):
                    await failed.wait()

    async def _ask_one(
        self,
        server: str,
        answers: "_Answers",
        nursery: trio.Nursery,
        failed: trio.Event,
    ) -> None:
        try:
            await answers.fetch(server)
        except (Failed, OSError):
            self._counters["dns_server_failures"] += 1
            failed.set()
        else:
            nursery.cancel_scope.cancel()

    def _read_file(self) -> None:
        try:
            found = os.stat(self._file)
            mark = (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size)
            if mark == self._mark:
                return
            text = Path(self._file).read_text(errors="replace")
        except OSError:
            # It is being replaced, or there is none: the same as an empty one.
            mark, text = None, ""
        self._mark = mark
        self._servers.set_servers(parse_resolv_conf(text).servers)


class _Answers:
    """What comes of one query; the first that is of use ends the search."""

    def __init__(self, exchange: Exchange, *, is_stream: bool) -> None:
        self._exchange = exchange
        self._is_stream = is_stream
        self.best: bytes | None = None
        self.server: str | None = None
        """From whom that is."""
        self.failure: bytes | None = None
        """What a server said that could not answer."""

    async def fetch(self, server: str) -> None:
        """Ask one server.

        Raises:
            Failed: it is of no use.
            OSError: it cannot be reached.
        """
        data = await self._by_datagram(server)
        if self._exchange.judge(data) is Verdict.CUT and self._is_stream:
            data = await self._by_stream(server, data)
        self.best, self.server = self._exchange.finish(data), server

    async def _by_datagram(self, server: str) -> bytes:
        with await _connected(server, socket.SOCK_DGRAM) as sock:
            await sock.send(self._exchange.data)
            for _ in range(STRANGE_MAX):
                data = await sock.recv(STREAM_BYTES_MAX)
                verdict = self._exchange.judge(data)
                if verdict is Verdict.FAILED:
                    self.failure = self._exchange.finish(data)
                    raise Failed
                if verdict is not Verdict.STRANGE:
                    return data
        raise Failed

    async def _by_stream(self, server: str, cut: bytes) -> bytes:
        """Return the whole answer; where there is no TCP, what came by UDP."""
        try:
            with await _connected(server, socket.SOCK_STREAM) as sock:
                stream = trio.SocketStream(sock)
                query = self._exchange.data
                await stream.send_all(len(query).to_bytes(LENGTH_BYTES, "big") + query)
                data = await read_message(stream)
        except (OSError, trio.BrokenResourceError):
            return cut
        if data is None or self._exchange.judge(data) is not Verdict.GOOD:
            return cut
        return data


async def _connected(server: str, kind: socket.SocketKind) -> trio.socket.SocketType:
    """Return a socket that hears of one server alone.

    Raises:
        OSError: it cannot be reached.
    """
    # An address with a zone (`fe80::1%eth0`) is read by the system.
    (family, _, _, _, where) = socket.getaddrinfo(
        server, PORT, type=kind, flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    )[0]
    sock = trio.socket.socket(family, kind)
    try:
        await sock.connect(where)
    except BaseException:
        sock.close()
        raise
    return sock


async def read_message(stream: trio.SocketStream) -> bytes | None:
    """Return the next message of a stream, or None at its end.

    Raises:
        OSError: the stream broke.
    """
    head = await _read(stream, LENGTH_BYTES)
    if head is None:
        return None
    return await _read(stream, int.from_bytes(head, "big"))


async def _read(stream: trio.SocketStream, count: int) -> bytes | None:
    found = b""
    while len(found) < count:
        try:
            more = await stream.receive_some(count - len(found))
        except trio.BrokenResourceError as broken:
            raise OSError("the stream broke") from broken
        if not more:
            return None
        found += more
    return found
