"""Paths of rows: taken, shown again, written, compared; and of the sketch below."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Final

from benchmarks.shelves import (
    NETWORK,
    OUTSIDE,
    Author,
    drain,
    endpoint_value,
    hold,
    sent,
    tables_of,
)
from benchmarks.table_bytes import Pair
from swarmnet.ids import U64_MAX
from swarmnet.sketch import Sketch, decode, encode_cells
from swarmnet.tables.codec import encode_message
from swarmnet.tables.engine import Tables
from swarmnet.tables.messages import WantPage
from swarmnet.tables.row import ENDPOINT

HELD: Final = 500
TIMES: Final = 20
DIFFERENT: Final = 10
PAGE_BYTES: Final = 60_000

Action = Callable[[], None]


def _holding() -> tuple[Tables, Sequence[bytes]]:
    """Return a node that holds many rows, and some that it has not seen."""
    author = Author(10, signs=False)
    items = [author.endpoint(number) for number in range(HELD + TIMES)]
    tables = tables_of(1)[1]
    hold(tables, items[:HELD])
    return tables, items[HELD:]


def _take(tables: Tables, items: Sequence[bytes]) -> None:
    for item in items:
        tables.receive_row(1.0, OUTSIDE, item)
        drain(1.0, tables)


def row_taken() -> Action:
    """A new row is read, found genuine, judged, held and passed on."""
    tables, fresh = _holding()

    def act() -> None:
        _take(tables, fresh)
        assert len(tables.rows(NETWORK)) == HELD + TIMES

    return act


def copy_taken() -> Action:
    """A row comes that is held already."""
    tables, fresh = _holding()
    _take(tables, fresh)
    return lambda: _take(tables, fresh)


def row_written() -> Action:
    """A row of our own is written, and sent."""
    tables, _ = _holding()

    def act() -> None:
        for number in range(TIMES):
            name = (ENDPOINT, number.to_bytes(16, "big"))
            tables.put(1.0, NETWORK, name, endpoint_value(number))
            assert drain(1.0, tables)

    return act


def row_replaced() -> Action:
    """A row of our own is written anew, and sent: an endpoint has moved."""
    tables, _ = _holding()
    name = (ENDPOINT, bytes(16))

    def act() -> None:
        for number in range(TIMES):
            tables.put(1.0, NETWORK, name, endpoint_value(number))
            assert drain(1.0, tables)

    return act


def page_given() -> Action:
    """A newcomer asks for a page, and gets it."""
    pair = Pair(HELD)
    newcomer, donor = pair.ids
    tables = pair.ends[donor]
    wish = encode_message(WantPage(NETWORK, 0, U64_MAX))

    def act() -> None:
        tables.receive(1.0, newcomer, wish, streamed=True)
        (page,) = sent(drain(1.0, tables))
        assert len(page.data) > PAGE_BYTES

    return act


def synchronised() -> Action:
    """Two nodes find by their digests what one of them lacks, and make it good."""
    pair = Pair(HELD)
    author = Author(11, signs=False)
    first = pair.ends[pair.ids[0]]
    hold(first, [author.endpoint(number) for number in range(DIFFERENT)])

    def act() -> None:
        pair.compare()
        assert pair.agree()

    return act


def sketched() -> Action:
    """Elements are put into a sketch and taken out; ten that differ are decoded."""
    random = Random(0)
    shared = [random.getrandbits(64) for _ in range(HELD)]
    extra = [random.getrandbits(64) for _ in range(DIFFERENT)]
    ours, theirs = Sketch(), Sketch()
    for element in shared:
        ours.add(element)
        theirs.add(element)

    def act() -> None:
        for element in extra:
            theirs.add(element)
        remote, local = theirs.cells(0, 45), ours.cells(0, 45)
        assert encode_cells(remote)
        assert decode(remote, local) is not None
        for element in extra:
            theirs.remove(element)

    return act


PATHS: Final = {
    "new row taken, 500 held": row_taken,
    "row taken that is held": copy_taken,
    "own row written": row_written,
    "own row written anew": row_replaced,
    "page of rows given, 64 KiB": page_given,
    "10 of 500 rows synchronised": synchronised,
    "sketch: 10 elements put, decoded, removed": sketched,
}
