"""HTTP/1.1 on a socket: JSON in, JSON out, one request after the other.

h11 reads and writes the protocol. A client that hangs up while its request is served
gives it up: the handler is cancelled, and undoes what it had begun.
"""

import grp
import json
import logging
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Final

import h11
import trio

from swarmnet.errors import Refused

GROUP: Final = "swarmnet"
READ_BYTES: Final = 65_536
BACKLOG: Final = 128

log = logging.getLogger("swarmnet")

HUNG_UP: Final = (
    *(h11.RemoteProtocolError, h11.LocalProtocolError, OSError),
    *(trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError),
)
"""What comes of a client that is gone, too slow, or speaks something else."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What clients may take: how many at once, in bytes of a body, and in seconds.

    `request_s` is for a request to come whole once it has begun, and for an answer to
    be taken; `idle_s` for the next bytes to come.
    """

    clients_max: int
    request_s: float
    idle_s: float
    body_max: int


FRIENDS: Final = Bounds(1 << 16, request_s=inf, idle_s=600.0, body_max=1 << 20)
"""Who may open the socket may do all else as well."""


class Unserved(Exception):
    """A request that is not carried out; `status` says why, `line` to people."""

    def __init__(self, status: int, line: str) -> None:
        super().__init__(line)
        self.status = status
        self.line = line


@dataclass(frozen=True, slots=True)
class Request:
    """A request: its method, its path without the query, and its body as JSON."""

    method: str
    path: str
    body: object


@dataclass(frozen=True, slots=True)
class Plain:
    """An answer that is no JSON."""

    data: bytes
    content_type: str


Lines = AsyncIterator[object]
"""An answer that goes on: one JSON object a line."""
Answer = object | Lines
Serve = Callable[[Request], Awaitable[Answer]]
"""Carries a request out; raises Unserved, or Refused where that says it all."""


def listen(path: Path) -> socket.socket:
    """Return a socket that listens at a path, for root and the group `swarmnet`.

    Raises:
        Refused: it cannot be made.
    """
    found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        with suppress(FileNotFoundError):
            path.unlink()
        before = os.umask(0o177)
        try:
            _bind(found, path)
        finally:
            os.umask(before)
        # Without the group, or where a user namespace has none of its number.
        with suppress(KeyError, OSError):
            os.chown(path, -1, grp.getgrnam(GROUP).gr_gid)
        path.chmod(0o660)
        found.listen(BACKLOG)
    except OSError as error:
        found.close()
        raise Refused(
            f"socket {path}: {error.strerror}: name another with --run-dir"
        ) from None
    return found


