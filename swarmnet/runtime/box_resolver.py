"""The resolver of one sandbox, by UDP and TCP, and the desk that all of them share.

Most queries are answered at once. One that has to wait gets a task of its own, and
there are only so many of these, for each sandbox and for all.
"""

from collections import Counter
from contextlib import suppress
from time import monotonic
from typing import Final

import trio

from swarmnet.dns.answering import Answering, Forward, Held
from swarmnet.dns.codec import STREAM_BYTES_MAX
from swarmnet.dns.forwarding import ANSWER_S, failure
from swarmnet.runtime.dns_forwarding import (
    LENGTH_BYTES,
    Forwarder,
    read_message,
)
from swarmnet.runtime.dns_sockets import Opened

AGAIN_S: Final = 0.02
"""So often a name is looked for that may be on its way."""
DRAIN_MAX: Final = 16
"""So many queries of one sandbox are taken before others get a turn."""
WAITING_MAX: Final = 1024
WAITING_IN_BOX_MAX: Final = 256
"""So many queries wait for somebody else's answer: of all sandboxes, of one."""
STREAMS_MAX: Final = 64
"""So many TCP connections has a sandbox."""
IDLE_S: Final = 10.0
"""So long a connection may say nothing, or a client may not take its answer."""


class Desk:
    """Answers what any sandbox asks, or has it answered."""

    def __init__(self, answering: Answering, forwarder: Forwarder) -> None:
        self._answering = answering
        self._forwarder = forwarder
        self.counters: Counter[str] = answering.counters
        self._waiting: Counter[str] = Counter()

    def answer(
        self, box: str, data: bytes, *, is_stream: bool
    ) -> bytes | Forward | Held | None:
        """Return what a query gets, as `Answering.answer`."""
        return self._answering.answer(monotonic(), box, data, is_stream=is_stream)

    async def wait(
        self, box: str, data: bytes, found: Forward | Held, *, is_stream: bool
    ) -> bytes:
        """Return what a query gets that somebody else must answer, or that must wait.

        With too many of them it fails at once: who asks again may have more luck.
        """
        waiting = self._waiting
        if waiting.total() >= WAITING_MAX or waiting[box] >= WAITING_IN_BOX_MAX:
            self.counters["dns_too_many"] += 1
            return failure(found.query)
        waiting[box] += 1
        try:
            if isinstance(found, Held):
                return await self._hold(box, data, found, is_stream=is_stream)
            self.counters["dns_forwarded"] += 1
            return await self._forwarder.ask(found)
        finally:
            waiting[box] -= 1
            if not waiting[box]:
                del waiting[box]

    async def _hold(
        self, box: str, data: bytes, held: Held, *, is_stream: bool
    ) -> bytes:
        self.counters["dns_held"] += 1
        end = monotonic() + ANSWER_S
        while monotonic() < end:
            await trio.sleep(AGAIN_S)
            found = self.answer(box, data, is_stream=is_stream)
            if isinstance(found, Forward):
                return await self._forwarder.ask(found)
            if isinstance(found, bytes):
                return found
        return failure(held.query)


class BoxResolver:
    """The resolver of one sandbox."""

    def __init__(self, name: str, opened: Opened, desk: Desk) -> None:
        self.name = name
        self.opened = opened
        self._desk = desk
        self._streams = 0
        self._scope = trio.CancelScope()

    def close(self) -> None:
        """End; what waits gets no answer."""
        self._scope.cancel()

    async def run(self) -> None:
        """Serve until it is closed; then let the sockets go."""
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._take_streams, nursery)
                    await self._take_datagrams(nursery)
        finally:
            self.opened.close()

    # By UDP

    async def _take_datagrams(self, nursery: trio.Nursery) -> None:
        sock, answer = self.opened.datagrams, self._desk.answer
        while True:
            await trio.lowlevel.wait_readable(sock)
            for _ in range(DRAIN_MAX):
                try:
                    data, client = sock.recvfrom(STREAM_BYTES_MAX)
                except BlockingIOError:
                    break
                except OSError:
                    # What an earlier answer met: its client has gone.
                    continue
                found = answer(self.name, data, is_stream=False)
                if isinstance(found, bytes):
                    self._send(found, client)
                elif found is not None:
                    nursery.start_soon(self._answer_later, data, client, found)

    async def _answer_later(
        self, data: bytes, client: tuple[str, int], found: Forward | Held
    ) -> None:
        answer = await self._desk.wait(self.name, data, found, is_stream=False)
        self._send(answer, client)

    def _send(self, data: bytes, client: tuple[str, int]) -> None:
        try:
            self.opened.datagrams.sendto(data, client)
        except OSError:
            self._desk.counters["dns_unsent"] += 1

    # By TCP

    async def _take_streams(self, nursery: trio.Nursery) -> None:
        sock = self.opened.streams
        while True:
            await trio.lowlevel.wait_readable(sock)
            try:
                client, _ = sock.accept()
            except BlockingIOError:
                continue
            except OSError:
                # No descriptor is left, or the client has gone already.
                await trio.sleep(AGAIN_S)
                continue
            client.setblocking(False)  # noqa: FBT003
            if self._streams >= STREAMS_MAX:
                self._desk.counters["dns_too_many"] += 1
                client.close()
                continue
            self._streams += 1
            stream = trio.SocketStream(trio.socket.from_stdlib_socket(client))
            nursery.start_soon(self._serve_stream, stream)

    async def _serve_stream(self, stream: trio.SocketStream) -> None:
        try:
            # A client that hangs up has had its answers, or wants none.
            with suppress(OSError, trio.BrokenResourceError):
                while await self._serve_one(stream):
                    continue
        finally:
            self._streams -= 1
            stream.socket.close()

    async def _serve_one(self, stream: trio.SocketStream) -> bool:
        """Answer the next query of a connection; return whether there was one."""
        data: bytes | None = None
        with trio.move_on_after(IDLE_S):
            data = await read_message(stream)
        if data is None:
            return False
        found = self._desk.answer(self.name, data, is_stream=True)
        if isinstance(found, Forward | Held):
            found = await self._desk.wait(self.name, data, found, is_stream=True)
        if found is None:
            return False
        with trio.move_on_after(IDLE_S) as late:
            await stream.send_all(len(found).to_bytes(LENGTH_BYTES, "big") + found)
        return not late.cancelled_caught
