"""The rows of a scope in the order of their elements, sorted when somebody wants them.

Sorting 10,000 elements takes some 3 ms, so the order is kept for as long as nothing
changes, and while rows come all the time for a moment longer. What is new since then is
missing in it, as if it had come a moment later.
"""

from collections.abc import Sequence
from typing import Final

from swarmnet.ids import Scope
from swarmnet.tables.shelf import Shelf

_STALE_S: Final = 0.5


class Orders:
    """The elements of shelves, ascending; some may be held no more."""

    __slots__ = ("_sorted",)

    def __init__(self) -> None:
        # By scope: when it was sorted, the digest then, and the elements.
        self._sorted: dict[Scope, tuple[float, bytes, list[int]]] = {}

    def of(self, now: float, shelf: Shelf) -> tuple[Sequence[int], bool]:
        """Return a shelf's elements, ascending; and whether they were sorted now."""
        since, digest, ordered = self._sorted.get(shelf.scope, (now, b"", []))
        is_new = digest != shelf.digest and (not digest or now >= since + _STALE_S)
        if is_new:
            ordered = sorted(shelf.elements())
            self._sorted[shelf.scope] = (now, shelf.digest, ordered)
        return ordered, is_new

    def forget(self, scope: Scope) -> None:
        """Keep no order of a scope."""
        self._sorted.pop(scope, None)
