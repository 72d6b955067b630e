"""Joining: a push/pull with each given address in turn, repeated until one answers.

memberlist itself tries once; the retry each 30 s is that of its users, serf's and
Consul's agents. serf's rejoin from a snapshot and its reconnect to failed members are
joins too, content with the first answer and not repeated.

Source: Join in memberlist.go of hashicorp/memberlist, handleRejoin and reconnect in
serf.go of hashicorp/serf.
"""

from collections.abc import Sequence

from sim.profiles.memberlist.formulas import TCP_TIMEOUT_S
from swarmnet.ids import Address


class Joining:
    """One node's attempts to join; `current` is the address that is being tried."""

    __slots__ = ("_first_only", "_given", "_left", "_retry_s", "current", "due_s")

    def __init__(self, retry_s: float) -> None:
        self._retry_s = retry_s
        self._given: tuple[Address, ...] = ()
        self._left: list[Address] = []
        self._first_only = False
        self.current: Address | None = None
        self.due_s: float | None = None
        """When to give up `current`, or to try all again."""

    def begin(self, now: float, addresses: Sequence[Address]) -> None:
        """Join through all of `addresses`, again and again until one answers."""
        self._given = tuple(addresses)
        self._first_only = False
        self._restart(now)

    def rejoin(self, now: float, addresses: Sequence[Address]) -> None:
        """Try `addresses` once each until one answers; does nothing in a join."""
        if self.current is None and not self._given:
            self._left = list(addresses)
            self._first_only = True
            self._advance(now)

    def answered(self, now: float, source: Address) -> bool:
        """Take an answer; return whether it was that of the address being tried."""
        if self.current is None or source != self.current:
            return False
        self._given = ()
        if self._first_only:
            self._left = []
        self._advance(now)
        return True

    def failed(self, now: float, address: Address) -> None:
        """Take it that `address` cannot be reached."""
        if address == self.current:
            self._advance(now)

    def handle_timeout(self, now: float) -> None:
        """Go on to the next address, or begin again."""
        if self.due_s is None or self.due_s > now:
            return
        if self.current is None:
            self._restart(now)
        else:
            self._advance(now)

    def _restart(self, now: float) -> None:
        self._left = list(self._given)
        self._advance(now)

    def _advance(self, now: float) -> None:
        if self._left:
            self.current = self._left.pop(0)
            self.due_s = now + TCP_TIMEOUT_S
            return
        self.current = None
        self.due_s = now + self._retry_s if self._given else None
