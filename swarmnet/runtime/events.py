"""What the kernel announces of the namespaces that we watch, as an async stream.

One socket in the host's namespace hears of all others that have an id there
(NETLINK_LISTEN_ALL_NSID). A kernel that lacks that gets one socket in each namespace.

Every announcement costs whoever causes it and whoever hears it, so a filter in the
kernel lets pass only the kinds that we act on; while we program thousands of entries
ourselves (`quiet`) it keeps back those too. What was lost or kept back is found by
reading the namespace.
"""

import errno
import os
import select
import socket
import struct
import sys
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from ctypes import addressof, create_string_buffer
from dataclasses import dataclass
from typing import Final

import trio

from swarmnet.errors import BadPacket
from swarmnet.kernel.address_codec import (
    NO_NSID,
    FoundAddress,
    FoundRoute,
    decode_address_untrusted,
    decode_nsid_untrusted,
    decode_route_untrusted,
    get_nsid,
    set_nsid,
)
from swarmnet.kernel.entry_codec import NeighbourEvent, decode_event_untrusted
from swarmnet.kernel.intruder_codec import (
    RTM_DELQDISC,
    RTM_DELRULE,
    RTM_NEWQDISC,
    RTM_NEWRULE,
)
from swarmnet.kernel.link_codec import FoundLink, decode_link_untrusted
from swarmnet.kernel.netlink import (
    RTM_DELADDR,
    RTM_DELLINK,
    RTM_DELNEIGH,
    RTM_DELROUTE,
    RTM_GETNEIGH,
    RTM_NEWADDR,
    RTM_NEWLINK,
    RTM_NEWNEIGH,
    RTM_NEWNSID,
    RTM_NEWROUTE,
    split_untrusted,
)
from swarmnet.kernel.state import HOST
from swarmnet.runtime.kernel import Kernel
from swarmnet.runtime.linux import run_in
from swarmnet.runtime.rtnetlink import SOL_NETLINK, Rtnetlink, enlarge

NETLINK_ADD_MEMBERSHIP: Final = 1
NETLINK_LISTEN_ALL_NSID: Final = 8
SO_ATTACH_FILTER: Final = 26
GROUPS: Final = (1, 3, 4, 5, 7, 8, 9, 11, 19)
"""RTNLGRP_LINK, NEIGH, TC, IPV4_IFADDR, IPV4_ROUTE, IPV4_RULE, IPV6_IFADDR, IPV6_ROUTE,
IPV6_RULE."""
RECEIVE_BUFFER_BYTES: Final = 4 << 20
DATAGRAM_BYTES: Final = 64 << 10
ROUND_MAX: Final = 256
"""Datagrams taken before others get a turn."""

LINKS: Final = (RTM_NEWLINK, RTM_DELLINK)
ENTRIES: Final = (RTM_NEWNEIGH, RTM_DELNEIGH, RTM_GETNEIGH)
ADDRESSES: Final = (RTM_NEWADDR, RTM_DELADDR)
ROUTES: Final = (RTM_NEWROUTE, RTM_DELROUTE)
INTRUDERS: Final = (RTM_NEWRULE, RTM_DELRULE, RTM_NEWQDISC, RTM_DELQDISC)
"""Of these the kind alone is told."""
LOUD: Final = (*LINKS, *ENTRIES, *ADDRESSES, *ROUTES, *INTRUDERS)
QUIET: Final = tuple(kind for kind in LOUD if kind != RTM_NEWNEIGH)

What = FoundLink | NeighbourEvent | FoundAddress | FoundRoute


@dataclass(frozen=True, slots=True)
class Changed:
    """Something changed in a namespace; `kind` is RTM_NEW…, RTM_DEL… or RTM_GETNEIGH.

    `what` is None where only the kind is known. The last is a miss, not a change.
    """

    namespace: str
    kind: int
    what: What | None


@dataclass(frozen=True, slots=True)
class Overrun:
    """Announcements about a namespace were lost: read it."""

    namespace: str


