"""Payloads that others say they have, and how this node asks for them.

Plumtree's GRAFT (Leitao et al., SRDS 2007): a payload that was announced by its id and
has not come by itself within a moment is asked for, of those who have it in turn.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from swarmnet.ids import NodeId
from swarmnet.swim.codec import encode_message
from swarmnet.swim.core import Core, Due, Route
from swarmnet.swim.messages import Want

_WANT_S: Final = 0.02
"""Plumtree's timeout: some round trips, for the whole copy is mostly on its way."""
_TRIES_MAX: Final = 6
"""At 20 % loss one in 500 is still missing then; the next reminder begins anew."""
_HOLDERS_MAX: Final = 6
"""As many as there are neighbours on three rings."""
_PER_ANNOUNCER_MAX: Final = 256
"""Ids that one member may have us wait for, lest a liar leave no place for others."""
_IDS_MAX: Final = 128
"""Ids in one WANT: some 1,030 bytes, within the least datagram but for its tail."""


@dataclass(slots=True)
class Missing:
    """A payload that others have. The first of `holders` announced it."""

    holders: dict[NodeId, Route]
    tries: int = 0


class Wants:
    """What one node waits for. `is_known(number)` says that it has come."""

    __slots__ = ("_asking", "_core", "_is_known", "_missing", "_per_announcer")

    def __init__(self, core: Core, is_known: Callable[[int], bool]) -> None:
        self._core = core
        self._is_known = is_known
        self._missing: dict[int, Missing] = {}
        self._per_announcer: dict[NodeId, int] = {}
        self._asking: dict[Route, list[int]] = {}

    def note(self, now: float, route: Route, number: int) -> None:
        """A member says that it has a payload which we lack."""
        assert route.node is not None, "an announcer has a name"
        missing = self._missing.get(number)
        if missing is not None:
            if len(missing.holders) < _HOLDERS_MAX:
                missing.holders.setdefault(route.node, route)
            return
        waiting = self._per_announcer.get(route.node, 0)
        if waiting >= _PER_ANNOUNCER_MAX:
            self._core.count("announcements_dropped")
            return
        self._per_announcer[route.node] = waiting + 1
        self._missing[number] = Missing({route.node: route})
        self._wait(now, number, 1)

    def forget(self, number: int) -> None:
        """The payload has come, or nobody has it."""
        missing = self._missing.pop(number, None)
        if missing is None:
            return
        self._core.timers.cancel((Due.WANT, number))
        announcer = next(iter(missing.holders))
        self._per_announcer[announcer] -= 1
        if not self._per_announcer[announcer]:
            del self._per_announcer[announcer]

    def handle_due(self, now: float, number: int) -> None:
        """Ask the next holder, with whatever else is asked of it now (`flush`)."""
        missing = self._missing[number]
        if missing.tries == _TRIES_MAX or self._is_known(number):
            self.forget(number)
            return
        holders = tuple(missing.holders.values())
        route = holders[missing.tries % len(holders)]
        missing.tries += 1
        self._asking.setdefault(route, []).append(number)
        self._wait(now, number, 2)

    def flush(self, now: float) -> None:
        """Send one WANT to each member that is asked for something."""
        for route, numbers in self._asking.items():
            if self._core.budget.tokens(now) < 0:
                break
            for start in range(0, len(numbers), _IDS_MAX):
                want = Want(tuple(numbers[start : start + _IDS_MAX]))
                self._core.send(now, route, (encode_message(want),))
        self._asking.clear()

    def _wait(self, now: float, number: int, times: int) -> None:
        wait_s = times * self._core.patience(now, _WANT_S)
        self._core.timers.set((Due.WANT, number), now + wait_s)
