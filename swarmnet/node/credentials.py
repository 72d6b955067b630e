"""What a node is given at its start: who it is, and whom it knows."""

from dataclasses import dataclass

from swarmnet.crypto.directory import Directory
from swarmnet.crypto.identity import Identity
from swarmnet.ipam.lives import Continuation
from swarmnet.tables.stored import StoredRows


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who a node is and whom it knows: its keys, its own chain, its directory.

    `wall` is Unix seconds at the start. `rows` are those that were stored in earlier
    lives: empty for a key that was just made, None if they were lost. `before` is what
    the process before this one knew of itself, if this goes on from that.
    """

    identity: Identity
    chain: bytes
    directory: Directory
    wall: float
    rows: StoredRows | None = None
    before: Continuation | None = None
