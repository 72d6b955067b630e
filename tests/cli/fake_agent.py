"""An agent that gives canned answers on a unix socket, and keeps what it was asked."""

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from typing import Any

WAIT_S = 10.0
"""A test that waits so long has failed."""


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    body: object = None


@dataclass(frozen=True)
class Raw:
    """Bytes that are sent as they are, after which the connection is closed.

    If it is held, then only once the client has gone. `rest` follows once `may_go` on.
    """

    data: bytes
    is_held: bool = False
    rest: bytes = b""
    may_go: threading.Event = field(default_factory=threading.Event)


@dataclass
class Silence:
    """No answer. `hung_up` is set once the client has gone."""

    hung_up: threading.Event = field(default_factory=threading.Event)


class FakeAgent:
    """Answers `{}` to what has no canned answer.

    An answer is a JSON value, a status and one, `Raw` or `Silence`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.asked: list[Asked] = []
        self.answer: object = {}
        self.was_asked = threading.Event()
        handler = type("Handler", (_Handler,), {"agent": self})
        self._server = ThreadingUnixStreamServer(str(path), handler)
        self._server.socket.listen(1)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.005,), daemon=True
        )
        self._thread.start()

    def refuse(self, status: int, error: str) -> None:
        self.answer = (status, {"error": error})

    def stop(self) -> None:
        """Hang up; the socket's file stays, as after a kill."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    agent: FakeAgent

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        data = self.rfile.read(length)
        body = json.loads(data) if data else None
        self.agent.asked.append(Asked(self.command, self.path, body))
        self.agent.was_asked.set()
        answer = self.agent.answer
        if isinstance(answer, Raw):
            self.wfile.write(answer.data)
            if answer.rest and answer.may_go.wait(WAIT_S):
                self.wfile.write(answer.rest)
            if answer.is_held:
                self.rfile.read()
        elif isinstance(answer, Silence):
            self.rfile.read()
            answer.hung_up.set()
        elif isinstance(answer, tuple):
            self._send(answer[0], answer[1])
        else:
            self._send(200, answer)

    do_GET = do_POST = do_DELETE = _serve  # noqa: N815

    def _send(self, status: int, value: object) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def address_string(self) -> str:
        return "a client"

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""
