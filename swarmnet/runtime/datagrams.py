"""UDP on the underlay: a socket of each family, drained whole whenever it is ready."""

import errno
import select
import socket
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from time import monotonic
from typing import Final

import trio

from swarmnet.errors import Refused
from swarmnet.ids import Address
from swarmnet.runtime.moderation import Moderation
from swarmnet.runtime.rtnetlink import enlarge

BUFFER_BYTES: Final = 4 << 20
"""What the kernel may hold for a node that is busy elsewhere; it doubles it."""
DATAGRAM_BYTES_MAX: Final = 65_535
TOKEN_BYTES: Final = 16
PAIRS_MAX: Final = 4096
"""So many addresses are kept as sockets give and take them."""
DRAIN_MAX: Final = 128
"""So many are taken at a time."""
DRAINS_MAX: Final = 2
"""So often it is looked for more before others get a turn."""
FAMILIES: Final = {4: socket.AF_INET, 16: socket.AF_INET6}
_ANY: Final = {socket.AF_INET: "0.0.0.0", socket.AF_INET6: "::"}


class Datagrams:
    """The UDP sockets of one port. `close` them.

    `counters` says how many could not be sent, for whatever reason. A datagram that
    begins with a key of `awaited`, of `TOKEN_BYTES`, is counted there by its size, and
    handed to nobody.
    """

    def __init__(self, port: int) -> None:
        """Bind a port, of IPv4 and of IPv6 where the host has it.

        Raises:
            Refused: somebody has the port, or neither family is there.
        """
        self.counters = {"datagrams_unsent": 0}
        self.awaited: dict[bytes, Counter[int]] = {}
        self._sockets = {
            family: found
            for family in FAMILIES.values()
            if (found := bound(family, socket.SOCK_DGRAM, port)) is not None
        }
        for one in self._sockets.values():
            with suppress(OSError):
                enlarge(one, BUFFER_BYTES)
                one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)

    def close(self) -> None:
        for one in self._sockets.values():
            trio.lowlevel.notify_closing(one)
            one.close()

    def send(self, to: Address, data: bytes) -> None:
        """Send a datagram, or drop it: whoever waits for an answer has a timer."""
        found = self._sockets.get(FAMILIES[len(to.host)])
        try:
            if found is None:
                raise OSError
            found.sendto(data, pair_of(to))
        except OSError:
            self.counters["datagrams_unsent"] += 1

    async def run(
        self, receive: Callable[[Sequence[tuple[Address, bytes]]], object]
    ) -> None:
        """Hand over what comes in, a batch at a time, until cancelled."""
        async with trio.open_nursery() as nursery:
            for one in self._sockets.values():
                nursery.start_soon(self._run, one, receive)

    async def _run(
        self,
        one: socket.socket,
        receive: Callable[[Sequence[tuple[Address, bytes]]], object],
    ) -> None:
        readable = select.poll()
        readable.register(one, select.POLLIN)
        moderation = Moderation()
        next_s = 0.0
        while True:
            await _ready(one, readable, next_s - monotonic())
            # More has often come while a batch was taken: two answers to two pings.
            for _ in range(DRAINS_MAX):
                batch = _drained(one, readable)
                now = monotonic()
                next_s = now + moderation.interval_s(now, len(batch))
                if self.awaited:
                    batch = [one for one in batch if not self._counts(one[1])]
                if batch:
                    receive(batch)
                if not readable.poll(0):
                    break

    def _counts(self, data: bytes) -> bool:
        """Count a datagram that somebody awaits; return whether it is one."""
        found = self.awaited.get(data[:TOKEN_BYTES])
        if found is None:
            return False
        found[len(data)] += 1
        return True


async def _ready(one: socket.socket, readable: select.poll, pause_s: float) -> None:
    """Wait until there is something to take, and as long before as a pause, if any.

    Raises:
        trio.ClosedResourceError: somebody closed it meanwhile.
    """
    if pause_s > 0:
        await trio.sleep(pause_s)
        if one.fileno() < 0:
            raise trio.ClosedResourceError
        if readable.poll(0):
            return
    await trio.lowlevel.wait_readable(one)


def _drained(one: socket.socket, readable: select.poll) -> list[tuple[Address, bytes]]:
    """Take all that is there; `readable` says whether there is more.

    To ask that costs a fifth of the exception by which a socket says that it is empty.
    """
    found: list[tuple[Address, bytes]] = []
    for _ in range(DRAIN_MAX):
        try:
            data, source = one.recvfrom(DATAGRAM_BYTES_MAX)
        except BlockingIOError:
            # The kernel says that there is one before it has looked at the checksum.
            break
        except OSError:
            # What an earlier datagram met on its way, told by ICMP.
            continue
        address = address_of(source)
        if address is not None:
            found.append((address, data))
        if not readable.poll(0):
            break
    return found


def bound(
    family: socket.AddressFamily, kind: socket.SocketKind, port: int
) -> socket.socket | None:
    """Return a socket at a port of all addresses; None where the family is unknown.

    Raises:
        Refused: somebody has the port, or we may not.
    """
    try:
        found = socket.socket(family, kind | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    except OSError:
        return None
    try:
        if family == socket.AF_INET6:
            found.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if kind == socket.SOCK_STREAM:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((_ANY[family], port))
    except OSError as error:
        found.close()
        if family == socket.AF_INET6 and port_is_unusable(error):
            return None
        name = "TCP" if kind == socket.SOCK_STREAM else "UDP"
        raise Refused(
            f"port {port} ({name}): {error.strerror}: end who has it, or name another"
            " with --advertise-addr IP:PORT"
        ) from None
    return found


def port_is_unusable(error: OSError) -> bool:
    """Return whether there is no IPv6 here, rather than somebody at the port."""
    return error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


@lru_cache(PAIRS_MAX)
def pair_of(address: Address) -> tuple[str, int]:
    """Return an address as sockets take it."""
    family = FAMILIES[len(address.host)]
    return (socket.inet_ntop(family, address.host), address.port)


@lru_cache(PAIRS_MAX)
def address_of(pair: tuple[object, ...]) -> Address | None:
    """Return an address as sockets give it, or None if it is none of ours.

    A link-local one would need its link besides.
    """
    host, port = pair[0], pair[1]
    if not isinstance(host, str) or not isinstance(port, int) or not 0 < port < 1 << 16:
        return None
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return Address(socket.inet_pton(family, host.partition("%")[0]), port)
    except OSError:
        return None