def _bind(found: socket.socket, path: Path) -> None:
    """Bind a path of any length: the kernel takes 107 bytes (unix(7))."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        found.bind(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)


async def serve_http(
    listener: socket.socket, serve: Serve, bounds: Bounds = FRIENDS
) -> None:
    """Serve all that connect, until cancelled."""
    sock = trio.socket.from_stdlib_socket(listener)
    room = trio.CapacityLimiter(bounds.clients_max)
    async with trio.open_nursery() as nursery:
        while True:
            try:
                found, _ = await sock.accept()
            except OSError:
                await trio.sleep(0.05)
                continue
            client = _Client(trio.SocketStream(found), bounds)
            try:
                room.acquire_on_behalf_of_nowait(client)
            except trio.WouldBlock:
                found.close()
                continue
            nursery.start_soon(_serve_client, client, serve, room)


async def _serve_client(
    client: "_Client", serve: Serve, room: trio.CapacityLimiter
) -> None:
    try:
        async with client.stream:
            await client.serve_all(serve)
    finally:
        room.release_on_behalf_of(client)


class _Client:
    """One connection."""

    def __init__(self, stream: trio.SocketStream, bounds: Bounds) -> None:
        self.stream = stream
        self._bounds = bounds
        self._http = h11.Connection(h11.SERVER)
        self._whole_until = inf

    async def serve_all(self, serve: Serve) -> None:
        """Serve one request after the other until the client is gone."""
        with suppress(*HUNG_UP):
            while await self.serve_one(serve):
                pass

    async def serve_one(self, serve: Serve) -> bool:
        """Serve one request; return whether another may come."""
        try:
            request = await self._read()
        except Unserved as unserved:
            await self._respond(unserved.status, {"error": unserved.line})
            return False
        if request is None:
            return False
        answered = await self._watched(request, serve)
        if not answered or self._http.our_state is not h11.DONE:
            return False
        if self._http.their_state is not h11.DONE:
            return False
        self._http.start_next_cycle()
        self._whole_until = inf
        return True

    async def _watched(self, request: Request, serve: Serve) -> bool:
        """Carry a request out while its client is there; return whether it was."""
        is_there = True
        async with trio.open_nursery() as nursery:

            async def watch() -> None:
                nonlocal is_there
                # Who waits for an answer sends nothing.
                await self._gone()
                is_there = False
                nursery.cancel_scope.cancel()

            nursery.start_soon(watch)
            try:
                await self._carry_out(request, serve)
            except HUNG_UP:
                is_there = False
            nursery.cancel_scope.cancel()
        return is_there

    async def _gone(self) -> None:
        """Wait until the client hangs up."""
        try:
            seen = await self.stream.socket.recv(1, socket.MSG_PEEK)
        except OSError:
            return
        if seen:
            # The next request came early, and waits for its turn.
            await trio.sleep_forever()

    async def _carry_out(self, request: Request, serve: Serve) -> None:
        try:
            answer = await serve(request)
        except Unserved as unserved:
            await self._respond(unserved.status, {"error": unserved.line})
        except Refused as refused:
            await self._respond(409, {"error": " ".join(str(refused).split())})
        except Exception:  # whatever it is, the node goes on
            log.exception("%s %s", request.method, request.path)
            line = "the agent failed: its log says how; please report it"
            await self._respond(500, {"error": line})
        else:
            if isinstance(answer, AsyncIterator):
                await self._stream_lines(answer)
            else:
                await self._respond(200, answer)

    async def _read(self) -> Request | None:
        """Return the next request, or None if there is none."""
        head: h11.Request | None = None
        body = b""
        while True:
            event = await self._next_event()
            match event:
                case h11.Request():
                    head = event
                case h11.Data():
                    body += bytes(event.data)
                    if len(body) > self._bounds.body_max:
                        most = self._bounds.body_max
                        raise Unserved(400, f"body: want {most} bytes at most")
                case h11.EndOfMessage() if head is not None:
                    return _request(head, body)
                case _:
                    return None

    async def _next_event(self) -> object:
        while True:
            event = self._http.next_event()
            if event is not h11.NEED_DATA:
                return event
            if self._http.they_are_waiting_for_100_continue:
                go_on = h11.InformationalResponse(status_code=100, headers=[])
                await self._send(go_on)
            now = trio.current_time()
            until = min(now + self._bounds.idle_s, self._whole_until)
            with trio.move_on_at(until) as scope:
                data = await self.stream.receive_some(READ_BYTES)
            if self._whole_until == inf:
                self._whole_until = trio.current_time() + self._bounds.request_s
            self._http.receive_data(b"" if scope.cancelled_caught else data)

    async def _respond(self, status: int, value: object) -> None:
        if isinstance(value, Plain):
            data, kind = value.data, value.content_type
        else:
            data, kind = (json.dumps(value) + "\n").encode(), "application/json"
        headers = [("Content-Type", kind), ("Content-Length", str(len(data)))]
        await self._send(
            h11.Response(status_code=status, headers=headers),
            h11.Data(data=data),
            h11.EndOfMessage(),
        )

    async def _stream_lines(self, lines: Lines) -> None:
        headers = [("Content-Type", "application/x-ndjson")]
        await self._send(h11.Response(status_code=200, headers=headers))
        async for value in lines:
            data = (json.dumps(value) + "\n").encode()
            await self._send(h11.Data(data=data))
        await self._send(h11.EndOfMessage())

    async def _send(self, *events: h11.Event) -> None:
        data = b"".join(self._http.send(event) or b"" for event in events)
        if data:
            with trio.fail_after(self._bounds.request_s):
                await self.stream.send_all(data)


def _request(head: h11.Request, body: bytes) -> Request:
    """Read a request's head and body.

    Raises:
        Unserved: the body is no JSON.
    """
    method = head.method.decode("ascii")
    path = head.target.decode("ascii", "replace").partition("?")[0]
    try:
        value = json.loads(body) if body.strip() else {}
    except (ValueError, RecursionError):
        raise Unserved(400, "body: no JSON: see docs/api.md") from None
    return Request(method, path, value)
