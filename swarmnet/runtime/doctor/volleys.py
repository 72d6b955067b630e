"""Datagrams sent all at once, and which of them came back."""

import os
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from time import monotonic
from typing import Final

import trio

from swarmnet.cnm.endpoint import IP
from swarmnet.runtime.datagrams import TOKEN_BYTES
from swarmnet.runtime.doctor.echoing import (
    DATAGRAM_BYTES_MAX,
    HEADS,
    NUMBER_BYTES,
    TCP_BYTES,
)

APART_S: Final = 0.002
WAIT_S: Final = 1.0
"""So long a datagram may take, there and back."""
CONNECT_S: Final = 2.0

Pair = tuple[str, int]


class Volleys:
    """Sends to one echo, from a socket of `volleys.close`'s."""

    def __init__(self, token: bytes, sock: socket.socket, target: IP) -> None:
        self._token = token
        self._sock = trio.socket.from_stdlib_socket(sock)
        self._head = HEADS[target.version]
        self._host = str(target)
        self._number = 0

    def close(self) -> None:
        self._sock.close()

    async def send(
        self, port: int, sizes: Sequence[int], wait_s: float = WAIT_S
    ) -> Mapping[int, list[float]]:
        """Send packets of these sizes of IP; return the round trips, by size.

        The last is waited for `wait_s`.
        """
        sent: dict[bytes, tuple[int, float]] = {}
        came: dict[int, list[float]] = {}
        ended, is_all_sent = trio.Event(), False

        async def take() -> None:
            while True:
                with suppress(OSError):
                    data, _ = await self._sock.recvfrom(DATAGRAM_BYTES_MAX)
                    key = data[TOKEN_BYTES : TOKEN_BYTES + NUMBER_BYTES]
                    size, at = sent.pop(key, (0, 0.0))
                    if size and data[:TOKEN_BYTES] == self._token:
                        came.setdefault(size, []).append(monotonic() - at)
                    if is_all_sent and not sent:
                        ended.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(take)
            for size in sizes:
                self._number += 1
                key = self._number.to_bytes(NUMBER_BYTES, "big")
                head = self._token + key
                sent[key] = (size, monotonic())
                with suppress(OSError):
                    data = head.ljust(size - self._head, b"\0")
                    await self._sock.sendto(data, (self._host, port))
                await trio.sleep(APART_S)
            is_all_sent = True
            with trio.move_on_after(wait_s if sent else 0):
                await ended.wait()
            nursery.cancel_scope.cancel()
        return came


async def send_through(sock: socket.socket, target: Pair, token: bytes) -> str:
    """Exchange `TCP_BYTES` by TCP with an echo; return why that fails, or ""."""
    data = token.ljust(TCP_BYTES, b"\0")
    with trio.socket.from_stdlib_socket(sock) as trio_socket:
        try:
            with trio.fail_after(CONNECT_S):
                await trio_socket.connect(target)
                left = await _exchanged(trio.SocketStream(trio_socket), data)
        except trio.TooSlowError:
            return f"no end within {CONNECT_S:g} s"
        except OSError as error:
            return os.strerror(error.errno) if error.errno else str(error)
        except trio.BrokenResourceError as error:
            return str(error.__cause__ or error)
    return f"{left} of {len(data)} bytes are missing" if left else ""


async def _exchanged(stream: trio.SocketStream, data: bytes) -> int:
    """Send all, and return how much of it does not come back."""
    await stream.send_all(data)
    left = len(data)
    while left and (more := await stream.receive_some(left)):
        left -= len(more)
    return left
