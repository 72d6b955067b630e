"""How long it took until others were seen to hold the same rows.

They are seen by their digests, which come a moment after news and with each probe. So
what is told is an upper bound: it took no longer.
"""

from collections.abc import Iterable
from typing import Final

from swarmnet.ids import NodeId

ENOUGH: Final = 3
"""So many others are taken to stand for all."""


class Convergence:
    """Of the cluster's rows at one node.

    `last_s` is from the first news to the time at which `ENOUGH` other members, or all
    that live if those are fewer, were seen to hold the same; None before the first.
    `since` is when that news came which is not yet seen to be everywhere, or None.
    """

    __slots__ = ("_seen", "last_s", "since")

    def __init__(self) -> None:
        self._seen: dict[NodeId, None] = {}
        self.last_s: float | None = None
        self.since: float | None = None

    def note_news(self, now: float) -> None:
        """A row has come, or was written: nobody is known to hold it as well."""
        self._seen.clear()
        if self.since is None:
            self.since = now

    def note_equal(self, now: float, peer: NodeId, live: Iterable[NodeId]) -> None:
        """A peer holds the very same rows; `live` are the other members that live."""
        if self.since is None:
            return
        self._seen[peer] = None
        if len(self._seen) >= ENOUGH or all(one in self._seen for one in live):
            self.last_s = now - self.since
            self.since = None
