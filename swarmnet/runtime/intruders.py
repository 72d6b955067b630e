"""Reads and removes what others put into a namespace of ours (`kernel.intruders`).

The kernel may lack any of it: then there is none.
"""

import errno
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from swarmnet.errors import BadPacket
from swarmnet.kernel.intruder_codec import (
    RTM_NEWQDISC,
    RTM_NEWRULE,
    decode_qdisc_untrusted,
    decode_rule_untrusted,
    dump_qdiscs,
    dump_rules,
    intruding_rules,
    mend_rule,
    remove_qdisc,
)
from swarmnet.kernel.intruders import AlienTable, Intruder, Qdisc, Rule
from swarmnet.kernel.netlink import (
    NLMSG_ERROR,
    Reply,
    Request,
    encode,
    part_untrusted,
    reply_untrusted,
    split_untrusted,
)
from swarmnet.kernel.state import Unreadable
from swarmnet.kernel.table_codec import (
    decode_tables_untrusted,
    dump_tables,
    remove_table,
)
from swarmnet.runtime.linux import run_in
from swarmnet.runtime.spaces import Denied, Space

NETLINK_NETFILTER: Final = 12
DATAGRAM_BYTES: Final = 64 << 10
TIMEOUT_S: Final = 20.0
LACKING: Final = (
    *(errno.EOPNOTSUPP, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT),
    *(errno.EINVAL, errno.ENOENT),
)
GONE: Final = (errno.ENOENT, errno.ENODEV, errno.ESRCH)
"""What is said when something is removed that is not there any more."""


def read_intruders(space: Space, links: Mapping[int, str]) -> Iterator[Intruder]:
    """Yield what others put into a namespace; `links` are its links, by index.

    Raises:
        Unreadable: It changed while it was read.
        BadPacket: What was told is not understood.
    """
    rules = [
        decode_rule_untrusted(body)
        for body in _bodies(space, dump_rules(), RTM_NEWRULE)
    ]
    yield from intruding_rules(rule for rule in rules if rule is not None)
    for body in _bodies(space, dump_qdiscs(), RTM_NEWQDISC):
        found = decode_qdisc_untrusted(body)
        if found is not None and found[0] in links:
            yield replace(found[1], link=links[found[0]])
    yield from run_in(space.fd, _list_tables)


def _bodies(space: Space, request: Request, kind: int) -> Iterator[bytes]:
    try:
        datagrams = space.dump(request)
    except Unreadable as error:
        why = error.__cause__
        if isinstance(why, OSError) and why.errno in LACKING:
            return
        raise
    for datagram in datagrams:
        for told, _, _, start, end in split_untrusted(datagram):
            if told == kind:
                yield datagram[start:end]


def mend_intruder(space: Space, intruder: Intruder) -> None:
    """Remove an intruder, or find it gone; restore what is missing.

    Raises:
        Denied: The kernel refuses.
    """
    match intruder:
        case Rule():
            _unless(lambda: space.demand(mend_rule(intruder)), *GONE, errno.EEXIST)
        case Qdisc(link):
            _unless(
                lambda: space.demand(remove_qdisc(space.index(link), intruder)),
                # So it is said of a root without one.
                *(*GONE, errno.EINVAL),
            )
        case AlienTable():
            _unless(lambda: run_in(space.fd, lambda: _remove_table(intruder)), *GONE)


def _unless(act: Callable[[], object], *well: int) -> None:
    try:
        act()
    except Denied as denied:
        if denied.error not in well:
            raise


def _open() -> socket.socket:
    kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC
    sock = socket.socket(socket.AF_NETLINK, kind, NETLINK_NETFILTER)
    sock.settimeout(TIMEOUT_S)
    sock.bind((0, 0))
    return sock


def _list_tables() -> list[AlienTable]:
    """Return the tables of the calling thread's namespace."""
    try:
        with _open() as sock:
            sock.send(encode(dump_tables(), 1, ack=False))
            datagrams = [sock.recv(DATAGRAM_BYTES)]
            while not part_untrusted(datagrams[-1]).is_last:
                datagrams.append(sock.recv(DATAGRAM_BYTES))
    except OSError as error:
        if error.errno in LACKING:
            return []
        raise Unreadable(f"tables: {error}") from error
    number = part_untrusted(datagrams[-1]).error
    if number and number not in LACKING:
        raise Unreadable(f"tables: {os.strerror(number)}")
    return list(decode_tables_untrusted(datagrams))


def _remove_table(table: AlienTable) -> None:
    """Remove a table of the calling thread's namespace."""
    requests = remove_table(table)
    messages = [encode(one, i, ack=i == 1) for i, one in enumerate(requests)]
    try:
        with _open() as sock:
            sock.send(b"".join(messages))
            reply = _first_reply(sock.recv(DATAGRAM_BYTES))
    except (OSError, BadPacket) as error:
        number = error.errno if isinstance(error, OSError) else None
        raise Denied(number or errno.EIO, f"no answer: {error}") from error
    if reply.error:
        raise Denied(reply.error, reply.message)


def _first_reply(datagram: bytes) -> Reply:
    """Return what became of the one request that asked, or of the whole batch."""
    for kind, flags, _, start, end in split_untrusted(datagram):
        if kind == NLMSG_ERROR:
            return reply_untrusted(datagram[start:end], flags)
    raise BadPacket("a reply is missing")
