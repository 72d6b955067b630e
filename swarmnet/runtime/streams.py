"""TCP on the underlay: packets behind their lengths, on lines that come and go.

A line is one TCP connection, known by the address at its other end: one that we opened
by where it leads, one that others opened by where it comes from. So what answers a
packet goes back on its line, and what is sent to a node's own address opens a line of
ours. Lines that carry nothing for a while are closed.

The first packet on a line that others opened says what it is for: a packet of the
channels, or a stranger who wants to join (`admitting`).
"""

import resource
import socket
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import trio

from swarmnet.crypto.framing import Unframer, frame
from swarmnet.crypto.packets import KINDS
from swarmnet.errors import BadPacket
from swarmnet.ids import Address
from swarmnet.runtime.datagrams import FAMILIES, address_of, bound, pair_of

CONNECT_S: Final = 5.0
IDLE_S: Final = 60.0
READ_BYTES: Final = 65_536
QUEUE_BYTES_MAX: Final = 8 << 20
"""What may wait for one peer; beyond it the line is given up."""
LINES_MAX: Final = 4096
"""Others' lines, and a quarter of all descriptors; new ones are closed at once then."""
BACKLOG: Final = 1024

Receive = Callable[[Address, bytes], bool]
"""Takes one packet; returns whether it was a peer's."""
Admit = Callable[["Line", bytes, Unframer], Awaitable[None]]
"""Takes a stranger's line over, with its first packet."""


class Line:
    """One TCP connection; what is to be sent on it waits in order."""

    def __init__(self, address: Address, stream: trio.SocketStream | None) -> None:
        self.address = address
        self.stream = stream
        self._queue: deque[bytes] = deque()
        self._queued = 0
        self._woken = trio.Event()
        self.used = trio.current_time()
        self.is_ending = False
        self.scope = trio.CancelScope()

    def put(self, packet: bytes) -> bool:
        """Send a packet after those before it; return whether there was room."""
        if self._queued > QUEUE_BYTES_MAX:
            return False
        self._queue.append(frame(packet))
        self._queued += len(packet)
        self._woken.set()
        return True

    def end(self) -> None:
        """Hang up once all is sent."""
        self.is_ending = True
        self._woken.set()

    async def flush(self) -> None:
        """Send what was put; raises what the stream does."""
        assert self.stream is not None, "it is connected"
        while self._queue:
            # Together: each send is a turn of the scheduler at the other end.
            data = b"".join(self._queue)
            self._queue.clear()
            self._queued = 0
            await self.stream.send_all(data)
            self.used = trio.current_time()

    async def write(self) -> None:
        """Send what is put, until it ends; raises what the stream does."""
        assert self.stream is not None, "it is connected"
        while True:
            self._woken = trio.Event()
            await self.flush()
            if self.is_ending:
                await self.stream.send_eof()
                return
            await self._woken.wait()

    async def read(
        self, unframer: Unframer, first: bytes, take: Callable[[bytes], object]
    ) -> None:
        """Hand over each packet until the other side hangs up.

        `first` is one that was read already, maybe with more that the unframer has.

        Raises:
            BadPacket: a packet is too long.
        """
        assert self.stream is not None, "it is connected"
        if first:
            take(first)
        data = b""
        while True:
            for packet in unframer.receive(data):
                take(packet)
            data = await self.stream.receive_some(READ_BYTES)
            self.used = trio.current_time()
            if not data:
                return


