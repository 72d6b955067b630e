"""What the kernel announces of a namespace's entries and ports, and when.

Both sides of a comparison are watched alike: a socket inside the namespace, and a
thread that notes the time at which each announcement is read.
"""

import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from ipaddress import ip_address
from pathlib import Path
from threading import Thread
from time import monotonic
from typing import Final

from benchmarks.clusters import until
from swarmnet.errors import BadPacket
from swarmnet.kernel.entry_codec import NUD_PERMANENT, decode_event_untrusted
from swarmnet.kernel.link_codec import decode_link_untrusted
from swarmnet.kernel.netlink import (
    AF_BRIDGE,
    RTM_DELNEIGH,
    RTM_NEWLINK,
    RTM_NEWNEIGH,
    split_untrusted,
)
from swarmnet.runtime.linux import run_in
from swarmnet.runtime.rtnetlink import DATAGRAM_BYTES, SOL_NETLINK, enlarge

NETLINK_ADD_MEMBERSHIP: Final = 1
GROUPS: Final = (1, 3)
"""RTNLGRP_LINK and RTNLGRP_NEIGH (linux/rtnetlink.h)."""
BUFFER_BYTES: Final = 4 << 20
WAKE_S: Final = 0.5
"""So often a watcher sees whether it is to end."""


class What(Enum):
    """What was put or removed."""

    NEIGHBOUR = "neighbour"
    FDB = "FDB"
    PORT = "port"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is there or gone: an IP address, a MAC, or a port's number."""

    what: What
    key: str
    is_there: bool


@dataclass(frozen=True, slots=True)
class Pair:
    """The two entries that a kernel needs to reach an endpoint elsewhere."""

    ip: str
    mac: str

    def changes(self, *, is_there: bool) -> tuple[Change, Change]:
        """Return what is announced when they come, or go."""
        neighbour = Change(What.NEIGHBOUR, self.ip, is_there)
        return neighbour, Change(What.FDB, self.mac, is_there)


def read_untrusted(datagram: bytes) -> Iterator[Change]:
    """Yield the entries and ports that a datagram tells of.

    Entries are those that somebody put: permanent neighbours, and FDB entries that
    lead to another host. What a bridge has learned is none, and a miss is none.

    Raises:
        BadPacket: on the way, where a length goes astray.
    """
    for kind, _, _, start, end in split_untrusted(datagram):
        body = datagram[start:end]
        if kind == RTM_NEWLINK:
            found = decode_link_untrusted(body)
            if found is not None and found.master_index is not None:
                yield Change(What.PORT, str(found.index), is_there=True)
        if kind not in (RTM_NEWNEIGH, RTM_DELNEIGH):
            continue
        event, is_there = decode_event_untrusted(kind, body), kind == RTM_NEWNEIGH
        if event.family == AF_BRIDGE:
            is_put = event.dst is not None and event.state & NUD_PERMANENT
            if is_put and event.mac is not None:
                yield Change(What.FDB, event.mac.hex(":"), is_there)
        elif event.ip is not None and (not is_there or event.state & NUD_PERMANENT):
            yield Change(What.NEIGHBOUR, str(ip_address(event.ip)), is_there)


class Seen:
    """What was announced, each with the time, in s of the monotonic clock."""

    def __init__(self) -> None:
        self.told: list[tuple[float, Change]] = []
        self._ports: set[str] = set()

    def take(self, at: float, datagram: bytes) -> None:
        """Note what a datagram tells; a port but once, when it becomes one."""
        with suppress(BadPacket):
            self.told += [
                (at, one) for one in read_untrusted(datagram) if self._is_new(one)
            ]

    def _is_new(self, change: Change) -> bool:
        if change.what is not What.PORT:
            return True
        known = len(self._ports)
        self._ports.add(change.key)
        return len(self._ports) > known

    def first(self, change: Change, since: float) -> float | None:
        """Return when something was announced first, from a time on."""
        found = (at for at, one in list(self.told) if at >= since and one == change)
        return next(found, None)

    def port(self, since: float) -> float | None:
        """Return when a first port was there, from a time on."""
        ports = (
            at for at, one in list(self.told) if at >= since and one.what is What.PORT
        )
        return next(ports, None)

    def moved(self, pair: Pair, since: float, *, is_there: bool) -> float | None:
        """Return when both entries had come, or gone; None: not yet."""
        times = [self.first(one, since) for one in pair.changes(is_there=is_there)]
        known = [at for at in times if at is not None]
        return max(known) if len(known) == len(times) else None

    def holds(self, pair: Pair) -> bool:
        """Say whether both entries are there, by the last word on each."""
        last = {(one.what, one.key): one.is_there for _, one in list(self.told)}
        return all(
            last.get((one.what, one.key), False) for one in pair.changes(is_there=True)
        )


class Watch:
    """Follows the announcements of a namespace. `close` it."""

    def __init__(self, namespace: str) -> None:
        """Listen from now on."""
        with Path(namespace).open("rb") as place:
            self._socket = run_in(place.fileno(), _listening)
        self.seen = Seen()
        self._is_closed = False
        self._thread = Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while not self._is_closed:
            # It wakes now and then; what was lost, for want of room, did not come.
            with suppress(OSError):
                datagram = self._socket.recv(DATAGRAM_BYTES)
                self.seen.take(monotonic(), datagram)

    def close(self) -> None:
        self._is_closed = True
        self._thread.join()
        self._socket.close()

    def wait(
        self, pair: Pair, since: float, within_s: float, *, is_there: bool
    ) -> float:
        """Return when both entries had come, or gone, once they have.

        Raises:
            RuntimeError: they have not within that time.
        """
        moved = self.seen.moved
        what = f"{pair.ip} {'there' if is_there else 'gone'}"
        until(what, lambda: moved(pair, since, is_there=is_there) is not None, within_s)
        found = moved(pair, since, is_there=is_there)
        assert found is not None, "it was there just now"
        return found


def _listening() -> socket.socket:
    kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC
    sock = socket.socket(socket.AF_NETLINK, kind, socket.NETLINK_ROUTE)
    enlarge(sock, BUFFER_BYTES)
    sock.bind((0, 0))
    for group in GROUPS:
        sock.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)
    sock.settimeout(WAKE_S)
    return sock
