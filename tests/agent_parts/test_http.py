"""The control API's HTTP: requests, refusals, streams, and clients that hang up."""

import json
import socket
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from swarmnet.errors import Refused
from swarmnet.runtime.http import (
    FRIENDS,
    Answer,
    Bounds,
    Plain,
    Request,
    Unserved,
    listen,
    serve_http,
)

WAIT_S = 5.0


class Served:
    """Serves what tests ask for, and takes note of what became of it."""

    def __init__(self) -> None:
        self.seen: list[Request] = []
        self.given_up = trio.Event()

    async def serve(self, request: Request) -> Answer:
        self.seen.append(request)
        match request.path:
            case "/refused":
                raise Refused("name x: in use;\n choose another")
            case "/unserved":
                raise Unserved(404, "no such path")
            case "/bug":
                raise AssertionError("a programmer's mistake")
            case "/forever":
                try:
                    await trio.sleep_forever()
                finally:
                    self.given_up.set()
            case "/lines":
                return self.lines()
            case "/plain":
                return Plain(b"a 1\n", "text/plain")
        return {"path": request.path, "body": request.body}

    async def lines(self) -> AsyncIterator[object]:
        for number in range(3):
            yield {"number": number}


def run(
    tmp_path: Path, act: Callable[[Served, str], Any], bounds: Bounds = FRIENDS
) -> None:
    """Serve, and let `act` be a client."""

    async def main() -> None:
        served = Served()
        listener = listen(tmp_path / "api.sock")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve_http, listener, served.serve, bounds)
            with trio.fail_after(WAIT_S):
                await act(served, str(tmp_path / "api.sock"))
            nursery.cancel_scope.cancel()
        listener.close()

    trio.run(main)


async def exchanged(path: str, sent: bytes) -> bytes:
    """Return all that comes back until the other side hangs up."""
    async with await trio.open_unix_socket(path) as stream:
        await stream.send_all(sent)
        found = b""
        while data := await stream.receive_some():
            found += data
        return found


def request(method: str, path: str, body: bytes = b"") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    return head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body


def answer(data: bytes) -> tuple[int, Any]:
    head, _, body = data.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


@pytest.mark.parametrize(
    ("sent", "status", "value"),
    [
        (request("GET", "/a?b=c"), 200, {"path": "/a", "body": {}}),
        (request("POST", "/a", b'{"x": 1}'), 200, {"path": "/a", "body": {"x": 1}}),
        (request("GET", "/refused"), 409, {"error": "name x: in use; choose another"}),
        (request("GET", "/unserved"), 404, {"error": "no such path"}),
        (request("POST", "/a", b"{"), 400, {"error": "body: no JSON: see docs/api.md"}),
    ],
)
def test_a_request_gets_one_document(
    tmp_path: Path, sent: bytes, status: int, value: object
) -> None:
    async def act(_: Served, path: str) -> None:
        assert answer(await exchanged(path, sent)) == (status, value)

    run(tmp_path, act)


def test_a_bug_ends_one_request_alone(tmp_path: Path) -> None:
    async def act(_: Served, path: str) -> None:
        status, value = answer(await exchanged(path, request("GET", "/bug")))
        assert status == 500
        assert "its log says how" in value["error"]
        assert answer(await exchanged(path, request("GET", "/a")))[0] == 200

    run(tmp_path, act)


def test_one_connection_serves_several_requests(tmp_path: Path) -> None:
    async def act(served: Served, path: str) -> None:
        keep = b"GET /1 HTTP/1.1\r\nHost: x\r\n\r\n"
        data = await exchanged(path, keep + request("GET", "/2"))
        assert data.count(b"HTTP/1.1 200") == 2
        assert [one.path for one in served.seen] == ["/1", "/2"]

    run(tmp_path, act)


def test_a_stream_is_a_line_each(tmp_path: Path) -> None:
    async def act(_: Served, path: str) -> None:
        data = await exchanged(path, request("GET", "/lines"))
        assert data.count(b'{"number": ') == 3

    run(tmp_path, act)