class Streams:
    """The TCP listeners of one port, and all lines. `close` it after `run`."""

    def __init__(self, port: int) -> None:
        """Listen at a port, of IPv4 and of IPv6 where the host has it.

        Raises:
            Refused: somebody has the port, or neither family is there.
        """
        self.counters = {"lines_refused": 0, "lines_failed": 0, "bad_frames": 0}
        self._lines: dict[Address, Line] = {}
        self._others = 0
        descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        self._most = min(LINES_MAX, descriptors // 4)
        self._nursery: trio.Nursery | None = None
        self._receive: Receive | None = None
        self._failed: Callable[[Address], object] | None = None
        self.admit: Admit | None = None
        self.is_known: Callable[[bytes], bool] | None = None
        """Whether a first packet that begins so may be longer than a stranger's."""
        self._listeners = []
        for family in FAMILIES.values():
            found = bound(family, socket.SOCK_STREAM, port)
            if found is not None:
                found.listen(BACKLOG)
                self._listeners.append(found)

    def close(self) -> None:
        for one in self._listeners:
            one.close()

    async def run(self, receive: Receive, failed: Callable[[Address], object]) -> None:
        """Serve until cancelled. `failed` hears to where nothing could be sent."""
        self._receive, self._failed = receive, failed
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            for one in self._listeners:
                nursery.start_soon(self._accept, trio.socket.from_stdlib_socket(one))
            nursery.start_soon(self._sweep)
            try:
                await trio.sleep_forever()
            finally:
                # Whoever still sends finds nobody, and not a nursery that is closed.
                self._nursery = None

    def send(self, to: Address, packet: bytes) -> None:
        """Send a packet on the line to an address; open one if there is none."""
        line = self._lines.get(to)
        if line is None or line.is_ending:
            if self._nursery is None:
                return
            line = self._lines[to] = Line(to, None)
            self._nursery.start_soon(self._run_ours, line)
        if not line.put(packet):
            line.scope.cancel()

    async def _sweep(self) -> None:
        while True:
            await trio.sleep(IDLE_S / 4)
            idle = trio.current_time() - IDLE_S
            for line in list(self._lines.values()):
                if line.used < idle:
                    line.end()
                    line.scope.deadline = trio.current_time() + CONNECT_S

    # Lines that we open

    async def _run_ours(self, line: Line) -> None:
        try:
            with line.scope, suppress(OSError, trio.BrokenResourceError):
                await self._serve_ours(line)
        finally:
            if self._lines.get(line.address) is line:
                del self._lines[line.address]

    async def _serve_ours(self, line: Line) -> None:
        try:
            with trio.fail_after(CONNECT_S):
                line.stream = await _connected(line.address)
        except (OSError, trio.TooSlowError):
            self.counters["lines_failed"] += 1
            self._tell_failed(line.address)
            return
        unframer = Unframer()
        # We know whom we have called, as far as an address tells.
        unframer.authenticated()
        await self._talk(line, unframer, b"")

    # Lines that others open

    async def _accept(self, listener: trio.socket.SocketType) -> None:
        assert self._nursery is not None, "it runs"
        while True:
            try:
                found, pair = await listener.accept()
            except OSError:
                # No descriptor is left, or the other side has gone already.
                await trio.sleep(0.05)
                continue
            address = address_of(pair)
            if address is None or self._others >= self._most:
                self.counters["lines_refused"] += 1
                found.close()
                continue
            self._others += 1
            line = Line(address, trio.SocketStream(found))
            self._nursery.start_soon(self._run_theirs, line)

    async def _run_theirs(self, line: Line) -> None:
        """Serve a line to its end; whatever comes on it ends nothing else."""
        self._lines[line.address] = line
        try:
            with line.scope, suppress(OSError, trio.BrokenResourceError):
                await self._serve_theirs(line)
        except (BadPacket, trio.TooSlowError):
            self.counters["bad_frames"] += 1
        finally:
            self._others -= 1
            if self._lines.get(line.address) is line:
                del self._lines[line.address]

    async def _serve_theirs(self, line: Line) -> None:
        assert line.stream is not None, "it was accepted"
        unframer, first = Unframer(self.is_known), b""
        async with line.stream:
            with trio.fail_after(CONNECT_S):
                first = await _first_packet(line.stream, unframer)
            if not first:
                return
            if first[:4] in KINDS:
                await self._talk(line, unframer, first)
            elif self.admit is not None:
                await self.admit(line, first, unframer)

    # What both have

    async def _talk(self, line: Line, unframer: Unframer, first: bytes) -> None:
        """Carry packets both ways until either side ends."""
        assert line.stream is not None, "it is connected"

        def take(packet: bytes) -> None:
            assert self._receive is not None, "it runs"
            if self._receive(line.address, packet):
                unframer.authenticated()

        async with line.stream, trio.open_nursery() as nursery:
            nursery.start_soon(self._write, line, nursery.cancel_scope)
            try:
                await line.read(unframer, first, take)
            except BadPacket:
                self.counters["bad_frames"] += 1
            except (OSError, trio.BrokenResourceError):
                pass
            nursery.cancel_scope.cancel()

    async def _write(self, line: Line, scope: trio.CancelScope) -> None:
        try:
            await line.write()
        except (OSError, trio.BrokenResourceError):
            self._tell_failed(line.address)
        scope.cancel()

    def _tell_failed(self, address: Address) -> None:
        if self._failed is not None:
            self._failed(address)


async def _connected(address: Address) -> trio.SocketStream:
    """Return a stream to an address; raises what the system refuses."""
    found = trio.socket.socket(FAMILIES[len(address.host)], socket.SOCK_STREAM)
    try:
        await found.connect(pair_of(address))
    except BaseException:
        found.close()
        raise
    return trio.SocketStream(found)


async def _first_packet(stream: trio.SocketStream, unframer: Unframer) -> bytes:
    """Return the first packet; empty if the other side hangs up before."""
    while data := await stream.receive_some(READ_BYTES):
        for packet in unframer.receive(data):
            return packet
    return b""


async def open_line(address: Address) -> Line:
    """Return a line of our own for one purpose; raises what the system refuses."""
    return Line(address, await _connected(address))
