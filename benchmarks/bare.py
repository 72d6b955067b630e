"""rtnetlink with nothing around it: the least that the same work costs in Python.

It believes what it is told: an error raises, the layouts are those of one kernel and of
IPv4. `with_pyroute2` gives the library that others take.
"""

import os
import socket
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from importlib.util import find_spec
from struct import Struct
from typing import Any, Final, TypeVar

from swarmnet.kernel.link_codec import get_link
from swarmnet.kernel.netlink import Request, encode
from swarmnet.runtime.linux import run_in

T = TypeVar("T")
Pairs = Sequence[tuple[bytes, bytes]]
"""(key, value) of entries: (MAC, VTEP), or (IP, MAC)."""

BARE: Final = "bare messages"
PYROUTE2: Final = "pyroute2"
NEWNEIGH, GETNEIGH = 28, 30
NLMSG_ERROR, NLMSG_DONE = 2, 3
DUMP: Final = 0x301
PUT: Final = 0x501
ACK: Final = 4
AF_INET, AF_BRIDGE = 2, 7
SEND_COUNT: Final = 64
DATAGRAM_BYTES: Final = 1 << 16
SOL_NETLINK, EXT_ACK, STRICT = 270, 11, 12

_FDB: Final = Struct("=IHHIIBxxxiHBBHH6s2xHH4s")
_NEIGHBOUR: Final = Struct("=IHHIIBxxxiHBBHH4sHH6s2x")
_DUMP: Final = Struct("=IHHIIBxxxiHBB")
_FILTER: Final = Struct("=HHi")
_ERROR: Final = Struct("=i")
_HEAD: Final = Struct("=IHH")
_INDEX: Final = Struct("=20xi")


def _open() -> socket.socket:
    kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC
    made = socket.socket(socket.AF_NETLINK, kind, 0)
    for option in (EXT_ACK, STRICT):
        made.setsockopt(SOL_NETLINK, option, 1)
    made.bind((0, 0))
    return made


class Bare:
    """A socket in a namespace."""

    def __init__(self, namespace: int | None) -> None:
        """Open it there; None: where the calling thread is."""
        self._socket = _open() if namespace is None else run_in(namespace, _open)

    def close(self) -> None:
        self._socket.close()

    def send(self, messages: Iterable[bytes]) -> None:
        """Send messages together, and wait for the end of the last."""
        data = bytearray().join(messages)
        self._socket.send(data)
        while True:
            answer = self._socket.recv(DATAGRAM_BYTES)
            if _HEAD.unpack_from(answer)[1] != NLMSG_ERROR:
                continue
            error = -_ERROR.unpack_from(answer, 16)[0]
            if error:
                raise OSError(error, os.strerror(error))
            return

    def ask(self, *requests: Request) -> None:
        """Send requests together; the last alone is answered if all is well."""
        last = len(requests) - 1
        self.send(encode(one, i, ack=i == last) for i, one in enumerate(requests))

    def index(self, name: str) -> int:
        """Return the index of a link."""
        self._socket.send(encode(get_link(name), 0, ack=False))
        index: int = _INDEX.unpack_from(self._socket.recv(DATAGRAM_BYTES))[0]
        return index

    def put_fdb(self, index: int, pairs: Pairs) -> None:
        """Put FDB entries of a VXLAN device."""
        pack, size = _FDB.pack, _FDB.size
        for start in range(0, len(pairs), SEND_COUNT):
            some = pairs[start : start + SEND_COUNT]
            last = len(some) - 1
            self.send(
                pack(
                    *(size, NEWNEIGH, PUT | ACK if i == last else PUT, i, 0),
                    *(AF_BRIDGE, index, 0xC0, 2, 0),
                    *(10, 2, mac, 8, 1, vtep),
                )
                for i, (mac, vtep) in enumerate(some)
            )

    def put_neighbours(self, index: int, pairs: Pairs) -> None:
        """Put permanent neighbours."""
        pack, size = _NEIGHBOUR.pack, _NEIGHBOUR.size
        for start in range(0, len(pairs), SEND_COUNT):
            some = pairs[start : start + SEND_COUNT]
            last = len(some) - 1
            self.send(
                pack(
                    *(size, NEWNEIGH, PUT | ACK if i == last else PUT, i, 0),
                    *(AF_INET, index, 0x80, 0, 0),
                    *(8, 1, ip, 10, 2, mac),
                )
                for i, (ip, mac) in enumerate(some)
            )

    def dump_fdb(self, index: int, nsid_bytes: int) -> dict[bytes, bytes]:
        """Return MAC -> VTEP; all entries are alike, with or without a namespace id."""
        request = _DUMP.pack(
            _DUMP.size, GETNEIGH, DUMP, 1, 0, AF_BRIDGE, index, 0, 0, 0
        )
        mac = 32 + nsid_bytes
        return self._dump(request, 68 + nsid_bytes, (mac, 6), (mac + 12, 4))

    def dump_neighbours(self, index: int) -> dict[bytes, bytes]:
        """Return IP -> MAC of IPv4 neighbours, all of them alike."""
        request = _DUMP.pack(_DUMP.size + 8, GETNEIGH, DUMP, 1, 0, AF_INET, 0, 0, 0, 0)
        request += _FILTER.pack(8, 8, index)
        return self._dump(request, 76, (32, 4), (40, 6))

    def _dump(
        self,
        request: bytes,
        size: int,
        key_at: tuple[int, int],
        value_at: tuple[int, int],
    ) -> dict[bytes, bytes]:
        """Return what messages of one size hold at fixed places: (offset, bytes)."""
        self._socket.send(request)
        head = _HEAD.unpack_from
        key, key_end = key_at[0], sum(key_at)
        value, value_end = value_at[0], sum(value_at)
        found: dict[bytes, bytes] = {}
        while True:
            data = self._socket.recv(DATAGRAM_BYTES)
            at = 0
            while at < len(data):
                length, kind, _ = head(data, at)
                if kind == NLMSG_DONE:
                    return found
                if length == size:
                    found[data[at + key : at + key_end]] = data[
                        at + value : at + value_end
                    ]
                at += length


def said_missing(question: str) -> bool:
    """Return whether pyroute2 is not here; if so, say that a question is skipped."""
    is_missing = find_spec(PYROUTE2) is None
    if is_missing:
        line = f"{question}: skipped: no {PYROUTE2}: install the extra 'dev'"
        print(line, file=sys.stderr)
    return is_missing


def with_pyroute2(namespace: int, function: Callable[[Any], T]) -> T:
    """Return `function` of an `IPRoute` in a namespace.

    Its own way into one forks this process; here it runs on a thread that is inside.
    """
    library = import_module("pyroute2")

    def run() -> T:
        with library.IPRoute() as routes:
            return function(routes)

    return run_in(namespace, run)
