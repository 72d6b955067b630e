"""Set reconciliation: finds what two sets do not share, and costs about as much.

Two members compare a `Digest` (16 bytes) and the sizes of their sets. If the digests
differ, one sends the first `cells_for(difference of the sizes)` cells of his `Sketch`;
the other subtracts his own and decodes, or asks for the cells that follow. Where that
fails, or would take thousands of cells, ranges with a fresh key settle it.

Bytes from a peer raise nothing but BadPacket, and that only in the functions called
`…_untrusted` and in `answer_ranges`; work and memory are bounded for any input.
"""

from swarmnet.sketch.cells import PREFIX_CELLS_MAX, Cell, Sketch
from swarmnet.sketch.codec import (
    MESSAGE_BYTES_MAX,
    RANGE_KEY_BYTES,
    decode_cells_untrusted,
    encode_cells,
)
from swarmnet.sketch.hashing import Digest, element, element_of, hash_item
from swarmnet.sketch.mapping import CELLS_MAX, indices
from swarmnet.sketch.peeling import Decoder, Difference, cells_for, decode
from swarmnet.sketch.ranges import (
    LIMIT_BYTES_MIN,
    RangeAnswer,
    answer_ranges,
    open_ranges,
)

__all__ = [
    "CELLS_MAX",
    "LIMIT_BYTES_MIN",
    "MESSAGE_BYTES_MAX",
    "PREFIX_CELLS_MAX",
    "RANGE_KEY_BYTES",
    "Cell",
    "Decoder",
    "Difference",
    "Digest",
    "RangeAnswer",
    "Sketch",
    "answer_ranges",
    "cells_for",
    "decode",
    "decode_cells_untrusted",
    "element",
    "element_of",
    "encode_cells",
    "hash_item",
    "indices",
    "open_ranges",
]
