"""What does a row cost: to take it, to be shown it again, and to hold it?

Expected: taking a new row is one Ed25519 verify of some 120 us, and decoding, judging,
remembering the signature and putting the row on its shelf, some 40 us between them. A
copy is looked up by its bytes, no more: 2 us. A row of 200 bytes is held as it came,
with its fields beside it and its place in four dictionaries and a sketch: 1 KiB.

The bare verify is that of `cryptography`, the key parsed already. A row goes through
the engine as a node drives it, signatures by `swarmnet.crypto.identity.Signatures`.
"""

import gc
import tracemalloc
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from benchmarks.channels import resident_bytes
from benchmarks.lab import OURS, Lab
from benchmarks.shelves import NETWORK, OUTSIDE, Author, hold, tables_of
from benchmarks.values import Clock, Of, Question, Row, Target, question, spread
from swarmnet.crypto.identity import Signatures
from swarmnet.sketch import Sketch
from swarmnet.tables.codec import encode_message
from swarmnet.tables.engine import Tables
from swarmnet.tables.messages import Rows
from swarmnet.tables.outputs import Verify
from swarmnet.tables.row import PROOF_BYTES, SIGN_DOMAIN

APPLIED: Final = 400
ROUNDS: Final = (11, 3)
SNAPSHOT: Final = 10_000
SNAPSHOT_ROUNDS: Final = (3, 1)
PAGE_ROWS: Final = 300
AUTHORS: Final = 20
HELD: Final = (100_000, 10_000)
APPLY_TIMES: Final = 2.0
COPY_US: Final = 3.0
BATCH_TIMES: Final = 1.2
HELD_BYTES: Final = 1024.0
ROW_BYTES: Final = 220.0

Claims = Sequence[tuple[Ed25519PublicKey, bytes, bytes]]


class Verifier:
    """Knows all authors' keys, and drives the tables of one node."""

    def __init__(self, authors: Sequence[Author]) -> None:
        self._keys = {author.node: author.signing.public for author in authors}
        self._signatures = Signatures()
        self.node, self.tables = tables_of(1)

    def verdicts(self, wanted: Verify) -> list[bool]:
        """Return who has signed what, as a node finds out."""
        keys, verify = self._keys, self._signatures.verify
        return [
            verify(keys[owner], message, proof)
            for owner, message, proof in wanted.claims
        ]

    def drain(self, tables: Tables) -> None:
        """Do what the tables want, which is to verify."""
        while (output := tables.poll_output()) is not None:
            if isinstance(output, Verify):
                tables.verified(1.0, output.number, self.verdicts(output))


def claims_of(author_of: Callable[[int], Author], items: Sequence[bytes]) -> Claims:
    """Return what the bare library is given for the same rows."""
    keys = [
        Ed25519PublicKey.from_public_bytes(author_of(place).signing.public)
        for place in range(len(items))
    ]
    return [
        (key, item[-PROOF_BYTES:], SIGN_DOMAIN + item[:-PROOF_BYTES])
        for key, item in zip(keys, items, strict=True)
    ]


def bare_us(claims: Claims) -> float:
    """Return microseconds per bare verify."""
    began = perf_counter()
    for key, proof, message in claims:
        key.verify(proof, message)
    return (perf_counter() - began) / len(claims) * 1e6


def applying(rounds: int) -> list[Row]:
    """Measure `receive_row` of new rows and of copies, each with what follows."""
    authors = [Author(number) for number in range(10, 10 + AUTHORS)]
    verifier = Verifier(authors)
    tables = verifier.tables
    fresh: list[float] = []
    copies: list[float] = []
    bare: list[float] = []
    for turn in range(rounds):
        first = turn * APPLIED
        items = [
            authors[place % AUTHORS].endpoint(first + place) for place in range(APPLIED)
        ]
        for times in (fresh, copies):
            began = perf_counter()
            for item in items:
                tables.receive_row(1.0, OUTSIDE, item)
                verifier.drain(tables)
            times.append((perf_counter() - began) / APPLIED * 1e6)
        bare.append(bare_us(claims_of(lambda place: authors[place % AUTHORS], items)))
    assert len(tables.rows(NETWORK)) == rounds * APPLIED
    peer = spread("the bare verify", bare)
    return [
        Row(
            measure="apply of a new row, verified",
            unit="us",
            clock=Clock.WALL,
            ours=spread(OURS, fresh),
            peer=peer,
            targets=(Target(Of.MEDIAN, APPLY_TIMES * peer.median),),
        ),
        Row(
            measure="apply of a duplicate",
            unit="us",
            clock=Clock.WALL,
            ours=spread(OURS, copies),
            targets=(Target(Of.MEDIAN, COPY_US),),
        ),
    ]


