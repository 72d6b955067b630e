"""A member that asks for the rows of networks it takes no part in, and what it gets.

It is a member like others: its packets are from whom they say. It asks whoever takes
part, in every way in which rows are asked for, and by elements that are truly there.
"""

from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING, Final

from sim.profiles.tabled import tabled
from swarmnet.errors import BadPacket
from swarmnet.ids import U64_MAX, Scope
from swarmnet.node.envelope import TABLES
from swarmnet.sketch import LIMIT_BYTES_MIN, Sketch, encode_cells, open_ranges
from swarmnet.swim.outputs import SendDatagram, SendStream
from swarmnet.tables.codec import decode_message_untrusted, encode_message
from swarmnet.tables.messages import (
    Compare,
    Message,
    Offer,
    Page,
    Ranges,
    Rows,
    Want,
    WantPage,
)

if TYPE_CHECKING:
    from sim.cluster import Cluster
    from sim.host import Host

CELLS: Final = 64
KEY_BYTES: Final = 16
DIGEST_BYTES: Final = 16
STREAMED: Final = (Ranges, WantPage)


class Asker:
    """Asks in every way; `asked` counts how often."""

    def __init__(self, cluster: "Cluster") -> None:
        self._cluster = cluster
        self._random = Random(f"{cluster.seed}/asker")
        self.asked = 0

    def ask(self, asker: "Host", scope: Scope, target: "Host") -> None:
        """Let a node ask another for the rows of a scope, in one way after another."""
        elements = tuple(tabled(target.engine).tables.rows(scope))
        for message in self._questions(scope, elements):
            self.asked += 1
            data = TABLES + encode_message(message)
            if isinstance(message, STREAMED):
                stream = SendStream(target.node, target.address, data)
                self._cluster.streams.send(asker, stream)
            else:
                datagram = SendDatagram(target.node, target.address, data)
                self._cluster.underlay.send(asker, datagram)

    def _questions(self, scope: Scope, elements: Sequence[int]) -> tuple[Message, ...]:
        """Return one question of each kind, by somebody who has nothing."""
        random = self._random
        some = random.sample(elements, min(len(elements), 8))
        cells = encode_cells(Sketch().cells(0, CELLS, ()))
        ranges = open_ranges((), random.randbytes(KEY_BYTES), LIMIT_BYTES_MIN)
        return (
            Compare(scope, random.randbytes(DIGEST_BYTES), 0),
            Offer(scope, cells),
            Want(scope, tuple(some)),
            Ranges(scope, ranges),
            WantPage(scope, 0, U64_MAX),
        )


def given(data: bytes) -> tuple[Scope, int] | None:
    """Return of which scope a packet tells something, and how many rows it gives.

    What gives no rows, but tells of them (digests, cells), counts for one. None: it
    tells of no scope's rows.
    """
    if data[:1] != TABLES:
        return None
    try:
        message = decode_message_untrusted(data[1:])
    except BadPacket:
        return None
    if message is None:
        return None
    rows = len(message.items) if isinstance(message, Rows | Page) else 0
    return message.scope, max(rows, 1)