Event = Changed | Overrun


def filter_program(kinds: tuple[int, ...]) -> bytes:
    """Return the classic BPF program that lets pass these kinds of messages.

    The kind stands at byte 4, in the machine's order; BPF loads it as big-endian.
    """
    load, equals, result = 0x28, 0x15, 0x06
    program = [(load, 0, 0, 4)]
    for i, kind in enumerate(kinds):
        turned = kind if sys.byteorder == "big" else socket.htons(kind)
        program.append((equals, len(kinds) - i, 0, turned))
    program += [(result, 0, 0, 0), (result, 0, 0, 0xFFFFFFFF)]
    return b"".join(struct.pack("=HBBI", *one) for one in program)


def _attach(sock: socket.socket, kinds: tuple[int, ...]) -> None:
    program = filter_program(kinds)
    buffer = create_string_buffer(program, len(program))
    # struct sock_fprog: a count, and a pointer to what the kernel copies at once.
    value = struct.pack("@HP", len(program) // 8, addressof(buffer))
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, value)


def _open_socket(kinds: tuple[int, ...], *, hears_all: bool) -> socket.socket:
    kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
    sock = socket.socket(socket.AF_NETLINK, kind, socket.NETLINK_ROUTE)
    try:
        enlarge(sock, RECEIVE_BUFFER_BYTES)
        if hears_all:
            sock.setsockopt(SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, 1)
        _attach(sock, kinds)
        sock.bind((0, 0))
        for group in GROUPS:
            sock.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)
    except OSError:
        sock.close()
        raise
    return sock


def _what(kind: int, body: bytes) -> What | None:
    if kind in INTRUDERS:
        return None
    if kind in LINKS:
        return decode_link_untrusted(body)
    if kind in ENTRIES:
        return decode_event_untrusted(kind, body)
    if kind in ADDRESSES:
        return decode_address_untrusted(body)
    return decode_route_untrusted(body)


