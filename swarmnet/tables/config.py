"""The bounds and times of the tables; where it says so, the same on all nodes."""

from dataclasses import dataclass
from typing import Final

ROW_BYTES_MAX: Final = 1024
"""Of a row, its signature included: it must travel in one datagram. The same on all
nodes, as whoever takes larger ones would hold what others refuse."""


@dataclass(frozen=True, slots=True)
class TableConfig:
    """How tables behave; times in s, sizes in bytes."""

    cluster_key: bytes = b""
    """The key of the hashes in digests and sketches, up to 64 bytes; the same on all
    nodes."""
    rows_per_owner: int = 16_384
    """In one scope, tombstones included; the same on all nodes. Beyond it the rows
    whose keys hash lowest are kept, so that all keep the same ones."""
    tombstone_life_s: float = 1800.0
    """How long a node keeps its own tombstones (NetworkDB: 30 min)."""
    collect_interval_s: float = 60.0
    compare_delay_s: float = 0.05
    """How long after news digests are compared with a neighbour."""
    compare_interval_s: float = 5.0
    """Digests of a network's scope are compared with one of its nodes so often."""
    repair_interval_s: float = 0.1
    repairs_max: int = 4
    """Repairs begun in one scope during `repair_interval_s`, each with another peer."""
    relay_max: int = 16
    """So many rows that one repair has brought are passed on; more go by digests."""
    page_bytes: int = 65_536
    """Of one page of a snapshot, or one frame of a stream."""
    page_timeout_s: float = 1.0
    """A donor that has sent no page for so long is given up."""
    donors: int = 3
    datagram_bytes: int = 1100
    """The most of a message that goes as a datagram; what is longer goes by stream."""
    verifying_max: int = 20_000
    """Rows that wait for their signatures to be verified; what comes on top is left
    to a later repair."""
