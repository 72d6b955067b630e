"""Nodes' tables with nothing around them, and authors who write typical rows."""

from collections.abc import Sequence
from hashlib import blake2b
from random import Random
from typing import Final

from msgpack import packb

from swarmnet.crypto.identity import SigningKey, node_id_of
from swarmnet.ids import CLUSTER, NodeId, Scope
from swarmnet.tables.codec import encode_body, encode_message
from swarmnet.tables.config import TableConfig
from swarmnet.tables.core import Seams
from swarmnet.tables.engine import Tables
from swarmnet.tables.facts import NodeFacts
from swarmnet.tables.messages import Rows
from swarmnet.tables.outputs import Output, Send, Verify
from swarmnet.tables.row import (
    ENDPOINT,
    NODE,
    SIGN_DOMAIN,
    Flag,
    Name,
)

NETWORK: Final = Scope(bytes(range(16)))
EPOCH: Final = 7
OUTSIDE: Final = NodeId(bytes(16))
PAGE_ROWS: Final = 250
"""Of 220 bytes, so that they fill 55 kB."""


def endpoint_value(number: int) -> bytes:
    """Return what an endpoint says: its address, MAC, VTEP and a short name."""
    host = number.to_bytes(3, "big")
    address, vtep = b"\x0a" + host, b"\xc0\xa8" + host[1:]
    packed: bytes = packb((address, b"\x02\x42" + address, vtep, f"web.{number}"))
    return packed


class Author:
    """Somebody who writes rows, and signs them unless he is in a hurry."""

    def __init__(self, number: int, *, signs: bool = True) -> None:
        self.signing = SigningKey(Random(f"author {number}").randbytes(32))
        self.node = node_id_of(self.signing.public)
        self._signs = signs

    def endpoint(self, number: int, version: int = 1) -> bytes:
        """Return an endpoint's row, whose sequence follows from `number`."""
        key = blake2b(number.to_bytes(8, "big"), digest_size=16).digest()
        sequence = version << 20 | number
        return self._row(NETWORK, (ENDPOINT, key), sequence, endpoint_value(number))

    def collection(self) -> bytes:
        """Return the row by which all else of this author is void, and dropped."""
        value = NodeFacts(collected=(EPOCH, 1 << 40)).encode()
        return self._row(CLUSTER, (NODE, bytes(self.node)), 1 << 41, value)

    def _row(self, scope: Scope, name: Name, sequence: int, value: bytes) -> bytes:
        version, content = (EPOCH, sequence), (Flag(0), value)
        body = encode_body(self.node, (scope, name), version, sequence, content)
        if self._signs:
            return body + self.signing.sign(SIGN_DOMAIN + body)
        return body + blake2b(body, digest_size=64).digest()


def tables_of(number: int) -> tuple[NodeId, Tables]:
    """Return a node that takes part in the network, with bytes to spare."""
    author = Author(number)
    seams = Seams(
        sign=author.signing.sign,
        may_write=lambda _node, _table: True,
        tokens=lambda _now: 1e9,
        charge=lambda _now, _bytes: None,
        neighbours=lambda _scope: (),
        distance=lambda _node: None,
    )
    tables = Tables(author.node, TableConfig(), Random(number), seams)
    tables.attach(0.0, NETWORK)
    drain(0.0, tables)
    return author.node, tables


def drain(now: float, tables: Tables) -> list[Output]:
    """Find all signatures good, and return whatever else the tables want done."""
    found: list[Output] = []
    while (output := tables.poll_output()) is not None:
        if isinstance(output, Verify):
            tables.verified(now, output.number, [True] * len(output.rows))
        else:
            found.append(output)
    return found


def hold(tables: Tables, items: Sequence[bytes]) -> None:
    """Give a node rows, page by page."""
    for start in range(0, len(items), PAGE_ROWS):
        data = encode_message(Rows(NETWORK, tuple(items[start : start + PAGE_ROWS])))
        tables.receive(0.0, OUTSIDE, data, streamed=True)
        drain(0.0, tables)


def sent(outputs: Sequence[Output]) -> list[Send]:
    """Return the messages among what is to be done."""
    return [output for output in outputs if isinstance(output, Send)]