def test_who_hangs_up_gives_the_command_up(tmp_path: Path) -> None:
    async def act(served: Served, path: str) -> None:
        stream = await trio.open_unix_socket(path)
        await stream.send_all(request("POST", "/forever"))
        while not served.seen:
            await trio.lowlevel.checkpoint()
        await stream.aclose()
        await served.given_up.wait()
        assert [one.path for one in served.seen] == ["/forever"]

    run(tmp_path, act)


@pytest.mark.parametrize(
    "sent", [b"\0\xff\n\n\n", b"GET\r\n\r\n", b"x" * 100_000, b"GET / HTTP/1.1\r\n\r\n"]
)
def test_what_is_no_http_ends_its_connection_alone(tmp_path: Path, sent: bytes) -> None:
    async def act(_: Served, path: str) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(_ignored, path, sent))
        assert answer(await exchanged(path, request("GET", "/a")))[0] == 200

    async def _ignored(path: str, data: bytes) -> None:
        with trio.move_on_after(0.2):
            try:
                await exchanged(path, data)
            except trio.BrokenResourceError:
                return

    run(tmp_path, act)


def test_a_body_beyond_the_bound_is_refused(tmp_path: Path) -> None:
    async def act(served: Served, path: str) -> None:
        head = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
        size = 2 * FRIENDS.body_max
        stream = await trio.open_unix_socket(path)
        async with stream, trio.open_nursery() as nursery:
            nursery.start_soon(_sent, stream, head % size + b" " * size)
            data = await stream.receive_some()
            nursery.cancel_scope.cancel()
        assert data.split()[1] == b"400"
        assert served.seen == []

    async def _sent(stream: trio.SocketStream, data: bytes) -> None:
        try:
            await stream.send_all(data)
        except trio.BrokenResourceError:
            return

    run(tmp_path, act)


def test_the_socket_is_for_its_owner_and_group_and_its_path_of_any_length(
    tmp_path: Path,
) -> None:
    folder = tmp_path / ("long" * 40)
    folder.mkdir()
    path = folder / "api.sock"
    path.touch()
    with listen(path):
        assert path.stat().st_mode & 0o777 == 0o660
        client = socket.socket(socket.AF_UNIX)
        with client, pytest.raises(OSError, match="too long"):
            client.connect(str(path))
    with pytest.raises(Refused, match="name another with --run-dir"):
        listen(tmp_path / "missing" / "api.sock")


def test_what_is_no_json_comes_as_it_is(tmp_path: Path) -> None:
    async def act(_: Served, path: str) -> None:
        sent = b"GET /plain HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        head, body = (await exchanged(path, sent)).split(b"\r\n\r\n", 1)
        assert b"Content-Type: text/plain\r\n" in head
        assert body == b"a 1\n"

    run(tmp_path, act)


STRICT = Bounds(clients_max=1, request_s=0.05, idle_s=60.0, body_max=0)


@pytest.mark.parametrize("begun", [b"G", b"GET /x HTTP/1.1\r\n"])
def test_who_does_not_come_to_an_end_is_hung_up_on(
    tmp_path: Path, begun: bytes
) -> None:
    async def act(served: Served, path: str) -> None:
        assert await exchanged(path, begun) == b""
        assert served.seen == []

    run(tmp_path, act, STRICT)


def test_one_more_than_there_may_be_is_hung_up_on(tmp_path: Path) -> None:
    async def act(_: Served, path: str) -> None:
        sent = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
        async with await trio.open_unix_socket(path) as first:
            await first.send_all(sent)
            assert (await first.receive_some()).startswith(b"HTTP/1.1 200")
            async with await trio.open_unix_socket(path) as second:
                assert await second.receive_some() == b""

    run(tmp_path, act, STRICT)


def test_a_body_where_none_may_be_is_refused(tmp_path: Path) -> None:
    async def act(served: Served, path: str) -> None:
        head = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n"
        assert (await exchanged(path, head + b"{}")).startswith(b"HTTP/1.1 400")
        assert served.seen == []

    run(tmp_path, act, STRICT)
