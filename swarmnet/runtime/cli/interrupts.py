"""Ctrl-C, which leaves nothing behind: a command is given up, or what it did is told.

The connection's end gives a command up, but not one that the agent has answered. So
from an answer's first byte on an interrupt waits until the answer is printed, and by
then there is nothing left for it to end.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


def hold() -> None:
    """Let interrupts wait from now on, until `at_end` is over."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


@contextmanager
def at_end() -> Iterator[None]:
    """Forget an interrupt that was held back, and heed the next as before."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        yield
    finally:
        if signal.SIGINT in signal.sigpending():
            signal.sigtimedwait({signal.SIGINT}, 0)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
