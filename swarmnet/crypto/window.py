"""Which counters were seen already: a sliding window, so that nothing opens twice.

As RFC 6479 and WireGuard (section 5.4.6): packets may be late, reordered or doubled on
their way; each counter is accepted once, and what is older than the window never.

What is kept is the counters that are *missing*. As a rule none is, and a packet that
comes in its turn costs one addition.
"""

from typing import Final

WINDOW_PACKETS: Final = 2048
"""How far behind the greatest counter a packet may come and still be new."""
_MASK: Final = (1 << WINDOW_PACKETS) - 1


class ReplayWindow:
    """The counters accepted under one key; bit i of `_missing` stands for top - i."""

    __slots__ = ("_missing", "top")

    def __init__(self) -> None:
        self.top = -1
        self._missing = 0

    def is_new(self, counter: int) -> bool:
        """Return whether `counter`, 0 or more, was not seen and is not too old."""
        behind = self.top - counter
        if behind < 0:
            return True
        return behind < WINDOW_PACKETS and self._missing >> behind & 1 == 1

    def note(self, counter: int) -> None:
        """Remember a counter that is new, now that its packet was authentic."""
        ahead = counter - self.top
        if ahead <= 0:
            self._missing &= ~(1 << -ahead)
            return
        self.top = counter
        if ahead == 1:
            if self._missing:
                self._missing = self._missing << 1 & _MASK
        elif ahead < WINDOW_PACKETS:
            skipped = (1 << ahead) - 2
            self._missing = (self._missing << ahead | skipped) & _MASK
        else:
            self._missing = _MASK - 1