class Events:
    """Announcements, in the order in which they came. One task iterates.

    What happened before `watch` is not told: watch first, then read.
    """

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._poll = select.epoll()
        self._sockets: dict[int, tuple[socket.socket, str | None]] = {}
        self._by_nsid: dict[int, str] = {}
        self._watched: dict[str, int] = {}
        self._pending: deque[Event] = deque()
        self._quiets = 0
        self._asker: Rtnetlink | None = None
        host = kernel.open(HOST)
        try:
            # A kernel before 4.2 hears of one namespace at a time.
            with suppress(OSError):
                self._listen(host, None)
                self._asker = Rtnetlink(host)
        finally:
            os.close(host)

    def _listen(self, namespace: int, key: str | None) -> int:
        """Open a socket in a namespace, for that one or (None) for all."""
        kinds = QUIET if self._quiets else LOUD
        sock = run_in(namespace, lambda: _open_socket(kinds, hears_all=key is None))
        self._sockets[sock.fileno()] = sock, key
        self._poll.register(sock.fileno(), select.EPOLLIN)
        return sock.fileno()

    def watch(self, namespace: str) -> None:
        """Tell of a namespace from now on.

        Raises:
            OSError: There is no such namespace, or no descriptor is left.
        """
        if namespace in self._watched:
            self.unwatch(namespace)
        if namespace == HOST and self._asker is not None:
            self._by_nsid[NO_NSID] = HOST
            self._watched[HOST] = NO_NSID
            return
        fd = self._kernel.open(namespace)
        try:
            nsid = self._nsid(fd)
            if nsid == NO_NSID:
                self._watched[namespace] = self._listen(fd, namespace)
                return
        finally:
            os.close(fd)
        self._by_nsid[nsid] = namespace
        self._watched[namespace] = nsid

    def namespace_of(self, told: list[tuple[int, int, bytes]]) -> str | None:
        """Return which namespace a datagram to the host comes from, if it is watched.

        `told` is what came beside it, of a socket that hears all namespaces.
        """
        return self._by_nsid.get(_nsid_of(told))

    def _nsid(self, fd: int) -> int:
        """Return the id that a namespace has in the host's, or NO_NSID."""
        if self._asker is None:
            return NO_NSID
        # EEXIST: it has one.
        answers = self._asker.ask([set_nsid(fd), get_nsid(fd)])[1]
        for datagram in answers:
            for kind, _, _, start, end in split_untrusted(datagram):
                if kind == RTM_NEWNSID:
                    return decode_nsid_untrusted(datagram[start:end])
        return NO_NSID

    def unwatch(self, namespace: str) -> None:
        """Tell of a namespace no more, though it be gone."""
        number = self._watched.pop(namespace, None)
        if number is None:
            return
        if self._by_nsid.get(number) == namespace:
            del self._by_nsid[number]
        elif self._sockets.get(number, (None, None))[1] == namespace:
            self._poll.unregister(number)
            self._sockets.pop(number)[0].close()

    def quiet(self) -> None:
        """Hear of no entry that is put, until as many calls of `loud`.

        What others put meanwhile is not told; what they delete is.
        """
        self._quiets += 1
        self._filter()

    def loud(self) -> None:
        """Hear of everything again."""
        assert self._quiets, "quiet was not called"
        self._quiets -= 1
        self._filter()

    def _filter(self) -> None:
        for sock, _ in self._sockets.values():
            _attach(sock, QUIET if self._quiets else LOUD)

    def close(self) -> None:
        trio.lowlevel.notify_closing(self._poll.fileno())
        for sock, _ in self._sockets.values():
            sock.close()
        self._sockets.clear()
        self._poll.close()
        if self._asker is not None:
            self._asker.close()

    def __aiter__(self) -> "Events":
        return self

    async def __anext__(self) -> Event:
        while not self._pending:
            await trio.lowlevel.wait_readable(self._poll.fileno())
            for fd, _ in self._poll.poll(0):
                self._receive(*self._sockets[fd])
        return self._pending.popleft()

    def _receive(self, sock: socket.socket, key: str | None) -> None:
        """Take what a socket has, at most a round's worth."""
        for _ in range(ROUND_MAX):
            try:
                data, told, _, _ = sock.recvmsg(DATAGRAM_BYTES, 64)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                lost = (*self._by_nsid.values(),) if key is None else (key,)
                self._pending.extend(Overrun(one) for one in lost)
                continue
            namespace = self.namespace_of(told) if key is None else key
            if namespace is not None:
                self._pending.extend(_read(data, namespace))


def _nsid_of(told: list[tuple[int, int, bytes]]) -> int:
    """Return where a datagram comes from; the socket's own namespace is not named."""
    for level, kind, data in told:
        if (level, kind) == (SOL_NETLINK, NETLINK_LISTEN_ALL_NSID):
            return int.from_bytes(data[:4], sys.byteorder, signed=True)
    return NO_NSID


def _read(datagram: bytes, namespace: str) -> Iterator[Changed]:
    """Yield what a datagram announces; of what cannot be read, the kind alone."""
    with suppress(BadPacket):
        for kind, _, _, start, end in split_untrusted(datagram):
            yield from _changed(namespace, kind, datagram[start:end])


def _changed(namespace: str, kind: int, body: bytes) -> Iterator[Changed]:
    try:
        what = _what(kind, body)
    except BadPacket:
        yield Changed(namespace, kind, None)
        return
    # An address of another family, a route of another table: nothing that we look at.
    if what is not None or kind in LINKS or kind in INTRUDERS:
        yield Changed(namespace, kind, what)


@asynccontextmanager
async def open_events(kernel: Kernel) -> AsyncIterator[Events]:
    """Open the stream of announcements, which watches nothing yet.

    Raises:
        OSError: No descriptor is left.
    """
    events = Events(kernel)
    try:
        yield events
    finally:
        events.close()
