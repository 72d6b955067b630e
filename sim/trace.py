"""What happened, one text line per event in fixed columns, and its hash.

The columns are: virtual time in seconds (12.6f), node, kind, peer, size in bytes, and a
detail. `docs/simulator.md` holds the legend. The hash is always computed, over the
same lines that `--trace` writes.
"""

from enum import StrEnum
from hashlib import blake2b
from typing import Final, TextIO

HASH_BYTES: Final = 16


class Kind(StrEnum):
    """The third column. Padded to one width, so that the columns stay fixed."""

    SEND = "send    "
    RECEIVE = "receive "
    DROP = "drop    "
    TIMER = "timer   "
    STREAM = "stream  "
    FRAME = "frame   "
    FAILED = "failed  "
    MEMBER = "member  "
    PUBLISH = "publish "
    DELIVER = "deliver "
    NOTE = "note    "
    PROCESS = "process "
    FAULT = "fault   "


class Trace:
    """The lines of one run.

    The hot paths of the simulator append whole lines to `lines` themselves: a call per
    line would cost as much as the line.
    """

    __slots__ = ("_file", "_hash", "_written", "lines")

    def __init__(self, file: TextIO | None = None) -> None:
        self.lines: list[str] = []
        self._file = file
        self._hash = blake2b(digest_size=HASH_BYTES)
        self._written = 0

    def note(  # one argument per column
        self, time_s: float, node: int, kind: Kind, peer: int, size: int, *, detail: str
    ) -> None:
        """Add a line; `peer` is -1 and `size` 0 where they have no meaning."""
        self.lines.append(
            f"{time_s:12.6f} {node:5d} {kind.value} {peer:5d} {size:6d} {detail}\n"
        )

    def flush(self) -> None:
        """Hash (and write) the buffered lines."""
        if not self.lines:
            return
        text = "".join(self.lines)
        self._written += len(self.lines)
        self.lines.clear()
        self._hash.update(text.encode())
        if self._file is not None:
            self._file.write(text)

    def digest(self) -> str:
        """Return the hash over every line so far, in hex."""
        self.flush()
        return self._hash.hexdigest()

    def count(self) -> int:
        """Return how many lines there are."""
        return self._written + len(self.lines)
