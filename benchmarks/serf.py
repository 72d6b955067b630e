"""Agents of serf to measure beside: their start, and what they say by RPC.

The protocol is msgpack over TCP: a header `{Command, Seq}` and, for some, a body; the
answer is a header `{Seq, Error}` and, for some, a body (serf.io, "RPC Protocol").

Whom an agent holds dead it knows a second before its event of it: events of members
wait until there was none for a second, or for three (serf's agent, "coalesce"). So its
log is asked, which has it at once. User events come at once.
"""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from re import compile as pattern
from shutil import which
from typing import Any, Final

import msgpack

from benchmarks.clusters import WAIT_S, Switch, address_of, until
from benchmarks.debian import named
from swarmnet.runtime.linux import run_in

KEY_BYTES: Final = 32
PORT: Final = 7947
RPC: Final = ("127.0.0.1", 7373)
READ_BYTES: Final = 65_536
_FAILED: Final = pattern(r"serf: EventMemberFailed: (\S+)")
"""What an agent logs at the moment in which it holds a member dead."""


def name() -> str:
    """Return what serf is called, with its version."""
    return named("serf", "serf")


def said_missing(question: str) -> bool:
    """Return whether there is no serf here; if so, say so."""
    is_missing = which("serf") is None
    if is_missing:
        print(f"{question}: without serf: install serf", file=sys.stderr)
    return is_missing


def failed(line: str) -> str | None:
    """Return whom a line of an agent's log holds dead; None if nobody."""
    found = _FAILED.search(line)
    return None if found is None else found[1]


def start(
    switch: Switch, index: int, stack: ExitStack, *more: str
) -> "subprocess.Popen[bytes]":
    """Start an agent on a host; it is ended with the stack."""
    bind = f"-bind={address_of(index)}:{PORT}"
    process = switch.start(index, "serf", "agent", f"-node=n{index}", bind, *more)
    stack.callback(process.wait)
    stack.callback(process.kill)
    return process


class Rpc:
    """One connection to the agent of a host. `close` it."""

    def __init__(self, switch: Switch, index: int) -> None:
        """Connect, once the agent listens."""
        fd = switch.hosts[index]
        self._sock = run_in(fd, lambda: socket.socket(socket.AF_INET))
        self._sock.settimeout(WAIT_S)
        until(f"serf {index}", lambda: self._sock.connect_ex(RPC) == 0)
        self._unpacker = msgpack.Unpacker(raw=False, unicode_errors="replace")
        self._numbers = count()
        self.ask("handshake", {"Version": 1}, answers=False)

    def close(self) -> None:
        self._sock.close()

    def ask(
        self, command: str, body: dict[str, Any] | None = None, *, answers: bool = True
    ) -> Any:
        """Return what the agent answers: the body, if the command `answers` by one.

        Raises:
            RuntimeError: it refused.
        """
        header = {"Command": command, "Seq": next(self._numbers)}
        parts = [header] if body is None else [header, body]
        self._sock.sendall(b"".join(map(msgpack.packb, parts)))
        error = self._next()["Error"]
        if error:
            raise RuntimeError(f"serf {command}: {error}")
        return self._next() if answers else None

    def told(self) -> Iterator[str]:
        """Yield the names of user events as they come, until the agent hangs up."""
        for event in self._stream("stream", {"Type": "user"}):
            yield str(event["Name"])

    def failures(self) -> Iterator[str]:
        """Yield whom the agent holds dead as it does so, until it hangs up.

        Those that stand in its log already come first.
        """
        for line in self._stream("monitor", {"LogLevel": "INFO"}):
            name = failed(str(line["Log"]))
            if name is not None:
                yield name

    def _stream(self, command: str, body: dict[str, Any]) -> Iterator[Any]:
        self.ask(command, body, answers=False)
        self._sock.settimeout(None)
        while True:
            try:
                self._next()
                yield self._next()
            except OSError:
                return

    def alive(self) -> int:
        """Return how many members the agent sees alive."""
        told = self.ask("stats")["serf"]
        return int(told["members"]) - int(told["failed"]) - int(told["left"])

    def _next(self) -> Any:
        while True:
            try:
                return self._unpacker.unpack()
            except msgpack.OutOfData:
                data = self._sock.recv(READ_BYTES)
                if not data:
                    raise ConnectionError("serf has hung up") from None
                self._unpacker.feed(data)
