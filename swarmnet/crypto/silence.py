"""When a peer's silence says that it may have lost our session.

A hint says so as well, but hints are few, and whoever floods a node that has restarted
takes them all. So whoever sends again and again, and hears nothing, begins a handshake
without one. What he sends need not want an answer, and then the silence means nothing:
so a handshake in vain makes him more patient, and these do not count at all:

- what is sent at the very moment that something came, which is an answer;
- what was sent before a lull: it had its time to be answered.
"""

from typing import Final

_LULL_S: Final = 1.5
_DOUBLINGS_MAX: Final = 11
_REMEMBERED_S: Final = 300.0
"""A handshake in vain is forgotten after so long."""


class Silence:
    """How long one peer has been silent to what we sent it under our session."""

    __slots__ = ("_doubted", "_doubts", "_heard", "_sent", "_since")

    def __init__(self) -> None:
        self._since = float("inf")
        """When the first thing was sent that was not answered."""
        self._sent = float("-inf")
        self._heard = float("-inf")
        self._doubts = 0
        self._doubted = float("-inf")

    def note_heard(self, now: float) -> None:
        """Something authentic has come from the peer."""
        self._heard = now
        self._since = float("inf")

    def note_sent(self, now: float, patience_s: float) -> bool:
        """Something is sent; return whether the session is to be doubted now.

        `patience_s` is how long a silence is taken for nothing, the first time.
        """
        if now == self._heard:
            return False
        if now - self._sent > _LULL_S or now < self._since:
            self._since = now
        self._sent = now
        if now - self._doubted > _REMEMBERED_S:
            self._doubts = 0
        # The second doubt comes as soon as the first: a packet may have been lost.
        patience_s *= 2 ** max(0, self._doubts - 1)
        if now - max(self._since, self._doubted) < patience_s:
            return False
        self._doubts = min(1 + _DOUBLINGS_MAX, self._doubts + 1)
        self._doubted = now
        return True

    def forgive(self) -> None:
        """The doubt was right: the peer was new."""
        self._doubts = 0