def snapshots(rounds: int) -> list[Row]:
    """Measure the verifying of a snapshot page by page, and the taking of it."""
    authors = [Author(number) for number in range(10, 10 + AUTHORS)]
    items = [authors[n % AUTHORS].endpoint(n) for n in range(SNAPSHOT)]
    claims = claims_of(lambda place: authors[place % AUTHORS], items)
    runs = [_take(Verifier(authors), items, claims) for _ in range(rounds)]
    verified, taken, bare = (list(column) for column in zip(*runs, strict=True))
    peer = spread("the bare verifies", bare)
    what = f"snapshot of {SNAPSHOT:,} rows"
    return [
        Row(
            measure=f"{what}: verified, batched",
            unit="s",
            clock=Clock.WALL,
            ours=spread(OURS, verified),
            peer=peer,
            targets=(Target(Of.MEDIAN, BATCH_TIMES * peer.median),),
        ),
        Row(
            measure=f"{what}: decoded, verified, applied",
            unit="s",
            clock=Clock.WALL,
            ours=spread(OURS, taken),
            peer=peer,
        ),
    ]


def _take(
    verifier: Verifier, items: Sequence[bytes], claims: Claims
) -> tuple[float, float, float]:
    """Return the seconds of verifying, of all, and of the bare verifies.

    Page by page in turn, so that what disturbs one disturbs the other.
    """
    verified, taken, bare = 0.0, 0.0, 0.0
    tables = verifier.tables
    for start in range(0, len(items), PAGE_ROWS):
        some = slice(start, start + PAGE_ROWS)
        data = encode_message(Rows(NETWORK, tuple(items[some])))
        began = perf_counter()
        tables.receive(1.0, OUTSIDE, data, streamed=True)
        while (output := tables.poll_output()) is not None:
            if isinstance(output, Verify):
                since = perf_counter()
                verdicts = verifier.verdicts(output)
                verified += perf_counter() - since
                tables.verified(1.0, output.number, verdicts)
        taken += perf_counter() - began
        bare += bare_us(claims[some]) * len(claims[some]) / 1e6
    assert len(tables.rows(NETWORK)) == len(items)
    return verified, taken, bare


def holding(count: int) -> list[Row]:
    """Measure what so many rows hold; what a process keeps once is there before.

    That is the columns of the sketches, 16 MB whatever the number of rows.
    """
    tables = tables_of(1)[1]
    sketch = Sketch()
    for element in range(1, 1 << 15):
        sketch.add(element << 40)
    _, held_bytes = _fill(tables, count)
    return [
        Row(
            measure=f"memory per row, {count:,} rows",
            unit="B",
            clock=Clock.WALL,
            ours=spread(OURS, [held_bytes / count]),
            targets=(Target(Of.WORST, HELD_BYTES),),
            note="growth of the resident set",
        )
    ]


def tracing(count: int) -> list[Row]:
    """Measure the same by what Python allocates."""
    tables = tables_of(1)[1]
    tracemalloc.start()
    sketch = Sketch()
    for element in range(1, 1 << 15):
        sketch.add(element << 40)
    traced, _ = _fill(tables, count)
    return [
        Row(
            measure=f"allocated per row, {count:,} rows",
            unit="B",
            clock=Clock.WALL,
            ours=spread(OURS, [traced / count]),
            note="what tracemalloc counts",
        )
    ]


def _fill(tables: Tables, count: int) -> tuple[int, int]:
    """Give a node rows of 100 authors; return the growth, traced and resident."""
    authors = [Author(number, signs=False) for number in range(10, 110)]
    gc.collect()
    resident, traced = resident_bytes(), tracemalloc.get_traced_memory()[0]
    for start in range(0, count, 1000):
        hold(tables, [authors[n % 100].endpoint(n) for n in range(start, start + 1000)])
    gc.collect()
    assert len(tables.rows(NETWORK)) == count
    return tracemalloc.get_traced_memory()[0] - traced, resident_bytes() - resident


def sizes() -> list[Row]:
    """Count the bytes of a typical row."""
    size = len(Author(10).endpoint(4321))
    return [
        Row(
            measure="a typical signed endpoint row",
            unit="B",
            clock=Clock.VIRTUAL,
            ours=spread(OURS, [float(size)]),
            targets=(Target(Of.WORST, ROW_BYTES),),
            note="scope and key of 16 bytes; IPv4, MAC, VTEP and a short name",
        )
    ]


def answer(lab: Lab) -> list[Row]:
    """Measure each in a process of its own."""
    rows: list[Row] = []
    for label, action, size in (
        ("apply", applying, len(lab.seeds(*ROUNDS))),
        ("snapshot", snapshots, len(lab.seeds(*SNAPSHOT_ROUNDS))),
        ("memory", holding, HELD[lab.quick]),
        ("allocations", tracing, HELD[lab.quick]),
    ):
        rows += lab.alone(label, action, size)
    return rows + sizes()


QUESTION: Final[Question] = question("rows", __doc__, answer)
