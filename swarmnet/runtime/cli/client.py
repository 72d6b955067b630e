"""HTTP over the agent's unix socket: one request a connection.

The connection is closed whatever happens, and closing it before the answer gives the
command up at the agent.
"""

import errno
import json
import os
import select
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

from swarmnet.errors import Refused
from swarmnet.runtime.cli.answers import Json
from swarmnet.runtime.cli.http11 import (
    OK,
    CutShort,
    Head,
    NoHttp,
    lines,
    read_body,
    read_head,
    request,
)
from swarmnet.runtime.cli.outcomes import NoAgent, Silent
from swarmnet.runtime.cli.progress import wait_readable

SOCKET: Final = "api.sock"
CONNECT_S: Final = 5.0
"""An agent that takes no connection for so long is none."""
PATH_BYTES_MAX: Final = 107
"""A socket's path and its final null fill 108 bytes (unix(7))."""
START: Final = "start one by `swarmnet agent`, or name its directory by --run-dir"
CURES: Final = {
    errno.ENOENT: f"there is no such socket: {START}",
    errno.ENOTDIR: f"there is no such socket: {START}",
    errno.ECONNREFUSED: f"nobody listens there any more: {START}",
    errno.EACCES: "permission denied: be root, or in the group swarmnet",
    errno.EPERM: "permission denied: be root, or in the group swarmnet",
}
GONE: Final = (
    "the agent ended before it had answered; once it runs again, `swarmnet status`"
    " shows what was done"
)
RESTART: Final = "see its log (journalctl -u swarmnet), and systemctl restart swarmnet"
OTHER: Final = "the answer is not the agent's; does another program listen there?"


@contextmanager
def connected(run_dir: str, timeout_s: float | None = None) -> Iterator[socket.socket]:
    """Connect to the socket in a run directory.

    `timeout_s` bounds each wait for an answer; by default there is no bound.

    Raises:
        NoAgent: there is none, or it may not be spoken to; Silent: it did not answer
            in time.
        Refused: it ended, or what it said cannot be understood.
    """
    path = os.path.join(run_dir, SOCKET)
    within_s = min(CONNECT_S, timeout_s or CONNECT_S)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        try:
            _connect(sock, path, within_s)
        except BlockingIOError:
            cure = f"it takes no connection within {within_s:g} s: see its log"
            raise Silent(f"no agent at {path}: {cure}") from None
        except OSError as error:
            cure = CURES.get(error.errno or 0, f"{error.strerror or error}")
            raise NoAgent(f"no agent at {path}: {cure}") from None
        sock.settimeout(timeout_s)
        try:
            yield sock
        except (CutShort, ConnectionError):
            raise Refused(GONE) from None
        except TimeoutError:
            late = f"does not answer within {timeout_s:g} s"
            raise Silent(f"the agent at {path} {late}: {RESTART}") from None
        except NoHttp:
            raise Refused(OTHER) from None


def _connect(sock: socket.socket, path: str, timeout_s: float) -> None:
    """Connect to a socket, though its path be longer than an address may be.

    One that does not block is told EAGAIN as soon as many connect at once, so the
    kernel bounds the time, by that of a send (unix(7), socket(7)).
    """
    _bound_sends(sock, timeout_s)
    if len(os.fsencode(path)) <= PATH_BYTES_MAX:
        sock.connect(path)
    else:
        folder, name = os.path.split(path)
        fd = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            sock.connect(f"/proc/self/fd/{fd}/{name}")
        finally:
            os.close(fd)
    _bound_sends(sock, 0)


def _bound_sends(sock: socket.socket, timeout_s: float) -> None:
    """Bound how long a connect or a send may block; by 0: not at all."""
    whole_s = int(timeout_s)
    microseconds = int((timeout_s - whole_s) * 1_000_000)
    bound = struct.pack("@ll", whole_s, microseconds)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, bound)


def ask(
    sock: socket.socket,
    method: str,
    path: str,
    body: Json,
    waiting_for: str,
    *,
    begins: Callable[[], None] | None = None,
) -> Json:
    """Return what the agent answers; `begins`, if any, is called as soon as it does.

    Raises:
        Refused: it refused, or failed.
    """
    _send(sock, method, path, body)
    if sock.gettimeout() is None:
        wait_readable(sock, waiting_for)
    if begins is not None:
        select.select((sock,), (), (), sock.gettimeout())
        begins()
    with sock.makefile("rb") as source:
        head = read_head(source)
        return _answer(head, b"".join(read_body(source, head)))


def fetch(sock: socket.socket, path: str) -> bytes:
    """Return what the agent answers, as it is, whatever its status."""
    _send(sock, "GET", path, None)
    with sock.makefile("rb") as source:
        return b"".join(read_body(source, read_head(source)))


def listen(sock: socket.socket, path: str) -> Iterator[Json]:
    """Yield the JSON documents of a stream, one a line, until the agent ends it.

    Raises:
        Refused: it refused.
    """
    _send(sock, "GET", path, None)
    with sock.makefile("rb") as source:
        head = read_head(source)
        body = read_body(source, head)
        if head.status != OK:
            _answer(head, b"".join(body))
        for line in lines(body):
            yield _parsed(line)


def _send(sock: socket.socket, method: str, path: str, body: Json) -> None:
    data = None if body is None else json.dumps(body).encode()
    # The agent may have refused, and hung up, before it had read everything; then
    # its answer is there all the same.
    with suppress(BrokenPipeError):
        sock.sendall(request(method, path, data))


def _answer(head: Head, data: bytes) -> Json:
    if head.status == OK:
        return _parsed(data)
    try:
        found: object = json.loads(data)
    except ValueError:
        found = None
    error = found.get("error") if isinstance(found, dict) else None
    if isinstance(error, str) and error:
        raise Refused(error)
    raise Refused(
        f"the agent answered {head.status} {head.reason}; is it older than this"
        " command?"
    )


def _parsed(data: bytes) -> Json:
    try:
        found: Json = json.loads(data)
    except ValueError:
        raise NoHttp from None
    return found
