"""The far side of an exchange through VXLAN: what comes to a sandbox is sent back.

Sockets are opened inside the sandbox's namespace, at its own address and a port of the
kernel's choice, and answer only what begins with the token of whoever asked for them;
so an exchange goes the whole way that the sandbox's own packets go.
"""

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import trio

from swarmnet.cnm.endpoint import IP
from swarmnet.runtime.datagrams import TOKEN_BYTES
from swarmnet.runtime.linux import run_in

LIVES_S: Final = 8.0
AGAIN_S: Final = 0.05
TCP_BYTES: Final = 64 << 10
DATAGRAM_BYTES_MAX: Final = 65_535
NUMBER_BYTES: Final = 4
IP_MTU_DISCOVER: Final = 10
IPV6_MTU_DISCOVER: Final = 23
IP_PMTUDISC_PROBE: Final = 3
"""DF on each packet, whatever size the kernel believes to fit (ip(7))."""
HEADS: Final = {4: 28, 6: 48}
"""What IP and UDP take of a packet, in bytes."""


def udp_socket(ip: IP) -> socket.socket:
    """Return a UDP socket at an address; its packets are never cut into fragments."""
    family = socket.AF_INET if ip.version == 4 else socket.AF_INET6
    found = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    try:
        if ip.version == 4:
            found.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE)
        else:
            level = socket.IPPROTO_IPV6
            found.setsockopt(level, IPV6_MTU_DISCOVER, IP_PMTUDISC_PROBE)
        found.bind((str(ip), 0))
    except OSError:
        found.close()
        raise
    return found


def within(fd: int, make: Callable[[], socket.socket]) -> socket.socket:
    """Open a socket inside a namespace, whose descriptor is closed."""
    try:
        return run_in(fd, make)
    finally:
        os.close(fd)


def listener(ip: IP) -> socket.socket:
    """Return a TCP socket that listens at an address."""
    family = socket.AF_INET if ip.version == 4 else socket.AF_INET6
    return socket.create_server((str(ip), 0), family=family, backlog=4)


def tcp_socket(ip: IP) -> socket.socket:
    """Return a TCP socket at an address, to connect from."""
    family = socket.AF_INET if ip.version == 4 else socket.AF_INET6
    found = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        found.bind((str(ip), 0))
    except OSError:
        found.close()
        raise
    return found


class Echo:
    """One exchange that is answered, for `LIVES_S` at most."""

    def __init__(self, token: bytes, udp: socket.socket, tcp: socket.socket) -> None:
        self.token = token
        self._udp = trio.socket.from_stdlib_socket(udp)
        self._tcp = trio.SocketListener(trio.socket.from_stdlib_socket(tcp))
        self.ports = udp.getsockname()[1], tcp.getsockname()[1]
        self._came: dict[int, dict[bytes, None]] = {}

    def came(self) -> dict[int, int]:
        """Return how many datagrams came, by their size."""
        return {size: len(numbers) for size, numbers in self._came.items()}

    def close(self) -> None:
        """Close what was never served."""
        self._udp.close()
        self._tcp.socket.close()

    async def serve(self) -> None:
        """Send back what comes, and close the sockets in the end."""
        with trio.move_on_after(LIVES_S):
            async with self._tcp, trio.open_nursery() as nursery:
                with self._udp:
                    nursery.start_soon(self._serve_tcp)
                    await self._serve_udp()

    async def _serve_udp(self) -> None:
        while True:
            try:
                data, source = await self._udp.recvfrom(DATAGRAM_BYTES_MAX)
                if data[:TOKEN_BYTES] != self.token:
                    continue
                number = data[TOKEN_BYTES : TOKEN_BYTES + NUMBER_BYTES]
                self._came.setdefault(len(data), {})[number] = None
                await self._udp.sendto(data, source)
            except OSError:
                # It is too large for the way back, or nobody is there any more.
                continue

    async def _serve_tcp(self) -> None:
        while True:
            with suppress(OSError, trio.BrokenResourceError):
                stream = await self._tcp.accept()
                async with stream:
                    await self._send_back(stream)
                continue
            # There may be no descriptor left: not so fast.
            await trio.sleep(AGAIN_S)

    async def _send_back(self, stream: trio.SocketStream) -> None:
        data = b""
        while len(data) < TCP_BYTES:
            more = await stream.receive_some(TCP_BYTES)
            data += more
            if not more or data[:TOKEN_BYTES] != self.token[: len(data)]:
                return
        await stream.send_all(data)
