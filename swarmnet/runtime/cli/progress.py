"""What a command waits for, on a terminal, once it has waited for a second."""

import select
import sys
from itertools import count
from typing import Final, Protocol

PATIENCE_S: Final = 1.0
FRAME_S: Final = 0.1
FRAMES: Final = "|/-\\"
CLEAR: Final = "\r\x1b[K"
MILLISECONDS: Final = 1000


class Readable(Protocol):
    """What `select.poll` takes."""

    def fileno(self) -> int: ...


def wait_readable(source: Readable, text: str, patience_s: float = PATIENCE_S) -> None:
    """Return once `source` can be read, or at once if there is no terminal."""
    terminal = sys.stderr
    if not terminal.isatty():
        return
    poll = select.poll()
    poll.register(source.fileno(), select.POLLIN)
    if poll.poll(patience_s * MILLISECONDS):
        return
    try:
        for frame in count():
            waited_s = int(patience_s + frame * FRAME_S)
            mark = FRAMES[frame % len(FRAMES)]
            terminal.write(f"{CLEAR}{mark} waiting for {text} ({waited_s} s)")
            terminal.flush()
            if poll.poll(FRAME_S * MILLISECONDS):
                return
    finally:
        terminal.write(CLEAR)
        terminal.flush()
