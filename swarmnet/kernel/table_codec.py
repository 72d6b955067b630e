"""Tables of nftables on the wire of nfnetlink: which there are, and their removal.

Only so much: what our own table says goes through `nft`. Changes come in batches, each
one transaction (linux/nfnetlink.h).
"""

from collections.abc import Iterable, Iterator
from struct import Struct
from typing import Final

from swarmnet.errors import BadPacket
from swarmnet.kernel.intruders import AlienTable
from swarmnet.kernel.netlink import (
    NLM_F_DUMP,
    Request,
    attribute_text,
    attributes_untrusted,
    split_untrusted,
    text_untrusted,
)

_SUBSYSTEM: Final = 10
"""NFNL_SUBSYS_NFTABLES."""
_NEW_TABLE: Final = _SUBSYSTEM << 8
_GET_TABLE: Final = _SUBSYSTEM << 8 | 1
_DELETE_TABLE: Final = _SUBSYSTEM << 8 | 2
_BEGIN: Final = 16
_END: Final = 17
_HEADER: Final = Struct("!BBH")
"""struct nfgenmsg: family, version, resource (of a batch: the subsystem)."""
_NAME: Final = 1


def dump_tables() -> Request:
    """Return the request for the tables of all families."""
    return Request(_GET_TABLE, NLM_F_DUMP, _HEADER.pack(0, 0, 0))


def decode_tables_untrusted(datagrams: Iterable[bytes]) -> Iterator[AlienTable]:
    """Yield the tables of a dump.

    Raises:
        BadPacket: it is cut off, or goes astray.
    """
    for datagram in datagrams:
        for kind, _, _, start, end in split_untrusted(datagram):
            if kind != _NEW_TABLE:
                continue
            if end - start < _HEADER.size:
                raise BadPacket("a table is cut off")
            found = attributes_untrusted(datagram[start + _HEADER.size : end])
            yield AlienTable(datagram[start], text_untrusted(found.get(_NAME, b"")))


def remove_table(table: AlienTable) -> list[Request]:
    """Return the batch that deletes a table, and all that is in it."""
    frame = _HEADER.pack(0, 0, _SUBSYSTEM)
    body = _HEADER.pack(table.family, 0, 0) + attribute_text(_NAME, table.name)
    return [
        Request(_BEGIN, 0, frame),
        Request(_DELETE_TABLE, 0, body),
        Request(_END, 0, frame),
    ]
